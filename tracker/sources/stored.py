"""A picture as the decoder gave it, converted when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from av.video.frame import VideoFrame

from tracker.picture import Plane, Planes
from tracker.sources.decode import Decoder
from tracker.sources.upright import Turn
from tracker.types import Image

PLANAR = "yuv420p"
"""FFmpeg's name of the pixel format whose planes can be drawn on, and encoded, as they are"""


@dataclass(frozen=True)
class DecodedPicture:
    """A `picture.Stored` that a decoder converts."""

    decoder: Decoder
    picture: VideoFrame
    turn: Turn

    @property
    def size(self) -> tuple[int, int]:
        return self.turn.size((self.picture.width, self.picture.height))

    def rgb(self, size: tuple[int, int]) -> Image:
        return self.turn(self.decoder.image(self.picture, self.turn.size(size)))

    def thinned(self, step: int) -> Image:
        size = max(1, self.picture.width // step), max(1, self.picture.height // step)
        return self.turn(self.decoder.image(self.picture, size, averaged=False))

    def planes(self) -> Planes | None:
        picture = self.picture
        even = picture.width % 2 == picture.height % 2 == 0
        if self.turn or self.decoder.stretch is not None or picture.format.name != PLANAR or not even:
            return None
        return Planes(*(_view(plane) for plane in picture.planes))


def _view(plane: object) -> Plane:
    """(H, W) of a plane, whose rows are padded in memory; not copied."""
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)  # type: ignore[attr-defined, call-overload]
    return rows[:, : plane.width]  # type: ignore[attr-defined, no-any-return]
