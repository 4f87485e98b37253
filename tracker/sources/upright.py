"""Which way is up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from av.video.frame import VideoFrame

from tracker.types import Image


def upright(picture: VideoFrame) -> Callable[[Image], Image]:
    """How pictures like this one are turned so that up is up, by the display matrix that phones write.

    The matrix (a b u, c d v, x y w) puts pixel (x, y) at (a x + c y, b x + d y), y down; only quarter turns and
    mirrors are followed.
    """
    matrix: Any = picture.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return lambda image: image
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5].astype(np.int64)
    swapped = abs(b) > abs(a)
    flip_x, flip_y = (c < 0, b < 0) if swapped else (a < 0, d < 0)

    def turn(image: Image) -> Image:
        turned = image.transpose(1, 0, 2) if swapped else image
        return np.ascontiguousarray(turned[:: -1 if flip_y else 1, :: -1 if flip_x else 1])

    return turn
