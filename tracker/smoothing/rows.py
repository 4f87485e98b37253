"""What one pass over a clip saw of its identities, and what all together say: tables of rows, as arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracker.timing import REFERENCE_S, FrameTimer

GAP_S = 3.0
"""seconds without a frame over which nobody is followed, as `hidden_s` of lane slots usually has it"""

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Bools = NDArray[np.bool_]
Index = NDArray[np.intp]
Numbers = NDArray[np.float64]


class PassRows(NamedTuple):
    """One pass, forwards or backwards: a row for each identity and frame, in the order of the frames (and so N rows in all)."""

    frames: Ints
    """(N,) the frame's index"""
    ids: Ints
    """(N,) the identity in this pass, from 1"""
    boxes: Floats
    """(N, 4) x0, y0, x1, y1 in pixels of the frame"""
    confidence: Floats
    """(N,) in [0, 1]"""
    hidden: Bools
    """(N,) not seen: the box is predicted"""
    isolated: Bools
    """(N,) alone in its piece of foreground, so that the box is measured rather than shared or predicted"""
    colours: Floats
    """(N, 3, 3) mean RGB in [0, 1] of its parts from top to bottom, where it is isolated and seen whole; else NaN"""

    def at(self, chosen: NDArray[np.intp] | Bools) -> PassRows:
        """Some of the rows."""
        return PassRows._make(part[chosen] for part in self)


class ClipTimes(NamedTuple):
    """What the passes are about."""

    times_s: NDArray[np.float64]
    """(T,) of the frames"""
    size: tuple[int, int]
    """(width, height) of the frames in pixels"""

    @property
    def interval_s(self) -> float:
        """Usual time between two frames."""
        steps = np.diff(self.times_s)
        return float(np.median(steps)) if len(steps) else REFERENCE_S

    @property
    def parts(self) -> Ints:
        """(T,) number of the part of the clip in which each frame is, from 0: no part holds a gap, over which nobody is followed."""
        timer = FrameTimer(GAP_S)
        return np.cumsum([timer.step(time_s).gap for time_s in self.times_s.tolist()], dtype=np.int32)

    def frames(self, seconds: float) -> int:
        """How many frames last so long, 1 at least."""
        return max(1, round(seconds / self.interval_s))

    def looks(self, seconds: float) -> int:
        """How many frames are so many seconds of evidence: a frame gives REFERENCE_S of it at most (`timing`)."""
        return max(1, round(seconds / min(self.interval_s, REFERENCE_S)))


class FusedRows(NamedTuple):
    """The passes fused: a row for each identity and frame, in the order of the frames."""

    frames: Ints
    """(M,)"""
    ids: Ints
    """(M,) from 1, in the order of the first frames"""
    boxes: Floats
    """(M, 4)"""
    confidence: Floats
    """(M,)"""
    hidden: Bools
    """(M,)"""
    first: Ints
    """(M,) the identity of the first pass whose pixels are this one's here; 0 for none"""
    forward: Ints
    """(M,) the same of the forward pass"""
    backward: Ints
    """(M,) and of the backward pass"""
