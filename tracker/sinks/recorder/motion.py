"""Whether anything moves, by the tracks."""

from __future__ import annotations

from dataclasses import dataclass

from tracker.types import Moment, Track

MOVED_SHARE = 0.1
"""of a box's longer side: the centre of an object that stands still wavers by less"""
MOVED_PX = 2.0
"""at least; boxes are whole pixels of the working width"""
HOLD_S = 1.0
"""an object moves until it has kept its place for so long"""


@dataclass
class _Place:
    x: float
    y: float
    since_s: float


class MotionDetector:
    """Remembers where each identity was; only of those that are there now.

    An object moves from the frame in which its track is confirmed until it is gone, is hidden, or has kept its place for
    HOLD_S: a car that parks ends an event, though it stays a track.
    """

    def __init__(self) -> None:
        self._places: dict[tuple[str, int], _Place] = {}

    def step(self, moment: Moment) -> bool:
        """Whether a track of any lane moves in this frame; hidden ones do not count."""
        now_s = moment.frame.time_s
        places, moves = {}, False
        for view in moment.views:
            for track in view.tracks:
                key = view.lane, track.id
                places[key] = place = self._place(self._places.get(key), track, now_s)
                moves |= not track.hidden and now_s - place.since_s <= HOLD_S
        self._places = places
        return moves

    def _place(self, before: _Place | None, track: Track, now_s: float) -> _Place:
        x, y = track.box.centre
        if before is not None:
            least = max(MOVED_PX, MOVED_SHARE * max(track.box.width, track.box.height))
            if max(abs(x - before.x), abs(y - before.y)) < least:
                return before
        return _Place(x, y, now_s)
