"""Who was there when: every identity of one lane counted, the whole life of the longest lived kept."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import cv2
import numpy as np

from tracker.report.data import TrackLife
from tracker.seen import SeenTimes
from tracker.types import Track

PATH_POINTS = 64
SPANS = 32
SWEEP_FRAMES = 500
"""how often the lives that have ended are looked for"""


@dataclass
class _Life:
    seen: int = 0
    last: int = -2
    """count of the lane's frames when it was last reported"""
    spans: list[tuple[float, float, bool]] = field(default_factory=list)
    path: array[float] = field(default_factory=lambda: array("f"))
    """x and y of its feet by turns"""
    stride: int = 1
    feet: tuple[float, float] = (0.0, 0.0)

    def add(self, track: Track, count: int, time_s: float, end_s: float) -> None:
        if self.last == count - 1 and self.spans[-1][2] == track.hidden:
            self.spans[-1] = (self.spans[-1][0], end_s, track.hidden)
        else:
            self.spans.append((time_s, end_s, track.hidden))
            if len(self.spans) > SPANS:
                _join_shortest(self.spans)
        self.last = count
        if track.hidden:
            return
        self.feet = (track.box.x0 + track.box.x1) / 2, track.box.y1
        if self.seen % self.stride == 0:
            self.path.extend(self.feet)
            if len(self.path) == 2 * PATH_POINTS:
                self.path = array("f", np.array(self.path).reshape(-1, 2)[::2].ravel())
                self.stride *= 2
        self.seen += 1


class LaneIdentities:
    """The identities of one lane.

    kept    how many whole lives are kept, besides those that go on; a few numbers of every other one are
    """

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._open: dict[int, _Life] = {}
        self._ended: dict[int, _Life] = {}
        self._seen = SeenTimes()
        self._count = 0

    def add(self, tracks: Iterable[Track], *, time_s: float, end_s: float) -> int:
        """Take note of one frame, which lasts from `time_s` to `end_s`; returns how many tracks are seen in it."""
        seen = 0
        for track in tracks:
            life = self._open.get(track.id)
            if life is None:
                life = self._open[track.id] = self._ended.pop(track.id) if track.id in self._ended else _Life()
            life.add(track, self._count, time_s, end_s)
            if not track.hidden:
                seen += 1
                self._seen.add(track.id, time_s, end_s)
        self._count += 1
        if self._count % SWEEP_FRAMES == 0:
            self._sweep()
        return seen

    @property
    def identities(self) -> int:
        """Different identities that were seen at all."""
        return self._seen.identities

    @property
    def median_life_s(self) -> float:
        """Median of the seconds from the first frame in which an identity is seen to the end of the last one."""
        if not self._seen.identities:
            return 0.0
        return float(np.median(self._seen.last_s() - self._seen.first_s()))

    def longest(self, colour: Callable[[int], str], *, scale: float) -> tuple[TrackLife, ...]:
        """The kept lives by birth; `scale` turns pixels of the frame into those of the path."""
        lives = {identity: life for identity, life in (self._ended | self._open).items() if life.seen}
        chosen = sorted(lives, key=lambda identity: (-lives[identity].seen, identity))[: self._kept]
        chosen.sort(key=lambda identity: (lives[identity].spans[0][0], identity))
        return tuple(
            TrackLife(
                identity,
                colour(identity),
                lives[identity].seen,
                tuple((round(start, 3), round(end, 3), hidden) for start, end, hidden in lives[identity].spans),
                _simplified([*lives[identity].path, *lives[identity].feet], scale),
            )
            for identity in chosen
        )

    def _sweep(self) -> None:
        for identity in [identity for identity, life in self._open.items() if life.last < self._count - 1]:
            self._ended[identity] = self._open.pop(identity)
        if len(self._ended) > 2 * self._kept:
            longest = sorted(self._ended, key=lambda identity: -self._ended[identity].seen)[: self._kept]
            self._ended = {identity: self._ended[identity] for identity in longest}


def _join_shortest(spans: list[tuple[float, float, bool]]) -> None:
    """Give the time of the shortest span, the first and the last excepted, to the one before it."""
    shortest = min(range(1, len(spans) - 1), key=lambda index: spans[index][1] - spans[index][0])
    start, _, hidden = spans[shortest - 1]
    spans[shortest - 1 : shortest + 1] = [(start, spans[shortest][1], hidden)]


def _simplified(path: list[float], scale: float) -> tuple[tuple[int, int], ...]:
    """The path, x and y by turns, in whole pixels, without the points that lie on a line between others (Douglas and Peucker)."""
    points = np.asarray(path, np.float32).reshape(-1, 1, 2) * np.float32(scale)
    kept = cv2.approxPolyDP(np.ascontiguousarray(points), 0.75, False)[:, 0].round().astype(int)
    return tuple((int(x), int(y)) for x, y in kept)
