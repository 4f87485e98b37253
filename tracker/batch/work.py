"""One clip of a batch, from its source to its mark: a plain function of plain values, for a pool of processes or a cluster."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tracker.addresses import input_digest, is_local, local_copy
from tracker.batch.clips import BatchClip
from tracker.batch.marks import NO_KEY, Mark, MarkStore, ResultKey
from tracker.batch.tables import events_part, tracks_part, write_events, write_tracks
from tracker.build import EACH_ITS_OWN
from tracker.errors import SourceError, TrackerError, plain_line
from tracker.jobs import Job, Result, process
from tracker.networks import Networks
from tracker.opencv_threads import one_opencv_thread
from tracker.settings import RunSettings
from tracker.sources import shown
from tracker.suffixes import OVERLAY
from tracker.words import one_line

HALF_DONE = "a run was killed while it put the results in place; the next run does it again"

PARTS = (tracks_part, events_part)
"""where a clip's parts of the tables of all clips lie"""


@dataclass(frozen=True)
class Options:
    """What holds for every clip of a batch, beside the settings."""

    video: bool = True
    sound: bool = True
    masks: Literal["png", "rle"] | None = None
    start_s: float = 0.0
    duration_s: float | None = None
    max_frames: int | None = None
    parquet: bool = True
    """tracks and events of every clip in two Parquet data sets too"""


@dataclass(frozen=True)
class ClipTask:
    """One clip, and all that its worker needs to know."""

    clip: BatchClip
    folder: str
    """of the batch: a path from the root, or an address"""
    settings: RunSettings
    options: Options
    settings_digest: str
    weights: tuple[str, ...]
    version: str
    retry: bool = False
    """also a clip that failed with the same key"""

    def key(self) -> ResultKey:
        """What its result would be made of now. Raises SourceError if the source cannot be read."""
        return ResultKey(input_digest(self.clip.source), self.settings_digest, self.weights, self.version)

    @property
    def unread_key(self) -> ResultKey:
        """As far as it is known of a source that cannot be read."""
        return ResultKey("", self.settings_digest, self.weights, self.version)


@dataclass(frozen=True)
class ClipOutcome:
    """What became of a task."""

    name: str
    state: Literal["done", "failed", "done before", "failed before", "elsewhere"]
    """elsewhere: another run works on it"""
    problem: str | None = None
    seconds: float = 0.0
    """that the work took"""


def work(task: ClipTask, networks: Networks = EACH_ITS_OWN) -> ClipOutcome:
    """Process the clip if nobody has done so and nobody does, and write what it gave and what became of it.

    networks  where its lanes get theirs
    An error of the clip is its outcome. Raises SinkError where not even that can be written.
    """
    store, name = MarkStore(task.folder), task.clip.name
    with store.claimed(name) as ours:
        if not ours:
            return ClipOutcome(name, "elsewhere")
        before = store.read(name)
        began = time.monotonic()
        key = task.unread_key
        try:
            key = task.key()
            known = state_before(task, store, before, key)
            if known is not None:
                return known
            mark = _done(task, store, before, key, began, networks)
        except Exception as error:
            return _failed(task, store, before, key, one_line(error), time.monotonic() - began)
        store.write(mark)
        return ClipOutcome(name, "done", mark.problem, mark.seconds)


def state_before(task: ClipTask, store: MarkStore, mark: Mark | None, key: ResultKey) -> ClipOutcome | None:
    """The outcome of a clip whose mark is of the same key; None if it is to be worked on, as is one of which a result is gone.

    The overlay may go: it is large, and made of the others.
    """
    if mark is None or mark.key != key or (mark.state == "failed" and task.retry):
        return None
    if mark.state == "done":
        tables = [place(mark.name) for place in PARTS] if task.options.parquet else []
        if not store.has([*(name for name in mark.files if not name.endswith(OVERLAY)), *tables]):
            return None
    return ClipOutcome(mark.name, "done before" if mark.state == "done" else "failed before", mark.problem)


