"""Whether a container's times can be believed, and what takes their place where not."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

FALLBACK_FPS = 25.0
"""Where a clip does not say."""
DOUBTED_FPS = 1000.0
"""From here on a header's rate is believed only where the times agree: containers write such rates for unknown ones."""
MOST_HEADER_FPS = 50_000.0
"""Faster cameras exist, but write no video; 90,000 is the clock of MPEG-TS, mistaken for a rate."""
COARSE_TICKS = 4
"""With fewer ticks from picture to picture, rounding is a large part of every step."""
ROUNDED_SHARE = 0.05
"""Share of the steps that rounding makes unlike the usual one; with fewer, pictures were dropped or doubled."""
MILLISECOND_S = 1.001e-3
"""The tick of Matroska and FLV. Programs that copy a stream put a time that does not rise so far behind the one before."""
STUCK_S = 0.01
"""A longer step is one of a camera, whatever mean rate a header gives: over a gap of hours that is nearly nothing."""
STUCK_PART = 0.25
"""A step below this part of the header's is no step of a clock."""
YEAR_S = 365.25 * 86400
LONGEST_S = 100 * YEAR_S
"""No clip is longer; beyond, times are noise, and floats could no longer tell pictures apart."""
AGREES = 2.0
"""A header's rate and the times agree within this factor: pictures may be dropped."""

Times = NDArray[np.float64]
Ints = NDArray[np.int64]


def judge(
    ticks: Ints | None, count: int, *, tick_s: Fraction, rates: Sequence[float]
) -> tuple[Times, float | None, str | None]:
    """(times in seconds, mean rate, why the container's times were not used) of `count` pictures.

    ticks   (count,) in the order of showing, from 0, never falling; None if the container has none
    rates   pictures a second by the header, the best first
    """
    usual = next((rate for rate in rates if 0 < rate < DOUBTED_FPS), None)
    if count < 2:
        return np.zeros(count), usual, None
    if ticks is None:
        return _constant(count, usual, "it holds no times")
    if ticks[-1] == 0:
        return _constant(count, usual, "its times are all equal")
    times_s = ticks.astype(float) * tick_s.numerator / tick_s.denominator
    if times_s[-1] > LONGEST_S:
        return _constant(count, usual, f"its times cover {_text(times_s[-1] / YEAR_S)} years")
    common = int(np.gcd.reduce(ticks))
    ticks, tick_s = ticks // common, tick_s * common  # the clock that was written down is often coarser
    return _judge_rising(times_s, ticks, float(tick_s), rates)


def _judge_rising(
    times_s: Times, ticks: Ints, tick_s: float, rates: Sequence[float]
) -> tuple[Times, float, str | None]:
    """The same of times that are not all equal; `ticks` have no common divisor."""
    count = len(ticks)
    steps = np.diff(ticks)
    rising = steps[steps > 0]
    typical_s = float(np.median(rising)) * tick_s * len(rising) / len(steps)
    fps = next((rate for rate in rates if 1 / AGREES <= rate * typical_s <= AGREES), 1 / typical_s)
    shared = len(steps) - len(rising)
    # a longer tick without shared times is a place for one picture, and an uneven step is a picture that was dropped
    if typical_s < COARSE_TICKS * tick_s and (shared or tick_s <= MILLISECOND_S):
        line = _line(ticks, steps, tick_s, [*rates, (count - 1) / (ticks[-1] * tick_s)])
        if line is not None:
            return _constant(count, line, f"its times are rounded to {_text(1000 * tick_s)} ms")
    lowest = min((rate for rate in rates if rate > 0), default=DOUBTED_FPS)
    if lowest < DOUBTED_FPS and _is_stuck(steps * tick_s, tick_s, rate=lowest):
        return _constant(count, lowest, f"its times rise by {_text(1000 * float(np.median(rising)) * tick_s)} ms only")
    if not shared:
        return times_s, fps, None
    note = (
        f"{shared} picture{'s have' if shared > 1 else ' has'} the time of the one before; put between it and the next"
    )
    return _spread(times_s, typical_s), fps, note


def _constant(count: int, fps: float | None, why: str) -> tuple[Times, float, str]:
    rate = fps or FALLBACK_FPS
    return np.arange(count) / rate, rate, f"{why}; taken as {_text(rate)} pictures a second"


def _line(ticks: Ints, steps: Ints, tick_s: float, rates: Sequence[float]) -> float | None:
    """The constant rate that gives these ticks when rounded; None if none does, or if no rounding is to be seen."""
    usual = np.bincount(steps[steps <= COARSE_TICKS + 1], minlength=1).argmax()
    if usual and np.count_nonzero(steps != usual) < max(2, ROUNDED_SHARE * len(steps)):
        return None
    places = np.arange(len(ticks))
    return next((rate for rate in rates if np.abs(ticks - places / (rate * tick_s)).max() <= 1.01), None)


def _is_stuck(steps_s: Times, tick_s: float, *, rate: float) -> bool:
    """Half of the pictures or more come one tick or millisecond after the one before, at a rate that is far lower."""
    limit_s = min(max(MILLISECOND_S, 1.001 * tick_s), STUCK_S, STUCK_PART / rate)
    return bool(np.count_nonzero((steps_s > 0) & (steps_s <= limit_s)) >= len(steps_s) / 2)


def _spread(times_s: Times, typical_s: float) -> Times:
    """The same times, those of pictures that share one spread evenly up to the next."""
    values, groups, sizes = np.unique(times_s, return_inverse=True, return_counts=True)
    step_s = np.minimum(np.append(np.diff(values), np.inf) / sizes, typical_s)
    place = np.arange(len(times_s)) - (np.cumsum(sizes) - sizes)[groups]
    spread: Times = times_s + place * step_s[groups]
    return spread


def _text(number: float) -> str:
    return f"{number:.6g}"
