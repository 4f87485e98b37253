"""How likely two stretches are of one object: the logarithm of the odds, from names, places, colours and what the witness says.

A logistic regression, fitted where the truth is known. This is the one place that knows its numbers. Names are evidence as the others
are: where both passes lose an object and find it again under new names, its path and its looks tell that it is the same.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracker.smoothing.ends import Ends, both_ends, seen_boxes
from tracker.smoothing.looks import evidence
from tracker.smoothing.pairs import Cells
from tracker.smoothing.rows import Bools, ClipTimes, Index, Ints, Numbers, PassRows
from tracker.smoothing.stretches import Stretches, names
from tracker.smoothing.table import in_ranges
from tracker.smoothing.witness import alike, names_of

Keys = NDArray[np.int64]

NEAR_S = 2.0
"""seconds: of what comes later than this, where it was and how fast says nothing"""
KNOWN_S = 6.0
"""seconds within which looks are compared"""
SUCCESSORS = 3
"""stretches after one with the same name that are looked at, at any distance in time"""
REACH, FASTEST = 1.0, 2.5
"""sizes, and sizes a second: nobody gets farther than REACH + FASTEST * seconds"""
ELSEWHERE_S = 1.0
"""seconds from an end in which it is looked where else its name is"""
STEADY_S = 0.2
"""seconds of evidence from which on a stretch has a speed"""
PLACE, PLACE_S = 0.1, 0.5
"""sizes, and sizes a second of gap: usual distance of an object from where its speed takes it"""
GAP_S = 0.2
"""seconds without an object that are not unusual"""
SHORT_S = 0.4
"""seconds of evidence: what a shorter stretch says counts for less, since slips of names and flickers of boxes are short"""
LEAST = 0.2
"""what a stretch of no length counts: it must still be linked where nothing else is there"""

NAMES = ("any", "elsewhere", "gap", "way", "distance", "looks", "known", "witness")
"""columns of `measures`: 1; share of the time in which a pass has the name of the one elsewhere while the other is seen, of both passes
together; gap in time; distance from where the speed leads, and from where it was; what their colours say (`looks`); 1: colours of
both are known; 1: the witness calls both alike. The gap is log(1 + x / usual), distances log(1 + (x / usual)^2)"""
SHARED = (2.93, -1.93, -0.74, -1.15, 0.52, 0.53, 0.95, 1.36)
"""weights of the columns where a pass calls both alike, fitted on drawn streets 800 to 829 and situations of seeds 80 to 86, some of them
mirrored or with every third frame alone: 33,000 pairs; the last, beside the others as they are, on streets 800 to 835, situations of
seeds 80 and 81 and ten clips of every third frame: 13,000"""
OTHER = (1.01, -1.21, -1.18, -1.51, 0.81, 0.79, 1.0, 2.16)
"""weights where none does: 133,000 pairs, of which 3 % are of one object; 39,000"""


class Links(NamedTuple):
    """Pairs of stretches that may be of one object."""

    a: Index
    """(P,) a stretch"""
    b: Index
    """(P,) one that begins after it ends"""
    gain: Numbers
    """(P,) logarithm of the odds that they are of one object, less of it where one is short"""


def links(
    s: Stretches,
    cells: Cells,
    which: Index,
    forward: PassRows,
    backward: PassRows,
    clip: ClipTimes,
    *,
    witness: PassRows,
) -> Links:
    """All pairs that are near enough in place and time or share a name.

    witness  rows of the third pass
    """
    boxes = seen_boxes(cells, forward, backward)
    first, last = both_ends(s, boxes, cells.frames, which, clip)
    a, b = candidates(s, first, last, clip)
    shared = share_a_name(s, a, b)
    called = names_of(cells.frames, boxes, witness)
    seen = measures(s, a, b, first, last, cells, which, forward, backward, clip, called=called)
    odds = np.where(shared, seen @ np.array(SHARED), seen @ np.array(OTHER))
    length = (s.last - s.first + 1) / clip.looks(SHORT_S)
    return Links(a, b, odds * np.minimum(1, LEAST + np.minimum(length[a], length[b])))


def candidates(s: Stretches, first: Ends, last: Ends, clip: ClipTimes) -> tuple[Index, Index]:
    """Pairs of stretches, the second of which begins after the first has ended."""
    known: Bools = np.asarray(np.isfinite(s.colours).any(axis=1))
    parts = clip.parts
    low = np.searchsorted(s.first, s.last + 1)
    high = np.searchsorted(s.first, s.last + 1 + clip.frames(KNOWN_S))
    found = [np.zeros(0, np.int64)]
    for i, j in in_ranges(low, high):
        gap_s = (s.first[j] - s.last[i]) * clip.interval_s
        near = distances(last.middles[i] - first.middles[j], last.sizes[i], first.sizes[j]) <= REACH + FASTEST * gap_s
        near &= (gap_s <= NEAR_S) | (known[i] & known[j])
        near &= parts[s.last[i]] == parts[s.first[j]]
        found.append(i[near] * len(s.first) + j[near])
    for name in (s.forward, s.backward):
        order = np.lexsort((s.first, name))
        order = order[name[order] > 0]
        for step in range(1, SUCCESSORS + 1):
            same = np.flatnonzero(name[order[:-step]] == name[order[step:]])
            found.append(order[same].astype(np.int64) * len(s.first) + order[same + step])
    pairs = np.unique(np.concatenate(found))
    return pairs // max(1, len(s.first)), pairs % max(1, len(s.first))


def measures(
    s: Stretches,
    a: Index,
    b: Index,
    first: Ends,
    last: Ends,
    cells: Cells,
    which: Index,
    forward: PassRows,
    backward: PassRows,
    clip: ClipTimes,
    *,
    called: Ints,
) -> Numbers:
    """(P, F) what the regression sees of pairs (a, b), columns as in NAMES; the same if time runs the other way.

    called  (C,) what the witness calls each cell
    """
    frames = (s.first[b] - s.last[a]).astype(np.float64)
    gap_s = frames * clip.interval_s
    one, other = Ends._make(part[a] for part in last), Ends._make(part[b] for part in first)
    where = one.middles + speeds(one, other, clip) * frames[:, None]
    usual = PLACE + PLACE_S * gap_s
    way = distances(other.middles - where, one.sizes, other.sizes)
    distance = distances(other.middles - one.middles, one.sizes, other.sizes)
    looks, known = evidence(s, a, b, cells, which, forward, backward, clip)
    return np.stack(
        [
            np.ones(len(a)),
            elsewhere(s.forward, s, a, b, names(forward, cells.forward), cells.frames, clip)
            + elsewhere(s.backward, s, a, b, names(backward, cells.backward), cells.frames, clip),
            np.log1p(gap_s / GAP_S),
            unusual(way / usual),
            unusual(distance / usual),
            looks,
            known,
            alike(s, a, b, called, which, cells.frames, clip),
        ],
        axis=1,
    )


def share_a_name(s: Stretches, a: Index, b: Index) -> Bools:
    """(P,) whether a pass calls both alike."""
    alike = [(name[a] == name[b]) & (name[a] > 0) for name in (s.forward, s.backward)]
    return alike[0] | alike[1]


def unusual(times: Numbers) -> Numbers:
    """How unlikely what is so many times the usual is, as Student's distribution has it: large errors are not rare."""
    return np.log1p(times**2)


