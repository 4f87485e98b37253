"""What the viewers of a run see of it, and the sink that keeps it up to date."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, get_args

from tracker.controls import Action, Board, Controls
from tracker.errors import TrackerError
from tracker.seen import SeenTimes
from tracker.types import Event, Finder, Image, Moment, Outcome
from tracker.web.screen import Screen

EVENTS_KEPT = 200
"""the latest, for viewers that come later"""
UNWATCHED_S = 1.0
"""how often a picture is drawn while nobody looks, so that who comes during a pause sees one"""


@dataclass(frozen=True)
class ZoneDoor:
    """How the page reads and changes zones.

    change  put zones in force, from JSON in the page's form, and keep them; returns the name of the file where they are kept, or
            None. Raises TrackerError, whose line is shown: SinkError if they are in force and not kept, OutdatedError if a version
            is given that is not that of `now`. Called in any thread
    now     the zones in force from the next frame on, in the page's form
    """

    change: Callable[[Any, str | None], str | None]
    now: Callable[[], Any]


class OutdatedError(TrackerError):
    """What was to be changed has been changed by somebody else."""


def version_of(zones: Any) -> str:
    """Tells zones in the page's form from any others."""
    return hashlib.sha256(json.dumps(zones, sort_keys=True).encode()).hexdigest()[:16]


class Waker:
    """Wakes whoever waits in the server's loop, from any thread."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed: asyncio.Event | None = None
        self._lock = threading.Lock()

    def begin(self) -> None:
        """In the server's loop, before anybody waits."""
        self._loop, self._changed = asyncio.get_running_loop(), asyncio.Event()

    def end(self) -> None:
        """The loop is over; nobody is told any more."""
        with self._lock:
            self._loop = None

    def tell(self) -> None:
        """Something has changed."""
        with self._lock:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        if self._changed is not None:
            before, self._changed = self._changed, asyncio.Event()
            before.set()

    async def wait(self, timeout_s: float) -> None:
        """Until the next change, or so long."""
        assert self._changed is not None
        try:
            await asyncio.wait_for(self._changed.wait(), timeout_s)
        except asyncio.TimeoutError:
            return


@dataclass
class Page:
    """One run as its viewers see it; written by the run's thread, read by the server's."""

    controls: Controls
    board: Board
    title: str = ""
    zones: ZoneDoor | None = None
    zone_counts: Mapping[str, Any] = field(default_factory=dict)
    """by lane: {"areas": {NAME: {WHAT: N}}, "lines": {NAME: {WAY: N}}}"""
    lanes: tuple[str, ...] = ()
    """those that can be shown, once the run is built"""
    counts: Mapping[str, Mapping[str, int | None]] = field(default_factory=dict)
    """by lane: objects that are seen now, None of a lane that was given up; identities so far"""
    seen: dict[str, SeenTimes] = field(default_factory=dict)
    """identities by lane"""
    ended: bool = False
    run: str = field(default_factory=lambda: secrets.token_hex(4))
    """another in each run: numbers of events mean nothing in the next"""
    pictures: Waker = field(default_factory=Waker)
    happenings: Waker = field(default_factory=Waker)
    _events: deque[tuple[int, Mapping[str, Any]]] = field(default_factory=lambda: deque(maxlen=EVENTS_KEPT))
    _told: int = 0

    def __post_init__(self) -> None:
        self.screen = Screen(self.pictures.tell)

    def status(self) -> dict[str, Any]:
        """How the run goes, for JSON."""
        can = [action for action in get_args(Action) if self.controls.can(action)]
        if self.zones is None and "zones" in can:
            can.remove("zones")
        return {
            **asdict(self.board.status),
            "run": self.run,
            "title": self.title,
            "all_lanes": list(self.lanes),
            "counts": self.counts,
            "can": can,
            "viewers": self.screen.viewers,
            "zones": self.zone_counts,
        }

    def add_events(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Tell the viewers what has happened."""
        for event in events:
            self._told += 1
            self._events.append((self._told, event))
        self.happenings.tell()

    def events_after(self, number: int) -> list[tuple[int, Mapping[str, Any]]]:
        """Those that a viewer who knows the first `number` has missed, as far as they are kept."""
        return [(n, event) for n, event in list(self._events) if n > number]

    def end(self) -> None:
        """The run is over: streams to viewers end."""
        self.ended = True
        self.pictures.tell()
        self.happenings.tell()


class PageSink:
    """Hands moments to the page.

    render        the picture of a moment, (H, W, 3) uint8 RGB
    finders       of the events, by lane
    pixel_aspect  width of a pixel over its height
    count_zones   what the zones have counted so far, as in `Page.zone_counts`; asked in the run's thread
    """

    def __init__(
        self,
        page: Page,
        *,
        render: Callable[[Moment], Image],
        finders: Mapping[str, Finder[Event]],
        pixel_aspect: float = 1.0,
        count_zones: Callable[[], Mapping[str, Any]] = dict,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._page, self._render, self._finders, self._pixel_aspect = page, render, finders, pixel_aspect
        self._count_zones, self._clock, self._drawn_s = count_zones, clock, -UNWATCHED_S
        self._unix_at_0 = 0.0
        """by the clock, when the run's time was 0"""

    def write(self, moment: Moment) -> None:
        """Count, tell the events, and hand the picture over if somebody looks."""
        counts = {}
        for view in moment.views:
            seen = self._page.seen.setdefault(view.lane, SeenTimes())
            for track in view.tracks:
                seen.add(track.id, moment.frame.time_s)
            objects = None if view.off else sum(not track.hidden for track in view.tracks)
            counts[view.lane] = {"objects": objects, "identities": seen.identities}
        self._page.counts, self._page.zone_counts = counts, self._count_zones()
        events = [
            event for lane, finder in self._finders.items() for event in finder(moment) if self._tells(event, lane)
        ]
        self._unix_at_0 = time.time() - moment.frame.time_s
        self._tell(events)
        if self._page.screen.viewers or self._clock() - self._drawn_s >= UNWATCHED_S:
            self._drawn_s = self._clock()
            image = self._render(moment)
            self._page.screen.put(image, pixel_aspect=self._pixel_aspect, arrived_s=moment.frame.arrived_s)

    def close(self, outcome: Outcome) -> None:
        """Tell the last events. The page goes on: pictures of another size may follow; whoever serves it ends it."""
        self._tell([event for finder in self._finders.values() for event in finder.finish()])

    def _tells(self, event: Event, lane: str) -> bool:
        """A gap is the source's: it is told once, and not by every lane."""
        return event.kind != "gap" or lane == next(iter(self._finders))

    def _tell(self, events: Sequence[Event]) -> None:
        if events:
            self._page.add_events(_plain(event, self._unix_at_0 + event.time_s) for event in events)


def _plain(event: Event, at: float) -> dict[str, Any]:
    """For JSON; `at` is in seconds since 1970."""
    return {
        "kind": event.kind,
        "lane": event.lane,
        "ids": list(event.ids),
        "time_s": round(event.time_s, 3),
        "at": round(at, 3),
        "note": event.note,
    }
