"""Lanes at work: each steps over the frames in a thread of its own, some frames ahead of whoever takes the results.

OpenCV, ONNX Runtime and FFmpeg let go of the interpreter's lock while they compute, so lanes, drawing and decoding overlap. A lane
sees the frames one after the other and no lane sees another's state: what comes out is what one thread would have made.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol

from tracker.types import Frame, Image, Moment, Region, Segmenter, Track, View


class Links(Protocol):
    """Gives regions that have no lasting names their identities: `tracker.tracks.Linker`."""

    def step(self, regions: Sequence[Region], *, time_s: float, size: tuple[int, int]) -> tuple[Track, ...]:
        """One frame's regions to the tracks alive in it; `size` is the frame's (width, height)."""
        ...


@dataclass(frozen=True)
class Lane:
    """One method watching the clip: a segmenter and, where its labels do not persist, a linker."""

    name: str
    segmenter: Segmenter
    linker: Links | None = None

    def step(self, frame: Frame) -> View:
        """What this lane makes of the next frame."""
        segmentation = self.segmenter.step(frame)
        if self.linker is None:
            tracks = tuple(Track(r.label, r.box, r.confidence, r.label, r.hidden) for r in segmentation.regions)
        else:
            tracks = self.linker.step(segmentation.regions, time_s=frame.time_s, size=segmentation.size)
        return View(self.name, segmentation, tracks)


def prepare(lanes: Sequence[Lane], images: Sequence[Image]) -> None:
    """Every lane learns the scene from the same pictures, each in a thread of its own."""
    with ExitStack() as stack:
        # one thread for one lane, since OpenCV draws the random numbers of KNN by thread: shared ones would differ from run to run
        threads = [stack.enter_context(ThreadPoolExecutor(1)) for _ in lanes]
        learning = [each.submit(lane.segmenter.prepare, images) for each, lane in zip(threads, lanes, strict=True)]
        for lane in learning:
            lane.result()


def moments(
    frames: Iterator[Frame], lanes: Sequence[Lane], step: Callable[[Lane, Frame], View], *, ahead: int
) -> Generator[Moment, None, None]:
    """What the lanes make of the frames, in order; close the generator when no more are wanted.

    step   called in the lane's thread
    ahead  frames that the lanes may work on while earlier moments are being used; 0 for a camera, whose moments are wanted at once

    What `frames` raises is raised after the moments of the frames before it, what a lane raises in place of its frame's moment.
    """
    waiting: deque[tuple[Frame, list[Future[View]]]] = deque()
    with ExitStack() as stack:
        threads = [ThreadPoolExecutor(1, thread_name_prefix=f"lane {lane.name}") for lane in lanes]
        for thread in threads:
            stack.callback(thread.shutdown, cancel_futures=True)
        ended: BaseException | None = None
        while ended is None:
            try:
                frame = next(frames)
                waiting.append(
                    (frame, [each.submit(step, lane, frame) for each, lane in zip(threads, lanes, strict=True)])
                )
            except BaseException as error:
                ended = error
            while len(waiting) > (ahead if ended is None else 0):
                yield _moment(*waiting.popleft())
        if not isinstance(ended, StopIteration):
            raise ended


def _moment(frame: Frame, views: Sequence[Future[View]]) -> Moment:
    return Moment(frame, tuple(view.result() for view in views))
