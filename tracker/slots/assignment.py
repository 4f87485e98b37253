"""The blob that each slot is in, and which of the slots in one blob are fragments: pure functions of a frame's counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracker.slots.blobs import Blobs
from tracker.slots.settings import LifeSettings
from tracker.slots.slot import Slot
from tracker.timing import lasts
from tracker.types import Box, intersections

Array = NDArray[np.float32]
Floats = NDArray[np.float64]

# A slot is in the blob
COVERS = 0.5
"""that covers this share of its predicted box,"""
HOLDS = 0.3
"""or in which it owns pixels for this share of its usual area,"""
MOST_OF_BLOB, SHOWS = 0.6, 0.12
"""or of which it owns the first share, if that is the second share of its usual area: what shows of an object behind a post"""

REACH = 4 / 3
"""foreground may belong to a slot within so many times its predicted box"""


class Expected(NamedTuple):
    """Where K slots are predicted to be in this frame, at their usual sizes. Boxes are rows x0, y0, x1, y1."""

    boxes: Floats
    """(K, 4)"""
    areas: Floats
    """(K,) pixels of the boxes"""
    reaches: Floats
    """(K, 4) boxes in which unclaimed foreground may belong to the slots"""


def expected(poses: Array, slots: Sequence[Slot]) -> Expected:
    """Of K slots and their predicted poses (K, 4)."""
    size = np.array([slot.geometry.size for slot in slots], float).reshape(-1, 2)
    corner = poses[:, :2].astype(float) - size / 2
    outer = corner - size * (REACH - 1) / 2
    boxes, reaches = np.hstack([corner, corner + size]), np.hstack([outer, outer + size * REACH])
    return Expected(boxes, size[:, 0] * size[:, 1], reaches)


def assign(
    places: Expected, covered: Floats, counts: NDArray[np.int64], blobs: Blobs, slots: Sequence[Slot]
) -> list[int]:
    """The blob each slot is in, 0 for none. Of a slot at the border only the part inside the picture counts.

    covered  (K, B) pixels of each slot's predicted box in each blob's
    counts   (B, K) pixels of each blob for which each slot is most responsible
    """
    height, width = blobs.labels.shape
    inside = np.maximum(1.0, intersections(places.boxes, [Box(0.0, 0.0, float(width), float(height))]))  # (K, 1)
    usual = np.array([slot.area_px for slot in slots], float)[:, None]
    cover = covered / inside
    hold = counts.T / np.maximum(1.0, usual * inside / np.maximum(1.0, places.areas[:, None]))
    share = counts.T / np.maximum(1, blobs.areas)
    belongs = (cover >= COVERS) | (hold >= HOLDS) | ((share >= MOST_OF_BLOB) & (hold >= SHOWS))
    score = np.where(belongs, cover + np.minimum(hold, 1.0), 0.0)
    score[:, 0] = 0.0  # the background: taken where no blob scores
    return [int(b) for b in score.argmax(axis=1)]


def find_fragments(
    here: Sequence[int], owned: NDArray[np.int64], area: float, slots: Sequence[Slot], settings: LifeSettings
) -> set[int]:
    """Of the slots `here` in one blob, those that are fragments of another: they have not shown that they are objects.

    To be an object is to have been isolated. Who has not is a fragment of those who have, if these explain the blob; a blob that is
    many times all that is known of it is one object, and one slot goes on.

    owned  (K,) pixels of the blob for which each slot is most responsible; area  pixels of the blob
    """
    if len(here) == 1:
        return set()
    known_slots = [k for k in here if lasts(slots[k].geometry.isolated_s, settings.found_s)]
    known = sum(slots[k].area_px for k in known_slots)
    if area > settings.outgrown * known:
        keep = max(here, key=lambda k: (k in known_slots, slots[k].geometry.isolated_s, owned[k]))
        return set(here) - {keep}
    return set(here) - set(known_slots) if area <= settings.growth * known else set()
