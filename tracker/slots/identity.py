"""Which identity a slot has after it was merged: two that were in one blob are told apart by their appearance before.

While slots are merged the E-step shares the pixels by shape, place and colour, and now and then two leave with each other's object.
The appearance of a slot while it was isolated is kept, and compared when both have been isolated again for a while.

- Who comes out of a group is, unless it came in over the border, the merged slot near by that is seen least (`lifecycle`).
- Slots that were merged are compared, once isolated again for RECENT_S, by mean colours from head to foot; if they fit crossed, the
  identities are exchanged. A slot that fits neither gives its identity back when the owner comes out.
- A step longer than the object and than its speed explains ends an identity, in every lane (`tracker.steps`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, combinations, pairwise
from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.slots.association import Association
from tracker.slots.patches import Patches, Window
from tracker.slots.pose import VISIBLE, touch_border
from tracker.slots.slot import Slot, SlotIdentity
from tracker.timing import REFERENCE_S, lasts, rate_over
from tracker.types import Box, Image, Labels

Array = NDArray[np.float32]

PARTS = 3
"""of a body, from head to foot, that are compared"""
RECENT_S = 0.2
"""seconds isolated after a merge before identities are compared"""
CERTAIN_S = 1.2
"""seconds isolated after which they are no longer compared"""
APPEARANCE_RATE = 0.05
"""share of the way to the appearance in this frame, at 25 frames a second"""
MARGIN = 0.02
"""identities are exchanged if their appearances then fit better by so much: mean difference of a colour, of 1"""
ALIKE = 0.1
"""a larger difference is another object's, whatever the others are"""
FEWEST_PX = 4
"""pixels of a part that tell its colour"""


def part_colours(image: Image, owners: Labels, boxes: Mapping[int, Box]) -> Array:
    """(N, PARTS, 3) mean colour, RGB in [0, 1], of the parts of N bodies from top to bottom; NaN where too little shows.

    owners  (H, W) 1 + the slot that has each pixel; boxes  of the slots, in which their pixels count
    """
    patches = Patches([_window(box, owners.shape) for box in boxes.values()])
    if not len(patches):
        return np.full((len(boxes), PARTS, 3), np.nan, np.float32)
    sizes = [count * width for height, width in patches.shapes for count in _part_rows(height)]
    starts = np.minimum(
        [0, *accumulate(sizes[:-1])], len(patches) - 1
    )  # rows of a window follow each other, so parts do
    mine = patches.gather(owners) == (np.fromiter(boxes, np.int64, len(boxes)) + 1)[patches.slots]
    planes = cv2.split(patches.gather(image)[:, None])
    counts, *sums = (
        np.where(sizes, np.add.reduceat(rows, starts, dtype=np.int64), 0)
        for rows in (mine, *(np.ravel(plane) * mine for plane in planes))
    )
    means = np.where(counts >= FEWEST_PX, np.stack(sums) * (1 / np.maximum(1, counts)), np.nan)  # (3, N PARTS)
    return np.asarray(means.T.reshape(-1, PARTS, 3), np.float32) / np.float32(255)


def _window(box: Box, shape: tuple[int, ...]) -> Window:
    """Rows and columns of a box, as far as it is inside a picture of that shape."""
    x0, y0 = min(shape[1], max(0, int(box.x0))), min(shape[0], max(0, int(box.y0)))
    x1, y1 = min(shape[1], ceil(box.x1)), min(shape[0], ceil(box.y1))
    return slice(y0, max(y0, y1)), slice(x0, max(x0, x1))


def _part_rows(height: int) -> list[int]:
    """How many rows of a body each part has."""
    edges = [*(round(n * (height / PARTS)) for n in range(PARTS)), height]
    return [bottom - top for top, bottom in pairwise(edges)]


def update_appearance(slot: Slot, colours: Array, *, look_s: float = REFERENCE_S) -> None:
    """Take in the part colours (PARTS, 3) of an isolated slot in this frame, which counts `look_s` seconds."""
    identity = slot.identity
    if identity.met:
        slot.recent = _blend(slot.recent, colours, look_s / (slot.recent_s + look_s))
        slot.recent_s += look_s
        if not lasts(CERTAIN_S, slot.recent_s):
            _conclude(slot)
        return
    known = identity.appearance
    identity.appearance = colours if known is None else _blend(known, colours, rate_over(APPEARANCE_RATE, look_s))


def update_appearances(slots: Sequence[Slot], colours: Array, *, look_s: float) -> None:
    """`update_appearance` of N slots by their part colours (N, PARTS, 3)."""
    certain = [n for n, slot in enumerate(slots) if not slot.identity.met and slot.identity.appearance is not None]
    for n in set(range(len(slots))) - set(certain):
        update_appearance(slots[n], colours[n], look_s=look_s)
    if certain:
        known = np.stack([appearance for n in certain if (appearance := slots[n].identity.appearance) is not None])
        mixed = _blend(known, colours[certain], rate_over(APPEARANCE_RATE, look_s))
        for n, appearance in zip(certain, mixed, strict=True):
            slots[n].identity.appearance = appearance


def merge(slot: Slot, others: set[int]) -> None:
    """The slot is in one blob with slots of those identities."""
    slot.identity.met |= others
    slot.recent, slot.recent_s = None, 0.0


