"""Pictures by their colour channels."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.types import Image


def largest_channel(image: Image) -> NDArray[np.uint8]:
    """(H, W) the largest of each pixel's three channels."""
    # OpenCV on whole pictures: numpy's loops over a last axis of three take several times as long
    red, green, blue = cv2.split(image)
    return np.asarray(cv2.max(cv2.max(red, green), blue), np.uint8)
