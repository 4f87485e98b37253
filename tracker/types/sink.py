"""Where moments go."""

from __future__ import annotations

from typing import Literal, Protocol

from tracker.types.moment import Moment

Outcome = Literal["complete", "interrupted", "failed"]


class Sink(Protocol):
    """Takes moments in order, then is closed once. Files are written beside their final names, which they take together after that.

    One that a user can close, such as a window, may also have `wants_stop`: whether the run is to end.
    """

    def write(self, moment: Moment) -> None: ...

    def close(self, outcome: Outcome) -> None:
        """Finish what was written so far; a file for which no moment came stays unfinished, and does not appear."""
        ...
