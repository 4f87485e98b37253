"""Who owns which pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tracker.types.arrays import Labels, Mask, Verdicts, enlarged
from tracker.types.box import Box


@dataclass(frozen=True)
class Region:
    """One object as a segmenter sees it in one frame."""

    label: int
    """its pixels in `Segmentation.labels`, above 0"""
    box: Box
    area_px: float
    """visible pixels; 0 while it is hidden"""
    confidence: float = 1.0
    """in [0, 1]"""
    hidden: bool = False
    """behind something: the box is predicted, not seen"""
    entropy: float | None = None
    """mean entropy, in bits, of who owns its pixels; None where a method gives every pixel to one owner"""
    isolated: bool = True
    """it has its piece of foreground for itself, so that the box is measured rather than shared with others or predicted"""
    colours: NDArray[np.float32] | None = field(default=None, compare=False)
    """(3, 3) mean RGB in [0, 1] of its parts from top to bottom, where it is isolated and seen whole; NaN where too little shows"""


@dataclass(frozen=True)
class Segmentation:
    """Who owns which pixel in one frame. The baseline and the network return the same type."""

    labels: Labels
    """(h, w) int32 at the size at which the method worked, 0 = background; whoever made `regions` used these labels"""
    regions: tuple[Region, ...]
    """in pixels of the frame"""
    foreground: Mask
    """(h, w) bool: what is held to be object, before anyone asks whose"""
    frame_size: tuple[int, int] | None = None
    """(width, height) of the frame; None: that of the labels"""
    verdicts: Verdicts | None = None
    """(h, w) what the scene said of each pixel, where a method asks one"""
    learned: object = None
    """what the method has learned by this frame, for `SmoothedSegmenter.later_pass`; it does not change any more"""

    @classmethod
    def empty(cls, shape: Sequence[int], frame_size: tuple[int, int]) -> Segmentation:
        """One in which nothing is found, with labels of that shape (h, w, ...)."""
        labels = np.zeros(shape[:2], np.int32)
        return cls(labels, (), labels > 0, frame_size)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the frame."""
        return self.frame_size or (self.labels.shape[1], self.labels.shape[0])

    @cached_property
    def full_labels(self) -> Labels:
        """(H, W) `labels` at the frame's size."""
        return enlarged(self.labels, self.size)

    @cached_property
    def full_foreground(self) -> Mask:
        """(H, W) `foreground` at the frame's size."""
        return enlarged(self.foreground.view(np.uint8), self.size).view(np.bool_)


def same_size_foregrounds(segmentations: Sequence[Segmentation]) -> list[Mask]:
    """The foregrounds of one frame, at one size: that at which all methods worked, else the frame's."""
    if len({each.foreground.shape for each in segmentations}) == 1:
        return [each.foreground for each in segmentations]
    return [each.full_foreground for each in segmentations]
