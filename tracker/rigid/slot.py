"""One rigid slot: a picture that moves as a whole."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tracker.types import Mask

Array = NDArray[np.float32]
Corner = tuple[int, int]
"""(x, y) in the frame of a piece's first pixel, not necessarily inside the frame"""
Rectangle = tuple[int, int, int, int]
"""x, y, width, height in pixels"""

LONGEST_PATH = 300
"""frames: what stays for hours is placed by its latest, and takes no more time for having stayed"""
SPEED_AGE = 2
"""frames from which a slot's speed is known: two places are a line"""
CLAIMED_TRUST = np.float32(0.5)
"""in a pixel that was claimed after the slot was spawned, until it is seen again"""


@dataclass(eq=False)
class RigidSlot:
    """One object: how it looks, where it is and how it moves."""

    id: int
    appearance: Array
    """(h, w, 3) light beside the scene's, in -1..1; 0 outside the mask"""
    mask: Mask
    """(h, w)"""
    corner: Corner
    complete: bool
    """whether all of it has been visible at once: it claims no more pixels"""
    path: list[Corner] = field(default_factory=list)
    """corners in the latest LONGEST_PATH frames, hidden ones included"""
    trust: Array = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    """(h, w) how sure a pixel of the mask is a part of it, in [0, 1]"""
    hidden_s: float = 0.0
    """seconds since it was last visible; 0: it is visible now"""
    placed: bool = True
    """whether its place in this frame is known, or at least predicted"""

    def __post_init__(self) -> None:
        if self.trust.shape != self.mask.shape:
            self.trust = self.mask.astype(np.float32)

    @property
    def age(self) -> int:
        """Frames since it was spawned, or since its speed was found to be wrong; LONGEST_PATH of more."""
        return len(self.path)

    @property
    def energy(self) -> float:
        """Sum of squares of its appearance."""
        return float((self.appearance**2).sum())

    @property
    def rectangle(self) -> Rectangle:
        """Round its mask."""
        (x, y), rows, columns = self.corner, np.flatnonzero(self.mask.any(1)), np.flatnonzero(self.mask.any(0))
        if not len(rows):
            return x, y, 0, 0
        x0, y0, x1, y1 = (int(v) for v in (columns[0], rows[0], columns[-1], rows[-1]))
        return x + x0, y + y0, x1 - x0 + 1, y1 - y0 + 1

    def predicted(self) -> Corner:
        """The next corner, on a straight line at constant speed through the path (least squares)."""
        if self.age < SPEED_AGE:
            return self.corner
        t = np.arange(self.age, dtype=float) - (self.age - 1) / 2
        places = np.array(self.path, float)
        speed = (t @ places) / (t @ t)
        x, y = places.mean(0) + speed * (self.age - (self.age - 1) / 2)
        return round(float(x)), round(float(y))

    def extent_with(self, box: Rectangle) -> int:
        """The longer side, in pixels, of its mask together with a box."""
        x, y, w, h = self.rectangle
        width = max(x + w, box[0] + box[2]) - min(x, box[0])
        height = max(y + h, box[1] + box[3]) - min(y, box[1])
        return max(width, height)

    def claim(self, light: Array, piece: Mask, corner: Corner) -> None:
        """Take a piece (h, w) of light (h, w, 3) that begins at `corner` into the appearance, which is enlarged as needed."""
        (x, y), (height, width) = self.corner, self.mask.shape
        x0, y0 = min(x, corner[0]), min(y, corner[1])
        x1, y1 = max(x + width, corner[0] + piece.shape[1]), max(y + height, corner[1] + piece.shape[0])
        appearance, mask = np.zeros((y1 - y0, x1 - x0, 3), np.float32), np.zeros((y1 - y0, x1 - x0), bool)
        trust = np.zeros(mask.shape, np.float32)
        old = np.s_[y - y0 : y - y0 + height, x - x0 : x - x0 + width]
        appearance[old], mask[old], trust[old] = self.appearance, self.mask, self.trust
        new = np.s_[corner[1] - y0 : corner[1] - y0 + piece.shape[0], corner[0] - x0 : corner[0] - x0 + piece.shape[1]]
        appearance[new][piece] += np.where(mask[new][piece][:, None], 0, light[piece])
        mask[new] |= piece
        trust[new][piece] = np.maximum(trust[new][piece], CLAIMED_TRUST)
        self.path = [(px + x0 - x, py + y0 - y) for px, py in self.path]
        self.appearance, self.mask, self.trust, self.corner = appearance, mask, trust, (x0, y0)


def overlap(slot: RigidSlot, corner: Corner, shape: tuple[int, ...]) -> tuple[tuple[slice, slice], ...] | None:
    """Rows and columns that a slot's appearance shares with a piece of that shape at `corner`: of the piece, of the appearance."""
    x, y = slot.corner[0] - corner[0], slot.corner[1] - corner[1]
    h, w = slot.mask.shape
    x0, y0, x1, y1 = max(0, x), max(0, y), min(shape[1], x + w), min(shape[0], y + h)
    if x0 >= x1 or y0 >= y1:
        return None
    return (slice(y0, y1), slice(x0, x1)), (slice(y0 - y, y1 - y), slice(x0 - x, x1 - x))
