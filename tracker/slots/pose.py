"""Where an object is: the window's place held by what is certain.

Alone in its blob a slot is measured there: place, speed, size. In company the blob shows neither, so the slot goes on with the speed
it had, corrected by what the network reads from its mask, keeps its size, and stays inside the blob.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tracker.slots.lifecycle import Life
from tracker.slots.settings import LifeSettings
from tracker.slots.window import PAD
from tracker.timing import REFERENCE_S, Interval, lasts, rate_over
from tracker.types import Box

Array = NDArray[np.float32]
Pair = tuple[float, float]

BOX_MASK = 0.4
"""mask probability that counts as object when a box is drawn round it"""
WHOLE = 0.65
"""below this share of its usual extent an object is held to be partly hidden"""
SIZE_RATE, HIDDEN_SIZE_RATE, YOUNG_RATE = 0.1, 0.005, 0.5
"""share of the way to the newly measured size in a frame at 25 frames a second: as a rule, of a part only, of a slot not yet confirmed"""
SPEED_RATE, YOUNG_SPEED_RATE = 0.25, 0.6
"""the same for the speed"""
NETWORK_SPEED = 0.6
"""weight of the network's displacement against the speed last measured, in company"""
COMPANY_SPEED_RATE = 0.1
"""how fast the speed last measured gives way in company"""
HIDDEN_SPEED = 0.9
"""share of its speed that a hidden slot keeps over 0.04 s: it waits about where it went out of sight"""
CENTRE_RATE = 0.5
"""share of the way that the window is moved to the blob's middle in one frame"""
BORDER_PX = 2
"""what comes nearer to the border may be cut by it"""
USUAL = Interval()
"""of a clip of 25 frames a second"""
WINDOW_SLACK = 0.1
"""in company the window's size stays within this share of what it was alone"""


def anchor_alone(
    life: Life, seen: Box, masked: Box, foretold: Array, fitted: Array, pose: Array, velocity: Array, size: tuple[int, int],
    shown: float, settings: LifeSettings, interval: Interval = USUAL,
) -> Box:  # fmt: skip
    """Measure a slot that stands alone; writes life, and in place pose (4,) for the next frame and velocity (2,).

    Returns its box in this frame.

    seen      box of its foreground          masked    box round its mask in this frame
    foretold  pose predicted for this frame  fitted    pose that fits this frame
    size      (width, height) of the picture
    shown     share of its usual area that is foreground: who turns shows another side, who is hidden shows less
    interval  time since the frame before; a rate is gone by as much as the frame counts as evidence
    """
    look_s = interval.look_s
    known = lasts(life.alone_s, settings.confirm_s)
    hidden = known and shown < WHOLE
    centre = place_of(seen, life.size, (float(foretold[0]), float(foretold[1]))) if hidden else seen.centre
    if life.place is not None:
        steps = interval.dt_s / interval.usual_s
        moved = ((centre[0] - life.place[0]) / steps, (centre[1] - life.place[1]) / steps)
        life.velocity = towards(life.velocity, moved, rate_over(SPEED_RATE if known else YOUNG_SPEED_RATE, look_s))
        pose[:2] = fitted[:2] + life.velocity
        velocity[:] = life.velocity
    pose[:2] += CENTRE_RATE * np.subtract(centre, masked.centre)
    cut = touches_border(seen, size)
    width, height = (
        old + rate_over(YOUNG_RATE, look_s) * max(0.0, min(new, 1.1 * old) - old)
        if cut
        else old + rate_over(_size_rate(new / max(1.0, old), known=known, hidden=hidden), look_s) * (new - old)
        for old, new in zip(life.size, (seen.width, seen.height), strict=True)
    )
    life.size, life.place, life.alone_s = (width, height), centre, life.alone_s + look_s
    life.whole |= not cut
    if not cut:
        rate = rate_over(SIZE_RATE if known else YOUNG_RATE, look_s)
        life.window = towards(life.window, (float(pose[2]), float(pose[3])), rate)
    return clipped(_completed(seen, centre, life.size), size) if hidden and not cut else seen


