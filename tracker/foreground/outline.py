"""Where an object ends, as sharp as the frame: the network sees a smaller picture, and its outline is a pixel or two too wide."""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.channels import largest_channel
from tracker.types import Image, Mask

MOSTLY_SCENE = 0.4
"""share of the difference beside it below which a pixel is scene: half on a blurred edge, less as an object's own contrast varies"""


class SoftRim(NamedTuple):
    """Pixels at the rim of what may be objects that show more of the scene than of the object, both (H, W)."""

    unsure: Mask
    """by the largest difference beside them: who is cut off by it is cut off too much rather than too little, and stands alone"""
    scene: Mask
    """of those, the ones that differ little from the scene by the mean colour of the object beside them, too: no mask needs them"""


def soft_rim(image: Image, expected: Image, perhaps: Mask) -> SoftRim:
    """The rim of what may be objects, `perhaps` (H, W).

    image     (H, W, 3)
    expected  (h, w, 3), smaller: the empty scene in the picture's light, as the network is shown it
    """
    height, width = perhaps.shape
    rim = SoftRim(np.zeros((height, width), bool), np.zeros((height, width), bool))
    left, top, wide, high = cv2.boundingRect(perhaps.view(np.uint8))
    if wide:
        reach = int(np.ceil(max(height / expected.shape[0], width / expected.shape[1])))
        scene = np.asarray(cv2.resize(expected, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
        window = np.s_[max(0, top - reach) : top + high + reach, max(0, left - reach) : left + wide + reach]
        rim.unsure[window], rim.scene[window] = _soft_rim(image[window], scene[window], perhaps[window], reach)
    return rim


def _soft_rim(image: Image, scene: Image, perhaps: Mask, reach: int) -> SoftRim:
    """Of pictures of one size; a rim is so many pixels wide."""
    kernel = np.ones((3, 3), np.uint8)
    inner = np.asarray(cv2.erode(perhaps.view(np.uint8), kernel, iterations=reach, borderValue=1), np.uint8)
    difference = largest_channel(np.asarray(cv2.absdiff(image, scene), np.uint8))
    beside = cv2.dilate(difference, kernel, iterations=reach)
    unsure: Mask = perhaps & (inner == 0) & (difference < np.float32(MOSTLY_SCENE) * beside)
    # |x - s| < share |o - s|, with s the scene's colour in the pixel and o the mean of the object's inside, near it
    side = 2 * reach + 3
    counts = _sums(inner, side)
    at = np.flatnonzero(unsure & (counts > 0))
    inside = _sums(np.asarray(cv2.bitwise_and(image, image, mask=inner), np.uint8), side)
    behind = scene.reshape(-1, 3)[at].astype(np.float32)
    colours = inside.reshape(-1, 3)[at] / counts.ravel()[at, None].astype(np.float32)
    only: Mask = np.zeros_like(unsure)
    squared = _squared(image.reshape(-1, 3)[at] - behind)
    only.ravel()[at] = squared < MOSTLY_SCENE**2 * _squared(colours - behind)
    return SoftRim(unsure, only)


def _squared(colours: NDArray[np.floating]) -> NDArray[np.floating]:
    """(N,) lengths of (N, 3), squared."""
    return np.asarray(np.einsum("ij,ij->i", colours, colours))


def _sums(image: NDArray[np.uint8], side: int) -> NDArray[Any]:
    """Sums over squares round each pixel; nothing is outside the picture. In small integers, a quarter of the time that floats take."""
    depth = cv2.CV_16U if side * side * 255 <= np.iinfo(np.uint16).max else cv2.CV_32S
    return np.asarray(cv2.boxFilter(image, depth, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT))
