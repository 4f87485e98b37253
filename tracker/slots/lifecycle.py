"""Seen or hidden, confirmed, returning, seen twice, ended: the life of a slot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracker.slots.association import Association
from tracker.slots.blobs import Birth
from tracker.slots.e_step import Responsibilities, crop_birth
from tracker.slots.identity import find_stolen, succeed, take_identity
from tracker.slots.pose import PART_SIZE_RATE, VISIBLE, boxes_about, touch_border
from tracker.slots.settings import CellSettings, LifeSettings, SlotsSettings
from tracker.slots.slot import Geometry, Slot, SlotIdentity, Slots
from tracker.slots.state import SlotArrays, new_slot
from tracker.steps import LastSeen
from tracker.timing import REFERENCE_S, Interval, lasts, rate_over
from tracker.types import FOREGROUND, Box, Image, Judgement, Labels, Mask, intersections

Array = NDArray[np.float32]

# Seen or hidden
AREA_RATE = 0.2
"""share of the way to a newly measured area in a frame at 25 frames a second; where only a part is seen, `pose.PART_SIZE_RATE`"""
COLOUR_RATE = 0.1
"""the same to a newly measured mean colour"""
EXPECTED_AREA = 0.5
"""share of its predicted mask that a slot owns at least, while it is seen whole"""
FEWEST_PX = 4.0
"""pixels below which nothing is seen of a slot"""

# Confirmed
NEVER_ISOLATED = 5
"""times as long a slot must be seen that was isolated for a frame at most"""

# Returning
SMALLEST_RATIO, LARGEST_RATIO = 0.3, 3
"""of two areas that may be one object's"""
HIDDEN_REACH = 1.25
"""share by which the reach of a hidden slot grows in a second"""

# Seen twice
YOUNG_DUPLICATE_S = 0.48
"""seconds up to which a slot inside an older one is ended at once"""

OVERTAKES = 0.01
"""of its sizes in a frame by which a slot moves faster or slower than one that it is inside, if it is no piece of it"""

# Spawned
SMALLEST_POSE_PX = 4.0
"""sides of a new slot's pose, at least"""

# Uncovered
STANDS = 1.0
"""sizes a second: what moves faster is no place of anything"""
HOLE_S = 0.4
"""seconds for which the outline must say so: while the object that leaves is near, its edge is that of the place"""

# Ended
OUTSIDE = 0.1
"""share of its size by which a slot's centre is outside the picture when it has left"""
AT_BORDER = 2
"""times `young_s` for which a slot at the border may be hidden"""
VANISHED = 0.4
"""share of the smallest area of a birth below which a slot has shrunk to nothing"""
MOVED_SIZES = 0.5
"""a slot that went this many of its sizes from its birthplace is no piece of scenery"""


class Visibility(NamedTuple):
    """What one frame shows of K slots."""

    pixels: Array
    """(K,) foreground that a slot owns"""
    colours: Array
    """(K, 3) its mean, RGB in [0, 1]; NaN where nothing is seen"""
    shown: Array
    """(K,) `pixels` as a share of the usual area"""
    hidden: NDArray[np.bool_]
    """(K,)"""

    def support(self, isolated: Iterable[int]) -> Array:
        """(K,) share of its usual area that each slot owns; 1 for the isolated, who have all that there is of them."""
        support = self.shown.copy()
        support[list(isolated)] = 1
        return support


def visibility(
    slots: Sequence[Slot], responsibilities: Responsibilities, association: Association, image: Image,
    verdict: NDArray[np.uint8], settings: LifeSettings,
) -> Visibility:  # fmt: skip
    """What the frame shows of every slot. Only foreground pixels count."""
    count, patches = len(slots), responsibilities.patches
    pixels, shown = np.zeros(count, np.float32), np.zeros(count, np.float32)
    colours, hidden = np.full((count, 3), np.nan, np.float32), np.zeros(count, bool)
    mine = patches.views(responsibilities.gamma * (patches.gather(verdict) == FOREGROUND))
    expected = responsibilities.expected.tolist()
    for k, slot in enumerate(slots):
        owned, window = float(np.add.reduce(mine[k], axis=None)), patches.windows[k]
        if window is not None and owned > 1:
            colours[k] = np.einsum("yx,yxc->c", mine[k], image[window]) / (255 * owned)
        usual = max(slot.area_px, EXPECTED_AREA * expected[k])
        pixels[k], shown[k] = owned, owned / max(1.0, slot.area_px)
        unseen = k not in association.isolated and owned < max(settings.hidden_below * usual, FEWEST_PX)
        hidden[k] = k in association.occluded or unseen
    return Visibility(pixels, colours, shown, hidden)


