"""Gives regions identities: predict every track, pair tracks with regions, correct, begin and end tracks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field

from tracker.steps import LastSeen
from tracker.timing import REFERENCE_S, FrameTimer, Interval, lasts
from tracker.tracks.assignment import assign, covered_matrix, pair_costs
from tracker.tracks.motion import BoxBelief, begin, correct, predict, pushed_into
from tracker.types import Box, Region, Seconds, Settings, Track


class LinkerSettings(Settings):
    """How regions are linked over time."""

    confirm_s: Seconds = 0.12
    """seconds a region must be found without a break before it gets an identity; earlier frames are not filled in. A frame
    counts for 0.04 s at most, so this is never fewer than 3 frames. 0: at once"""
    max_gap_s: Seconds = 1.0
    """seconds a track lives on unseen, predicted and reported as hidden; over a longer gap between two frames none does"""
    reach: float = Field(0.5, gt=0, le=1000)
    """farthest a region may be from where its track was predicted, in diagonals of the track's box"""
    growth: float = Field(2.5, ge=1, le=1e9)
    """largest ratio of a region's area to its track's, or the reverse"""
    merge_growth: float = Field(1.2, gt=0, le=1e9)
    """a region this many times larger than each of the two or more tracks predicted in it holds them all; a huge value
    turns that off"""


@dataclass
class _FollowedTrack:
    """One track being followed; `id` is 0 until it is confirmed."""

    motion: BoxBelief
    place: LastSeen
    """where it was seen last"""
    id: int = 0
    found_s: float = REFERENCE_S
    unseen_s: float = 0.0
    confidence: float = 1.0
    label: int = 0
    seen: bool = True


class Linker:
    """Blobs in, identities out. The same regions and times always give the same tracks."""

    def __init__(self, settings: LinkerSettings):
        self.settings = settings
        self.reset()

    def reset(self) -> None:
        """Forget every track; identities count from 1 again."""
        self._lines: list[_FollowedTrack] = []
        self._last_id = 0
        self._timer = FrameTimer(self.settings.max_gap_s)

    def step(self, regions: Sequence[Region], *, time_s: float, size: tuple[int, int]) -> tuple[Track, ...]:
        """The confirmed tracks of this frame, in order of identity.

        regions  what was segmented in this frame, hidden ones ignored
        time_s   the frame's time; a longer step lets tracks move farther (velocities are in pixels a second)
        size     (width, height) of the frame: a track predicted to be outside it has left

        Tracks that merge into one region keep their sizes and go on as predicted, inside it; the one that fills it most
        is given its label, the others label 0.
        """
        interval = self._timer.step(time_s)
        if interval.gap:
            self._lines = []
        dt_s = interval.dt_s
        for line in self._lines:
            line.motion, line.seen, line.label = predict(line.motion, dt_s=dt_s), False, 0
        free = [region for region in regions if not region.hidden]
        named, unnamed = [line for line in self._lines if line.id], [line for line in self._lines if not line.id]
        free = self._merge(named, free, dt_s=dt_s)
        # those with an identity choose first: a noise blob must not take a person's region
        free = self._pair([line for line in named if not line.seen], free, size=size, interval=interval)
        free = self._pair(unnamed, free, size=size, interval=interval)
        for line in self._lines:
            line.unseen_s = 0.0 if line.seen else line.unseen_s + dt_s
            line.place = line.place.moved(line.motion.box, dt_s) if line.seen else line.place.later(dt_s)
        self._lines = [line for line in self._lines if line.seen or self._lives(line, size)]
        self._lines += [
            _FollowedTrack(
                begin(r.box), LastSeen(r.box), found_s=interval.look_s, confidence=r.confidence, label=r.label
            )
            for r in free
        ]
        for line in self._lines:
            if not line.id and lasts(line.found_s, self.settings.confirm_s):
                self._last_id += 1
                line.id = self._last_id
                line.place = LastSeen(line.motion.box)  # the identity begins here
        named = sorted((line for line in self._lines if line.id), key=lambda line: line.id)
        return tuple(Track(n.id, n.motion.box, n.confidence, n.label, hidden=not n.seen) for n in named)

    def _merge(self, lines: Sequence[_FollowedTrack], regions: Sequence[Region], *, dt_s: float) -> list[Region]:
        """Keep the lines that merged into one region inside it; returns the regions that hold one line or none."""
        left = []
        covered = covered_matrix([line.motion.box for line in lines], [region.box for region in regions])
        for r, region in enumerate(regions):
            inside = [n for n in range(len(lines)) if covered[n, r] >= 0.5 and covered[n].argmax() == r]
            largest = max((lines[n].motion.box.area for n in inside), default=0.0)
            if len(inside) < 2 or region.box.area < self.settings.merge_growth * largest:
                left.append(region)
                continue
            pushed = {n: pushed_into(lines[n].motion, region.box) for n in inside}
            reached = [n for n in inside if lines[n].place.reaches(pushed[n].box, dt_s)]
            if not reached:
                left.append(region)
                continue
            for n in reached:
                lines[n].motion, lines[n].seen = pushed[n], True
            max((lines[n] for n in reached), key=lambda line: line.motion.box.area).label = region.label
        return left

    def _pair(
        self, lines: Sequence[_FollowedTrack], regions: Sequence[Region], *, size: tuple[int, int], interval: Interval
    ) -> list[Region]:
        """Correct each line by the region it is; returns the regions that are nobody's. A line does not jump: see `steps`."""
        # of one that leaves, the last region is a small part: it is compared with what the picture can show of the track
        boxes = [_inside(line.motion.box, size) for line in lines], [region.box for region in regions]
        pairs = assign(pair_costs(*boxes, reach=self.settings.reach, growth=self.settings.growth))
        taken = set()
        for row, column in pairs:
            line, region = lines[row], regions[column]
            corrected = correct(line.motion, region.box)
            if not line.place.reaches(corrected.box, interval.dt_s):
                continue
            taken.add(column)
            line.motion = corrected
            line.seen, line.label, line.confidence = True, region.label, region.confidence
            line.found_s += interval.look_s
        return [region for n, region in enumerate(regions) if n not in taken]

    def _lives(self, line: _FollowedTrack, size: tuple[int, int]) -> bool:
        """Whether a track that was not seen in this frame goes on."""
        x, y = line.motion.box.centre
        inside = 0 <= x < size[0] and 0 <= y < size[1]
        return bool(line.id) and inside and lasts(self.settings.max_gap_s, line.unseen_s)


def _inside(box: Box, size: tuple[int, int]) -> Box:
    """The part of a box inside a picture (width, height), at least a pixel wide and high at its border."""
    (x0, x1), (y0, y1) = (
        (min(max(low, 0.0), length - 1.0), max(min(high, float(length)), 1.0))
        for low, high, length in zip(box[:2], box[2:], size, strict=True)
    )
    return Box(x0, y0, x1, y1)
