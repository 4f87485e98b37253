"""Moments from the thread that makes them to the one that wants them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator

from tracker.api.drawing import ShapesByLane
from tracker.sources.ahead import WAKE_S
from tracker.types import Moment, Outcome

AHEAD = 2
"""moments that wait while the caller is busy: enough that neither thread waits for the other's slow one"""


class Handover:
    """A sink whose moments are iterated over in another thread.

    The thread that writes waits while `AHEAD` moments have not been taken, so that memory stays bounded; of a camera one, since its
    newest frame is wanted.
    """

    def __init__(self, *, live: bool) -> None:
        self._most = 1 if live else AHEAD
        self._moments: deque[tuple[Moment, ShapesByLane]] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._error: BaseException | None = None
        self.wants_stop = False
        """nobody takes any more"""
        self.shapes: Callable[[Moment], ShapesByLane] = lambda moment: {}
        """asked when a moment comes, since counts of zones go on while it waits"""

    def write(self, moment: Moment) -> None:
        shapes = self.shapes(moment)
        with self._changed:
            while len(self._moments) >= self._most and not self.wants_stop:
                self._changed.wait()
            self._moments.append((moment, shapes))
            self._changed.notify_all()

    def close(self, outcome: Outcome) -> None:
        """Nothing: the end is told by `end`, once all other sinks are closed too."""

    def end(self, error: BaseException | None = None) -> None:
        """Nothing comes any more; `error` is raised where the moments are taken, after the last of them."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def stop(self) -> None:
        """Take no more."""
        with self._changed:
            self.wants_stop = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[tuple[Moment, ShapesByLane]]:
        while True:
            with self._changed:
                while not self._moments and not self._ended:
                    self._changed.wait(WAKE_S)  # Ctrl+C is heard in between
                if not self._moments:
                    break
                handed = self._moments.popleft()
                self._changed.notify_all()
            yield handed
        if self._error is not None:
            raise self._error
