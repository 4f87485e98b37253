"""A camera that shakes: its picture shifts and its zoom flutters, and everything is drawn where it sees it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
"""(H, W, 3) float32 in 0..255"""

KEPT = 0.6
"""share of a frame's shake that is still in the next: a mast swings, it does not jump"""


@dataclass(frozen=True)
class CameraView:
    """Where a camera sees things in one frame: zoomed about the picture's middle, then shifted."""

    zoom: float
    shift: NDArray[np.float64]
    """(x, y), pixels"""
    middle: NDArray[np.float64]
    """(x, y) of the picture's middle"""

    def places(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where the picture shows these places (..., 2)."""
        return (xy - self.middle) * self.zoom + self.middle + self.shift

    def picture(self, still: Picture) -> Picture:
        """The picture of a scene without anybody in it."""
        size = (still.shape[1], still.shape[0])
        # a pixel's middle is half a pixel from the corner from which places are counted
        offset = self.places(np.full(2, 0.5)) - 0.5
        to = np.array([[self.zoom, 0, offset[0]], [0, self.zoom, offset[1]]])
        return np.asarray(cv2.warpAffine(still, to, size, borderMode=cv2.BORDER_REFLECT), np.float32)


class ShakingCamera:
    """Shift and zoom of a camera, frame after frame."""

    def __init__(self, size: tuple[int, int], *, shift_px: float, zoom: float) -> None:
        """size (width, height); standard deviations of the shift along each axis in pixels, and of the zoom as a share."""
        self._spread = np.array([shift_px, shift_px, zoom])
        self._middle = np.array(size) / 2
        self._state: NDArray[np.float64] | None = None

    def next_view(self, rng: np.random.Generator) -> CameraView:
        """One frame on."""
        fresh = rng.normal(0, 1, 3)
        self._state = fresh if self._state is None else KEPT * self._state + (1 - KEPT**2) ** 0.5 * fresh
        dx, dy, zoom = self._state * self._spread
        return CameraView(1 + float(zoom), np.array([dx, dy]), self._middle)
