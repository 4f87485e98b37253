"""Which identities of both passes are objects: the ones that both support, or that last, move, and are nobody's double."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tracker.smoothing.boxes import Tracks
from tracker.smoothing.geometry import centres, sides
from tracker.smoothing.pairs import NONE
from tracker.smoothing.rows import Bools

Index = NDArray[np.intp]

SHORTEST_FRAMES = 8
"""an identity seen in fewer is noise"""
ONE_SIDED_FRAMES = 25
"""an identity that only one pass has is believed when it is seen for a second"""
JUMP = 1.0
"""a step of more than so many sizes (and than its speed explains) is another object"""
SPEED_FACTOR = 3.0
"""how much faster than before and after an object can move in a step"""
SLOWEST = 0.1
"""sizes a frame: a speed below counts as this over a gap"""
AROUND = 5
"""steps before and after of which the speed is taken"""


def supported(tracks: Tracks) -> Bools:
    """(M,) whether a row's identity is seen long enough, for longer where only one pass has it."""
    count = int(tracks.ids.max(initial=-1)) + 1
    visible = np.bincount(tracks.ids, ~tracks.hidden, count)
    both = np.bincount(tracks.ids, (tracks.forward != NONE) & (tracks.backward != NONE), count)
    good = (visible >= SHORTEST_FRAMES) & ((both > 0) | (visible >= ONE_SIDED_FRAMES))
    return good[tracks.ids]


def split_at_jumps(tracks: Tracks) -> Tracks:
    """Identities end where the next box is farther away than the object is large and than its speed before and after explains."""
    if len(tracks.ids) < 2:
        return tracks
    same = np.diff(tracks.ids) == 0
    frames = np.maximum(1, np.diff(tracks.frames))
    distance = np.hypot(*np.diff(centres(tracks.boxes), axis=0).T)
    size = sides(tracks.boxes)
    size = np.maximum(size[:-1], size[1:])
    speed = np.where(same, distance / frames, np.nan)
    usual = np.maximum(_median_of_neighbours(speed, tracks.ids[1:]), SLOWEST * size * (frames > 1))
    cut = same & (distance > JUMP * size) & (distance > SPEED_FACTOR * usual * frames)
    new = np.concatenate([[True], ~same | cut])
    return tracks._replace(ids=np.cumsum(new) - 1)


def _median_of_neighbours(speed: NDArray[np.float64], ids: Index) -> NDArray[np.float64]:
    """(S,) median of the steps around each one, itself left out, of its own identity; 0 where there are none."""
    n = len(speed)
    table = np.full((n, 2 * AROUND), np.nan)
    for column, step in enumerate([*range(-AROUND, 0), *range(1, AROUND + 1)]):
        here = np.arange(max(0, -step), n - max(0, step))
        here = here[ids[here] == ids[here + step]]
        table[here, column] = speed[here + step]
    known = np.isfinite(table)
    table = np.sort(np.where(known, table, np.inf), axis=1)
    middle = table[np.arange(n), (known.sum(axis=1) - 1).clip(0) // 2]
    return np.where(known.any(axis=1), middle, 0.0)
