"""A file that is watched in parts, several at once: which frames each part looks at, and what is known of the seams between them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

from tracker.timing import clock

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OVERLAP_S = 10.0
"""seconds that neighbouring parts share: as long as a pass looks at objects before it is listened to (`smoothing.passes`)"""
OVERLAP_FRAMES = 50
"""but so many frames at least: a time-lapse has few a second, and who is who is told by frames"""
SHORTEST = 1.5
"""overlaps: a shorter part would be looked at mostly for its neighbours' sake; below one overlap, three parts would share frames"""
MOST_PARTS = 1000
"""as many as can be asked for; a file of a year makes parts of nine hours"""
WHOLE = 1e-3
"""of a part: what is left over by less is no part"""


@dataclass(frozen=True)
class Split:
    """Into what a file is split: so many parts, or parts of so many seconds."""

    number: float
    unit: Literal["parts", "s"]


class Part(NamedTuple):
    """Frames of a part, by their places in the list of the frames that are wanted."""

    first: int
    begin: int
    end: int
    stop: int
    """looked at are first <= frame < stop; its own are begin <= frame < end, the others are its neighbours' too"""


@dataclass(frozen=True)
class Seam:
    """What became of a lane's identities between two parts."""

    lane: str
    time_s: float
    """where the second part begins"""
    carried: int
    """identities that go on from the one part into the other"""
    cut: int
    """identities that are seen just before the change of parts and nowhere after it"""
    boxes_alike: float | None
    """in the frames that both parts saw, share of the boxes of one that are the other's too; None without boxes"""
    idf1: float | None
    """in these frames, IDF1 of the one part with the other for truth"""


class SplitPlan(NamedTuple):
    """How a clip is split."""

    parts: tuple[Part, ...]
    note: str | None
    """one line: why there are fewer parts than were asked for"""


def plan_parts(times_s: NDArray[np.float64], split: Split) -> SplitPlan:
    """The parts of frames at these times (T,), all of about as many frames; one part where the frames are too few for two.

    Parts of some seconds are not longer than that.
    """
    import numpy as np  # the command line knows this module, and help must be quick

    count = len(times_s)
    steps = np.diff(times_s)
    interval_s = float(np.median(steps)) if len(steps) else 0.0
    overlap = max(OVERLAP_FRAMES, round(OVERLAP_S / interval_s) if interval_s > 0 else 0)
    length_s = count * interval_s
    wanted = int(split.number) if split.unit == "parts" else math.ceil(length_s / split.number - WHOLE)
    number = max(1, min(wanted, MOST_PARTS, int(count / (SHORTEST * overlap))))
    ends = [round(k * count / number) for k in range(number + 1)]
    before = overlap // 2
    parts = tuple(
        Part(max(0, begin - before), begin, end, min(count, end + overlap - before)) for begin, end in pairwise(ends)
    )
    if number >= wanted:
        return SplitPlan(parts, None)
    # frames of one clip follow each other; a single one, or a clip without times, has no length to name
    frames = math.ceil(SHORTEST * overlap)
    length = f"{clock(frames * interval_s)} ({frames} frames)" if interval_s > 0 else f"{frames} frames"
    least = f"a part has {length} at least, and a clip {MOST_PARTS} parts at most"
    made = "the clip is watched as a whole" if number == 1 else f"{number} parts are made, not {wanted}"
    return SplitPlan(parts, f"--split: {least}: {made}")
