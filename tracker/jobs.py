"""One job from its address to its files: what `process`, `webcam` and `compare` do, as a plain function.

A job and its settings are plain values, so that a pool of processes or a cluster can be handed them too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tracker.build import build_lanes
from tracker.comparison import Comparison
from tracker.draw import Overlay, contact_sheet
from tracker.errors import SinkError, SourceError, TrackerError
from tracker.events import EventFinder
from tracker.pipeline import Progress, RunReport, run
from tracker.settings import RunSettings
from tracker.sinks import (
    ContactSheet,
    CsvTable,
    EventLines,
    MaskFolder,
    MotTable,
    OverlayVideo,
    RleMasks,
    Window,
    check_display,
    check_outputs,
    write_json_whole,
)
from tracker.sources import open_source
from tracker.summary import summarize
from tracker.tally import Tally
from tracker.types import Sink, Source, SourceInfo

if TYPE_CHECKING:
    from tracker.scores import Truth


@dataclass(frozen=True)
class Job:
    """One source and what becomes of it."""

    source: str
    """path, glob, folder, camera number or address"""
    output: Path | None = None
    """NAME.mp4, the overlay; everything else stands beside it as NAME.something. None: nothing is kept"""
    video: bool = True
    """false: NAME.mp4 itself is not written"""
    masks: Literal["png", "rle"] | None = None
    compare: bool = False
    """lanes side by side, a contact sheet, a report page, and scores where there is a truth"""
    truth: Path | None = None
    """a MOT table, or a folder with gt.txt, masks/000001.png or both, or CDnet's groundtruth"""
    show: bool = False
    """a window while it runs"""
    start_s: float = 0.0
    duration_s: float | None = None
    max_frames: int | None = None
    fps: float | None = None
    """of pictures, which carry no times; None: 25. A video knows its own"""
    overwrite: bool = False
    """false: a result that exists is refused"""


@dataclass(frozen=True)
class Result:
    """What a job came to."""

    report: RunReport
    summary: dict[str, Any]
    """what stands in the summary file"""
    files: tuple[Path, ...]
    """files and folders that were written"""


def process(
    job: Job,
    settings: RunSettings,
    *,
    progress: Progress | None = None,
    notify: Callable[[str], None] = lambda line: None,
) -> Result:
    """Read, track, draw, write and sum up; `notify` is told what the user should know before the first frame.

    Raises SourceError, SinkError, WeightsError or SettingsError. What is refused is refused before anything is written;
    if a run fails later, its results hold the frames so far and the summary says "failed". Ctrl+C is no error: the
    results hold the frames so far and the outcome is "interrupted".
    """
    if job.show:
        check_display()
    planned = planned_files(job, settings)
    truth = _read_truth(job)
    with closing(_open(job, start_s=job.start_s, duration_s=job.duration_s, max_frames=job.max_frames)) as source:
        for line in source.info.notes:
            notify(f"tracker: {source.info.name}: {line}")
        lanes = build_lanes(settings)
        tally = Tally(
            settings.lanes, truth=truth, frame_offset=0 if truth is None else _frames_before(job, source.info)
        )
        _check_files(job, planned)  # last: it makes the folder, which a job that is refused does not leave behind
        unprepared = source.info.live or settings.prescan_frames == 0
        warm_up_s = settings.gmm.mixture.warm_up_s if unprepared else 0.0
        if unprepared:
            notify(f"warming up: the first {warm_up_s:g} s are taken for the empty scene")
        overlay = build_overlay(job, settings)
        finders = {lane: EventFinder(settings.events, lane) for lane in settings.lanes}
        comparison = None
        if job.compare:
            comparison = Comparison(settings.lanes, finders=finders, overlay=overlay, warm_up_s=warm_up_s)
        sinks = [tally, *build_sinks(job, settings, source.info, overlay=overlay, finders=finders)]

        def sum_up(report: RunReport) -> dict[str, Any]:
            summary = summarize(report, info=source.info, lanes=lanes, settings=settings, tally=tally)
            if not report.frames:
                return summary
            if comparison is not None:
                summary |= comparison.numbers(tally, settings.seed)
            if "summary" in planned:
                write_json_whole(planned["summary"], summary)
            if comparison is not None and "report" in planned:
                comparison.write_page(planned["report"], summary, tally, planned)
            return summary

        try:
            report = run(
                source,
                lanes,
                sinks if comparison is None else [*sinks, comparison],
                prescan_frames=settings.prescan_frames,
                queue_frames=settings.queue_frames,
                progress=progress,
            )
        except TrackerError as error:
            sum_up(RunReport(tally.frames, "failed", str(error), 0, {}))
            raise
        return Result(report, sum_up(report), tuple(planned.values()) if report.frames else ())


