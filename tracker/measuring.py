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
from tracker.ranks import Samples, count_true, ranked
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
BODY = 0.75
"""quantile of a piece's differences from the ground that is its body's: its rim is softer"""
ONE_SIDED = 0.9
"""share of a piece's pixels that are only darker, or lighter, than the ground, from which the piece is"""
DARKEST = np.float32(8)
"""grey levels added to both sides of a ratio of colours: in the dark it is all noise"""
SAME_TINT = 0.25
"""largest difference between the ratios of the three colours, of a pixel that is only darker"""


ALL = 0.95
"""share of the pieces on one side of the ground, from which all that moves is"""
ALIKE = 0.25
"""`small_px` as a share of `area_px`, from which all that moves is of one size: noise, water and bodies with their shadows
fall into pieces of all sizes"""
THINNEST = 10.0
"""square of its height by its area, from which what moves is streaks of rain: of an upright body it is 5, of a fish that swims up 4"""
OFTEN_GROUND = 0.05
"""share of the pictures in which the ground must be seen at a place, where all that moves is darker, or all lighter"""
CLEARED, CLEARED_SIGMAS = 16, 4.0
"""grey levels, and standard deviations of the noise, from which a pixel on that side of the ground shows what moves"""
BAND_ROWS = 32
"""rows worked on at once, for the processor's cache and the memory"""


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
    lit: float
    """the same of those that are lighter, in every colour"""
    contrast: float
    """grey levels between the body of a piece and the ground, median"""
    noise: float
    """grey levels, standard deviation of a pixel over the pictures where nothing moves"""

    @property
    def alike(self) -> bool:
        """Whether what moves is of about one size, and no rain."""
        return self.small_px >= ALIKE * self.area_px and self.height_px**2 < THINNEST * self.area_px

    @property
    def all_dark(self) -> bool:
        """Whether all that moves is of one size and only darker than the ground: then nothing is there to cast it as a shadow."""
        return self.dimmed >= ALL and self.alike

    @property
    def all_light(self) -> bool:
        """Whether all that moves is of one size and lighter than the ground."""
        return self.lit >= ALL and self.alike

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
    is_lit: bool
    contrast: float


def measure(images: Sequence[Image]) -> Measured | None:
    """What moves in pictures (H, W, 3) of one size and scene; None where they are too few or too little moves."""
    chosen = images[:: max(1, -(-len(images) // MOST_PICTURES))]
    if len(chosen) < FEWEST_PICTURES:
        return None
    stack = np.stack(chosen)
    ground = _median(stack)  # (H, W, 3)
    away = np.stack([largest_channel(np.asarray(cv2.absdiff(image, ground), np.uint8)) for image in chosen])
    spread = _median(away)
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
        contrast=float(np.median([piece.contrast for piece in found])),
        lit=float(np.mean([piece.is_lit for piece in found])),
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
        colours, behind = image[window][here], ground[window][here]  # (P, 3)
        away = largest_channel(np.asarray(cv2.absdiff(colours, behind), np.uint8)[None])[0]
        yield _Piece(float(pieces.areas[n]), float(h), *_sides(colours, behind), _body(away))


def _contrast(image: Image, here: Mask, rim: Mask) -> float:
    """Grey levels between the mean colours of a piece and of its rim, of the channel that differs most; 0 without a rim."""
    if not rim.any():
        return 0.0
    # OpenCV's means: numpy's loops over a last axis of three take several times as long
    inside, outside = (np.array(cv2.mean(image, each.view(np.uint8))[:3]) for each in (here, rim))
    return float(np.abs(inside - outside).max())


def _body(away: NDArray[np.uint8]) -> float:
    """The quantile BODY of a piece's differences (P,), between two of them where it lies there."""
    place = BODY * (len(away) - 1)
    low = int(place)
    near = np.partition(away, [low, min(low + 1, len(away) - 1)]).astype(np.float64)
    return float(near[low] + (near[min(low + 1, len(away) - 1)] - near[low]) * (place - low))


def _median(samples: Samples) -> Samples:
    """(H, W, ...) of pictures (N, H, W, ...), the upper of the two middle ones; by bands of rows, which stay in the processor's cache."""
    found = np.empty(samples.shape[1:], np.uint8)
    for y in range(0, samples.shape[1], BAND_ROWS):
        band = np.ascontiguousarray(samples[:, y : y + BAND_ROWS])
        found[y : y + BAND_ROWS] = ranked(band, len(band) // 2)
    return found


def _sides(colours: Image, ground: Image) -> tuple[bool, bool]:
    """Whether nearly all pixels (N, 3) have the ground's colour and are darker, and whether nearly all are lighter."""
    red, green, blue = np.ascontiguousarray(((colours + DARKEST) / (ground + DARKEST)).T)
    brightest, darkest = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    dimmed = (brightest < 1) & (brightest - darkest < SAME_TINT)
    lit = darkest > 1  # in every colour: one in which a pale thing is darker would be taken for the ground's
    return bool(dimmed.mean() > ONE_SIDED), bool(lit.mean() > ONE_SIDED)


def _quantile(values: NDArray[np.float64], weights: NDArray[np.float64], share: float) -> float:
    """The value at or below which `share` of the weights lie."""
    order = np.argsort(values, kind="stable")
    summed = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(summed, share * summed[-1])])


def without_movers(images: Sequence[Image], measured: Measured | None) -> list[Image]:
    """The pictures (H, W, 3), where all that moves is on one side of the ground, with the ground painted over it.

    A median shows what stands in one place for half of the clip. Where the side is known the ground is what is palest, or darkest, and
    is right where it is seen now and then.
    """
    if measured is None or not (measured.all_dark or measured.all_light):
        return list(images)
    stack, most = np.stack(images), len(images) - 1
    rank = round((1 - OFTEN_GROUND if measured.all_dark else OFTEN_GROUND) * most)
    least = max(CLEARED, round(CLEARED_SIGMAS * measured.noise))
    for y in range(0, stack.shape[1], BAND_ROWS):
        band = np.ascontiguousarray(stack[:, y : y + BAND_ROWS])  # (N, rows, W, 3)
        palest = ranked(band, rank)
        away = (palest - np.minimum(band, palest)) if measured.all_dark else (np.maximum(band, palest) - palest)
        moves = largest_channel((away > least).view(np.uint8).reshape(-1, *band.shape[2:])).reshape(band.shape[:3]) > 0
        pixels = np.flatnonzero(moves.any(axis=0) & ~moves.all(axis=0))
        samples = band.reshape(len(band), -1, 3).take(pixels, axis=1)  # (N, P, 3)
        shown = ~moves.reshape(len(band), -1).take(pixels, axis=1)  # (N, P)
        counted = np.repeat(shown[..., None], 3, axis=2)
        ground = ranked(samples, (count_true(shown) // 2)[:, None], counted)  # (P, 3)
        band.reshape(len(band), -1, 3)[:, pixels] = np.where(counted, samples, ground)
        stack[:, y : y + BAND_ROWS] = band
    return list(stack)