def lost(task: ClipTask, problem: str) -> ClipOutcome:
    """The outcome of a task whose worker died or could not do it, and its mark, if it can be written, in its place."""
    store = MarkStore(task.folder)
    try:
        key = task.key()
    except TrackerError:
        key = task.unread_key
    with suppress(TrackerError):  # where no mark can be written the problem says so already
        return _failed(task, store, store.read(task.clip.name), key, problem, 0.0)
    return ClipOutcome(task.clip.name, "failed", problem)


def _failed(
    task: ClipTask, store: MarkStore, before: Mark | None, key: ResultKey, problem: str, seconds: float
) -> ClipOutcome:
    """Keep that a clip failed. What an earlier run found of it stays beside the clip, but not among the tables of all clips."""
    name = task.clip.name
    for place in PARTS:
        store.discard(place(name))
    files = lying.files if (lying := store.read(name) or before) is not None else ()
    store.write(Mark(name, shown(task.clip.source), key, "failed", problem, round(seconds, 3), files=files))
    return ClipOutcome(name, "failed", problem, seconds)


def _done(
    task: ClipTask, store: MarkStore, before: Mark | None, key: ResultKey, began: float, networks: Networks
) -> Mark:
    """Process the clip, put its results in their places, and return its mark."""
    name = task.clip.name
    stem = name.rpartition("/")[2]
    with store.work_folder(name) as scratch, _here(task.clip.source) as path:
        result = _process(task, path, scratch / f"{stem}{OVERLAY}", networks)
        tables = _write_tables(scratch, task) if task.options.parquet else {}
        summary = f"{stem}{OVERLAY.removesuffix('.mp4')}.summary.json"
        # a run that is killed from here on leaves a clip that is not done, and the next knows what lies there
        lying = {*(before.files if before is not None else ()), *store.places(scratch, name)}
        store.write(Mark(name, shown(task.clip.source), NO_KEY, "failed", HALF_DONE, files=tuple(sorted(lying))))
        for place, table in tables.items():
            store.put(table, place)
        if not tables:
            for part in PARTS:  # of other settings
                store.discard(part(name))
        files = store.deliver(scratch, name, last=summary, before=before)
    info, report = result.summary["source"], result.report
    said = report.problem or "; ".join(result.warnings) or None
    return Mark(
        name, shown(task.clip.source), key, "done", None if said is None else plain_line(said), round(time.monotonic() - began, 3),
        report.frames, info["fps"], (info["width"], info["height"]),
        {lane: about["identities"] for lane, about in result.summary["lanes"].items()},
        files, f"{name}{OVERLAY}" in files,
    )  # fmt: skip


@contextmanager
def _here(source: str) -> Iterator[str]:
    """The source as `process` opens it: its own path, or that of a copy."""
    if is_local(source):
        yield source
        return
    with local_copy(source) as path:
        yield str(path)


def _process(task: ClipTask, source: str, output: Path, networks: Networks) -> Result:
    asked = task.options
    job = Job(
        source, output, video=asked.video, sound=asked.sound, masks=asked.masks, start_s=asked.start_s,
        duration_s=asked.duration_s, max_frames=asked.max_frames, fps=task.clip.fps,
    )  # fmt: skip
    with one_opencv_thread():
        result = process(job, task.settings, networks=networks)
    if result.report.outcome != "complete":
        raise SourceError(f"{source}: {result.report.problem or result.report.outcome}")
    return result


def _write_tables(scratch: Path, task: ClipTask) -> dict[str, Path]:
    """The clip's parts of the data sets, by where they belong."""
    name = task.clip.name
    stem = name.rpartition("/")[2] + OVERLAY.removesuffix(".mp4")
    lanes = {lane: scratch / f"{stem}.{lane}" for lane in task.settings.lanes}
    tracks, events = scratch / "tracks.parquet", scratch / "events.parquet"
    write_tracks(tracks, name, lanes)
    write_events(events, name, lanes)
    return {tracks_part(name): tracks, events_part(name): events}
