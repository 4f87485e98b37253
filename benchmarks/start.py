"""How long until something happens? `tracker --help` whole, and `tracker process` until its first frame is handed to the encoder.

    python benchmarks/start.py [clip.mp4] [--rounds 5]

The first frame is where the first span of stage `sink OverlayVideo` ends in the trace of --profile, which says when it began by the
system's clock; counted from before the process is started. Medians of rounds in turns, each a process of its own; a round more comes first
and does not count.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from speed import draw, environment, process_command

SIZE, FRAMES = "1920x1080", 100
SHOWN_FRAMES = 3
"""of the clip that are run: only the first counts"""


def help_s(clip: Path, folder: Path) -> float:
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "tracker", "--help"], check=True, stdout=subprocess.DEVNULL, env=environment()
    )
    return time.perf_counter() - began


def first_frame_s(clip: Path, folder: Path, lanes: str) -> float:
    output = folder / "start.mp4"
    command = process_command(str(clip), str(output), lanes=lanes, frames=str(SHOWN_FRAMES))
    began_unix_s = time.time()
    done = subprocess.run([sys.executable, *command, "--profile"], capture_output=True, text=True, env=environment())
    if done.returncode:
        sys.exit(done.stderr)
    trace = json.loads(output.with_suffix(".trace.json").read_text(encoding="utf-8"))
    first = next(event for event in trace["traceEvents"] if event["name"] == "sink OverlayVideo")
    return trace["tracker_profile"]["began_unix_s"] - began_unix_s + (first["ts"] + first["dur"]) / 1e6


ROWS = {
    "tracker --help": help_s,
    "first frame, --lanes gmm": lambda clip, folder: first_frame_s(clip, folder, "gmm"),
    "first frame, --lanes gmm,slots": lambda clip, folder: first_frame_s(clip, folder, "gmm,slots"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", nargs="?", type=Path, help=f"none: a drawn street of {SIZE}")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clip = asked.clip or draw(SIZE, FRAMES, Path(folder))
        times: dict[str, list[float]] = {title: [] for title in ROWS}
        for _ in range(asked.rounds + 1):
            for title, measure in ROWS.items():
                times[title].append(measure(clip, Path(folder)))
    for title, each in times.items():
        counted = each[1:]
        print(f"{title:32} {statistics.median(counted):6.2f} s ({min(counted):.2f} to {max(counted):.2f})")


if __name__ == "__main__":
    main()
