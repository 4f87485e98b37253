"""Where a slot is: measured while it is isolated, coasting while it is merged or hidden."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracker.slots.settings import LifeSettings
from tracker.slots.slot import Geometries
from tracker.slots.state import PAD
from tracker.timing import EPSILON_S, REFERENCE_S, Interval, rate_over

Array = NDArray[np.float32]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# Both
BOX_MASK = 0.4
"""mask probability that counts as object when a box is drawn round it"""
SIZE_RATE = 0.1
"""share of the way to a newly measured size, or window, in a frame at 25 frames a second"""
BORDER_PX = 2
"""what comes nearer to the border may be cut by it"""
NOWHERE = (np.nan, np.nan, np.nan, np.nan)
"""box of the blob of a slot that is in none"""
USUAL = Interval()
"""of a clip of 25 frames a second"""

# Measured
VISIBLE = 0.65
"""share of its usual extent below which an object is held to be partly hidden"""
PART_SIZE_RATE, YOUNG_SIZE_RATE = 0.005, 0.5
"""as SIZE_RATE, where only a part is seen, and before the slot is confirmed"""
SPEED_RATE, YOUNG_SPEED_RATE = 0.25, 0.6
"""the same for the speed, as a rule and before the slot is confirmed"""
CENTRE_RATE = 0.5
"""share of the way that the window is moved to the blob's middle in one frame"""
FASTEST_GROWTH = 1.1
"""times its size up to which an object that the border cuts is taken for grown; it goes YOUNG_SIZE_RATE of the way there"""
FASTEST_ENTRY = 1.3
"""the same of one that comes in, across the border: a strip becomes a whole in some ten frames"""

# Coasting
NETWORK_SPEED = 0.6
"""weight of the network's displacement against the speed last measured, for a merged slot"""
NETWORK_PX = 48.0
"""side up to which; of a larger object less, as the variance grows: the network errs by pixels of its grid, and these are larger there"""
MERGED_SPEED_RATE = 0.1
"""share of the way that it gives way there, in a frame at 25 frames a second"""
HIDDEN_SPEED = 0.9
"""share of its speed that a hidden slot keeps over 0.04 s, beside `cell.HIDDEN_DECAY` of each frame: it waits about where it went out of
sight"""
MERGED_SIZE_RATE = 0.05
"""share of the way to a smaller size, in a frame at 25 frames a second, for a slot that was born on a group"""
WINDOW_SLACK = 0.1
"""a merged slot's window stays within this share of what it was while isolated"""


class PoseFit(NamedTuple):
    """The M-step's result for K slots."""

    predicted: Array
    """(K, 4) poses that were predicted for this frame: centre x, y, width, height"""
    fitted: Array
    """(K, 4) poses that fit this frame"""
    pose: Array
    """(K, 4) predicted for the next frame"""
    velocity: Array
    """(K, 2) from this frame to the next"""
    mask: Floats
    """(K, 4) boxes round their masks in this frame: x0, y0, x1, y1"""

    def at(self, rows: Sequence[int]) -> PoseFit:
        """Of the slots of those rows."""
        return PoseFit._make(part[rows] for part in self)


class PlacedSlots(NamedTuple):
    """Where K slots are in this frame, and will be in the next."""

    geometry: Geometries
    pose: Array
    """(K, 4) predicted for the next frame"""
    velocity: Array
    """(K, 2)"""
    box: Floats
    """(K, 4) in this frame, hidden parts included"""


