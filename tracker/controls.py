"""What users ask of a run while it goes on, and what they are told of it.

A window and a page ask, from threads of their own; the loop attends to it between two frames, when no lane is at work.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from tracker.errors import OptionError

Action = Literal["stop", "pause", "freeze", "reset", "snapshot", "lanes", "record", "zones"]
"""stop        end the run in good order
pause       True: look at no frame until False
freeze      True: the lanes judge, and learn nothing of the scene until False
reset       forget scene and objects; the scene warms up again, identities go on counting
snapshot    keep the picture that is shown
lanes       show these lanes, a tuple of names
record      True: record from now on; False: no more
zones       `zones.Zones` from now on
"""

State = Literal["starting", "live", "paused", "waiting", "ended"]
"""waiting: the source gives no picture, and is asked again"""


@dataclass(frozen=True)
class Status:
    """How a live run goes, for people; a new value whenever something changes."""

    state: State = "starting"
    note: str = ""
    """one line on the state: "no picture for 12 s, trying again in 4 s" """
    lanes: tuple[str, ...] = ()
    """those shown"""
    frozen: bool = False
    recording: bool = False
    """whether it records, or would if something moved"""
    fps: float = 0.0
    """frames a second that are shown, over the last seconds"""
    delay_ms: float = 0.0
    """median from the arrival of a picture to its being handed to window and page, over the last seconds"""
    dropped: int = 0
    """pictures that came while the lanes were busy, since the start"""
    effort: str = ""
    """what the lanes have given up to keep pace; empty: nothing"""
    hooks: str = ""
    """one line on events that do not reach their destinations; empty: all do"""
    events_lost: int = 0
    """since the start, of all destinations together"""


class Board:
    """The status of a run; any thread may read and change it."""

    def __init__(self) -> None:
        self._status = Status()
        self._lock = threading.Lock()
        self._watchers: list[Callable[[Status], None]] = []

    @property
    def status(self) -> Status:
        return self._status

    def change(self, **changes: Any) -> Status:
        """Replace some values; returns the new status."""
        with self._lock:
            self._status = status = replace(self._status, **changes)
        for watcher in tuple(self._watchers):
            watcher(status)
        return status

    def watch(self, watcher: Callable[[Status], None]) -> None:
        """Have every new status handed to a function, which is quick, in the thread that changed it."""
        self._watchers.append(watcher)

    def unwatch(self, watcher: Callable[[Status], None]) -> None:
        """Hand it no more."""
        self._watchers.remove(watcher)


class Controls:
    """Requests from anywhere, carried out in the thread that attends, in the order in which they came."""

    def __init__(self) -> None:
        self._asked: deque[tuple[Action, Any]] = deque()
        self._handlers: dict[Action, Callable[[Any], None]] = {}
        self._came = threading.Condition()
        self.paused = self.stopping = False

    def on(self, action: Action, handler: Callable[[Any], None]) -> None:
        """Who carries the action out; pause and stop are the loop's own."""
        self._handlers[action] = handler

    def can(self, action: Action) -> bool:
        """Whether somebody carries that out."""
        return action in ("pause", "stop") or action in self._handlers

    def ask(self, action: Action, value: Any = None) -> None:
        """Ask for something; it is done before the next frame. Raises OptionError if nobody does it in this run."""
        if not self.can(action):
            raise OptionError(f"{action}: cannot be done in this run")
        with self._came:
            self._asked.append((action, value))
            self._came.notify_all()

    def attend(self) -> None:
        """Carry out what was asked; while paused, wait for more."""
        self._carry_out()
        while self.paused and not self.stopping:
            with self._came:
                if not self._asked:
                    self._came.wait(0.1)  # Ctrl+C is heard in between
            self._carry_out()

    def _carry_out(self) -> None:
        while self._asked:
            action, value = self._asked.popleft()
            if action == "pause":
                self.paused = bool(value)
            elif action == "stop":
                self.stopping = True
            if action in self._handlers:
                self._handlers[action](value)
