"""Which way is up."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from av.video.frame import VideoFrame

from tracker.types import Image

MOST_ASPECT = 4.0
"""width over height of a pixel, or the reverse: anamorphic formats reach 3, what is beyond is a damaged header"""


@dataclass(frozen=True)
class Turn:
    """How pictures of a clip are turned so that up is up: rows and columns exchanged, then mirrored."""

    swapped: bool = False
    flip_x: bool = False
    flip_y: bool = False

    def __bool__(self) -> bool:
        """Whether anything is turned."""
        return self.swapped or self.flip_x or self.flip_y

    def __call__(self, image: Image) -> Image:
        """A picture (H, W, 3) upright."""
        if not self:
            return image
        turned = image.transpose(1, 0, 2) if self.swapped else image
        return np.ascontiguousarray(turned[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1])

    def size(self, size: tuple[int, int]) -> tuple[int, int]:
        """(width, height) of a picture of that size after the turn, and before it."""
        return (size[1], size[0]) if self.swapped else size


def upright(picture: VideoFrame) -> Turn:
    """How pictures like this one are turned, by the display matrix that phones write.

    The matrix (a b u, c d v, x y w) puts pixel (x, y) at (a x + c y, b x + d y), y down; only quarter turns and
    mirrors are followed.
    """
    a, b, c, d = _matrix(picture)
    if (a, b, c, d) == (1, 0, 0, 1):
        return Turn()
    swapped = abs(b) > abs(a)
    return Turn(True, c < 0, b < 0) if swapped else Turn(False, a < 0, d < 0)


def shown_aspect(ratio: Fraction | None, picture: VideoFrame) -> float:
    """Width of a pixel over its height after `upright`; 1 where the ratio is unknown or no camera's.

    ratio  of the stored pixels, by the container or the codec
    """
    if not ratio:
        return 1.0
    a, b, _, _ = _matrix(picture)
    aspect = float(1 / ratio if abs(b) > abs(a) else ratio)
    return aspect if 1 / MOST_ASPECT <= aspect <= MOST_ASPECT else 1.0


def _matrix(picture: VideoFrame) -> tuple[int, int, int, int]:
    """(a, b, c, d) of the display matrix; 1, 0, 0, 1 where there is none."""
    matrix: Any = picture.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return 1, 0, 0, 1
    a, b, _, c, d = (int(entry) for entry in np.frombuffer(bytes(matrix), np.int32)[:5])
    return a, b, c, d
