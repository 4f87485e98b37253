"""Where each label of a label image is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tracker.types import Labels


def find_windows(labels: Labels) -> dict[int, tuple[slice, slice]]:
    """Rows and columns of the box round each label in (H, W) int32, in order of the labels; 0 is no label.

    Identities are given out for as long as a camera runs, so the largest label grows without end; the time does not.
    """
    if not labels.size:
        return {}
    # by runs of one label, of which there are far fewer than pixels
    width, flat = labels.shape[1], labels.ravel()
    bounds = np.concatenate(([0], np.flatnonzero(flat[1:] != flat[:-1]) + 1, [flat.size]))
    values = flat[bounds[:-1]]
    inside = values > 0
    present, place = np.unique(values[inside], return_inverse=True)
    (top, first), (bottom, last) = (np.divmod(ends[inside], width) for ends in (bounds[:-1], bounds[1:] - 1))
    wraps = top != bottom  # goes on at the left of the next row, so it reaches both borders
    first[wraps], last[wraps] = 0, width - 1
    low, high = np.full((2, len(present)), flat.size), np.zeros((2, len(present)), np.int64)
    for side, (begins, ends) in enumerate(((top, bottom), (first, last))):
        np.minimum.at(low[side], place, begins)
        np.maximum.at(high[side], place, ends)
    boxes = zip(present.tolist(), *low.tolist(), *(high + 1).tolist(), strict=True)
    return {label: (slice(y0, y1), slice(x0, x1)) for label, y0, x0, y1, x1 in boxes}


def count_pixels(labels: Labels, numbers: Sequence[int] | NDArray[np.int32]) -> list[float]:
    """How many pixels of labels (H, W), in which no others are, each of the numbers has. Takes no longer where numbers are large."""
    known, place = np.unique(np.asarray(numbers, np.int32), return_inverse=True)
    counts = np.bincount(np.searchsorted(known, labels[labels > 0]), minlength=len(known))
    return [float(count) for count in counts[place].tolist()]
