"""Who is who in two passes, by the frames that they share."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from tracker.smoothing.geometry import overlaps
from tracker.smoothing.pairs import best_pairs
from tracker.smoothing.rows import Index, Ints, Numbers, PassRows
from tracker.smoothing.table import touching

ALIKE = 0.5
"""intersection over union from which two boxes of a frame are one object's"""


def in_one_place(one: PassRows, other: PassRows) -> tuple[Index, Index]:
    """Pairs of seen rows of one frame whose boxes are alike: their places in the two tables."""
    i, j = touching(one, other)
    alike = ~one.hidden[i] & ~other.hidden[j] & (overlaps(one.boxes[i], other.boxes[j]) >= ALIKE)
    return i[alike], j[alike]


class Together(NamedTuple):
    """How often identities of two passes are in one place."""

    olds: Ints
    """(P,) identities of the one"""
    news: Ints
    """(Q,) of the other"""
    table: Numbers
    """(P, Q) frames, or sums of weights"""


def count_together(old: PassRows, new: PassRows, weights: Numbers | None = None) -> Together:
    """How often identities are in one place. weights  (N,) of the rows of `old`; None: 1 each"""
    i, j = in_one_place(old, new)
    olds, p = np.unique(old.ids[i], return_inverse=True)
    news, q = np.unique(new.ids[j], return_inverse=True)
    table = np.zeros((len(olds), len(news)))
    np.add.at(table, (p.reshape(-1), q.reshape(-1)), 1 if weights is None else weights[i])
    return Together(olds, news, table)


def idf1_between(one: PassRows, other: PassRows) -> float:
    """The share of boxes, in [0, 1], that two passes both have under one name: IDF1, names paired with the most frequent pairs first."""
    i, j = in_one_place(one, other)
    pairs, times = np.unique(np.stack([one.ids[i], other.ids[j]]), axis=1, return_counts=True)
    alike = times[best_pairs(pairs[0].astype(np.intp), pairs[1].astype(np.intp), times.astype(np.float64))].sum()
    boxes = np.count_nonzero(~one.hidden) + np.count_nonzero(~other.hidden)
    return float(2 * alike / max(1, boxes))


def named_like(before: PassRows, rows: PassRows, names: NDArray[np.int32]) -> NDArray[np.int32]:
    """`names` of the identities of `rows`, with that of `before` where both have an object in most of the frames that they share."""
    olds, news, table = count_together(before, rows)
    named = names.copy()
    for p, q in zip(*linear_sum_assignment(-table), strict=True):
        if table[p, q]:
            named[news[q]] = olds[p]
    return named
