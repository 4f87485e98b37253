"""Who is who in two passes, by the frames that they share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from tracker.smoothing.geometry import overlaps
from tracker.smoothing.rows import Rows
from tracker.smoothing.table import touching

ALIKE = 0.5
"""intersection over union from which two boxes of a frame are one object's"""


def named_like(before: Rows, rows: Rows, names: NDArray[np.int32]) -> NDArray[np.int32]:
    """`names` of the identities of `rows`, with that of `before` where both have an object in most of the frames that they share."""
    i, j = touching(before, rows)
    alike = ~before.hidden[i] & ~rows.hidden[j] & (overlaps(before.boxes[i], rows.boxes[j]) >= ALIKE)
    olds, old = np.unique(before.ids[i[alike]], return_inverse=True)
    news, new = np.unique(rows.ids[j[alike]], return_inverse=True)
    table = np.zeros((len(olds), len(news)))
    np.add.at(table, (old.reshape(-1), new.reshape(-1)), 1)
    named = names.copy()
    for p, q in zip(*linear_sum_assignment(-table), strict=True):
        if table[p, q]:
            named[news[q]] = olds[p]
    return named
