"""What stands beside every result: how it was made, on what, and how it went."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tracker.choosing import ChosenSetting
from tracker.jobs.tally import RunTally
from tracker.jobs.versions import versions_of
from tracker.lanes import Lane
from tracker.pipeline import ONCE, RunReport
from tracker.settings import RunSettings
from tracker.splitting import Seam
from tracker.types import SourceInfo

SCHEMA_VERSION = 2

LIBRARIES = ("numpy", "opencv", "av", "onnxruntime")
"""whose versions are told"""


def summarize(
    report: RunReport,
    *,
    info: SourceInfo,
    lanes: Sequence[Lane],
    settings: RunSettings,
    chosen: Sequence[ChosenSetting] = (),
    tally: RunTally,
) -> dict[str, Any]:
    """The summary of a run as plain values; holds no address's password (`info.name` never does)."""
    return {
        "schema_version": SCHEMA_VERSION,
        "source": source_summary(info),
        "outcome": report.outcome,
        "problem": report.problem,
        "first_s": round(tally.first_s, 6),
        "last_s": round(tally.last_s, 6),
        "frames": report.frames,
        "dropped": report.dropped,
        "fps": round(report.fps, 2),
        "ms_per_frame": {stage: round(ms, 3) for stage, ms in report.mean_ms.items()},
        "once_s": {stage: round(report.seconds[stage], 3) for stage in ONCE if stage in report.seconds},
        "lanes": {lane.name: _lane_summary(lane, report, tally) for lane in lanes},
        "seams": [_seam_summary(seam) for seam in report.seams],
        "seed": settings.seed,
        "settings": settings.model_dump(mode="json"),
        "chosen": [asdict(change) for change in chosen],
        "versions": versions(),
    }


def _seam_summary(seam: Seam) -> dict[str, Any]:
    shares = {name: value if value is None else round(value, 4) for name, value in
              (("boxes_alike", seam.boxes_alike), ("idf1", seam.idf1))}  # fmt: skip
    return asdict(seam) | {"time_s": round(seam.time_s, 6)} | shares


def source_summary(info: SourceInfo) -> dict[str, Any]:
    """What is known of the source before its first frame."""
    return {
        "name": info.name,
        "width": info.size[0],
        "height": info.size[1],
        "fps": info.fps,
        "frame_count": info.frame_count,
        "live": info.live,
        "notes": list(info.notes),
        "pixel_aspect": round(info.pixel_aspect, 6),
    }


def _lane_summary(lane: Lane, report: RunReport, tally: RunTally) -> dict[str, Any]:
    counts = tally.lanes[lane.name]
    summary: dict[str, Any] = {
        "identities": counts.identities,
        "mean_track_frames": round(counts.mean_track_frames, 2),
        "frames_off": counts.off,
        "identity_jumps": counts.jumps.count,
        "foreground_share": round(tally.foreground_share(lane.name), 6),
        "ms_per_frame": round(report.mean_ms.get(f"lane {lane.name}", 0.0), 3),
        "weights_sha256": lane.weights_digest,
    }
    scores = tally.scores(lane.name)
    if scores is not None:
        summary["scores"] = {
            group: {name: round(value, 6) if isinstance(value, float) else value for name, value in values.items()}
            for group, values in scores.as_dict().items()
        }
    return summary


COMPARED = {
    "identities": ("identities", "d"),
    "mean_track_frames": ("mean track, frames", ".1f"),
    "identity_jumps": ("identity jumps", "d"),
    "foreground_share": ("foreground share", ".2%"),
    "ms_per_frame": ("ms a frame", ".1f"),
    "identity.hota": ("HOTA", ".3f"),
    "identity.idf1": ("IDF1", ".3f"),
    "identity.mota": ("MOTA", ".3f"),
    "identity.switches": ("ID switches", "d"),
    "foreground.f_measure": ("foreground F", ".3f"),
    "clusters.fg_ari": ("foreground ARI", ".3f"),
}
"""Rows of the comparison's table: name in the summary; name for people, format."""


def comparison_table(summary: dict[str, Any]) -> str:
    """The lanes' numbers as aligned text, one column a lane; scores only where there was a truth."""
    lanes = {name: _flat(lane) for name, lane in summary["lanes"].items()}
    width = max(10, *(len(name) + 2 for name in lanes))
    lines = [f"{'':20}" + "".join(f"{name:>{width}}" for name in lanes)]
    for key, (title, form) in COMPARED.items():
        if all(key in lane for lane in lanes.values()):
            lines.append(f"{title:20}" + "".join(f"{lane[key]:>{width}{form}}" for lane in lanes.values()))
    return "\n".join(lines)


def _flat(lane: dict[str, Any]) -> dict[str, Any]:
    """A score under `group.name`, beside the lane's other numbers."""
    scores = lane.get("scores", {})
    return lane | {f"{group}.{name}": value for group, values in scores.items() for name, value in values.items()}


def versions() -> dict[str, str]:
    """Of this package, Python and the libraries that decide a result; torch only where it was used."""
    libraries = (*LIBRARIES, "torch") if "torch" in sys.modules else LIBRARIES
    return {"python": platform.python_version(), "platform": platform.platform(), **versions_of(libraries)}
