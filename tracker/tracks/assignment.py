"""Which track is which region: the cheapest pairing (Hungarian), pairs out of reach excluded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tracker.types import Box, intersections

Places = NDArray[np.intp]
"""(N,) rows or columns, rising"""


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
    return sorted(pair for rows, columns in _groups(finite) for pair in _pairs_within(costs, rows, columns))


def _groups(finite: NDArray[np.bool_]) -> Iterator[tuple[Places, Places]]:
    """Rows and columns that finite costs connect, directly or through others, group by group."""
    left = np.asarray(finite.any(axis=1))
    while left.any():
        rows, count = np.zeros_like(left), 0
        rows[left.argmax()] = True
        while count < (count := int(rows.sum())):
            columns = finite[rows].any(axis=0)
            rows = np.asarray(finite[:, columns].any(axis=1))
        left &= ~rows
        yield np.flatnonzero(rows), np.flatnonzero(columns)


def _pairs_within(costs: NDArray[np.float64], rows: Places, columns: Places) -> list[tuple[int, int]]:
    """The pairs of one group."""
    part = costs[np.ix_(rows, columns)]
    finite = np.isfinite(part)
    # dearer than all finite pairs together, so that leaving a pair out never pays
    complete = np.where(finite, part, 1.0 + part[finite].sum())
    if len(rows) <= len(columns):
        pairs = [(row, column) for row, column in enumerate(_cheapest(complete))]
    else:
        pairs = [(row, column) for column, row in enumerate(_cheapest(complete.T))]
    return [(int(rows[r]), int(columns[c])) for r, c in pairs if finite[r, c]]


def _cheapest(costs: NDArray[np.float64]) -> list[int]:
    """The column of each row in the cheapest pairing of all rows; costs (R, C), all finite, R at most C.

    By shortest augmenting paths (Jonker and Volgenant 1987; Crouse 2016). Not by SciPy, which takes a quarter of a second to
    import: groups are small.
    """
    count = costs.shape
    row_price, column_price = np.zeros(count[0]), np.zeros(count[1])
    column_of, row_of = np.full(count[0], -1), np.full(count[1], -1)
    for first in range(count[0]):
        distance, before, reached = np.full(count[1], np.inf), np.full(count[1], -1), np.zeros(count[1], np.bool_)
        row, column, length = first, -1, 0.0
        rows = []
        while column < 0 or row_of[column] >= 0:
            row = first if column < 0 else int(row_of[column])
            rows.append(row)
            through = length + costs[row] - row_price[row] - column_price
            nearer = ~reached & (through < distance)
            distance[nearer], before[nearer] = through[nearer], row
            column = int(np.where(reached, np.inf, distance).argmin())
            length = float(distance[column])
            reached[column] = True
        row_price[first] += length
        row_price[rows[1:]] += length - distance[column_of[rows[1:]]]
        column_price[reached] -= length - distance[reached]
        while column >= 0:
            row = int(before[column])
            row_of[column] = row
            column, column_of[row] = int(column_of[row]), column
    return [int(column) for column in column_of]


def covered_matrix(inner: Sequence[Box], outer: Sequence[Box]) -> NDArray[np.float64]:
    """(len(inner), len(outer)): the share of each inner box that lies in each outer one."""
    overlap, area_inner, _ = _overlaps(inner, outer)
    return overlap / np.maximum(area_inner, 1e-9)


def _overlaps(a: Sequence[Box], b: Sequence[Box]) -> tuple[NDArray[np.float64], ...]:
    """(len(a), len(b)) area shared, (len(a), 1) areas of a, (1, len(b)) areas of b."""
    area_a, area_b = (np.array([box.area for box in boxes], float) for boxes in (a, b))
    return intersections(a, b), area_a[:, None], area_b[None]
