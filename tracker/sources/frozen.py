"""Whether a camera shows the same picture again and again, although pictures keep coming."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tracker.types import Frame

LOOK_S = 0.1
"""pictures are compared no more often: noise and standstill last longer"""
BLOCKS = 12
"""a picture is cut in so many blocks across and down"""
STEP = 2
"""one pixel of every 2 x 2 is compared: averages would hide noise"""
NOISY_BLOCKS = 0.6
"""share of the blocks that sensor noise changes at least, from one picture to the next: not those of a white sky; what moves changes
fewer, in NOISY_LOOKS pictures one after the other"""
STILL_BLOCKS = 0.02
"""share that may still change in a picture that stands: the clock that a camera writes into it"""
NOISY_LOOKS = 50
"""comparisons in a row that found noise, after which a camera is one that has it"""


class Frozen:
    """Asked with every picture of one connection; true once the camera's noise has been gone for `after_s` seconds.

    Only a camera whose noise was seen before can stand still by this rule. A drawn or strongly compressed stream, in which
    some of the picture stays the same from frame to frame, never does, nor does a dark picture that is black throughout.
    """

    standing: bool = False
    """the latest two pictures that were compared are the same, to the bit"""

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s
        self._before: NDArray[np.uint8] | None = None
        self._looked_s = -np.inf
        self._noisy_looks = 0
        self._still_since_s: float | None = None

    def __call__(self, frame: Frame, now_s: float) -> bool:
        """Whether the picture stands still; `now_s` by the clock of its arrival."""
        if now_s - self._looked_s < LOOK_S:
            return False
        self._looked_s = now_s
        # one channel: a picture that stands has all three
        picture, before = frame.picture.thinned(STEP)[..., 1], self._before
        self._before = picture
        if before is None or before.shape != picture.shape:
            return False
        changed = changed_share(before, picture)
        if self._noisy_looks < NOISY_LOOKS:
            self._noisy_looks = self._noisy_looks + 1 if changed >= NOISY_BLOCKS else 0
            return False
        uniform = int(np.ptp(picture)) == 0
        self.standing = changed == 0 and not uniform
        if changed > STILL_BLOCKS or uniform:
            self._still_since_s = None
            return False
        if self._still_since_s is None:
            self._still_since_s = now_s
        return now_s - self._still_since_s >= self._after_s


def changed_share(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Share of the BLOCKS x BLOCKS blocks in which two pictures (H, W) differ anywhere."""
    rows, columns = (np.linspace(0, size, BLOCKS + 1, dtype=int)[:-1] for size in a.shape)
    differ = np.logical_or.reduceat(np.logical_or.reduceat(a != b, rows, axis=0), columns, axis=1)
    return float(differ.mean())
