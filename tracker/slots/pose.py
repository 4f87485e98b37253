"""Where a slot is: measured while it is isolated, coasting while it is merged or hidden."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracker.slots.settings import LifeSettings
from tracker.slots.slot import Geometry, Pair
from tracker.slots.state import PAD
from tracker.timing import REFERENCE_S, Interval, lasts, rate_over
from tracker.types import Box

Array = NDArray[np.float32]

# Both
BOX_MASK = 0.4
"""mask probability that counts as object when a box is drawn round it"""
SIZE_RATE = 0.1
"""share of the way to a newly measured size, or window, in a frame at 25 frames a second"""
BORDER_PX = 2
"""what comes nearer to the border may be cut by it"""
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
"""times its size that an object cut by the border grows in a frame, at most"""

# Coasting
NETWORK_SPEED = 0.6
"""weight of the network's displacement against the speed last measured, for a merged slot"""
MERGED_SPEED_RATE = 0.1
"""share of the way that it gives way there, in a frame at 25 frames a second"""
HIDDEN_SPEED = 0.9
"""share of its speed that a hidden slot keeps over 0.04 s: it waits about where it went out of sight"""
MERGED_SIZE_RATE = 0.05
"""share of the way to a smaller size, in a frame at 25 frames a second, for a slot that was born on a group"""
WINDOW_SLACK = 0.1
"""a merged slot's window stays within this share of what it was while isolated"""


class Fit(NamedTuple):
    """The M-step's result for one slot."""

    predicted: Array
    """(4,) pose that was predicted for this frame: centre x, y, width, height"""
    fitted: Array
    """(4,) pose that fits this frame"""
    pose: Array
    """(4,) predicted for the next frame"""
    velocity: Array
    """(2,) from this frame to the next"""
    mask: Box
    """round its mask in this frame"""


class Placed(NamedTuple):
    """Where a slot is in this frame, and will be in the next."""

    geometry: Geometry
    pose: Array
    """(4,) predicted for the next frame"""
    velocity: Array
    """(2,)"""
    box: Box
    """in this frame, hidden parts included"""


def measure(
    geometry: Geometry, seen: Box, fit: Fit, visible: float, size: tuple[int, int], settings: LifeSettings,
    interval: Interval = USUAL,
) -> Placed:  # fmt: skip
    """Measure a slot that is isolated.

    seen      box of its foreground
    visible   share of its usual area that is foreground: who turns shows another side, who is hidden shows less
    size      (width, height) of the picture
    interval  time since the frame before; a rate is gone by as much as the frame counts as evidence
    """
    look_s = interval.look_s
    known = lasts(geometry.isolated_s, settings.confirm_s)
    part = known and visible < VISIBLE
    predicted = float(fit.predicted[0]), float(fit.predicted[1])
    centre = centre_of(seen, geometry.size, predicted) if part else seen.centre
    pose, velocity, speed = fit.pose.copy(), fit.velocity, geometry.velocity
    if geometry.centre is not None:
        steps = interval.dt_s / interval.usual_s
        moved = ((centre[0] - geometry.centre[0]) / steps, (centre[1] - geometry.centre[1]) / steps)
        speed = towards(speed, moved, rate_over(SPEED_RATE if known else YOUNG_SPEED_RATE, look_s))
        pose[:2] = fit.fitted[:2] + speed
        velocity = np.array(speed, np.float32)
    pose[:2] += CENTRE_RATE * np.subtract(centre, fit.mask.centre)
    cut = touches_border(seen, size)
    width, height = (
        old + rate_over(YOUNG_SIZE_RATE, look_s) * max(0.0, min(new, FASTEST_GROWTH * old) - old)
        if cut
        else old + rate_over(_size_rate(new / max(1.0, old), known=known, part=part), look_s) * (new - old)
        for old, new in zip(geometry.size, (seen.width, seen.height), strict=True)
    )
    window = geometry.window
    if not cut:
        rate = rate_over(SIZE_RATE if known else YOUNG_SIZE_RATE, look_s)
        window = towards(window, (float(pose[2]), float(pose[3])), rate)
    measured = Geometry(
        (width, height), window, speed, centre, geometry.complete or not cut, geometry.isolated_s + look_s
    )
    box = inside_picture(_completed(seen, centre, measured.size), size) if part and not cut else seen
    return Placed(measured, pose, velocity, box)


def _size_rate(ratio: float, *, known: bool, part: bool) -> float:
    """Rate of a side that is `ratio` times as long as usual."""
    if not known:
        return YOUNG_SIZE_RATE
    return PART_SIZE_RATE if part and ratio < VISIBLE else SIZE_RATE


def _completed(seen: Box, centre: Pair, size: Pair) -> Box:
    """What is seen, or the whole length round `centre` in a direction in which much less shows than there should be."""
    x0, x1, y0, y1 = seen.x0, seen.x1, seen.y0, seen.y1
    if seen.width < VISIBLE * size[0]:
        x0, x1 = centre[0] - size[0] / 2, centre[0] + size[0] / 2
    if seen.height < VISIBLE * size[1]:
        y0, y1 = centre[1] - size[1] / 2, centre[1] + size[1] / 2
    return Box(x0, y0, x1, y1)


