"""Pictures that are in memory as a clip: a sequence, which can be looked at more than once, or whatever gives one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np

from tracker.errors import ShapeError, SourceError
from tracker.picture import Picture
from tracker.resize import to_working_width
from tracker.sources.pictures import evenly
from tracker.sources.span import Span
from tracker.sources.times import FALLBACK_FPS
from tracker.timing import LEAST_FPS, MOST_FPS
from tracker.types import Frame, Image, Source, SourceInfo, Working

NAME = "images"
WHOLE = Span()
ASSUMED = f"pictures have no times: {FALLBACK_FPS:g} a second are assumed; fps gives another rate"


def open_images(images: Iterable[Any], span: Span = WHOLE, *, fps: float | None = None) -> Source:
    """Pictures (H, W, 3) uint8 RGB of one size as a source, `fps` to the second; None: 25.

    A sequence, such as a list or an array (N, H, W, 3), is a clip like a file. Anything else is gone through once and cannot be
    sampled.

    Raises SourceError if there is no picture in the span or for an impossible rate, ShapeError for what is no picture; while
    iterating, ShapeError for one of another shape.
    """
    if fps is not None and not LEAST_FPS <= fps <= MOST_FPS:
        raise SourceError(f"{NAME}: fps: expected {LEAST_FPS:g} to {MOST_FPS:g}, not {fps:g}")
    if isinstance(images, Sequence | np.ndarray):
        return ImageSequence(images, span=span, fps=fps)
    return ImageStream(images, span=span, fps=fps)


def checked(image: Any, place: int, size: tuple[int, int] | None = None, *, copied: bool = False) -> Image:
    """The picture as an array (H, W, 3) uint8. Raises ShapeError for anything else, or for another size (width, height).

    copied  an array of its own: whoever gave the picture may fill his anew while it waits
    """
    array = np.asarray(image)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        raise ShapeError(f"{NAME}: picture {place}: wanted (H, W, 3) uint8 RGB, got {array.shape} {array.dtype}")
    if size is not None and (array.shape[1], array.shape[0]) != size:
        raise ShapeError(
            f"{NAME}: picture {place}: wanted {size[0]}x{size[1]} as the first, got {array.shape[1]}x{array.shape[0]}"
        )
    return np.array(array, order="C") if copied else np.ascontiguousarray(array)


class ImageSequence:
    """A Source of pictures that can be had in any order. See `open_images`."""

    problem: str | None = None

    def __init__(self, images: Sequence[Any] | np.ndarray, *, span: Span, fps: float | None) -> None:
        self._images, self._rate = images, fps or FALLBACK_FPS
        self._wanted = span.places(np.arange(len(images)) / self._rate)
        if not self._wanted:
            raise SourceError(f"{NAME}: there is no picture" + (" in the part that is wanted" if len(images) else ""))
        first = checked(images[0], 0)
        self.info = SourceInfo(
            NAME, (first.shape[1], first.shape[0]), self._rate, len(self._wanted), live=False,
            notes=(ASSUMED,) if fps is None and len(images) > 1 else (),
        )  # fmt: skip

    def __iter__(self) -> Iterator[Frame]:
        for index, place in enumerate(self._wanted):
            yield Frame(index, place / self._rate, Picture.of(self._image(place)), place + 1, place)

    def sample(self, count: int, *, whole: bool = True, width: Working = "full") -> list[Image]:
        """About `count` pictures, evenly spread over the clip or the span."""
        places = range(len(self._images)) if whole else self._wanted
        return [to_working_width(self._image(place), width) for place in evenly(places, count)]

    def close(self) -> None:
        """Nothing is held open."""

    def _image(self, place: int) -> Image:
        return checked(self._images[place], place, self.info.size)


class ImageStream:
    """A Source of pictures that come once, one after the other. See `open_images`."""

    problem: str | None = None

    def __init__(self, images: Iterable[Any], *, span: Span, fps: float | None) -> None:
        self._rate, self._span = fps or FALLBACK_FPS, span
        coming = iter(images)
        try:
            first = checked(next(coming), 0, copied=True)
        except StopIteration:
            raise SourceError(f"{NAME}: there is no picture") from None
        self._images = chain([first], coming)
        notes = (ASSUMED,) if fps is None else ()
        self.info = SourceInfo(
            NAME, (first.shape[1], first.shape[0]), self._rate, span.max_frames, live=False, notes=notes
        )

    def __iter__(self) -> Iterator[Frame]:
        timed = ((place / self._rate, (place, image)) for place, image in enumerate(self._images))
        for index, (time_s, (place, image)) in enumerate(self._span.cut(timed)):
            picture = Picture.of(checked(image, place, self.info.size, copied=True))
            yield Frame(index, time_s, picture, place + 1, place)

    def sample(self, count: int, *, whole: bool = True, width: Working = "full") -> list[Image]:
        """None: they come once."""
        return []

    def close(self) -> None:
        """Nothing is held open."""
