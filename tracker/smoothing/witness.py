"""What a third pass, the witness, calls the objects of two others, and what that says of whether two stretches are of one object.

It saw the same frames as they did, and makes other mistakes: where one of the two carries a name to another object, it seldom does too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tracker.smoothing.geometry import overlaps
from tracker.smoothing.pairs import best_pairs
from tracker.smoothing.rows import Bools, ClipTimes, Index, Ints, PassRows
from tracker.smoothing.stretches import Stretches
from tracker.smoothing.table import touching_boxes

SAME_IOU = 0.4
"""two boxes that overlap by less are of two objects"""
END_S = 0.4
"""seconds of evidence at the end of a stretch that say what it is called there: slips of names are short"""


def alike(s: Stretches, a: Index, b: Index, names: Ints, which: Index, frames: Ints, clip: ClipTimes) -> Bools:
    """(P,) whether the witness calls the end of stretch a and the beginning of stretch b alike.

    names, which, frames  (C,) of the cells: what the witness calls each (`names_of`), its stretch, its frame
    """
    count, most = len(s.first), clip.looks(END_S)
    first, last = (usual_name(names, which, frames, count, most, last=last) for last in (False, True))
    return np.asarray((last[a] == first[b]) & (last[a] > 0))


def names_of(frames: Ints, boxes: NDArray[np.floating], witness: PassRows) -> Ints:
    """(N,) identity of the witness that is seen in each box (N, 4), in frames (N,) in order; each is in one box at most."""
    rows = witness.at(~witness.hidden)
    i, j = touching_boxes(frames, boxes, rows.frames, rows.boxes)
    overlap = overlaps(boxes[i], rows.boxes[j])
    same = overlap >= SAME_IOU
    i, j = i[same], j[same]
    one = best_pairs(i, j, overlap[same])
    names = np.zeros(len(frames), np.int32)
    names[i[one]] = rows.ids[j[one]]
    return names


def usual_name(names: Ints, which: Index, frames: Ints, count: int, most: int, *, last: bool) -> Ints:
    """(K,) the name that is most frequent in the first, or last, `most` cells of a stretch that have one; 0 where none has."""
    chosen = np.flatnonzero(names > 0)
    order = chosen[np.lexsort((-frames[chosen] if last else frames[chosen], which[chosen]))]
    place = np.arange(len(order)) - np.searchsorted(which[order], which[order])
    order = order[place < most]
    pairs, times = np.unique(np.stack([which[order], names[order]]), axis=1, return_counts=True)
    out = np.zeros(count, np.int32)
    rising = np.argsort(times, kind="stable")
    out[pairs[0, rising]] = pairs[1, rising]  # of several, the last is written: the most frequent
    return out
