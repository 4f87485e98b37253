"""How fast is `tracker process` beside decoding and encoding alone, a user's script, and other libraries' identities? One table.

    python benchmarks/speed.py                              drawn streets at 1280x720 and 1920x1080, 200 frames, 5 rounds
    python benchmarks/speed.py clip.mp4 --rounds 3          a clip of your own
    python benchmarks/speed.py --only limit,both --frames 100 -o speed.json

Every row is a whole process with its start, all rows in turns in every round, so that a busy machine slows all of them. Times, CPU and
memory are medians over the rounds; ratios are medians of the ratios within a round, and they are what lasts. The first round is not counted
where there are more: it reads files into memory. CPU is that of the process and all its threads, as the system counts it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
OTHERS = HERE / "others"
SIZES = ("1280x720", "1920x1080")
RSS_BYTES = 1 if sys.platform == "darwin" else 1024
"""unit of the peak memory that the system tells"""
COUNT = "import av, sys; print(sum(p.size > 0 for p in av.open(sys.argv[1]).demux(video=0)))"


@dataclass(frozen=True)
class Row:
    """One line of the table: a command that reads a clip and writes a video."""

    key: str
    title: str
    command: tuple[str, ...]
    """behind `python`; CLIP, OUT and FRAMES stand for those"""
    package: str | None = None
    """left out where that is not installed"""


def _other(script: str, *first: str) -> tuple[str, ...]:
    return (str(OTHERS / script), *first, "CLIP", "OUT", "FRAMES")


def process_command(clip: str, output: str, *, lanes: str, frames: str) -> tuple[str, ...]:
    """`tracker process`, behind `python`."""
    asked = ("process", clip, "-o", output, "--lanes", lanes, "-q", "--overwrite", "--max-frames", frames)
    return ("-m", "tracker", *asked)


def _process(lanes: str) -> tuple[str, ...]:
    return process_command("CLIP", "OUT", lanes=lanes, frames="FRAMES")


ROWS = (
    Row("limit", "decode + encode alone", _other("decode_encode.py")),
    Row("script", "user's script", _other("opencv_script.py")),
    Row("gmm", "tracker process --lanes gmm", _process("gmm")),
    Row("both", "tracker process --lanes gmm,slots", _process("gmm,slots")),
    Row("norfair", "blobs of lane gmm, norfair", _other("linkers.py", "norfair"), "norfair"),
    Row("sort", "blobs of lane gmm, trackers' SORT", _other("linkers.py", "sort"), "trackers"),
    Row("bytetrack", "blobs of lane gmm, trackers' ByteTrack", _other("linkers.py", "bytetrack"), "trackers"),
)
COLUMNS = (("wall s", 9), ("ms a frame", 12), ("x limit", 9), ("x script", 10), ("CPU ms a frame", 16), ("peak MB", 9))


@dataclass(frozen=True)
class Cost:
    """What one run of one row took."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def measured(row: Row, clip: Path, frames: int, folder: Path) -> Cost:
    """Run the row's command; SystemExit with what it said if it fails."""
    words = {"CLIP": str(clip.absolute()), "OUT": str(folder / f"{row.key}.mp4"), "FRAMES": str(frames)}
    with open(folder / f"{row.key}.txt", "w+", encoding="utf-8") as said:
        began = time.perf_counter()
        child = subprocess.Popen(
            [sys.executable, *(words.get(word, word) for word in row.command)],
            stdout=said,
            stderr=said,
            env=environment(),
        )
        _, status, used = os.wait4(child.pid, 0)
        wall_s = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            said.seek(0)
            sys.exit(f"{row.title}: exit code {child.returncode}\n{said.read()}")
    return Cost(wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss * RSS_BYTES / 1e6)


def environment() -> dict[str, str]:
    """That of this process, with this copy of the tracker first, and modules compiled once, as where they are installed."""
    before = os.environ.get("PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPATH": os.pathsep.join([str(HERE.parent), *([before] if before else [])])}


def compare(rows: Sequence[Row], clip: Path, frames: int, rounds: int) -> dict[str, list[Cost]]:
    """Costs by row, one a round that counts."""
    costs: dict[str, list[Cost]] = {row.key: [] for row in rows}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds + (rounds > 1)):
            for row in rows:
                costs[row.key].append(measured(row, clip, frames, Path(folder)))
    return {key: each[-rounds:] for key, each in costs.items()}


