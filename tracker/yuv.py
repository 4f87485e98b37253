"""Pictures as video stores them: brightness, and colour at half the size."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.types import Image

Plane = NDArray[np.uint8]

BT709_MATRIX = 1
"""of ITU-T H.273, for HD; every other matrix that is handled here has the weights of BT.601"""
LUMA_WEIGHTS = {True: (0.2126, 0.0722), False: (0.299, 0.114)}
"""of red and blue, in BT.709 or not"""


class ColourSpace(NamedTuple):
    """How Y, U and V stand for red, green and blue: code points of ITU-T H.273, which FFmpeg uses too.

    The one that a value made without arguments is: BT.601, limited range.
    """

    matrix: int = 6
    full_range: bool = False
    """Y is 0 to 255, not 16 to 235, and U and V 0 to 255, not 16 to 240"""
    primaries: int = 6
    transfer: int = 6


BT601 = ColourSpace()


class Planes(NamedTuple):
    """A picture whose three arrays may lie anywhere. W and H are even."""

    y: Plane
    """(H, W)"""
    u: Plane
    """(H / 2, W / 2)"""
    v: Plane
    """(H / 2, W / 2)"""
    space: ColourSpace = BT601

    @property
    def arrays(self) -> tuple[Plane, Plane, Plane]:
        return self.y, self.u, self.v


class YuvImage(NamedTuple):
    """A picture in one array, as an encoder takes it (yuv420p, I420). W and H are even."""

    rows: Plane
    """(3 H / 2, W): the rows of Y, then U's H / 2 rows of W / 2, then V's; nothing between them"""
    space: ColourSpace = BT601

    @classmethod
    def blank(cls, size: tuple[int, int], space: ColourSpace) -> YuvImage:
        """Of that size (width, height); its values are not set."""
        return cls(np.empty((size[1] * 3 // 2, size[0]), np.uint8), space)

    @classmethod
    def of(cls, planes: Planes) -> YuvImage:
        """A copy of the planes."""
        made = cls.blank((planes.y.shape[1], planes.y.shape[0]), planes.space)
        for target, plane in zip(made.planes.arrays, planes.arrays, strict=True):
            target[:] = plane
        return made

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        return self.rows.shape[1], self.rows.shape[0] * 2 // 3

    @property
    def planes(self) -> Planes:
        """Views of `rows`."""
        width, height = self.size
        colour = self.rows[height:].reshape(2, height // 2, width // 2)
        return Planes(self.rows[:height], colour[0], colour[1], self.space)


@lru_cache(maxsize=16)
def _matrix(space: ColourSpace) -> NDArray[np.float64]:
    """(3, 4): Y, U, V are this times (R, G, B, 1); the equations of BT.601 and BT.709."""
    red, blue = LUMA_WEIGHTS[space.matrix == BT709_MATRIX]
    y = np.array([red, 1 - red - blue, blue])
    u = (np.array([0, 0, 1]) - y) / (2 * (1 - blue))
    v = (np.array([1, 0, 0]) - y) / (2 * (1 - red))
    light, colour, black = (1.0, 1.0, 0) if space.full_range else (219 / 255, 224 / 255, 16)
    return np.column_stack([np.stack([light * y, colour * u, colour * v]), [black, 128, 128]])


@lru_cache(maxsize=16)
def _matrix_back(space: ColourSpace) -> NDArray[np.float64]:
    """(3, 4): R, G, B are this times (Y, U, V, 1)."""
    matrix = _matrix(space)
    back = np.linalg.inv(matrix[:, :3])
    return np.column_stack([back, -back @ matrix[:, 3]])


@lru_cache(maxsize=4096)
def yuv_of(colour: tuple[int, int, int], space: ColourSpace) -> tuple[int, int, int]:
    """(Y, U, V) of an RGB colour."""
    y, u, v = np.clip(np.rint(_matrix(space) @ [*colour, 1]), 0, 255).astype(int).tolist()
    return y, u, v


def to_yuv(image: Image, space: ColourSpace = BT601) -> YuvImage:
    """The picture (H, W, 3) of even sides. U and V are of the mean colour of 2 x 2 pixels.

    Meant for small pictures: of whole frames, FFmpeg's conversion takes less.
    """
    height, width = image.shape[:2]
    made, matrix = YuvImage.blank((width, height), space), _matrix(space)
    half = cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    for plane, source, row in zip(made.planes.arrays, (image, half, half), matrix, strict=True):
        cv2.transform(source, row[None], plane)
    return made


def to_rgb(picture: YuvImage) -> Image:
    """(H, W, 3)."""
    y, u, v, space = picture.planes
    u, v = (np.asarray(cv2.resize(plane, picture.size, interpolation=cv2.INTER_LINEAR), np.uint8) for plane in (u, v))
    return _rgb(y, u, v, space)


def thinned_rgb(planes: Planes, step: int) -> Image:
    """(h, w, 3) one pixel of every step x step."""
    height, width = planes.y.shape
    rows, columns = np.arange(0, height, step) // 2, np.arange(0, width, step) // 2
    # in a sixth of the time of one index by both
    u, v = (plane.take(rows, axis=0).take(columns, axis=1) for plane in (planes.u, planes.v))
    return _rgb(planes.y[::step, ::step], u, v, planes.space)


def _rgb(y: Plane, u: Plane, v: Plane, space: ColourSpace) -> Image:
    """(H, W, 3) of three planes of one size."""
    return np.asarray(cv2.transform(cv2.merge([y, u, v]), _matrix_back(space)), np.uint8)