def _size_rate(ratio: float, *, known: bool, hidden: bool) -> float:
    if not known:
        return YOUNG_RATE
    return HIDDEN_SIZE_RATE if hidden and ratio < WHOLE else SIZE_RATE


def _completed(seen: Box, centre: Pair, size: Pair) -> Box:
    """What is seen, or the whole length round `centre` in a direction in which much less shows than there should be."""
    x0, x1, y0, y1 = seen.x0, seen.x1, seen.y0, seen.y1
    if seen.width < WHOLE * size[0]:
        x0, x1 = centre[0] - size[0] / 2, centre[0] + size[0] / 2
    if seen.height < WHOLE * size[1]:
        y0, y1 = centre[1] - size[1] / 2, centre[1] + size[1] / 2
    return Box(x0, y0, x1, y1)


def touches_border(box: Box, size: tuple[int, int]) -> bool:
    """Whether the picture's border (width, height) may cut what is in the box."""
    return box.x0 < BORDER_PX or box.y0 < BORDER_PX or box.x1 > size[0] - BORDER_PX or box.y1 > size[1] - BORDER_PX


def clipped(box: Box, size: tuple[int, int]) -> Box:
    """The part of a box inside the picture (width, height); a box wholly outside stays as it is."""
    inside = Box(max(0.0, box.x0), max(0.0, box.y0), min(float(size[0]), box.x1), min(float(size[1]), box.y1))
    return inside if inside.width > 0 and inside.height > 0 else box


def anchor_unsure(
    life: Life, room: Box | None, masked: Box, pose: Array, velocity: Array, settings: LifeSettings,
    interval: Interval = USUAL,
) -> Pair:  # fmt: skip
    """Carry a slot that stands in company or is hidden; returns its centre (x, y) in this frame.

    room   box of the blob it is in, None if it is in none; the rest as in `anchor_alone`
    """
    life.place = None
    known = lasts(life.alone_s, settings.confirm_s)
    if life.hidden_s == 0 and known:
        # what it did when it was seen clearly counts beside what the network reads from a torn mask
        steady = NETWORK_SPEED * velocity + (1 - NETWORK_SPEED) * np.array(life.velocity, np.float32)
        pose[:2] += steady - velocity
        velocity[:] = steady
        rate = rate_over(COMPANY_SPEED_RATE, interval.look_s)
        life.velocity = towards(life.velocity, (float(steady[0]), float(steady[1])), rate)
    if life.hidden_s > 0:
        velocity *= HIDDEN_SPEED ** (interval.dt_s / REFERENCE_S)
    window = np.array(life.window, np.float32)
    pose[2:] = np.clip(pose[2:], (1 - WINDOW_SLACK) * window, (1 + WINDOW_SLACK) * window)
    centre = masked.centre
    if room is not None:
        inside = pushed_into(centre, life.size, room)
        pose[:2] += np.subtract(inside, centre)
        centre = inside
    if life.hidden_s == 0 and not lasts(life.alone_s, settings.grow_s):
        # born on a group: it learns its own size once the others have slots
        smaller = min(masked.width, life.size[0]), min(masked.height, life.size[1])
        life.size = towards(life.size, smaller, rate_over(SIZE_RATE / 2, interval.look_s))
    return centre


def place_of(seen: Box, size: Pair, expected: Pair) -> Pair:
    """The middle of an object of known size (width, height) of which `seen` shows.

    Where much less shows than there should be, something hides the rest: the edge is trusted that agrees with `expected`.
    """
    middle = []
    for low, high, length, guess in zip(seen[:2], seen[2:], size, expected, strict=True):
        if high - low >= WHOLE * length:
            middle.append((low + high) / 2)
        else:
            middle.append(min((low + length / 2, high - length / 2), key=lambda place: abs(place - guess)))
    return middle[0], middle[1]


def pushed_into(centre: Pair, size: Pair, room: Box) -> Pair:
    """The centre moved as little as puts a box of that size inside `room`, or in its middle where it does not fit."""
    x, y = room.centre
    if size[0] < room.width:
        x = min(max(centre[0], room.x0 + size[0] / 2), room.x1 - size[0] / 2)
    if size[1] < room.height:
        y = min(max(centre[1], room.y0 + size[1] / 2), room.y1 - size[1] / 2)
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
