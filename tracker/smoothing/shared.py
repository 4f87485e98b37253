"""Who is who in two passes, by the frames that they share."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from tracker.smoothing.geometry import overlaps
from tracker.smoothing.rows import Rows
from tracker.smoothing.table import touching

ALIKE = 0.5
"""intersection over union from which two boxes of a frame are one object's"""


class Meetings(NamedTuple):
    """In how many frames each identity of one pass is where each of another is, both seen."""

    one: NDArray[np.int32]
    """(P,) identities"""
    other: NDArray[np.int32]
    """(Q,)"""
    times: NDArray[np.float64]
    """(P, Q)"""


def meetings(one: Rows, other: Rows) -> Meetings:
    """Of two passes over the same frames."""
    i, j = touching(one, other)
    same = ~one.hidden[i] & ~other.hidden[j] & (overlaps(one.boxes[i], other.boxes[j]) >= ALIKE)
    ones, p = np.unique(one.ids[i[same]], return_inverse=True)
    others, q = np.unique(other.ids[j[same]], return_inverse=True)
    times = np.zeros((len(ones), len(others)))
    np.add.at(times, (p.reshape(-1), q.reshape(-1)), 1)
    return Meetings(ones, others, times)


def agreement(one: Rows, other: Rows) -> float:
    """IDF1 of two passes, in [0, 1]: the share of boxes that both have under one name, if each name of one is at most one of the other."""
    times = meetings(one, other).times
    boxes = np.count_nonzero(~one.hidden) + np.count_nonzero(~other.hidden)
    return float(2 * times[linear_sum_assignment(-times)].sum() / max(1, boxes))


def named_like(before: Rows, rows: Rows, names: NDArray[np.int32]) -> NDArray[np.int32]:
    """`names` of the identities of `rows`, with that of `before` where both have an object in most of the frames that they share."""
    olds, news, table = meetings(before, rows)
    named = names.copy()
    for p, q in zip(*linear_sum_assignment(-table), strict=True):
        if table[p, q]:
            named[news[q]] = olds[p]
    return named
