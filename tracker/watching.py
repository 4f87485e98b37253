"""The passes of the lanes of a run over a file, and what they found as lanes of the run that writes."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any

from tracker.background import KnownScenes
from tracker.checkpoint import Checkpoints
from tracker.interrupt import Interrupts
from tracker.lanes import Lane
from tracker.pipeline import Progress, RunReport, learn_scene, run
from tracker.prescan import PrescanSource
from tracker.smoothing.fuse import fuse
from tracker.smoothing.passes import LabelPaths, Passes
from tracker.smoothing.replay import Entropies, Replay, causal
from tracker.smoothing.spill import SpillFolder
from tracker.splitting import Seam
from tracker.steadying import Steadying
from tracker.stopwatch import Stopwatch
from tracker.types import Moment, Outcome, SmoothedSegmenter, Source

FORWARDS, BACKWARDS = "forwards", "backwards"
"""stages of a run, as its progress names them"""


@dataclass(frozen=True)
class PassResults:
    """A clip after all passes."""

    lanes: tuple[Lane, ...]
    """those of the run that writes: where a lane has looked already, what it found"""
    frames: int
    interrupted: bool
    """only so many frames were looked at, or the passes after the first were not finished: the lanes give what the first pass found"""
    error: Exception | None
    """what ended the passes before their time; the lanes give what the first pass had found by then"""
    scenes: KnownScenes | None
    """as the prescan left them; None if it was interrupted"""
    forget: Callable[[], None]
    seams: tuple[Seam, ...] = ()
    """of a clip that was watched in parts"""
    steadying: Steadying | None = None

    def __enter__(self) -> PassResults:
        return self

    def __exit__(self, *_: object) -> None:
        """What the lanes found is not needed any more."""
        self.forget()


def watch_both_ways(
    source: Source, lanes: Sequence[Lane], *, prescan: PrescanSource, queue_frames: int, progress: Progress | None,
    watch: Stopwatch, steadying: Steadying | None = None, checkpoints: Checkpoints | None = None,
) -> PassResults:  # fmt: skip
    """Have all lanes learn the scene, and the passes of every lane that can look back.

    checkpoints  save the passes now and then, and know from where they go on; None: they are not saved

    The first Ctrl+C ends them, and counts as answered if there is something to write.
    """
    scenes: KnownScenes | None = None
    error: Exception | None = None
    with Interrupts() as interrupts, interrupts.held():
        saved = None if checkpoints is None else checkpoints.at(FORWARDS) or checkpoints.at(BACKWARDS)
        if saved is None:
            spills = None if checkpoints is None else checkpoints.spills
            keeper = PassRecorder(lanes, interrupts, progress, watch, spills=spills)
        else:
            keeper, scenes = saved["keeper"], saved["scenes"]
            steadying = saved["reading"][1]
            keeper.attach(interrupts, progress, watch)
        try:
            with closing(source):
                if scenes is None:
                    with interrupts.allowed():
                        scenes = learn_scene(source, lanes, prescan=prescan, watch=watch)
                forwards = partial(
                    run, sinks=[keeper], queue_frames=queue_frames, watch=watch, steadied=True,
                    progress=None if progress is None else partial(progress, stage=FORWARDS),
                )  # fmt: skip
                report = _first_pass(forwards, source, lanes, keeper, scenes, steadying, checkpoints)
            results, complete = keeper.results(report)
        except KeyboardInterrupt:
            results, complete = keeper.first_pass(), False  # nothing yet: the run that writes ends at once
        except Exception as ended:
            if not keeper.frames:
                keeper.clear()
                raise
            results, complete, error = keeper.first_pass(), False, ended
        if keeper.frames and interrupts.asked:
            interrupts.answered()
    give_back()
    named = {lane.name: lane for lane in results}
    every = tuple(named.get(lane.name, lane) for lane in lanes)
    return PassResults(
        every, keeper.frames, error is None and not complete, error, scenes, keeper.clear, steadying=steadying
    )


def _first_pass(
    forwards: Callable[..., RunReport], source: Source, lanes: Sequence[Lane], keeper: PassRecorder, scenes: KnownScenes,
    steadying: Steadying | None, checkpoints: Checkpoints | None,
) -> RunReport:  # fmt: skip
    """The first pass, or what is left of it; saved at its end."""
    if checkpoints is None:
        return forwards(source, keeper.lanes, scenes=deepcopy(scenes), steadying=steadying)
    if checkpoints.at(BACKWARDS):
        return RunReport(keeper.frames, "complete", None, 0, {})
    values = {"lanes": lanes, "keeper": keeper, "scenes": scenes}
    stage = checkpoints.stage(FORWARDS, lambda: values)
    now = (deepcopy(scenes), steadying) if stage.known is None else stage.known
    left = checkpoints.source(source, stage.next_frame)
    report = forwards(left, keeper.lanes, scenes=now[0], steadying=now[1], pauses=stage, begin=stage.begin)
    if report.outcome == "complete":
        checkpoints.save(BACKWARDS, None, {"reading": now, **values})
    return report


class PassRecorder:
    """A sink that keeps what the lanes saw, and has them look at it again from the end.

    labels  by lane, files for the labels of the passes, if another process is to read them
    """

    def __init__(
        self, lanes: Sequence[Lane], interrupts: Interrupts, progress: Progress | None, watch: Stopwatch,
        *, labels: Mapping[str, LabelPaths] | None = None, spills: SpillFolder | None = None,
    ) -> None:  # fmt: skip
        self.lanes = [lane for lane in lanes if isinstance(lane.segmenter, SmoothedSegmenter)]
        self.frames = 0
        """kept so far"""
        self.attach(interrupts, progress, watch)
        self.passes: dict[str, Passes] = {}
        """by lane"""
        for lane in self.lanes:
            assert isinstance(lane.segmenter, SmoothedSegmenter)
            lane.segmenter.expect_more_passes()
            files = None if labels is None else labels[lane.name]
            self.passes[lane.name] = Passes(lane.segmenter, attend=self._attend, labels=files, folder=spills)

    def attach(self, interrupts: Interrupts, progress: Progress | None, watch: Stopwatch) -> None:
        """Who is asked and told from now on: another process's, after one that was killed."""
        self._interrupts, self._progress, self._watch = interrupts, progress, watch

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("_interrupts", "_progress", "_watch")}

    def write(self, moment: Moment) -> None:
        for view in moment.views:
            self.passes[view.lane].add(moment.frame, view.segmentation)
        self.frames += 1

    def close(self, outcome: Outcome) -> None:
        """Nothing to finish."""

    def results(self, report: RunReport) -> tuple[list[Lane], bool]:
        """The lanes' results, and whether they are those of all passes."""
        if report.outcome == "complete":
            try:
                return [self._fused(lane) for lane in self.lanes], True
            except KeyboardInterrupt:
                pass
        return self.first_pass(), False

    def first_pass(self) -> list[Lane]:
        """What the lanes found in it."""
        found = []
        for lane in self.lanes:
            passes = self.passes[lane.name]
            rows, _ = passes.seen_at_first()
            entropies = Entropies(rows, passes.entropies())
            replay = Replay(causal(rows), passes.labels.first, None, entropies=entropies)
            found.append(Lane(lane.name, replay, weights_digest=lane.weights_digest))
        return found

    def clear(self) -> None:
        """Forget everything."""
        for passes in self.passes.values():
            passes.close()

    def _fused(self, lane: Lane) -> Lane:
        passes = self.passes[lane.name]
        with self._watch.stage("total"), self._watch.stage(f"lane {lane.name}"):
            seen = passes.finish()
            rows = fuse(*seen)
        first, *others = passes.labels
        entropies = Entropies(seen.first, passes.entropies())
        replay = Replay(rows, first, (others[0], others[1]), entropies=entropies)
        return Lane(lane.name, replay, weights_digest=lane.weights_digest)

    def _attend(self, done: int, frames: int) -> None:
        """Hear Ctrl+C between two frames of the backward pass, and tell how far it is."""
        with self._interrupts.allowed():
            pass
        if self._progress is not None:
            self._progress(done, frames, stage=BACKWARDS)


def give_back() -> None:
    """Give memory that is free back to the system: glibc keeps what ended threads had, 70 MB after a clip of 1080 lines."""
    # another C library has no such function, and Windows no such library
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
