"""Where an object ends, as sharp as the frame: the network sees a smaller picture, and its outline is a pixel or two too wide."""

from __future__ import annotations

import cv2
import numpy as np

from tracker.channels import largest_channel
from tracker.types import Image, Mask

MOSTLY_SCENE = 0.4
"""share of the difference beside it below which a pixel is scene: half on a blurred edge, less as an object's own contrast varies"""


def soft_rim(image: Image, expected: Image, perhaps: Mask) -> Mask:
    """(H, W) bool: pixels at the rim of what may be objects, `perhaps` (H, W), that show more of the scene than of the object.

    image     (H, W, 3)
    expected  (h, w, 3), smaller: the empty scene in the picture's light, as the network is shown it
    """
    height, width = perhaps.shape
    reach = int(np.ceil(max(height / expected.shape[0], width / expected.shape[1])))
    kernel = np.ones((3, 3), np.uint8)
    inner = cv2.erode(perhaps.view(np.uint8), kernel, iterations=reach, borderValue=1)
    rim = perhaps & (inner == 0)
    if not rim.any():
        return rim
    scene = cv2.resize(expected, (width, height), interpolation=cv2.INTER_LINEAR)
    difference = largest_channel(np.asarray(cv2.absdiff(image, scene), np.uint8))
    beside = cv2.dilate(difference, kernel, iterations=reach)
    return np.asarray(rim & (difference < np.float32(MOSTLY_SCENE) * beside))
