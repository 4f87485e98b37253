"""Connected pieces of what no slot explains."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.components import Components, components
from tracker.rigid.settings import Sharing
from tracker.rigid.slot import Array, Rectangle
from tracker.types import Mask

JOIN_PX = 5
"""side of the square with which gaps are closed, where light adds up"""
CHANNEL_ON = 0.5
"""light from which a channel counts in a colour; in worlds of coloured shapes a channel is on or off"""
CUT_FROM, CUT_TO = 3, 7
"""tenths of the longer side, between which a piece too large for one object is cut: either half may be an object"""


class Piece(NamedTuple):
    """Connected pixels."""

    box: Rectangle
    mask: Mask
    """(h, w) in the box"""


def find_pieces(unexplained: Mask, light: Array, *, share: Sharing, largest_px: int) -> tuple[list[Piece], bool]:
    """The pieces of `unexplained` (H, W), and whether any was cut in two since it is larger than `largest_px`.

    Where light adds up, gaps are closed. Where objects hide each other a piece is of one colour: two of different colours that touch
    may be two objects.
    """
    if share == "sum":
        numbers, boxes = _joined(unexplained)
        halved = _halve(numbers, boxes, largest_px)
    else:
        numbers, boxes = _by_colour(unexplained, light)
        halved = False
    pieces = []
    for n, (x, y, w, h) in enumerate(boxes, 1):
        pieces.append(Piece((x, y, w, h), numbers[y : y + h, x : x + w] == n))
    return pieces, halved


def area_px(mask: Mask, *, thin_px: int) -> int:
    """Pixels of a mask (h, w) without what of it is thinner than `thin_px`."""
    if thin_px <= 1:
        return int(mask.sum())
    framed = np.pad(mask.astype(np.uint8), thin_px)  # the filter's border would count as part of the mask
    return int(cv2.morphologyEx(framed, cv2.MORPH_OPEN, np.ones((thin_px, thin_px), np.uint8)).sum())


def touches(piece: Piece, covered: Mask) -> bool:
    """Whether a piece lies on or beside what is `covered` (H, W)."""
    x, y, w, h = piece.box
    near = cv2.dilate(covered.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return bool((near[y : y + h, x : x + w] & piece.mask).any())


def _joined(unexplained: Mask) -> tuple[NDArray[np.int32], list[Rectangle]]:
    """(H, W) numbers of the pieces with gaps closed, 0 in the gaps, and their boxes."""
    closed = cv2.morphologyEx(unexplained.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((JOIN_PX, JOIN_PX), np.uint8))
    found = components(np.asarray(closed, np.uint8))
    return (found.labels * unexplained).astype(np.int32, copy=False), _boxes(found)


def _by_colour(unexplained: Mask, light: Array) -> tuple[NDArray[np.int32], list[Rectangle]]:
    """(H, W) numbers of the pieces of one colour, and their boxes."""
    colours = (np.abs(light) > CHANNEL_ON).astype(np.uint8) @ np.array([1, 2, 4], np.uint8)
    numbers, boxes = np.zeros(unexplained.shape, np.int32), list[Rectangle]()
    for colour in np.unique(colours[unexplained]):
        of_colour = (unexplained & (colours == colour)).astype(np.uint8)
        found = components(of_colour)
        numbers = np.where(found.labels > 0, found.labels + len(boxes), numbers).astype(np.int32, copy=False)
        boxes += _boxes(found)
    return numbers, boxes


def _boxes(found: Components) -> list[Rectangle]:
    """The boxes of all pieces, without that of what is outside."""
    return [(x, y, w, h) for x, y, w, h in found.boxes[1:].tolist()]


def _halve(numbers: NDArray[np.int32], boxes: list[Rectangle], largest_px: int) -> bool:
    """Cut pieces too large for one object across their longer side where they are thinnest near the middle.

    Changes `numbers` and `boxes`; returns whether any was cut. The cut is rough; as the halves part, each loses what goes with the other.
    """
    whole = len(boxes)
    for n in range(1, whole + 1):
        x, y, w, h = boxes[n - 1]
        if max(w, h) <= largest_px:
            continue
        here = numbers[y : y + h, x : x + w]
        upright = w < h
        profile = (here == n).sum(axis=1 if upright else 0)
        middle = slice(len(profile) * CUT_FROM // 10, len(profile) * CUT_TO // 10 + 1)
        cut = middle.start + int(profile[middle].argmin())
        far = here[cut:] if upright else here[:, cut:]
        far[far == n] = len(boxes) + 1
        boxes[n - 1] = (x, y, w, cut) if upright else (x, y, cut, h)
        boxes.append((x, y + cut, w, h - cut) if upright else (x + cut, y, w - cut, h))
    return len(boxes) > whole
