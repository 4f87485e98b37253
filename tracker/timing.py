"""Frame times to the time that each frame stands for: one rule for frame rates, time-lapses and gaps.

Settings in seconds mean the same at every frame rate because what follows a clip asks here how long a frame lasts.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from statistics import median_low

LEAST_FPS, MOST_FPS = 1e-5, 10_000
"""a picture a day, and a high-speed camera: pictures a second that a user may say"""
REFERENCE_S = 1 / 25
"""frame interval at which the network was trained and the rates per frame were chosen"""
SLOWEST_S = 0.5
"""a slower clip is a time-lapse: its usual interval counts as this long, or an object would be lost between two pictures"""
FASTEST_S = 1 / 250
"""a faster clip is slow motion, and counts as one of 25 frames a second: nothing in it would last long enough to be believed"""
SHORTEST_S = 1e-6
"""times that stand still or run back count as this long"""
GAP_INTERVALS = 5
"""a gap is longer than this many usual intervals"""
REMEMBERED = 9
"""latest intervals whose median is the usual one"""
WARM_UP_PICTURES = 20
"""a scene learned from fewer holds too much of what passes"""
EPSILON_S = 1e-6
"""times are sums of intervals: three times 0.04 s need not be 0.12 s"""


@dataclass(frozen=True)
class Interval:
    """The time between a frame and the one before it."""

    dt_s: float = REFERENCE_S
    """seconds, above 0; of a gap, and of a clip's first frame, a usual interval"""
    usual_s: float = REFERENCE_S
    """the clip's usual interval, on the same scale"""
    gap: bool = False
    """nobody can be followed from the frame before to this one"""

    @property
    def look_s(self) -> float:
        """Seconds that this frame counts as evidence. A slow clip gives no more of it in a frame than one of 25 frames a second."""
        return min(self.dt_s, REFERENCE_S)


def clock(time_s: float, *, tenths: bool = True, long: bool = False) -> str:
    """Seconds as people read a player, and as --start takes them: 1:23.4; with hours where there are any or `long` asks for them.

    What is smaller is cut off and not rounded: no frame is said to come later than it does.

    >>> clock(83.44), clock(59.96), clock(725.6, tenths=False), clock(3723), clock(5, long=True)
    ('1:23.4', '0:59.9', '12:05', '1:02:03.0', '0:00:05.0')
    """
    count = max(0, math.floor(time_s * 10 + 1e-5))  # 12.3 is stored as a little less
    minutes, count = divmod(count, 600)
    seconds = f"{count // 10:02d}" + (f".{count % 10}" if tenths else "")
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds}" if long or minutes >= 60 else f"{minutes}:{seconds}"


class FrameTimer:
    """Frame times in, intervals out. A gap is a frame interval longer than both `gap_s` and 5 times the usual one.

    The usual interval is the median of the latest ones, so a clip of one picture a day has no gap between two of them.
    """

    def __init__(self, gap_s: float) -> None:
        self.gap_s = gap_s
        self.reset()

    def reset(self) -> None:
        """Forget the times."""
        self._last_s: float | None = None
        self._intervals: deque[float] = deque(maxlen=REMEMBERED)

    def step(self, time_s: float) -> Interval:
        """The interval that ends with a frame at `time_s`."""
        last_s, self._last_s = self._last_s, time_s
        if last_s is None:
            return Interval()
        dt_s = max(SHORTEST_S, round(time_s - last_s, 6))
        gap = bool(self._intervals) and dt_s > max(self.gap_s, GAP_INTERVALS * median_low(self._intervals))
        self._intervals.append(dt_s)
        usual_s = median_low(self._intervals)
        scale = REFERENCE_S / usual_s if usual_s < FASTEST_S - EPSILON_S else min(1.0, SLOWEST_S / usual_s)
        return Interval(scale * (usual_s if gap else dt_s), scale * usual_s, gap)


class WarmUp:
    """The time at a clip's start for which the scene is learned and nothing is judged.

    It lasts `seconds`, and 20 pictures however slowly they come, or as many as fit `seconds` at 25 a second where these are
    fewer; 0 seconds: the first picture only.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._least = max(1, min(WARM_UP_PICTURES, round(seconds / REFERENCE_S)))
        self._pictures, self._passed_s = 0, 0.0

    def add(self, dt_s: float) -> None:
        """One more picture, `dt_s` after the one before."""
        self._pictures += 1
        self._passed_s += dt_s

    @property
    def done(self) -> bool:
        """Whether the next picture can be judged."""
        return self._pictures >= self._least and lasts(self._passed_s, self._seconds)


def rate_over(rate: float, dt_s: float) -> float:
    """The share of the way gone in `dt_s` seconds, if `rate` of it is gone in a frame at 25 frames a second."""
    return 1 - (1 - rate) ** (dt_s / REFERENCE_S)


def lasts(elapsed_s: float, least_s: float) -> bool:
    """Whether it is at least so long."""
    return elapsed_s >= least_s - EPSILON_S
