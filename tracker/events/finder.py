"""Finds the events of one lane while it runs. Remembers only identities that are alive or lately gone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tracker.events.handovers import Handovers
from tracker.events.lives import Colour, Life, Sight, area, mean_colour, reaches, shared_areas
from tracker.events.meetings import Meetings
from tracker.events.settings import EventSettings
from tracker.timing import EPSILON_S, lasts
from tracker.types import INSIDE, Box, Event, Moment, Track, gap_event


class EventFinder:
    """Moments in, events out.

    birth       the first frame of an identity
    death       gone from the tracks for good; dated at the frame in which it was last seen. Alive at the end is no death
    occlusion   not seen for a while, then seen again
    merge       two have come together; dated at the first frame in which they overlapped
    split       the same two have parted
    switch      suspected: one begins where another ended, or two that met parted in each other's colours
    gap         a live source gave no picture for a while; of nobody

    Events come out in the order in which they become certain, which may be some time after their own frame. A merge is
    told before its end is known: the split of the same pair is its end.
    """

    def __init__(self, settings: EventSettings, lane: str) -> None:
        self.settings, self.lane = settings, lane
        self._meetings, self._handovers = Meetings(settings, lane), Handovers(settings, lane)
        self._lives: dict[int, Life] = {}
        self._size = (0, 0)
        self._latest: int | None = None
        self._moment: Moment | None = None
        self._events: tuple[Event, ...] = ()
        self._last: tuple[Event, ...] | None = None

    def __call__(self, moment: Moment) -> tuple[Event, ...]:
        """The events that became certain with this moment; asked again with the same moment, the same."""
        if moment is not self._moment:
            self._moment, self._events = moment, tuple(self._step(moment))
        return self._events

    def finish(self) -> tuple[Event, ...]:
        """The events that the clip's end makes certain: who is missing now is dead. Asked again, the same."""
        if self._last is None:
            here = self._moment.frame.index if self._moment else 0
            self._last = tuple(self._bury([life for life in self._lives.values() if life.listed.frame < here]))
        return self._last

    def _step(self, moment: Moment) -> Iterator[Event]:
        frame, view = moment.frame, moment.view(self.lane)
        if frame.gap is not None:
            yield gap_event(self.lane, frame, frame.index if self._latest is None else self._latest)
        self._size, self._latest = frame.size, frame.index
        shared, areas = shared_areas([track.box for track in view.tracks])
        overlap = shared / np.minimum.outer(areas, areas)
        colours = {t.id: mean_colour(frame, view.segmentation.labels, t) for t in view.tracks}
        listed = {track.id for track in view.tracks}
        for life in self._lives.values():
            if life.id not in listed and life.unseen is None:
                life.unseen = Sight(frame.index, frame.time_s, life.listed.box)
        for n, track in enumerate(view.tracks):
            now = Sight(frame.index, frame.time_s, track.box)
            alone = not (overlap[n] >= self.settings.part).any()
            if track.id not in self._lives:
                yield from self._begin_life(track, now, colours[track.id], alone=alone)
            else:
                yield from self._follow(track, now, colours[track.id], alone=alone)
        self._count_covers(view.tracks, shared / areas[:, None])
        grace_s = self.settings.grace_s + EPSILON_S
        yield from self._bury([n for n in self._lives.values() if frame.time_s - n.listed.time_s > grace_s])
        places = {track.id: n for n, track in enumerate(view.tracks)}
        yield from self._meetings.step(frame.index, frame.time_s, self._lives, places, overlap, colours)

    def _count_covers(self, tracks: Sequence[Track], covered: NDArray[np.float64]) -> None:
        """Add up who stands where the unseen ones are foretold; `covered` (N, N) is the share of a row's box in a column's."""
        for n, track in enumerate(tracks):
            life = self._lives[track.id]
            if life.unseen is None:
                continue
            life.unseen_frames += 1
            for m in np.flatnonzero(covered[n]).tolist():
                if not tracks[m].hidden:
                    other = tracks[m].id
                    life.covers[other] = life.covers.get(other, 0.0) + float(covered[n, m])

    def _begin_life(self, track: Track, now: Sight, colour: Colour | None, *, alone: bool) -> Iterator[Event]:
        life = Life(track.id, now, now, now, area(track.box), colour)
        life.alone_frames, life.unseen = int(alone), now if track.hidden else None
        note = "at the border" if self._at_border(track.box) else INSIDE
        yield Event("birth", self.lane, now.frame, now.time_s, (track.id,), track.box, note=note)
        yield from self._handovers.born(life, self._lives.values(), self._size)
        self._lives[track.id] = life

    def _follow(self, track: Track, now: Sight, colour: Colour | None, *, alone: bool) -> Iterator[Event]:
        life = self._lives[track.id]
        life.listed = now
        if track.hidden:
            life.unseen = life.unseen or now
            return
        if life.unseen is not None:
            self._handovers.returned(life)
            if lasts(now.time_s - life.unseen.time_s, self.settings.occlusion_s):
                yield self._occlusion(life, life.unseen, now)
            life.unseen, life.unseen_frames, life.covers = None, 0, {}
        life.remember(now, colour, alone=alone)

    def _occlusion(self, life: Life, start: Sight, end: Sight) -> Event:
        ids: tuple[int, ...] = (life.id,)
        note = "unseen"
        other = max(life.covers, key=lambda other: life.covers[other], default=None)
        if other is not None and life.covers[other] >= self.settings.behind * max(1, life.unseen_frames):
            ids, note = (life.id, other), f"behind {other}"
        box = life.seen.box
        return Event("occlusion", self.lane, start.frame, start.time_s, ids, box, end.frame, end.time_s, note)

    def _bury(self, lives: list[Life]) -> Iterator[Event]:
        for life in lives:
            del self._lives[life.id]
            self._meetings.forget(life.id)
            left = self._at_border(life.seen.box) or self._at_border(life.listed.box)
            note = "left the picture" if left else INSIDE
            if lasts(life.listed.time_s - life.seen.time_s, self.settings.occlusion_s):
                note += ", after being hidden"
            yield Event("death", self.lane, life.seen.frame, life.seen.time_s, (life.id,), life.seen.box, note=note)
            yield from self._handovers.died(life)

    def _at_border(self, box: Box) -> bool:
        return reaches(box, self._size, self.settings.border_sizes)