def update_visibility(
    slots: Sequence[Slot], seen: Visibility, association: Association, settings: LifeSettings, interval: Interval
) -> None:
    """Bring age, area and colour of every slot up to date with what the frame shows of it."""
    look_s = interval.look_s
    _update_colours(slots, seen, settings, look_s)
    few, hidden = (seen.shown < VISIBLE).tolist(), seen.hidden.tolist()
    for k, (slot, pixels) in enumerate(zip(slots, seen.pixels.tolist(), strict=True)):
        slot.age_s += interval.dt_s
        if hidden[k]:
            slot.hidden_s += interval.dt_s
            continue
        slot.hidden_s, slot.seen_s = 0.0, slot.seen_s + look_s
        known = lasts(slot.geometry.isolated_s, settings.confirm_s)
        if k in association.isolated or not known:
            part = known and few[k]
            slot.area_px += rate_over(PART_SIZE_RATE if part else AREA_RATE, look_s) * (pixels - slot.area_px)
        elif pixels > slot.area_px:  # while it is merged others may hide a part: it can turn out larger, not smaller
            slot.area_px += rate_over(AREA_RATE, look_s) * (pixels - slot.area_px)


def _update_colours(slots: Sequence[Slot], seen: Visibility, settings: LifeSettings, look_s: float) -> None:
    """Take in the colours of the slots that are clearly seen."""
    clear = [
        k for k, (slot, pixels) in enumerate(zip(slots, seen.pixels.tolist(), strict=True))
        if pixels > max(1.0, settings.hidden_below * slot.area_px) and not slot.hidden
    ]  # fmt: skip
    if not clear:
        return
    colours = np.stack([slots[k].colour for k in clear])
    colours += np.float32(rate_over(COLOUR_RATE, look_s)) * (seen.colours[clear] - colours)
    for k, colour in zip(clear, colours, strict=True):
        slots[k].colour = colour


def confirm(
    slots: Sequence[Slot], poses: Array, association: Association, support: Array, size: tuple[int, int],
    settings: LifeSettings, next_number: Callable[[], int],
) -> set[int]:  # fmt: skip
    """Give an identity to slots that have been seen for long enough: a new one, or that of a slot they have been all along.

    support  (K,) as `Visibility.support`; size  (width, height) of the picture
    Returns the slots whose identity another has taken for good; they end.
    """
    superseded: set[int] = set()
    for k, slot in enumerate(slots):
        if k in superseded:
            continue
        never = lasts(REFERENCE_S, slot.geometry.isolated_s)
        wanted_s = settings.confirm_s * (NEVER_ISOLATED if never else 1)
        if slot.number is not None or slot.hidden or not lasts(slot.seen_s, wanted_s):
            continue
        isolated = k in association.isolated
        stolen = find_stolen(slot, slots) if isolated and slot.identity.appearance is not None else None
        if stolen is not None:
            take_identity(slot, slots[stolen], (float(poses[stolen, 0]), float(poses[stolen, 1])))
            continue
        known = find_predecessor(k, poses, slots, support, size, settings) if isolated else None
        if known is None:
            slot.identity.number, slot.identity.place = next_number(), None  # the identity begins here
            continue
        succeed(slot, slots[known])
        superseded.add(known)
    return superseded


def find_returning(birth: Birth, poses: Array, slots: Sequence[Slot], settings: LifeSettings) -> int | None:
    """Row of the hidden slot that this birth is: near where it should be by now, of like size and colour; or None.

    A slot whose size is not known yet may have grown, so its area is not compared.
    """
    best, found = settings.revive_sizes, None
    for k, (pose, slot) in enumerate(zip(poses, slots, strict=True)):
        if not slot.hidden or (slot.identity.place is not None and not slot.identity.place.reaches(birth.box)):
            continue
        far = _sizes_away(birth.box.centre, (birth.box.width, birth.box.height), pose, slot)
        young = not lasts(slot.geometry.isolated_s, settings.grow_s)
        alike = young or SMALLEST_RATIO < birth.area_px / max(1.0, slot.area_px) < LARGEST_RATIO
        if alike and far < best and _is_coloured(slot, birth.colour, settings):
            best, found = far, k
    return found


