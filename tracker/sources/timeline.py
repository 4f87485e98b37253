"""Which number and which time every picture of a file has, from the list of its packets. Pure: no file is touched.

A picture's number is its place in the order of showing, pictures that cannot be decoded counted. Most containers give
that order by `pts`. AVI and others give the order of decoding only; then pictures are counted as they come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tracker.sources.clock import FALLBACK_FPS, judge
from tracker.sources.packets import NO_TIME, Packets

RESTART_S = 1.0
"""Timestamps that fall back further than this have started over, as in joined recordings."""
MPEG4_AHEAD = 2
"""A picture of MPEG-4 part 2 is decoded at most so many places before it is shown."""
MOST_OFF_S = 0.08
"""A picture's time may be so far from the container's, where rounded times were made even, for the two to be in step: half of what a
viewer notices between picture and sound (ITU-R BT.1359: 0.09 to 0.18 s)."""
FARTHEST = 2**61
"""Ticks beyond are cut down to it, so that differences and sums stay integers."""
REORDER = 32
"""A picture is shown at most so many places from where it is decoded: H.264 and HEVC hold 16 frames, 32 fields."""

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class PictureTimeline:
    """Numbers (from 0) and times of the N pictures that a file holds, of which P packets tell."""

    times_s: NDArray[np.float64]
    """(N,) seconds from the clip's first picture, rising"""
    ranks: Ints | None
    """(P,) the number of the packet's picture, below 0 before the clip's first; None if only counting tells it"""
    least: Ints
    """(P,) the number that the packet's picture has at least: its rank, except where pictures share a time; without
    ranks only keys have one, since what is decoded before a key is shown before it"""
    most: Ints
    """(P,) the number that it has at most; without ranks beyond all"""
    loose: int | None
    """None: every packet gives a picture. Else some may give none, as the VOPs of MPEG-4 that are not coded, numbers come
    by counting only, and the picture of packet p is shown in the place p - loose or later"""
    keys: Ints
    """packets at which decoding can begin, rising"""
    fps: float | None
    """mean pictures a second; None if nothing tells"""
    note: str | None
    """why the container's times were not used"""
    base_s: float | None = None
    """the container's time of the clip's first picture; None where `times_s` are not its times, or these start over: then nothing
    else in the file has times that can be told from the pictures'"""

    def __len__(self) -> int:
        return len(self.times_s)

    @property
    def step_s(self) -> float:
        """Seconds from a picture to the next, where nothing else tells."""
        return 1 / (self.fps or FALLBACK_FPS)

    @property
    def end_s(self) -> float:
        """Seconds at which the last picture's time is over."""
        return float(self.times_s[-1]) + self.step_s if len(self) else 0.0

    def time_s(self, number: int) -> float:
        """When a picture is, in seconds; those that no packet announced follow the last at the mean rate."""
        if number < len(self):
            return float(self.times_s[number])
        return self.end_s + (number - len(self)) * self.step_s

    def least_of(self, packet: int) -> int:
        """The number that the packet's picture has at least; 0 for one that was not listed, as a second pass over
        damage may find it."""
        return int(self.least[packet]) if packet < len(self.least) else 0

    def is_past(self, packet: int, number: int) -> bool:
        """Whether the packet's picture should have come before the picture of this number."""
        return packet < len(self.most) and bool(self.most[packet] < number)

    def referenced(self, numbers: range) -> int:
        """How many of the pictures with these numbers others are decoded from, as the orders of decoding and showing let one expect:
        those shown after all that were decoded before them, or after one that is decoded later. 0 without ranks."""
        if self.ranks is None or self.loose is not None:
            return 0
        later = np.append(np.minimum.accumulate(self.ranks[::-1])[::-1][1:], FARTHEST)
        used = (self.ranks >= np.maximum.accumulate(self.ranks)) | (self.ranks > later)
        return int((used & (self.ranks >= numbers.start) & (self.ranks < numbers.stop)).sum())

    def begin_for(self, number: int) -> int:
        """The packet from which on to decode for this picture, 0 or a key.

        The second key before it, since some keys (recovery points of H.264) need a run-up, and since without ranks the
        first number that is known is that of the second key.
        """
        if self.loose is not None:
            return 0
        if self.ranks is None:
            before = self.keys[self.least[self.keys] <= number - REORDER]
        else:
            before = self.keys[self.ranks[self.keys] <= number]
        return int(before[-2]) if len(before) > 1 else 0

    def first_from(self, packet: int) -> int:
        """The smallest number among this packet's picture and those decoded after it."""
        if self.ranks is None or packet == 0:
            return 0
        return max(0, int(self.ranks[packet : packet + REORDER + 1].min()))


