"""Where a stretch begins and ends, and how fast: a straight line through the middles of its boxes there."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tracker.smoothing.geometry import centres
from tracker.smoothing.pairs import Cells
from tracker.smoothing.rows import ClipTimes, Index, Ints, Numbers, PassRows
from tracker.smoothing.stretches import Stretches, seen
from tracker.smoothing.table import picked

REACH_S = 0.4
"""seconds of evidence that the line goes through: shorter, and noise is taken for speed; longer, and a turn is none"""


class Ends(NamedTuple):
    """One end of each stretch."""

    middles: Numbers
    """(K, 2) x, y in pixels"""
    speeds: Numbers
    """(K, 2) pixels a frame"""
    sizes: Numbers
    """(K, 2) width and height in pixels"""
    frames: Numbers
    """(K,) how many the line goes through"""


def both_ends(s: Stretches, boxes: Numbers, frames: Ints, which: Index, clip: ClipTimes) -> tuple[Ends, Ends]:
    """The first and the last end of each stretch, by the cells' boxes (C, 4) (`seen_boxes`), frames and stretches (C,)."""
    reach = clip.looks(REACH_S)
    return ends(s.first, boxes, frames, which, reach), ends(s.last, boxes, frames, which, reach)


def seen_boxes(cells: Cells, forward: PassRows, backward: PassRows) -> Numbers:
    """(C, 4) the mean box of the passes that see the object of each cell."""
    sees = np.stack([seen(forward, cells.forward), seen(backward, cells.backward)], axis=1).astype(np.float64)
    both = picked(forward.boxes, cells.forward, 0), picked(backward.boxes, cells.backward, 0)
    total = sees[:, :1] * both[0] + sees[:, 1:] * both[1]
    return np.asarray(total / np.maximum(1, sees.sum(axis=1, keepdims=True)), np.float64)


def ends(at: Ints, boxes: Numbers, frames: Ints, which: Index, reach: int) -> Ends:
    """The end of each stretch at frame at[k], from its cells (boxes, frames, which) up to `reach` frames from it."""
    count = len(at)
    away = (frames - at[which]).astype(np.float64)
    near = np.abs(away) <= reach
    k, t, box = which[near], away[near], boxes[near]
    sides = np.log(np.maximum(1.0, box[:, 2:] - box[:, :2]))
    values = np.concatenate([centres(box), sides], axis=1)
    n, s1, s2 = (np.asarray(np.bincount(k, power, count), np.float64) for power in (np.ones(len(t)), t, t * t))
    v = np.stack([np.bincount(k, value, count) for value in values.T], axis=1)
    vt = np.stack([np.bincount(k, value * t, count) for value in values[:, :2].T], axis=1)
    spread = (n * s2 - s1**2)[:, None]
    speeds = np.where(spread > 0, (n[:, None] * vt - s1[:, None] * v[:, :2]) / np.where(spread > 0, spread, 1), 0)
    middles = (v[:, :2] - speeds * s1[:, None]) / n[:, None]
    return Ends(middles, speeds, np.exp(v[:, 2:] / n[:, None]), n)