def distances(steps: Numbers, one: Numbers, other: Numbers) -> Numbers:
    """(P,) lengths of steps (P, 2) in sizes of what is `one` large at one end and `other` at the other."""
    return np.asarray(np.hypot(*steps.T) / np.sqrt(np.sqrt(one.prod(axis=1) * other.prod(axis=1))))


def speeds(one: Ends, other: Ends, clip: ClipTimes) -> Numbers:
    """(P, 2) mean speed of two ends, by how long each was looked at; an end that was hardly seen stands."""
    steady = clip.looks(STEADY_S)
    total, weights = np.zeros_like(one.speeds), np.zeros((len(one.frames), 1))
    for end in (one, other):
        weight = np.minimum(end.frames, 2 * steady)[:, None]
        total += weight * end.speeds * np.minimum(1, end.frames / steady)[:, None]
        weights += weight
    return total / weights


def elsewhere(name: Ints, s: Stretches, a: Index, b: Index, named: Ints, frames: Ints, clip: ClipTimes) -> Numbers:
    """(P,) share of the time after its end in which the name of a is elsewhere while b is seen, or that of b before its beginning.

    name  (K,) of the stretches in one pass; named, frames  (C,) of that pass's cells
    """
    span = clip.frames(ELSEWHERE_S)
    known = np.sort(key(named[named > 0], frames[named > 0]))
    after = share(known, name[a], s.first[b], np.minimum(s.last[b], s.first[b] + span))
    before = share(known, name[b], np.maximum(s.first[a], s.last[a] - span), s.last[a])
    return np.where(name[a] != name[b], np.maximum(after, before), 0.0)


def share(known: Keys, name: Ints, low: Ints, high: Ints) -> Numbers:
    """(P,) share of the frames from low to high that have a name, by sorted keys of all that do; 0 of no name."""
    count = np.searchsorted(known, key(name, high), "right") - np.searchsorted(known, key(name, low))
    return np.where(name > 0, count / (high - low + 1), 0.0)


def key(ids: Ints, frames: Ints) -> Keys:
    """(N,) one number for an identity and a frame, in this order."""
    return ids.astype(np.int64) << 32 | frames.astype(np.int64)
