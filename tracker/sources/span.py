"""The part of a clip that is wanted."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tracker.errors import SourceError
from tracker.timing import clock

LONGEST_S = 1e8
"""Three years: beyond it frame numbers and container times leave their range."""
TICK_S = 1e-6
"""Times are sums of floats: a frame this close before the start is at the start."""

T = TypeVar("T")


@dataclass(frozen=True)
class Span:
    """Frames with start_s <= time < start_s + duration_s, at most `max_frames` of them."""

    start_s: float = 0.0
    duration_s: float | None = None
    max_frames: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.start_s <= LONGEST_S:
            raise SourceError(f"start: expected 0 to {LONGEST_S:g} seconds, not {self.start_s:g}")
        if self.duration_s is not None and not 0 < self.duration_s <= LONGEST_S:
            raise SourceError(
                f"duration: expected more than 0 and at most {LONGEST_S:g} seconds, not {self.duration_s:g}"
            )
        if self.max_frames is not None and self.max_frames < 1:
            raise SourceError(f"max frames: expected 1 or more, not {self.max_frames}")

    def beyond(self, name: str, length_s: float) -> SourceError:
        """What is said of a clip that ends before the start."""
        start, length = clock(self.start_s), clock(length_s)
        return SourceError(f"{name}: start is at {start}, but it lasts {length}")

    @property
    def end_s(self) -> float:
        """Seconds; infinity if the clip is wanted to its end."""
        return math.inf if self.duration_s is None else self.start_s + self.duration_s

    def cut(self, timed: Iterable[tuple[float, T]]) -> Iterator[tuple[float, T]]:
        """Those (time_s, thing) that are in the span; stops pulling once it is over."""
        count = 0
        for time_s, thing in timed:
            if time_s >= self.end_s - TICK_S:
                return
            if time_s < self.start_s - TICK_S:
                continue
            yield time_s, thing
            count += 1
            if count == self.max_frames:
                return

    def places(self, times_s: NDArray[np.float64]) -> range:
        """The places of the wanted among pictures at these times, which rise."""
        first, last = np.searchsorted(times_s, [self.start_s - TICK_S, self.end_s - TICK_S]).tolist()
        return range(first, last if self.max_frames is None else min(last, first + self.max_frames))

    def count(self, *, frames: int | None, fps: float | None) -> int | None:
        """How many of a clip's `frames` (None: endless or unknown) are in the span, at `fps`; None if unknown."""
        last = math.inf if frames is None else frames
        first = 0
        if fps:
            first = math.ceil((self.start_s - TICK_S) * fps)
            if self.duration_s is not None:
                last = min(last, math.ceil((self.end_s - TICK_S) * fps))
        wanted = max(0, last - first)
        if self.max_frames is not None:
            wanted = min(wanted, self.max_frames)
        return None if math.isinf(wanted) else int(wanted)
