"""When each identity was seen first and last: two numbers an identity, so that a camera's year fits in memory."""

from __future__ import annotations

import math
from array import array

import numpy as np
from numpy.typing import NDArray


class Seen:
    """First and last times by identity. Identities are whole numbers from 1, given out in order, so they index an array.

    identities  how many different ones were seen
    """

    def __init__(self) -> None:
        self.identities = 0
        self._first_s, self._last_s = array("d"), array("d")

    def add(self, identity: int, time_s: float, end_s: float | None = None) -> None:
        """It is seen from `time_s` to `end_s` (None: `time_s`)."""
        missing = identity + 1 - len(self._first_s)
        if missing > 0:
            blank = array("d", [math.nan]) * missing
            self._first_s += blank
            self._last_s += blank
        if math.isnan(self._first_s[identity]):
            self._first_s[identity] = time_s
            self.identities += 1
        self._last_s[identity] = time_s if end_s is None else end_s

    def first_s(self) -> NDArray[np.float64]:
        """(identities,) seconds, by identity."""
        return _known(self._first_s)

    def last_s(self) -> NDArray[np.float64]:
        """(identities,) seconds, by identity."""
        return _known(self._last_s)


def _known(times_s: array[float]) -> NDArray[np.float64]:
    every = np.array(times_s, np.float64)
    return every[~np.isnan(every)]
