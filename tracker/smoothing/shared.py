"""Who is who in two passes, by the frames that they share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from tracker.smoothing.geometry import overlaps
from tracker.smoothing.pairs import best_pairs
from tracker.smoothing.rows import PassRows
from tracker.smoothing.table import touching

ALIKE = 0.5
"""intersection over union from which two boxes of a frame are one object's"""


def in_one_place(one: PassRows, other: PassRows) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Identities of two passes that are seen in one place, once for each frame in which they are."""
    i, j = touching(one, other)
    same = ~one.hidden[i] & ~other.hidden[j] & (overlaps(one.boxes[i], other.boxes[j]) >= ALIKE)
    return one.ids[i[same]], other.ids[j[same]]


def agreement(one: PassRows, other: PassRows) -> float:
    """The share of boxes, in [0, 1], that two passes both have under one name: IDF1, names paired with the most frequent pairs first."""
    pairs, times = np.unique(np.stack(in_one_place(one, other)), axis=1, return_counts=True)
    alike = times[best_pairs(pairs[0].astype(np.intp), pairs[1].astype(np.intp), times.astype(np.float64))].sum()
    boxes = np.count_nonzero(~one.hidden) + np.count_nonzero(~other.hidden)
    return float(2 * alike / max(1, boxes))


def named_like(before: PassRows, rows: PassRows, names: NDArray[np.int32]) -> NDArray[np.int32]:
    """`names` of the identities of `rows`, with that of `before` where both have an object in most of the frames that they share."""
    ids = in_one_place(before, rows)
    olds, old = np.unique(ids[0], return_inverse=True)
    news, new = np.unique(ids[1], return_inverse=True)
    table = np.zeros((len(olds), len(news)))
    np.add.at(table, (old.reshape(-1), new.reshape(-1)), 1)
    named = names.copy()
    for p, q in zip(*linear_sum_assignment(-table), strict=True):
        if table[p, q]:
            named[news[q]] = olds[p]
    return named
