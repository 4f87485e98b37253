"""Who is who after a meeting: two that stood in one blob are told apart by how they looked before.

In company the E-step shares the pixels by shape, place and colour, and now and then two slots leave with each other's object. What a
slot looked like when it stood alone is kept while it is in company, and compared when both have stood alone again for a while.
"""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.slots.lifecycle import Life
from tracker.timing import REFERENCE_S, lasts, rate_over
from tracker.types import Box, Image, Mask

Array = NDArray[np.float32]

PARTS = 3
"""of a body, from head to foot, that are compared"""
SIGHTS_S = 0.2
"""seconds seen alone after a meeting before it is asked who is who"""
ENOUGH_S = 1.2
"""seconds seen alone after which it is no longer asked"""
RATE = 0.05
"""in a frame at 25 frames a second, how fast a slot's look follows what is seen of it alone"""
MARGIN = 0.02
"""names are exchanged if that makes the looks fit better by so much: mean difference of a colour, of 1"""
ALIKE = 0.1
"""larger differences are no likeness, whatever the others are"""
FEWEST_PX = 4
"""pixels of a part that tell its colour"""


def part_colours(image: Image, mask: Mask, corner: tuple[int, int]) -> Array:
    """(PARTS, 3) mean colour, RGB in [0, 1], of the parts of a body from top to bottom; NaN where too little shows.

    mask (h, w) bool of the body's pixels, its upper left at `corner` (x, y) of the image
    """
    x, y = corner
    height, width = mask.shape
    colours = np.full((PARTS, 3), np.nan, np.float32)
    edges = np.linspace(0, height, PARTS + 1).round().astype(int)
    for n, (top, bottom) in enumerate(pairwise(edges)):
        part = mask[top:bottom].astype(np.uint8)
        if bottom > top and int(part.sum()) >= FEWEST_PX:
            colours[n] = cv2.mean(image[y + top : y + bottom, x : x + width], part)[:3]
    return colours / np.float32(255)


def see(life: Life, colours: Array, *, look_s: float = REFERENCE_S) -> None:
    """Take in how a slot that stands alone looks in this frame, which counts `look_s` seconds."""
    if life.met:
        life.fresh = _blend(life.fresh, colours, look_s / (life.fresh_s + look_s))
        life.fresh_s += look_s
        if not lasts(ENOUGH_S, life.fresh_s):
            conclude(life)
        return
    life.look = colours if life.look is None else _blend(life.look, colours, rate_over(RATE, look_s))


def meet(life: Life, others: set[int]) -> None:
    """A slot stands in one blob with slots of those identities."""
    life.met |= others
    life.fresh, life.fresh_s = None, 0.0


def conclude(life: Life) -> None:
    """The meeting is over; what was seen since is how the slot looks."""
    if life.look is None or (life.fresh is not None and not lasts(ENOUGH_S, life.fresh_s)):
        life.look = life.fresh
    life.met, life.fresh, life.fresh_s = set(), None, 0.0


def exchange_names(lives: list[Life]) -> list[tuple[int, int]]:
    """Pairs of slots that left a meeting with each other's object; their identities and looks are exchanged in place."""
    exchanged = []
    for a, one in enumerate(lives):
        for b in range(a + 1, len(lives)):
            two = lives[b]
            if one.id is None or two.id is None or one.id not in two.met or two.id not in one.met:
                continue
            if not lasts(min(one.fresh_s, two.fresh_s), SIGHTS_S):
                continue
            straight = _difference(one.look, one.fresh) + _difference(two.look, two.fresh)
            crossed = _difference(one.look, two.fresh), _difference(two.look, one.fresh)
            first, second = one.id, two.id
            if max(crossed) < ALIKE and sum(crossed) + 2 * MARGIN < straight:
                one.id, two.id, one.look, two.look = two.id, one.id, two.look, one.look
                one.met, two.met = two.met, one.met
                exchanged.append((a, b))
            for life in (one, two):
                if _difference(life.look, life.fresh) < ALIKE:  # else it is neither: its owner may yet come out
                    life.met -= {first, second}
                    if not life.met:
                        conclude(life)
    return exchanged


def find_usurper(newborn: Life, lives: list[Life]) -> int | None:
    """Index of the slot that came out of a meeting with a name that fits the newborn's look better than its own; or None."""
    best, found = 0.0, None
    for k, other in enumerate(lives):
        if other.id is None or other.look is None or other.fresh is None or not lasts(other.fresh_s, SIGHTS_S):
            continue
        fits = _difference(other.look, newborn.look)
        gain = _difference(other.look, other.fresh) - fits - 2 * MARGIN
        if fits < ALIKE and gain > best:
            best, found = gain, k
    return found


def _blend(old: Array | None, new: Array, rate: float) -> Array:
    if old is None:
        return new
    mixed = old + np.float32(rate) * (new - old)
    return np.where(np.isnan(mixed), np.where(np.isnan(old), new, old), mixed).astype(np.float32)


def _difference(first: Array | None, second: Array | None) -> float:
    """Mean difference of the parts that both know; nothing where they know none."""
    if first is None or second is None:
        return 0.0
    apart = np.abs(first - second)
    known = ~np.isnan(apart)
    return float(apart[known].mean()) if known.any() else 0.0


def body_of(labels: NDArray[np.int32], number: int, box: Box) -> tuple[Mask, tuple[int, int]]:
    """The pixels of slot `number` in labels (H, W), inside its box: (h, w) bool and the box's corner (x, y)."""
    x0, y0 = max(0, int(box.x0)), max(0, int(box.y0))
    window = labels[y0 : max(y0, int(np.ceil(box.y1))), x0 : max(x0, int(np.ceil(box.x1)))]
    return window == number, (x0, y0)
