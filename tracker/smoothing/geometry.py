"""Measures of boxes (..., 4) x0, y0, x1, y1 in pixels: plain functions on arrays, broadcast over the leading axes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tracker.smoothing.rows import Numbers
from tracker.types import common_px

Floats = NDArray[np.floating]

TINY = 1e-6
"""keeps a division by the area of an empty box finite"""


def areas(boxes: Floats) -> Numbers:
    """(...) square pixels, at least TINY."""
    sides = np.maximum(0.0, boxes[..., 2:] - boxes[..., :2])
    return np.asarray(np.maximum(TINY, sides[..., 0] * sides[..., 1]), np.float64)


def overlaps(a: Floats, b: Floats) -> Numbers:
    """(...) intersection over union."""
    both = common_px(a, b)
    return both / (areas(a) + areas(b) - both)


def mirrored(boxes: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Boxes of a picture of that width, left and right exchanged."""
    return np.asarray(
        np.stack([width - boxes[..., 2], boxes[..., 1], width - boxes[..., 0], boxes[..., 3]], axis=-1), np.float32
    )


def centres(boxes: Floats) -> Numbers:
    """(..., 2) x, y."""
    return np.asarray(boxes[..., :2] + boxes[..., 2:], np.float64) / 2


def sides(boxes: Floats) -> Numbers:
    """(...) the square root of the area: an object's size in pixels."""
    return np.sqrt(areas(boxes))


def gaps(a: Floats, b: Floats) -> Numbers:
    """(...) empty space between two boxes along x or y, the larger, as a share of the narrower side there; negative: they overlap."""
    empty = np.maximum(a[..., :2], b[..., :2]) - np.minimum(a[..., 2:], b[..., 2:])
    narrow = np.minimum(a[..., 2:] - a[..., :2], b[..., 2:] - b[..., :2])
    return np.asarray((empty / np.maximum(TINY, narrow)).max(axis=-1), np.float64)


def longest(boxes: Floats) -> Numbers:
    """(...) the longer side."""
    return np.asarray((boxes[..., 2:] - boxes[..., :2]).max(axis=-1), np.float64)