def measure(
    geometry: Geometries, seen: Floats, fit: PoseFit, visible: Floats, size: tuple[int, int], settings: LifeSettings,
    interval: Interval = USUAL, *, causal: bool = False,
) -> PlacedSlots:  # fmt: skip
    """Measure K slots that are isolated.

    seen      (K, 4) boxes of their foreground
    visible   (K,) share of its usual area that is foreground: who turns shows another side, who is hidden shows less
    size      (width, height) of the picture
    interval  time since the frame before; a rate is gone by as much as the frame counts as evidence
    causal    as in `association.Observation`: who comes in, and who is seen again after a merge, is measured more carefully
    """
    look_s = interval.look_s
    known = _lasted(geometry.isolated_s, settings.confirm_s)
    part, cut = known & (visible < VISIBLE), touch_border(seen, size)
    centre = np.where(
        part[:, None], centres_of(seen, geometry.size, fit.predicted[:, :2].astype(float)), _centres(seen)
    )
    pose, velocity, speed = fit.pose.copy(), fit.velocity.copy(), geometry.velocity.copy()
    followed = ~np.isnan(geometry.centre[:, 0])
    entering = cut & ~geometry.complete & (not causal)
    # the border holds one edge of who comes in: its middle goes half the way
    sides = _cut_sides(seen, size)
    moved = np.where(entering[:, None] & sides, 2.0, 1.0) * _moved(geometry, centre, interval)
    rate = np.where(known, rate_over(SPEED_RATE, look_s), rate_over(YOUNG_SPEED_RATE, look_s))[:, None]
    speed[followed] = towards(speed, moved, rate)[followed]
    pose[followed, :2] = (fit.fitted[:, :2] + speed)[followed]
    velocity[followed] = speed[followed]
    again = ~followed & known & (not causal)
    steady = _steady(velocity, geometry, causal=causal)
    pose[again, :2] += (steady - velocity)[again]
    velocity[again] = steady[again]
    pose[:, :2] += CENTRE_RATE * (centre - _centres(fit.mask))
    pose[entering, :2] = (centre + speed)[entering]
    pose[entering, 2:] = np.maximum(pose[:, 2:], _sizes(seen))[entering]
    rate = np.where(known, rate_over(SIZE_RATE, look_s), rate_over(YOUNG_SIZE_RATE, look_s))[:, None]
    window = np.where(cut[:, None], geometry.window, towards(geometry.window, pose[:, 2:].astype(float), rate))
    window[entering] = pose[entering, 2:]
    measured = Geometries(
        _measured_sizes(
            geometry.size, _sizes(seen), known=known, part=part, cut=cut, entering=entering, sides=sides, look_s=look_s
        ),
        window, speed, centre, geometry.complete | (~cut & (causal | (visible >= VISIBLE))), geometry.isolated_s + look_s,
    )  # fmt: skip
    completed = inside_picture(_completed(seen, centre, measured.size), size)
    return PlacedSlots(measured, pose, velocity, np.where((part & ~cut)[:, None], completed, seen))


def _measured_sizes(
    old: Floats, new: Floats, *, known: Flags, part: Flags, cut: Flags, entering: Flags, sides: Flags, look_s: float
) -> Floats:
    """(K, 2) sizes on the way from the old to those measured. Who is cut by the border only grows.

    entering  (K,) who comes in, and was never seen whole; sides  (K, 2) whether the border cuts it in that direction
    """
    young, usual, hardly = (rate_over(rate, look_s) for rate in (YOUNG_SIZE_RATE, SIZE_RATE, PART_SIZE_RATE))
    less = np.asarray(part[:, None] & (new / np.maximum(1.0, old) < VISIBLE))
    rate = np.where(known[:, None], np.where(less, hardly, usual), young)
    grown = old + young * np.maximum(0.0, np.minimum(new, FASTEST_GROWTH * old) - old)
    along = old + np.where(new > old, young, usual) * (new - old)
    came = np.where(sides, np.clip(new, old, FASTEST_ENTRY * old), along)
    return np.where(entering[:, None], came, np.where(cut[:, None], grown, old + rate * (new - old)))


def _completed(seen: Floats, centre: Floats, size: Floats) -> Floats:
    """(K, 4) what is seen, or the whole length round `centre` in a direction in which much less shows than there should be."""
    less = _sizes(seen) < VISIBLE * size
    return np.where(np.hstack([less, less]), boxes_about(centre, size), seen)


