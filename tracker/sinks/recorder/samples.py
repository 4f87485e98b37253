"""What passes between a recorder's threads, and the bounded queue in which encoded pictures wait for the disk."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tracker.sinks.sound import SoundSample
from tracker.sound import Sound
from tracker.types import Gap, Image
from tracker.yuv import YuvImage


@dataclass(frozen=True)
class RecordedMoment:
    """A moment as far as it is recorded: its picture, and its rows as text."""

    picture: Image | YuvImage
    frame: int
    """as tables call it"""
    time_s: float
    wall_s: float
    """when it was, by the machine's clock: seconds since 1970"""
    rows: Mapping[str, str]
    """by the ending of the table's name"""
    moves: bool
    gap: Gap | None
    sound: Sound | None = None
    """that came with its frame"""


@dataclass(frozen=True)
class Sample:
    """A shot whose picture is encoded."""

    data: bytes
    key: bool
    shot: RecordedMoment
    """its picture is let go"""
    head: Any
    """stream of PyAV with the size and the headers, the same for all samples of one encoder; muxers copy it"""
    lost: int
    """pictures just before it that could not be recorded"""
    sounds: tuple[SoundSample, ...] = ()
    """from its time to that of the next picture"""
    sound_head: Any = None
    """stream of PyAV of the sound's track, the same for all samples of one; None without sound"""

    @property
    def time_s(self) -> float:
        """Seconds from the run's first frame."""
        return self.shot.time_s

    @property
    def size(self) -> int:
        """Bytes, encoded, with its sound."""
        return len(self.data) + sum(len(sound.data) for sound in self.sounds)


Command = Literal["on", "off", "end"]


@dataclass
class Waiting:
    """Samples and commands in order. `put` never waits: `has_room` says whether it would be taken.

    most_bytes  of samples; once they are reached, nothing is taken until half has gone
    """

    most_bytes: int
    _items: deque[Sample | Command] = field(default_factory=deque)
    _bytes: int = 0
    _full: bool = False
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def has_room(self) -> bool:
        """Whether a sample would be taken now."""
        with self._changed:
            self._full = self._bytes >= (self.most_bytes // 2 if self._full else self.most_bytes)
            return not self._full

    def put(self, item: Sample | Command) -> None:
        """Add it behind the others; for a sample ask `has_room` before."""
        with self._changed:
            self._items.append(item)
            self._bytes += _size(item)
            self._changed.notify()

    def take(self, timeout_s: float) -> Sample | Command | None:
        """The next one, or None if none comes in time."""
        with self._changed:
            if not self._items:
                self._changed.wait(timeout_s)
            if not self._items:
                return None
            item = self._items.popleft()
            self._bytes -= _size(item)
            return item


ROW_BYTES = 500
"""of a sample without its picture: rows of a few objects"""


def _size(item: Sample | Command) -> int:
    if not isinstance(item, Sample):
        return 0
    sound = item.shot.sound
    return len(item.data) + ROW_BYTES + sum(len(packet.data) for packet in (sound.packets if sound else ()))
