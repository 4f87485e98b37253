"""Steps of an identity from one frame to another, and which of them no object can have made.

An object may be seen a little elsewhere because another part of it shows, and farther away because it moved. A step that is longer than
the object and than its speed explains is a jump: the identity has gone over to something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import hypot

from tracker.timing import SHORTEST_S, rate_over
from tracker.types import Box, Track

VELOCITY_RATE = 0.1
"""share of the way to a newly measured velocity in a frame at 25 frames a second: boxes tremble, and a hidden time multiplies the error"""
FORGOTTEN_S = 60.0
"""seconds after which an identity that is not seen is no longer remembered"""


@dataclass(frozen=True)
class LastSeen:
    """Where an identity was seen last."""

    box: Box
    velocity: tuple[float, float] = (0.0, 0.0)
    """(x, y) pixels a second, running mean"""
    steps: int = 0
    """how many it is the mean of"""
    unseen_s: float = 0.0
    """seconds since then"""

    def later(self, dt_s: float) -> LastSeen:
        """The same after `dt_s` seconds in which it was not seen."""
        return replace(self, unseen_s=self.unseen_s + dt_s)

    def reaches(self, box: Box, dt_s: float = 0.0) -> bool:
        """Whether the object can be in that box after another `dt_s` seconds: within its own length and what its speed explains."""
        return hypot(*self._way(box)) <= self._length(box) + hypot(*self.velocity) * (self.unseen_s + dt_s)

    def left_behind(self, box: Box) -> bool:
        """Whether that box lies behind by more than the object's length: it may have stopped since, but has not gone back."""
        (x, y), (vx, vy) = self._way(box), self.velocity
        return x * vx + y * vy < -self._length(box) * hypot(vx, vy)

    def _way(self, box: Box) -> tuple[float, float]:
        (x, y), (to_x, to_y) = self.box.centre, box.centre
        return to_x - x, to_y - y

    def _length(self, box: Box) -> float:
        return max(self.box.width, self.box.height, box.width, box.height)

    def moved(self, box: Box, dt_s: float) -> LastSeen:
        """Where it is seen after another `dt_s` seconds."""
        elapsed_s = max(SHORTEST_S, self.unseen_s + dt_s)
        rate = max(1 / (self.steps + 1), rate_over(VELOCITY_RATE, elapsed_s))
        x, y = (
            old + rate * ((to - at) / elapsed_s - old)
            for old, at, to in zip(self.velocity, self.box.centre, box.centre, strict=True)
        )
        return LastSeen(box, (x, y), self.steps + 1)


class JumpCounter:
    """Counts the jumps in the tracks of one lane. Boxes that are only predicted are left out.

    count  jumps so far
    """

    def __init__(self) -> None:
        self.count = 0
        self._places: dict[int, tuple[LastSeen, float]] = {}
        """by identity; and when"""
        self._forgotten_s = 0.0

    def add(self, tracks: Sequence[Track], time_s: float) -> int:
        """Take in one frame; returns how many identities jumped to where they are in it."""
        found = 0
        for track in tracks:
            if track.hidden:
                continue
            place, last_s = self._places.get(track.id, (None, time_s))
            if place is not None and (not place.reaches(track.box, time_s - last_s) or place.left_behind(track.box)):
                found, place = found + 1, None
            now = LastSeen(track.box) if place is None else place.moved(track.box, time_s - last_s)
            self._places[track.id] = now, time_s
        if time_s - self._forgotten_s > FORGOTTEN_S:
            self._places = {n: known for n, known in self._places.items() if time_s - known[1] <= FORGOTTEN_S}
            self._forgotten_s = time_s
        self.count += found
        return found
