"""What a job comes to: its loop is run, its results are summed up and given their names, or its checkpoint is left."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from tracker.checkpoint import Checkpoints
from tracker.choosing import ChosenSetting
from tracker.errors import LostError, SourceError
from tracker.health import warnings
from tracker.jobs.outputs import RunSinks
from tracker.jobs.parts import seams_finding
from tracker.jobs.profile import trace_text
from tracker.jobs.summary import summarize
from tracker.lanes import Lane
from tracker.pipeline import RunReport
from tracker.settings import RunSettings
from tracker.sinks import Results, encoded, json_text, write_output
from tracker.stopwatch import Spans, Stopwatch
from tracker.types import Source, SourceInfo


@dataclass(frozen=True)
class Result:
    """What a job came to."""

    report: RunReport
    summary: dict[str, Any]
    """what stands in the summary file"""
    files: tuple[Path, ...]
    """files and folders that were written"""
    warnings: tuple[str, ...] = ()
    """a line each: what of a complete run's health the user should know"""
    spans: Spans | None = None
    """of a job with a profile"""
    chosen: tuple[ChosenSetting, ...] = ()
    """what was chosen where a setting is `auto`"""


def joined(segments: Sequence[Result]) -> Result:
    """What a run came to whose source went on with another size: the last segment's summary, everybody's frames and files."""
    if len(segments) == 1:
        return segments[0]
    reports = [part.report for part in segments]
    stages = dict.fromkeys(stage for report in reports for stage in report.seconds)
    report = replace(
        reports[-1],
        frames=sum(part.frames for part in reports),
        dropped=sum(part.dropped for part in reports),
        problem="; ".join(dict.fromkeys(part.problem for part in reports if part.problem)) or None,
        seconds={stage: sum(part.seconds.get(stage, 0.0) for part in reports) for stage in stages},
    )
    return replace(
        segments[-1],
        report=report,
        files=tuple(file for part in segments for file in part.files),
        warnings=tuple(dict.fromkeys(line for part in segments for line in part.warnings)),
    )


def keep_checkpoint(
    run: Callable[[], Result], results: Results, checkpoints: Checkpoints | None, notify: Callable[[str], None]
) -> Result:
    """What the run comes to. One that was saved and ends before its time leaves its checkpoint, and what was written.

    A source that fails would fail again: what was found of it is written, as without checkpoints.
    """
    if checkpoints is None:
        return run()
    try:
        result = run()
    except BaseException as error:
        results.leaves = checkpoints.saved and not isinstance(error, SourceError)
        if results.leaves:
            if not isinstance(error, LostError):
                notify(f"tracker: {checkpoints.store.folder}: --resume goes on from here")
        else:
            checkpoints.store.remove()
        raise
    results.leaves = False
    checkpoints.store.remove()
    return result


def run_loop(
    loop: Callable[..., RunReport],
    settings: RunSettings,
    chosen: tuple[ChosenSetting, ...],
    source: Source,
    lanes: tuple[Lane, ...],
    sinks: RunSinks,
    *,
    watch: Stopwatch,
    spans: Spans | None,
    checkpoints: Checkpoints | None = None,
) -> Result:
    """The loop, and what it comes to."""
    saved = partial(_is_saved, checkpoints)
    finish = partial(_finish, sinks, info=source.info, lanes=lanes, settings=settings, chosen=chosen, spans=spans)
    try:
        report = loop(
            source,
            lanes,
            sinks.in_order(),
            queue_frames=settings.queue_frames,
            watch=watch,
            keep=sinks.zones.step,
        )
    except Exception as error:
        if not isinstance(error, SourceError) and saved():
            raise
        if sinks.results.whole and not sinks.results.replaces:
            with suppress(Exception):  # the first error is the one to tell
                finish(RunReport(sinks.tally.frames, "failed", str(error), 0, {}))
        raise
    for lane in dict.fromkeys(seam.lane for seam in report.seams):
        sinks.health.add(seams_finding(lane, [seam for seam in report.seams if seam.lane == lane]))
    if report.outcome == "interrupted" and saved():
        raise KeyboardInterrupt
    said = warnings(sinks.health.findings()) if report.outcome == "complete" else ()
    summary = finish(report)
    files = tuple(path for path in sinks.planned.values() if report.frames and os.path.lexists(path))
    return Result(report, summary, files, said, spans, chosen)


def _is_saved(checkpoints: Checkpoints | None) -> bool:
    return checkpoints is not None and checkpoints.saved


def _finish(
    sinks: RunSinks,
    report: RunReport,
    *,
    info: SourceInfo,
    lanes: tuple[Lane, ...],
    settings: RunSettings,
    chosen: tuple[ChosenSetting, ...],
    spans: Spans | None,
) -> dict[str, Any]:
    """Sum up, write summary, page and trace, and give the results their names; returns the summary."""
    planned, results = sinks.planned, sinks.results
    summary = summarize(report, info=info, lanes=lanes, settings=settings, chosen=chosen, tally=sinks.tally)
    if not report.frames:
        return summary
    sinks.zones.add_to(summary)
    summary["findings"] = [asdict(finding) for finding in sinks.health.findings()]
    if sinks.comparison is not None:
        summary |= sinks.comparison.numbers(sinks.tally, settings.seed)
    if "summary" in planned:
        write_output(results.output(planned["summary"]), encoded(json_text(summary)))
    if sinks.comparison is not None and "report" in planned:
        page = sinks.comparison.page(summary, sinks.tally, planned)
        write_output(results.output(planned["report"]), encoded(page))
    if spans is not None and "trace" in planned:
        write_output(results.output(planned["trace"]), encoded(trace_text(spans)))
    results.commit()
    return summary
