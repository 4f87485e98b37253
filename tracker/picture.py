"""One picture of a clip, at the widths at which it is asked for."""

from __future__ import annotations

from threading import Lock
from typing import Protocol

from tracker.resize import averaged_to, size_at, to_working_width
from tracker.types import SMALL_PX, TINY_PX, Image, Working
from tracker.yuv import Planes


class Stored(Protocol):
    """A picture as a source has it."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) as it is shown."""
        ...

    def rgb(self, size: tuple[int, int]) -> Image:
        """(H, W, 3), each pixel the mean of what it stands for; `size` (width, height) is at most the picture's own."""
        ...

    def thinned(self, step: int) -> Image:
        """See `Picture.thinned`."""
        ...

    def planes(self) -> Planes | None:
        """See `Picture.planes`."""
        ...


class Picture:
    """A picture at any width: converted when first asked for, once for each width. Several threads may ask."""

    def __init__(self, stored: Stored) -> None:
        self.size = stored.size
        self.stored = stored
        self._made: dict[tuple[int, int], Image] = {}
        self._tiny: Image | None = None
        self._lock = Lock()

    @classmethod
    def of(cls, image: Image) -> Picture:
        """The picture that an array (H, W, 3) uint8 RGB is."""
        return cls(_Array(image))

    def at(self, width: Working) -> Image:
        """(h, w, 3) read-only, averaged down to `width` pixels across; the whole picture if it is no wider, or for "full"."""
        size = size_at(self.size, width)
        with self._lock:
            if size not in self._made:
                self._made[size] = _read_only(self.stored.rgb(size))
            return self._made[size]

    def tiny(self) -> Image:
        """(h, w, 3) read-only: `at(SMALL_PX)` averaged down further to TINY_PX pixels across, if it is wider."""
        small = self.at(SMALL_PX)
        with self._lock:
            if self._tiny is None:
                self._tiny = _read_only(to_working_width(small, TINY_PX))
            return self._tiny

    def thinned(self, step: int) -> Image:
        """(h, w, 3) one pixel of every step x step: it has the noise that an average would remove."""
        if self.size[0] <= SMALL_PX:
            return self.at("full")[::step, ::step]
        with self._lock:
            return self.stored.thinned(step)

    def planes(self) -> Planes | None:
        """The picture as video stores it, not to be written to; None where it is stored otherwise, or not upright."""
        with self._lock:  # PyAV changes what a picture says of its colours while it converts it
            return self.stored.planes()


def _read_only(image: Image) -> Image:
    """A view, so that a caller's array stays the caller's."""
    view = image.view()
    view.flags.writeable = False
    return view


class _Array:
    """A picture that is an array."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self.size = (image.shape[1], image.shape[0])

    def rgb(self, size: tuple[int, int]) -> Image:
        return averaged_to(self._image, size)

    def thinned(self, step: int) -> Image:
        return self._image[::step, ::step]

    def planes(self) -> Planes | None:
        return None
