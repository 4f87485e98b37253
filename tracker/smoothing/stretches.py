"""Stretches: runs of cells in which the passes hold one pair of names. Identities are made of them (`links`, `groups`)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tracker.smoothing.pairs import Cells
from tracker.smoothing.rows import Bools, ClipTimes, Index, Ints, Numbers, PassRows
from tracker.smoothing.table import picked

COLOUR_S = 0.12
"""seconds of evidence with known colours from which on a stretch has an appearance"""


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


def names(rows: PassRows, chosen: Index) -> Ints:
    """(C,) identities of rows, 0 for NONE."""
    return picked(rows.ids, chosen, 0)


def seen(rows: PassRows, chosen: Index) -> Bools:
    """(C,) whether the row is there and seen."""
    return ~picked(rows.hidden, chosen, True)


def stretches(cells: Cells, forward: PassRows, backward: PassRows, clip: ClipTimes) -> tuple[Stretches, Index]:
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


def appearance(cells: Cells, which: Index, count: int, forward: PassRows, backward: PassRows, fewest: int) -> Numbers:
    """(K, 9) mean colours of each stretch's isolated rows, of either pass; NaN where fewer than `fewest` know one."""
    total, found = np.zeros((9, count)), np.zeros((9, count))
    for rows, chosen in ((forward, cells.forward), (backward, cells.backward)):
        here = np.flatnonzero(picked(rows.isolated, chosen, False))
        for column, colours in enumerate(rows.colours[chosen[here]].reshape(-1, 9).T):
            known = np.isfinite(colours)
            total[column] += np.bincount(which[here[known]], colours[known], count)
            found[column] += np.bincount(which[here[known]], minlength=count)
    return np.where(found >= fewest, total / np.maximum(1, found), np.nan).T