def find_predecessor(
    newborn: int, poses: Array, slots: Sequence[Slot], support: Array, size: tuple[int, int], settings: LifeSettings
) -> int | None:
    """Row of the slot that a newborn, about to be given an identity, has been all along; or None.

    Who comes out of a group is more likely one who went into it than somebody new, unless it came in over the border. So it is
    one of those near by who are not isolated and own the least of what they should.
    """
    slot = slots[newborn]
    margin, (x, y) = max(slot.geometry.size), slot.birthplace
    if not (margin < x < size[0] - margin and margin < y < size[1] - margin):
        return None
    best, found = settings.revive_sizes, None
    for k, (pose, other) in enumerate(zip(poses, slots, strict=True)):
        if other.number is None or support[k] >= settings.supported or other.age_s < slot.age_s:
            continue
        if not other.identity.reaches(slot.identity):
            continue
        far = _sizes_away((poses[newborn, 0], poses[newborn, 1]), slot.geometry.size, pose, other)
        coloured = float(np.abs(slot.colour - other.colour).mean()) < settings.same_colour
        alike = slot.area_px < LARGEST_RATIO * other.area_px and coloured
        if alike and far + float(support[k]) < best:
            best, found = far + float(support[k]), k
    return found


def part_jumps(slots: Sequence[Slot], boxes: Sequence[Box], dt_s: float, next_number: Callable[[], int]) -> None:
    """End the identity of a slot that would jump: what is in that box is somebody else, under a number of its own.

    boxes  of the slots in this frame, which is `dt_s` seconds after the one before
    """
    for slot, box in zip(slots, boxes, strict=True):
        place = slot.identity.place
        if slot.hidden:
            slot.identity.place = None if place is None else place.later(dt_s)
        elif place is None or place.reaches(box, dt_s):
            slot.identity.place = LastSeen(box) if place is None else place.moved(box, dt_s)
        else:
            slot.identity = SlotIdentity(None if slot.number is None else next_number(), place=LastSeen(box))
            slot.recent, slot.recent_s = None, 0.0  # of the one before


def _sizes_away(centre: tuple[float, float], size: tuple[float, float], pose: Array, slot: Slot) -> float:
    """How far a piece lies from where a slot should be, in sizes of the larger; less the longer the slot was not seen."""
    width, height = slot.geometry.size
    larger = max(float(np.sqrt(width * height)), float(np.sqrt(size[0] * size[1])))
    away = float(np.hypot(centre[0] - pose[0], centre[1] - pose[1]))
    return away / (larger * (1 + HIDDEN_REACH * slot.hidden_s))


def _is_coloured(slot: Slot, colour: Array, settings: LifeSettings) -> bool:
    """Whether a mean colour (3,) is a slot's, or that of a part of it: often no more comes into view."""
    appearance = slot.identity.appearance
    known = slot.colour[None] if appearance is None else np.vstack([slot.colour, appearance])
    apart = np.abs(known - colour).mean(axis=1)
    return bool((apart < settings.same_colour).any())  # a part that was never seen is NaN, and like nothing


def terminate(
    slots: Slots, association: Association, superseded: set[int], size: tuple[int, int], settings: LifeSettings,
    *, look_s: float, causal: bool,
) -> None:  # fmt: skip
    """End slots that have left, are fragments of others, whose identity another has, or that are second ones for an object."""
    poses, records = slots.poses, slots.records
    update_moved(records, poses)
    inside, ended = find_duplicates(poses, records, settings, causal=causal)
    for k, slot in enumerate(records):
        slot.inside_s = slot.inside_s + look_s if k in inside else 0.0
    ended |= {k for k in association.occluded if records[k].number is None} | association.fragments | superseded
    slots.terminate(ended | find_ended(poses, records, size, settings))


def spawn(slots: Slots, births: Sequence[Birth], image: Image, settings: SlotsSettings) -> None:
    """New slots, or hidden ones that have come back; nothing where there are as many as there may be."""
    begun: list[tuple[Slot, SlotArrays]] = []
    for birth in births:
        back = find_returning(birth, slots.poses, slots.records, settings.life)
        if back is None and len(slots) + len(begun) >= settings.max_slots:
            continue
        state = _state_of(birth, image, slots.cell)
        if state is None:
            continue
        if back is not None:
            slots.revive(back, state, birth.box.centre)
            continue
        x, y, width, height = state.pose[0].tolist()
        geometry = Geometry(size=(width, height), window=(width, height), isolated_s=birth.found_s)
        slot = Slot((x, y), birth.area_px, geometry, colour=birth.colour, seen_s=birth.found_s)
        begun.append((slot, state))
    slots.spawn(begun)


def _state_of(birth: Birth, image: Image, cell: CellSettings) -> SlotArrays | None:
    """The state of a slot that begins, one row; None outside the picture."""
    width, height = max(SMALLEST_POSE_PX, birth.box.width), max(SMALLEST_POSE_PX, birth.box.height)
    pose = np.array([*birth.box.centre, width, height], np.float32)
    silhouette = np.zeros(image.shape[:2], np.float32)
    silhouette[int(birth.box.y0) : int(birth.box.y1), int(birth.box.x0) : int(birth.box.x1)] = birth.mask
    seen = crop_birth(image, silhouette, pose, cell.grid_px)
    if seen is None:
        return None
    mask, colour = seen
    return new_slot(cell, pose=pose, colour=colour, mask=mask)


