"""The recorder of a job: which tables it writes, what stands in its summaries, and who switches it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from tracker.controls import Board
from tracker.draw import Overlay
from tracker.events import EventFinder
from tracker.jobs.files import Job
from tracker.jobs.live import Live
from tracker.jobs.summary import SCHEMA_VERSION, source_summary, versions
from tracker.jobs.zones import ZoneWatch
from tracker.settings import RunSettings
from tracker.sinks import CsvRows, EventRows, MotRows, Recorder, RecordPlan, RowFormat, ZoneRows
from tracker.types import SourceInfo


def build_recorder(
    plan: RecordPlan,
    job: Job,
    settings: RunSettings,
    info: SourceInfo,
    *,
    overlay: Overlay,
    finders: Mapping[str, EventFinder],
    zones: ZoneWatch,
    notify: Callable[[str], None],
    live: Live | None,
) -> Recorder:
    """The recorder, with its folder claimed; a live run's controls switch it, and its board says whether it records.

    Raises SinkError if the folder cannot be made, or another run records there.
    """
    recorder = Recorder(
        plan,
        tables=_tables(job, settings, finders, zones),
        render=overlay.for_video,
        fps=info.fps,
        settings=settings.video,
        pixel_aspect=info.pixel_aspect,
        about={
            "schema_version": SCHEMA_VERSION,
            "source": source_summary(info),
            "seed": settings.seed,
            "settings": settings.model_dump(mode="json"),
            "versions": versions(),
        },
        spare=[Path(job.source), *job.reads],
        notify=notify,
        tell=(lambda recording: None) if live is None else partial(_tell, live.board),
        on=live is None or live.records,
    )
    recorder.claim()
    if live is not None:
        live.controls.on("record", partial(_switch, recorder, live))
    return recorder


def _tell(board: Board, recording: bool) -> None:
    board.change(recording=recording)


def _switch(recorder: Recorder, live: Live, on: object) -> None:
    live.records = bool(on)
    recorder.switch(live.records)


def _tables(
    job: Job, settings: RunSettings, finders: Mapping[str, EventFinder], zones: ZoneWatch
) -> dict[str, RowFormat]:
    """By the ending of their names, as `planned_files` has them."""
    tables: dict[str, RowFormat] = {}
    for lane in settings.lanes:
        tables[f"{lane}.mot.txt"] = MotRows(lane)
        tables[f"{lane}.csv"] = CsvRows(lane)
        tables[f"{lane}.events.jsonl"] = EventRows(finders[lane])
        if settings.zones.count or job.draws_zones:
            tables[f"{lane}.zones.csv"] = ZoneRows(zones.counter(lane), sparse=not settings.zones.count)
    return tables
