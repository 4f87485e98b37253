"""Files are watched in both directions: lanes that can look back do so before the run that writes the results.

    source -> lane slots -> kept -> forwards, backwards -> fused     forwards, backwards
    source -> lane gmm, what was fused -> the sinks                  writing

Filtering becomes smoothing (forward-backward): what happens to an object after a frame tells who it is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from tracker.background import KnownScenes
from tracker.checkpoint import Checkpoints
from tracker.lanes import Lane
from tracker.pipeline import PRESCAN, Progress, RunReport, run
from tracker.prescan import PrescanSource
from tracker.sources import SourceAround
from tracker.steadying import Steadying
from tracker.stopwatch import Stopwatch
from tracker.types import Frame, Moment, Sink, SmoothedSegmenter, Source

if TYPE_CHECKING:
    from tracker.splitting.watch import Parted
    from tracker.watching import PassResults

ONLINE = "online"
"""the one stage of a run that looks at each frame once"""
WRITING, WRITING_PARTS = "writing", "writing of parts"
"""the last stage of such a run, as its progress names it"""


def run_both_ways(
    source: Source, lanes: Sequence[Lane], sinks: Sequence[Sink], *, again: Callable[[int | None], Source], online: bool,
    prescan: PrescanSource = PRESCAN, queue_frames: int = 8, progress: Progress | None = None, watch: Stopwatch | None = None,
    keep: Callable[[Moment], Moment] | None = None, notify: Callable[[str], None] = lambda line: None,
    steadying: Steadying | None = None, parted: Parted | None = None, checkpoints: Checkpoints | None = None,
) -> RunReport:  # fmt: skip
    """`pipeline.run` over a file, before which every lane that can look back looks at it from both ends.

    source  is read to its end and closed where a lane looks back; its owner may close it once more
    again   opens it again: all of it, or so many frames
    online  nobody looks back
    parted  they look at the file in parts, several at once
    checkpoints  save the run now and then, and know from where it goes on; None: it is not saved

    Raises what a run raises, once what the first pass found before it is written. Ctrl+C in the first or a later pass: what the
    first has found of the frames so far is written, which a second Ctrl+C ends; the outcome is "interrupted". While parts are watched,
    and where the run was saved, it is KeyboardInterrupt, and nothing is written.
    """
    watch = watch or Stopwatch()
    if checkpoints is not None and checkpoints.found is not None:
        lanes = checkpoints.found["lanes"]
    line = partial(run, sinks=sinks, queue_frames=queue_frames, watch=watch, keep=keep)
    looks_back = any(isinstance(lane.segmenter, SmoothedSegmenter) for lane in lanes)
    going_on = checkpoints is not None and checkpoints.at(WRITING) is not None
    if online or source.info.live or not (looks_back or going_on):
        once = partial(line, prescan=prescan, progress=progress)
        return _saved(once, ONLINE, source, lanes, None, steadying, checkpoints)
    stage = WRITING if parted is None else WRITING_PARTS
    telling = None if progress is None else partial(progress, stage=stage)
    if going_on:
        with closing(source):
            return _saved(partial(line, progress=telling), WRITING, source, lanes, None, None, checkpoints)
    with _closing_failed(sinks):
        found = _watched(source, lanes, parted, checkpoints, prescan=prescan, progress=progress, watch=watch,
                         steadying=steadying, queue_frames=queue_frames)  # fmt: skip
    ended = found.interrupted or found.error is not None
    if ended and checkpoints is not None and checkpoints.saved and found.error is None:
        with found:
            _close_failed(sinks)
        raise KeyboardInterrupt
    with found, ExitStack() as opened:
        with _closing_failed(sinks):
            whole = opened.enter_context(closing(again(found.frames or None if ended else None)))
        if found.interrupted and found.frames:
            notify(
                f"interrupted: writing the {found.frames} frames so far, by the first pass alone; Ctrl+C again ends that"
            )
        written = whole if found.error is None else _Failing(whole, found.error)
        once = partial(line, progress=telling)
        if checkpoints is not None and not ended:
            reading = found.scenes, found.steadying  # later the loop tells it
            with _closing_failed(sinks):
                checkpoints.save(WRITING, None, {"reading": reading, **_values(found.lanes, checkpoints)})
        report = _saved(
            once, WRITING, written, found.lanes, found.scenes, found.steadying, None if ended else checkpoints
        )
    report = replace(report, seams=found.seams)
    return replace(report, outcome="interrupted") if found.interrupted else report


def _watched(
    source: Source, lanes: Sequence[Lane], parted: Parted | None, checkpoints: Checkpoints | None, *, queue_frames: int, **how: Any
) -> PassResults:  # fmt: skip
    """The lanes' results; what brings SciPy is loaded only where a lane looks back."""
    if parted is not None:
        from tracker.splitting.watch import watch_in_parts

        return watch_in_parts(source, lanes, parted, **how)
    from tracker.watching import watch_both_ways

    return watch_both_ways(source, lanes, queue_frames=queue_frames, checkpoints=checkpoints, **how)


def _saved(
    line: Callable[..., RunReport], stage: str, source: Source, lanes: Sequence[Lane], scenes: KnownScenes | None,
    steadying: Steadying | None, checkpoints: Checkpoints | None,
) -> RunReport:  # fmt: skip
    """The run that writes, or what is left of it, saved now and then."""
    if checkpoints is None:
        return line(source, lanes, scenes=scenes, steadying=steadying)
    saving = checkpoints.stage(stage, lambda: _values(lanes, checkpoints))
    if saving.known is not None:
        scenes, steadying = saving.known
    left = checkpoints.source(source, saving.next_frame)
    return line(left, lanes, scenes=scenes, steadying=steadying, pauses=saving, begin=saving.begin)


def _values(lanes: Sequence[Lane], checkpoints: Checkpoints) -> dict[str, object]:
    """What is saved of a run that writes."""
    return {"lanes": lanes, "sinks": checkpoints.sinks}


@contextmanager
def _closing_failed(sinks: Sequence[Sink]) -> Iterator[None]:
    """Where what comes before the loop, which closes the sinks, goes wrong, they are closed too."""
    try:
        yield
    except BaseException:
        _close_failed(sinks)
        raise


def _close_failed(sinks: Sequence[Sink]) -> None:
    for sink in sinks:
        with suppress(Exception):  # what went wrong before is what is told
            sink.close("failed")


class _Failing(SourceAround):
    """A source that ends with an error, so that the run that writes ends as the passes did."""

    def __init__(self, source: Source, error: Exception) -> None:
        super().__init__(source)
        self._error = error

    def __iter__(self) -> Iterator[Frame]:
        yield from self._source
        raise self._error
