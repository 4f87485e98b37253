"""Where everybody was in the last frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tracker.types import Track


class _Trail:
    """The last positions of one identity. They move to the front of the array when its end is reached: no frame copies all."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._frames = np.empty(2 * most, np.int64)
        self._positions = np.empty((2 * most, 2), np.float32)
        self._start = self._stop = 0

    def add(self, frame: int, x: float, y: float) -> None:
        if self._stop == 2 * self._most:
            kept = self._most - 1
            for values in (self._frames, self._positions):
                values[:kept] = values[self._stop - kept :]
            self._start, self._stop = max(0, self._start - (self._stop - kept)), kept
        self._frames[self._stop], self._positions[self._stop] = frame, (x, y)
        self._stop += 1
        self._start = max(self._start, self._stop - self._most)

    def forget(self, before: int) -> None:
        while self._start < self._stop and self._frames[self._start] < before:
            self._start += 1

    @property
    def points(self) -> NDArray[np.float32]:
        return self._positions[self._start : self._stop]


class Trails:
    """The last positions (bottom centre of the box: the feet) of every identity seen lately, in one lane.

    Memory is bounded: positions older than `frames` frames go, and with its last position an identity goes.
    """

    def __init__(self, frames: int) -> None:
        self._frames = frames
        self._trails: dict[int, _Trail] = {}

    def add(self, tracks: Sequence[Track], frame_index: int) -> None:
        """Take note of one frame. Frames may be left out, and come in order."""
        if self._frames == 0:
            return
        for track in tracks:
            trail = self._trails.get(track.id)
            if trail is None:
                trail = self._trails[track.id] = _Trail(self._frames)
            trail.add(frame_index, track.box.centre[0], track.box.y1)
        for identity in list(self._trails):
            trail = self._trails[identity]
            trail.forget(frame_index - self._frames + 1)
            if not len(trail.points):
                del self._trails[identity]

    def points(self, identity: int) -> NDArray[np.float32]:
        """(N, 2) positions x, y from the oldest to the newest, until the next `add`; N is 0 for an id that is not known."""
        trail = self._trails.get(identity)
        return np.empty((0, 2), np.float32) if trail is None else trail.points

    def __len__(self) -> int:
        return len(self._trails)

    def reset(self) -> None:
        """Forget everybody."""
        self._trails.clear()
