"""One picture of a clip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracker.sound import Sound
from tracker.types.arrays import SMALL_PX, Image
from tracker.types.box import Box

if TYPE_CHECKING:
    from tracker.picture import Picture


@dataclass(frozen=True)
class Gap:
    """A stretch in which a live source gave no picture."""

    from_s: float
    to_s: float
    """times of the pictures before and after"""
    reason: str
    """a few words: "the stream ended" """


@dataclass(frozen=True)
class Frame:
    """One picture of a clip."""

    index: int
    """counts from 0 at the first frame delivered"""
    time_s: float
    """seconds from the clip's first frame, by the container's timestamps"""
    picture: Picture
    number: int | None = None
    """what the clip itself calls it: its picture's number, or its place in a whole video, from 1"""
    place: int | None = None
    """its place in the whole clip, from 0, with frames counted that came before a part or cannot be read; by this a
    truth speaks of it. None if unknown: live, or drawn"""
    scene: int | None = 0
    """which of the scenes known so far it shows; None: it is blank, and no evidence of anything"""
    arrived_s: float | None = None
    """by time.monotonic, when the picture came from a live source"""
    gap: Gap | None = None
    """what of a live source is missing just before this frame"""
    sound: Sound | None = None
    """what came of the source's sound since the frame before; None where there is none, or nobody wants it"""

    @property
    def image(self) -> Image:
        """(H, W, 3) the whole picture. Whoever can do with less asks for `small` or `picture.at`."""
        return self.picture.at("full")

    @property
    def small(self) -> Image:
        """(h, w, 3) the picture, at most SMALL_PX wide."""
        return self.picture.at(SMALL_PX)

    @property
    def tiny(self) -> Image:
        """(h, w, 3) `small`, at most TINY_PX wide."""
        return self.picture.tiny()

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the picture."""
        return self.picture.size

    @property
    def whole(self) -> Box:
        """The picture as a box."""
        return Box(0, 0, *self.size)

    @property
    def written(self) -> int:
        """What tables and file names call it: its number, else its place among those delivered, from 1."""
        return self.index + 1 if self.number is None else self.number
