"""When something happened: a camera that is watched for weeks sees it thousands of times."""

from __future__ import annotations

from tracker.timing import clock

MOST_TIMES = 100
"""times that are kept; the others are counted"""


class Occurrences:
    """The first times at which something happened, the last one, and how often it did."""

    def __init__(self) -> None:
        self.count = 0
        self.first: tuple[float, ...] = ()
        """seconds; MOST_TIMES at most"""
        self.last: float | None = None

    def add(self, time_s: float) -> None:
        """It happened again."""
        self.count += 1
        self.last = time_s
        if len(self.first) < MOST_TIMES:
            self.first += (time_s,)

    def __str__(self) -> str:
        """ "at 0:03.2", "at 0:03.2 and 2 more times"."""
        more = self.count - 1
        return f"at {clock(self.first[0])}" + (f" and {more} more time{'s' if more > 1 else ''}" if more else "")
