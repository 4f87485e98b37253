"""When each identity was seen first and last: two numbers for each of the latest identities, and a count of all."""

from __future__ import annotations

import math
from array import array

import numpy as np
from numpy.typing import NDArray

REMEMBERED = 20_000
"""latest identities whose times are known at least: a clip's are, and a camera that is watched for weeks takes no more memory"""


class SeenTimes:
    """First and last times by identity. Identities are whole numbers, given out in order, so they index an array.

    identities  how many different ones were seen
    """

    def __init__(self) -> None:
        self.identities = 0
        self._first: int | None = None
        """the identity of the arrays' first entries"""
        self._first_s, self._last_s = array("d"), array("d")

    def add(self, identity: int, time_s: float, end_s: float | None = None) -> None:
        """It is seen from `time_s` to `end_s` (None: `time_s`). One that is seen again after REMEMBERED others is not counted."""
        if (
            self._first is None
        ):  # a run that goes on counting may begin anywhere; one that was confirmed before may be seen later
            self._first = max(0, identity - REMEMBERED)
        row = identity - self._first
        if row < 0:
            return
        missing = row + 1 - len(self._first_s)
        if missing > 0:
            blank = array("d", [math.nan]) * missing
            self._first_s += blank
            self._last_s += blank
        if math.isnan(self._first_s[row]):
            self._first_s[row] = time_s
            self.identities += 1
        self._last_s[row] = time_s if end_s is None else end_s
        if len(self._first_s) >= 2 * REMEMBERED:
            forgotten = len(self._first_s) - REMEMBERED
            self._first += forgotten
            del self._first_s[:forgotten], self._last_s[:forgotten]

    def first_s(self) -> NDArray[np.float64]:
        """(N,) seconds, by identity, of those that are remembered."""
        return _known(self._first_s)

    def last_s(self) -> NDArray[np.float64]:
        """(N,) seconds, by identity, of those that are remembered."""
        return _known(self._last_s)


def _known(times_s: array[float]) -> NDArray[np.float64]:
    every = np.array(times_s, np.float64)
    return every[~np.isnan(every)]
