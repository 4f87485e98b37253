"""What moves in a clip, measured in pictures spread over it: how large it is, and whether it is only darker than the ground.

A moving piece is connected and differs from the median of the pictures. Nothing here decides about a frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.channels import largest_channel
from tracker.components import components
from tracker.ranks import ranked
from tracker.types import Image, Mask

Array = NDArray[np.float32]

MOST_PICTURES = 40
"""pictures measured, evenly chosen: dozens of moving things are seen in so many"""
FEWEST_PICTURES = 5
"""a median of fewer is a picture with whoever stands in it"""
FEWEST_PIECES = 10
"""moving pieces in all pictures together below which nothing is said of them"""
DIFFERS, DIFFERS_SIGMAS = 12, 5.0
"""a pixel differs from the median by more than so many grey levels, and more than so many of its robust standard deviations"""
SIGMAS = 1.4826
"""standard deviations of a normal variable in its median absolute difference from the median"""
LEAST_PX = 6
"""pixels of a piece: fewer are noise"""
LIGHT_SHARE = 0.3
"""share of a picture that differs, above which it is in another light and not measured"""
MOST_PIECES = 100
"""of a picture that are measured, the largest: water and leaves have thousands"""
RIM_PX = 2
"""pixels round a piece with which it is compared"""
DIMMED_SHARE = 0.9
"""of a piece's pixels that are only darker than the ground, from which the piece is"""
DARKEST = np.float32(8)
"""grey levels added to both sides of a ratio of colours: in the dark it is all noise"""
SAME_TINT = 0.25
"""largest difference between the ratios of the three colours, of a pixel that is only darker"""


@dataclass(frozen=True)
class Measured:
    """What moves in a clip; lengths in pixels of pictures `size` (width, height)."""

    size: tuple[int, int]
    pieces: float
    """moving pieces in a picture, mean"""
    area_px: float
    """of the piece that a moving pixel belongs to, median over the pixels: specks and fragments count for little"""
    small_px: float
    """the same, 10th percentile: of the smallest that are no specks"""
    height_px: float
    """height of that piece, median over the pixels"""
    dimmed: float
    """share of the pieces, by count, that are in the ground's colour and darker, in nearly all of their pixels"""
    noise: float
    """grey levels, standard deviation of a pixel over the pictures where nothing moves"""

    @property
    def side_px(self) -> float:
        """Root of the area."""
        return float(self.area_px**0.5)

    @property
    def share(self) -> float:
        """The area as a share of the picture."""
        return self.area_px / (self.size[0] * self.size[1])


class _Piece(NamedTuple):
    area_px: float
    height_px: float
    is_dimmed: bool


def measure(images: Sequence[Image]) -> Measured | None:
    """What moves in pictures (H, W, 3) of one size and scene; None where they are too few or too little moves."""
    chosen = images[:: max(1, -(-len(images) // MOST_PICTURES))]
    if len(chosen) < FEWEST_PICTURES:
        return None
    stack = np.stack(chosen)
    ground = np.asarray(ranked(stack, len(stack) // 2), np.uint8)  # (H, W, 3)
    away = np.stack([largest_channel(np.asarray(cv2.absdiff(image, ground), np.uint8)) for image in chosen])
    spread = ranked(away, len(away) // 2)
    threshold = np.clip(DIFFERS_SIGMAS * SIGMAS * spread.astype(np.float32), DIFFERS, 255).astype(np.uint8)
    found = [
        piece
        for image, differs in zip(chosen, away > threshold, strict=True)
        for piece in _pieces(image, ground, differs)
    ]
    if len(found) < FEWEST_PIECES:
        return None
    areas, heights = (np.array([getattr(piece, name) for piece in found]) for name in ("area_px", "height_px"))
    return Measured(
        size=(ground.shape[1], ground.shape[0]),
        pieces=len(found) / len(chosen),
        area_px=_quantile(areas, areas, 0.5),
        small_px=_quantile(areas, areas, 0.1),
        height_px=_quantile(heights, areas, 0.5),
        dimmed=float(np.mean([piece.is_dimmed for piece in found])),
        noise=SIGMAS * float(np.median(spread)),
    )


def _pieces(image: Image, ground: Image, differs: Mask) -> Iterator[_Piece]:
    """The connected pieces of a picture that differ from the ground and stand out in the picture itself."""
    if differs.mean() > LIGHT_SHARE:
        return
    pieces = components(differs)
    largest = np.argsort(-pieces.areas[1:], kind="stable")[:MOST_PIECES] + 1
    for n in largest[pieces.areas[largest] >= LEAST_PX].tolist():
        x, y, w, h = pieces.boxes[n].tolist()
        window = np.s_[max(0, y - RIM_PX) : y + h + RIM_PX, max(0, x - RIM_PX) : x + w + RIM_PX]
        here: Mask = pieces.labels[window] == n
        side = 2 * RIM_PX + 1
        rim = (cv2.dilate(here.view(np.uint8), np.ones((side, side), np.uint8)) > 0) & ~differs[window]
        if _contrast(image[window], here, rim) < _contrast(ground[window], here, rim):
            continue  # the edge is the ground's: something stood here, and has left
        yield _Piece(float(pieces.areas[n]), float(h), _is_dimmed(image[window][here], ground[window][here]))


def _contrast(image: Image, here: Mask, rim: Mask) -> float:
    """Grey levels between the mean colours of a piece and of its rim, of the channel that differs most; 0 without a rim."""
    if not rim.any():
        return 0.0
    return float(np.abs(image[here].mean(axis=0) - image[rim].mean(axis=0)).max())


def _is_dimmed(colours: Image, ground: Image) -> bool:
    """Whether nearly all pixels (N, 3) have the ground's colour, and are darker."""
    ratio = (colours + DARKEST) / (ground + DARKEST)
    brightest = ratio.max(axis=1)
    return bool(np.mean((brightest < 1) & (brightest - ratio.min(axis=1) < SAME_TINT)) > DIMMED_SHARE)


def _quantile(values: NDArray[np.float64], weights: NDArray[np.float64], share: float) -> float:
    """The value at or below which `share` of the weights lie."""
    order = np.argsort(values, kind="stable")
    summed = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(summed, share * summed[-1])])
