"""How right are the counts of lines and areas, on drawn worlds whose answer is known?

    python benchmarks/zones.py                        true boxes, 20 seeds of crossing and street
    python benchmarks/zones.py --lanes gmm,slots --seeds 0-9    the lanes' own boxes too

Three lines stand across the picture from top to bottom, so that nobody walks round an end. The answer is counted without the
counter's rule, from the side on which everybody's foot is in every frame; what stays within 3 pixels of a line, the grain of
the drawn masks, is no change of side, but the first and the last side of an identity are as they are. Who leaves the picture for
more than half a second and comes back elsewhere has crossed nothing in it. An area fills the middle third; its answer is the
number of frames in which somebody's foot is inside.

errors  sum over lines, directions and seeds of |counted - true|
net     the same of the difference between the directions
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from tracker.build import build_lanes, build_prescan
from tracker.jobs import ZoneWatch
from tracker.picture import Picture
from tracker.pipeline import run
from tracker.settings import load_settings
from tracker.sources import open_source
from tracker.synth import World, WorldOrder, save_world, stream_world
from tracker.types import Frame, Moment, Outcome, Segmentation, Track, View
from tracker.zones import Zones

LINES = (0.2512, 0.5012, 0.7512)
"""where the lines stand, in widths of the picture: on no half pixel, where a drawn object's foot may lie"""
GRAIN_PX = 3
"""how far a foot is beyond a line that counts as beyond it"""
AWAY_FRAMES = 12
"""half a second of 25 frames"""
AREA = ((1 / 3, 0.0), (2 / 3, 0.0), (2 / 3, 1.0), (1 / 3, 1.0))
ZONES = Zones.model_validate(
    {"lines": {f"l{int(100 * x)}": {"points": ((x, 0), (x, 1))} for x in LINES}, "areas": {"middle": AREA}}
)
WORLDS = ("crossing", "street")
TRUTH = "truth"


def true_moments(world: World) -> Iterator[Moment]:
    """A drawn world as a lane would tell it that makes no mistake."""
    for index, drawn in enumerate(world.frames):
        height, width = drawn.labels.shape
        empty = np.zeros((height, width), np.int32)
        seen = Segmentation(empty, (), empty > 0)
        tracks = tuple(Track(b.id, b.box, 1.0, 0, hidden=b.visible == 0) for b in drawn.boxes)
        yield Moment(Frame(index, index / world.fps, Picture.of(drawn.image)), (View(TRUTH, seen, tracks),))


@dataclass
class Answer:
    """What is true of the lines and the area, from the boxes alone."""

    size: tuple[int, int]
    feet: dict[tuple[int, int], list[float]] = field(default_factory=dict)
    """x in pixels, by identity and stay in the picture, where it is seen"""
    area_frames: int = 0
    latest: dict[int, tuple[int, int]] = field(default_factory=dict)
    """frame and stay in which each identity was in the picture last"""

    def add(self, frame: int, tracks: Sequence[Track]) -> None:
        for track in tracks:
            before, stay = self.latest.get(track.id, (frame, 0))
            stay += frame - before > AWAY_FRAMES
            self.latest[track.id] = frame, stay
            if track.hidden:
                continue
            x = track.box.centre[0]
            self.feet.setdefault((track.id, stay), []).append(x)
            self.area_frames += AREA[0][0] <= x / self.size[0] < AREA[1][0]

    def crossings(self) -> Counter[tuple[str, str]]:
        """By line and direction. A line from top to bottom has the left of the picture at its right hand."""
        found: Counter[tuple[str, str]] = Counter()
        for feet in self.feet.values():
            for name, at in zip(ZONES.lines, LINES, strict=True):
                beyond = [x - at * self.size[0] for x in feet]
                clear = [beyond[0], *(x for x in beyond if abs(x) > GRAIN_PX), beyond[-1]]
                for before, now in pairwise(clear):
                    if (before < 0) != (now < 0):
                        found[name, "out" if before < 0 else "in"] += 1
        return found


@dataclass
class Watcher:
    """A sink: what a run's zones count."""

    zones: ZoneWatch

    def write(self, moment: Moment) -> None:
        self.zones.step(moment)

    def close(self, outcome: Outcome) -> None:
        self.zones.finish()


def count_truth(world: World) -> tuple[ZoneWatch, Answer]:
    """True boxes through the counter, and the answer."""
    watcher = answer = None
    for moment in true_moments(world):
        if watcher is None or answer is None:
            watcher = Watcher(ZoneWatch(ZONES, [TRUTH], moment.frame.size))
            answer = Answer(moment.frame.size)
        watcher.write(moment)
        answer.add(moment.frame.index, moment.views[0].tracks)
    assert watcher is not None
    assert answer is not None, "a world has frames"
    watcher.close("complete")
    return watcher.zones, answer


def count_lanes(name: str, seed: int, lanes: Sequence[str]) -> ZoneWatch:
    """The lanes' own boxes of the same world, through a video file and a prescan."""
    settings = load_settings(overrides=[f"lanes=[{','.join(lanes)}]"])
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        save_world(stream_world(name, WorldOrder(seed)), video=clip, truth=Path(folder) / "truth")
        with closing(open_source(str(clip))) as source:
            watcher = Watcher(ZoneWatch(ZONES, settings.lanes, source.info.size))
            run(source, build_lanes(settings), [watcher], prescan=build_prescan(settings))
    return watcher.zones


@dataclass
class Errors:
    """Sums over seeds."""

    true: int = 0
    counted: int = 0
    errors: int = 0
    net: int = 0
    true_s: float = 0.0
    counted_s: float = 0.0

    def add(self, zones: ZoneWatch, lane: str, answer: Answer, fps: float) -> None:
        counts, true = zones.counts()[lane], answer.crossings()
        for name, ways in counts.lines.items():
            apart = {way: count - true[name, way] for way, count in ways.items()}
            self.errors += sum(map(abs, apart.values()))
            self.net += abs(apart["in"] - apart["out"])
            self.counted += sum(ways.values())
        self.true += sum(true.values())
        self.true_s += answer.area_frames / fps
        self.counted_s += counts.areas["middle"].seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0-19")
    parser.add_argument("--worlds", default=",".join(WORLDS), help="by comma")
    parser.add_argument("--lanes", default="", help="by comma; none: true boxes alone")
    asked = parser.parse_args()
    first, last = (int(v) for v in asked.seeds.split("-"))
    lanes = [lane for lane in asked.lanes.split(",") if lane]
    print("world     boxes   true  counted  errors  net   area: true s  counted s")
    for name in asked.worlds.split(","):
        sums = {lane: Errors() for lane in (TRUTH, *lanes)}
        for seed in range(first, last + 1):
            world = stream_world(name, WorldOrder(seed))
            zones, answer = count_truth(world)
            sums[TRUTH].add(zones, TRUTH, answer, world.fps)
            if lanes:
                of_lanes = count_lanes(name, seed, lanes)
                for lane in lanes:
                    sums[lane].add(of_lanes, lane, answer, world.fps)
        for lane, e in sums.items():
            print(
                f"{name:9} {lane:6} {e.true:5} {e.counted:8} {e.errors:7} {e.net:4} {e.true_s:14.1f} {e.counted_s:10.1f}"
            )


if __name__ == "__main__":
    main()
