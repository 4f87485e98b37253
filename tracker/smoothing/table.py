"""Rows of two tables side by side: which are of one frame, and which touch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tracker.smoothing.rows import Index, Ints, PassRows
from tracker.types import common_px

AT_ONCE = 1_000_000
"""pairs of rows looked at together: bounds the memory"""
NONE = -1
"""no row"""


def picked(values: NDArray, rows: Index, otherwise: float) -> NDArray:
    """Values of rows, and another for NONE."""
    padded = np.concatenate([values, np.full((1, *values.shape[1:]), otherwise, values.dtype)])
    return padded[rows]


def in_one_frame(a: Ints, b: Ints) -> Iterator[tuple[Index, Index]]:
    """All pairs of places in a and b (sorted frames) with one frame, in parts of about AT_ONCE pairs."""
    return in_ranges(np.searchsorted(b, a, "left"), np.searchsorted(b, a, "right"))


def in_ranges(low: Index, high: Index) -> Iterator[tuple[Index, Index]]:
    """All pairs (i, j) with low[i] <= j < high[i], in parts of about AT_ONCE pairs."""
    counts = np.maximum(0, high - low)
    ends = np.cumsum(counts)
    start = 0
    while start < len(low):
        done = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + AT_ONCE)))
        part = counts[start:stop]
        i = np.repeat(np.arange(start, stop), part)
        place = np.arange(len(i)) - np.repeat(np.cumsum(part) - part, part)
        yield i, np.repeat(low[start:stop], part) + place
        start = stop


def touching(a: PassRows, b: PassRows) -> tuple[Index, Index]:
    """Pairs of rows in one frame whose boxes share a pixel."""
    return touching_boxes(a.frames, a.boxes, b.frames, b.boxes)


def touching_boxes(
    frames: Ints, boxes: NDArray[np.floating], other_frames: Ints, other_boxes: NDArray[np.floating]
) -> tuple[Index, Index]:
    """The same of boxes (N, 4) and (M, 4) in their frames, which are sorted."""
    found = [(np.zeros(0, np.intp), np.zeros(0, np.intp))]
    for i, j in in_one_frame(frames, other_frames):
        near = common_px(boxes[i], other_boxes[j]) > 0
        found.append((i[near], j[near]))
    return np.concatenate([i for i, _ in found]), np.concatenate([j for _, j in found])
