"""Rigid slots: EM in which every slot is a picture that moves as a whole. No network.

For worlds whose objects neither turn nor bend and whose scene is known exactly. A frame is its light beside the scene's. The same steps
as in the windowed lane, each in closed form: a slot is laid where it explains the frame best beside the others (E-step), its
appearance follows from the pixels that it alone explains (M-step), what no slot explains is spawned, what explains nothing is terminated.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tracker.rigid.e_step import cut, explain, gains
from tracker.rigid.pieces import area_px, find_pieces, touches
from tracker.rigid.report import segmentation
from tracker.rigid.settings import RigidSettings
from tracker.rigid.slot import LONGEST_PATH, SPEED_AGE, Array, Corner, Rectangle, RigidSlot
from tracker.timing import FrameTimer, lasts
from tracker.types import Frame, Image, Segmentation

KNOWN_AGE = 3
"""frames after which a slot's speed is known to a pixel"""
MIN_EXPLAINED = 0.35
"""a slot that explains less than this share of what of it should be visible is not there"""

# E-step: where a slot is
PASSES = 3
"""rounds in which every slot is placed again beside the others; fewer if no place changes"""
YOUNG_REACH_PX, REACH_PX = 3, 2
"""pixels round the predicted place in which a slot is looked for, before and after its speed is known to a pixel"""
PRIOR = 0.002
"""price of a pixel squared off the predicted place, as a share of the slot's energy: decides where nothing else does"""
MISPLACED = 0.6
"""a slot that explains less than this share at the predicted place is looked for farther away, and moved to where it explains more"""

# termination
MIN_VISIBLE = 0.15
"""with less than this share of its energy visible a slot is hidden, and nothing can be said"""

# M-step: how a slot looks
LEARN = np.float32(0.5)
"""share of the way that a slot's appearance and trust go to the frame's, in one frame"""
EMPTY = 0.5
"""light below which a pixel shows the scene, as a share of `ink`"""
YOUNG_TRUST, TRUST = 0.6, 0.2
"""a pixel trusted less is no part of a slot, before and after its speed is known"""

# which pieces belong to one object
SAME_COLOUR = 0.5
"""light by which the mean colours of a slot and a piece of it differ less, in every channel"""
TOGETHER_FRAMES = 2
"""two slots that keep their distance for so many frames move together"""


