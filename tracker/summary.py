"""What stands beside every result: how it was made, on what, and how it went."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import tracker
from tracker.pipeline import ONCE, Lane, RunReport
from tracker.settings import RunSettings
from tracker.tally import Tally
from tracker.types import SourceInfo

SCHEMA_VERSION = 1

LIBRARIES = {"numpy": "numpy", "opencv": "opencv-python", "av": "av", "torch": "torch"}
"""Name in the summary: distribution."""


def summarize(
    report: RunReport, *, info: SourceInfo, lanes: Sequence[Lane], settings: RunSettings, tally: Tally
) -> dict[str, Any]:
    """The summary of a run as plain values; holds no address's password (`info.name` never does)."""
    return {
        "schema_version": SCHEMA_VERSION,
        "source": {
            "name": info.name,
            "width": info.size[0],
            "height": info.size[1],
            "fps": info.fps,
            "frame_count": info.frame_count,
            "live": info.live,
        },
        "outcome": report.outcome,
        "problem": report.problem,
        "frames": report.frames,
        "dropped": report.dropped,
        "fps": round(report.fps, 2),
        "ms_per_frame": {stage: round(ms, 3) for stage, ms in report.mean_ms.items()},
        "once_s": {stage: round(report.seconds[stage], 3) for stage in ONCE if stage in report.seconds},
        "lanes": {lane.name: _lane_summary(lane, report, tally) for lane in lanes},
        "seed": settings.seed,
        "settings": settings.model_dump(mode="json"),
        "versions": versions(),
    }


def _lane_summary(lane: Lane, report: RunReport, tally: Tally) -> dict[str, Any]:
    counts = tally.lanes[lane.name]
    summary: dict[str, Any] = {
        "identities": counts.identities,
        "mean_track_frames": round(counts.mean_track_frames, 2),
        "foreground_share": round(tally.foreground_share(lane.name), 6),
        "ms_per_frame": round(report.mean_ms.get(f"lane {lane.name}", 0.0), 3),
        "weights_sha256": getattr(lane.segmenter, "weights_digest", None),
    }
    scores = tally.scores(lane.name)
    if scores is not None:
        summary["scores"] = {
            name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(scores).items()
        }
        if counts.pixels is not None:
            summary["scores"]["f_measure"] = round(counts.pixels.f_measure, 4)
    return summary


COMPARED = {
    "identities": ("identities", "d"),
    "mean_track_frames": ("mean track, frames", ".1f"),
    "foreground_share": ("foreground share", ".2%"),
    "ms_per_frame": ("ms a frame", ".1f"),
    "hota": ("HOTA", ".3f"),
    "idf1": ("IDF1", ".3f"),
    "mota": ("MOTA", ".3f"),
    "switches": ("ID switches", "d"),
    "f_measure": ("foreground F", ".3f"),
}
"""Rows of the comparison's table: name in the summary; name for people, format."""


def comparison_table(summary: dict[str, Any]) -> str:
    """The lanes' numbers as aligned text, one column a lane; scores only where there was a truth."""
    lanes = {name: {**lane, **lane.get("scores", {})} for name, lane in summary["lanes"].items()}
    lines = [f"{'':20}" + "".join(f"{name:>10}" for name in lanes)]
    for key, (title, form) in COMPARED.items():
        if all(key in lane for lane in lanes.values()):
            lines.append(f"{title:20}" + "".join(f"{lane[key]:>10{form}}" for lane in lanes.values()))
    return "\n".join(lines)


def versions() -> dict[str, str]:
    """Of this package, Python and the libraries that decide a result; torch only where it was used."""
    found = {"tracker": tracker.__version__, "python": platform.python_version(), "platform": platform.platform()}
    for name, distribution in LIBRARIES.items():
        if name == "torch" and "torch" not in sys.modules:
            continue
        try:
            found[name] = version(distribution)
        except PackageNotFoundError:  # OpenCV has several distributions; the headless one serves as well
            found[name] = "unknown"
    return found
