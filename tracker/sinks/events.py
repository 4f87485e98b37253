"""Events as JSON lines: one object a line, for programs and for `jq`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from tracker.sinks.outputs import PartText
from tracker.types import Event, Moment, Outcome


class Finder(Protocol):
    """Where the events come from; several sinks may ask the same one."""

    def __call__(self, moment: Moment) -> tuple[Event, ...]: ...

    def finish(self) -> tuple[Event, ...]: ...


class EventLines:
    """The events of one lane, in the order in which they became certain; a clip without any makes an empty file.

    frame from 1; time_s; kind; lane; ids, whom it befell first; box [x0, y0, x1, y1] in pixels, half open; end_frame
    from 1, the first frame in which it no longer holds, and end_s, or null; note, for people.
    """

    def __init__(self, path: Path, finder: Finder) -> None:
        self.path = path
        self._finder = finder
        self._text = PartText(path)
        self._began = False

    def write(self, moment: Moment) -> None:
        """Add the events that became certain. SinkError if they cannot be written."""
        self._began = True
        self._text.write(_lines(self._finder(moment)))

    def close(self, outcome: Outcome) -> None:
        """Add what the end made certain and give the file its final name; nothing if no moment came."""
        if self._began:
            self._text.settle(tail=_lines(self._finder.finish()))


def _lines(events: Iterable[Event]) -> str:
    return "".join(json.dumps(_plain(event), ensure_ascii=False, allow_nan=False) + "\n" for event in events)


def _plain(event: Event) -> dict[str, object]:
    return {
        "frame": event.frame + 1,
        "time_s": round(event.time_s, 6),
        "kind": event.kind,
        "lane": event.lane,
        "ids": list(event.ids),
        "box": [round(float(side), 2) for side in event.box],
        "end_frame": None if event.end_frame is None else event.end_frame + 1,
        "end_s": None if event.end_s is None else round(event.end_s, 6),
        "note": event.note,
    }
