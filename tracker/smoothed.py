"""Files are watched in both directions: lanes that can look back do so before the run that writes the results.

    source -> lane slots -> kept -> backwards -> fused          forwards, backwards
    source -> lane gmm, what was fused -> the sinks              writing

Filtering becomes smoothing (forward-backward): what happens to an object after a frame tells who it is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial

from tracker.lanes import Lane
from tracker.pipeline import PRESCAN, Progress, RunReport, run
from tracker.prescan import Pictures
from tracker.sources import SourceAround
from tracker.steadying import Steadying
from tracker.stopwatch import Stopwatch
from tracker.types import Frame, Moment, Sink, SmoothedSegmenter, Source

WRITING = "writing"
"""the last stage of such a run, as its progress names it"""


def run_both_ways(
    source: Source, lanes: Sequence[Lane], sinks: Sequence[Sink], *, again: Callable[[int | None], Source], online: bool,
    prescan: Pictures = PRESCAN, queue_frames: int = 8, progress: Progress | None = None, watch: Stopwatch | None = None,
    keep: Callable[[Moment], Moment] | None = None, notify: Callable[[str], None] = lambda line: None,
    steadying: Steadying | None = None,
) -> RunReport:  # fmt: skip
    """`pipeline.run` over a file, before which every lane that can look back looks at it from both ends.

    source  is read to its end and closed where a lane looks back; its owner may close it once more
    again   opens it again: all of it, or so many frames
    online  nobody looks back

    Raises what a run raises, once what the first pass found before it is written. Ctrl+C in the first or the second pass: what the
    first has found of the frames so far is written, which a second Ctrl+C ends; the outcome is "interrupted".
    """
    watch = watch or Stopwatch()
    line = partial(run, sinks=sinks, queue_frames=queue_frames, watch=watch, keep=keep, steadying=steadying)
    if online or source.info.live or not any(isinstance(lane.segmenter, SmoothedSegmenter) for lane in lanes):
        return line(source, lanes, prescan=prescan, progress=progress)
    from tracker.two_passes import watch_both_ways  # brings SciPy: only where a lane looks back

    try:
        found = watch_both_ways(
            source,
            lanes,
            prescan=prescan,
            queue_frames=queue_frames,
            progress=progress,
            watch=watch,
            steadying=steadying,
        )
    except BaseException:
        for sink in sinks:
            with suppress(Exception):  # what went wrong before is what is told
                sink.close("failed")
        raise
    ended = found.interrupted or found.error is not None
    with found, closing(again(found.frames or None if ended else None)) as whole:
        if found.interrupted and found.frames:
            notify(
                f"interrupted: writing the {found.frames} frames so far, by the first pass alone; Ctrl+C again ends that"
            )
        telling = None if progress is None else partial(progress, stage=WRITING)
        written = whole if found.error is None else _Failing(whole, found.error)
        report = line(written, found.lanes, scenes=found.scenes, progress=telling)
    return replace(report, outcome="interrupted") if found.interrupted else report


class _Failing(SourceAround):
    """A source that ends with an error, so that the run that writes ends as the passes did."""

    def __init__(self, source: Source, error: Exception) -> None:
        super().__init__(source)
        self._error = error

    def __iter__(self) -> Iterator[Frame]:
        yield from self._source
        raise self._error