def build_timeline(
    packets: Packets,
    rates: Sequence[float],
    *,
    reorders: bool,
    timeless: bool,
    showing: bool = True,
    one_each: bool = True,
    anywhere: bool = False,
    first_packet: int = 0,
) -> PictureTimeline:
    """Number the pictures and give each its time.

    rates           pictures a second by the header, the best first
    reorders        the codec may show pictures in another order than that of decoding
    timeless        the container has no times; those of `packets` were made up from a rate
    showing         the container says when pictures are shown; AVI says when they are decoded, and the rest is a guess
    one_each        every packet of this codec gives a picture
    anywhere        the clip may begin amidst pictures of which the first are missing: a stream that was written down
    first_packet    the packet of the first picture that could be decoded
    """
    count = len(packets)
    said, by_showing = _said(packets)
    ranks: Ints | None = np.arange(count)
    least = most = np.arange(count)
    reorders = reorders and not packets.keys.all()
    loose = None if one_each else MPEG4_AHEAD if reorders else 0
    by_keys = False
    if reorders or not one_each:
        ranks = None
        if said is not None and by_showing and showing and one_each and not timeless:
            ranks, least, most = _order(said, packets.keys)
        by_keys = ranks is not None
        if ranks is None:
            least = np.where(packets.keys & one_each, least, 0)
            most = np.full(count, FARTHEST)
    ordered = None if timeless or said is None else _joined(said, packets, rates, by_keys=by_keys)
    times_s, fps, note = judge(ordered, count, tick_s=packets.tick_s, rates=rates)
    begin = _begin(ranks, packets.keys, first_packet) if anywhere else 0
    base_s = None if ordered is None or said is None else _base_s(said, ordered, times_s, tick_s=float(packets.tick_s))
    if base_s is not None and begin < count:
        base_s += float(times_s[begin])
    times_s = times_s[begin:] - times_s[begin : begin + 1]
    ranks = None if ranks is None else ranks - begin
    keys = np.flatnonzero(packets.keys)
    return PictureTimeline(times_s, ranks, least - begin, most - begin, loose, keys, fps, note, base_s)


def _base_s(said: Ints, ordered: Ints, times_s: NDArray[np.float64], *, tick_s: float) -> float | None:
    """The container's time at which the clip's is 0; None where the two do not go on together."""
    if not len(said) or not np.array_equal(np.sort(said) - said.min(), ordered):
        return None  # they start over
    if np.abs(ordered * tick_s - times_s).max() > MOST_OFF_S:
        return None
    return float(said.min()) * tick_s


def _said(packets: Packets) -> tuple[Ints | None, bool]:
    """What the container says in ticks, and whether in the order of showing; None where it says too little."""
    for ticks, by_showing in ((packets.pts, True), (packets.dts, False)):
        given = ticks != NO_TIME
        if len(given) and given.all():
            return ticks.clip(-FARTHEST, FARTHEST), by_showing
    given = packets.pts != NO_TIME
    if np.count_nonzero(given) * 2 < max(1, len(given)):
        return None, False
    places, pts = np.arange(len(given)), packets.pts.clip(-FARTHEST, FARTHEST)
    return np.interp(places, places[given], pts[given]).round().astype(np.int64), False


def _order(pts: Ints, keys: NDArray[np.bool_]) -> tuple[Ints | None, Ints, Ints]:
    """(rank, least rank, most) of each packet's picture by its time of showing.

    No ranks if the times are no order of showing: all pictures in the order of decoding although the codec reorders,
    or pictures further from their places than any codec puts them.
    """
    places = np.arange(len(pts))
    ranks, least, most = (np.empty_like(places) for _ in range(3))
    for begin, end in pairwise([*_restarts_at_keys(pts, keys), len(pts)]):
        part = pts[begin:end]
        order = np.argsort(part, kind="stable")
        ranks[begin + order] = places[begin:end]
        least[begin:end] = begin + np.searchsorted(part[order], part, side="left")
        most[begin:end] = begin + np.searchsorted(part[order], part, side="right") - 1
    away = np.abs(ranks - places).max(initial=0)
    return (ranks, least, most) if 0 < away <= REORDER else (None, places, places)


def _restarts_at_keys(pts: Ints, keys: NDArray[np.bool_]) -> list[int]:
    """Where times start over: at a key picture that is shown before one decoded earlier. First of all 0."""
    starts, latest, begin = [0], NO_TIME, 0
    for key in np.flatnonzero(keys).tolist():
        latest = max(latest, int(pts[begin:key].max(initial=NO_TIME)))
        if pts[key] < latest:
            starts.append(key)
            latest = NO_TIME
        begin = key
    return starts


def _joined(said: Ints, packets: Packets, rates: Sequence[float], *, by_keys: bool) -> Ints:
    """Ticks in the order of showing, from 0, never falling: where they start over, the clock goes on."""
    if by_keys:
        starts = _restarts_at_keys(said, packets.keys)
    else:
        starts = [0, *(np.flatnonzero(np.diff(said) < -RESTART_S / float(packets.tick_s)) + 1).tolist()]
    parts = [np.sort(said[begin:end]) for begin, end in pairwise([*starts, len(said)])]
    steps = np.concatenate([np.diff(part) for part in parts])
    steps = steps[steps > 0]
    rate = rates[0] if rates else FALLBACK_FPS
    step = int(np.median(steps)) if len(steps) else max(1, round(1 / (rate * float(packets.tick_s))))
    joined, begin = [], 0
    for part in parts:
        joined.append(part - part[0] + begin)
        begin = min(int(joined[-1][-1]) + step, FARTHEST)
    return np.concatenate(joined)


def _begin(ranks: Ints | None, keys: NDArray[np.bool_], first_packet: int) -> int:
    """Place of the clip's first picture: what comes before the first key picture is the rest of a clip that was cut."""
    first_key = int(keys.argmax()) if keys.any() else 0
    if ranks is None:
        return min(first_key, first_packet)
    return int(min(ranks[first_key], ranks[first_packet]))
