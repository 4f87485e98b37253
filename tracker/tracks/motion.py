"""Where a box will be: a constant-velocity Kalman filter.

The four numbers of a box (centre x, centre y, width, height) are filtered independently, so the covariance is four
2 x 2 blocks instead of one 8 x 8 matrix. The centre has a velocity in pixels a second; the size only drifts, because a
blob's size changes in jumps and a trend in it is rarely one of the object.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tracker.types import Box

Quad = NDArray[np.float64]
"""(4,): centre x, centre y, width, height."""

MEASURED = 0.05
"""Standard deviation of a measured centre or size, in box sizes."""

PUSH = 2.0
"""Standard deviation of the acceleration, in box sizes a second squared: a walker may stop or turn within a second."""

DRIFT = 0.1
"""Standard deviation of the size's random walk, in box sizes after one second."""

FIRST_SPEED = 1.0
"""Standard deviation of the velocity of a box seen once, in box sizes a second."""

_MOVES = np.array([1.0, 1.0, 0.0, 0.0])
"""Which of the four have a velocity."""


@dataclass(frozen=True)
class BoxBelief:
    """The belief about one box: mean and covariance of value and velocity of each of the four numbers."""

    value: Quad
    velocity: Quad
    """pixels a second"""
    var_value: Quad
    covariance: Quad
    var_velocity: Quad

    @cached_property
    def box(self) -> Box:
        """The mean, at least one pixel wide and high."""
        x, y, w, h = self.value.tolist()
        w, h = max(w, 1.0), max(h, 1.0)
        return Box(x - w / 2, y - h / 2, x + w / 2, y + h / 2)


def begin(box: Box) -> BoxBelief:
    """A box seen for the first time, at unknown velocity."""
    size = _size(box)
    zero = np.zeros(4)
    return BoxBelief(_quad(box), zero, zero + (MEASURED * size) ** 2, zero, _MOVES * (FIRST_SPEED * size) ** 2)


def predict(motion: BoxBelief, *, dt_s: float) -> BoxBelief:
    """The belief `dt_s` seconds later, nothing seen: white acceleration for the centre, a random walk for the size."""
    m, size = motion, _size(motion.box)
    push, drift = _MOVES * (PUSH * size) ** 2, (1 - _MOVES) * (DRIFT * size) ** 2
    return BoxBelief(
        m.value + dt_s * m.velocity,
        m.velocity,
        m.var_value + 2 * dt_s * m.covariance + dt_s**2 * m.var_velocity + push * dt_s**4 / 4 + drift * dt_s,
        m.covariance + dt_s * m.var_velocity + push * dt_s**3 / 2,
        m.var_velocity + push * dt_s**2,
    )


def correct(motion: BoxBelief, box: Box) -> BoxBelief:
    """The belief after seeing `box`."""
    m = motion
    total = m.var_value + (MEASURED * _size(box)) ** 2
    gain, gain_velocity = m.var_value / total, m.covariance / total
    surprise = _quad(box) - m.value
    return BoxBelief(
        m.value + gain * surprise,
        m.velocity + gain_velocity * surprise,
        (1 - gain) * m.var_value,
        (1 - gain) * m.covariance,
        m.var_velocity - gain_velocity * m.covariance,
    )


def pushed_into(motion: BoxBelief, region: Box) -> BoxBelief:
    """The belief once the box is known to be somewhere inside `region`, moved no farther than it must be."""
    value = motion.value.copy()
    for n, (low, high) in enumerate(((region.x0, region.x1), (region.y0, region.y1))):
        half = min(value[n + 2], high - low) / 2
        value[n] = min(max(value[n], low + half), high - half)
    return replace(motion, value=value)


def _quad(box: Box) -> Quad:
    return np.array([*box.centre, box.width, box.height])


def _size(box: Box) -> float:
    """Pixels: side of the square of the same area, the yardstick of every noise."""
    return float(np.sqrt(max(box.width, 1.0) * max(box.height, 1.0)))
