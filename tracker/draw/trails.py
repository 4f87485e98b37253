"""Where everybody was in the last frames."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tracker.types import Track


class Trails:
    """The last positions (bottom centre of the box: the feet) of every identity seen lately, in one lane.

    Memory is bounded: positions older than `frames` frames go, and with its last position an identity goes.
    """

    def __init__(self, frames: int) -> None:
        self._frames = frames
        self._steps: dict[int, deque[tuple[int, float, float]]] = {}

    def add(self, tracks: Sequence[Track], frame_index: int) -> None:
        """Take note of one frame. Frames may be left out, and come in order."""
        for track in tracks:
            steps = self._steps.setdefault(track.id, deque(maxlen=max(1, self._frames)))
            steps.append((frame_index, track.box.centre[0], track.box.y1))
        for identity in list(self._steps):
            steps = self._steps[identity]
            while steps and steps[0][0] <= frame_index - self._frames:
                steps.popleft()
            if not steps:
                del self._steps[identity]

    def points(self, identity: int) -> NDArray[np.float32]:
        """(N, 2) positions x, y from the oldest to the newest; N is 0 for an id that is not known."""
        steps = self._steps.get(identity, ())
        return np.array([step[1:] for step in steps], np.float32).reshape(-1, 2)

    def __len__(self) -> int:
        return len(self._steps)

    def reset(self) -> None:
        """Forget everybody."""
        self._steps.clear()
