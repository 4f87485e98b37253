"""In which corner of the picture a panel stands: where fewest objects are, and it does not jump about."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tracker.draw.text import TextBox, place
from tracker.types import Track, common_px

BOTTOM_RIGHT, BOTTOM_LEFT, TOP_RIGHT, TOP_LEFT = range(4)
COVERED = 0.1
"""share of an object's box from which on a panel over it counts: less is a shadow's rim or a passing hand"""
AVERAGE_S = 5.0
"""time constant of the mean number of objects in a corner: one that passes through takes less"""
CLEARLY = 0.5
"""objects fewer, in the mean, that make another corner clearly better"""
STAY_S = 5.0
"""a panel that has moved stays so long at least: an eye finds it again"""


def corner_place(corner: int, panel: tuple[int, int], frame: tuple[int, int]) -> TextBox:
    """Where a panel of that size is in that corner of a frame; sizes are (width, height)."""
    x = frame[0] if corner in (BOTTOM_RIGHT, TOP_RIGHT) else 0
    y = frame[1] if corner in (BOTTOM_RIGHT, BOTTOM_LEFT) else 0
    return place(panel, (x, y), frame)


def seen_boxes(tracks: Sequence[Track]) -> NDArray[np.float64]:
    """(N, 4) x0, y0, x1, y1 of those that are seen."""
    return np.array([track.box for track in tracks if not track.hidden], np.float64).reshape(-1, 4)


def objects_in(boxes: NDArray[np.float64], places: Sequence[TextBox]) -> NDArray[np.float64]:
    """(P,) how many of the boxes (N, 4) lie in each place with COVERED of their area or more."""
    at = np.array(places, np.float64)[:, None]
    whole = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    shared = common_px(boxes, at)
    return np.asarray(((shared > 0) & (shared >= COVERED * whole)).sum(axis=1), np.float64)


class StayingCorner:
    """A panel's corner along a run.

    order  corners, the usual one first: of equally good ones the first is taken
    """

    def __init__(self, order: Sequence[int]) -> None:
        self._order = list(order)
        self._means: NDArray[np.float64] | None = None
        self._corner = self._order[0]
        self._moved_s = self._last_s = 0.0

    def choose(self, objects: NDArray[np.float64], time_s: float, *, taken: Sequence[int] = ()) -> int:
        """The corner at `time_s`, where so many objects are now in each, (4,); not one that is taken, if another is left."""
        first = self._means is None
        if self._means is None:
            self._means = objects.copy()
        self._means += (objects - self._means) * (1 - math.exp(-max(0.0, time_s - self._last_s) / AVERAGE_S))
        self._last_s = time_s
        free = [corner for corner in self._order if corner not in taken] or self._order
        best = min(free, key=self._means.__getitem__)
        clearly = self._means[best] <= self._means[self._corner] - CLEARLY
        if self._corner not in free or (clearly and (first or time_s - self._moved_s >= STAY_S)):
            self._corner, self._moved_s = best, time_s
        elif first:
            self._moved_s = time_s
        return self._corner
