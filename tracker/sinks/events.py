"""Events as JSON lines: one object a line, for programs and for `jq`."""

from __future__ import annotations

import json
from collections.abc import Iterable

from tracker.numbering import Numbering
from tracker.sinks.outputs import Output
from tracker.sinks.tables import TableSink
from tracker.types import Event, Finder, Moment


class EventRows:
    """The events of one lane as JSON lines; see `EventLines`."""

    head, sparse = "", False

    def __init__(self, finder: Finder[Event]) -> None:
        self._finder = finder
        self._numbering = Numbering()

    def rows(self, moment: Moment) -> str:
        """The events that became certain with this moment."""
        self._numbering.add(moment.frame)
        return self._lines(self._finder(moment))

    def finish(self) -> str:
        """The events that the end made certain."""
        return self._lines(self._finder.finish())

    def _lines(self, events: Iterable[Event]) -> str:
        plain = (event.plain(self._numbering.written) for event in events)
        return "".join(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in plain)


class EventLines(TableSink):
    """The events of one lane, in the order in which they became certain; a clip without any makes an empty file.

    frame as in the MOT table; time_s; kind; lane; ids, whom it befell first; box [x0, y0, x1, y1] in pixels, half open; end_frame,
    the first in which it no longer holds, and end_s, or null; note, for people.
    """

    def __init__(self, output: Output, finder: Finder[Event]) -> None:
        super().__init__(output, EventRows(finder))
