"""What does `--split` cost in accuracy? Clips with a truth, watched as a whole and in parts, scored alike.

    python benchmarks/split.py                                        three drawn streets of 3000 frames, as a whole and in 4 parts
    python benchmarks/split.py --seeds 800-802 --frames 1500 --parts 2,3
    python benchmarks/split.py --clip clip.mp4 --truth gt.txt --max-frames 400

A line for each clip and number of parts: the scores of the last lane, its identities, and of the seams how many identities were carried
over and cut there and how far neighbouring parts agree (IDF1 of the one with the other for truth); seconds are of the clock.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from tracker.jobs import Job, Result, process
from tracker.opencv_threads import one_opencv_thread
from tracker.settings import load_settings
from tracker.splitting import Split
from tracker.synth import WorldOrder, save_world, stream_world

HEAD = f"{'clip':16}{'parts':>6}{'IDF1':>8}{'HOTA':>8}{'MOTA':>8}{'switches':>9}{'ids':>6}{'carried':>8}{'cut':>5}{'agree':>7}{'s':>8}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="830-832", metavar="A-B", help="drawn streets")
    parser.add_argument("--frames", type=int, default=3000, help="of a drawn street")
    parser.add_argument("--parts", default="4", metavar="N,N")
    parser.add_argument("--jobs", type=int, help="parts at once; as many as cores")
    parser.add_argument("--clip", type=Path, help="a clip of your own, with --truth")
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--max-frames", type=int)
    parser.add_argument("--lanes", default="slots")
    asked = parser.parse_args()
    print(HEAD, flush=True)
    with tempfile.TemporaryDirectory() as folder, one_opencv_thread():
        for clip, truth in clips(asked, Path(folder)):
            for number in [0, *map(int, asked.parts.split(","))]:
                measure(clip, truth, number, asked, Path(folder))


def clips(asked: argparse.Namespace, folder: Path) -> list[tuple[Path, Path]]:
    """Clips and their truths, drawn where none is given."""
    if asked.clip is not None:
        return [(asked.clip, asked.truth)]
    first, last = map(int, asked.seeds.split("-"))
    made = []
    for seed in range(first, last + 1):
        video, truth = folder / f"street{seed}.mp4", folder / f"street{seed}"
        save_world(stream_world("street", WorldOrder(seed, frames=asked.frames)), video=video, truth=truth)
        made.append((video, truth / "gt.txt"))
    return made


def measure(clip: Path, truth: Path, number: int, asked: argparse.Namespace, folder: Path) -> None:
    """One run, as a line; number  of parts, 0 for none."""
    split = Split(number, "parts") if number else None
    job = Job(
        str(clip), folder / f"{clip.stem}-{number}.mp4", video=False, truth=truth, split=split, overwrite=True,
        jobs=asked.jobs if split else None, max_frames=asked.max_frames,
    )  # fmt: skip
    began = time.perf_counter()
    result = process(job, load_settings(overrides=[f"lanes=[{asked.lanes}]"]), notify=lambda line: print(line))
    print(line(clip.stem, result, asked.lanes.split(",")[-1], time.perf_counter() - began), flush=True)


def line(name: str, result: Result, lane: str, seconds: float) -> str:
    found = result.summary["lanes"][lane]
    scores = found["scores"]["identity"]
    seams = [seam for seam in result.report.seams if seam.lane == lane]
    known = [seam.idf1 for seam in seams if seam.idf1 is not None]
    agree = f"{sum(known) / len(known):.3f}" if known else "-"
    return (
        f"{name:16}{len(seams) + 1:6}{scores['idf1']:8.3f}{scores['hota']:8.3f}{scores['mota']:8.3f}{scores['switches']:9}"
        f"{found['identities']:6}{sum(seam.carried for seam in seams):8}{sum(seam.cut for seam in seams):5}{agree:>7}{seconds:8.0f}"
    )


if __name__ == "__main__":
    main()