def coast(
    geometry: Geometries, blob: Floats, fit: PoseFit, size: tuple[int, int], settings: LifeSettings,
    interval: Interval = USUAL, *, hidden: Flags, causal: bool = False,
) -> PlacedSlots:  # fmt: skip
    """Move K slots on that are merged or hidden.

    blob    (K, 4) box of the blob each is in, NaN if it is in none; the rest as in `measure`
    hidden  (K,) whether nothing of it is seen
    """
    pose, velocity = fit.pose.copy(), fit.velocity.copy()
    speed, extent = geometry.velocity.copy(), geometry.size
    known = ~hidden & _lasted(geometry.isolated_s, settings.confirm_s)
    # what it did when it was seen clearly counts beside what the network reads from a torn mask
    steady = _steady(velocity, geometry, causal=causal)
    pose[known, :2] += (steady - velocity)[known]
    velocity[known] = steady[known]
    speed[known] = towards(speed, steady.astype(float), rate_over(MERGED_SPEED_RATE, interval.look_s))[known]
    velocity[hidden] *= HIDDEN_SPEED ** (interval.dt_s / REFERENCE_S)
    window = geometry.window.astype(np.float32)
    pose[:, 2:] = np.clip(pose[:, 2:], (1 - WINDOW_SLACK) * window, (1 + WINDOW_SLACK) * window)
    centre = _centres(fit.mask)
    pushed = np.where(np.isnan(blob[:, :2]), centre, pushed_into(centre, extent, blob))
    pose[:, :2] += pushed - centre
    # born on a group: it learns its own size once the others have slots
    young = ~hidden & ~_lasted(geometry.isolated_s, settings.grow_s)
    smaller = towards(extent, np.minimum(_sizes(fit.mask), extent), rate_over(MERGED_SIZE_RATE, interval.look_s))
    extent = np.where(young[:, None], smaller, extent)
    coasted = geometry._replace(size=extent, velocity=speed, centre=np.full_like(extent, np.nan))
    return PlacedSlots(coasted, pose, velocity, inside_picture(boxes_about(pushed, extent), size))


def follow(
    geometry: Geometries, found: Floats, fit: PoseFit, size: tuple[int, int], interval: Interval = USUAL
) -> PlacedSlots:  # fmt: skip
    """Move K slots on that are merged, and were found at `found` (K, 2) by their colours; the rest as in `measure`."""
    rate = rate_over(MERGED_SPEED_RATE, interval.look_s)
    followed = ~np.isnan(geometry.centre[:, :1])
    speed = np.where(followed, towards(geometry.velocity, _moved(geometry, found, interval), rate), geometry.velocity)
    pose, velocity = fit.pose.copy(), speed.astype(np.float32)
    pose[:, :2] = found + speed
    placed = geometry._replace(velocity=speed, centre=found)
    return PlacedSlots(placed, pose, velocity, inside_picture(boxes_about(found, geometry.size), size))


def _moved(geometry: Geometries, centre: Floats, interval: Interval) -> Floats:
    """(K, 2) ways from the last frame's middles to `centre` (K, 2), in a usual frame interval; NaN where there was none."""
    return np.asarray((centre - geometry.centre) / (interval.dt_s / interval.usual_s))


def _steady(network: Array, geometry: Geometries, *, causal: bool) -> Array:
    """(K, 2) displacements of slots whose speed was measured before, and is not now, beside the network's (K, 2)."""
    if causal:
        return np.asarray(NETWORK_SPEED * network + (1 - NETWORK_SPEED) * geometry.velocity.astype(np.float32))
    side = np.sqrt(geometry.size.prod(1, keepdims=True))
    share = NETWORK_SPEED * np.minimum(1.0, NETWORK_PX / np.maximum(1.0, side)) ** 2
    return np.asarray(share * network + (1 - share) * geometry.velocity, np.float32)


def touch_border(boxes: Floats, size: tuple[int, int]) -> Flags:
    """(K,) whether the picture's border (width, height) may cut what is in each box (K, 4)."""
    return np.asarray((boxes[:, :2] < BORDER_PX).any(1) | (boxes[:, 2:] > np.subtract(size, BORDER_PX)).any(1))


def _cut_sides(boxes: Floats, size: tuple[int, int]) -> Flags:
    """(K, 2) whether the picture's border may cut each box (K, 4) at one of its sides, in x and in y."""
    low, high = boxes[:, :2] < BORDER_PX, boxes[:, 2:] > np.subtract(size, BORDER_PX)
    return np.asarray(low ^ high)


