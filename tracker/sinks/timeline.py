"""When pictures are in the video file: seconds to ticks that only rise, and that an MP4 can hold."""

from __future__ import annotations

TICKS = 90_000
"""a second in the file: the usual clock of video, fine enough for every frame rate"""
COARSE_TICKS = 10_000
"""a second in the file of a clip whose pictures are hours apart: FFmpeg's MP4 has no coarser clock for video"""
LONGEST_STEP = 6 * 3600 * TICKS
"""ticks from one picture to the next, 6 h or 54 h: the length of a sample has 32 bits, and FFmpeg allows 31"""
MOST_REPEATS = 2000
"""in one file: more than a year of gaps at 6 h each"""
SHORTENED_S = 1.0
"""what is left of a gap for which there are not enough repeats"""


def ticks_per_second(fps: float | None) -> int:
    """TICKS; COARSE_TICKS where the mean distance of pictures is more than a quarter of what fits between two."""
    return TICKS if fps is None or TICKS / fps <= LONGEST_STEP / 4 else COARSE_TICKS


class VideoTimeline:
    """The ticks of a run's pictures, the first at 0.

    A gap longer than LONGEST_STEP is filled with repeats of the picture before it, so that what comes after it is at
    its own time. Once MOST_REPEATS are used up a gap becomes SHORTENED_S, and `shortened` tells.
    """

    def __init__(self, *, ticks_per_s: int) -> None:
        self._per_s = ticks_per_s
        self._first_s: float | None = None
        self._removed = 0
        self._repeats = 0
        self._last = 0
        self.shortened: tuple[float, float] | None = None
        """of the latest gap that was shortened: its length and where it begins in the file, both in seconds"""

    @property
    def begin_s(self) -> float:
        """The time of the run, in seconds, that is 0 in the file: the first picture's, or later once gaps were shortened."""
        return (self._first_s or 0.0) + self._removed / self._per_s

    def place(self, time_s: float) -> list[int]:
        """The ticks of the repeats of the picture before, if any, and last the one of this picture."""
        if self._first_s is None:
            self._first_s = time_s
            return [0]
        tick = max(self._last + 1, round((time_s - self._first_s) * self._per_s) - self._removed)
        gap = tick - self._last
        repeats = (gap - 1) // LONGEST_STEP
        self.shortened = None
        if self._repeats + repeats > MOST_REPEATS:
            self.shortened = gap / self._per_s, self._last / self._per_s
            tick = self._last + max(1, round(SHORTENED_S * self._per_s))
            self._removed += gap - (tick - self._last)
            repeats = 0
        self._repeats += repeats
        ticks = [self._last + LONGEST_STEP * (count + 1) for count in range(repeats)]
        self._last = tick
        return [*ticks, tick]
