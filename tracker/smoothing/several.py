"""Which boxes of one pass are over several objects that the other pass knows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tracker.smoothing.geometry import areas, centres, gaps, longest, overlaps
from tracker.smoothing.rows import Bools, ClipTimes, Floats, Index, Ints, PassRows
from tracker.types import common_px

INSIDE = 0.6
"""share of a box that lies in another one, from which on it may be a part of it"""
EXPLAINED = 0.5
"""share of a box that the objects in it must fill for it to be a box over them and nothing else"""
SMALL = 0.05
"""share of a box up to which another one in it may be a hand that was taken for an object when it was stretched out"""
ESTABLISHED_S = 0.24
"""seconds of evidence: an identity that was isolated for so long is an object, noise is not"""
APART = 0.25
"""gap between two isolated boxes, as a share of the narrower side, that parts of one object do not leave for long"""
APART_S = 0.2
"""seconds of evidence for which it stands, since in a single frame a figure falls into pieces"""
PARTED = 0.25
"""change over the clip of where one is from the other, as a share of the longer side, that parts of one object do not show"""


def isolated_frames(rows: PassRows) -> NDArray[np.intp]:
    """(N,) in how many frames of the clip the identity of each row is isolated."""
    return np.bincount(rows.ids, rows.isolated, minlength=1)[rows.ids].astype(np.intp)


def stand_apart(rows: PassRows, first: Ints, second: Ints, clip: ClipTimes) -> Bools:
    """(P,) whether two identities of one pass are seen with a gap between them for APART_S seconds of the clip.

    Parts of one object that the pass took for two (head and legs of a large figure) are not.
    """
    order = np.argsort(rows.ids, kind="stable")
    seen = order[~rows.hidden[order]]
    known, start = np.unique(rows.ids[seen], return_index=True)
    track = dict(zip(known.tolist(), np.split(seen, start[1:]), strict=True))
    none = np.zeros(0, np.intp)
    out, least = np.zeros(len(first), np.bool_), clip.looks(APART_S)
    for k, (a, b) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        i, j = track.get(a, none), track.get(b, none)
        _, at_i, at_j = np.intersect1d(rows.frames[i], rows.frames[j], assume_unique=True, return_indices=True)
        p, q = rows.boxes[i[at_i]], rows.boxes[j[at_j]]
        apart = (gaps(p, q) > APART) & rows.isolated[i[at_i]] & rows.isolated[j[at_j]]
        if np.count_nonzero(apart) >= least:
            side = np.median(np.maximum(longest(p), longest(q)))
            out[k] = np.ptp(centres(p) - centres(q), axis=0).max() > PARTED * side
    return out


def over_several(rows: PassRows, other: PassRows, i: Index, j: Index, clip: ClipTimes) -> Bools:
    """(N,) whether a row's box is one over two or more objects of the other pass.

    These are established there, seen in this frame and in this box, fill most of it, and stand apart at some time of the clip.

    i, j  rows of the two passes that touch (`touching`)
    """
    out = np.zeros(len(rows.ids), np.bool_)
    inside = common_px(rows.boxes[i], other.boxes[j]) > INSIDE * areas(other.boxes[j])
    inside &= ~rows.hidden[i] & ~other.hidden[j] & (isolated_frames(other)[j] >= clip.looks(ESTABLISHED_S))
    # where objects cross every box holds all of them: each counts for the row that fits it best
    inside &= is_best(j, np.where(rows.hidden[i], 0, overlaps(rows.boxes[i], other.boxes[j])))
    i, j = i[inside], j[inside]
    order = np.argsort(i, kind="stable")
    i, j = i[order], j[order]
    a, b = np.concatenate([*_two_of_each(i), np.zeros((0, 2), np.intp)]).T
    if not len(a):
        return out
    ids = np.sort(np.stack([other.ids[j[a]], other.ids[j[b]]]), axis=0)
    pairs, which = np.unique(ids, axis=1, return_inverse=True)
    apart = stand_apart(other, pairs[0], pairs[1], clip)[which.reshape(-1)]
    apart &= ~_of_another(other.boxes[j[a]], other.boxes[j[b]])
    a, b = a[apart], b[apart]
    member = np.zeros(len(i), np.bool_)
    member[a] = member[b] = True
    cover = np.bincount(i[member], common_px(rows.boxes[i[member]], other.boxes[j[member]]), len(out))
    both = member[a] & member[b]
    shared = common_px(other.boxes[j[a[both]]], other.boxes[j[b[both]]])
    cover -= np.bincount(i[a[both]], shared, len(out))
    out[i[member]] = True
    return out & (cover > EXPLAINED * areas(rows.boxes))


def _of_another(p: Floats, q: Floats) -> Bools:
    """(P,) whether one of two boxes is a small part of the other: a box over the larger one is over both, and fits it as well."""
    small, large = np.minimum(areas(p), areas(q)), np.maximum(areas(p), areas(q))
    return np.asarray((small < SMALL * large) & (common_px(p, q) > INSIDE * small))


def is_best(group: Index, value: NDArray[np.float64]) -> Bools:
    """(P,) whether a value is the largest of its group."""
    best = np.full(int(group.max(initial=-1)) + 1, -np.inf)
    np.maximum.at(best, group, value)
    return value >= best[group]


def _two_of_each(i: Index) -> Iterator[NDArray[np.intp]]:
    """(P, 2) places of two entries with one value, of sorted i."""
    for step in range(1, len(i)):
        same = np.flatnonzero(i[step:] == i[:-step])
        if not len(same):
            return
        yield np.stack([same, same + step], axis=1)
