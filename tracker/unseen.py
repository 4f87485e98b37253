"""The ground where it is never seen: somebody who moves in one place from a clip's first picture to its last stands before it.

No look of such a place is usual: a median shows a blur of all that was there. The ground is painted from what is around the place.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.channels import largest_channel
from tracker.components import components
from tracker.types import Image

FEWEST_PICTURES, MOST_PICTURES = 20, 40
"""below so many nothing is said, since in a few nothing is usual; more, of which some are left out, only take longer"""
SIDE_PX = 120
"""longer side of the pictures in which the place is looked for: of its outline no more is needed"""
ALIKE = 12
"""grey levels up to which a pixel has its usual look, in every channel"""
USUAL = 0.4
"""share of the pictures in which a pixel has its usual look, below which it has none: of two looks one has half of them"""
LOOKS = 9
"""pictures, evenly chosen, that are tried as the usual look: of one that USUAL of the pictures show, 99 % of pixels are among so many"""
SPECK_PX = 3
"""side of the median filter that removes specks from such pixels"""
LEAST, MOST = 0.03, 0.3
"""shares of the picture: of less, the most crowded part of a road has none; of more, water and trees have none"""
ONE = 0.5
"""share of all pixels without a usual look that must be of one place: waves and leaves have many places"""
SOFT_PX = 3
"""pixels by which the place is widened: rims are seldom without a usual look"""
PAINTED_FROM_PX = 3
"""pixels around a point from which it is painted"""
NOISE = 3
"""grey levels to both sides by which painted pixels vary, as those of a camera do"""


def without_dwellers(images: Sequence[Image]) -> list[Image]:
    """The pictures (H, W, 3), with ground painted where one large place has no usual look; the same ones where there is none."""
    if len(images) < FEWEST_PICTURES:
        return list(images)
    ground, usual = _usual(images[:: -(-len(images) // MOST_PICTURES)])
    place = _place(usual)
    if place is None:
        return list(images)
    painted = np.asarray(cv2.inpaint(ground, place, PAINTED_FROM_PX, cv2.INPAINT_TELEA), np.uint8)
    height, width = images[0].shape[:2]
    whole = cv2.resize(place, (width, height), interpolation=cv2.INTER_NEAREST) > 0
    look = cv2.resize(painted, (width, height), interpolation=cv2.INTER_LINEAR)[whole].astype(np.int16)
    rng, cleared = np.random.default_rng(0), [image.copy() for image in images]
    for image in cleared:
        noise = rng.integers(-NOISE, NOISE + 1, (len(look), 1), np.int16)
        image[whole] = np.clip(look + noise, 0, 255).astype(np.uint8)
    return cleared


def _usual(images: Sequence[Image]) -> tuple[Image, NDArray[np.float64]]:
    """(h, w, 3) the usual look of small pictures, and (h, w) the share of them that show it."""
    height, width = images[0].shape[:2]
    scale = min(1.0, SIDE_PX / max(height, width))
    size = max(1, round(scale * width)), max(1, round(scale * height))
    small = [np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8) for image in images]
    # no median: where a place has two looks it is neither
    looks = [small[k] for k in np.linspace(0, len(small) - 1, LOOKS).round().astype(int)]
    shares = np.stack([_share(small, look) for look in looks])
    best = shares.argmax(axis=0)[None]
    ground = np.take_along_axis(np.stack(looks), best[..., None], axis=0)[0]
    return ground, np.take_along_axis(shares, best, axis=0)[0]


def _share(pictures: Sequence[Image], look: Image) -> NDArray[np.float64]:
    """(h, w) share of the pictures (h, w, 3) in which a pixel is as in that look."""
    count = np.zeros(look.shape[:2], np.uint16)
    for picture in pictures:
        count += largest_channel(np.asarray(cv2.absdiff(picture, look), np.uint8)) <= ALIKE
    return np.asarray(count / len(pictures))


def _place(usual: NDArray[np.float64]) -> NDArray[np.uint8] | None:
    """(h, w) 1 in the one large place without a usual look, its holes and its rim; None where there is none.

    It does not touch the picture's border, beyond which nothing is known, and water and trees go on.
    """
    found = components(np.asarray(cv2.medianBlur((usual < USUAL).astype(np.uint8), SPECK_PX), np.uint8))
    areas = np.where(np.arange(len(found.areas)) > 0, found.areas, 0)
    largest = int(areas.argmax())
    if not max(LEAST * usual.size, ONE * areas.sum()) <= areas[largest] <= MOST * usual.size:
        return None
    piece = (found.labels == largest).astype(np.uint8)
    if piece[[0, -1]].any() or piece[:, [0, -1]].any():
        return None
    outlines, _ = cv2.findContours(piece, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = cv2.drawContours(piece, outlines, -1, 1, cv2.FILLED)
    return np.asarray(cv2.dilate(filled, np.ones((2 * SOFT_PX + 1, 2 * SOFT_PX + 1), np.uint8)), np.uint8)
