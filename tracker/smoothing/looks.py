"""What colours say of two stretches: how far looks at one object differ in this clip, against how far those of different ones do.

Both are measured without a truth: a stretch that both passes hold is one object all along, and two of them in one frame are two. So
where all look alike, as mice or ants do, and where grain changes every look, colours say little.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tracker.smoothing.pairs import Cells
from tracker.smoothing.rows import Bools, ClipTimes, Index, Numbers, PassRows
from tracker.smoothing.stretches import COLOUR_S, Stretches, appearance
from tracker.smoothing.table import in_ranges

LEAST = 0.001
"""added to differences of mean colours, in [0, 1]: none is 0 by more than luck"""
PRIOR = 20
"""a clip's own differences count as those of drawn clips from so many on"""


class Spread(NamedTuple):
    """Logarithms of differences of colours, as a normal distribution."""

    middle: float
    variance: float


ONE, OTHER = Spread(np.log(0.017).item(), 0.59), Spread(np.log(0.176).item(), 0.18)
"""between looks at one object, and at different ones, in drawn clips: streets 800 to 812, situations of seeds 80 to 86"""


def evidence(
    s: Stretches, a: Index, b: Index, cells: Cells, which: Index, forward: PassRows, backward: PassRows, clip: ClipTimes
) -> tuple[Numbers, Numbers]:
    """(P,) logarithm of how much likelier the colours of pairs (a, b) are if they are one object's; and 1 where both are known, else 0."""
    known, difference = unlikeness(s.colours[a], s.colours[b])
    held = (s.forward > 0) & (s.backward > 0)
    one = measured(ONE, [halves(s, held, cells, which, forward, backward, clip)])
    other = measured(OTHER, together(s, held))
    variance = (one.variance + other.variance) / 2
    x = np.log(difference + LEAST).clip(min(one.middle, other.middle), other.middle)
    ratio = (other.middle - one.middle) / variance * ((one.middle + other.middle) / 2 - x)
    return np.where((known > 0) & (one.middle < other.middle), ratio, 0.0), known


def unlikeness(a: Numbers, b: Numbers) -> tuple[Numbers, Numbers]:
    """(P,) 1 where there is a colour (P, 9) that both know, and the mean difference of those, 0 where there is none."""
    difference = np.abs(a - b)
    both = np.isfinite(difference)
    mean: Numbers = np.where(both, difference, 0).sum(axis=1) / np.maximum(1, both.sum(axis=1))
    return np.asarray(both.any(axis=1), np.float64), mean


def halves(
    s: Stretches, held: Bools, cells: Cells, which: Index, forward: PassRows, backward: PassRows, clip: ClipTimes
) -> Numbers:
    """Differences between the first and the second half of each stretch that both passes hold."""
    half = 2 * which + (2 * cells.frames > (s.first + s.last)[which])
    colours = appearance(cells, half, 2 * len(s.first), forward, backward, clip.looks(COLOUR_S))
    known, difference = unlikeness(colours[::2], colours[1::2])
    return difference[held & (known > 0)]


def together(s: Stretches, held: Bools) -> list[Numbers]:
    """Differences between stretches in the same frame, both held by both passes."""
    chosen = np.flatnonzero(held & np.isfinite(s.colours).any(axis=1))
    first, last, colours = s.first[chosen], s.last[chosen], s.colours[chosen]
    low, high = np.arange(len(chosen)) + 1, np.searchsorted(first, last, "right")
    found = []
    for i, j in in_ranges(low, high):
        known, difference = unlikeness(colours[i], colours[j])
        found.append(difference[known > 0])
    return found


def measured(prior: Spread, parts: list[Numbers]) -> Spread:
    """The spread of differences, in parts, as if PRIOR more were known to be spread as `prior` is."""
    logs = [np.log(part + LEAST) for part in parts]
    n = PRIOR + sum(len(x) for x in logs)
    middle = (PRIOR * prior.middle + sum(float(x.sum()) for x in logs)) / n
    squares = PRIOR * (prior.variance + (prior.middle - middle) ** 2) + sum(
        float(((x - middle) ** 2).sum()) for x in logs
    )
    return Spread(middle, squares / n)