def find_uncovered(
    slots: Sequence[Slot], labels: Labels, judgement: Judgement, *, usual_s: float, look_s: float
) -> Mask | None:
    """(H, W) the places of slots that are none: an object was taken for the scene, has left, and the scene shows. None for nowhere.

    labels   (H, W) what the slots are reported to have of the picture
    usual_s  seconds of a usual interval between frames; look_s  seconds of evidence since this was asked last
    """
    uncovered: Mask | None = None
    for slot in slots:
        speed = float(np.hypot(*slot.geometry.velocity)) / usual_s
        if slot.hidden or slot.number is None or speed > STANDS * max(slot.geometry.size):
            slot.hole_s = 0.0
            continue
        place = labels == slot.number
        slot.hole_s = slot.hole_s + look_s if judgement.uncovers(place) else 0.0
        if lasts(slot.hole_s, HOLE_S):
            uncovered = place if uncovered is None else uncovered | place
    return uncovered


def find_duplicates(
    poses: Array, slots: Sequence[Slot], settings: LifeSettings, *, causal: bool
) -> tuple[set[int], set[int]]:
    """Slots that are inside an older one, both in view; and those of them that are second ones for its object, and end."""
    ended: set[int] = set()
    inside: set[int] = set()
    extents = poses[:, 2:].astype(float)
    boxes, areas = boxes_about(poses[:, :2].astype(float), extents), extents.prod(1)
    common = intersections(boxes, boxes)
    pairs = np.argwhere(np.triu(common > settings.same * np.minimum.outer(areas, areas), 1))
    for a, b in pairs.tolist():
        if a in ended or b in ended or slots[a].hidden or slots[b].hidden:
            continue
        younger, older = (b, a) if slots[b].age_s <= slots[a].age_s else (a, b)
        if not causal and _overtakes(slots[younger], slots[older], settings):
            continue
        inside.add(younger)
        # two who cross soon part again; what stays inside another is a second slot for its object
        young = lasts(YOUNG_DUPLICATE_S, slots[younger].age_s)
        if young or lasts(slots[younger].inside_s, settings.inside_s):
            ended.add(younger)
    return inside, ended


def _overtakes(younger: Slot, older: Slot, settings: LifeSettings) -> bool:
    """Whether a slot that is inside an older one is an object of its own, which overtakes it."""
    apart = np.subtract(younger.geometry.velocity, older.geometry.velocity)
    known = lasts(younger.geometry.isolated_s, settings.found_s)
    return known and float(np.hypot(*apart)) > OVERTAKES * max(younger.geometry.size)


def update_moved(slots: Sequence[Slot], poses: Array) -> None:
    """Note which slots, at `poses` (K, 4), have left their birthplaces."""
    born = np.array([slot.birthplace for slot in slots], np.float32).reshape(-1, 2)
    away = np.hypot(poses[:, 0] - born[:, 0], poses[:, 1] - born[:, 1])
    span = MOVED_SIZES * np.sqrt(poses[:, 2] * poses[:, 3]).astype(float)
    for slot, moved in zip(slots, (away > span).tolist(), strict=True):
        slot.moved |= moved


def find_ended(poses: Array, slots: Sequence[Slot], size: tuple[int, int], settings: LifeSettings) -> set[int]:
    """Slots that have left the picture, were not seen for too long, have shrunk to nothing, or are the place of what left.

    size  (width, height) of the working picture
    """
    centres, extents = poses[:, :2].astype(float), poses[:, 2:].astype(float)
    outside = np.any((centres < -OUTSIDE * extents) | (centres > size + OUTSIDE * extents), axis=1)
    at_border = touch_border(boxes_about(centres, extents), size)
    least_px = VANISHED * settings.least_area * size[0] * size[1]
    ended = set()
    for k, (slot, left, border) in enumerate(zip(slots, outside.tolist(), at_border.tolist(), strict=True)):
        hidden_limit_s = settings.young_s if slot.number is None else settings.hidden_s
        if border:
            hidden_limit_s = min(hidden_limit_s, AT_BORDER * settings.young_s)
        # what is still seen has not left, wherever its middle is
        gone = (left and slot.hidden) or not lasts(hidden_limit_s, slot.hidden_s)
        if gone or slot.area_px < least_px or lasts(slot.hole_s, HOLE_S):
            ended.add(k)
    return ended
