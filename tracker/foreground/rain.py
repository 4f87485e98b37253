"""Rain: many thin pieces of foreground that are somewhere else in every frame.

A streak is a pixel or two wide, and falls by more than its length from one frame to the next. The network finds an object in each.
Thin objects move by less than their length, and are few.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.components import components
from tracker.types import Mask

# whether a frame looks like rain
MIN_STREAKS = 8
"""thin pieces in a frame from which it may be rain: thin objects are few"""
MIN_STREAK_PX = 5
"""pixels of such a piece; a smaller one is noise"""
MAX_STAYING = 0.5
"""share of their pixels that were thin foreground in the frame before too; a thin object that stays covers more of itself"""
# whether it rains
RAIN_RATE = 0.25
"""weight of the newest frame in the share of frames with rain"""
RAINING = 0.4
"""share of the latest frames that must look like rain: with RAIN_RATE never a single one"""
# what of a frame is rain
WIDER_THAN_STREAK = np.ones((3, 3), np.uint8)
"""pixels: fits into an object and into no streak"""
NETWORK_REACH = np.ones((5, 5), np.uint8)
"""pixels: how far the network's answer extends beyond the pixels that differ"""


class RainDetector:
    """Tells rain by the pixels that differ from the scene, (H, W) bool, frame after frame."""

    def __init__(self) -> None:
        self.rain = 0.0
        """share of the latest frames that looked like rain"""
        self._before: NDArray[np.uint8] | None = None

    def update(self, different: Mask) -> None:
        """Take the next frame into account."""
        thin = _thin(different, _wide(different)).astype(np.uint8)
        looks = False
        if int(thin.sum()) >= MIN_STREAKS * MIN_STREAK_PX:
            many = int((components(thin).areas[1:] >= MIN_STREAK_PX).sum()) >= MIN_STREAKS
            looks = many and self._before is not None and float(self._before[thin > 0].mean()) < MAX_STAYING
        self.rain += RAIN_RATE * (looks - self.rain)
        self._before = cv2.dilate(thin, WIDER_THAN_STREAK)  # type: ignore[assignment]

    def find(self, different: Mask) -> Mask:
        """(H, W) the streaks of a frame, and as far round them as the network's answer reaches; nothing if it does not rain."""
        if self.rain < RAINING:
            return np.zeros_like(different)
        wide = _wide(different)
        near_thin = cv2.dilate(_thin(different, wide).astype(np.uint8), NETWORK_REACH) > 0
        return np.asarray(near_thin & (cv2.dilate(wide, NETWORK_REACH) == 0))


def _wide(different: Mask) -> NDArray[np.uint8]:
    """The parts of a mask that are wider than a streak."""
    return cv2.morphologyEx(different.astype(np.uint8), cv2.MORPH_OPEN, WIDER_THAN_STREAK)  # type: ignore[return-value]


def _thin(different: Mask, wide: NDArray[np.uint8]) -> Mask:
    """The parts of a mask away from anything wider than a streak."""
    return np.asarray(different & (cv2.dilate(wide, WIDER_THAN_STREAK) == 0))