def inside_picture(boxes: Floats, size: tuple[int, int]) -> Floats:
    """(K, 4) the parts of boxes inside the picture (width, height); a box wholly outside stays as it is."""
    inside = clipped(boxes, size)
    return np.where((_sizes(inside) > 0).all(1, keepdims=True), inside, boxes)


def clipped(boxes: Floats, size: tuple[int, int]) -> Floats:
    """(K, 4) the parts of boxes inside a picture (width, height); of no area where there is none."""
    low = np.clip(boxes[:, :2], 0.0, size)
    return np.hstack([low, np.maximum(low, np.minimum(boxes[:, 2:], size))])


def centres_of(seen: Floats, size: Floats, expected: Floats) -> Floats:
    """(K, 2) middles of objects of known size (K, 2: width, height) of which `seen` (K, 4) shows.

    Where much less shows than there should be, something hides the rest: the edge is trusted that agrees with `expected` (K, 2).
    """
    low, high = seen[:, :2], seen[:, 2:]
    by_low, by_high = low + size / 2, high - size / 2
    by_edge = np.where(np.abs(by_low - expected) <= np.abs(by_high - expected), by_low, by_high)
    return np.where(high - low >= VISIBLE * size, (low + high) / 2, by_edge)


def pushed_into(centre: Floats, size: Floats, blob: Floats) -> Floats:
    """(K, 2) the centres moved as little as puts a box of that size inside each blob's, or in its middle where it does not fit."""
    inside = np.minimum(np.maximum(centre, blob[:, :2] + size / 2), blob[:, 2:] - size / 2)
    return np.where(size < _sizes(blob), inside, _centres(blob))


def mask_boxes(masks: Array, poses: Array) -> Floats:
    """(K, 4) boxes round masks (K, P, P) in the windows at `poses` (K, 4), to a fraction of a grid pixel."""
    extents = np.stack([_extents(masks.max(1)), _extents(masks.max(2))], 1)  # (K, x and y, first and last)
    extent = poses[:, 2:].astype(float) * PAD
    corner = poses[:, :2].astype(float) - extent / 2
    first, last = (corner + extents[:, :, n] * extent / masks.shape[1] for n in (0, 1))
    return np.hstack([first, last])


def _extents(profiles: Array) -> Floats:
    """(K, 2) where profiles (K, P) rise above BOX_MASK first and fall below it last, in grid pixels, edges interpolated."""
    length, rows = profiles.shape[1], np.arange(len(profiles))
    above = profiles > BOX_MASK
    first, last = above.argmax(1), length - 1 - above[:, ::-1].argmax(1)
    before = _crossings(profiles[rows, first], profiles[rows, np.maximum(first - 1, 0)])
    after = _crossings(profiles[rows, last], profiles[rows, np.minimum(last + 1, length - 1)])
    start = first - np.where(first > 0, before, 0.5)
    end = last + np.where(last + 1 < length, after, 0.5)
    whole = (length / 6, length * 5 / 6)  # the pose itself
    return np.where(above.any(1, keepdims=True), np.stack([start + 0.5, end + 0.5], 1), whole)


def _crossings(inside: Array, outside: Array) -> Floats:
    return ((inside - np.float32(BOX_MASK)) / np.maximum(np.float32(1e-6), inside - outside)).astype(float)


def towards(old: Floats, new: Floats, rate: float | Floats) -> Floats:
    """That share of the way from one array to another."""
    return np.asarray(old + rate * (new - old))


def boxes_about(centre: Floats, size: Floats) -> Floats:
    """(K, 4) the boxes of those sizes (K, 2: width, height) round centres (K, 2)."""
    return np.hstack([centre - size / 2, centre + size / 2])


def _lasted(elapsed_s: Floats, least_s: float) -> Flags:
    """`timing.lasts` of each."""
    return np.asarray(elapsed_s >= least_s - EPSILON_S)


def _centres(boxes: Floats) -> Floats:
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def _sizes(boxes: Floats) -> Floats:
    return boxes[:, 2:] - boxes[:, :2]
