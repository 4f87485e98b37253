"""From the options of a command to its settings, its job, and what is said of it."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracker.cli.group import note, say

if TYPE_CHECKING:
    from tracker.jobs import Live, Result
    from tracker.settings import RunSettings
    from tracker.stopwatch import Spans


def profile_spans() -> Spans | None:
    """Those of the command's profile."""
    return click.get_current_context().meta.get("tracker.spans")


def import_stage() -> contextlib.AbstractContextManager[None]:
    """A stage of the profile, if there is one."""
    from tracker.stopwatch import Stopwatch

    return Stopwatch(spans=profile_spans()).stage("imports")


def chosen_settings(common: dict[str, Any]) -> RunSettings:
    """Take the settings' options out of the common ones."""
    from tracker.settings import load_settings

    overrides = list(common.pop("overrides"))
    device, lanes = common.pop("device"), common.pop("lanes")
    if common.pop("online", False):
        overrides.append("online=true")
    if device:
        overrides.append(f"device={device}")
    if lanes:
        overrides.append(f"lanes=[{','.join(lanes)}]")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", FutureWarning)
        settings = load_settings(common.pop("files"), overrides)
    for line in dict.fromkeys(str(each.message) for each in said):
        note(f"tracker: warning: {line}")
    if device and not any(settings.of_lane(lane)[0] in ("slots", "blobs") for lane in settings.lanes):
        raise click.UsageError(
            f"--device is for the networks of lanes slots and blobs; {', '.join(settings.lanes)} has none"
        )
    return settings


def carry_out(common: dict[str, Any], live: Live | None = None, **job: Any) -> None:
    """Do the job, say how it went, and raise KeyboardInterrupt if it was interrupted."""
    spans, trace = profile_spans(), common.pop("profile")
    with import_stage():
        from tracker.jobs import Job, process, profile_table
        from tracker.opencv_threads import one_opencv_thread
        from tracker.progress import shown_progress

    quiet, verbose = common.pop("quiet"), common.pop("verbose")
    reads = tuple(map(Path, common["files"]))
    settings = chosen_settings(common)
    with one_opencv_thread(), shown_progress(quiet=quiet) as progress:
        asked = Job(
            **job, **common, reads=reads, profile=spans is not None, trace=trace if trace and trace.name else None
        )
        result = process(asked, settings, progress=progress, notify=note, spans=spans, live=live)
    if result.report.problem:
        note(f"tracker: warning: {result.report.problem}")
    for line in () if quiet else result.warnings:
        note(f"tracker: {line}")
    if verbose:
        for change in result.chosen:
            note(f"tracker: {change.line}")
        for stage, ms in result.report.mean_ms.items():
            note(f"{stage:>24}  {ms:8.2f} ms a frame")
    if spans is not None:
        note(profile_table(spans))
    if not quiet:
        # where events are on stdout nothing else is
        tell = note if any(each.kind == "stdout" for each in asked.events_to) else say
        recorded = [] if asked.record is None else [asked.record.folder]
        tell(_closing_words(result, table=job.get("compare", False), also=recorded))
    if result.report.outcome == "interrupted":
        raise KeyboardInterrupt


def _closing_words(result: Result, *, table: bool, also: Sequence[Path]) -> str:
    from tracker.jobs import comparison_table
    from tracker.words import counted

    report = result.report
    dropped = f", {report.dropped} dropped" if result.summary["source"]["live"] else ""
    lines = [f"{counted(report.frames, 'frame')}, {report.fps:.1f} fps{dropped}"]
    if table:
        lines.append(comparison_table(result.summary))
    else:
        for name, lane in result.summary["lanes"].items():
            off = f", given up for lack of time in {counted(lane['frames_off'], 'frame')}" if lane["frames_off"] else ""
            found = counted(lane["identities"], "identity", "identities")
            lines.append(f"  {name}: {found}, {lane['ms_per_frame']:.1f} ms a frame{off}")
    return "\n".join([*lines, *(f"  {path}" for path in (*result.files, *also))])
