"""What does an hour of video cost a core, at 480p, 720p and 1080p? CPU seconds an hour, and the shares of decoding and encoding.

    python benchmarks/scaling.py                           drawn streets of 300 frames, for docs/scaling.md
    python benchmarks/scaling.py clip.mp4 --frames 1000    a clip of your own
    python benchmarks/scaling.py -o out.json && python benchmarks/scaling.py --plan out.json

User and system time of each process, as the system counts it (`wait4`): other programs on the machine disturb it little. Each row
runs twice, over a quarter of the frames and over all; the difference is what a frame costs, and what is left is the start, which each
clip pays once. An hour has 25 pictures a second. The clips have a camera's noise (`others/clip.py`). `--plan out.json` prints the plan for
many cameras that follows from such a measurement and from what is assumed (`Plan`).
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import av
from speed import OTHERS, Row, draw, frames_of, measured

SIZES = ("854x480", "1280x720", "1920x1080")
FPS = 25
SHORT = 4
"""The short run has so many times fewer frames."""
HOUR_S = 3600


def _process(lanes: str, *more: str) -> tuple[str, ...]:
    asked = ("process", "CLIP", "-o", "OUT", "--lanes", lanes, "-q", "--overwrite", "--max-frames", "FRAMES")
    return ("-m", "tracker", *asked, *more)


ROWS = (
    Row("decode", "decode alone", (__file__, "--decode", "CLIP", "FRAMES")),
    Row("limit", "decode and encode alone", (str(OTHERS / "decode_encode.py"), "CLIP", "OUT", "FRAMES")),
    Row("gmm", "--lanes gmm --no-video", _process("gmm", "--no-video")),
    Row("gmm-video", "--lanes gmm", _process("gmm")),
    Row("both-online", "gmm,slots --online --no-video", _process("gmm,slots", "--online", "--no-video")),
    Row("both", "gmm,slots --no-video", _process("gmm,slots", "--no-video")),
    Row("both-video", "gmm,slots (as it comes)", _process("gmm,slots")),
)


@dataclass(frozen=True)
class HourCost:
    """One row at one size."""

    clip: str
    row: str
    title: str
    cpu_s: float
    """of an hour of video, on one core"""
    start_s: float
    """CPU seconds of each clip, however short"""
    peak_mb: float


def cost(row: Row, clip: Path, frames: int, folder: Path) -> HourCost:
    few = max(1, frames // SHORT)
    short, long = (measured(row, clip, count, folder) for count in (few, frames))
    frame_s = (long.cpu_s - short.cpu_s) / (frames - few)
    return HourCost(
        clip.stem, row.key, row.title, frame_s * FPS * HOUR_S, max(0.0, short.cpu_s - few * frame_s), long.peak_mb
    )


def told(costs: list[HourCost]) -> list[str]:
    """The lines of a table in Markdown."""
    by_row = {each.row: each.cpu_s for each in costs}
    lines = []
    for each in costs:
        shares = [by_row["decode"] / each.cpu_s, (by_row["limit"] - by_row["decode"]) / each.cpu_s]
        if each.row == "decode":
            shares[1] = 0.0
        if "video" not in each.row and each.row != "limit":
            shares[1] = 0.0
        if each.row in ("both", "both-video"):  # both directions decode twice
            shares[0] *= 2
        cells = f"{each.cpu_s:,.0f} | {HOUR_S / each.cpu_s:.1f} | {shares[0]:.0%} | {shares[1]:.0%}"
        lines.append(f"| {each.clip} | {each.title} | {cells} | {each.start_s:.1f} | {each.peak_mb:.0f} |")
    return lines


def sizes_of_files(folder: Path, frames: int) -> dict[str, float]:
    """Bytes an hour of what the last row with a video left, by kind."""
    hours = frames / FPS / HOUR_S
    files = [path for path in folder.iterdir() if path.name.startswith("both-video.") and path.suffix != ".txt"]
    video = sum(path.stat().st_size for path in files if path.suffix == ".mp4")
    tables = sum(path.stat().st_size for path in folder.iterdir() if path.name.startswith("both-video.")) - video
    return {"video_mb_an_hour": video / hours / 1e6, "tables_mb_an_hour": tables / hours / 1e6}


@dataclass(frozen=True)
class Plan:
    """What is assumed of cameras and machines."""

    size: str = "1280x720"
    camera_mbit_s: float = 4.0
    """of H.264, at 25 pictures a second"""
    file_s: float = 600.0
    """Cameras record files of ten minutes, day and night."""
    cores: int = 32
    """of a machine"""
    busy: float = 0.8
    """share of its cores that works: clips end at different times, and nodes start and fail"""
    machine_failures_a_year: float = 1.0
    """of each, restarts for updates included"""
    bad_clips: float = 1e-4
    """share of clips that are cut off or damaged"""


def planned(found: dict[str, Any], cameras: int, row: str, plan: Plan = Plan()) -> dict[str, float]:
    """What so many cameras need, each by day."""
    cost = next(each for each in found["costs"] if each["row"] == row)
    decoded = next(each for each in found["costs"] if each["row"] == "decode")["cpu_s"]
    clips = cameras * 86_400 / plan.file_s
    hours = cameras * 24
    core_s = hours * cost["cpu_s"] + clips * cost["start_s"]
    machines = math.ceil(core_s / 86_400 / plan.busy / plan.cores)
    clip_s = cost["cpu_s"] * plan.file_s / HOUR_S + cost["start_s"]
    lost = machines * plan.machine_failures_a_year / 365
    return {
        "clips a day": clips,
        "clips a second": clips / 86_400,
        "cores at work": core_s / 86_400,
        "of these for decoding": hours * decoded * (2 if row.startswith("both") else 1) / 86_400,
        f"machines of {plan.cores} cores": machines,
        "memory a machine, GB": plan.cores * cost["peak_mb"] / 1e3,
        "network in, Mbit/s": cameras * plan.camera_mbit_s,
        "recordings a day, TB": hours * plan.camera_mbit_s * HOUR_S / 8 / 1e6,
        "tables a day, TB": hours * found["tables_mb_an_hour"] / 1e6,
        "overlay videos a day, TB": hours * found["video_mb_an_hour"] / 1e6 if row.endswith("video") else 0.0,
        "machines that fail a day": lost,
        "work that is lost with them, core hours a day": lost * plan.cores * plan.busy * clip_s / 2 / HOUR_S,
        "damaged clips a day": clips * plan.bad_clips,
    }


def plan_lines(found: list[dict[str, Any]], plan: Plan = Plan()) -> list[str]:
    """The plan for 500 and for 10,000 cameras as a table in Markdown."""
    of_size = next(each for each in found if plan.size in each["costs"][0]["clip"])
    columns = [(cameras, row) for cameras in (500, 10_000) for row in ("gmm", "both", "both-video")]
    values = [planned(of_size, cameras, row, plan) for cameras, row in columns]
    titles = {row.key: row.title for row in ROWS}
    lines = ["| | " + " | ".join(f"{cameras:,}: {titles[row]}" for cameras, row in columns) + " |"]
    lines.append("| --- |" + " --- |" * len(columns))
    for name in values[0]:
        cells = (f"{each[name]:,.0f}" if each[name] >= 10 else f"{each[name]:.2g}" for each in values)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def decode(clip: str, most: int) -> None:
    """As the tracker does, in the codec's threads, and nothing else."""
    with av.open(clip) as source:
        source.streams.video[0].thread_type = "AUTO"
        for index, _ in enumerate(source.decode(video=0), 1):
            if index == most:
                break


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", type=Path, help="clips; none: drawn streets")
    parser.add_argument("--frames", type=int, default=300, help="of each clip, at most")
    parser.add_argument("--sizes", default=",".join(SIZES), help="of the drawn streets")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="keep drawn clips there, and take those that are there"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the same as JSON")
    parser.add_argument(
        "--plan", type=Path, metavar="FILE", help="measure nothing: the plan that follows from that JSON"
    )
    asked = parser.parse_args()
    if asked.plan:
        print("\n".join(plan_lines(json.loads(asked.plan.read_text(encoding="utf-8")))))
        return
    found = []
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}\n")
    print("| clip | what | CPU s an hour | x real time on a core | decode | encode | start, CPU s | peak MB |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as scratch:
        kept = asked.keep or Path(scratch)
        kept.mkdir(parents=True, exist_ok=True)
        for size in asked.clips or asked.sizes.split(","):
            clip = size if asked.clips else draw(size, asked.frames, kept)
            frames = min(asked.frames, frames_of(clip))
            with tempfile.TemporaryDirectory() as folder:
                costs = [cost(row, clip, frames, Path(folder)) for row in ROWS]
                files = sizes_of_files(Path(folder), frames)
            rate = {"source_mbit_s": clip.stat().st_size * 8 / (frames_of(clip) / FPS) / 1e6}
            print("\n".join(told(costs)), flush=True)
            print(f"{clip.stem}: {json.dumps({**rate, **files})}", file=sys.stderr, flush=True)
            found.append({"costs": [asdict(each) for each in costs], **rate, **files})
    if asked.output:
        asked.output.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--decode"]:
        decode(sys.argv[2], int(sys.argv[3]))
    else:
        main()
