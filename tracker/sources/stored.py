"""A picture as the decoder gave it, converted when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange

from tracker.sources.decode import Decoder, plane_values
from tracker.sources.upright import Turn
from tracker.types import Image
from tracker.yuv import ColourSpace, Planes, thinned_rgb

PLANAR = {"yuv420p": False, "yuvj420p": True}
"""FFmpeg's names of the pixel formats whose planes can be drawn on, and encoded, as they are: are they full range?"""
MATRICES = {1: 1, 2: 6, 5: 5, 6: 6}
"""the matrix by what is said of it, in code points of ITU-T H.273; FFmpeg takes the unknown one (2) for BT.601"""
PRIMARIES = {1: 1, 5: 5, 6: 6}
"""what goes with a matrix, where nothing is said of them"""
TRANSFERS = {1: 1, 5: 6, 6: 6}
UNKNOWN = (0, 2)
HDR = (16, 18)
"""transfer functions in which an ordinary colour would dazzle"""


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
        planes = self.planes()
        if planes is not None:
            return thinned_rgb(planes, step)
        size = max(1, self.picture.width // step), max(1, self.picture.height // step)
        return self.turn(self.decoder.image(self.picture, size, averaged=False))

    def planes(self) -> Planes | None:
        picture = self.picture
        even = picture.width % 2 == picture.height % 2 == 0
        if self.turn or self.decoder.stretch is not None or picture.format.name not in PLANAR or not even:
            return None
        space = colour_space(picture)
        if space is None:
            return None
        y, u, v = map(plane_values, picture.planes)
        return Planes(y, u, v, space)


def colour_space(picture: VideoFrame) -> ColourSpace | None:
    """How its planes stand for colours; None if in a way that is not handled here."""
    matrix = MATRICES.get(int(picture.colorspace))
    primaries, transfer = int(picture.color_primaries), int(picture.color_trc)
    if matrix is None or transfer in HDR:
        return None
    return ColourSpace(
        matrix,
        PLANAR.get(picture.format.name, False) or picture.color_range == ColorRange.JPEG,
        PRIMARIES[matrix] if primaries in UNKNOWN else primaries,
        TRANSFERS[matrix] if transfer in UNKNOWN else transfer,
    )
