"""Do memory and speed stay flat over a long run? A clip is walked to and fro; or many short-lived identities are made up.

python benchmarks/memory.py                          a drawn street of 160x120, 20000 frames, both lanes
python benchmarks/memory.py clip.mp4 --frames 10000
python benchmarks/memory.py --identities 100000      so many identities in all files, the page and the events
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil

from tracker.build import build_lanes, build_prescan
from tracker.events import EventFinder
from tracker.health import Health
from tracker.jobs.comparison import Comparison
from tracker.jobs.files import Job, plan_job, planned_files, read_files
from tracker.jobs.outputs import build_overlay, build_sinks
from tracker.jobs.tally import RunTally
from tracker.lanes import Lane
from tracker.picture import Picture
from tracker.pipeline import run
from tracker.settings import RunSettings
from tracker.sources import open_source
from tracker.synth import WorldOrder, save_world, stream_world
from tracker.types import Box, Frame, Image, Region, Segmentation, SourceInfo, Working

SIZE = (160, 120)
LIFE_FRAMES, ALIVE = 10, 50
"""of a made-up identity, and how many there are at a time"""


class ToAndFro:
    """A source that walks pictures forwards and backwards, so that nothing ever jumps."""

    problem = None

    def __init__(self, images: list[Image], frames: int, info: SourceInfo) -> None:
        self.info = replace(info, frame_count=frames)
        self._images, self._frames = images, frames

    def __iter__(self) -> Iterator[Frame]:
        there_and_back = self._images + self._images[-2:0:-1]
        for index in range(self._frames):
            yield Frame(index, index / 25.0, Picture.of(there_and_back[index % len(there_and_back)]))

    def sample(self, count: int, *, whole: bool = True, width: Working = "full") -> list[Image]:
        return self._images[:: max(1, len(self._images) // count)]

    def close(self) -> None:
        pass


class MadeUp:
    """A segmenter that finds ALIVE objects in every frame, each with a name of its own for LIFE_FRAMES frames."""

    def prepare(self, images: object) -> None: ...

    def reset(self) -> None: ...

    def step(self, frame: Frame) -> Segmentation:
        height, width = frame.image.shape[:2]
        labels = np.zeros((height, width), np.int32)
        regions = []
        for place in range(ALIVE):
            identity = 1 + place + ALIVE * ((frame.index + place % LIFE_FRAMES) // LIFE_FRAMES)
            y, x = divmod(place, 10)
            x, y = 14 * x + frame.index % LIFE_FRAMES, 20 * y
            labels[y : y + 8, x : x + 6] = identity
            regions.append(Region(identity, Box(x, y, x + 6, y + 8), 48.0))
        return Segmentation(labels, tuple(regions), labels > 0)


def measure(source: ToAndFro, lanes: tuple[Lane, ...], settings: RunSettings, folder: Path) -> None:
    memory_mb: list[float] = []
    times_s: list[float] = [time.perf_counter()]
    process = psutil.Process()
    tenth = source.info.frame_count // 10

    def watch(done: int, total: int | None) -> None:
        if done % tenth == 0:
            memory_mb.append(process.memory_info().rss / 1e6)
            times_s.append(time.perf_counter())
            speed = tenth / (times_s[-1] - times_s[-2])
            print(f"  frame {done:6}: {memory_mb[-1]:7.1f} MB, {speed:6.1f} fps", flush=True)

    job = Job("clip", folder / "compare.mp4", compare=True)
    overlay = build_overlay(job, settings)
    finders = {lane: EventFinder(settings.events, lane) for lane in settings.lanes}
    health = Health(settings.lanes)
    comparison = Comparison(settings.lanes, finders=finders, overlay=overlay, health=health)
    results = plan_job(job, planned_files(job, settings), read_files(job, settings))
    with results:
        results.claim()
        files = build_sinks(job, settings, source.info, results, overlay=overlay, finders=finders)
        tally = RunTally(settings.lanes)
        run(source, lanes, [tally, health, *files, comparison], prescan=build_prescan(settings), progress=watch)
        results.commit()
    fps = tenth / np.diff(times_s)
    found = ", ".join(f"{lane}: {tally.lanes[lane].identities} identities" for lane in settings.lanes)
    print(f"  {found}; memory {memory_mb[-1] - memory_mb[0]:+.1f} MB after the first tenth; speed of the last tenth")
    print(f"  {fps[-1] / np.median(fps[1:5]):.3f} of the median of the second to the fifth")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", nargs="?", help="a short clip; none: a drawn street")
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--lanes", default="gmm,slots")
    parser.add_argument("--identities", type=int, help="make up so many, instead of tracking")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if asked.identities:
            frames = asked.identities * LIFE_FRAMES // ALIVE
            pictures = [np.full((SIZE[1], SIZE[0], 3), 40 + n, np.uint8) for n in range(8)]
            source = ToAndFro(pictures, frames, SourceInfo("made up", SIZE, 25.0, None, False))
            print(f"{asked.identities} identities, {frames} frames")
            measure(source, (Lane("gmm", MadeUp()),), RunSettings(lanes=("gmm",), prescan_frames=0), Path(folder))
            return
        clip = asked.clip or str(Path(folder) / "street.mp4")
        if asked.clip is None:
            save_world(stream_world("street", WorldOrder(1, 250, SIZE)), video=Path(clip))
        with open_source(clip) as opened:
            source = ToAndFro([frame.image for frame in opened], asked.frames, opened.info)
        settings = RunSettings(lanes=tuple(asked.lanes.split(",")))
        print(f"{asked.frames} frames of {'{}x{}'.format(*source.info.size)}, lanes {', '.join(settings.lanes)}")
        measure(source, build_lanes(settings), settings, Path(folder))


if __name__ == "__main__":
    main()
