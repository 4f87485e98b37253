"""The light on a scene: the smooth factor between two pictures of it, whatever objects are in them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.background.structure import BLOCKS
from tracker.types import Image

Array = NDArray[np.float32]

MEDIAN = 5
"""blocks across the median that keeps out objects smaller than half of that"""
DARK = 4.0
"""grey levels added to both sides of a ratio: in the dark it is all noise"""


def light_between(scene: Image, image: Image) -> Array:
    """(rows, columns, 3) logarithm of the factor by which the light in `image` differs from that in `scene`, both (H, W, 3)."""
    return np.asarray(cv2.medianBlur(_blocks(image) - _blocks(scene), MEDIAN), np.float32)


def relight(image: Image, light: Array) -> Image:
    """(H, W, 3) uint8: a picture in a light that differs by `light`, as `light_between` gives it."""
    size = (image.shape[1], image.shape[0])
    gain = cv2.resize(np.exp(light), size, interpolation=cv2.INTER_LINEAR)
    return np.clip((image + np.float32(DARK)) * gain - np.float32(DARK - 0.5), 0, 255).astype(np.uint8)


def _blocks(image: Image) -> Array:
    return np.asarray(np.log(cv2.resize(image, BLOCKS, interpolation=cv2.INTER_AREA).astype(np.float32) + DARK))
