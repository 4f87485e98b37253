"""Who passes a far larger object, in one blob with it, from its arrival to its departure.

The outline of the blob is the larger one's, so that its place is measured; the smaller one has none. It is where the colours that it
had before differ least from the picture's, and nothing is learned of it: what is near it is the other's.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.slots.slot import Geometry, Slot
from tracker.slots.state import PAD
from tracker.types import Box, Image, Labels, Mask

Array = NDArray[np.float32]

# Who is large
SMALL = 0.25
"""share of a slot's area below which another one in its blob is small beside it"""
MISFIT = 0.12
"""logarithm of the ratio of sides, seen and known, up to which the pixels of a large slot among small ones show all of it"""
SMOOTHED_PX = 5
"""side of the median filter that takes single pixels from what a slot has of a blob"""

# Where a small one is
REACH = 0.15
"""sizes to each side of where it is expected within which it is looked for"""
LEAST_REACH_PX = 2
"""the same in pixels, at least"""
OBJECT = 0.5
"""mask probability of a pixel that is compared"""


def find_large(here: Sequence[int], slots: Sequence[Slot]) -> int | None:
    """Of the slots `here` in one blob, the one that is far larger than each of the others; None where there is none, or it is not known."""
    large, *small = sorted(here, key=lambda k: -slots[k].area_px)
    most = SMALL * slots[large].area_px
    alone = all(slots[k].area_px <= most for k in small)
    return large if alone and slots[large].geometry.complete else None


def box_of_large(large: int, small: Sequence[int], pixels: Mask, owners: Labels, geometry: Geometry) -> Box | None:
    """The box of a large slot, in a window round its blob; None where it is not as large as it is known to be.

    pixels  (h, w) of the blob; owners  (h, w) `Responsibilities.labels` there
    """
    # what no slot explains may be its, or the trace of a small one
    own, rest = owners == large + 1, pixels & ~np.isin(owners, [k + 1 for k in small])
    box = min((box_of(part) for part in (own, rest)), key=lambda box: _misfit(box, geometry.size))
    return box if _misfit(box, geometry.size) <= MISFIT else None


def smoothed(mask: Mask) -> NDArray[np.uint8]:
    """A mask (h, w) without single pixels."""
    return np.asarray(cv2.medianBlur(mask.astype(np.uint8), SMOOTHED_PX), np.uint8)


def box_of(mask: Mask) -> Box:
    """The box round a mask (h, w), without single pixels."""
    x, y, width, height = cv2.boundingRect(smoothed(mask))
    return Box(float(x), float(y), float(x + width), float(y + height))


def _misfit(box: Box, size: tuple[float, float]) -> float:
    """How far a box is from that size (width, height): the larger logarithm of the ratios of their sides."""
    return max(
        abs(log(max(1.0, side) / max(1.0, known))) for side, known in zip((box.width, box.height), size, strict=True)
    )


def find_place(image: Image, psi: Array, pose: Array) -> tuple[float, float]:
    """The middle (x, y) of the window in which a slot's colours differ least from the picture's: least squares over its mask.

    image  (H, W, 3); psi  (P, P, 4) its colour and mask; pose  (4,) where it is expected: centre x, y, width, height
    """
    width, height = (max(2, round(float(side) * PAD)) for side in pose[2:])
    laid = cv2.resize(psi, (width, height), interpolation=cv2.INTER_LINEAR)
    mask = (laid[..., 3] > OBJECT).astype(np.float32)
    x, y = float(pose[0]), float(pose[1])
    if not mask.any():
        return x, y
    reach = max(LEAST_REACH_PX, ceil(REACH * float(max(pose[2:]))))
    left, top = round(x - width / 2) - reach, round(y - height / 2) - reach
    around = _cut(image, left, top, width + 2 * reach, height + 2 * reach).astype(np.float32) / 255
    errors = cv2.matchTemplate(around, np.ascontiguousarray(laid[..., :3]), cv2.TM_SQDIFF, mask=cv2.merge([mask] * 3))
    row, column = np.unravel_index(int(errors.argmin()), errors.shape)
    return x + float(column) - reach, y + float(row) - reach


def _cut(image: Image, left: int, top: int, width: int, height: int) -> Image:
    """(height, width, 3) a part of the picture, its border repeated outside."""
    rows = np.clip(np.arange(top, top + height), 0, image.shape[0] - 1)
    columns = np.clip(np.arange(left, left + width), 0, image.shape[1] - 1)
    return image[np.ix_(rows, columns)]
