"""Events as JSON lines: one object a line, for programs and for `jq`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Protocol

from tracker.sinks.outputs import Output, PartText
from tracker.types import Event, Frame, Moment, Outcome


class Finder(Protocol):
    """Where the events come from; several sinks may ask the same one."""

    def __call__(self, moment: Moment) -> tuple[Event, ...]: ...

    def finish(self) -> tuple[Event, ...]: ...


class EventRows:
    """The events of one lane as JSON lines; see `EventLines`."""

    head = ""

    def __init__(self, finder: Finder) -> None:
        self._finder = finder
        self._numbers: list[int] | None = None
        """by place in the run; None as long as frames count from 1 without gaps"""

    def rows(self, moment: Moment) -> str:
        """The events that became certain with this moment."""
        self._count(moment.frame)
        return self._lines(self._finder(moment))

    def finish(self) -> str:
        """The events that the end made certain."""
        return self._lines(self._finder.finish())

    def _count(self, frame: Frame) -> None:
        if self._numbers is None and frame.written != frame.index + 1:
            self._numbers = list(range(1, frame.index + 1))
        if self._numbers is not None:
            self._numbers.append(frame.written)

    def _written(self, index: int) -> int:
        return index + 1 if self._numbers is None else self._numbers[index]

    def _lines(self, events: Iterable[Event]) -> str:
        plain = (_plain(event, self._written) for event in events)
        return "".join(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in plain)


class EventLines:
    """The events of one lane, in the order in which they became certain; a clip without any makes an empty file.

    frame as in the MOT table; time_s; kind; lane; ids, whom it befell first; box [x0, y0, x1, y1] in pixels, half open; end_frame,
    the first in which it no longer holds, and end_s, or null; note, for people.
    """

    def __init__(self, output: Output, finder: Finder) -> None:
        self._rows = EventRows(finder)
        self._text = PartText(output)
        self._began = False

    def write(self, moment: Moment) -> None:
        """Add the events that became certain. SinkError if they cannot be written."""
        self._began = True
        self._text.write(self._rows.rows(moment))

    def close(self, outcome: Outcome) -> None:
        """Add what the end made certain and finish the file; nothing if no moment came."""
        if self._began:
            self._text.write(self._rows.finish())
            self._text.close()


def _plain(event: Event, written: Callable[[int], int]) -> dict[str, object]:
    return {
        "frame": written(event.frame),
        "time_s": round(event.time_s, 6),
        "kind": event.kind,
        "lane": event.lane,
        "ids": list(event.ids),
        "box": [round(float(side), 2) for side in event.box],
        "end_frame": None if event.end_frame is None else written(event.end_frame),
        "end_s": None if event.end_s is None else round(event.end_s, 6),
        "note": event.note,
    }
