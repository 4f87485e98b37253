"""What is remembered of one identity, and what its pixels look like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.types import Box, Frame, Labels, Track, intersections

Colour = NDArray[np.float64]
"""(3,) mean RGB in grey levels"""

MEMORY_S = 1.0
"""seconds over which an identity's colour and area are averaged"""
ENOUGH_PX = 4
"""owned pixels from which a mean colour is taken"""
ROWS = 24
"""about how many rows of a box are looked at for its colour"""
PACE_S = 0.3
"""seconds over which its speed is averaged"""


class Sight(NamedTuple):
    """Where an identity was in one frame."""

    frame: int
    time_s: float
    box: Box


@dataclass(eq=False)
class Life:
    """One identity, alive or lately gone. Sizes and colours are running means."""

    id: int
    born: Sight
    seen: Sight
    """when it was last seen"""
    listed: Sight
    """when it was last among the tracks, seen or predicted"""
    area_px: float
    colour: Colour | None = None
    velocity: tuple[float, float] = (0.0, 0.0)
    """(x, y) pixels a second"""
    alone_frames: int = 0
    """frames in which the colour was taken while no other was near"""
    unseen: Sight | None = None
    """the first frame in which it was not seen, if it is not seen now"""
    unseen_frames: int = 0
    covers: dict[int, float] = field(default_factory=dict)
    """by other identity, the share of its box covered, summed over the frames it was not seen"""
    follows: int | None = None
    """the identity that it may be the same object as"""

    @property
    def size(self) -> float:
        """Square root of its area, pixels."""
        return float(np.sqrt(self.area_px))

    def remember(self, now: Sight, colour: Colour | None, *, alone: bool) -> None:
        """Take in a frame in which it is seen. In company its pixels are uncertain: its looks are kept as they were."""
        dt_s = now.time_s - self.seen.time_s
        if dt_s > 0:
            rate, (x, y), (vx, vy) = min(1.0, dt_s / PACE_S), self.seen.box.centre, self.velocity
            self.velocity = (
                vx + rate * ((now.box.centre[0] - x) / dt_s - vx),
                vy + rate * ((now.box.centre[1] - y) / dt_s - vy),
            )
        self.seen = now
        if alone:
            self.alone_frames += 1
            rate = max(1 / self.alone_frames, min(1.0, dt_s / MEMORY_S))
            self.area_px += rate * (area(now.box) - self.area_px)
            if colour is not None:
                self.colour = colour if self.colour is None else self.colour + rate * (colour - self.colour)

    def expected(self, time_s: float) -> Box:
        """Where it would be, had it gone on as when it was last seen."""
        dt_s, (x0, y0, x1, y1) = time_s - self.seen.time_s, self.seen.box
        dx, dy = self.velocity[0] * dt_s, self.velocity[1] * dt_s
        return Box(x0 + dx, y0 + dy, x1 + dx, y1 + dy)


def area(box: Box) -> float:
    """Pixels, at least 1."""
    return max(1.0, box.area)


def reaches(box: Box, size: tuple[int, int], sizes: float) -> bool:
    """Whether a box comes within `sizes` of its own size of the border of a picture of (width, height), 2 px at least."""
    margin = max(2.0, sizes * float(np.sqrt(area(box))))
    return min(box.x0, box.y0, size[0] - box.x1, size[1] - box.y1) <= margin


def shared_areas(boxes: Sequence[Box]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(N, N) pixels that each two boxes share, nought on the diagonal, and (N,) the boxes' areas."""
    shared = intersections(boxes, boxes)
    np.fill_diagonal(shared, 0)
    return shared, np.array([area(box) for box in boxes])


def mean_colour(frame: Frame, labels: Labels, track: Track) -> Colour | None:
    """Mean colour of the pixels a track owns inside its box, from some of its rows; None where it owns too few."""
    if track.hidden or not track.label:
        return None
    height, width = labels.shape
    box = track.box.scaled(width / frame.size[0], height / frame.size[1])
    x0, y0 = max(0, int(box.x0)), max(0, int(box.y0))
    x1, y1 = min(width, int(box.x1) + 1), min(height, int(box.y1) + 1)
    if x1 - x0 < 1 or y1 - y0 < 1:
        return None
    rows = slice(y0, y1, max(1, (y1 - y0) // ROWS))
    owned = (labels[rows, x0:x1] == track.label).view(np.uint8)
    if cv2.countNonZero(owned) < ENOUGH_PX:
        return None
    return np.array(cv2.mean(frame.picture.at(width)[rows, x0:x1], owned)[:3])
