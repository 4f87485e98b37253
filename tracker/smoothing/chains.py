"""Cells to identities: stretches in which both passes hold one pair of names are linked over the whole clip by one assignment."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components, min_weight_full_bipartite_matching

from tracker.smoothing.pairs import Cells
from tracker.smoothing.rows import Bools, Clip, Index, Ints, Numbers, Rows
from tracker.smoothing.table import picked

Keys = NDArray[np.int64]

SUCCESSORS = 3
"""stretches after one with the same name to which it may be linked: the ones between are a name's slips"""
SLIP_S = 0.32
"""seconds of evidence for which a name may be on another object and still mean the one before"""
OVER = 0.3
"""what a name is worth after its box was one over several objects: it goes on with any of them"""
AGREED = 1.0
"""what a link gains at each end where both passes hold the object"""
SHORT_S = 0.4
"""seconds of evidence: a shorter stretch counts for less: slips of names and flickers of boxes are short"""
LEAST = 0.2
"""what a stretch of no length counts: it must still be linked where nothing else is there"""
COLOUR_S = 0.12
"""seconds of evidence with known colours from which on a stretch has an appearance"""
ALIKE = 0.03
"""difference of mean colours, in [0, 1], that one object shows between two looks at it"""
UNLIKE = 6.0
"""what a difference of 1 beyond that costs a link: .17 outweighs one shared name"""


class Stretches(NamedTuple):
    """Maximal runs of frames in which a pair of identities (one of each pass, or of one only) holds, in order of their first frames."""

    forward: Ints
    """(K,) identity of the forward pass, 0 for none"""
    backward: Ints
    """(K,)"""
    first: Ints
    """(K,) frame"""
    last: Ints
    """(K,) frame"""
    colours: Numbers
    """(K, 9) mean over isolated rows, NaN where it has too few"""


def names(rows: Rows, chosen: Index) -> Ints:
    """(C,) identities of rows, 0 for NONE."""
    return picked(rows.ids, chosen, 0)


def seen(rows: Rows, chosen: Index) -> Bools:
    """(C,) whether the row is there and seen."""
    return ~picked(rows.hidden, chosen, True)


def stretches(cells: Cells, forward: Rows, backward: Rows, clip: Clip) -> tuple[Stretches, Index]:
    """Stretches of the cells, and (C,) to which stretch each cell belongs."""
    f, b = names(forward, cells.forward), names(backward, cells.backward)
    order = np.lexsort((cells.frames, b, f))
    new = np.ones(len(order), np.bool_)
    same = (np.diff(f[order]) == 0) & (np.diff(b[order]) == 0) & (np.diff(cells.frames[order]) == 1)
    new[1:] = ~same
    start = np.flatnonzero(new)
    stop = np.append(start[1:], len(order))[: len(start)] - 1
    which = np.empty(len(order), np.intp)
    which[order] = np.cumsum(new) - 1
    out = Stretches(
        f[order][start],
        b[order][start],
        cells.frames[order][start],
        cells.frames[order][stop],
        appearance(cells, which, len(start), forward, backward, clip.looks(COLOUR_S)),
    )
    rank = np.argsort(out.first, kind="stable")
    place = np.empty(len(rank), np.intp)
    place[rank] = np.arange(len(rank))
    return Stretches._make(part[rank] for part in out), place[which]


def appearance(cells: Cells, which: Index, count: int, forward: Rows, backward: Rows, fewest: int) -> Numbers:
    """(K, 9) mean colours of each stretch's isolated rows, of either pass; NaN where fewer than `fewest` know one."""
    total, found = np.zeros((9, count)), np.zeros((9, count))
    for rows, chosen in ((forward, cells.forward), (backward, cells.backward)):
        here = np.flatnonzero(picked(rows.isolated, chosen, False))
        for column, colours in enumerate(rows.colours[chosen[here]].reshape(-1, 9).T):
            known = np.isfinite(colours)
            total[column] += np.bincount(which[here[known]], colours[known], count)
            found[column] += np.bincount(which[here[known]], minlength=count)
    return np.where(found >= fewest, total / np.maximum(1, found), np.nan).T


