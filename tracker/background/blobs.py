"""The baseline lane up to the linker: the mixture's foreground, cleaned, in connected pieces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat, PositiveInt

from tracker.background.mixture import FOREGROUND, Mixture, MixtureSettings
from tracker.timing import FrameTimer
from tracker.types import Box, Frame, Image, Labels, Mask, Region, Segmentation, Settings

GAP_S = 1.0
"""a longer interval between two frames may be a gap, which teaches no more than a usual one"""


class GmmSettings(Settings):
    """The baseline lane up to its blobs. Sizes are shares of the picture, so that they survive resizing."""

    mixture: MixtureSettings = MixtureSettings()
    working_width: PositiveInt | Literal["full"] = 640
    """pixels; wider frames are worked on at this width, narrower ones as they are; full: never resized"""
    speck_px: Annotated[int, Field(ge=1, le=7)] = 3
    """side of the median filter that removes specks, in working pixels, odd; 1: none"""
    close_height: NonNegativeFloat = 0.015
    """gaps up to this high are closed, in picture heights: a belt cuts an upright object across. Never sideways: that
    joins people who walk side by side, which costs more than it mends"""
    min_area: NonNegativeFloat = 0.0004
    """smallest blob, as a share of the picture"""
    flood: Annotated[float, Field(gt=0, le=1)] = 0.5
    """if more than this share of a frame is foreground the light has changed: no blobs, and it is learned at once"""


class GmmSegmenter:
    """Frame in, blobs out: connected foreground. Labels hold for one frame; a linker gives the identities."""

    def __init__(self, settings: GmmSettings):
        self.settings = settings
        self.mixture = Mixture(settings.mixture)
        self._timer = FrameTimer(GAP_S)

    def prepare(self, images: Sequence[Image]) -> None:
        """Learn the scene from pictures spread over the clip; with none, the mixture warms up on the first frames."""
        self.mixture.prepare([self._shrink(image) for image in images])

    def reset(self) -> None:
        """Forget the scene."""
        self.mixture.reset()
        self._timer.reset()

    def step(self, frame: Frame) -> Segmentation:
        """Blobs of one frame, largest first. Raises ShapeError if the frame's size changed since the first."""
        height, width = frame.image.shape[:2]
        image = self._shrink(frame.image)
        interval = self._timer.step(frame.time_s)
        foreground = self.mixture.step(image, dt_s=interval.dt_s) == FOREGROUND
        if foreground.mean() > self.settings.flood:
            self.mixture.adapt(image)
            foreground = np.zeros_like(foreground)
        labels, regions = self._blobs(self._clean(foreground), (width, height))
        if labels.shape != (height, width):
            labels = cv2.resize(labels.astype(np.float32), (width, height), interpolation=cv2.INTER_NEAREST).astype(
                np.int32
            )
        return Segmentation(labels, regions, persistent=False, foreground=labels > 0)

    def _shrink(self, image: Image) -> Image:
        height, width = image.shape[:2]
        wanted = self.settings.working_width
        if wanted == "full" or width <= wanted:
            return image
        size = (wanted, max(1, round(height * wanted / width)))
        return cv2.resize(image, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]

    def _clean(self, foreground: Mask) -> NDArray[np.uint8]:
        mask = foreground.astype(np.uint8)
        if self.settings.speck_px > 1:
            mask = cv2.medianBlur(mask, self.settings.speck_px).astype(np.uint8)
        kernel = np.ones((_odd(self.settings.close_height * mask.shape[0]), 1), np.uint8)
        return cv2.morphologyEx(mask, cv2.MORPH_CLOSE, kernel)  # type: ignore[return-value]

    def _blobs(self, mask: NDArray[np.uint8], size: tuple[int, int]) -> tuple[Labels, tuple[Region, ...]]:
        """Labels at working size, regions in pixels of a frame of `size` (width, height)."""
        count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        sx, sy = size[0] / mask.shape[1], size[1] / mask.shape[0]
        kept = [n for n in range(1, count) if stats[n, cv2.CC_STAT_AREA] >= self.settings.min_area * mask.size]
        kept.sort(key=lambda n: (-stats[n, cv2.CC_STAT_AREA], n))
        renamed = np.zeros(count, np.int32)
        regions = []
        for label, n in enumerate(kept, 1):
            renamed[n] = label
            x, y, w, h, area = stats[n].tolist()
            regions.append(Region(label, Box(x * sx, y * sy, (x + w) * sx, (y + h) * sy), area_px=area * sx * sy))
        return renamed[labels], tuple(regions)


def _odd(length: float) -> int:
    """The nearest odd number of pixels, at least 1: kernels have a middle."""
    return 2 * round((length - 1) / 2) + 1 if length > 1 else 1
