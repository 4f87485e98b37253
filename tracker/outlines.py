"""The outline of a place tells an object from the empty scene: an object has an edge there, and the scene goes on across it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.types import Image, Mask

ACROSS = 2
"""pixels from the outline to both sides at which its step is measured: a sharp edge is as wide"""
OUTLINE_PX, PIXEL_PX = 1.5, 0.7
"""sigmas by which the outline is smoothed before its direction is taken, and a picture before its steps are"""
CLEARER = 0.6
"""the scene's step across the outline is below this share of the object's"""
LEAST_AREA = 16
"""pixels of a place: a smaller one has too little of an outline to tell"""
MARGIN = 8
"""pixels around a place that are looked at"""
SAME_INSIDE = 0.5
"""correlation of the gradients inside a place from which two looks of it are one in two lights"""


def is_empty(look: Image, usual: Image, place: Mask) -> bool | None:
    """Whether `look` goes on across the outline of the place and `usual` does not; None if it is the light that makes them differ."""
    if likeness_inside(look, usual, place) >= SAME_INSIDE:
        return None
    steps, usual_steps = step_across(look, place), step_across(usual, place)
    if steps < CLEARER * usual_steps:
        return True
    return False if usual_steps < CLEARER * steps else None


def step_across(image: Image, place: Mask) -> float:
    """Mean grey levels by which a picture (H, W, 3) changes across the outline of a place; 0 if that has none in the picture."""
    inside = place.astype(np.uint8)
    rim = place & (cv2.erode(inside, np.ones((3, 3), np.uint8), borderValue=1) == 0)
    if not rim.any():
        return 0.0
    distances = (cv2.distanceTransform(side, cv2.DIST_L2, 5) for side in (inside, 1 - inside))
    depth = cv2.GaussianBlur(np.subtract(*distances), (0, 0), OUTLINE_PX)
    inward = np.stack([np.asarray(cv2.Sobel(depth, cv2.CV_32F, *order))[rim] for order in ((0, 1), (1, 0))])
    inward *= ACROSS / (np.hypot(*inward) + np.float32(1e-6))
    at = np.stack(np.nonzero(rim))
    ends = [np.rint(at + sign * inward).astype(np.intp) for sign in (1, -1)]
    last = np.array(place.shape)[:, None] - 1
    there = np.logical_and(*(((end >= 0) & (end <= last)).all(axis=0) for end in ends))
    if not there.any():
        return 0.0
    smooth = cv2.GaussianBlur(image, (0, 0), PIXEL_PX).astype(np.int16)
    inner, outer = (smooth[tuple(end[:, there])] for end in ends)
    return float(np.abs(inner - outer).max(axis=1).mean())


def likeness_inside(look: Image, usual: Image, place: Mask) -> float:
    """Correlation in [-1, 1] of the gradients of two pictures (H, W, 3) inside a place: a light scales them, an object has its own."""
    inner = cv2.erode(place.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    one, other = (_gradients(image)[:, inner] for image in (look, usual))
    energy = float((one**2).sum() * (other**2).sum())
    return float((one * other).sum()) / energy**0.5 if energy > 0 else 0.0


def _gradients(image: Image) -> NDArray[np.float32]:
    """(2, H, W) of the grey levels."""
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), PIXEL_PX)
    return np.stack([np.asarray(cv2.Sobel(grey, cv2.CV_32F, *order), np.float32) for order in ((1, 0), (0, 1))])


def is_empty_in(look: Image, usual: Image, place: Mask) -> bool:
    """Whether `is_empty` is sure of it, of whole pictures (H, W, 3), by the place's window alone."""
    if np.count_nonzero(place) < LEAST_AREA:
        return False
    x, y, w, h = cv2.boundingRect(place.view(np.uint8))
    window = np.s_[max(0, y - MARGIN) : y + h + MARGIN, max(0, x - MARGIN) : x + w + MARGIN]
    return is_empty(look[window], usual[window], place[window]) is True