def coast(
    geometry: Geometry, blob: Box | None, fit: Fit, size: tuple[int, int], settings: LifeSettings,
    interval: Interval = USUAL, *, hidden: bool,
) -> Placed:  # fmt: skip
    """Move a slot on that is merged or hidden.

    blob    box of the blob it is in, None if it is in none; the rest as in `measure`
    hidden  whether nothing of it is seen
    """
    pose, velocity = fit.pose.copy(), fit.velocity.copy()
    speed, extent = geometry.velocity, geometry.size
    if not hidden and lasts(geometry.isolated_s, settings.confirm_s):
        # what it did when it was seen clearly counts beside what the network reads from a torn mask
        steady = NETWORK_SPEED * velocity + (1 - NETWORK_SPEED) * np.array(speed, np.float32)
        pose[:2] += steady - velocity
        velocity[:] = steady
        rate = rate_over(MERGED_SPEED_RATE, interval.look_s)
        speed = towards(speed, (float(steady[0]), float(steady[1])), rate)
    if hidden:
        velocity *= HIDDEN_SPEED ** (interval.dt_s / REFERENCE_S)
    window = np.array(geometry.window, np.float32)
    pose[2:] = np.clip(pose[2:], (1 - WINDOW_SLACK) * window, (1 + WINDOW_SLACK) * window)
    centre = fit.mask.centre
    if blob is not None:
        pushed = pushed_into(centre, extent, blob)
        pose[:2] += np.subtract(pushed, centre)
        centre = pushed
    if not hidden and not lasts(geometry.isolated_s, settings.grow_s):
        # born on a group: it learns its own size once the others have slots
        smaller = min(fit.mask.width, extent[0]), min(fit.mask.height, extent[1])
        extent = towards(extent, smaller, rate_over(MERGED_SIZE_RATE, interval.look_s))
    coasted = replace(geometry, size=extent, velocity=speed, centre=None)
    return Placed(coasted, pose, velocity, inside_picture(box_about(centre, extent), size))


def touches_border(box: Box, size: tuple[int, int]) -> bool:
    """Whether the picture's border (width, height) may cut what is in the box."""
    return box.x0 < BORDER_PX or box.y0 < BORDER_PX or box.x1 > size[0] - BORDER_PX or box.y1 > size[1] - BORDER_PX


def inside_picture(box: Box, size: tuple[int, int]) -> Box:
    """The part of a box inside the picture (width, height); a box wholly outside stays as it is."""
    inside = box.clipped(size)
    return inside if inside.width > 0 and inside.height > 0 else box


def centre_of(seen: Box, size: Pair, expected: Pair) -> Pair:
    """The middle of an object of known size (width, height) of which `seen` shows.

    Where much less shows than there should be, something hides the rest: the edge is trusted that agrees with `expected`.
    """
    middle = []
    for low, high, length, guess in zip(seen[:2], seen[2:], size, expected, strict=True):
        if high - low >= VISIBLE * length:
            middle.append((low + high) / 2)
        else:
            middle.append(min((low + length / 2, high - length / 2), key=lambda place: abs(place - guess)))
    return middle[0], middle[1]


def pushed_into(centre: Pair, size: Pair, blob: Box) -> Pair:
    """The centre moved as little as puts a box of that size inside `blob`, or in its middle where it does not fit."""
    x, y = blob.centre
    if size[0] < blob.width:
        x = min(max(centre[0], blob.x0 + size[0] / 2), blob.x1 - size[0] / 2)
    if size[1] < blob.height:
        y = min(max(centre[1], blob.y0 + size[1] / 2), blob.y1 - size[1] / 2)
    return x, y


def mask_box(mask: Array, pose: Array) -> Box:
    """The box round a mask (P, P) in the window at `pose`, to a fraction of a grid pixel."""
    x0, x1 = _extent(mask.max(0))
    y0, y1 = _extent(mask.max(1))
    cx, cy, w, h = (float(v) for v in pose)
    w, h = w * PAD, h * PAD
    left, top = cx - w / 2, cy - h / 2
    return Box(left + x0 * w / len(mask), top + y0 * h / len(mask), left + x1 * w / len(mask), top + y1 * h / len(mask))


def _extent(profile: Array) -> Pair:
    """Where a profile rises above BOX_MASK first and falls below it last, in grid pixels, edges interpolated."""
    above = np.flatnonzero(profile > BOX_MASK)
    if len(above) == 0:
        return len(profile) / 6, len(profile) * 5 / 6  # the pose itself
    first, last = int(above[0]), int(above[-1])
    start = first - (_crossing(profile[first], profile[first - 1]) if first > 0 else 0.5)
    end = last + (_crossing(profile[last], profile[last + 1]) if last + 1 < len(profile) else 0.5)
    return start + 0.5, end + 0.5


def _crossing(inside: float, outside: float) -> float:
    return float((inside - BOX_MASK) / max(1e-6, inside - outside))


def towards(old: Pair, new: Pair, rate: float) -> Pair:
    """That share of the way from one pair to another."""
    return old[0] + rate * (new[0] - old[0]), old[1] + rate * (new[1] - old[1])


def box_about(centre: Pair, size: Pair) -> Box:
    """The box of that size (width, height) round a centre (x, y)."""
    (x, y), (w, h) = centre, size
    return Box(x - w / 2, y - h / 2, x + w / 2, y + h / 2)
