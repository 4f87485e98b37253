"""Connected foreground, and which slot is responsible for how much of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.components import components
from tracker.slots.patches import Window
from tracker.slots.settings import LifeSettings
from tracker.types import BACKGROUND, FOREGROUND, Box, Image, Labels, Mask

Array = NDArray[np.float32]

SMOOTHED_PX = 3
"""side of the median filter and of the opening that take single pixels from foreground"""
SMALLEST_SIDE_PX = 3
"""a thinner piece is the rim of something"""


@dataclass(frozen=True)
class Blobs:
    """Connected foreground, gaps closed; known by their numbers, 1 to B - 1. 0 is the background."""

    labels: Labels
    """(H, W) 0 outside, else the number of the blob"""
    boxes: tuple[Box, ...]
    """B boxes; that of 0 is unused"""
    areas: NDArray[np.int32]
    """(B,) pixels"""

    @property
    def numbers(self) -> range:
        """All blobs."""
        return range(1, len(self.boxes))

    @cached_property
    def pixel_indices(self) -> NDArray[np.intp]:
        """(M,) where the pixels of all blobs are in the flat picture."""
        return np.flatnonzero(self.labels > 0)

    @cached_property
    def pixel_numbers(self) -> Labels:
        """(M,) their blobs' numbers."""
        return self.labels.ravel()[self.pixel_indices]

    def painted(self, chosen: NDArray[np.bool_]) -> Mask:
        """(H, W) the pixels of those of B blobs."""
        picture = np.zeros(self.labels.shape, bool)
        picture.ravel()[self.pixel_indices] = chosen[self.pixel_numbers]
        return picture

    def window(self, b: int) -> Window:
        """Rows and columns of blob b's box."""
        x0, y0, x1, y1 = (int(v) for v in self.boxes[b])
        return slice(y0, y1), slice(x0, x1)

    def pixels(self, b: int) -> Mask:
        """(h, w) of blob b in its window."""
        return self.labels[self.window(b)] == b


@dataclass(frozen=True)
class Birth:
    """A piece of foreground that no slot explains."""

    box: Box
    mask: Mask
    """(h, w) inside the box"""
    area_px: float
    colour: Array
    """(3,) mean, RGB in [0, 1]"""
    found_s: float = 0.0
    """seconds of evidence that it is an object, from before it was born"""


def find_blobs(verdict: NDArray[np.uint8], settings: LifeSettings) -> Blobs:
    """Blobs of a verdict (H, W).

    Gaps are closed upwards only: a belt cuts an upright object across, while sideways two who walk abreast would be joined.
    A longer gap is closed where the scene says shadow: between a head and legs that is a grey coat.
    """
    solid = cv2.medianBlur((verdict == FOREGROUND).astype(np.uint8), SMOOTHED_PX)
    closed = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, _upright(settings.closed_height * len(verdict)))
    bridged = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, _upright(settings.bridge_height * len(verdict)))
    perhaps = (verdict != BACKGROUND).view(np.uint8)
    found = components(np.asarray(cv2.bitwise_or(closed, cv2.bitwise_and(bridged, perhaps)), np.uint8))
    boxes = tuple(Box(x, y, x + w, y + h) for x, y, w, h in found.boxes.astype(float).tolist())
    return Blobs(found.labels, boxes, found.areas)


def _upright(height: float) -> NDArray[np.uint8]:
    return np.ones((max(1, 2 * round((height - 1) / 2) + 1), 1), np.uint8)


def pixels_by_slot(blobs: Blobs, owners: Labels, slots: int) -> NDArray[np.int64]:
    """(B, K) pixels of each blob for which each slot is most responsible, by `Responsibilities.labels`."""
    pair = blobs.pixel_numbers.astype(np.int64) * (slots + 1) + owners.ravel()[blobs.pixel_indices]
    return np.bincount(pair, minlength=len(blobs.boxes) * (slots + 1)).reshape(-1, slots + 1)[:, 1:]


def unclaimed(b: int, blobs: Blobs, owners: Labels) -> Mask:
    """(h, w) pixels of blob b, in its window, for which no slot is responsible."""
    return blobs.pixels(b) & (owners[blobs.window(b)] == 0)


def birth_of(mask: Mask, image: Image, corner: tuple[int, int]) -> Birth:
    """A birth from the pixels of a mask (h, w) whose upper left is at `corner` (x, y) of the image."""
    x, y = corner
    height, width = mask.shape
    colour = image[y : y + height, x : x + width][mask].mean(0).astype(np.float32) / 255
    return Birth(Box(x, y, x + width, y + height), mask, float(mask.sum()), colour)


def births_in(loose: Mask, image: Image, corner: tuple[int, int], least_px: float) -> list[Birth]:
    """Births from the connected pieces of `loose` (h, w), if at least so large. Upper left at `corner` (x, y) of the image."""
    if np.count_nonzero(loose) < least_px:
        return []
    opened = cv2.morphologyEx(loose.astype(np.uint8), cv2.MORPH_OPEN, np.ones((SMOOTHED_PX, SMOOTHED_PX), np.uint8))
    found = components(np.asarray(opened, np.uint8))
    births = []
    for j in range(1, len(found.areas)):
        x, y, w, h = found.boxes[j].tolist()
        if found.areas[j] >= least_px and min(w, h) >= SMALLEST_SIDE_PX:
            births.append(birth_of(found.labels[y : y + h, x : x + w] == j, image, (corner[0] + x, corner[1] + y)))
    return births
