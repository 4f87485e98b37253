"""Connected pieces of a mask."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.types import Labels, Mask


class Components(NamedTuple):
    """The 8-connected pieces of a mask, numbered row by row from 1; entry 0 is what is outside the mask."""

    labels: Labels
    """(H, W) int32"""
    boxes: NDArray[np.int32]
    """(N + 1, 4) x, y, width, height"""
    areas: NDArray[np.int32]
    """(N + 1,) pixels"""


def components(mask: Mask | NDArray[np.uint8]) -> Components:
    """The pieces of a mask (H, W): what is not 0."""
    # OpenCV's default takes three times as long for the same answer
    _, labels, stats, _ = cv2.connectedComponentsWithStatsWithAlgorithm(
        mask.view(np.uint8), 8, cv2.CV_32S, cv2.CCL_GRANA
    )
    table = np.asarray(stats, np.int32)
    return Components(np.asarray(labels, np.int32), table[:, :4], table[:, cv2.CC_STAT_AREA])
