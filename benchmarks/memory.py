"""Does memory stay flat over a long run? A clip is walked to and fro for as many frames as asked.

python benchmarks/memory.py                      a drawn street, 3000 frames
python benchmarks/memory.py clip.mp4 --frames 10000
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil

from tracker.build import build_lanes
from tracker.jobs import Job, build_sinks
from tracker.pipeline import run
from tracker.settings import RunSettings
from tracker.sources import open_source
from tracker.synth import draw_world, save_clip
from tracker.tally import Tally
from tracker.types import Frame, Image


class ToAndFro:
    """A source that walks a clip forwards and backwards, so that nothing ever jumps."""

    problem = None

    def __init__(self, clip: str, frames: int) -> None:
        with open_source(clip) as source:
            self._images = [frame.image for frame in source]
            self._fps = source.info.fps or 25.0
            self.info = replace(source.info, frame_count=frames)
        self._frames = frames

    def __iter__(self) -> Iterator[Frame]:
        there_and_back = self._images + self._images[-2:0:-1]
        for index in range(self._frames):
            yield Frame(index, index / self._fps, there_and_back[index % len(there_and_back)])

    def sample(self, count: int, *, whole: bool = True) -> list[Image]:
        return self._images[:: max(1, len(self._images) // count)]

    def close(self) -> None:
        pass


def measure(clip: str, frames: int, settings: RunSettings, output: Path) -> None:
    source = ToAndFro(clip, frames)
    memory_mb: list[float] = []
    process = psutil.Process()

    def watch(done: int, total: int | None) -> None:
        if done % max(1, frames // 10) == 0:
            memory_mb.append(process.memory_info().rss / 1e6)
            print(f"  frame {done:6}: {memory_mb[-1]:7.1f} MB", flush=True)

    tally = Tally(settings.lanes)
    lanes = build_lanes(settings)
    sinks = [tally, *build_sinks(Job(clip, output), settings, source.info)]
    print(f"{clip}: {frames} frames of {source.info.size[0]}x{source.info.size[1]}, lanes {', '.join(settings.lanes)}")
    report = run(source, lanes, sinks, prescan_frames=settings.prescan_frames, progress=watch)
    grown = (memory_mb[-1] - memory_mb[0]) / (frames * 0.9) * 1000
    print(f"  {report.fps:.1f} fps; growth {grown:+.2f} MB per 1000 frames after the first tenth")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", nargs="?", help="a short clip; none: a drawn street")
    parser.add_argument("--frames", type=int, default=3000)
    parser.add_argument("--lanes", default="gmm,slots")
    asked = parser.parse_args()
    settings = RunSettings(lanes=tuple(asked.lanes.split(",")))
    with tempfile.TemporaryDirectory() as folder:
        clip = asked.clip
        if clip is None:
            clip = str(Path(folder) / "street.mp4")
            save_clip(draw_world("street", seed=1, frames=120, size=(480, 360), objects=None), video=Path(clip))
        measure(clip, asked.frames, settings, Path(folder) / "out.mp4")


if __name__ == "__main__":
    main()
