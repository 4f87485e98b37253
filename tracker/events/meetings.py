"""Two that come together and part, and whether they parted under each other's names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.events.lives import Colour, Life, Sight
from tracker.events.settings import EventSettings
from tracker.timing import lasts
from tracker.types import Event

Pair = tuple[int, int]
"""two identities, the smaller first"""


@dataclass
class _Meeting:
    """Two identities whose boxes overlap, or did until a moment ago."""

    since: Sight
    """the first frame together; the box is both"""
    before: tuple[Colour, Colour] | None
    """their colours as they were alone"""
    told: bool = False
    """the merge is known"""
    parted: Sight | None = None
    """the first frame apart, if they are apart"""
    split: bool = False
    """the split is known"""
    after_frames: int = 0
    after: tuple[Colour, Colour] = (np.zeros(3), np.zeros(3))
    """sums of their colours since"""


class Meetings:
    """Merges, splits and exchanges among the identities of one lane."""

    def __init__(self, settings: EventSettings, lane: str) -> None:
        self._settings, self._lane = settings, lane
        self._open: dict[Pair, _Meeting] = {}
        self._touching: dict[Pair, tuple[float, bool]] = {}
        """by pair that touches, or did lately: when it last did, and whether the two were apart before"""

    def forget(self, identity: int) -> None:
        """Drop every meeting of an identity that died."""
        for pairs in (self._open, self._touching):
            for pair in [pair for pair in pairs if identity in pair]:
                del pairs[pair]

    def step(
        self,
        frame: int,
        time_s: float,
        lives: Mapping[int, Life],
        places: Mapping[int, int],
        overlap: NDArray[np.float64],
        colours: Mapping[int, Colour | None],
    ) -> Iterator[Event]:
        """The meetings that became certain in this frame.

        places   identity -> row and column of `overlap`, for those among the tracks of this frame
        overlap  (N, N) share of the smaller box that lies in the other
        colours  of this frame, by identity; None where it owns no pixels
        """
        order = list(places)
        self._touching = {
            pair: last for pair, last in self._touching.items() if not lasts(time_s - last[0], self._settings.alone_s)
        }
        for row, column in np.argwhere(np.triu(overlap >= max(self._settings.part, 1e-9))):
            pair = min(order[row], order[column]), max(order[row], order[column])
            a, b = lives[pair[0]], lives[pair[1]]
            # who is born beside another did not come to it, and is likely a piece of it
            came = lasts(min(time_s - a.born.time_s, time_s - b.born.time_s), self._settings.alone_s)
            came = self._touching.get(pair, (0.0, came))[1]
            self._touching[pair] = time_s, came
            if not came or overlap[row, column] < self._settings.meet or pair in self._open or a.unseen or b.unseen:
                continue
            since = Sight(frame, time_s, a.listed.box.union(b.listed.box))
            self._open[pair] = _Meeting(since, _looks(a, b))
        for pair, meeting in list(self._open.items()):
            if pair[0] not in places or pair[1] not in places:
                continue
            a, b = lives[pair[0]], lives[pair[1]]
            share = float(overlap[places[pair[0]], places[pair[1]]])
            here = Sight(frame, time_s, a.listed.box.union(b.listed.box))
            if meeting.parted is None:
                yield from self._together(pair, meeting, share, here, seen=not (a.unseen or b.unseen))
            elif share >= self._settings.meet:
                self._rejoin(meeting, here)
            else:
                yield from self._apart(pair, meeting, meeting.parted, time_s, (colours[a.id], colours[b.id]), (a, b))

    def _together(self, pair: Pair, meeting: _Meeting, share: float, here: Sight, *, seen: bool) -> Iterator[Event]:
        if share < self._settings.part and seen:  # a predicted box parts from nobody
            meeting.parted = here
        elif not meeting.told and lasts(here.time_s - meeting.since.time_s, self._settings.together_s):
            meeting.told = True
            yield Event("merge", self._lane, meeting.since.frame, meeting.since.time_s, pair, meeting.since.box)

    def _rejoin(self, meeting: _Meeting, here: Sight) -> None:
        """Together again before anything was settled: the same meeting, or a new one if the split is told."""
        meeting.parted, meeting.after_frames, meeting.after = None, 0, (np.zeros(3), np.zeros(3))
        if meeting.split:
            meeting.since, meeting.told, meeting.split = here, False, False

    def _apart(
        self,
        pair: Pair,
        meeting: _Meeting,
        parted: Sight,
        time_s: float,
        colours: tuple[Colour | None, Colour | None],
        lives: tuple[Life, Life],
    ) -> Iterator[Event]:
        if colours[0] is not None and colours[1] is not None:
            meeting.after = (meeting.after[0] + colours[0], meeting.after[1] + colours[1])
            meeting.after_frames += 1
        if meeting.told and not meeting.split and lasts(time_s - parted.time_s, self._settings.apart_s):
            meeting.split = True
            note = f"after {parted.time_s - meeting.since.time_s:.1f} s together"
            yield Event("split", self._lane, parted.frame, parted.time_s, pair, parted.box, note=note)
        if not lasts(time_s - parted.time_s, max(self._settings.settle_s, self._settings.apart_s)):
            return
        del self._open[pair]
        if meeting.before is not None and meeting.after_frames:
            a, b = (colour / meeting.after_frames for colour in meeting.after)
            if _exchanged(meeting.before, (a, b), self._settings.exchange):
                lives[0].colour, lives[1].colour = a, b
                note = "colours exchanged after meeting"
                yield Event("switch", self._lane, parted.frame, parted.time_s, pair, parted.box, note=note)


def _looks(a: Life, b: Life) -> tuple[Colour, Colour] | None:
    """The colours of both, if both were seen alone."""
    if a.colour is None or b.colour is None or not (a.alone_frames and b.alone_frames):
        return None
    return a.colour, b.colour


def _exchanged(before: tuple[Colour, Colour], after: tuple[Colour, Colour], margin: float) -> bool:
    """Whether the colours fit better exchanged, by more than the margin and by half."""

    def differ(a: Colour, b: Colour) -> float:
        return float(np.abs(a - b).mean())

    kept = (differ(before[0], after[0]) + differ(before[1], after[1])) / 2
    swapped = (differ(before[0], after[1]) + differ(before[1], after[0])) / 2
    return kept - swapped > margin and swapped < kept / 2
