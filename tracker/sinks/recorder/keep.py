"""What may go for new recordings: the oldest finished segments of one folder, and nothing else."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tracker.sinks.ours import written_here
from tracker.sinks.outputs import writing
from tracker.sinks.recorder.plan import RecordPlan

NAME = r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:-\d+)?"
"""of a segment"""
SEGMENT_FILE = re.compile(
    rf"({NAME}(?:[.]recovered-\d+)?)[.](mp4|summary[.]json|[a-z0-9][a-z0-9_-]*[.](?:mot[.]txt|csv|events[.]jsonl|zones[.]csv))"
)
"""a whole file of a segment, or of one that a killed run left"""


@dataclass
class Finished:
    """A segment with its names, as it lies in the folder."""

    name: str
    files: list[Path] = field(default_factory=list)
    size: int = 0
    ended_s: float = 0.0
    """when it was last written to, seconds since 1970"""


def finished_segments(folder: Path) -> list[Finished]:
    """Those in the folder by their names, the oldest first; whether this program wrote them only their content tells."""
    found: dict[str, Finished] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            matched = SEGMENT_FILE.fullmatch(entry.name)
            if matched is None or not entry.is_file(follow_symlinks=False):
                continue
            with suppress(FileNotFoundError):
                about = entry.stat(follow_symlinks=False)
                segment = found.setdefault(matched[1], Finished(matched[1]))
                segment.files.append(Path(entry.path))
                segment.size += about.st_size
                segment.ended_s = max(segment.ended_s, about.st_mtime)
    return sorted(found.values(), key=lambda segment: (segment.ended_s, segment.name))


class RecordingPruner:
    """Deletes by age, by size, and to make room; only where the plan has a `keep`.

    spare   files that never go, such as the run's own source
    notify  told once, when deletion begins
    """

    def __init__(self, plan: RecordPlan, *, spare: Collection[Path], notify: Callable[[str], None]) -> None:
        self._plan, self._notify = plan, notify
        self._spare = {path.resolve() for path in spare}
        self._told = False

    @property
    def may_delete(self) -> bool:
        """Whether old recordings may go at all."""
        return self._plan.keep_s is not None or self._plan.keep_bytes is not None

    def tidy(self, now_s: float, running_bytes: int) -> None:
        """Delete what is too old, and the oldest while all take too much. Raises SinkError if it cannot be deleted.

        running_bytes  of the segment that is being written, which counts and never goes
        """
        if not self.may_delete:
            return
        with writing(self._plan.folder):
            segments = finished_segments(self._plan.folder)
        total = running_bytes + sum(segment.size for segment in segments)
        for segment in segments:
            too_old = self._plan.keep_s is not None and now_s - segment.ended_s > self._plan.keep_s
            too_much = self._plan.keep_bytes is not None and total > self._plan.keep_bytes
            if not (too_old or too_much):
                break
            total -= segment.size  # also if it stays: what is somebody else's does not count
            self._delete(segment, "older than they are kept" if too_old else "more than is kept")

    def make_room(self, is_enough: Callable[[], bool]) -> bool:
        """Delete the oldest until there is enough room; returns whether there is."""
        if self.may_delete:
            with writing(self._plan.folder):
                segments = finished_segments(self._plan.folder)
            for segment in segments:
                if is_enough():
                    break
                self._delete(segment, "too little room on the disk")
        return is_enough()

    def _delete(self, segment: Finished, reason: str) -> None:
        """With its tables, the video first: what is left of it after a kill is deleted the next time."""
        files = sorted(segment.files, key=lambda path: path.suffix != ".mp4")
        if not all(written_here(path) and path.resolve() not in self._spare for path in files):
            return
        if not self._told:
            self._told = True
            self._notify(
                f"tracker: {self._plan.folder}: the oldest recordings are deleted from now on ({reason}); the first is {segment.name}"
            )
        for path in files:
            with writing(path), suppress(FileNotFoundError):
                path.unlink()


MARGIN = 0.25
"""of the floor: so much more than it must be free before recording begins again, or it would stop again at once"""


class Room:
    """Whether the disk has room for a recording; with a margin, so that the answer does not waver."""

    def __init__(self, floor_bytes: int, free: Callable[[], int]) -> None:
        self._floor, self._free = floor_bytes, free
        self._low = False

    def look(self) -> bool:
        """Look again; returns whether there is enough room."""
        self._low = self._free() < self._floor * (1 + MARGIN if self._low else 1)
        return not self._low
