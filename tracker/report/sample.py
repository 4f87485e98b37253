"""Events for a page of bounded size, from a run of any length."""

from __future__ import annotations

from collections import Counter

from tracker.types import Event

KEPT = 1000
"""events of each kind that are kept at least, where there were more"""


class EventSample:
    """Every event counted; of each kind at most twice KEPT kept, evenly spread over their order.

    counts  by (kind, lane)
    """

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self._kept: dict[str, list[Event]] = {}
        self._stride: Counter[str] = Counter()
        self._met: Counter[str] = Counter()

    def add(self, event: Event) -> None:
        """Count it, and keep it if it is its turn."""
        kind = event.kind
        self.counts[kind, event.lane] += 1
        stride = self._stride[kind] or 1
        if self._met[kind] % stride == 0:
            kept = self._kept.setdefault(kind, [])
            kept.append(event)
            if len(kept) == 2 * KEPT:
                self._kept[kind] = kept[::2]
                self._stride[kind] = 2 * stride
        self._met[kind] += 1

    @property
    def events(self) -> tuple[Event, ...]:
        """Those kept; all of them where there were few."""
        return tuple(event for kept in self._kept.values() for event in kept)
