"""What a job opens before its first frame: the part of its source, a truth, a window."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracker.errors import SourceError
from tracker.jobs.files import Job
from tracker.jobs.live import Live
from tracker.sinks import check_display, display_problem
from tracker.sources import Span, open_live, open_source, shown
from tracker.types import Source, SourceInfo

if TYPE_CHECKING:
    from tracker.scores import Truth

Opener = Callable[[Span], Source]
"""opens a part of a source, as often as it is asked"""


def without_missing_display(job: Job, notify: Callable[[str], None]) -> Job:
    """The job, without its window where none can be opened but a recording is wanted too; SinkError if only a window is."""
    if not job.show:
        return job
    if not job.keeps:
        check_display()
    elif (problem := display_problem()) is not None:
        notify(f"tracker: no window, only the recording: {problem}")
        return replace(job, show=False)
    return job


def open_wanted(job: Job, live: Live | None, notify: Callable[[str], None], opener: Opener | None) -> Source:
    """The part of the source that the job is about; live, it is opened again when it fails, and frames are counted by the loop."""
    if opener is not None:
        return opener(Span(job.start_s, job.duration_s, job.max_frames))
    span: dict[str, Any] = {"start_s": job.start_s, "duration_s": job.duration_s}
    if live is None:
        return _open(job, max_frames=job.max_frames, sound=job.sound and job.video and job.output is not None, **span)
    tell = live.outages(shown(job.source), notify)
    return open_live(job.source, live.watching, fps=job.fps, tell=tell, **span)


def _open(job: Job, **span: Any) -> Source:
    return open_source(job.source, **span) if job.fps is None else open_source(job.source, fps=job.fps, **span)


def frames_before(job: Job, info: SourceInfo) -> int:
    """The clip's frames before the run's first: a truth counts them too."""
    if job.start_s == 0 or info.live:
        return 0
    with closing(_open(job, start_s=job.start_s, max_frames=1)) as part:
        return next(frame.place or 0 for frame in part)


def read_job_truth(job: Job) -> Truth | None:
    """The job's truth; None without one. Raises SourceError."""
    if job.truth is None:
        return None
    from tracker.scores import Choice, frame_numbers, read_truth

    # pictures have numbers of their own, by which a truth speaks of them; a video's frames are 1, 2, ...
    source = Path(job.source)
    if not source.exists() and has_magic(job.source):
        raise SourceError(
            f"{job.source}: a truth finds pictures by the numbers in a folder; give the folder, no pattern"
        )
    numbers = frame_numbers(source) if source.is_dir() else None
    return read_truth(job.truth, numbers=numbers, choice=Choice(rows=job.truth_rows))
