"""One object under two names, one after the other: an identity that begins where another has just ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from tracker.events.lives import Life
from tracker.events.settings import EventSettings
from tracker.types import Box, Event


class Handovers:
    """Pairs births with ends; a pair is certain once the older one is known to be dead.

    at_border  whether a box is at the border, where ends and beginnings are nothing to wonder at
    """

    def __init__(self, settings: EventSettings, lane: str) -> None:
        self._settings, self._lane = settings, lane
        self._waiting: dict[int, tuple[Life, list[Life]]] = {}
        """by identity not seen now, that one and those born near it since"""
        self._dead: list[Life] = []
        """died lately"""

    def born(self, life: Life, lives: Iterable[Life], at_border: Callable[[Box], bool]) -> Iterator[Event]:
        """One has begun: it may be one of `lives` that is not seen now, or one that died lately."""
        since_s = life.born.time_s - self._settings.handover_s
        self._dead = [old for old in self._dead if old.seen.time_s >= since_s]
        for old in lives:
            if old.unseen is not None and old.seen.time_s >= since_s and self._near(old, life, at_border):
                self._waiting.setdefault(old.id, (old, []))[1].append(life)
        fitting = [old for old in self._dead if self._near(old, life, at_border) and self._alike(old, life)]
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

    def _near(self, old: Life, new: Life, at_border: Callable[[Box], bool]) -> bool:
        inside = not at_border(old.seen.box) and not at_border(old.listed.box)
        return inside and _distance(old, new) <= self._settings.handover_sizes * max(old.size, new.size)

    def _alike(self, old: Life, new: Life) -> bool:
        if not 1 / self._settings.handover_growth <= new.area_px / old.area_px <= self._settings.handover_growth:
            return False
        if old.colour is None or new.colour is None:
            return True
        return float(np.abs(old.colour - new.colour).mean()) <= self._settings.like_colour

    def _tell(self, old: Life, new: Life) -> Event:
        new.follows = old.id
        note = f"{new.id} begins where {old.id} ended"
        return Event("switch", self._lane, new.born.frame, new.born.time_s, (old.id, new.id), new.born.box, note=note)


def _distance(old: Life, new: Life) -> float:
    """Pixels from where the old one was seen, or foretold, to where the new one began."""
    x, y = new.born.box.centre
    return min(float(np.hypot(x - px, y - py)) for px, py in (old.seen.box.centre, old.listed.box.centre))
