"""Rain: many thin pieces of foreground that are somewhere else in every frame.

A streak is a pixel or two wide, and falls by more than its length from one frame to the next. The ground network sees an object in each.
Thin objects move by less than their length, and are few.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.types import Mask

MANY = 8
"""thin pieces in a frame from which it may be rain"""
LEAST_PX = 5
"""pixels of such a piece"""
STAYING = 0.5
"""share of their pixels that were thin foreground in the frame before too, above which it is no rain"""
RATE = 0.25
"""weight of the newest frame in the share of frames with rain"""
RAINING = 0.4
"""share of the latest frames from which it rains"""
CORE = np.ones((3, 3), np.uint8)
"""what fits into an object and into no streak, pixels"""
NEAR = np.ones((5, 5), np.uint8)
"""how far the network's answer reaches beyond the pixels that differ"""


class Streaks:
    """Tells rain by the pixels that differ from the scene, (H, W) bool, frame after frame."""

    def __init__(self) -> None:
        self.rain = 0.0
        """share of the latest frames that looked like rain"""
        self._before: NDArray[np.uint8] | None = None

    def add(self, different: Mask) -> None:
        """Look at the next frame."""
        thin = _thin(different, _core(different)).astype(np.uint8)
        looks = False
        if int(thin.sum()) >= MANY * LEAST_PX:
            _, _, stats, _ = cv2.connectedComponentsWithStats(thin, connectivity=8)
            many = int((stats[1:, cv2.CC_STAT_AREA] >= LEAST_PX).sum()) >= MANY
            looks = many and self._before is not None and float(self._before[thin > 0].mean()) < STAYING
        self.rain += RATE * (looks - self.rain)
        self._before = cv2.dilate(thin, CORE)  # type: ignore[assignment]

    def find(self, different: Mask) -> Mask:
        """(H, W) where the streaks of a frame are, and what of the network's answer they brought about; nothing if it does not rain."""
        if self.rain < RAINING:
            return np.zeros_like(different)
        core = _core(different)
        near_thin = cv2.dilate(_thin(different, core).astype(np.uint8), NEAR) > 0
        return np.asarray(near_thin & (cv2.dilate(core, NEAR) == 0))


def _core(different: Mask) -> NDArray[np.uint8]:
    return cv2.morphologyEx(different.astype(np.uint8), cv2.MORPH_OPEN, CORE)  # type: ignore[return-value]


def _thin(different: Mask, core: NDArray[np.uint8]) -> Mask:
    """Where it differs away from anything wider than a streak."""
    return np.asarray(different & (cv2.dilate(core, CORE) == 0))
