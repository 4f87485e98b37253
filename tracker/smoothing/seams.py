"""One pass over a clip that was looked at in parts, each by itself: who is who in neighbouring parts, by the frames that both saw.

Neighbours share a stretch of frames. In it the part whose pass has gone on for longer is listened to, nearly to the stretch's end: a pass
that has just begun knows nobody. Forwards that is the earlier part, backwards the later one, so the two passes of a clip change from part
to part at different frames, and in `fuse` each holds the identities together where the other one changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from tracker.smoothing.rows import Bools, FusedRows, Ints, PassRows
from tracker.smoothing.shared import count_together, in_one_place

WARMED_UP = (0.5, 0.9)
"""shares of the shared frames: somewhere between them the pass goes over to the part that began in them, which has warmed up by then"""
AROUND_S = 0.5
"""seconds before and after a frame in which the two parts are compared there"""
HALF_S = 2.0
"""a frame so many seconds from the one at which the pass changes parts counts half: an identity may have gone over to another object"""
TOGETHER = 0.5
"""share of the time in which both are seen, and in which two identities must be in one place to be one object"""


class Shared(NamedTuple):
    """The frames that two neighbouring parts share."""

    first: int
    stop: int
    """frames first <= frame < stop are in both"""
    back: bool
    """the pass runs from the last frame to the first"""

    def holds(self, rows: PassRows) -> Bools:
        """(N,) whether a row is in the shared frames."""
        return np.asarray((rows.frames >= self.first) & (rows.frames < self.stop))

    @property
    def cuts(self) -> range:
        """Frames that may be the first in which the later part is listened to; the one in the middle is as good as any."""
        length = self.stop - self.first
        after, until = (round(share * length) for share in WARMED_UP)
        return (
            range(self.stop - until, self.stop - after + 1)
            if self.back
            else range(self.first + after, self.first + until + 1)
        )

    def warmed_up(self, rows: PassRows) -> Bools:
        """(N,) whether it is in those of them in which the part that began here has warmed up."""
        near = rows.frames < self.cuts[-1] if self.back else rows.frames >= self.cuts[0]
        return np.asarray(self.holds(rows) & near)


class SeamAgreement(NamedTuple):
    """How far two parts agree in frames that both saw, once both have warmed up: counts, which add."""

    boxes: int
    """boxes of both"""
    alike: int
    """those that overlap one of the other part"""
    same: int
    """those in the place of the identity that the other part has for the same object: twice the IDTP of one part against the other"""

    def plus(self, other: SeamAgreement) -> SeamAgreement:
        """Both together."""
        return SeamAgreement(*(a + b for a, b in zip(self, other, strict=True)))

    @property
    def boxes_alike(self) -> float | None:
        """Share of the boxes; None without boxes."""
        return self.alike / self.boxes if self.boxes else None

    @property
    def idf1(self) -> float | None:
        """IDF1 of one part, with the other for truth; None without boxes."""
        return self.same / self.boxes if self.boxes else None


class JoinedPass(NamedTuple):
    """One pass over the whole clip."""

    rows: PassRows
    names: tuple[Ints, ...]
    """by part, the identity of each that the part has: names[k][id]; 0 stays 0"""
    cuts: tuple[int, ...]
    """by seam, the first frame of the later part"""
    chosen: tuple[Bools, ...]
    """by part, which of its rows are in `rows`"""
    agreements: tuple[SeamAgreement, ...]
    """by seam"""


def join(parts: Sequence[PassRows], shared: Sequence[Shared], interval_s: float) -> JoinedPass:
    """The rows of one pass over the parts of a clip, in order, as those of one pass over the clip.

    shared  of each part and the next
    """
    pairs = zip(parts[:-1], parts[1:], shared, strict=True)
    cuts = tuple(best_cut(before, after, each, interval_s) for before, after, each in pairs)
    ends = [np.iinfo(np.int32).min, *cuts, np.iinfo(np.int32).max]
    chosen = tuple(
        (rows.frames >= begin) & (rows.frames < end) for rows, (begin, end) in zip(parts, pairwise(ends), strict=True)
    )
    seams = [(k, k + 1, each) for k, each in enumerate(shared)]
    if shared and shared[0].back:
        seams = [(later, earlier, each) for earlier, later, each in reversed(seams)]
    first = seams[0][0] if seams else 0
    names: dict[int, Ints] = {first: np.arange(_size(parts[first]), dtype=np.int32)}
    agreements: dict[int, SeamAgreement] = {}
    highest = len(names[first]) - 1
    for before, after, each in seams:
        fresh = np.arange(highest, highest + _size(parts[after]), dtype=np.int32)
        fresh[0] = 0
        highest = max(highest, int(fresh.max()))
        kept = chosen[before], chosen[after]
        old, new = matched(parts[before], parts[after], kept, each, cuts[min(before, after)], interval_s)
        fresh[new] = names[before][old]
        names[after] = fresh
        agreements[min(before, after)] = agreement(parts[before], parts[after], each)
    ordered = tuple(names[k] for k in range(len(parts)))
    called = [
        rows._replace(ids=name[rows.ids]).at(which) for rows, name, which in zip(parts, ordered, chosen, strict=True)
    ]
    joined = PassRows._make(np.concatenate(columns) for columns in zip(*called, strict=True))
    return JoinedPass(joined, ordered, cuts, chosen, tuple(agreements[k] for k in range(len(shared))))


def best_cut(one: PassRows, other: PassRows, shared: Shared, interval_s: float) -> int:
    """The first frame in which the later of two parts is listened to: one round which both see the same, of many such the middle."""
    p, q = (rows.at(shared.holds(rows) & ~rows.hidden) for rows in (one, other))
    i, j = in_one_place(p, q)
    length = shared.stop - shared.first
    unlike = np.zeros(length + 1)
    for rows, alike in ((p, i), (q, j)):
        alone = np.delete(rows.frames, np.unique(alike)) - shared.first
        unlike[:length] += np.bincount(alone, minlength=length)
    around = 2 * max(1, round(AROUND_S / interval_s)) + 1
    near = np.convolve(unlike, np.ones(around), "same")[np.array(shared.cuts, int) - shared.first]
    far = np.abs(np.arange(len(near)) - len(near) // 2)
    return shared.cuts[int(np.lexsort((far, near))[0])]


def matched(
    before: PassRows, after: PassRows, kept: tuple[Bools, Bools], shared: Shared, cut: int, interval_s: float
) -> tuple[Ints, Ints]:
    """Identities of two parts that are one object's: (P,) of the part whose pass has gone on for longer, (P,) of the other.

    kept  which rows of both are in the result: whoever has none there is of no interest
    cut   the first frame of the later part in it

    An assignment of identities to identities by the frames in which both are in one place, of which those near the change of parts count
    most.
    """
    old, new = before.at(shared.holds(before)), after.at(shared.holds(after))
    half = max(1.0, HALF_S / interval_s)
    weigh_old, weigh_new = (0.5 ** (np.abs(rows.frames - cut) / half) for rows in (old, new))
    votes = count_together(old, new, weigh_old)
    time_old, time_new = (
        np.bincount(rows.ids, weights * ~rows.hidden, minlength=_size(rows))
        for rows, weights in ((old, weigh_old), (new, weigh_new))
    )
    table = votes.table * np.outer(_have(before, kept[0])[votes.olds], _have(after, kept[1])[votes.news])
    least = TOGETHER * np.minimum(time_old[votes.olds][:, None], time_new[votes.news][None, :])
    p, q = linear_sum_assignment(np.where(table >= least, table, 0), maximize=True)
    found = (table[p, q] > 0) & (table[p, q] >= least[p, q])
    return votes.olds[p[found]], votes.news[q[found]]


def agreement(before: PassRows, after: PassRows, shared: Shared) -> SeamAgreement:
    """How far two parts agree in the shared frames in which both have warmed up."""
    old, new = (rows.at(shared.warmed_up(rows) & ~rows.hidden) for rows in (before, after))
    i, j = in_one_place(old, new)
    table = count_together(old, new).table
    p, q = linear_sum_assignment(table, maximize=True)
    alike = len(np.unique(i)) + len(np.unique(j))
    return SeamAgreement(len(old.ids) + len(new.ids), alike, 2 * round(float(table[p, q].sum())))


class Crossing(NamedTuple):
    """Identities of a table at a seam."""

    carried: frozenset[int]
    """seen just before the change of parts, and there after it"""
    cut: frozenset[int]
    """seen just before it, and nowhere after it"""


def crossing(rows: FusedRows, cut: int) -> Crossing:
    """Who is seen in the frame before `cut`, and whether it goes on. An object that leaves in this very frame counts as cut."""
    here = frozenset(rows.ids[(rows.frames == cut - 1) & ~rows.hidden].tolist())
    later = frozenset(rows.ids[rows.frames >= cut].tolist())
    return Crossing(here & later, here - later)


def _size(rows: PassRows) -> int:
    """Length of a table by identity."""
    return int(rows.ids.max(initial=0)) + 1


def _have(rows: PassRows, kept: Bools) -> Bools:
    """(identities,) whether one has a row that is kept."""
    return np.bincount(rows.ids[kept], minlength=_size(rows)) > 0
