"""Boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Box(NamedTuple):
    """Axis-aligned box in pixels of the frame, half open, not necessarily inside the frame."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        return self.y1 - self.y0

    @property
    def centre(self) -> tuple[float, float]:
        """(x, y)."""
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2

    @property
    def area(self) -> float:
        """Pixels."""
        return self.width * self.height

    def intersection(self, other: Box) -> float:
        """Pixels common to both."""
        width = min(self.x1, other.x1) - max(self.x0, other.x0)
        height = min(self.y1, other.y1) - max(self.y0, other.y0)
        return max(0.0, width) * max(0.0, height)

    def union(self, other: Box) -> Box:
        """The smallest box that holds both."""
        return Box(min(self.x0, other.x0), min(self.y0, other.y0), max(self.x1, other.x1), max(self.y1, other.y1))

    def clipped(self, size: tuple[int, int]) -> Box:
        """The part inside a picture (width, height); of no area if there is none."""
        width, height = float(size[0]), float(size[1])
        x0, y0 = min(max(self.x0, 0.0), width), min(max(self.y0, 0.0), height)
        return Box(x0, y0, max(x0, min(self.x1, width)), max(y0, min(self.y1, height)))

    def scaled(self, across: float, down: float) -> Box:
        """The same place in a picture so many times as wide and high."""
        return Box(self.x0 * across, self.y0 * down, self.x1 * across, self.y1 * down)

    def iou(self, other: Box) -> float:
        """Intersection over union, in [0, 1]."""
        common = self.intersection(other)
        return common / max(1e-9, self.area + other.area - common)


Boxes = Sequence[Box] | NDArray[np.float64]
"""boxes, or their rows (N, 4)"""


def common_px(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """(...) pixels common to two boxes (..., 4), broadcast over the leading axes; NaN where a side is."""
    sides = np.maximum(0, np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]))
    return np.asarray(sides[..., 0] * sides[..., 1], np.float64)


def intersections(a: Boxes, b: Boxes) -> NDArray[np.float64]:
    """(len(a), len(b)) pixels common to each box of one list and each of the other."""
    return common_px(np.reshape(np.asarray(a, float), (-1, 1, 4)), np.reshape(np.asarray(b, float), (1, -1, 4)))
