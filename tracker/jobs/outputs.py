"""What a run writes to: the sinks of its files, its window, its page, and whoever is told of its events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tracker.draw import Overlay, contact_sheet
from tracker.events import EventFinder
from tracker.health import Health
from tracker.hooks.channel import Channel
from tracker.hooks.hook import RunMark, SentEvent
from tracker.jobs.files import Job, planned_files
from tracker.jobs.hooks import build_event_hook
from tracker.jobs.live import Live
from tracker.jobs.recording import build_recorder
from tracker.jobs.tally import RunTally
from tracker.jobs.window import build_window
from tracker.jobs.zones import ZoneWatch
from tracker.settings import RunSettings
from tracker.sinks import (
    ContactSheet,
    CsvTable,
    EventLines,
    MaskFolder,
    MotTable,
    OverlayVideo,
    Results,
    RleMasks,
    ZoneTable,
)
from tracker.timing import WARM_UP_PICTURES
from tracker.types import Finder, Sink, SourceInfo

if TYPE_CHECKING:
    from tracker.jobs.comparison import Comparison


@dataclass(frozen=True)
class Finders:
    """Who finds in a run what befalls objects; all sinks ask the same ones."""

    events: Mapping[str, EventFinder]
    """by lane"""
    zones: ZoneWatch


@dataclass(frozen=True)
class RunSinks:
    """What a run writes to, and the names of its files."""

    planned: Mapping[str, Path]
    results: Results
    tally: RunTally
    health: Health
    zones: ZoneWatch
    files: Sequence[Sink]
    comparison: Comparison | None

    def in_order(self) -> list[Sink]:
        """The comparison comes last: it asks the health."""
        return [self.tally, self.health, *self.files, *([] if self.comparison is None else [self.comparison])]


def build_run_sinks(
    job: Job,
    settings: RunSettings,
    planned: Mapping[str, Path],
    info: SourceInfo,
    tally: RunTally,
    results: Results,
    notify: Callable[[str], None],
    live: Live | None,
    channels: Sequence[Channel],
    zones: ZoneWatch,
    also: Callable[[Finders], Sequence[Sink]],
    goes_on: bool = False,
) -> RunSinks:
    """Everything that a run writes to; `notify` is told of a warm-up. Raises SinkError for what cannot be written.

    goes_on  the scene was learned before, by a run that was killed
    """
    known = goes_on or (live is not None and live.knows_scene)
    unprepared = (info.live or settings.prescan_frames == 0) and not known
    warm_up_s = settings.gmm.mixture.warm_up_s if unprepared else 0.0
    overlay = build_overlay(job, settings, zones)
    finders = {lane: EventFinder(settings.events, lane) for lane in settings.lanes}
    health = Health(settings.lanes, warm_up_s=warm_up_s, pairs=job.compare)
    comparison = None
    if job.compare:
        from tracker.jobs.comparison import Comparison  # brings the report's page

        comparison = Comparison(settings.lanes, finders=finders, overlay=overlay, health=health, zones=zones)
    files = build_sinks(job, settings, info, results, overlay=overlay, finders=finders, zones=zones, notify=notify)
    if job.show:
        lost = notify if job.keeps else None  # a recording goes on without its window
        files.append(build_window(settings, info, overlay, live, lost))
    if channels:
        only = job.output is job.record is None and not job.show and not (live and live.served)
        board = None if live is None else live.board
        told_by: list[Finder[SentEvent]] = [*finders.values(), *map(zones.counter, settings.lanes)]
        files.append(
            build_event_hook(
                job.events_to,
                channels,
                told_by,
                info=info,
                only=only,
                notify=notify,
                board=board,
                mark=RunMark() if live is None else live.mark,
            )
        )
    if job.record is not None:
        files.append(
            build_recorder(
                job.record, job, settings, info, overlay=overlay, finders=finders, zones=zones, notify=notify, live=live
            )
        )
    if live is not None:
        files += live.sinks(overlay, finders, info)
    files += also(Finders(finders, zones))
    if unprepared:
        notify(
            f"warming up: the first {warm_up_s:g} s, and {WARM_UP_PICTURES} pictures at least, are taken for the empty scene"
        )
    return RunSinks(planned, results, tally, health, zones, files, comparison)


def build_overlay(job: Job, settings: RunSettings, zones: ZoneWatch | None = None) -> Overlay:
    """The picture of a moment: all lanes side by side, or the network's with the baseline's foreground as an inset."""
    shapes = None if zones is None else zones.shapes
    order = settings.lanes
    if not job.compare:
        order = tuple(sorted(order, key=lambda lane: settings.of_lane(lane)[0] != "slots"))
    return Overlay(settings.overlay, lanes=order, panels=job.compare, shapes=shapes)


def build_sinks(
    job: Job,
    settings: RunSettings,
    info: SourceInfo,
    results: Results,
    *,
    overlay: Overlay,
    finders: Mapping[str, EventFinder],
    zones: ZoneWatch | None = None,
    notify: Callable[[str], None] = lambda line: None,
) -> list[Sink]:
    """The sinks of a job's files; nothing is opened before the first moment comes. `notify` as in `process`."""
    planned = planned_files(job, settings)
    sinks: list[Sink] = []
    for role, path in planned.items():
        kind, _, lane = role.partition(" ")
        output = results.output(path)
        if kind == "video":
            sinks.append(
                OverlayVideo(
                    output,
                    render=overlay.for_video,
                    fps=info.fps,
                    settings=settings.video,
                    pixel_aspect=info.pixel_aspect,
                    notify=notify,
                )
            )
        elif kind == "mot":
            sinks.append(MotTable(output, lane))
        elif kind == "csv":
            sinks.append(CsvTable(output, lane))
        elif kind == "events":
            sinks.append(EventLines(output, finders[lane]))
        elif kind == "zones" and zones is not None:
            sinks.append(ZoneTable(output, zones.counter(lane), sparse=not settings.zones.count))
        elif kind == "masks":
            sinks.append(MaskFolder(output, lane) if job.masks == "png" else RleMasks(output, lane))
        elif kind == "sheet":
            sinks.append(ContactSheet(output, render=overlay, arrange=contact_sheet, pixel_aspect=info.pixel_aspect))
    return sinks
