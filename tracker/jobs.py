"""One job from its address to its files: what `process`, `webcam` and `compare` do, as a plain function.

A job and its settings are plain values, so that a pool of processes or a cluster can be handed them too.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tracker.build import build_lanes
from tracker.draw import Overlay, contact_sheet
from tracker.errors import SinkError, TrackerError
from tracker.pipeline import Progress, RunReport, run
from tracker.settings import RunSettings
from tracker.sinks import (
    ContactSheet,
    CsvTable,
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
from tracker.types import Sink, SourceInfo

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
    """lanes side by side, a contact sheet, and scores where there is a truth"""
    truth: Path | None = None
    """a MOT table, or a folder with gt.txt, masks/000001.png or both"""
    show: bool = False
    """a window while it runs"""
    start_s: float = 0.0
    duration_s: float | None = None
    max_frames: int | None = None
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
    _check_files(job, planned)
    truth = _read_truth(job)
    span = {"start_s": job.start_s, "duration_s": job.duration_s, "max_frames": job.max_frames}
    with closing(open_source(job.source, **span)) as source:  # type: ignore[arg-type]
        lanes = build_lanes(settings)
        if source.info.live or settings.prescan_frames == 0:
            warm_up = settings.gmm.mixture.warm_up_frames
            notify(f"warming up: the first {warm_up} frames are taken for the empty scene")
        # a truth counts the whole clip's frames, a run those it was given
        tally = Tally(settings.lanes, truth=truth, frame_offset=round(job.start_s * (source.info.fps or 0)))

        def sum_up(report: RunReport) -> dict[str, Any]:
            summary = summarize(report, info=source.info, lanes=lanes, settings=settings, tally=tally)
            if "summary" in planned and report.frames:
                write_json_whole(planned["summary"], summary)
            return summary

        try:
            report = run(
                source,
                lanes,
                [tally, *build_sinks(job, settings, source.info)],
                prescan_frames=settings.prescan_frames,
                queue_frames=settings.queue_frames,
                progress=progress,
            )
        except TrackerError as error:
            sum_up(RunReport(tally.frames, "failed", str(error), 0, {}))
            raise
        return Result(report, sum_up(report), tuple(planned.values()) if report.frames else ())


def planned_files(job: Job, settings: RunSettings) -> dict[str, Path]:
    """What the job will write, by role: video, sheet, mot LANE, csv LANE, masks LANE, summary."""
    if job.output is None:
        return {}
    name = job.output.with_suffix("")
    planned = {"video": job.output} if job.video else {}
    for lane in settings.lanes:
        planned[f"mot {lane}"] = _beside(name, f"{lane}.mot.txt")
        planned[f"csv {lane}"] = _beside(name, f"{lane}.csv")
        if job.masks is not None:
            planned[f"masks {lane}"] = _beside(name, f"{lane}.masks" + (".json" if job.masks == "rle" else ""))
    if job.compare:
        planned["sheet"] = _beside(name, "png")
    planned["summary"] = _beside(name, "json" if job.compare else "summary.json")
    return planned


def build_sinks(job: Job, settings: RunSettings, info: SourceInfo) -> list[Sink]:
    """The sinks of a job; nothing is opened before the first moment comes."""
    planned = planned_files(job, settings)
    # the network's lane is the one shown over the whole frame, the baseline's foreground the inset
    order = settings.lanes if job.compare else sorted(settings.lanes, key=lambda lane: lane != "slots")
    overlay = Overlay(settings.overlay, lanes=order, panels=job.compare)
    sinks: list[Sink] = []
    for role, path in planned.items():
        kind, _, lane = role.partition(" ")
        if kind == "video":
            sinks.append(OverlayVideo(path, render=overlay, fps=info.fps, settings=settings.video))
        elif kind == "mot":
            sinks.append(MotTable(path, lane))
        elif kind == "csv":
            sinks.append(CsvTable(path, lane))
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


def _read_truth(job: Job) -> Truth | None:
    if job.truth is None:
        return None
    from tracker.scores import read_truth  # brings trackeval

    return read_truth(job.truth)
