"""Lanes at work: each steps over the frames in threads of its own, some frames ahead of whoever takes the results.

OpenCV, ONNX Runtime and FFmpeg let go of the interpreter's lock while they compute, so lanes, drawing and decoding overlap. A lane
sees the frames one after the other and no lane sees another's state. A lane of two stages has a thread for each, and judges a frame
while the one before is assigned; it promises that this changes nothing. What comes out is what one thread would have made.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from tracker.stopwatch import Stopwatch
from tracker.types import Frame, Image, Moment, Region, Segmentation, Segmenter, Track, TwoStageSegmenter, View


class TrackLinker(Protocol):
    """Gives regions that have no lasting names their identities: `tracker.tracks.Linker`."""

    def step(self, regions: Sequence[Region], *, time_s: float, size: tuple[int, int]) -> tuple[Track, ...]:
        """One frame's regions to the tracks alive in it; `size` is the frame's (width, height)."""
        ...

    def reset(self) -> None:
        """Forget every track; identities count from 1 again."""
        ...


class Pauses(Protocol):
    """Saves a run now and then: `tracker.checkpoint.CheckpointedPass`."""

    def reading(self, frame: Frame, state: object) -> None:
        """A frame was read; `state` is what the thread that reads knows of the frames before."""
        ...

    def due(self, frame: Frame) -> bool:
        """Whether the run is to be saved before this frame."""
        ...

    def save(self, frame: Frame, problem: str | None) -> None:
        """Save it: all frames before are done, and nothing else is. `problem` is what of the source was not readable so far."""
        ...


Look = Literal["look", "last", "off"]
"""look at the frame; show once more what was made of the last one; find nothing"""


class Spares(Protocol):
    """Decides how much the lanes do: `tracker.jobs.sparing.Sparing`."""

    def count(self, waited_s: float, dropped: int) -> None:
        """A frame came after so long a wait, and so many were dropped so far."""
        ...

    def look(self, lane: str, frame: Frame) -> Look:
        """Asked once for each lane and frame, in order."""
        ...


class Identities:
    """The identities of a lane over its resets, none of them given twice."""

    def __init__(self) -> None:
        self._before = self._highest = 0

    @property
    def highest(self) -> int:
        """The highest identity given so far."""
        return self._highest

    def go_on_from(self, highest: int) -> None:
        """Count on from another run's highest identity. Before the first frame."""
        self._before = self._highest = max(self._highest, highest)

    def begin_anew(self) -> None:
        """The lane counts from 1 again; here the count goes on."""
        self._before = self._highest

    def lasting(self, tracks: tuple[Track, ...]) -> tuple[Track, ...]:
        """The same tracks, under identities that are new in the run where they are new in the lane."""
        if self._before:
            tracks = tuple(replace(track, id=self._before + track.id) for track in tracks)
        self._highest = max([self._highest, *(track.id for track in tracks)])
        return tracks


@dataclass(frozen=True)
class Lane:
    """One method watching the clip: a segmenter and, where its labels do not persist, a linker."""

    name: str
    segmenter: Segmenter
    linker: TrackLinker | None = None
    weights_digest: str | None = None
    """sha256 of the weights files of its networks, joined by "+"; None: it has none"""
    identities: Identities = field(default_factory=Identities, compare=False, repr=False)

    def reset(self) -> None:
        """Forget scene and objects; identities go on counting. Called between two frames."""
        self.segmenter.reset()
        if self.linker is not None:
            self.linker.reset()
        self.identities.begin_anew()

    def step(self, frame: Frame) -> View:
        """What this lane makes of the next frame."""
        return self.link(frame, self.segmenter.step(frame))

    def link(self, frame: Frame, segmentation: Segmentation) -> View:
        """The segmentation of the next frame, and who is who in it."""
        if self.linker is None:
            tracks = tuple(Track(r.label, r.box, r.confidence, r.label, r.hidden) for r in segmentation.regions)
        else:
            tracks = self.linker.step(segmentation.regions, time_s=frame.time_s, size=segmentation.size)
        return View(self.name, segmentation, self.identities.lasting(tracks))


def prepare(lanes: Sequence[Lane], images: Sequence[Image]) -> None:
    """Every lane learns the scene from the same pictures, each in a thread of its own; without pictures nothing is done."""
    if not images:
        return
    with ExitStack() as stack:
        # one thread for one lane, since OpenCV draws the random numbers of KNN by thread: shared ones would differ from run to run
        threads = [stack.enter_context(ThreadPoolExecutor(1)) for _ in lanes]
        learning = [each.submit(lane.segmenter.prepare, images) for each, lane in zip(threads, lanes, strict=True)]
        for lane in learning:
            lane.result()


