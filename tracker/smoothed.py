"""Files are watched in both directions: lanes that can look back do so before the run that writes the results.

    source -> lane slots -> kept -> backwards -> fused          forwards, backwards
    source -> lane gmm, what was fused -> the sinks              writing

Filtering becomes smoothing (forward-backward): what happens to an object after a frame tells who it is in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

from tracker.errors import SourceError
from tracker.interrupt import Interrupts
from tracker.lanes import Lane
from tracker.pipeline import Progress, RunReport, run
from tracker.prescan import Pictures
from tracker.smoothing.fuse import fuse
from tracker.smoothing.passes import Passes
from tracker.smoothing.replay import Replay, causal
from tracker.stopwatch import Stopwatch
from tracker.types import Image, Moment, Outcome, SmoothedSegmenter, Source

FORWARDS, BACKWARDS, WRITING = "forwards", "backwards", "writing"
"""stages of a run, as its progress names them"""


@dataclass(frozen=True)
class Watched:
    """A clip after both passes."""

    lanes: tuple[Lane, ...]
    """those of the run that writes: where a lane has looked already, what it found"""
    frames: int
    outcome: Outcome
    """"interrupted": only so many frames were looked at, or the second pass was not finished; then the lanes give the first pass alone"""
    pictures: Pictures
    """those of the prescan, once more"""


def looks_back(lanes: Sequence[Lane], source: Source) -> bool:
    """Whether a run over this source, from its file, has a lane that can look at it from its end."""
    return not source.info.live and any(isinstance(lane.segmenter, SmoothedSegmenter) for lane in lanes)


def watch_both_ways(
    source: Source, lanes: Sequence[Lane], *, prescan: Pictures, queue_frames: int, progress: Progress | None,
    watch: Stopwatch,
) -> Watched:  # fmt: skip
    """Both passes of every lane that can look back. Reads the source to its end; who writes opens it again.

    Raises what a run raises. The first Ctrl+C ends the passes, and counts as answered: the next one ends the run that writes.
    """
    taken = _Taken(prescan)
    with Interrupts() as interrupts, interrupts.held():
        keeper = _Keeper(lanes, interrupts, progress, watch)
        try:
            with closing(source):
                report = run(
                    source, keeper.lanes, [keeper], prescan=taken, queue_frames=queue_frames, watch=watch,
                    progress=None if progress is None else partial(progress, stage=FORWARDS),
                )  # fmt: skip
            if report.frames == 0:
                raise KeyboardInterrupt
            found, complete = keeper.results(report)
        except BaseException:
            keeper.clear()
            raise
        if not complete:
            interrupts.answered()
    named = {lane.name: lane for lane in found}
    return Watched(
        tuple(named.get(lane.name, lane) for lane in lanes), report.frames,
        "complete" if complete else "interrupted", taken,
    )  # fmt: skip


def joined_report(watched: Watched, report: RunReport) -> RunReport:
    """How the whole run went."""
    return report if watched.outcome == "complete" else replace(report, outcome=watched.outcome)


class _Taken:
    """Pictures of a prescan that is asked twice."""

    def __init__(self, prescan: Pictures) -> None:
        self._prescan = prescan
        self._images: list[Image] | None = None

    def pictures(self, source: Source) -> list[Image]:
        if self._images is None:
            self._images = self._prescan.pictures(source)
        return self._images


class _Keeper:
    """A sink that keeps what the lanes saw, and has them look at it again from the end."""

    def __init__(
        self, lanes: Sequence[Lane], interrupts: Interrupts, progress: Progress | None, watch: Stopwatch
    ) -> None:
        self.lanes = [lane for lane in lanes if isinstance(lane.segmenter, SmoothedSegmenter)]
        self._interrupts, self._progress, self._watch = interrupts, progress, watch
        self._passes = {
            lane.name: Passes(lane.segmenter, attend=self._attend)
            for lane in self.lanes
            if isinstance(lane.segmenter, SmoothedSegmenter)
        }

    def write(self, moment: Moment) -> None:
        for view in moment.views:
            self._passes[view.lane].add(moment.frame, view.segmentation)

    def close(self, outcome: Outcome) -> None:
        """Nothing to finish."""

    def results(self, report: RunReport) -> tuple[list[Lane], bool]:
        """The lanes' results, and whether they are those of both passes."""
        if report.outcome == "complete":
            try:
                return [self._fused(lane) for lane in self.lanes], True
            except KeyboardInterrupt:
                pass
        return [self._causal(lane) for lane in self.lanes], False

    def clear(self) -> None:
        """Forget everything."""
        for passes in self._passes.values():
            passes.close()

    def _fused(self, lane: Lane) -> Lane:
        passes = self._passes[lane.name]
        with self._watch.stage("total"), self._watch.stage(f"lane {lane.name}"):
            rows = fuse(*passes.finish())
        return self._replayed(lane, Replay(rows, passes.forward_labels, passes.backward_labels, weights_digest=_digest(lane)))

    def _causal(self, lane: Lane) -> Lane:
        passes = self._passes[lane.name]
        rows, _ = passes.seen_forwards()
        return self._replayed(lane, Replay(causal(rows), passes.forward_labels, None, weights_digest=_digest(lane)))

    def _replayed(self, lane: Lane, replay: Replay) -> Lane:
        return Lane(lane.name, replay)

    def _attend(self, done: int, frames: int) -> None:
        """Hear Ctrl+C between two frames of the second pass, and tell how far it is."""
        with self._interrupts.allowed():
            pass
        if self._progress is not None:
            self._progress(done, frames, stage=BACKWARDS)


def _digest(lane: Lane) -> str | None:
    return getattr(lane.segmenter, "weights_digest", None)
