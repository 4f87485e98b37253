"""Slots to a segmentation: which slot has each pixel, and the objects' boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tracker.rigid.settings import RigidSettings, Sharing
from tracker.rigid.slot import CLAIMED_TRUST, Array, RigidSlot, overlap
from tracker.types import Box, Labels, Region, Segmentation

HIDDEN_CONFIDENCE = 0.5
"""of an object whose place is only predicted"""
LEAST_LIGHT = 1e-6
"""of every pixel of an appearance, so that a dark one has a centre of light too"""


def segmentation(light: Array, slots: Sequence[RigidSlot], settings: RigidSettings) -> Segmentation:
    """What the slots make of a frame, its light (H, W, 3) beside the scene's; labels are identities."""
    labels = _labels(light, slots, share=settings.share)
    regions = []
    for slot in slots:
        area, hidden = float((labels == slot.id).sum()), slot.hidden_s > 0
        confidence = HIDDEN_CONFIDENCE if hidden else 1.0
        regions.append(Region(slot.id, _box(slot, settings), area, confidence, hidden and not settings.amodal))
    return Segmentation(labels, tuple(regions), foreground=labels > 0)


def _labels(light: Array, slots: Sequence[RigidSlot], *, share: Sharing) -> Labels:
    """(H, W) the slot that fits a pixel best; where light adds up, the one that gives it most."""
    labels = np.zeros(light.shape[:2], np.int32)
    best = np.full(light.shape[:2], np.inf, np.float32)
    for slot in slots:
        common = overlap(slot, (0, 0), light.shape)
        if common is None:
            continue
        here, there = common
        appearance = slot.appearance[there]
        misfit = -np.abs(appearance).sum(-1) if share == "sum" else ((light[here] - appearance) ** 2).sum(-1)
        own = slot.mask[there] & (misfit < best[here])
        best[here][own], labels[here][own] = misfit[own], slot.id
    return labels


def _box(slot: RigidSlot, settings: RigidSettings) -> Box:
    """Round the slot's mask; of the size that is set, round its centre of light."""
    x, y = slot.corner
    if settings.box_px is not None:
        (width, height), weight = settings.box_px, np.abs(slot.appearance).sum(-1) + LEAST_LIGHT
        total = float(weight.sum())
        cx = x + 0.5 + float((weight.sum(0) * np.arange(weight.shape[1])).sum()) / total
        cy = y + 0.5 + float((weight.sum(1) * np.arange(weight.shape[0])).sum()) / total
        return Box(cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2)
    confirmed = slot.mask & (slot.trust > CLAIMED_TRUST)  # not what was claimed just now
    if not confirmed.any():
        return Box(x, y, x + 1, y + 1)
    ys, xs = np.flatnonzero(confirmed.any(1)), np.flatnonzero(confirmed.any(0))
    return Box(float(x + xs[0]), float(y + ys[0]), float(x + xs[-1] + 1), float(y + ys[-1] + 1))
