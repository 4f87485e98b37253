"""How well slots explain a frame, by squared error, and by how much it falls with a slot laid at each place near by.

A frame is its light beside the scene's, (H, W, 3) float32 in -1..1. How slots share a pixel is the setting `share`: `over`, one of
them explains it alone; `sum`, their light adds up, to white at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracker.rigid.settings import Sharing
from tracker.rigid.slot import Array, Corner, RigidSlot, overlap
from tracker.types import Mask


class Explained(NamedTuple):
    """What slots explain of a piece (h, w) of a frame."""

    light: Array
    """(h, w, 3)"""
    covered: Mask
    """(h, w) where any slot's mask is"""
    error: Array
    """(h, w) squared"""


def cut(light: Array, corner: Corner, shape: tuple[int, ...]) -> tuple[Array, Mask]:
    """A piece (h, w, 3) of the frame that begins at `corner`, zero outside the frame, and (h, w) what of it is inside."""
    piece, inside = np.zeros((*shape[:2], 3), np.float32), np.zeros(shape[:2], bool)
    (x, y), (height, width) = corner, light.shape[:2]
    x0, y0, x1, y1 = max(0, x), max(0, y), min(width, x + shape[1]), min(height, y + shape[0])
    if x0 < x1 and y0 < y1:
        here = np.s_[y0 - y : y1 - y, x0 - x : x1 - x]
        piece[here], inside[here] = light[y0:y1, x0:x1], True
    return piece, inside


def explain(piece: Array, slots: Sequence[RigidSlot], corner: Corner, *, share: Sharing) -> Explained:
    """What slots explain of a piece (h, w, 3) of the frame that begins at `corner`."""
    light, covered = np.zeros_like(piece), np.zeros(piece.shape[:2], bool)
    error = (piece**2).sum(-1)
    for slot in slots:
        common = overlap(slot, corner, piece.shape)
        if common is None:
            continue
        here, there = common
        mask, appearance = slot.mask[there], slot.appearance[there]
        if share == "sum":
            light[here] += appearance
        else:
            own = ((piece[here] - appearance) ** 2).sum(-1)
            better = mask & (~covered[here] | (own < error[here]))
            error[here][better], light[here][better] = own[better], appearance[better]
        covered[here] |= mask
    if share == "sum":
        error = ((np.minimum(1, light) - piece) ** 2).sum(-1)
    return Explained(light, covered, error)


def gains(
    light: Array, slot: RigidSlot, others: Sequence[RigidSlot], at: Corner, *, reach_px: int, share: Sharing
) -> Array:
    """(2 reach_px + 1, 2 reach_px + 1): by how much the squared error falls with the slot laid at dy, dx round `at`."""
    h, w = slot.mask.shape
    corner = at[0] - reach_px, at[1] - reach_px
    piece, inside = cut(light, corner, (h + 2 * reach_px, w + 2 * reach_px))
    rest = explain(piece, others, corner, share=share)
    seen, before = _windows(piece, (h, w)), _windows(rest.error[..., None], (h, w))[..., 0]
    counts = _windows(inside[..., None], (h, w))[..., 0] & slot.mask
    if share == "sum":
        after = ((np.minimum(1, _windows(rest.light, (h, w)) + slot.appearance) - seen) ** 2).sum(-1)
    else:
        after = ((slot.appearance - seen) ** 2).sum(-1)
        covered = _windows(rest.covered[..., None], (h, w))[..., 0]
        after = np.where(covered, np.minimum(after, before), after)
    return ((before - after) * counts).sum((-1, -2), dtype=np.float32)


def _windows(piece: NDArray, shape: tuple[int, int]) -> NDArray:
    """Every window of that shape: (H, W, C) -> (dy, dx, h, w, C)."""
    return np.moveaxis(np.lib.stride_tricks.sliding_window_view(piece, shape, axis=(0, 1)), 2, -1)
