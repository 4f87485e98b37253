"""Arrays of pixels, and the widths at which pictures are looked at."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""(H, W, 3) uint8 RGB."""
Mask = NDArray[np.bool_]
"""(H, W) bool."""
Labels = NDArray[np.int32]
"""(H, W) int32, 0 = background."""
Verdicts = NDArray[np.uint8]
"""(H, W) uint8: BACKGROUND, RIM, UNSURE or FOREGROUND by pixel."""

BACKGROUND, UNSURE, FOREGROUND = 0, 127, 255
"""what a scene says of a pixel, in OpenCV's values; unsure is its shadow: the background's colour, darker"""
RIM = 126
"""unsure as well: beside an object, and more of the scene than of it, so that no object's mask has it"""

SMALL_PX = 640
"""width of the picture that is made of every wider frame: the usual one at which lanes work"""
TINY_PX = 160
"""width of the picture on which scene, light and camera are watched"""


def enlarged(values: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """An array (h, w) at `size` (width, height): each pixel has its nearest value."""
    if (values.shape[1], values.shape[0]) == size:
        return values
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_NEAREST))
