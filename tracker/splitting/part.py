"""One part of a file, watched in both directions in a process of its own: a plain function of plain values."""

from __future__ import annotations

import gc
import pickle
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracker.background import KnownScenes
from tracker.build import build_lanes
from tracker.interrupt import Interrupts
from tracker.lanes import Lane, prepare
from tracker.opencv_threads import one_opencv_thread
from tracker.pipeline import Progress, run
from tracker.progress import overall
from tracker.settings import RunSettings
from tracker.smoothing.passes import LabelPaths, Passes
from tracker.smoothing.rows import Ints, PassRows
from tracker.smoothing.spill import LabelIndex
from tracker.sources import SourceAround, Span, open_source
from tracker.steadying import Steadying
from tracker.stopwatch import Stopwatch
from tracker.types import Frame, Image, Source
from tracker.watching import FORWARDS, PassRecorder, give_back

SCENE, DONE = "scene.pickle", "done"
"""in the folder of a split run: what all parts know, and how far each part is"""


@dataclass(frozen=True)
class PartTask:
    """What a process needs to know to watch its part."""

    number: int
    """from 0"""
    address: str
    fps: float | None
    """of pictures, as `open_source` has it"""
    span: Span
    settings: RunSettings
    """in which what is `auto` is chosen; its lanes are those that look back"""
    folder: Path
    """of the run: SCENE and DONE are there, and there the labels go"""


@dataclass(frozen=True)
class TakenScene:
    """What all parts know before their first frames."""

    scenes: KnownScenes
    ground: list[Image]
    """pictures from which the lanes learn the scene"""
    steadying: Steadying | None


@dataclass(frozen=True)
class LaneSeen:
    """What the passes of a lane saw of a part; frames are called by their places in the clip."""

    first: PassRows
    forward: PassRows
    backward: PassRows
    entropies: NDArray[np.float32]
    """(N,) `Region.entropy` of the rows of the first pass"""
    labels: tuple[LabelIndex, ...]
    """of the three, in this order"""


@dataclass(frozen=True)
class PartSeen:
    """What was seen of a part."""

    number: int
    places: Ints
    """(T,) of its frames in the clip, rising"""
    times_s: NDArray[np.float64]
    """(T,)"""
    lanes: Mapping[str, LaneSeen]


def watch_part(task: PartTask) -> PartSeen:
    """The passes over one part. Raises what a run raises, and KeyboardInterrupt."""
    span = task.span
    with one_opencv_thread():
        lanes = build_lanes(task.settings)
        labels = {lane.name: _label_files(task, lane.name) for lane in lanes}
        tell = _told(task)
        keeper = PassRecorder(lanes, Interrupts(), tell, Stopwatch(), labels=labels)
        opened = open_source(
            task.address, start_s=span.start_s, duration_s=span.duration_s, max_frames=span.max_frames, fps=task.fps
        )
        with closing(opened):
            source = _ByPlace(opened)
            scenes, steadying = _learn(task, lanes)
            report = run(
                source, lanes, [keeper], scenes=scenes, queue_frames=task.settings.queue_frames, steadying=steadying,
                steadied=True, progress=partial(tell, stage=FORWARDS),
            )  # fmt: skip
        if report.outcome != "complete":
            raise KeyboardInterrupt
        seen = {name: _seen(passes) for name, passes in keeper.passes.items()}
        keeper.clear()
    del lanes, keeper, scenes
    gc.collect()  # this process may have another part to watch, and a keeper and its passes hold each other
    give_back()
    return PartSeen(task.number, np.array(source.places, np.int32), np.array(source.times_s, np.float64), seen)


def _learn(task: PartTask, lanes: Sequence[Lane]) -> tuple[KnownScenes, Steadying | None]:
    """Have the lanes learn the scene; nobody holds its pictures afterwards."""
    taken: TakenScene = pickle.loads((task.folder / SCENE).read_bytes())
    prepare(lanes, taken.ground)
    return taken.scenes, taken.steadying


def _seen(passes: Passes) -> LaneSeen:
    first, forward, backward, _ = passes.finish()
    files = tuple(labels.closed() for labels in passes.labels)
    return LaneSeen(first, forward, backward, passes.entropies(), files)


def _label_files(task: PartTask, lane: str) -> LabelPaths:
    return LabelPaths(*(task.folder / f"{task.number}-{lane}-{name}" for name in LabelPaths._fields))


def _told(task: PartTask) -> Progress:
    """Writes down how many frames of the part are done, all passes counted."""
    counts = np.memmap(task.folder / DONE, np.float64, "r+")

    def tell(done: int, expected: int | None, /, *, stage: str = "") -> None:
        counts[task.number] = overall(done, expected, stage)

    return tell


class _ByPlace(SourceAround):
    """A source whose frames are called by their places in the clip, as all parts call them."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.places: list[int] = []
        self.times_s: list[float] = []

    def __iter__(self) -> Iterator[Frame]:
        for frame in self._source:
            assert frame.place is not None  # that of a file
            self.places.append(frame.place)
            self.times_s.append(frame.time_s)
            yield replace(frame, index=frame.place)
