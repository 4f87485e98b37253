"""Where an object was, smoothed; how far and how fast it went, in metres. Plain arrays, no files."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""(N, 2) x, y"""

SMOOTH_S = 0.5
"""over which positions are smoothed, and from one to the next of which a distance is measured: a box trembles by a pixel from frame to
frame, which adds up to a walk for somebody who stands"""
BLOCK = 1024
"""rows whose sums are taken together: sums over a whole day would leave no digits for the difference of two"""
LEAST_SPREAD = 1e-9
"""squared seconds: variance of the times in a window, below which there is no slope"""
LEAST_ROWS = 3
"""of a track whose speed is told"""


class SmoothedPath(NamedTuple):
    """A smoothed path: positions (N, 2), and speeds (N,) in their unit a second; a speed is NaN where too little is known."""

    positions: Points
    speeds: NDArray[np.float64]


def smooth(time_s: NDArray[np.float64], points: Points, *, window_s: float = SMOOTH_S) -> SmoothedPath:
    """A straight line fitted to the points of each window, by least squares; the point and slope of it at the window's time.

        p(u) = a + b (u - t)  over |u - t| <= window_s / 2:  position a, speed |b|

    Unlike a mean, it does not lag at the ends of a path. Times rise; where they are so far apart that a window has fewer than LEAST_ROWS
    points, it has the nearest neighbours too.
    """
    first = np.searchsorted(time_s, time_s - window_s / 2 - 1e-9, "left")
    last = np.searchsorted(time_s, time_s + window_s / 2 + 1e-9, "right")
    few, n = last - first < LEAST_ROWS, np.arange(len(points))
    first = np.where(few, np.clip(n - 1, 0, max(0, len(points) - LEAST_ROWS)), first)
    last = np.where(few, np.minimum(first + LEAST_ROWS, len(points)), last)
    parts = [
        _fitted(time_s, points, first[begin : begin + BLOCK], last[begin : begin + BLOCK], begin)
        for begin in range(0, len(points), BLOCK)
    ]
    if not parts:
        return SmoothedPath(points.copy(), np.empty(0))
    return SmoothedPath(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def _fitted(
    time_s: NDArray[np.float64], points: Points, first: NDArray[np.int64], last: NDArray[np.int64], begin: int
) -> SmoothedPath:
    """Positions and speeds at the rows from `begin` on, whose windows are the rows first to last."""
    here, block = slice(begin, begin + len(first)), slice(int(first[0]), int(last[-1]))
    first, last = first - block.start, last - block.start
    u, middle = time_s[block] - time_s[begin], points[here].mean(axis=0)
    p = points[block] - middle
    su, suu, sp, sup = (_window_sums(values, first, last) for values in (u, u * u, p, u[:, None] * p))
    count = (last - first).astype(float)
    mean_u, mean_p = su / count, sp / count[:, None]
    spread = suu / count - mean_u**2
    moves = spread > LEAST_SPREAD
    slope = np.zeros_like(mean_p)
    slope[moves] = (sup / count[:, None] - mean_u[:, None] * mean_p)[moves] / spread[moves, None]
    at = time_s[here] - time_s[begin]
    speeds = np.where((count >= LEAST_ROWS) & moves, np.linalg.norm(slope, axis=1), np.nan)
    return SmoothedPath(mean_p + slope * (at - mean_u)[:, None] + middle, speeds)


def _window_sums(values: NDArray[np.float64], first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sums of values[first:last] along the first axis."""
    total = np.concatenate([np.zeros_like(values[:1]), np.cumsum(values, axis=0)])
    return np.asarray(total[last] - total[first])


def distance(time_s: NDArray[np.float64], positions: Points, *, step_s: float = SMOOTH_S) -> float:
    """Length of the way, measured from one position to the first that is `step_s` later, and at last to the end."""
    if len(positions) == 0:
        return 0.0
    chosen = [0]
    while (following := int(np.searchsorted(time_s, time_s[chosen[-1]] + step_s - 1e-9))) < len(time_s):
        chosen.append(following)
    chosen.append(len(time_s) - 1)
    return float(np.linalg.norm(np.diff(positions[chosen], axis=0), axis=1).sum())
