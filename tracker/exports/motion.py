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
LEAST_ROWS = 3
"""of a track whose speed is told"""


class Motion(NamedTuple):
    """A smoothed path: positions (N, 2), and speeds (N,) in their unit a second; a speed is NaN where too little is known."""

    positions: Points
    speeds: NDArray[np.float64]


def smooth(time_s: NDArray[np.float64], points: Points, *, window_s: float = SMOOTH_S) -> Motion:
    """A straight line fitted to the points of each window, by least squares; the point and slope of it at the window's time.

        p(u) = a + b (u - t)  over |u - t| <= window_s / 2:  position a, speed |b|

    Unlike a mean, it does not lag at the ends of a path. Times rise.
    """
    if len(points) == 0:
        return Motion(points.copy(), np.empty(0))
    u = time_s - time_s[0]
    first = np.searchsorted(u, u - window_s / 2 - 1e-9, "left")
    last = np.searchsorted(u, u + window_s / 2 + 1e-9, "right")
    middle = points.mean(axis=0)  # sums of small numbers are exact enough
    sums = [_window_sums(values, first, last) for values in (u, u * u, points - middle, u[:, None] * (points - middle))]
    count = (last - first).astype(float)
    su, suu, sp, sup = sums
    mean_u, mean_p = su / count, sp / count[:, None]
    spread = suu / count - mean_u**2
    slope = np.divide(
        sup / count[:, None] - mean_u[:, None] * mean_p,
        spread[:, None],
        out=np.zeros_like(mean_p),
        where=spread[:, None] > 1e-9,
    )
    positions = mean_p + slope * (u - mean_u)[:, None] + middle
    speeds = np.where((count >= LEAST_ROWS) & (spread > 1e-9), np.linalg.norm(slope, axis=1), np.nan)
    return Motion(positions, speeds)


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
