"""Pixels to metres: one scale for the whole picture, or four points of the ground whose places are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.errors import OptionError
from tracker.exports.motion import Points

Pair = tuple[float, float]
LEAST_WIDTH = 0.01
"""height of a triangle over its longest side, below which its corners are held to be on a line: a point that was read off the picture is
right by a pixel or two"""


@dataclass(frozen=True)
class Ground:
    """A plane seen by the camera; `matrix` (3, 3) takes x, y, 1 in pixels to metres, times a w that is above 0 in front of it."""

    matrix: NDArray[np.float64]

    def metres(self, points: Points) -> Points:
        """(N, 2) places on the ground; NaN for points at its horizon or above, which lie nowhere on it."""
        mapped = np.column_stack([points, np.ones(len(points))]) @ self.matrix.T
        w = mapped[:, 2:]
        return np.divide(mapped[:, :2], w, out=np.full((len(points), 2), np.nan), where=w > 0)


def ground_of_scale(mm_per_px: float, *, pixel_aspect: float = 1.0) -> Ground:
    """A picture plane that is parallel to the ground: millimetres in a pixel's height; a pixel is `pixel_aspect` as wide."""
    metres = mm_per_px / 1000
    return Ground(np.diag([metres * pixel_aspect, metres, 1.0]))


def ground_of_points(pairs: Sequence[tuple[Pair, Pair]]) -> Ground:
    """The homography of four points, each as ((x, y) in pixels, (east, north) in metres).

    Hartley and Zisserman 2004, Multiple View Geometry, 2.3. Raises OptionError where they do not tell a plane: not four, three on a
    line, or in another order on the ground than in the picture.
    """
    if len(pairs) != 4:
        raise OptionError(f"--ground: wanted four points, got {len(pairs)}; give it four times, as X,Y:EAST,NORTH")
    pixels, metres = (np.array([pair[side] for pair in pairs], np.float32) for side in (0, 1))
    for points, unit in ((pixels, "in the picture"), (metres, "on the ground")):
        for three in combinations(points.astype(float), 3):
            if _is_flat(np.array(three)):
                said = ", ".join(f"({x:g}, {y:g})" for x, y in three)
                raise OptionError(f"--ground: three points lie on a line {unit}: {said}; choose corners of an area")
    matrix = cv2.getPerspectiveTransform(pixels, metres).astype(float)
    w = np.column_stack([pixels, np.ones(4)]) @ matrix[2]
    if not (np.isfinite(matrix).all() and (np.all(w > 0) or np.all(w < 0))):
        raise OptionError(
            "--ground: no plane looks so: the points have another order on the ground than in the picture; check which is which"
        )
    return Ground(matrix * np.sign(w[0]))


def _is_flat(corners: NDArray[np.float64]) -> bool:
    """Whether three points (3, 2) lie on a line."""
    a, b, c = corners
    longest = max(float(np.linalg.norm(p - q)) for p, q in ((a, b), (b, c), (c, a)))
    doubled = abs(float((b - a)[0] * (c - a)[1] - (b - a)[1] * (c - a)[0]))
    return doubled <= LEAST_WIDTH * longest**2
