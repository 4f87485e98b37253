"""The prescan: pictures spread over a clip, from which the lanes learn the scene before the first frame."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tracker.resize import size_at
from tracker.sources.ahead import join
from tracker.types import Image, Source, Working

MOST_BYTES = 300_000_000
"""The pictures together stay below this, so that a 4K clip fits a laptop's memory too."""
MEDIAN_FRAMES = 5
"""But so many there are at any size: the median of two or three is a picture with whoever stands in it."""


class PrescanSource(Protocol):
    """Where the lanes learn the scene from before the first frame."""

    def pictures(self, source: Source) -> list[Image]:
        """Pictures of the scene, in any order; [] if there are none."""
        ...

    def ground(self, images: list[Image]) -> list[Image]:
        """Those pictures as the lanes learn from them: without what moves, where that is known."""
        ...


@dataclass(frozen=True)
class Prescan:
    """Which pictures are taken."""

    frames: int = 80
    """how many, spread over the clip; 0, or a live source: none"""
    whole: bool = True
    """from the whole clip, also where only a part of it is run"""
    width: Working = "full"
    """at which they are made: that of the widest working picture"""

    def pictures(self, source: Source) -> list[Image]:
        """The pictures of a clip, in any order."""
        if source.info.live or self.frames == 0:
            return []
        width, height = size_at(source.info.size, self.width)
        fitting = max(MEDIAN_FRAMES, MOST_BYTES // (3 * width * height))
        return source.sample(min(self.frames, fitting), whole=self.whole, width=self.width)

    def ground(self, images: list[Image]) -> list[Image]:
        """The pictures as they are."""
        return images


class TakenPictures:
    """Pictures that were taken before, given once: nobody holds them while the clip is run."""

    def __init__(self, images: list[Image], clear: Callable[[list[Image]], list[Image]]) -> None:
        self._images, self._clear = images, clear

    def pictures(self, source: Source) -> list[Image]:
        """Those pictures; [] from the second time on."""
        images, self._images = self._images, []
        return images

    def ground(self, images: list[Image]) -> list[Image]:
        """The pictures, cleared of what moves."""
        return self._clear(images)


class PrescanAhead:
    """The same pictures, taken in a thread of its own while the caller builds the lanes.

        with PrescanAhead(prescan, source) as ahead, closing(source):
            lanes = build_lanes(settings)
            run(source, lanes, sinks, prescan=ahead)

    The source is closed before the block ends, which ends the thread where nobody has asked for the pictures.
    """

    def __init__(self, prescan: Prescan, source: Source) -> None:
        self._prescan, self._source = prescan, source
        self._pictures: list[Image] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._take, name="prescan", daemon=True)

    def _take(self) -> None:
        try:
            self._pictures = self._prescan.pictures(self._source)
        except BaseException as error:  # carried to the caller, whatever it is
            self._error = error

    def pictures(self, source: Source) -> list[Image]:
        """Wait for the pictures, which are those of the source that it began with; raises what taking them raised."""
        join(self._thread)
        if self._error is not None:
            raise self._error
        images, self._pictures = self._pictures, []  # given once: nobody holds them while the clip is run
        return images

    def ground(self, images: list[Image]) -> list[Image]:
        """The pictures as they are."""
        return images

    def __enter__(self) -> PrescanAhead:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        join(self._thread)
