"""Counts one lane's passages into and out of areas and over lines."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from tracker.timing import EPSILON_S, lasts
from tracker.types import Frame, Moment, Track
from tracker.zone_counts import ACROSS, APPEARED, REDRAWN, VANISHED, AreaCount, Passage, PassageKind, ZoneCounts
from tracker.zones.geometry import Point, border_distance, contains, distance, last_passage, passage
from tracker.zones.placed import PlacedZones


@dataclass(frozen=True)
class _Sight:
    """Where an identity was seen last."""

    frame: int
    """as tables write it"""
    time_s: float
    at: Point
    clear_px: float
    """how far beyond a border it must get"""


@dataclass(frozen=True)
class _Pending:
    """Passages of one border or line that are not certain yet."""

    net: int
    """to the right less to the left of a line; 1 of an area"""
    time_s: float
    """of the last one, interpolated"""
    sight: _Sight
    """the first since then"""


@dataclass
class _Object:
    """One identity that is alive."""

    id: int
    listed_s: float
    sight: _Sight
    inside: dict[str, float] = field(default_factory=dict)
    """since when it is in which areas"""
    pending: dict[str, _Pending] = field(default_factory=dict)
    """by area or line"""
    redrawn: set[str] = field(default_factory=set)
    """zones that were changed since it was seen"""


class ZoneCounter:
    """Moments in, passages out; keeps the totals. Memory is bounded by the identities alive.

    An anchor moves straight and evenly between two frames in which its identity is seen; a passage is dated where that way
    meets the border or line. It is counted once the identity is clear of it (`Zones.clear_sizes`, `clear_s`) or has ended;
    passages back and forth before that cancel out. Hidden (predicted) boxes are left out: who is seen again on the other side
    has passed in between. Passages come out in the order in which they become certain.
    """

    def __init__(self, placed: PlacedZones, lane: str) -> None:
        self.lane = lane
        self._drawn = self._placed = placed
        self._objects: dict[int, _Object] = {}
        self._areas = {name: AreaCount() for name in placed.areas}
        self._lines = dict.fromkeys(placed.lines, (0, 0))
        self._removed: list[str] = []
        self._moment: Moment | None = None
        self._passages: tuple[Passage, ...] = ()
        self._last: tuple[Passage, ...] | None = None
        self._ended: tuple[Passage, ...] = ()
        """by a reset"""

    def __call__(self, moment: Moment) -> tuple[Passage, ...]:
        """The passages that became certain with this moment; asked again with the same moment, the same."""
        if moment is not self._moment:
            self._moment, self._passages, self._ended = moment, (*self._ended, *self._step(moment)), ()
        return self._passages

    def reset(self) -> None:
        """Everybody has ended; totals go on. The passages come with those of the next moment, whose clock may be another."""
        self._ended += tuple(self._end(list(self._objects.values())))
        self._moment = None

    def go_on_from(self, before: ZoneCounts) -> None:
        """Add to another run's totals, where names are the same. Whoever was inside then is not known now, and counts as gone."""
        for name in self._areas.keys() & before.areas.keys():
            count = before.areas[name]
            self._areas[name] = replace(count, exits=count.entries)
        for name in self._lines.keys() & before.lines.keys():
            line, ways = self._placed.zones.lines[name], before.lines[name]
            self._lines[name] = ways.get(line.forward, 0), ways.get(line.backward, 0)

    def finish(self) -> tuple[Passage, ...]:
        """What the end makes certain: who is missing has ended, who is beyond a border has passed it. Asked again, the same."""
        if self._last is None:
            self._last = tuple(self._finish())
        return self._last

    def use(self, placed: PlacedZones) -> None:
        """Other zones from now on. Counts of names that are still there go on; those of other names are forgotten.

        An area that was moved takes in and lets out whom it now holds and holds no more, as REDRAWN; a line that was moved
        over an object was not crossed.
        """
        before, self._drawn = self._drawn, placed
        self._placed = placed if self._moment is None else placed.at(self._moment.frame.size)
        moved = placed.zones.anchor != before.zones.anchor
        kept = {
            name
            for old, new in ((before.areas, placed.areas), (before.lines, placed.lines))
            for name in old.keys() & new.keys()
            if not moved and old[name] == new[name]
        }
        for thing in self._objects.values():
            thing.pending = {name: pending for name, pending in thing.pending.items() if name in kept}
            thing.redrawn |= (placed.areas.keys() | placed.lines.keys()) - kept
        self._areas = {name: self._areas.get(name, AreaCount()) for name in {**self._areas, **placed.areas}}
        self._removed = [name for name in self._areas if name not in placed.areas]
        self._lines = {name: self._lines.get(name, (0, 0)) for name in placed.lines}

    @property
    def counts(self) -> ZoneCounts:
        """The totals up to the latest moment."""
        now_s = 0.0 if self._moment is None else self._moment.frame.time_s
        areas = {}
        for name in self._placed.areas:
            staying = [now_s - thing.inside[name] for thing in self._objects.values() if name in thing.inside]
            count = self._areas[name]
            areas[name] = replace(
                count, seconds=count.seconds + sum(staying), longest_s=max([count.longest_s, *staying])
            )
        lines = {}
        for name, line in self._placed.zones.lines.items():
            forward, backward = self._lines[name]
            lines[name] = {line.forward: forward, line.backward: backward}
        return ZoneCounts(areas, lines)

    def _step(self, moment: Moment) -> Iterator[Passage]:
        frame = moment.frame
        self._fit(frame.size)
        if not self._placed.zones.count and not self._removed:
            self._objects.clear()
            return
        yield from self._leave_removed(frame)
        for track in moment.view(self.lane).tracks:
            thing = self._objects.get(track.id)
            if thing is not None:
                thing.listed_s = frame.time_s
            if track.hidden:
                continue
            now = self._sight(track, frame)
            if thing is None:
                self._objects[track.id] = thing = _Object(track.id, frame.time_s, now)
                yield from self._appear(thing, APPEARED)
            else:
                yield from self._move(thing, now)
        grace_s = self._placed.zones.grace_s + EPSILON_S
        yield from self._end([o for o in self._objects.values() if frame.time_s - o.listed_s > grace_s])

    def _finish(self) -> Iterator[Passage]:
        if self._moment is None:
            return
        now_s = self._moment.frame.time_s
        yield from self._end([o for o in self._objects.values() if o.listed_s < now_s])
        for thing in self._objects.values():
            yield from self._settle_all(thing)

    def _fit(self, size: tuple[int, int]) -> None:
        """Go on in pictures of another size."""
        if size == self._placed.size:
            return
        across, down = size[0] / self._placed.size[0], size[1] / self._placed.size[1]
        for thing in self._objects.values():
            x, y = thing.sight.at
            thing.sight = replace(thing.sight, at=(x * across, y * down))
        self._placed = self._drawn.at(size)

    def _sight(self, track: Track, frame: Frame) -> _Sight:
        clear_px = self._placed.zones.clear_sizes * math.sqrt(max(0.0, track.box.area))
        return _Sight(frame.written, frame.time_s, self._placed.anchor(track.box), clear_px)

    def _appear(self, thing: _Object, direction: str, only: set[str] | None = None) -> Iterator[Passage]:
        """It is in areas without having come over their border."""
        for name, polygon in self._placed.areas.items():
            if (only is None or name in only) and name not in thing.inside and contains(polygon, thing.sight.at):
                yield self._enter(thing, name, direction, thing.sight.time_s, thing.sight)

    def _move(self, thing: _Object, now: _Sight) -> Iterator[Passage]:
        """Seen again."""
        before, thing.sight = thing.sight, now
        redrawn, thing.redrawn = thing.redrawn, set()
        for name in [name for name in thing.inside if name in redrawn]:
            if not contains(self._placed.areas[name], now.at):
                yield self._leave(thing, name, REDRAWN, now.time_s, now)
        yield from self._appear(thing, REDRAWN, redrawn)
        for name in self._placed.areas:
            if name not in redrawn:
                yield from self._move_at_area(thing, name, before)
        for name in self._placed.lines:
            if name not in redrawn:
                yield from self._move_at_line(thing, name, before)

    def _move_at_area(self, thing: _Object, name: str, before: _Sight) -> Iterator[Passage]:
        polygon, now = self._placed.areas[name], thing.sight
        inside = contains(polygon, now.at)
        was_inside = (name in thing.inside) != (name in thing.pending)
        if inside != was_inside and thing.pending.pop(name, None) is None:
            share = last_passage(polygon, before.at, now.at)
            thing.pending[name] = _Pending(1, _between(before, now, share), now)
        if name in thing.pending:
            clear_px = min(now.clear_px, self._placed.depths[name]) if inside else now.clear_px
            if self._lasts(thing, name) or border_distance(polygon, now.at) >= clear_px:
                yield from self._settle(thing, name)

    def _move_at_line(self, thing: _Object, name: str, before: _Sight) -> Iterator[Passage]:
        (a, b), now = self._placed.lines[name], thing.sight
        if (passed := passage(a, b, before.at, now.at)) is not None:
            share, to_right = passed
            earlier = thing.pending.pop(name, None)
            net = (0 if earlier is None else earlier.net) + (1 if to_right else -1)
            if net:
                thing.pending[name] = _Pending(net, _between(before, now, share), now)
        if name in thing.pending and (self._lasts(thing, name) or distance(a, b, now.at) >= now.clear_px):
            yield from self._settle(thing, name)

    def _lasts(self, thing: _Object, name: str) -> bool:
        """Whether it has been beyond the border or line for long enough."""
        beyond_s = thing.sight.time_s - thing.pending[name].sight.time_s
        return lasts(beyond_s, self._placed.zones.clear_s)

    def _settle(self, thing: _Object, name: str) -> Iterator[Passage]:
        """What is pending is certain."""
        pending = thing.pending.pop(name)
        if name in self._placed.lines:
            for _ in range(abs(pending.net)):
                yield self._cross(thing, name, pending)
        elif name in thing.inside:
            yield self._leave(thing, name, ACROSS, pending.time_s, pending.sight)
        else:
            yield self._enter(thing, name, ACROSS, pending.time_s, pending.sight)

    def _settle_all(self, thing: _Object) -> Iterator[Passage]:
        for name in list(thing.pending):
            yield from self._settle(thing, name)

    def _end(self, ended: list[_Object]) -> Iterator[Passage]:
        """Identities that will not be seen again: they stay on the side on which they were seen last."""
        for thing in ended:
            yield from self._settle_all(thing)
            for name in list(thing.inside):
                yield self._leave(thing, name, VANISHED, thing.sight.time_s, thing.sight)
            del self._objects[thing.id]

    def _leave_removed(self, frame: Frame) -> Iterator[Passage]:
        """Everybody leaves an area that is there no more."""
        for name in self._removed:
            for thing in self._objects.values():
                if name in thing.inside:
                    now = replace(thing.sight, frame=frame.written, time_s=frame.time_s)
                    yield self._leave(thing, name, REDRAWN, frame.time_s, now)
            del self._areas[name]
        self._removed.clear()

    def _enter(self, thing: _Object, name: str, direction: str, time_s: float, sight: _Sight) -> Passage:
        thing.inside[name] = time_s
        self._areas[name] = replace(self._areas[name], entries=self._areas[name].entries + 1)
        return self._passage("entry", thing, name, direction, time_s, sight)

    def _leave(self, thing: _Object, name: str, direction: str, time_s: float, sight: _Sight) -> Passage:
        seconds = max(0.0, time_s - thing.inside.pop(name))
        count = self._areas[name]
        self._areas[name] = AreaCount(
            count.entries, count.exits + 1, count.seconds + seconds, max(count.longest_s, seconds)
        )
        return self._passage("exit", thing, name, direction, time_s, sight, seconds)

    def _cross(self, thing: _Object, name: str, pending: _Pending) -> Passage:
        line, (forward, backward) = self._placed.zones.lines[name], self._lines[name]
        ahead = pending.net > 0
        self._lines[name] = (forward + ahead, backward + (not ahead))
        direction = line.forward if ahead else line.backward
        return self._passage("crossing", thing, name, direction, pending.time_s, pending.sight)

    def _passage(
        self,
        kind: PassageKind,
        thing: _Object,
        name: str,
        direction: str,
        time_s: float,
        sight: _Sight,
        seconds: float | None = None,
    ) -> Passage:
        return Passage(kind, self.lane, name, direction, thing.id, sight.frame, time_s, seconds)


def _between(before: _Sight, now: _Sight, share: float) -> float:
    """When so much of the way between two sights was done."""
    return before.time_s + share * (now.time_s - before.time_s)
