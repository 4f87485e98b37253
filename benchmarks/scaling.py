"""What does an hour of video cost a core, at 480p, 720p and 1080p? CPU seconds an hour, and the shares of decoding and encoding.

    python benchmarks/scaling.py                           drawn streets of 300 frames, for docs/scaling.md
    python benchmarks/scaling.py clip.mp4 --frames 1000    a clip of your own

User and system time of each process, as the system counts it (`wait4`): other programs on the machine disturb it little. Each row
runs twice, over a quarter of the frames and over all; the difference is what a frame costs, and what is left is the start, which each
clip pays once. An hour has 25 pictures a second. The clips have a camera's noise (`others/clip.py`).
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

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
    asked = parser.parse_args()
    found = []
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}\n")
    print("| clip | what | CPU s an hour | hours an hour a core | decode | encode | start, CPU s | peak MB |")
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
