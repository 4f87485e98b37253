"""Which slot is in which blob: isolated, merged with others, occluded, or a fragment of another; and what is new.

The E-step knows pixels, not objects: legs that a slot has not yet learned are unexplained although they are connected with its upper part.
So a blob with one slot in it is all that slot's, and shows how large it is; in a blob with several the E-step decides.

- Several slots in one blob are several objects only if each has been isolated; who has not is a fragment.
- A slot that enters at the border claims what no other explains. With later passes a piece that
  enters beside one that is whole is no fragment of it.
- Of several slots in a blob one that is far larger is measured while it has its known size; with later passes they pass it (`passing`).
- Two pieces side by side are two objects if objects have visited the gap between them; where none has, a post may stand there. A whole
  that lies in two pieces for three frames is two.
- A size is learned where an object is isolated and seen whole; elsewhere it grows as things do that come nearer (`perspective`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracker.components import components
from tracker.slots.assignment import HOLDS, MOST_OF_BLOB, SHOWS, Expected, assign, expected, find_fragments
from tracker.slots.blobs import SMALLEST_SIDE_PX, Birth, Blobs, birth_of, births_in, pixels_by_slot, unclaimed
from tracker.slots.e_step import Responsibilities
from tracker.slots.passing import box_of, box_of_large, find_large, smoothed
from tracker.slots.settings import LifeSettings
from tracker.slots.slot import Slot, Slots
from tracker.timing import lasts
from tracker.types import Box, Image, Labels, Mask, intersections

Array = NDArray[np.float32]
Floats = NDArray[np.float64]

# A blob with several slots
OVERLAP_WEIGHT = 0.5
"""of a pixel of a slot's predicted box in the blob, beside one that it owns, when it is asked whose the blob is"""
UNEXPLAINED = 0.3
"""share of the area known of a slot that enters at the border by which it has grown, if so much of its blob is unclaimed"""
EXPLAINED = 0.65
"""share of its usual area that a slot which comes in explains of a blob itself, if it is measured there"""

# A blob that no slot is in
WITHIN_REACH = 0.4
"""share of a blob's box that is within the reach of the slot of which it may be a fragment"""
FRAGMENT_WITHIN = 0.5
"""the same for a blob that is no birth, because a larger identity is predicted there"""
TWIN_SIZE = 0.3
"""share of the main blob's box from which a piece beside it may be another object"""
NARROWEST_GAP_PX = 2
"""a gap between two pieces that is narrower says nothing of what is between them"""
WHOLE = 0.8
"""share of a slot's usual area below which its main blob may be a part of what was known as one object"""
OPEN = 0.5
"""share of a gap that objects have visited, above which nothing that hides them stands there"""
LONG = 1.3
"""a slot so many times longer one way than the other is upright, or wide"""
LARGEST_WHOLE = 1.3
"""a slot may, with its fragments, be so many times its known size"""
ALIGNED = 0.5
"""share of a fragment's side that is opposite the main blob, from which it continues it"""


class Observation(NamedTuple):
    """What is known of a frame when slots are associated with its blobs."""

    image: Image
    blobs: Blobs
    owners: Labels
    """(H, W) `Responsibilities.labels`"""
    visited: Mask
    """(H, W) where objects were seen in earlier frames: nothing that hides them stands there"""
    look_s: float
    """seconds that this frame counts as evidence"""
    causal: bool = True
    """nobody will look at this frame again: what falls into pieces has to be told by the frames so far"""


