"""Who is who in two passes, by the frames that they share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from tracker.smoothing.rows import Rows
from tracker.types import Box

ALIKE = 0.5
"""intersection over union from which two boxes of a frame are one object's"""


def named_like(before: Rows, rows: Rows, names: NDArray[np.int32]) -> NDArray[np.int32]:
    """`names` of the identities of `rows`, with that of `before` where both have an object in most of the frames that they share."""
    shared = np.intersect1d(before.frames, rows.frames)
    counts: dict[tuple[int, int], int] = {}
    for frame in shared.tolist():
        old, new = _at(before, frame), _at(rows, frame)
        for p in np.flatnonzero(~old.hidden).tolist():
            for q in np.flatnonzero(~new.hidden).tolist():
                if Box(*old.boxes[p].tolist()).iou(Box(*new.boxes[q].tolist())) >= ALIKE:
                    pair = int(old.ids[p]), int(new.ids[q])
                    counts[pair] = counts.get(pair, 0) + 1
    if not counts:
        return names
    olds, news = sorted({p for p, _ in counts}), sorted({q for _, q in counts})
    table = np.zeros((len(olds), len(news)))
    for (p, q), count in counts.items():
        table[olds.index(p), news.index(q)] = count
    named = names.copy()
    for i, j in zip(*linear_sum_assignment(-table), strict=True):
        if table[i, j]:
            named[news[j]] = olds[i]
    return named


def _at(rows: Rows, frame: int) -> Rows:
    """The rows of a frame."""
    first, end = np.searchsorted(rows.frames, [frame, frame + 1])
    return rows.at(np.arange(first, end))