def links(s: Stretches, over_forward: Keys, over_backward: Keys, clip: Clip) -> tuple[Index, Index, Numbers]:
    """Pairs of stretches that may follow one another as one object, and what it gains to link them, above 0.

    over_forward, over_backward  sorted keys (`key`) of the rows of either pass whose box is one over several objects
    """
    found = [following(s, s.forward, over_forward, clip), following(s, s.backward, over_backward, clip)]
    a = np.concatenate([p for p, _, _ in found])
    b = np.concatenate([q for _, q, _ in found])
    both, which = np.unique(np.stack([a, b]), axis=1, return_inverse=True)
    a, b = both
    trust = np.bincount(which.reshape(-1), np.concatenate([g for _, _, g in found]), len(a))
    gain: Numbers = trust - UNLIKE * np.maximum(0, unlikeness(s.colours[a], s.colours[b]) - ALIKE)
    agreed = (s.forward > 0) & (s.backward > 0)
    frames = lengths(s)
    gain *= 1 + AGREED * agreed[a] + AGREED * agreed[b]
    gain *= np.minimum(1, LEAST + np.minimum(frames[a], frames[b]) / clip.looks(SHORT_S))
    good = gain > 0
    return a[good], b[good], gain[good]


def lengths(s: Stretches) -> Numbers:
    """(K,) frames of a stretch; where both passes have it, frames of all stretches with the same two names: slips are short in all."""
    frames = (s.last - s.first + 1).astype(np.float64)
    _, pair = np.unique(key(s.forward, s.backward), return_inverse=True)
    total = np.bincount(pair.reshape(-1), frames)[pair.reshape(-1)]
    return np.where((s.forward > 0) & (s.backward > 0), total, frames)


def key(ids: Ints, frames: Ints) -> Keys:
    """(N,) one number for an identity and a frame, in this order."""
    return ids.astype(np.int64) << 32 | frames.astype(np.int64)


def following(s: Stretches, name: Ints, over: Keys, clip: Clip) -> tuple[Index, Index, Numbers]:
    """Stretches and their next ones with the same name, up to SUCCESSORS on, and a gain of up to 1: how far the name can be trusted.

    It is trusted less the longer the stretches between that have it too, and where its box was one over several objects in
    between.
    """
    order = np.lexsort((s.first, name))
    order = order[name[order] > 0]
    length = (s.last - s.first + 1)[order]
    before = np.cumsum(length) - length
    firsts: list[Index] = []
    seconds: list[Index] = []
    gains: list[Numbers] = []
    for step in range(1, SUCCESSORS + 1):
        one = np.flatnonzero(name[order[:-step]] == name[order[step:]])
        a, b = order[one], order[one + step]
        skipped = before[one + step] - before[one] - length[one]
        start, stop = key(name[a], s.last[a]), key(name[b], s.first[b])
        lumped = np.searchsorted(over, stop) > np.searchsorted(over, start)
        firsts.append(a)
        seconds.append(b)
        gains.append(np.exp(-skipped / clip.looks(SLIP_S)) * np.where(lumped, OVER, 1.0))
    return np.concatenate(firsts), np.concatenate(seconds), np.concatenate(gains)


def unlikeness(a: Numbers, b: Numbers) -> Numbers:
    """(P,) mean difference of the colours (P, 9) that both know, 0 where there is none."""
    difference = np.abs(a - b)
    known = np.isfinite(difference)
    return np.where(known, difference, 0).sum(axis=1) / np.maximum(1, known.sum(axis=1))


def assign(count: int, a: Index, b: Index, gain: Numbers) -> Index:
    """(K,) to which chain each of `count` stretches belongs, where each has at most one follower and the sum of gains is largest."""
    if not len(a):
        return np.arange(count)
    # every stretch may also stay without a follower, at no gain: a column of its own
    everyone = np.arange(count)
    cost = np.concatenate([1 - gain / (gain.max() + 1), np.ones(count)])
    rows, columns = np.concatenate([a, everyone]), np.concatenate([b, count + everyone])
    graph = csr_matrix((cost, (rows, columns)), shape=(count, 2 * count))
    rows, columns = min_weight_full_bipartite_matching(graph)
    linked = columns < count
    rows, columns = rows[linked], columns[linked]
    chain = csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(count, count))
    return np.asarray(connected_components(chain, directed=False)[1], np.intp)
