"""A sink that hands events on while the run goes on."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Protocol

from tracker.controls import Status
from tracker.hooks.delivery import Delivery
from tracker.numbering import Numbering
from tracker.types import Event, Finder, Frame, Moment, Outcome, gap_event


class SentEvent(Protocol):
    """An `Event`, or another dataclass that says what happened when: a passage of a zone."""

    @property
    def kind(self) -> str: ...
    @property
    def time_s(self) -> float: ...


@dataclass
class RunMark:
    """What a run is called in all that it tells, and how many events it has sent: segments of one run have the same."""

    run: str = field(default_factory=lambda: secrets.token_hex(4))
    sent: int = 0


class EventHook:
    """Sends every event, once it is certain, as one line of JSON to every destination.

    finders  of the lanes, and any others: zones, say
    source   its name, without a password
    mark     of the run; None: one of its own
    live     whether `time` is when it happened; of a file nobody knows, so it is when it was found
    only     nobody else takes this run's results: once stdout's reader has gone, the run ends
    changed  told by how many events are lost, and one line on what is wrong, after each moment
    closed   called once it is closed

    Keys: time (ISO 8601 with offset), source, run (the same for all lines of a run), n (from 1 without holes: one that is missing
    was lost, one that comes again is the same event), and those of `Event.plain`, or the fields of what is no Event. Beside
    events come gaps (lane null; from the last picture to the next), and "waiting" at the moment when a live source gives no
    picture any more.
    """

    def __init__(
        self,
        deliveries: Sequence[Delivery],
        finders: Sequence[Finder[SentEvent]],
        *,
        source: str,
        mark: RunMark | None = None,
        live: bool,
        only: bool = False,
        changed: Callable[[int, str], None] = lambda lost, problem: None,
        closed: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._deliveries, self._finders, self._changed = deliveries, finders, changed
        self._closed = closed
        self._mark = mark or RunMark()
        self._head = {"source": source, "run": self._mark.run}
        self._live, self._only, self._clock = live, only, clock
        self._numbering = Numbering()
        self._frame: Frame | None = None
        self._unix_at_0 = 0.0
        """by the clock, when the run's time was 0"""
        self._lock = threading.Lock()
        self._state = ""

    @property
    def wants_stop(self) -> bool:
        """Nobody is left who takes the results."""
        return self._only and all(each.gone for each in self._deliveries)

    def write(self, moment: Moment) -> None:
        """Send what became certain with this moment."""
        if self._frame is None:
            for each in self._deliveries:
                each.start()
        self._frame = moment.frame
        self._numbering.add(moment.frame)
        if self._live:
            self._unix_at_0 = self._clock() - _age_s(moment.frame) - moment.frame.time_s
        if moment.frame.gap is not None:
            self._send([gap_event("", moment.frame, max(0, moment.frame.index - 1))])
        # a gap is the source's: it is told once, and not by every lane
        self._send(event for finder in self._finders for event in finder(moment) if event.kind != "gap")
        self._changed(sum(each.lost for each in self._deliveries), self._problem())

    def watch(self, status: Status) -> None:
        """Send word when a live source stops to give pictures. Called from any thread, whenever the status changes."""
        before, self._state = self._state, status.state
        frame = self._frame
        if status.state == "waiting" and before != "waiting" and frame is not None:
            time_s = self._clock() - self._unix_at_0
            self._send([Event("waiting", "", frame.index, time_s, (), frame.whole, note=status.note)])

    def close(self, outcome: Outcome) -> None:
        """Send what the end makes certain, and see that it is carried away."""
        self._closed()
        if self._frame is None:
            return
        self._send([event for finder in self._finders for event in finder.finish()])
        for each in self._deliveries:  # all at once: together they take no longer than one
            each.end()
        for each in self._deliveries:
            each.close()
        self._changed(sum(each.lost for each in self._deliveries), self._problem())

    def _send(self, events: Iterable[SentEvent]) -> None:
        found = tuple(events)
        with self._lock:
            for event in found:
                self._mark.sent += 1
                line = json.dumps(self._line(event), ensure_ascii=False, allow_nan=False)
                for each in self._deliveries:
                    each.put(line)

    def _line(self, event: SentEvent) -> dict[str, Any]:
        unix_s = self._unix_at_0 + event.time_s if self._live else self._clock()
        when = datetime.fromtimestamp(unix_s).astimezone().isoformat(timespec="milliseconds")
        return {"time": when, **self._head, "n": self._mark.sent, **_plain(event, self._numbering)}

    def _problem(self) -> str:
        return "; ".join(status for each in self._deliveries if (status := each.status))


def _plain(found: Any, numbering: Numbering) -> dict[str, Any]:
    """What was found as JSON has it; what an event has and another has not is null. A frame of another is written already."""
    if isinstance(found, Event):
        return found.plain(numbering.written)
    values = asdict(found)
    if "id" in values:
        values["ids"] = [values.pop("id")]
    return {"ids": [], "box": None, "end_frame": None, "end_s": None, "note": ""} | values


def _age_s(frame: Frame) -> float:
    """Seconds since the picture arrived."""
    return 0.0 if frame.arrived_s is None else time.monotonic() - frame.arrived_s
