"""One object under two names, one after the other: an identity that begins where another has just ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from tracker.events.lives import Life, area, shared_areas
from tracker.events.settings import EventSettings
from tracker.types import Event


class Handovers:
    """Pairs births with ends; a pair is certain once the older one is known to be dead."""

    def __init__(self, settings: EventSettings, lane: str) -> None:
        self._settings, self._lane = settings, lane
        self._waiting: dict[int, tuple[Life, list[Life]]] = {}
        """by identity not seen now, that one and those born near it since"""
        self._dead: list[Life] = []
        """died lately"""

    def born(self, life: Life, lives: Iterable[Life], size: tuple[int, int]) -> Iterator[Event]:
        """One has begun: it may be one of `lives` that is not seen now, or one that died lately.

        size  (width, height) of the picture
        """
        since_s = life.born.time_s - self._settings.handover_s
        self._dead = [old for old in self._dead if old.seen.time_s >= since_s]
        for old in lives:
            if old.unseen is not None and old.seen.time_s >= since_s and self._near(old, life, size):
                self._waiting.setdefault(old.id, (old, []))[1].append(life)
        fitting = [old for old in self._dead if self._near(old, life, size) and self._alike(old, life)]
        if fitting:
            old = min(fitting, key=lambda old: _distance(old, life))
            self._dead.remove(old)
            yield self._tell(old, life)

    def returned(self, life: Life) -> None:
        """One is seen again: it has handed its name to nobody."""
        self._waiting.pop(life.id, None)

    def died(self, life: Life) -> Iterator[Event]:
        """One is known to be dead."""
        _, near = self._waiting.pop(life.id, (life, []))
        fitting = [
            new for new in near if new.follows is None and self._alike(life, new) and not self._nearer(life, new)
        ]
        if fitting:
            yield self._tell(life, min(fitting, key=lambda new: _distance(life, new)))
        else:
            self._dead.append(life)

    def _nearer(self, old: Life, new: Life) -> bool:
        """Whether the new one began nearer to another that is not seen now."""
        return any(
            new in near and self._alike(other, new) and _distance(other, new) < _distance(old, new)
            for other, near in self._waiting.values()
        )

    def _near(self, old: Life, new: Life, size: tuple[int, int]) -> bool:
        """Whether the new one begins where the old one would be by now; one that walked out is not there any more."""
        x0, y0, x1, y1 = expected = old.expected(new.born.time_s)
        inside = max(0.0, min(x1, size[0]) - max(x0, 0)) * max(0.0, min(y1, size[1]) - max(y0, 0))
        here = inside >= self._settings.in_view * area(expected)
        return here and _distance(old, new) <= self._settings.handover_sizes * max(old.size, new.size)

    def _alike(self, old: Life, new: Life) -> bool:
        """Like in colour and, unless one box lies in the other, in size: a piece of an object looks smaller than all of it."""
        shared, areas = shared_areas([old.seen.box, new.born.box])
        piece = shared[0, 1] >= self._settings.meet * areas.min()
        ratio = new.area_px / old.area_px
        if not piece and not 1 / self._settings.handover_growth <= ratio <= self._settings.handover_growth:
            return False
        if old.colour is None or new.colour is None:
            return True
        return float(np.abs(old.colour - new.colour).mean()) <= self._settings.like_colour

    def _tell(self, old: Life, new: Life) -> Event:
        new.follows = old.id
        note = f"{new.id} begins where {old.id} ended"
        return Event("switch", self._lane, new.born.frame, new.born.time_s, (old.id, new.id), new.born.box, note=note)


def _distance(old: Life, new: Life) -> float:
    """Pixels from where the old one was seen, foretold or to be expected to where the new one began."""
    x, y = new.born.box.centre
    places = (old.seen.box.centre, old.listed.box.centre, old.expected(new.born.time_s).centre)
    return min(float(np.hypot(x - px, y - py)) for px, py in places)
