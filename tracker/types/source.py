"""Where frames come from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from tracker.types.arrays import Image
from tracker.types.frame import Frame
from tracker.types.settings import Working


@dataclass(frozen=True)
class SourceInfo:
    """What is known of a source before its first frame."""

    name: str
    """for people; never holds a password"""
    size: tuple[int, int]
    """(width, height) in pixels, after rotation"""
    fps: float | None
    """mean frames a second, None if unknown"""
    frame_count: int | None
    """frames that will come, estimated from the header; None if unknown or endless"""
    live: bool
    """a camera or stream: cannot be read twice, frames are dropped rather than queued"""
    notes: tuple[str, ...] = ()
    """one line each, without the source's name: what was guessed or left out, known before the first frame"""
    pixel_aspect: float = 1.0
    """width of a pixel over its height, as it is to be shown"""


class Source(Protocol):
    """Frames in order, once, until it is closed; iteration raises SourceError on damage.

    A live one may also have `stop()`, which ends the iteration from any thread, also while it waits; and `renewed`, which is, once
    the iteration has ended, the source that goes on with pictures of another size, or None. One whose frames can be listed before
    they are read may have `times_s`, their seconds.
    """

    @property
    def info(self) -> SourceInfo: ...

    @property
    def problem(self) -> str | None:
        """One line on what was not readable although the clip went on or ended early; None if all is well."""
        ...

    def __iter__(self) -> Iterator[Frame]: ...

    def sample(self, count: int, *, whole: bool = True, width: Working = "full") -> list[Image]:
        """About `count` pictures spread over the clip, in any order, without moving the iteration; [] if live or closed.

        whole   also of what comes before and after the part that was asked for
        width   at which they are made, as a frame's `picture.at(width)` is
        """
        ...

    def close(self) -> None: ...
