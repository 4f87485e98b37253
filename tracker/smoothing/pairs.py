"""Which rows of two passes are of one object: boxes over several objects yield, the others are paired frame by frame."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracker.smoothing.geometry import overlaps
from tracker.smoothing.rows import Bools, ClipTimes, Index, Ints, PassRows
from tracker.smoothing.several import over_several
from tracker.smoothing.table import NONE, touching

PAIR_IOU = 0.35
"""two boxes that overlap by less are of two objects"""
USUAL_IOU, KEEP_IOU = 0.3, 0.1
"""two identities that overlap so much around a frame are one object in it, even if they overlap only by the other there"""
USUAL = 0.5
"""weight of how two identities overlap around a frame against how they overlap in it"""
AROUND_S = 0.48
"""seconds of evidence before and after that count as around: boxes differ by noise, which comes frame by frame"""


class Cells(NamedTuple):
    """What both passes have in a frame: a cell is a row of one pass, of the other, or a pair of rows of one object."""

    frames: Ints
    """(C,) in order"""
    forward: Index
    """(C,) row of the forward pass, NONE for none"""
    backward: Index
    """(C,) row of the backward pass, NONE for none"""


def usual_overlap(frames: Ints, a: Ints, b: Ints, overlap: NDArray[np.float64], around: int) -> NDArray[np.float64]:
    """(P,) mean overlap of the two identities over the `around` frames before and after each meeting, 0 where they do not meet."""
    order = np.lexsort((frames, b, a))
    key = (np.cumsum((np.diff(a[order], prepend=-1) != 0) | (np.diff(b[order], prepend=-1) != 0))).astype(np.int64)
    place = key * (int(frames.max(initial=0)) + 4 * around) + frames[order]
    total = np.concatenate([[0.0], np.cumsum(overlap[order])])
    low, high = np.searchsorted(place, place - around), np.searchsorted(place, place + around, "right")
    out = np.empty(len(a))
    out[order] = (total[high] - total[low]) / (2 * around + 1)
    return out


def best_pairs(i: Index, j: Index, weight: NDArray[np.float64]) -> Bools:
    """(P,) a matching of rows i with rows j by weight, heaviest first: the same as taking the heaviest pair again and again."""
    taken = np.zeros(len(i), np.bool_)
    free = np.ones(len(i), np.bool_)
    rank = np.empty(len(i), np.intp)
    rank[np.argsort(-weight, kind="stable")] = np.arange(len(i))
    n, m = int(i.max(initial=-1)) + 1, int(j.max(initial=-1)) + 1
    while free.any():
        p = np.flatnonzero(free)
        best_i, best_j = np.full(n, len(i), np.intp), np.full(m, len(i), np.intp)
        np.minimum.at(best_i, i[p], rank[p])
        np.minimum.at(best_j, j[p], rank[p])
        won = p[(best_i[i[p]] == rank[p]) & (best_j[j[p]] == rank[p])]
        taken[won] = True
        used_i, used_j = np.zeros(n, np.bool_), np.zeros(m, np.bool_)
        used_i[i[won]], used_j[j[won]] = True, True
        free &= ~used_i[i] & ~used_j[j]
    return taken


def pair(forward: PassRows, backward: PassRows, clip: ClipTimes) -> Cells:
    """Both passes' rows as cells; rows over several objects of the other pass are left out."""
    i, j = touching(forward, backward)
    wide_f = over_several(forward, backward, i, j, clip)
    wide_b = over_several(backward, forward, j, i, clip)
    overlap = overlaps(forward.boxes[i], backward.boxes[j])
    usual = usual_overlap(forward.frames[i], forward.ids[i], backward.ids[j], overlap, clip.looks(AROUND_S))
    may = ((overlap >= PAIR_IOU) | ((overlap >= KEEP_IOU) & (usual >= USUAL_IOU))) & ~wide_f[i] & ~wide_b[j]
    i, j = i[may], j[may]
    one = best_pairs(i, j, overlap[may] + USUAL * usual[may])
    i, j = i[one], j[one]
    alone_f, alone_b = ~wide_f, ~wide_b
    alone_f[i] = False
    alone_b[j] = False
    only_f, only_b = np.flatnonzero(alone_f), np.flatnonzero(alone_b)
    f = np.concatenate([i, only_f, np.full(len(only_b), NONE)])
    b = np.concatenate([j, np.full(len(only_f), NONE), only_b])
    frames = np.concatenate([forward.frames[i], forward.frames[only_f], backward.frames[only_b]])
    order = np.argsort(frames, kind="stable")
    return Cells(frames[order].astype(np.int32), f[order], b[order])
