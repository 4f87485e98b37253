"""Pictures of more than 8 bits as 8 bits: one stretch of the values for a whole clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

PROBED = 16
"""Pictures spread over a clip that are enough to find its stretch."""
TAIL = 0.1
"""Per cent of a picture's values at either end that are not looked at: dead and hot pixels."""
ODD = 0.1
"""Share of the pictures that may be much darker or lighter than the others, as after a loss of signal."""
ENOUGH = 1 / 4
"""Share of the nominal range that values need to take; below, a scene would have less than 64 of 256 grey levels."""
MARGIN = 1 / 4
"""Of the range found, left free at either end for what the sampled pictures do not show."""
LOOKED_AT = 1_000_000
"""Values of one picture that are enough."""


@dataclass(frozen=True)
class ContrastStretch:
    """Values from `low` up to, but not including, `high` become 0 to 255, linearly; what lies beyond is clipped."""

    low: float
    high: float
    note: str | None = None
    """how it was found, for people; None where nothing was guessed"""
    own: bool = False
    """by the values' own range, so that grey levels are no longer those of the same scene in 8 bits"""

    def __call__(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Values of any shape and number type; NaN becomes 0."""
        with np.errstate(invalid="ignore", over="ignore"):  # floating-point files may hold anything
            scaled: NDArray[Any] = values.astype(np.float32 if values.dtype.itemsize <= 2 else np.float64)
            scaled = (scaled - self.low) * (256 / (self.high - self.low))  # float32 is exact for 16 bits
        return np.nan_to_num(scaled, nan=0.0).clip(0, 255).astype(np.uint8)


def find_stretch(pictures: Sequence[NDArray[Any]], *, beside_8_bits: bool = False) -> ContrastStretch:
    """The stretch for a clip, from pictures spread over it, of more than 8 bits or floating point, of any shape.

    beside_8_bits  others of the clip have 8 bits: all keep one scale, and no range of their own

    Values that take a good part of 8, 10, 12, 14 or more bits (of 0 to 1 if they are floating point) have these bits
    shown, as the same scene in 8 bits would have been. Values that take little of them, as temperatures do, are
    stretched by their own range, with a margin for what comes between the sampled pictures.
    """
    looks = [finite for picture in pictures if (finite := _finite(picture)).size]
    if not looks:
        return ContrastStretch(0, 1, "no value in the sampled pictures is a finite number")
    floating = looks[0].dtype.kind == "f"
    lowest, highest = min(float(look.min()) for look in looks), max(float(look.max()) for look in looks)
    ends = np.array([np.percentile(look, (TAIL, 100 - TAIL)) for look in looks])
    uneven = ends[ends[:, 0] < ends[:, 1]]  # a picture of one value says nothing of the scene
    ends = uneven if len(uneven) else ends
    low = float(np.quantile(ends[:, 0], ODD, method="nearest"))
    high = float(np.quantile(ends[:, 1], 1 - ODD, method="nearest"))
    top = _ceiling(highest, floating=floating)
    if beside_8_bits or (lowest >= 0 and (high - low >= ENOUGH * top or low >= high)):
        return ContrastStretch(0, top, _note_of_bits(top, floating=floating))
    if low >= high:
        low, high = lowest, max(highest, np.nextafter(lowest, np.inf))
    margin = MARGIN * (high - low)
    low, high = low - margin, high + margin
    if lowest >= 0:
        low = max(low, 0.0)
    return ContrastStretch(
        low, high, f"its values differ little: {low:.6g} to {high:.6g} are shown from black to white", own=True
    )


def _finite(picture: NDArray[Any]) -> NDArray[Any]:
    """Some of the values, spread evenly; NaN and infinity mean "nothing measured" in floating-point pictures."""
    values = picture.reshape(-1)[:: max(1, picture.size // LOOKED_AT)]
    return values[np.isfinite(values)] if values.dtype.kind == "f" else values


def _ceiling(highest: float, *, floating: bool) -> float:
    """The end of the nominal range that holds `highest`: 1 for shares, else a power of two from 8 bits on."""
    if floating and highest <= 1:
        return 1.0
    return next((2.0**bits for bits in (8, 10, 12, 14, 16, 24) if highest < 2.0**bits), 2.0**32)


def _note_of_bits(top: float, *, floating: bool) -> str | None:
    if top == 1 << 16 and not floating:
        return None  # nothing guessed: more than 14 bits are 16, also where Pillow holds them in 32
    last = "1" if top == 1 else f"{top - 1:.0f}"
    return f"its values are taken to run from 0, black, to {last}, white"
