"""The baseline lane up to the linker: the mixture's foreground, cleaned, in connected pieces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tracker.background.mixture import Mixture, MixtureSettings
from tracker.components import components
from tracker.resize import to_working_width
from tracker.timing import FrameTimer
from tracker.types import (
    FOREGROUND,
    SMALL_PX,
    USUAL_AREA,
    USUAL_GAP,
    Auto,
    AutoWorking,
    Box,
    Frame,
    Image,
    Labels,
    Mask,
    Region,
    Segmentation,
    Settings,
    Share,
    Working,
)

COVERED_SHARE = 0.5
"""share of foreground that hides most of the scene: what stands before it for two seconds must not be learned as scene"""

GAP_S = 1.0
"""a longer interval between two frames may be a gap, which teaches no more than a usual one"""


class BlobSettings(Settings):
    """From foreground to blobs. Sizes are shares of the picture, so that they survive resizing."""

    speck_px: Literal[1, 3, 5, 7] = 3
    """side of the median filter that removes specks, in working pixels; 1: none"""
    close_height: Share | Auto = "auto"
    """gaps up to this high are closed, in picture heights: a belt cuts an upright object across. Never sideways: that
    joins people who walk side by side, which costs more than it mends. auto: 0.015, or less where what moves is low"""
    min_area: Share | Auto = "auto"
    """smallest blob, as a share of the picture; auto: 0.0004, or less where what moves is smaller"""

    @property
    def closed_height(self) -> float:
        """`close_height`, where nothing was measured: the usual one for auto."""
        return USUAL_GAP if self.close_height == "auto" else self.close_height

    @property
    def least_area(self) -> float:
        """`min_area`, where nothing was measured: the usual one for auto."""
        return USUAL_AREA if self.min_area == "auto" else self.min_area


class GmmSettings(BlobSettings):
    """The baseline lane up to its blobs."""

    mixture: MixtureSettings = MixtureSettings()
    working_width: AutoWorking = "auto"
    """pixels; wider frames are worked on at this width, narrower ones as they are; full: never resized; auto: 640, or more where
    what moves is small"""
    flood: float = Field(0.03, gt=0, le=1)
    """if more than this share of a frame is foreground it may be the light: if the scene's edges are still there, it is learned at
    once. An object hides them"""

    @property
    def width(self) -> Working:
        """`working_width`, where nothing was measured: the usual one for auto."""
        return SMALL_PX if self.working_width == "auto" else self.working_width


class GmmSegmenter:
    """Frame in, blobs out: connected foreground. Labels hold for one frame; a linker gives the identities."""

    def __init__(self, settings: GmmSettings):
        self.settings = settings
        self.mixture = Mixture(settings.mixture)
        self._covered = False  # whether an object covered most of the frame before
        self._frozen = False
        self._timer = FrameTimer(GAP_S)

    def prepare(self, images: Sequence[Image]) -> None:
        """Learn the scene from pictures spread over the clip; with none, the mixture warms up on the first frames."""
        self.mixture.prepare([to_working_width(image, self.settings.width) for image in images])

    def freeze(self, frozen: bool) -> None:
        """While frozen, learn nothing; knn, which cannot judge without learning, goes on."""
        self._frozen = frozen

    def reset(self) -> None:
        """Forget the scene."""
        self.mixture.reset()
        self._covered = False
        self._timer.reset()

    def empty_scene(self) -> Image | None:
        """(h, w, 3) the present scene without objects; None as long as it is not known."""
        return self.mixture.empty_scene()

    def step(self, frame: Frame) -> Segmentation:
        """Blobs of one frame, largest first. Raises ShapeError if the frame's size changed since the first."""
        image = frame.picture.at(self.settings.width)
        if frame.scene is None:  # the time of blank pictures counts towards the next one's interval
            return Segmentation.empty(image.shape, frame.size)
        self.mixture.enter(frame.scene)
        foreground = self._judge(image, self._timer.step(frame.time_s).dt_s)
        labels, regions = find_blobs(foreground, frame.size, self.settings)
        return Segmentation(labels, regions, foreground=labels > 0, frame_size=frame.size)

    def _judge(self, image: Image, dt_s: float) -> Mask:
        """(H, W) the foreground of a frame, which is learned unless an object covers most of the scene."""
        judges = self.settings.mixture.method == "mog2"
        only_judged = judges and (self._covered or self._frozen)
        verdict = self.mixture.judge(image) if only_judged else self.mixture.step(image, dt_s=dt_s)
        foreground = np.asarray(verdict == FOREGROUND)
        self._covered = _share(foreground) > COVERED_SHARE
        solid = without_specks(foreground, self.settings)  # rain is everywhere, but the light is no streaks
        if self._frozen or _share(solid) <= self.settings.flood or not self.mixture.is_light(image, foreground):
            return foreground
        self.mixture.adapt(image)
        self._covered = False
        return np.asarray(self.mixture.judge(image) == FOREGROUND) if judges else np.zeros_like(foreground)


def find_blobs(foreground: Mask, size: tuple[int, int], settings: BlobSettings) -> tuple[Labels, tuple[Region, ...]]:
    """Connected foreground (h, w), cleaned, largest first: labels at that size, regions in pixels of a frame of `size` (width, height)."""
    mask = without_specks(foreground, settings)
    kernel = np.ones((_odd(settings.closed_height * mask.shape[0]), 1), np.uint8)
    mask = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, kernel), np.uint8)
    pieces = components(mask)
    sx, sy = size[0] / mask.shape[1], size[1] / mask.shape[0]
    large = np.flatnonzero(pieces.areas[1:] >= settings.least_area * mask.size) + 1
    kept = large[np.argsort(-pieces.areas[large], kind="stable")]
    renamed = np.zeros(len(pieces.areas), np.int32)
    renamed[kept] = np.arange(1, len(kept) + 1)
    regions = []
    for label, n in enumerate(kept.tolist(), 1):
        (x, y, w, h), area = pieces.boxes[n].tolist(), int(pieces.areas[n])
        regions.append(Region(label, Box(x, y, x + w, y + h).scaled(sx, sy), area_px=area * sx * sy))
    return renamed.take(pieces.labels), tuple(regions)  # in half of the time of an index


def without_specks(foreground: Mask, settings: BlobSettings) -> NDArray[np.uint8]:
    """(h, w) 0 or 1, the foreground without what the median filter removes."""
    mask = foreground.astype(np.uint8)
    return mask if settings.speck_px == 1 else np.asarray(cv2.medianBlur(mask, settings.speck_px), np.uint8)


def _share(mask: Mask | NDArray[np.uint8]) -> float:
    """Share of a mask that is not 0."""
    return cv2.countNonZero(mask.view(np.uint8)) / mask.size


def _odd(length: float) -> int:
    """The nearest odd number of pixels, at least 1: kernels have a middle."""
    return 2 * round((length - 1) / 2) + 1 if length > 1 else 1