@dataclass(frozen=True)
class Association:
    """What the blobs of a frame say of the slots; slots by their rows, blobs by their numbers."""

    births: tuple[Birth, ...] = ()
    isolated: Mapping[int, Box] = field(default_factory=dict)
    """slot -> box of the foreground it has for itself"""
    merged: Mapping[int, int] = field(default_factory=dict)
    """slot -> blob it shares with others"""
    occluded: Mapping[int, int] = field(default_factory=dict)
    """slot -> blob that is too small for it beside its owner: it is behind the owner, or a second slot for the same object"""
    fragments: frozenset[int] = frozenset()
    """slots that are parts of another one: they share its blob and were never isolated, or the blob has outgrown them"""
    claims: tuple[tuple[int, int], ...] = ()
    """(slot, blob): the slot claims what of the blob no slot is responsible for"""
    released: tuple[int, ...] = ()
    """blobs that are new objects, whoever was responsible for their pixels"""
    crowded_s: Mapping[int, float] = field(default_factory=dict)
    parted_s: Mapping[int, float] = field(default_factory=dict)
    """new values of `Slot.crowded_s` and `Slot.parted_s`, where they change"""
    split: frozenset[int] = frozenset()
    """slots of which a twin has become an object of its own, so that their size is learned anew"""
    passing: frozenset[int] = frozenset()
    """slots that pass a far larger one: what would be learned of them may be the other's"""

    def blob_of(self, k: int) -> int:
        """The blob in which slot k is merged or occluded; 0 for none."""
        return self.merged.get(k) or self.occluded.get(k) or 0


def associate(seen: Observation, slots: Sequence[Slot], poses: Array, settings: LifeSettings) -> Association:
    """Assign every slot to its blob, and every blob to its slots or to a birth. Changes nothing.

    poses  (K, 4) predicted for this frame, of the same K slots
    """
    if not seen.blobs.numbers:
        return Association()
    draft = _Draft(seen, slots, expected(poses, slots), settings)
    occupied: dict[int, list[int]] = {}
    for k, b in enumerate(draft.assigned):
        if b:
            occupied.setdefault(b, []).append(k)
    for b in sorted(occupied):
        draft.decide_occupied(b, occupied[b])
    for b in sorted(set(seen.blobs.numbers) - set(occupied)):  # after the others: who is isolated is known now
        draft.decide_free(b)
    return draft.association()


def apply(
    association: Association, blobs: Blobs, responsibilities: Responsibilities, slots: Slots, settings: LifeSettings
) -> None:
    """Give the claimed and released pixels their owners, and the slots their new times."""
    claimants = np.zeros(len(blobs.boxes), np.intp)  # 1 + the slot that claims each blob
    for k, b in association.claims:
        claimants[b] = k + 1
    claimed = claimants[blobs.pixel_numbers]
    free = (claimed > 0) & (responsibilities.labels.ravel()[blobs.pixel_indices] == 0)
    responsibilities.claim(blobs.pixel_indices[free], claimed[free] - 1)
    if association.released:
        responsibilities.release(blobs.painted(np.isin(np.arange(len(blobs.boxes)), association.released)))
    for k, crowded_s in association.crowded_s.items():
        slots[k].crowded_s = crowded_s
    for k, parted_s in association.parted_s.items():
        slots[k].parted_s = parted_s
    for k in association.split:
        slots[k].measure_anew(association.isolated.get(k), found_s=settings.found_s)


