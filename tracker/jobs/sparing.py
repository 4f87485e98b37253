"""Gives up work of the lanes while a live source is faster than the machine, and takes it up again when there is room."""

from __future__ import annotations

import time
from collections.abc import Callable

from tracker.controls import Board
from tracker.effort import Effort, Load, step
from tracker.lanes import Look
from tracker.settings import RunSettings
from tracker.types import Frame

LOOK_S = 2.0
"""over which the load is measured: long enough that a single dropped picture is a small share"""
LONGEST_S = 5.0
"""longer without a picture is a pause or a source that was away, which says nothing of the load"""
HALF, ONE = 1, 2
"""levels: lane slots looks at every second frame; only one lane looks"""


class Sparing:
    """The levels of effort of one run, in the order in which work is given up.

        1  a lane of slots looks at every second frame; in between it is shown as it was
        2  besides, only one lane goes on: the one that is shown, else slots; the others find nothing

    A smaller working width is no level: OpenCV's mixture cannot be resized, so that every change would cost the scene and all
    identities; and lane slots' network, most of its work, sees a picture of one size (`foreground.side_px`) at any width.

    board  tells which lanes are shown, and is told the effort and how many pictures were dropped
    """

    def __init__(self, settings: RunSettings, board: Board, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._lanes = settings.lanes
        self._slots = tuple(lane for lane in settings.lanes if settings.of_lane(lane)[0] == "slots")
        self._levels = [*([HALF] if self._slots else []), *([ONE] if len(settings.lanes) > 1 else [])]
        self._board, self._clock = board, clock
        self._effort = Effort()
        self._began_s: float | None = None
        """when the present measurement began"""
        self._waited_s, self._frames, self._dropped = 0.0, 0, 0
        self._earlier = board.status.dropped
        self._newest, self._even = -1, False

    @property
    def level(self) -> int:
        """0, HALF or ONE."""
        return 0 if not self._effort.level else self._levels[self._effort.level - 1]

    def count(self, waited_s: float, dropped: int) -> None:
        """A picture came after so many seconds of waiting, and so many were dropped since the start."""
        now = self._clock()
        span_s = 0.0 if self._began_s is None else now - self._began_s
        if self._began_s is None or span_s > LONGEST_S:
            self._begin(now, dropped)
            return
        self._waited_s += waited_s
        self._frames += 1
        if span_s < LOOK_S:
            return
        load = Load(span_s, max(0.0, 1 - self._waited_s / span_s), self._frames, dropped - self._dropped)
        self._effort = step(self._effort, load, levels=len(self._levels))
        self._board.change(effort=self.said(), dropped=self._earlier + dropped)
        self._begin(now, dropped)

    def _begin(self, now: float, dropped: int) -> None:
        """Measure from now on."""
        self._began_s, self._waited_s, self._frames, self._dropped = now, 0.0, 0, dropped

    def look(self, lane: str, frame: Frame) -> Look:
        """What a lane is to do with a frame."""
        if frame.index != self._newest:
            self._newest, self._even = frame.index, not self._even
        if self.level == ONE and lane != self.kept:
            return "off"
        return "last" if self.level and lane in self._slots and not self._even else "look"

    @property
    def kept(self) -> str:
        """The lane that goes on where only one does: the one that is shown, and slots where several are."""
        shown = [lane for lane in self._board.status.lanes if lane in self._lanes]
        return shown[0] if len(shown) == 1 else [*self._slots, *self._lanes][0]

    def said(self) -> str:
        """The effort, for people; empty at level 0."""
        kept = self.kept
        off = [lane for lane in self._lanes if lane != kept] if self.level == ONE else []
        halved = [lane for lane in self._slots if lane not in off] if self.level else []
        return ", ".join([*(f"{lane} every second frame" for lane in halved), *(f"{lane} off" for lane in off)])
