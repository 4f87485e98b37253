"""A job, and the files that it reads and writes: their names, and what may be replaced."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from glob import glob, has_magic
from pathlib import Path
from typing import Literal

from tracker.errors import SinkError
from tracker.hooks.address import Destination
from tracker.settings import RunSettings
from tracker.sinks import RecordPlan, Results, written_here
from tracker.sources import is_path, is_picture, is_url
from tracker.splitting import Split

LANE_FILE = r"[a-z0-9][a-z0-9_-]*[.](mot[.]txt|csv|zones[.]csv|events[.]jsonl|masks|masks[.]json)"
"""A lane's files, behind the name of the run."""

MOST_SEGMENTS = 100_000
"""results of one run; a camera that changes its size so often is broken"""
FIRST_MASK = "000001.png"
"""in a folder of masks"""


@dataclass(frozen=True)
class Job:
    """One source and what becomes of it."""

    source: str
    """path, glob, folder, camera number or address"""
    output: Path | None = None
    """NAME.mp4, the overlay; everything else stands beside it as NAME.something. None: nothing is kept"""
    record: RecordPlan | None = None
    """a recording in segments, with tables of its own"""
    video: bool = True
    """false: NAME.mp4 itself is not written"""
    sound: bool = True
    """the video has the sound of the source, where it has one; of a live run `Live.watching` says so"""
    masks: Literal["png", "rle"] | None = None
    compare: bool = False
    """lanes side by side, a contact sheet, a report page, and scores where there is a truth"""
    truth: Path | None = None
    """a MOT table, or a folder with gt.txt, masks/000001.png or both, or CDnet's groundtruth"""
    truth_rows: Literal["numbers", "places"] | None = None
    """what the truth's table counts, where pictures are numbered from 0: `scores.Choice.rows`"""
    show: bool = False
    """a window while it runs"""
    start_s: float = 0.0
    duration_s: float | None = None
    max_frames: int | None = None
    fps: float | None = None
    """of pictures, which carry no times; None: 25. A video knows its own"""
    split: Split | None = None
    """a file is watched in parts; None: as a whole"""
    jobs: int | None = None
    """how many parts at once; None: as many as there are cores"""
    overwrite: bool = False
    """false: a result that exists is refused"""
    profile: bool = False
    """a trace of what every thread did when; nothing is kept of it without an output"""
    trace: Path | None = None
    """where that goes; None: NAME.trace.json"""
    events_to: tuple[Destination, ...] = ()
    """where events are sent as they happen"""
    draws_zones: bool = False
    """zones may be drawn while it goes on: those that come then have their table too"""
    segment: int = 1
    """the part of a live run since the size of its pictures changed last, from 1; later ones are NAME-2.mp4 and so on"""
    checkpoint_s: float | None = None
    """seconds of video after which the run is saved again, in NAME.checkpoint; None: it is not saved"""
    resume: bool | Literal["auto"] = False
    """go on from the checkpoint of a run that was killed: true: refused where it is of another run; auto: then begun anew"""
    reads: tuple[Path, ...] = ()
    """other files that it depends on, such as those of the settings; never replaced"""

    @property
    def keeps(self) -> bool:
        """Whether anything is kept of it."""
        return self.output is not None or self.record is not None


def planned_files(job: Job, settings: RunSettings) -> dict[str, Path]:
    """What the job will write, by role: video, mot LANE, csv LANE, events LANE, zones LANE, masks LANE, sheet, report, trace, summary."""
    if job.output is None:
        return {}
    if not job.output.name or (job.video and job.output.suffix.lower() != ".mp4"):
        raise SinkError(
            f"{job.output}: wanted a name that ends in .mp4, or a folder that exists; the overlay is an MP4 video"
        )
    name = job.output.with_suffix("")
    planned = {"video": job.output} if job.video else {}
    for lane in settings.lanes:
        planned[f"mot {lane}"] = _beside(name, f"{lane}.mot.txt")
        planned[f"csv {lane}"] = _beside(name, f"{lane}.csv")
        planned[f"events {lane}"] = _beside(name, f"{lane}.events.jsonl")
        if settings.zones.count or job.draws_zones:
            planned[f"zones {lane}"] = _beside(name, f"{lane}.zones.csv")
        if job.masks is not None:
            planned[f"masks {lane}"] = _beside(name, f"{lane}.masks" + (".json" if job.masks == "rle" else ""))
    if job.compare:
        planned["sheet"] = _beside(name, "png")
        planned["report"] = name.with_name("report.html")
    planned["summary"] = _beside(name, "json" if job.compare else "summary.json")
    if job.profile:
        trace = job.trace or _beside(name, "trace.json")
        if any(os.path.realpath(path) == os.path.realpath(trace) for path in planned.values()):
            raise SinkError(f"{trace}: is another result of the run; choose another name with --profile")
        planned["trace"] = trace
    return planned