def summed(rows: Sequence[Row], costs: dict[str, list[Cost]], frames: int) -> list[dict[str, object]]:
    """The table's values; None where the row that they are divided by did not run."""
    lines = []
    for row in rows:
        own = costs[row.key]
        wall_s, cpu_s, peak_mb = (statistics.median(getattr(c, name) for c in own) for name in Cost.__annotations__)
        ratios = [
            statistics.median(a.wall_s / b.wall_s for a, b in zip(own, costs[key], strict=True))
            if key in costs
            else None
            for key in ("limit", "script")
        ]
        values = (wall_s, 1000 * wall_s / frames, *ratios, 1000 * cpu_s / frames, peak_mb)
        names = [name for name, _ in COLUMNS]
        lines.append({"key": row.key, "row": row.title} | dict(zip(names, values, strict=True)))
    return lines


def told(line: dict[str, object]) -> str:
    cells = [line[name] for name, _ in COLUMNS]
    shown = [
        "-" if cell is None else f"{cell:.0f}" if name == "peak MB" else f"{cell:.2f}"
        for cell, (name, _) in zip(cells, COLUMNS, strict=True)
    ]
    return f"  {line['row']:40}" + "".join(f"{text:>{width}}" for text, (_, width) in zip(shown, COLUMNS, strict=True))


def frames_of(clip: Path) -> int:
    """In a process of its own: this one stays small, since a child's peak memory counts from its parent's."""
    asked = [sys.executable, "-c", COUNT, str(clip)]
    return int(subprocess.run(asked, check=True, capture_output=True, text=True).stdout)


def draw(size: str, frames: int, folder: Path) -> Path:
    """The street of that size, unless it is there."""
    clip = folder / f"street-{size}-{frames}.mp4"
    if not clip.exists():
        print(f"drawing {clip.name}", file=sys.stderr, flush=True)
        part = clip.with_suffix(".part.mp4")
        asked = [sys.executable, str(OTHERS / "clip.py"), size, str(frames), str(part)]
        subprocess.run(asked, check=True, env=environment())
        part.replace(clip)
    return clip


def chosen(only: str | None) -> list[Row]:
    """The rows asked for that can run here; a line for each that cannot."""
    keys = only.split(",") if only else [row.key for row in ROWS]
    if unknown := set(keys) - {row.key for row in ROWS}:
        sys.exit(f"--only: no row {', '.join(sorted(unknown))}; there are {', '.join(row.key for row in ROWS)}")
    rows = []
    for row in ROWS:
        if row.key in keys and row.package is not None and find_spec(row.package) is None:
            print(f"left out: {row.title}: {row.package} is not installed; see `make bench`")
        elif row.key in keys:
            rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", type=Path, help="clips; none: drawn streets")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=200, help="of each clip, at most")
    parser.add_argument("--sizes", default=",".join(SIZES), help="of the drawn streets")
    parser.add_argument("--only", metavar="ROW,ROW", help=f"of {', '.join(row.key for row in ROWS)}")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="keep drawn clips there, and take those that are there"
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="the table as JSON, with the cost of every run"
    )
    asked = parser.parse_args()
    rows = chosen(asked.only)
    found = []
    print(f"{'':42}" + "".join(f"{name:>{width}}" for name, width in COLUMNS))
    with tempfile.TemporaryDirectory() as folder:
        kept = asked.keep or Path(folder)
        kept.mkdir(parents=True, exist_ok=True)
        for clip in asked.clips or [draw(size, asked.frames, kept) for size in asked.sizes.split(",")]:
            frames = min(asked.frames, frames_of(clip))
            costs = compare(rows, clip, frames, asked.rounds)
            lines = summed(rows, costs, frames)
            print(
                f"{clip.name}: {frames} frames, medians of {asked.rounds} rounds",
                *map(told, lines),
                sep="\n",
                flush=True,
            )
            runs = {key: [asdict(cost) for cost in each] for key, each in costs.items()}
            found.append({"clip": clip.name, "frames": frames, "rounds": asked.rounds, "rows": lines, "runs": runs})
    if asked.output:
        asked.output.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