def planned_files(job: Job, settings: RunSettings) -> dict[str, Path]:
    """What the job will write, by role: video, mot LANE, csv LANE, events LANE, masks LANE, sheet, report, summary."""
    if job.output is None:
        return {}
    name = job.output.with_suffix("")
    planned = {"video": job.output} if job.video else {}
    for lane in settings.lanes:
        planned[f"mot {lane}"] = _beside(name, f"{lane}.mot.txt")
        planned[f"csv {lane}"] = _beside(name, f"{lane}.csv")
        planned[f"events {lane}"] = _beside(name, f"{lane}.events.jsonl")
        if job.masks is not None:
            planned[f"masks {lane}"] = _beside(name, f"{lane}.masks" + (".json" if job.masks == "rle" else ""))
    if job.compare:
        planned["sheet"] = _beside(name, "png")
        planned["report"] = name.with_name("report.html")
    planned["summary"] = _beside(name, "json" if job.compare else "summary.json")
    return planned


def build_overlay(job: Job, settings: RunSettings) -> Overlay:
    """The picture of a moment: all lanes side by side, or the network's with the baseline's foreground as an inset."""
    order = settings.lanes
    if not job.compare:
        order = tuple(sorted(order, key=lambda lane: settings.of_lane(lane)[0] != "slots"))
    return Overlay(settings.overlay, lanes=order, panels=job.compare)


def build_sinks(
    job: Job, settings: RunSettings, info: SourceInfo, *, overlay: Overlay, finders: Mapping[str, EventFinder]
) -> list[Sink]:
    """The sinks of a job's files; nothing is opened before the first moment comes."""
    planned = planned_files(job, settings)
    sinks: list[Sink] = []
    for role, path in planned.items():
        kind, _, lane = role.partition(" ")
        if kind == "video":
            sinks.append(OverlayVideo(path, render=overlay, fps=info.fps, settings=settings.video))
        elif kind == "mot":
            sinks.append(MotTable(path, lane))
        elif kind == "csv":
            sinks.append(CsvTable(path, lane))
        elif kind == "events":
            sinks.append(EventLines(path, finders[lane]))
        elif kind == "masks":
            sinks.append(MaskFolder(path, lane) if job.masks == "png" else RleMasks(path, lane))
        elif kind == "sheet":
            sinks.append(ContactSheet(path, render=overlay, arrange=contact_sheet))
    if job.show:
        sinks.append(Window("tracker", render=overlay))
    return sinks


def _beside(name: Path, ending: str) -> Path:
    return name.with_name(f"{name.name}.{ending}")


def _check_files(job: Job, planned: dict[str, Path]) -> None:
    """Refuse what could not be written, and what would replace the input."""
    if job.video and job.output is not None and job.output.suffix.lower() != ".mp4":
        raise SinkError(f"{job.output}: wanted a name that ends in .mp4; the overlay is an MP4 video")
    source = Path(job.source).resolve()
    for path in planned.values():
        if path.resolve() == source or path.resolve() in source.parents:
            raise SinkError(f"{path}: is the input; choose another name with -o")
    folders = [path for role, path in planned.items() if role.startswith("masks") and job.masks == "png"]
    check_outputs([p for p in planned.values() if p not in folders], folders=folders, overwrite=job.overwrite)


def _open(job: Job, **span: Any) -> Source:
    return open_source(job.source, **span) if job.fps is None else open_source(job.source, fps=job.fps, **span)


def _frames_before(job: Job, info: SourceInfo) -> int:
    """The clip's frames before the run's first: a truth counts them too. Counted, since not every clip has one rate."""
    if job.start_s == 0 or info.live:
        return 0
    with closing(_open(job, duration_s=job.start_s)) as before:
        return sum(1 for _ in before)


def _read_truth(job: Job) -> Truth | None:
    if job.truth is None:
        return None
    from tracker.scores import frame_numbers, read_truth

    # pictures have numbers of their own, by which a truth speaks of them; a video's frames are 1, 2, ...
    source = Path(job.source)
    if not source.exists() and has_magic(job.source):
        raise SourceError(
            f"{job.source}: a truth finds pictures by the numbers in a folder; give the folder, no pattern"
        )
    return read_truth(job.truth, numbers=frame_numbers(source) if source.is_dir() else None)
