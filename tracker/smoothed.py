"""Files are watched in both directions: lanes that can look back do so before the run that writes the results.

    source -> lane slots -> kept -> backwards -> fused          forwards, backwards
    source -> lane gmm, what was fused -> the sinks              writing

Filtering becomes smoothing (forward-backward): what happens to an object after a frame tells who it is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial

from tracker.interrupt import Interrupts
from tracker.lanes import Lane
from tracker.pipeline import PRESCAN, Progress, RunReport, run
from tracker.prescan import Pictures
from tracker.smoothing.fuse import fuse
from tracker.smoothing.passes import Passes
from tracker.smoothing.replay import Replay, causal
from tracker.stopwatch import Stopwatch
from tracker.types import Image, Moment, Outcome, Sink, SmoothedSegmenter, Source

FORWARDS, BACKWARDS, WRITING = "forwards", "backwards", "writing"
"""stages of a run, as its progress names them"""


def run_both_ways(
    source: Source, lanes: Sequence[Lane], sinks: Sequence[Sink], *, again: Callable[[int | None], Source], online: bool,
    prescan: Pictures = PRESCAN, queue_frames: int = 8, progress: Progress | None = None, watch: Stopwatch | None = None,
    keep: Callable[[Moment], Moment] | None = None, notify: Callable[[str], None] = lambda line: None,
) -> RunReport:  # fmt: skip
    """`pipeline.run` over a file, before which every lane that can look back looks at it from both ends.

    source  is read to its end and closed where a lane looks back; its owner may close it once more
    again   opens it again: all of it, or so many frames
    online  nobody looks back

    Raises what a run raises. Ctrl+C in the first or the second pass: what the first has found of the frames so far is written, which a
    second Ctrl+C ends; the outcome is "interrupted".
    """
    watch = watch or Stopwatch()
    line = partial(run, sinks=sinks, queue_frames=queue_frames, watch=watch, keep=keep)
    if online or source.info.live or not any(isinstance(lane.segmenter, SmoothedSegmenter) for lane in lanes):
        return line(source, lanes, prescan=prescan, progress=progress)
    try:
        found = _watch(source, lanes, prescan=prescan, queue_frames=queue_frames, progress=progress, watch=watch)
    except BaseException:
        for sink in sinks:
            with suppress(Exception):  # what went wrong before is what is told
                sink.close("failed")
        raise
    with found, closing(again(found.frames if found.interrupted else None)) as rest:
        if found.interrupted and found.frames:
            notify(
                f"interrupted: writing the {found.frames} frames so far, by the first pass alone; Ctrl+C again ends that"
            )
        telling = None if progress is None else partial(progress, stage=WRITING)
        report = line(rest, found.lanes, prescan=found.pictures, progress=telling)
    return replace(report, outcome="interrupted") if found.interrupted else report


@dataclass(frozen=True)
class _Found:
    """A clip after both passes."""

    lanes: tuple[Lane, ...]
    """those of the run that writes: where a lane has looked already, what it found"""
    frames: int
    interrupted: bool
    """only so many frames were looked at, or the second pass was not finished: the lanes give what the first pass found"""
    pictures: Pictures
    """those of the prescan, once more"""
    forget: Callable[[], None]

    def __enter__(self) -> _Found:
        return self

    def __exit__(self, *_: object) -> None:
        """What the lanes found is not needed any more."""
        self.forget()


def _watch(
    source: Source, lanes: Sequence[Lane], *, prescan: Pictures, queue_frames: int, progress: Progress | None,
    watch: Stopwatch,
) -> _Found:  # fmt: skip
    """Both passes of every lane that can look back.

    The first Ctrl+C ends them, and counts as answered if there is something to write.
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
            results, complete = keeper.results(report)
        except BaseException:
            keeper.clear()
            raise
        if report.frames and not complete:
            interrupts.answered()
    named = {lane.name: lane for lane in results}
    every = tuple(named.get(lane.name, lane) for lane in lanes)
    return _Found(every, report.frames, not complete, taken, keeper.clear)


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
        return self._replayed(
            lane, Replay(rows, passes.forward_labels, passes.backward_labels, weights_digest=_digest(lane))
        )

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