def _conclude(slot: Slot) -> None:
    """Nothing is open any more; what was seen since the merge is the appearance."""
    identity = slot.identity
    if identity.appearance is None or (slot.recent is not None and not lasts(CERTAIN_S, slot.recent_s)):
        identity.appearance = slot.recent
    identity.met, slot.recent, slot.recent_s = set(), None, 0.0


def update_identities(
    slots: Sequence[Slot], image: Image, owners: Labels, association: Association, shown: Array, *, look_s: float
) -> dict[int, Array]:
    """Remember the appearance of who is isolated; after a merge, find out who is who.

    owners (H, W) `Responsibilities.labels`; shown (K,) share of its usual area that is seen of each slot

    Returns the part colours (PARTS, 3) of the slots that are isolated and seen whole, by their rows.
    """
    isolated = [k for k, slot in enumerate(slots) if k in association.isolated and not slot.hidden]
    boxes = np.array([association.isolated[k] for k in isolated], float).reshape(-1, 4)
    whole = (shown[isolated] >= VISIBLE) & ~touch_border(boxes, (image.shape[1], image.shape[0]))
    seen = {k: association.isolated[k] for k, is_whole in zip(isolated, whole.tolist(), strict=True) if is_whole}
    colours = part_colours(image, owners, seen)
    update_appearances([slots[k] for k in seen], colours, look_s=look_s)
    numbers: dict[int, set[int]] = {}
    merged = {k: blob for k in range(len(slots)) if (blob := association.blob_of(k))}
    for k, blob in merged.items():
        if (number := slots[k].number) is not None:
            numbers.setdefault(blob, set()).add(number)
    for k, blob in merged.items():
        if k not in association.isolated or slots[k].hidden:
            merge(slots[k], {number for number in numbers.get(blob, ()) if number != slots[k].number})
    swap_identities(slots)
    return dict(zip(seen, colours, strict=True))


def swap_identities(slots: Sequence[Slot]) -> list[tuple[int, int]]:
    """Exchange the identities of pairs of slots that left a merge with each other's object; returns the pairs' rows."""
    swapped = []
    asked = [k for k, slot in enumerate(slots) if slot.identity.met and lasts(slot.recent_s, RECENT_S)]
    for a, b in combinations(asked, 2):
        one, two = slots[a], slots[b]
        # an earlier pair may have settled one of them
        if _have_met(one, two) and lasts(min(one.recent_s, two.recent_s), RECENT_S):
            first, second = one.identity, two.identity
            straight = _difference(first.appearance, one.recent) + _difference(second.appearance, two.recent)
            crossed = _difference(first.appearance, two.recent), _difference(second.appearance, one.recent)
            near = first.reaches(second) and second.reaches(first)
            if near and max(crossed) < ALIKE and sum(crossed) + 2 * MARGIN < straight:
                one.identity, two.identity = second, first
                swapped.append((a, b))
            for slot in (one, two):
                # one that is like neither: its owner may yet come out
                if _difference(slot.identity.appearance, slot.recent) < ALIKE:
                    slot.identity.met -= {first.number, second.number}
                    if not slot.identity.met:
                        _conclude(slot)
    return swapped


def _have_met(one: Slot, two: Slot) -> bool:
    if one.number is None or two.number is None:
        return False
    return one.number in two.identity.met and two.number in one.identity.met


def find_stolen(newborn: Slot, slots: Sequence[Slot]) -> int | None:
    """Row of the slot that left a merge with an identity that fits the newborn's appearance better than its own; or None."""
    best, found = 0.0, None
    for k, other in enumerate(slots):
        appearance = other.identity.appearance
        if other.number is None or appearance is None or other.recent is None or not lasts(other.recent_s, RECENT_S):
            continue
        if not other.identity.reaches(newborn.identity):
            continue
        fits = _difference(appearance, newborn.identity.appearance)
        gain = _difference(appearance, other.recent) - fits - 2 * MARGIN
        if fits < ALIKE and gain > best:
            best, found = gain, k
    return found


def take_identity(newborn: Slot, holder: Slot, place: tuple[float, float]) -> None:
    """Give a stolen identity back to the newborn slot, its owner. Which object the holder, at `place` (x, y), is, is asked anew."""
    stolen, own = holder.identity, newborn.identity
    holder.identity = SlotIdentity(appearance=holder.recent, met=stolen.met)
    newborn.identity = SlotIdentity(stolen.number, stolen.appearance, own.met, stolen.place)
    newborn.geometry = replace(newborn.geometry, isolated_s=holder.geometry.isolated_s)
    newborn.moved, holder.birthplace = True, place


def succeed(newborn: Slot, other: Slot) -> None:
    """The newborn slot is the other one, which ends: it has its number, size and age."""
    newborn.identity.number, other.identity.number = other.number, None
    newborn.identity.place = other.identity.place
    newborn.geometry = replace(
        newborn.geometry,
        size=other.geometry.size, window=other.geometry.window, isolated_s=other.geometry.isolated_s,
    )  # fmt: skip
    newborn.area_px, newborn.age_s, newborn.moved = other.area_px, other.age_s, True


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
