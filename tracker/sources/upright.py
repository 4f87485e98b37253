"""Which way is up."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from av.video.frame import VideoFrame

from tracker.types import Image

MOST_ASPECT = 4.0
"""width over height of a pixel, or the reverse: anamorphic formats reach 3, what is beyond is a damaged header"""


def upright(picture: VideoFrame) -> Callable[[Image], Image]:
    """How pictures like this one are turned so that up is up, by the display matrix that phones write.

    The matrix (a b u, c d v, x y w) puts pixel (x, y) at (a x + c y, b x + d y), y down; only quarter turns and
    mirrors are followed.
    """
    a, b, c, d = _matrix(picture)
    if (a, b, c, d) == (1, 0, 0, 1):
        return lambda image: image
    swapped = abs(b) > abs(a)
    flip_x, flip_y = (c < 0, b < 0) if swapped else (a < 0, d < 0)

    def turn(image: Image) -> Image:
        turned = image.transpose(1, 0, 2) if swapped else image
        return np.ascontiguousarray(turned[:: -1 if flip_y else 1, :: -1 if flip_x else 1])

    return turn


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