def next_segment(job: Job, settings: RunSettings) -> Job:
    """The job whose results go on where pictures of another size come: NAME-2.mp4 behind NAME.mp4, the next free number.

    What an earlier run left is passed over, since it must not end a run that has gone on for weeks.
    """
    if job.output is None:
        return job
    stem = job.output.stem.removesuffix(f"-{job.segment}") if job.segment > 1 else job.output.stem
    for number in range(job.segment + 1, MOST_SEGMENTS):
        following = replace(job, output=job.output.with_name(f"{stem}-{number}{job.output.suffix}"), segment=number)
        if job.overwrite or not any(os.path.lexists(path) for path in planned_files(following, settings).values()):
            return following
    raise SinkError(f"{job.output}: there are {MOST_SEGMENTS} results beside it; choose another name")


def plan_job(job: Job, planned: Mapping[str, Path], inputs: Sequence[Path], run_id: str | None = None) -> Results:
    """The results' names, checked: nothing that is read, and nothing that this program did not write, is ever replaced.

    inputs  what it reads: `read_files`
    run_id  of the run that is gone on with; None: a new one
    """
    if job.output is None:
        return Results([])
    name = job.output.with_suffix("")
    folders = [path for role, path in planned.items() if role.startswith("masks ") and job.masks == "png"]
    files = [path for path in planned.values() if path not in folders]
    results = Results(
        files,
        folders=folders,
        inputs=inputs,
        stale=[path for path in _earlier(name, compare=job.compare) if path not in planned.values()]
        if job.overwrite
        else [],
        last=planned["summary"],
        base=name.name,
        overwrite=job.overwrite,
        run_id=run_id,
    )
    results.check()
    _refuse_frames(job.source, [*files, *(path / FIRST_MASK for path in folders)])
    return results


def read_files(job: Job, settings: RunSettings) -> list[Path]:
    """Every file and folder that the job reads, as far as it is on this machine."""
    source = Path(job.source)
    read = [source, *job.reads]
    if is_path(job.source):
        read += source.iterdir() if source.is_dir() else ()
    elif has_magic(job.source) and not is_url(job.source):
        read += map(Path, glob(job.source, recursive=True))
    if job.truth is not None:
        read += [job.truth, *(job.truth.rglob("*") if job.truth.is_dir() else ())]
    for lane in settings.lanes:
        of_lane = settings.of_lane(lane)[1]
        read += [Path(part.weights) for part in (of_lane.slots, of_lane.foreground) if part is not None]
    return read


def _refuse_frames(source: str, files: Sequence[Path]) -> None:
    """Refuse results that the next run would read as frames of the same source."""
    for path in files:
        if not is_picture(path):
            continue
        if is_path(source):
            among = path.parent.resolve() == Path(source).resolve()
        else:
            among = has_magic(source) and not is_url(source) and _would_match(path, source)
        if among:
            raise SinkError(f"{path}: would be one of the pictures of {source}; choose another folder with -o")


def _would_match(path: Path, pattern: str) -> bool:
    """Whether a pattern would find a file if it were there, however the two are written."""
    parts = Path(os.path.abspath(pattern)).parts
    fixed = next(n for n, part in enumerate(parts) if has_magic(part))
    above, whole = Path(*parts[:fixed]).resolve(), path.parent.resolve() / path.name
    return whole.is_relative_to(above) and _fits(whole.relative_to(above).parts, parts[fixed:])


def _fits(parts: Sequence[str], patterns: Sequence[str]) -> bool:
    """Name by name; `**` stands for any number of folders."""
    if not patterns:
        return not parts
    if patterns[0] == "**":
        return any(_fits(parts[n:], patterns[1:]) for n in range(len(parts) + 1))
    return bool(parts) and fnmatch(parts[0], patterns[0]) and _fits(parts[1:], patterns[1:])


def _earlier(name: Path, *, compare: bool) -> list[Path]:
    """What earlier runs of the same kind left under a name, whatever their lanes and masks were."""
    kinds = "png|((summary|trace)[.])?json" if compare else "(summary|trace)[.]json"
    ending = re.compile(f"[.](mp4|{kinds}|{LANE_FILE})")
    left = [path for path in _entries(name.parent) if path.name.startswith(f"{name.name}.")]
    return [path for path in left if ending.fullmatch(path.name[len(name.name) :]) and written_here(path)]


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _beside(name: Path, ending: str) -> Path:
    return name.with_name(f"{name.name}.{ending}")
