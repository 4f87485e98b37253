"""Which rows of two passes are of one object: boxes over several objects yield, the others are paired frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracker.smoothing.geometry import areas, centres, gaps, intersections, longest, overlaps
from tracker.smoothing.rows import Bools, Ints, Rows

Index = NDArray[np.intp]

AT_ONCE = 1_000_000
"""pairs of rows looked at together: bounds the memory"""
PAIR_IOU = 0.35
"""two boxes that overlap by less are of two objects"""
INSIDE = 0.6
"""share of a box that lies in another one, from which on it may be a part of it"""
EXPLAINED = 0.5
"""share of a box that the objects in it must fill for it to be a box over them and nothing else"""
ESTABLISHED_FRAMES = 6
"""an identity that was isolated for a quarter of a second is an object: noise is not"""
APART = 0.25
"""gap between two isolated boxes, as a share of the narrower side, that parts of one object do not leave for long"""
PARTED = 0.25
"""change over the clip of where one is from the other, as a share of the longer side, that parts of one object do not show"""
APART_FRAMES = 5
"""for so many frames, since in a single frame a figure falls into pieces"""
USUAL_IOU, KEEP_IOU = 0.3, 0.1
"""two identities that overlap so much around a frame are one object in it, even if they overlap only by the other there"""
USUAL = 0.5
"""weight of how two identities overlap around a frame against how they overlap in it"""
AROUND = 12
"""frames before and after that count as around: half a second"""
NONE = -1
"""no row"""


class Cells(NamedTuple):
    """What both passes have in a frame: a cell is a row of one pass, of the other, or a pair of rows of one object."""

    frames: Ints
    """(C,) in order"""
    forward: Index
    """(C,) row of the forward pass, NONE for none"""
    backward: Index
    """(C,) row of the backward pass, NONE for none"""


class Paired(NamedTuple):
    """What `pair` tells."""

    cells: Cells
    over_forward: Bools
    """(N,) rows of the forward pass whose box is one over several objects: they are in no cell"""
    over_backward: Bools
    """(N,) the same of the backward pass"""


def picked(values: NDArray, rows: Index, otherwise: float) -> NDArray:
    """Values of rows, and another for NONE."""
    padded = np.concatenate([values, np.full((1, *values.shape[1:]), otherwise, values.dtype)])
    return padded[rows]


def in_one_frame(a: Ints, b: Ints) -> Iterator[tuple[Index, Index]]:
    """All pairs of places in a and b (sorted frames) with one frame, in parts of about AT_ONCE pairs."""
    low, high = np.searchsorted(b, a, "left"), np.searchsorted(b, a, "right")
    counts = high - low
    ends = np.cumsum(counts)
    start = 0
    while start < len(a):
        done = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + AT_ONCE)))
        part = counts[start:stop]
        i = np.repeat(np.arange(start, stop), part)
        place = np.arange(len(i)) - np.repeat(np.cumsum(part) - part, part)
        yield i, np.repeat(low[start:stop], part) + place
        start = stop


def touching(a: Rows, b: Rows) -> tuple[Index, Index]:
    """Pairs of rows in one frame whose boxes share a pixel."""
    found = [
        (i[near], j[near])
        for i, j in in_one_frame(a.frames, b.frames)
        for near in (intersections(a.boxes[i], b.boxes[j]) > 0,)
    ]
    if not found:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    return np.concatenate([i for i, _ in found]), np.concatenate([j for _, j in found])


def isolated_frames(rows: Rows) -> NDArray[np.intp]:
    """(N,) in how many frames of the clip the identity of each row is isolated."""
    return np.bincount(rows.ids, rows.isolated, minlength=1)[rows.ids].astype(np.intp)


def stand_apart(rows: Rows, first: Ints, second: Ints) -> Bools:
    """(P,) whether two identities of one pass are seen with a gap between them for APART_FRAMES frames of the clip.

    Parts of one object that the pass took for two (head and legs of a large figure) are not.
    """
    order = np.argsort(rows.ids, kind="stable")
    seen = order[~rows.hidden[order]]
    known, start = np.unique(rows.ids[seen], return_index=True)
    track = dict(zip(known.tolist(), np.split(seen, start[1:]), strict=True))
    none = np.zeros(0, np.intp)
    out = np.zeros(len(first), np.bool_)
    for k, (a, b) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        i, j = track.get(a, none), track.get(b, none)
        _, at_i, at_j = np.intersect1d(rows.frames[i], rows.frames[j], assume_unique=True, return_indices=True)
        p, q = rows.boxes[i[at_i]], rows.boxes[j[at_j]]
        apart = (gaps(p, q) > APART) & rows.isolated[i[at_i]] & rows.isolated[j[at_j]]
        if np.count_nonzero(apart) >= APART_FRAMES:
            side = np.median(np.maximum(longest(p), longest(q)))
            out[k] = np.ptp(centres(p) - centres(q), axis=0).max() > PARTED * side
    return out


def over_several(rows: Rows, other: Rows, i: Index, j: Index) -> Bools:
    """(N,) whether a row's box is one over two or more objects of the other pass.

    These are established there, seen in this frame and in this box, fill most of it, and stand apart at some time of the clip.

    i, j  rows of the two passes that touch (`touching`)
    """
    out = np.zeros(len(rows.ids), np.bool_)
    inside = intersections(rows.boxes[i], other.boxes[j]) > INSIDE * areas(other.boxes[j])
    inside &= ~rows.hidden[i] & ~other.hidden[j] & (isolated_frames(other)[j] >= ESTABLISHED_FRAMES)
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
    apart = stand_apart(other, pairs[0], pairs[1])[which.reshape(-1)]
    a, b = a[apart], b[apart]
    member = np.zeros(len(i), np.bool_)
    member[a] = member[b] = True
    cover = np.bincount(i[member], intersections(rows.boxes[i[member]], other.boxes[j[member]]), len(out))
    both = member[a] & member[b]
    shared = intersections(other.boxes[j[a[both]]], other.boxes[j[b[both]]])
    cover -= np.bincount(i[a[both]], shared, len(out))
    out[i[member]] = True
    return out & (cover > EXPLAINED * areas(rows.boxes))


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


def usual_overlap(frames: Ints, a: Ints, b: Ints, overlap: NDArray[np.float64]) -> NDArray[np.float64]:
    """(P,) mean overlap of the two identities over the frames around each of their meetings, 0 where they do not meet."""
    order = np.lexsort((frames, b, a))
    key = (np.cumsum((np.diff(a[order], prepend=-1) != 0) | (np.diff(b[order], prepend=-1) != 0))).astype(np.int64)
    place = key * (int(frames.max(initial=0)) + 4 * AROUND) + frames[order]
    total = np.concatenate([[0.0], np.cumsum(overlap[order])])
    low, high = np.searchsorted(place, place - AROUND), np.searchsorted(place, place + AROUND, "right")
    out = np.empty(len(a))
    out[order] = (total[high] - total[low]) / (2 * AROUND + 1)
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


def pair(forward: Rows, backward: Rows) -> Paired:
    """Both passes' rows as cells; rows over several objects of the other pass are left out."""
    i, j = touching(forward, backward)
    wide_f = over_several(forward, backward, i, j)
    wide_b = over_several(backward, forward, j, i)
    overlap = overlaps(forward.boxes[i], backward.boxes[j])
    usual = usual_overlap(forward.frames[i], forward.ids[i], backward.ids[j], overlap)
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
    return Paired(Cells(frames[order].astype(np.int32), f[order], b[order]), wide_f, wide_b)