class RigidSegmenter:
    """Frame in, segmentation with lasting identities out."""

    def __init__(self, settings: RigidSettings) -> None:
        self.settings = settings
        self.reset()

    def freeze(self, frozen: bool) -> None:
        """Nothing: the scene is learned before the first frame only."""

    def reset(self) -> None:
        """Forget the scene and every object."""
        self._scene: Array | None = None
        self._slots: list[RigidSlot] = []
        self._next_id = 1
        self._timer = FrameTimer(self.settings.hidden_s)

    def prepare(self, images: Sequence[Image]) -> None:
        """The scene is the median of pictures spread over the clip; with none it is black."""
        if images:
            self._scene = np.median(np.stack(images), axis=0).astype(np.float32) / np.float32(255)

    def step(self, frame: Frame) -> Segmentation:
        """One frame; labels are identities."""
        light: Array = frame.image.astype(np.float32) / np.float32(255)
        if self._scene is not None:
            light -= self._scene
        interval = self._timer.step(frame.time_s)
        if interval.gap:
            self._slots = []
        self._place(light)
        if self._terminate(light, interval.dt_s):
            self._place(light)
        for slot in self._slots:
            self._update(slot, light)
        self._spawn(light)
        for slot in self._slots:
            slot.path = [*slot.path[1 - LONGEST_PATH :], slot.corner]
        self._merge()
        return segmentation(light, self._slots, self.settings)

    def _others(self, slot: RigidSlot) -> list[RigidSlot]:
        return [other for other in self._slots if other is not slot]

    def _gains(self, light: Array, slot: RigidSlot, others: list[RigidSlot], at: Corner, reach_px: int) -> Array:
        return gains(light, slot, others, at, reach_px=reach_px, share=self.settings.share)

    def _place(self, light: Array) -> None:
        """E-step: lay every slot where it explains most beside the others; the longest known is laid first."""
        for slot in self._slots:
            slot.corner, slot.placed = slot.predicted(), slot.age >= SPEED_AGE
        order = sorted(self._slots, key=lambda slot: -slot.age)
        for n in range(PASSES):
            before = [slot.corner for slot in order]
            for slot in order:
                others = [other for other in order if other is not slot and other.placed]
                self._place_one(light, slot, others, first_pass=n == 0)
            if n and before == [slot.corner for slot in order]:
                break

    def _place_one(self, light: Array, slot: RigidSlot, others: list[RigidSlot], *, first_pass: bool) -> None:
        predicted, known = slot.predicted(), slot.age >= SPEED_AGE
        reach = self.settings.reach_px if not known else YOUNG_REACH_PX if slot.age < KNOWN_AGE else REACH_PX
        gained = self._gains(light, slot, others, predicted, reach)
        dy, dx = np.indices(gained.shape) - reach
        gained -= (PRIOR if known else 0.0) * slot.energy * (dx**2 + dy**2)
        if slot.hidden_s == 0 or gained.max() > MIN_EXPLAINED * slot.energy:
            slot.corner = _best(gained, predicted, reach)
        slot.placed = True
        if known and first_pass and gained.max() < MISPLACED * slot.energy and not slot.hidden_s:
            self._search(light, slot, others, predicted)

    def _search(self, light: Array, slot: RigidSlot, others: list[RigidSlot], predicted: Corner) -> None:
        """Look farther for a slot that fits badly at the predicted place, if enough of it should be visible there."""
        piece, visible = cut(light, slot.corner, slot.mask.shape)
        if self.settings.share == "over":
            visible = visible & ~explain(piece, others, slot.corner, share="over").covered
        due = float(((slot.appearance**2).sum(-1) * visible).sum())
        reach = self.settings.reach_px
        gained = self._gains(light, slot, others, predicted, reach)
        if gained[reach, reach] < MISPLACED * due and gained.max() > MISPLACED * slot.energy:
            slot.corner = _best(gained, predicted, reach)
            slot.path = slot.path[-1:]  # its speed was wrong: it is learned anew

    def _terminate(self, light: Array, dt_s: float) -> bool:
        """End slots that no longer explain what of them should be visible; true if any ended."""
        kept = []
        for slot in self._slots:
            gained, due, in_frame = self._evidence(light, slot)
            if due < MIN_VISIBLE * slot.energy:
                slot.hidden_s += dt_s
                if lasts(self.settings.hidden_s, slot.hidden_s) and in_frame:
                    kept.append(slot)
            elif gained > MIN_EXPLAINED * due:
                slot.hidden_s = 0.0
                kept.append(slot)
        ended = len(kept) < len(self._slots)
        self._slots = kept
        return ended

    def _evidence(self, light: Array, slot: RigidSlot) -> tuple[float, float, bool]:
        """By how much the squared error falls with a slot where it is visible, by how much it should, and whether it is in the frame."""
        others, ink = self._others(slot), self.settings.ink
        piece, inside = cut(light, slot.corner, slot.mask.shape)
        rest = explain(piece, others, slot.corner, share=self.settings.share)
        if self.settings.share == "sum":  # where it is white already more light shows nothing
            shown = ((np.minimum(1, rest.light + slot.appearance) - np.minimum(1, rest.light)) ** 2).sum(-1)
            gained = float(self._gains(light, slot, others, slot.corner, 0)[0, 0])
            return gained, float((shown * inside).sum()), bool(inside.any())
        misfit = ((piece - slot.appearance) ** 2).sum(-1)
        # what is of another colour may be a new object in front
        in_front = (misfit > ink**2) & slot.mask & (np.abs(piece).max(-1) > ink)
        visible = inside & ~rest.covered & ~in_front
        gained = float((((piece**2).sum(-1) - misfit) * (visible & slot.mask)).sum())
        return gained, float(((slot.appearance**2).sum(-1) * visible).sum()), bool(inside.any())

    def _update(self, slot: RigidSlot, light: Array) -> None:
        """M-step: a slot's appearance goes towards the frame where no other is; what turns out empty is no part of it."""
        if slot.hidden_s:
            return
        piece, inside = cut(light, slot.corner, slot.mask.shape)
        covered = explain(piece, self._others(slot), slot.corner, share=self.settings.share).covered
        isolated = inside & ~covered & slot.mask
        slot.appearance[isolated] += LEARN * (piece[isolated] - slot.appearance[isolated])
        empty = np.abs(piece).max(-1) < EMPTY * self.settings.ink
        filled = np.where(empty, np.float32(0), np.float32(1))
        slot.trust[isolated] += LEARN * (filled[isolated] - slot.trust[isolated])
        slot.mask &= slot.trust >= (YOUNG_TRUST if slot.age < KNOWN_AGE else TRUST)
        slot.trust[~slot.mask] = 0
        slot.appearance[~slot.mask] = 0
        slot.complete |= not (covered & slot.mask).any() and slot.age >= KNOWN_AGE

    def _spawn(self, light: Array) -> None:
        """Pieces that no slot explains: claimed by the slot to which they belong, else new slots."""
        s = self.settings
        explained = explain(light, self._slots, (0, 0), share=s.share)
        unexplained = explained.error > s.ink**2
        if s.share == "sum":
            unexplained &= (light - explained.light).max(-1) > s.ink
        if not unexplained.any():
            return
        rest = light - explained.light if s.share == "sum" else light
        pieces, halved = find_pieces(unexplained, light, share=s.share, largest_px=s.largest_px)
        spawned = []
        for piece in pieces:
            x, y, w, h = piece.box
            here, area = rest[y : y + h, x : x + w], area_px(piece.mask, thin_px=s.thin_px)
            owner = self._owner(piece.box, area, here[piece.mask].mean(0))
            if owner is not None:
                owner.claim(here, piece.mask, (x, y))
            elif area >= s.least_px:
                appearance = np.where(piece.mask[..., None], here, 0).astype(np.float32)
                complete = not halved and not touches(piece, explained.covered)
                spawned.append(RigidSlot(self._next_id, appearance, piece.mask, (x, y), complete))
                self._next_id += 1
        self._slots += spawned

    def _owner(self, box: Rectangle, area: int, colour: Array) -> RigidSlot | None:
        """The slot of which a piece is a part: one that was never visible as a whole, is near by and is like it."""
        s = self.settings
        for slot in self._slots:
            own = slot.rectangle
            apart = max(
                max(own[n], box[n]) - min(own[n] + own[n + 2], box[n] + box[n + 2]) for n in (0, 1)
            )  # negative where they overlap
            if slot.complete or slot.hidden_s or apart > s.slack_px or slot.extent_with(box) > s.largest_px:
                continue
            if s.share == "over":
                alike = float(np.abs(slot.appearance[slot.mask].mean(0) - colour).max()) < SAME_COLOUR
            else:
                alike = area < max(s.least_px, s.fragment * int(slot.mask.sum()))
            if alike:
                return slot
        return None

    def _merge(self) -> None:
        """Make one of two slots that move together and fit into one object: pieces of one thing."""
        k = 0
        while k < len(self._slots):
            slot = self._slots[k]
            for other in self._slots[k + 1 :]:
                if min(slot.age, other.age) < TOGETHER_FRAMES:
                    continue
                apart = np.array(slot.path[-TOGETHER_FRAMES:]) - np.array(other.path[-TOGETHER_FRAMES:])
                if np.ptp(apart, axis=0).max() > 0 or slot.extent_with(other.rectangle) > self.settings.largest_px:
                    continue
                slot.claim(other.appearance, other.mask, other.corner)
                slot.trust[slot.mask] = 1
                slot.hidden_s = min(slot.hidden_s, other.hidden_s)
                self._slots.remove(other)
            k += 1


def _best(gained: Array, at: Corner, reach_px: int) -> Corner:
    """The corner of largest gain; `gained` (2 reach_px + 1, 2 reach_px + 1) by dy and dx round `at`."""
    y, x = np.unravel_index(int(gained.argmax()), gained.shape)
    return at[0] + int(x) - reach_px, at[1] + int(y) - reach_px
