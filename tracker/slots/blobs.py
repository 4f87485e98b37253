"""Connected foreground and the slots in it: what a lone slot adopts, and what is left over for births.

The E-step knows pixels, not bodies: legs that a slot has not yet learned are unexplained although they hang on its trunk. So a blob
of foreground that one slot alone stands in is that slot's; only what no slot stands in, or too large a leftover, is born anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.slots.life import Birth, Life
from tracker.slots.observe import Shares
from tracker.slots.settings import LifeSettings
from tracker.types import Box, Mask

Array = NDArray[np.float32]

ADOPTED = np.float32(0.9)
"""gamma of an adopted pixel: nearly certain"""
HELD_SLOT, HELD_BLOB = 0.3, 0.1
"""a slot stands in a blob where this share of its own pixels, or of the blob's, is its"""


@dataclass(frozen=True)
class Blobs:
    """Connected foreground, gaps closed."""

    labels: NDArray[np.int32]
    """(H, W) 0 outside, else the number of the blob"""
    foreground: Mask
    """(H, W) the pixels judged foreground, specks removed, before closing"""
    boxes: NDArray[np.int32]
    """(B, 4) x, y, width, height, row 0 unused"""


def find_blobs(verdict: NDArray[np.uint8], settings: LifeSettings) -> Blobs:
    """Blobs of a verdict (H, W), 255 = foreground; sizes relative to the picture's width."""
    width = verdict.shape[1]
    solid = cv2.medianBlur((verdict == 255).astype(np.uint8), 3)
    kernel = np.ones((_odd(settings.close_height * width), _odd(settings.close_width * width)), np.uint8)
    closed = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, kernel)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
    return Blobs(labels, solid > 0, stats[:, :4])


def _odd(length: float) -> int:
    return 2 * round(length / 2) + 1


def settle(
    blobs: Blobs, shares: Shares, image: NDArray[np.uint8], poses: Array, lives: list[Life], settings: LifeSettings
) -> list[Birth]:
    """Give leftovers to the slots they hang on (in `shares`, in place) and return the births.

    poses (K, 4), lives and shares belong to the same K slots.
    """
    size, slots = len(blobs.boxes), len(lives)
    at = np.flatnonzero(blobs.foreground)
    if len(at) == 0 or len(at) > settings.flood * blobs.labels.size:
        return []
    blob, owner = blobs.labels.ravel()[at], shares.labels.ravel()[at]
    table = np.bincount(blob * (slots + 1) + owner, minlength=size * (slots + 1)).reshape(size, slots + 1)
    slot_total = np.maximum(table[:, 1:].sum(0), 1)
    blob_total = np.maximum(table.sum(1), 1)
    holds = (table[:, 1:] > HELD_SLOT * slot_total) | (table[:, 1:] > HELD_BLOB * blob_total[:, None])
    holds &= table[:, 1:] > 4
    least = settings.min_area * blobs.labels.size
    births: list[Birth] = []
    for b in range(1, size):
        left = int(table[b, 0])
        if left < 4:
            continue
        x, y, w, h = (int(v) for v in blobs.boxes[b])
        window = np.s_[y : y + h, x : x + w]
        loose = (blobs.labels[window] == b) & blobs.foreground[window] & (shares.labels[window] == 0)
        holders = np.flatnonzero(holds[b])
        if len(holders) == 0:
            near = _beside(x, y, w, h, left, poses, lives, settings)
            if near is not None:
                _adopt(shares, near, loose, (x, y))
            elif left >= least and min(w, h) >= 3:
                births.append(_birth(loose, image, (x, y)))
        elif len(holders) == 1 and _may_adopt(lives[holders[0]], left, settings):
            _adopt(shares, int(holders[0]), loose, (x, y))
        else:
            usual = min(lives[k].area_px for k in holders)
            births += _leftovers(loose, image, (x, y), max(least, settings.fragment * usual))
    return births


def _may_adopt(life: Life, left: int, settings: LifeSettings) -> bool:
    return life.age < settings.grow_frames or left < settings.fragment * life.area_px


def _adopt(shares: Shares, k: int, loose: Mask, corner: tuple[int, int]) -> None:
    """Raise slot k's gamma on loose pixels inside its window; labels and the background's share follow."""
    window = shares.windows[k]
    if window is None:
        return
    x, y = corner
    rows = slice(max(window[0].start, y), min(window[0].stop, y + loose.shape[0]))
    columns = slice(max(window[1].start, x), min(window[1].stop, x + loose.shape[1]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    taken = loose[rows.start - y : rows.stop - y, columns.start - x : columns.stop - x]
    own = shares.owned[k][
        rows.start - window[0].start : rows.stop - window[0].start,
        columns.start - window[1].start : columns.stop - window[1].start,
    ]
    own[taken] = np.maximum(own[taken], ADOPTED)
    shares.labels[rows, columns][taken] = k + 1
    shares.background[rows, columns][taken] = np.minimum(shares.background[rows, columns][taken], 1 - ADOPTED)


def _beside(
    x: int, y: int, w: int, h: int, area: int, poses: Array, lives: list[Life], settings: LifeSettings
) -> int | None:
    """The slot in view in whose reach a small loose blob lies, the one that reaches over most of it; or None."""
    best, found = 0.4 * w * h, None
    for k, (pose, life) in enumerate(zip(poses, lives, strict=True)):
        cx, cy, pw, ph = (float(v) for v in pose)
        if life.hidden > 0 or area > settings.fragment * life.area_px:
            continue
        overlap_x = min(x + w, cx + 0.7 * pw) - max(x, cx - 0.7 * pw)
        overlap_y = min(y + h, cy + 0.65 * ph) - max(y, cy - 0.65 * ph)
        if overlap_x > 0 and overlap_y > 0 and overlap_x * overlap_y > best:
            best, found = overlap_x * overlap_y, k
    return found


def _leftovers(loose: Mask, image: NDArray[np.uint8], corner: tuple[int, int], least: float) -> list[Birth]:
    """Births from the connected pieces of what the slots of a blob leave over, if at least so large."""
    pieces = cv2.morphologyEx(loose.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(pieces, connectivity=8)
    births = []
    for j in range(1, count):
        px, py, pw, ph, area = (int(v) for v in stats[j])
        if area >= least and min(pw, ph) >= 3:
            mask = labels[py : py + ph, px : px + pw] == j
            births.append(_birth(mask, image, (corner[0] + px, corner[1] + py)))
    return births


def _birth(mask: Mask, image: NDArray[np.uint8], corner: tuple[int, int]) -> Birth:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    mask = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    x, y = corner[0] + int(columns[0]), corner[1] + int(rows[0])
    colour = image[y : y + mask.shape[0], x : x + mask.shape[1]][mask].mean(0).astype(np.float32) / 255
    return Birth(Box(x, y, x + mask.shape[1], y + mask.shape[0]), mask, float(mask.sum()), colour)
