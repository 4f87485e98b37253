"""What the picture itself tells: noise, repeated frames, and jumps of the light."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.health.times import Occurrences
from tracker.picture import Picture

Grey = NDArray[np.uint8]
"""(h, w) a small grey picture"""

SAMPLES = 20_000
"""pixels of a frame that are compared with the same of the one before"""
ROBUST_SIGMA = 0.6745
"""median absolute value of a normal variable, in standard deviations"""
CLIPPED = (6, 249)
"""values outside may have been clipped, which hides their noise"""
ROUNDING = 1 / 12
"""variance that rounding to whole grey levels adds"""

BLOCKS = (16, 12)
"""(columns, rows) of blocks whose brightness is followed"""
DARK = 8.0
"""grey levels added before ratios are taken, so that black blocks do not shout"""
GAIN = 0.05
"""logarithm of the ratio of brightness from one frame to the next, from which most blocks have jumped"""
MOST = 0.65
"""share of the blocks that must jump the same way: an object that enters covers fewer"""
ONE_SWITCH_S = 1.0
"""jumps nearer in time are one"""


class Noise:
    """The sensor's noise: median absolute difference of neighbouring frames, of the pixels of one channel.

        sigma = median |x_t - x_(t-1)| / (0.6745 sqrt 2)

    Objects that move are a minority of the pixels and do not shift the median. What the codec took away is gone.
    """

    def __init__(self) -> None:
        self.pairs, self.repeated = 0, 0
        self._before: Grey | None = None
        self._histogram = np.zeros(256)

    def interrupt(self) -> None:
        """The next frame is not compared with the last."""
        self._before = None

    def add(self, picture: Picture) -> None:
        """Compare a frame with the one before."""
        step = max(1, int(np.sqrt(picture.size[0] * picture.size[1] / SAMPLES)))
        now = np.ascontiguousarray(picture.thinned(step)[..., 1])
        if self._before is not None:
            self.pairs += 1
            difference = cv2.absdiff(now, self._before)
            if not difference.any():
                self.repeated += 1
            else:
                fair = cv2.inRange(self._before, *CLIPPED)  # type: ignore[call-overload]
                self._histogram += cv2.calcHist([difference], [0], fair, [256], [0, 256]).ravel()
        self._before = now

    @property
    def sigma(self) -> float | None:
        """Grey levels; None before two different frames came."""
        total = self._histogram.sum()
        if not total:
            return None
        # whole grey levels hold what was rounded to them: level k is k - 0.5 to k + 0.5, level 0 is 0 to 0.5
        below = np.concatenate([[0], np.cumsum(self._histogram)])
        edges = np.concatenate([[0], np.arange(256) + 0.5])
        median = float(np.interp(total / 2, below, edges))
        return float(np.sqrt(max(0.0, (median / ROBUST_SIGMA) ** 2 / 2 - ROUNDING)))


class Light:
    """Jumps of the light: most of the picture grows brighter, or darker, from one frame to the next."""

    def __init__(self) -> None:
        self.switched_s = Occurrences()
        self.largest = 0.0
        """the largest jump, as a share of the brightness before"""
        self._before: NDArray[np.float32] | None = None

    def interrupt(self) -> None:
        """The next frame is not compared with the last."""
        self._before = None

    def add(self, small: Grey, time_s: float) -> None:
        """Compare a frame with the one before."""
        blocks = cv2.resize(small, BLOCKS, interpolation=cv2.INTER_AREA).astype(np.float32)
        if self._before is not None:
            jump = np.log((blocks + DARK) / (self._before + DARK))
            way = float(np.sign(np.median(jump)))
            if float((jump * way > GAIN).mean()) >= MOST:
                if self.switched_s.last is None or time_s - self.switched_s.last > ONE_SWITCH_S:
                    self.switched_s.add(time_s)
                self.largest = max(self.largest, float(abs(np.median(blocks / np.maximum(1, self._before)) - 1)))
        self._before = blocks
