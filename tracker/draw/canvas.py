"""What is drawn on: RGB for screens and pictures, YUV for video."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.draw.colours import Colour
from tracker.draw.text import TextBox, Words, stamp, tag
from tracker.types import Image
from tracker.yuv import ColourSpace, Plane, Planes, YuvImage, to_yuv, yuv_of

Opacity = NDArray[np.uint8]
"""(h, w) uint8, 255 covers all"""


Span = tuple[int, int]
"""Pixels in x or y, half open, none below 0."""


class Canvas(ABC):
    """A copy of a picture, to be drawn on. Places and lengths are in pixels of the whole picture."""

    size: tuple[int, int]
    """(width, height)"""

    def fit(self, x0: int, y0: int, x1: int, y1: int) -> TextBox:
        """The rectangle inside the picture, widened to even rows and columns; without pixels if it lies outside."""
        width, height = self.size
        left, top = min(max(x0, 0), width) // 2 * 2, min(max(y0, 0), height) // 2 * 2
        right, bottom = min((max(x1, 0) + 1) // 2 * 2, width), min((max(y1, 0) + 1) // 2 * 2, height)
        return TextBox(left, top, max(left, right), max(top, bottom))  # also of a box that is inside out

    @abstractmethod
    def blend(self, corner: tuple[int, int], opacity: Opacity, colour: Colour) -> None:
        """Cover with a colour what lies from `corner` (x, y) on. The rectangle is one that `fit` gives, with pixels."""

    @abstractmethod
    def fill(self, x: Span, y: Span, colour: Colour) -> None:
        """Cover a rectangle; what lies outside the picture is left out."""

    @abstractmethod
    def write(self, words: Words, at: TextBox) -> None:
        """Put words there, on their filled rectangle; what lies beyond the place is cut off."""

    def rectangle(self, corners: TextBox, colour: Colour, line_px: int) -> None:
        """Its border, through its corner pixels, the last one included; lines that are not thin are as wide as OpenCV's."""
        reach = 0 if line_px == 1 else (line_px + 1) // 2
        left, top, right, bottom = [(max(0, at - reach), max(0, at + reach + 1)) for at in corners]
        for y in (top, bottom):
            self.fill((left[0], right[1]), y, colour)
        for x in (left, right):
            self.fill(x, (top[0], bottom[1]), colour)


class ImageCanvas(Canvas):
    """RGB."""

    def __init__(self, image: Image) -> None:
        self.image: Image = np.array(image, order="C")
        """as it is by now"""
        self.size = (image.shape[1], image.shape[0])

    def blend(self, corner: tuple[int, int], opacity: Opacity, colour: Colour) -> None:
        keep = cv2.bitwise_not(opacity)
        paint = [cv2.convertScaleAbs(opacity, None, value / 255) for value in colour]
        _cover(_part(self.image, corner, opacity), cv2.merge((keep, keep, keep)), cv2.merge(paint))

    def fill(self, x: Span, y: Span, colour: Colour) -> None:
        self.image[y[0] : y[1], x[0] : x[1]] = colour

    def write(self, words: Words, at: TextBox) -> None:
        stamp(self.image, tag(*words), at)


class YuvCanvas(Canvas):
    """YUV, in which each 2 x 2 pixels share one colour.

    What is blended there has the mean of the opacities, as if RGB were drawn on and then converted; but a filled rectangle
    has its whole colour in every such block that it touches, which keeps thin lines colourful, and pictures begin at an even
    row and column. What is not drawn on stays as it was, bit for bit.
    """

    def __init__(self, planes: Planes) -> None:
        self.yuv = YuvImage.of(planes)
        """as it is by now"""
        self.size = self.yuv.size
        self._y, self._u, self._v, self._space = self.yuv.planes

    def blend(self, corner: tuple[int, int], opacity: Opacity, colour: Colour) -> None:
        y, u, v = yuv_of(colour, self._space)
        _cover(_part(self._y, corner, opacity), cv2.bitwise_not(opacity), cv2.convertScaleAbs(opacity, None, y / 255))
        half = np.asarray(cv2.resize(opacity, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)
        corner, keep = (corner[0] // 2, corner[1] // 2), cv2.bitwise_not(half)
        _cover(_part(self._u, corner, half), keep, cv2.convertScaleAbs(half, None, u / 255))
        _cover(_part(self._v, corner, half), keep, cv2.convertScaleAbs(half, None, v / 255))

    def fill(self, x: Span, y: Span, colour: Colour) -> None:
        luma, u, v = yuv_of(colour, self._space)
        self._y[y[0] : y[1], x[0] : x[1]] = luma
        block = slice(y[0] // 2, (y[1] + 1) // 2), slice(x[0] // 2, (x[1] + 1) // 2)
        self._u[block] = u
        self._v[block] = v

    def write(self, words: Words, at: TextBox) -> None:
        what = _tag_planes(words, self._space)
        left, top = at.x0 // 2, at.y0 // 2
        right, bottom = left + (at.x1 - at.x0 + 1) // 2, top + (at.y1 - at.y0 + 1) // 2
        for plane, part, step in ((self._y, what.y, 2), (self._u, what.u, 1), (self._v, what.v, 1)):
            target = plane[top * step : bottom * step, left * step : right * step]
            target[:] = part[: target.shape[0], : target.shape[1]]


def _part(plane: Plane, corner: tuple[int, int], of_size: Opacity) -> Plane:
    (x, y), (height, width) = corner, of_size.shape
    return plane[y : y + height, x : x + width]


def _cover(pixels: NDArray[np.uint8], keep: Any, paint: Any) -> None:
    """p (1 - a) + c a in place, both terms rounded: where a is 0 or 1 it is p or c exactly."""
    cv2.add(cv2.multiply(pixels, keep, pixels, 1 / 255), paint, pixels)


@lru_cache(maxsize=512)
def _tag_planes(words: Words, space: ColourSpace) -> Planes:
    """Odd sides repeat their edge."""
    image = tag(*words)
    bottom, right = (side % 2 for side in image.shape[:2])
    if bottom or right:
        image = np.asarray(cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_REPLICATE), np.uint8)
    return to_yuv(image, space).planes