def moments(
    frames: Iterator[Frame], lanes: Sequence[Lane], watch: Stopwatch, *, ahead: int, spares: Spares | None = None,
    before: Callable[[Frame], Callable[[], None] | None] = lambda frame: None,
) -> Generator[Moment, None, None]:  # fmt: skip
    """What the lanes make of the frames, in order; close the generator when no more are wanted.

    watch  measures each lane's stages under "lane NAME"
    ahead  frames that the lanes may work on while earlier moments are being used; 0 for a camera, whose moments are wanted at once
    spares decides which lanes look at which frames; None: all at all
    before asked of each frame: what to do before a lane is given it, once all moments before it have been used; None: nothing

    What `frames` raises is raised after the moments of the frames before it, what a lane raises in place of its frame's moment.
    """
    waiting: deque[tuple[Frame, list[Future[View]]]] = deque()
    with ExitStack() as stack:
        working = [_threads(lane, watch, stack) for lane in lanes]
        ended: BaseException | None = None
        while ended is None:
            try:
                frame = next(frames)
                pause = before(frame)
            except BaseException as error:
                ended = error
            else:
                if pause is not None:
                    while waiting:
                        yield _moment(*waiting.popleft())
                    pause()
                try:
                    looks: list[Look] = ["look" if spares is None else spares.look(lane.name, frame) for lane in lanes]
                    waiting.append((frame, [lane.give(frame, look) for lane, look in zip(working, looks, strict=True)]))
                except BaseException as error:
                    ended = error
            while len(waiting) > (ahead if ended is None else 0):
                yield _moment(*waiting.popleft())
        if not isinstance(ended, StopIteration):
            raise ended


def _threads(lane: Lane, watch: Stopwatch, stack: ExitStack) -> _OneStage | _TwoStages:
    """A lane at work until the stack is closed."""
    if isinstance(lane.segmenter, TwoStageSegmenter):
        return _TwoStages(lane, lane.segmenter, watch, stack)
    return _OneStage(lane, watch, stack)


class _OneStage:
    """A lane in a thread of its own."""

    def __init__(self, lane: Lane, watch: Stopwatch, stack: ExitStack) -> None:
        self.lane, self.watch, self.stage = lane, watch, f"lane {lane.name}"
        self._steps = _thread(self.stage, stack)
        self._last: Future[View] | None = None

    def give(self, frame: Frame, look: Look) -> Future[View]:
        """The view of the lane's next frame, for which it does as much as `look` says."""
        if look == "off":
            self._last = None
            return _nothing(self.lane.name, frame)
        if look == "look" or self._last is None:
            self._last = self.submit(frame)
        return self._last

    def submit(self, frame: Frame) -> Future[View]:
        """The lane's next frame."""
        return self._steps.submit(self._step, frame)

    def _step(self, frame: Frame) -> View:
        with self.watch.stage(self.stage, frame.index):
            return self.lane.step(frame)


class _TwoStages(_OneStage):
    """A lane whose stages have a thread each."""

    def __init__(self, lane: Lane, segmenter: TwoStageSegmenter, watch: Stopwatch, stack: ExitStack) -> None:
        super().__init__(lane, watch, stack)
        self.segmenter = segmenter
        self._judges = _thread(f"{self.stage}, judge", stack)
        self._latest: deque[Future[View]] = deque(maxlen=2)

    def submit(self, frame: Frame) -> Future[View]:
        """The lane's next frame."""
        before = self._latest[0] if len(self._latest) == 2 else None
        judged = self._judges.submit(self._judge, frame, before)
        assigned = self._steps.submit(self._assign, frame, judged)
        self._latest.append(assigned)
        return assigned

    def _judge(self, frame: Frame, before: Future[View] | None) -> object:
        """before: the frame two before this one"""
        if before is not None:
            before.result()
        with self.watch.stage(self.stage, frame.index):
            return self.segmenter.judge(frame)

    def _assign(self, frame: Frame, judged: Future[object]) -> View:
        found = judged.result()
        with self.watch.stage(self.stage, frame.index):
            return self.lane.link(frame, self.segmenter.assign(frame, found))


def _thread(name: str, stack: ExitStack) -> ThreadPoolExecutor:
    thread = ThreadPoolExecutor(1, thread_name_prefix=name)
    stack.callback(thread.shutdown, cancel_futures=True)
    return thread


def _nothing(lane: str, frame: Frame) -> Future[View]:
    """The view of a lane that is off."""
    view: Future[View] = Future()
    view.set_result(View(lane, Segmentation.empty(frame.small.shape, frame.size), (), off=True))
    return view


def _moment(frame: Frame, views: Sequence[Future[View]]) -> Moment:
    return Moment(frame, tuple(view.result() for view in views))
