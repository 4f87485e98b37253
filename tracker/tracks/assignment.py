"""Which track is which region: the cheapest pairing (Hungarian), pairs out of reach excluded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tracker.types import Box, intersections


def pair_costs(predicted: Sequence[Box], seen: Sequence[Box], *, reach: float, growth: float) -> NDArray[np.float64]:
    """(len(predicted), len(seen)): 1 - IoU + the centres' distance in diagonals; inf where a pair is out of question.

    reach   farthest distance of the centres, in diagonals of the predicted box
    growth  largest ratio of the two areas
    """
    overlap, area_p, area_s = _overlaps(predicted, seen)
    p, s = np.reshape(np.asarray(predicted, float), (-1, 1, 4)), np.reshape(np.asarray(seen, float), (1, -1, 4))
    iou = overlap / np.maximum(area_p + area_s - overlap, 1e-9)
    centres = (p[..., :2] + p[..., 2:] - s[..., :2] - s[..., 2:]) / 2
    distance = np.hypot(centres[..., 0], centres[..., 1]) / np.hypot(p[..., 2] - p[..., 0], p[..., 3] - p[..., 1])
    ratio = np.maximum(area_p, area_s) / np.maximum(np.minimum(area_p, area_s), 1e-9)
    return np.where((distance <= reach) & (ratio <= growth), 1 - iou + distance, np.inf)


def assign(costs: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Pairs (row, column) of the cheapest pairing that pairs as many as possible; never a pair that costs inf."""
    finite = np.isfinite(costs)
    if not finite.any():
        return []
    if finite.sum(axis=0).max() == finite.sum(axis=1).max() == 1:  # nobody has a choice
        return [(int(r), int(c)) for r, c in np.argwhere(finite)]
    from scipy.optimize import linear_sum_assignment  # a tenth of a second, which a first frame need not wait for

    # dearer than all finite pairs together, so that leaving a pair out never pays
    forbidden = 1.0 + costs[finite].sum()
    rows, columns = linear_sum_assignment(np.where(finite, costs, forbidden))
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if finite[r, c]]


def covered_matrix(inner: Sequence[Box], outer: Sequence[Box]) -> NDArray[np.float64]:
    """(len(inner), len(outer)): the share of each inner box that lies in each outer one."""
    overlap, area_inner, _ = _overlaps(inner, outer)
    return overlap / np.maximum(area_inner, 1e-9)


def _overlaps(a: Sequence[Box], b: Sequence[Box]) -> tuple[NDArray[np.float64], ...]:
    """(len(a), len(b)) area shared, (len(a), 1) areas of a, (1, len(b)) areas of b."""
    area_a, area_b = (np.array([box.area for box in boxes], float) for boxes in (a, b))
    return intersections(a, b), area_a[:, None], area_b[None]