class _Draft:
    """An association in the making. Blobs with slots are decided first, then the free ones, each in order of number."""

    def __init__(self, seen: Observation, slots: Sequence[Slot], places: Expected, settings: LifeSettings) -> None:
        self.seen, self.slots, self.places, self.settings = seen, slots, places, settings
        self.blobs = seen.blobs
        self.counts = pixels_by_slot(seen.blobs, seen.owners, len(slots))
        self.covered = intersections(places.boxes, seen.blobs.boxes)
        """(K, B) pixels of each slot's predicted box in each blob's"""
        self.reached = intersections(places.reaches, seen.blobs.boxes)
        """(K, B) the same of the slots' reaches"""
        self.assigned = assign(places, self.covered, self.counts, seen.blobs, slots)
        """the blob that each slot is in, 0 for none"""
        self.least_px = settings.least_area * seen.blobs.labels.size
        self.births: list[Birth] = []
        self.isolated: dict[int, Box] = {}
        self.merged: dict[int, int] = {}
        self.occluded: dict[int, int] = {}
        self.fragments: set[int] = set()
        self.claims: list[tuple[int, int]] = []
        self.released: list[int] = []
        self.crowded_s: dict[int, float] = {}
        self.parted_s: dict[int, float] = {}
        self.split: set[int] = set()
        self.passing: set[int] = set()

    def association(self) -> Association:
        """What was decided."""
        parted_s = {k: self.parted_s.get(k, 0.0) for k in range(len(self.slots))}  # whoever has no twin begins anew
        return Association(
            tuple(self.births), self.isolated, self.merged, self.occluded, frozenset(self.fragments), tuple(self.claims),
            tuple(self.released), self.crowded_s, parted_s, frozenset(self.split), frozenset(self.passing),
        )  # fmt: skip

    # --- a blob with slots in it

    def decide_occupied(self, b: int, here: list[int]) -> None:
        """The slots `here` are in blob b: one has it for itself, or they share it."""
        fragments = find_fragments(here, self.counts[b], float(self.blobs.areas[b]), self.slots, self.settings)
        self.fragments |= fragments
        here = [k for k in here if k not in fragments]
        weak: set[int] = set()
        if len(here) > 1:
            weak = self._find_occluded(b, here)
            self.occluded.update(dict.fromkeys(weak, b))
            here = [k for k in here if k not in weak]
        if len(here) > 1:
            self._share(b, here)
        elif any(self.slots[k].number is not None for k in weak):
            self.merged[here[0]] = b  # what is behind it may show at its sides: no time to measure it
        else:
            self._isolate(b, here[0])

    def _find_occluded(self, b: int, here: list[int]) -> set[int]:
        """Of several slots in a blob no larger than its owner, those that own little of it."""
        box = self.blobs.boxes[b]
        if box.area >= self.settings.merge_growth * self.places.areas[here].max():
            return set()
        owned = self.counts[b]
        owner = max(here, key=lambda k: owned[k] + OVERLAP_WEIGHT * self.covered[k, b])
        return {
            k for k in here
            if k != owner and (self.slots[k].number is None or owned[k] < HOLDS * self.slots[k].area_px)
        }  # fmt: skip

    def _share(self, b: int, here: list[int]) -> None:
        """Several slots share the blob. One that enters at the border claims what no other explains, for it grows."""
        growing = [k for k in here if not self.slots[k].geometry.complete]
        loose = unclaimed(b, self.blobs, self.seen.owners)
        if len(growing) == 1 and self._is_measured(b, growing[0], loose):
            k = growing[0]
            self.claims.append((k, b))
            self.isolated[k] = self._own_box(b, k)
            self.merged.update((other, b) for other in here if other != k)
            self._measure_large(b, here)
            return
        self.merged.update(dict.fromkeys(here, b))
        self._measure_large(b, here)
        self._add_leftovers(b, loose)

    def _measure_large(self, b: int, here: list[int]) -> None:
        """Of several slots in a blob one may be far larger than each of the others: it is measured, and they pass it."""
        large = None if self.seen.causal else find_large(here, self.slots)
        if large is None:
            return
        window, small = self.blobs.window(b), [k for k in here if k != large]
        box = box_of_large(large, small, self.blobs.pixels(b), self.seen.owners[window], self.slots[large].geometry)
        if box is None:
            return
        del self.merged[large]
        self.isolated[large] = self._in_picture(b, box)
        self.passing.update(k for k in small if self.slots[k].geometry.complete)

    def _in_picture(self, b: int, box: Box) -> Box:
        """A box in the window of blob b, in the picture."""
        x, y = self.blobs.boxes[b][:2]
        return Box(box.x0 + x, box.y0 + y, box.x1 + x, box.y1 + y)

    def _is_measured(self, b: int, k: int, loose: Mask) -> bool:
        """Whether slot k, which comes in, can be measured in a blob with others: by what no other explains, or what it explains itself."""
        area = self.slots[k].area_px
        return bool(
            loose.sum() >= UNEXPLAINED * area or (not self.seen.causal and self.counts[b, k] >= EXPLAINED * area)
        )

    def _isolate(self, b: int, k: int) -> None:
        """Slot k has the blob for itself. One far too large may hold an unknown object, for `crowded_s`; then it is all the slot's."""
        slot, settings = self.slots[k], self.settings
        known = not lasts(settings.grow_s, slot.geometry.isolated_s)
        grown = known and self.blobs.areas[b] > settings.growth * slot.area_px
        self.crowded_s[k] = slot.crowded_s + self.seen.look_s if grown else 0.0
        if grown and lasts(settings.crowded_s, self.crowded_s[k]):
            self.merged[k] = b  # an unknown object has merged with it, or comes into view
            self._add_leftovers(b, unclaimed(b, self.blobs, self.seen.owners))
            return
        self.claims.append((k, b))
        self.isolated[k] = self.blobs.boxes[b]

    def _own_box(self, b: int, k: int) -> Box:
        """The box of slot k's pixels in blob b, with what it claims there."""
        window = self.blobs.window(b)
        owners = self.seen.owners[window]
        mine = self.blobs.pixels(b) & ((owners == k + 1) | (owners == 0))
        if not self.seen.causal:
            mine = _connected(smoothed(mine), owners == k + 1) > 0
        return self._in_picture(b, box_of(mine))

    def _add_leftovers(self, b: int, loose: Mask) -> None:
        """Births from what the slots of a blob leave over, where it is no fragment of one of them."""
        rows, columns = self.blobs.window(b)
        born = births_in(loose, self.seen.image, (columns.start, rows.start), self.least_px)
        if born:
            within = intersections(self.places.reaches, [birth.box for birth in born])
            self.births += [
                birth for j, birth in enumerate(born) if not self._is_fragment(within[:, j], birth.box, birth.area_px)
            ]

    # --- a blob with no slot in it

    def decide_free(self, b: int) -> None:
        """A blob that no slot is in: a piece of one that falls apart, a fragment of a slot within whose reach it is, or a birth."""
        whole = self._fallen_apart(b) if self.seen.causal else None
        if whole is not None:
            if self._has_parted(whole):
                self._part(whole, b)
            else:
                self._hold_together(whole, b)
            return
        if not self.seen.causal and self._comes_in_beside_whole(b):
            self._add_birth(b, found_s=self.settings.found_s)
            return
        if self._completes_owner(b):
            return
        near = self._nearest(b)
        if near is not None:
            if not self.assigned[near]:  # a part of a hidden object comes into view
                self.claims.append((near, b))
                self.assigned[near], self.isolated[near] = b, self.blobs.boxes[b]
                return
            twin = self._is_twin(near, b)
            if twin and self._has_parted(near):
                self._part(near, b)
            else:
                self._extend(near, b, twin=twin)
            return
        box, area = self.blobs.boxes[b], float(self.blobs.areas[b])
        if self._is_large_enough(b) and not self._is_fragment(self.reached[:, b], box, area):
            self._add_birth(b)

    def _is_large_enough(self, b: int) -> bool:
        """Whether the blob may be an object."""
        box = self.blobs.boxes[b]
        return bool(self.blobs.areas[b] >= self.least_px and min(box.width, box.height) >= SMALLEST_SIDE_PX)

    def _add_birth(self, b: int, *, found_s: float = 0.0) -> None:
        """The blob is a new object; `found_s` as in `Birth`."""
        box = self.blobs.boxes[b]
        birth = birth_of(self.blobs.pixels(b), self.seen.image, (int(box.x0), int(box.y0)))
        self.released.append(b)
        self.births.append(replace(birth, found_s=found_s))

    def _fallen_apart(self, b: int) -> int | None:
        """The slot of which the blob is the second of two pieces into which it has fallen: each is less than it was known to be."""
        if not self._is_large_enough(b):
            return None
        area, box = float(self.blobs.areas[b]), self.blobs.boxes[b]
        pieces = [
            k for k in np.flatnonzero(self.reached[:, b] > WITHIN_REACH * box.area).tolist()
            if k in self.isolated and max(area, float(self.blobs.areas[self.assigned[k]])) < WHOLE * self.slots[k].area_px
        ]  # fmt: skip
        k = max(pieces, key=lambda k: self.reached[k, b], default=None)
        return k if k is not None and self._is_twin(k, b) else None

    def _part(self, k: int, b: int) -> None:
        """The blob is an object of its own from now on, and slot k the other piece; both are found, for they were seen apart."""
        self.split.add(k)
        if k in self.isolated:
            self.isolated[k] = self.blobs.boxes[self.assigned[k]]
        if self._is_large_enough(b):
            self._add_birth(b, found_s=self.settings.found_s)

    def _hold_together(self, k: int, b: int) -> None:
        """Until it is certain that they have parted, both pieces are slot k."""
        self.claims.append((k, b))
        whole = self.isolated[k].union(self.blobs.boxes[b])
        if self._fits(whole, k):
            self.isolated[k] = whole

    def _comes_in_beside_whole(self, b: int) -> bool:
        """Whether the blob comes in over the picture's border, and the slots within whose reach it is have all that is known of them.

        Who is whole and inside the picture has no part that is still outside.
        """
        height, width = self.blobs.labels.shape
        near = [
            k for k in np.flatnonzero(self.reached[:, b] > WITHIN_REACH * self.blobs.boxes[b].area).tolist()
            if self.slots[k].number is not None
        ]  # fmt: skip
        return (
            len(near) > 0
            and self._is_large_enough(b)
            and _is_cut(self.blobs.boxes[b], width, height)
            and all(self._is_whole(k) and not _is_cut(self.blobs.boxes[self.assigned[k]], width, height) for k in near)
        )

    def _is_whole(self, k: int) -> bool:
        """Whether slot k is known, alone in its main blob, and that is hardly less than it."""
        slot = self.slots[k]
        known = slot.geometry.complete and lasts(slot.geometry.isolated_s, self.settings.grow_s)
        return known and k in self.isolated and float(self.blobs.areas[self.assigned[k]]) >= WHOLE * slot.area_px

    def _completes_owner(self, b: int) -> bool:
        """Whether the E-step gives the blob to an isolated slot that is cut in two by something in front of it; then its box has both."""
        if not self.slots:
            return False
        owner = int(self.counts[b].argmax())
        if self.counts[b, owner] < MOST_OF_BLOB * self.blobs.areas[b] or owner not in self.isolated:
            return False
        whole = self.isolated[owner].union(self.blobs.boxes[b])
        if not self._fits(whole, owner) or self._is_open(b, owner):
            return False
        self.isolated[owner] = whole
        return True

    def _nearest(self, b: int) -> int | None:
        """The slot within whose reach most of a blob is, if the blob may be a fragment of it."""
        reached, area = self.reached[:, b], float(self.blobs.areas[b])
        near = [
            k for k in np.flatnonzero(reached > WITHIN_REACH * self.blobs.boxes[b].area).tolist()
            if (not self.slots[k].hidden and self.assigned[k] > 0) or _may_show(self.slots[k], area)
        ]  # fmt: skip
        nearest = max(near, key=lambda k: reached[k], default=None)
        return nearest if nearest is not None and area < self.settings.fragment * self.slots[nearest].area_px else None

    def _is_twin(self, k: int, b: int) -> bool:
        """Whether a blob beside slot k's may be another object: it is large enough, and nothing hides what would join them."""
        home = self.blobs.boxes[self.assigned[k]]
        return self.blobs.boxes[b].area >= TWIN_SIZE * home.area and self._is_open(b, k)

    def _has_parted(self, k: int) -> bool:
        """Count this frame's twin of slot k; whether it has had one for long enough."""
        self.parted_s[k] = self.parted_s.get(k, self.slots[k].parted_s) + self.seen.look_s
        if not lasts(self.parted_s[k], self.settings.part_s):
            return False
        self.parted_s[k] = 0.0
        return True

    def _extend(self, k: int, b: int, *, twin: bool) -> None:
        """Slot k claims the blob; its box grows where the blob continues it, or where both make a slot of known size."""
        self.claims.append((k, b))
        if k not in self.isolated:
            return
        whole, slot = self.isolated[k].union(self.blobs.boxes[b]), self.slots[k]
        if (not twin and self._continues(k, b)) or (not _is_upright(slot) and self._fits(whole, k)):
            self.isolated[k] = whole

    def _continues(self, k: int, b: int) -> bool:
        """Whether a blob continues slot k's main one: under it, or along the long side of a wide object.

        Legs under a sign belong to the coat over it. A piece that shows over or beside an upright slot is more often somebody who
        is behind it or next to it.
        """
        piece, home, slot = self.blobs.boxes[b], self.blobs.boxes[self.assigned[k]], self.slots[k]
        under = min(piece.x1, home.x1) - max(piece.x0, home.x0) > ALIGNED * min(piece.width, home.width)
        along = min(piece.y1, home.y1) - max(piece.y0, home.y0) > ALIGNED * min(piece.height, home.height)
        return piece.y0 >= home.y0 and (under if _is_upright(slot) else along if _is_wide(slot) else True)

    def _is_open(self, b: int, k: int) -> bool:
        """Whether nothing is between blob b and slot k's that could hide what joins them to one object.

        Between two side by side the gap is open if objects have visited it; else there may be a post. Of two one above the
        other, legs belong to a head over them, but of anything else the middle is seldom hidden.
        """
        one, two = self.blobs.boxes[b], self.blobs.boxes[self.assigned[k]]
        # from one to the other; turned round where they overlap
        x0, x1 = int(min(one.x1, two.x1)), int(max(one.x0, two.x0))
        y0, y1 = int(min(one.y1, two.y1)), int(max(one.y0, two.y0))
        if y1 - y0 >= NARROWEST_GAP_PX:
            isolated_s = 0.0 if k in self.split else self.slots[k].geometry.isolated_s
            return not _is_upright(self.slots[k]) and not lasts(self.settings.grow_s, isolated_s)
        if x1 - x0 < NARROWEST_GAP_PX:
            return False
        gap = self.seen.visited[min(y0, y1) : max(y0, y1), x0:x1]
        return gap.size > 0 and float(gap.mean()) > OPEN

    def _fits(self, whole: Box, k: int) -> bool:
        """Whether a slot and a fragment together are hardly larger than the slot is known to be."""
        w, h = self.slots[k].geometry.size
        return whole.width <= LARGEST_WHOLE * w and whole.height <= LARGEST_WHOLE * h

    def _is_fragment(self, reached: Floats, box: Box, area: float) -> bool:
        """Whether a piece is where a known, larger slot is predicted: more likely a part of it than a new object.

        reached  (K,) pixels of the piece's box within each slot's reach
        """
        return any(
            self.slots[k].number is not None and area < self.settings.fragment * self.slots[k].area_px
            for k in np.flatnonzero(reached > FRAGMENT_WITHIN * box.area).tolist()
        )


def _may_show(slot: Slot, area: float) -> bool:
    """Whether a piece of that area may be what shows of a hidden slot."""
    return slot.number is not None and slot.hidden and area >= SHOWS * slot.area_px


def _connected(mask: NDArray[np.uint8], own: Mask) -> NDArray[np.uint8]:
    """(h, w) the piece of a mask that holds most of the slot's own pixels: what nobody explains at the far side of another is not its."""
    pieces = components(mask)
    held = np.bincount(pieces.labels[own], minlength=len(pieces.areas))
    held[0] = 0
    return (pieces.labels == held.argmax()).astype(np.uint8) if held.any() else mask


def _is_cut(box: Box, width: int, height: int) -> bool:
    """Whether the picture's border cuts what is in the box."""
    return box.x0 <= 0 or box.y0 <= 0 or box.x1 >= width or box.y1 >= height


def _is_upright(slot: Slot) -> bool:
    width, height = slot.geometry.size
    return height > LONG * width


def _is_wide(slot: Slot) -> bool:
    width, height = slot.geometry.size
    return width > LONG * height
