"""Whether the camera stood still."""

from __future__ import annotations

import cv2
import numpy as np

from tracker.health.picture import Grey
from tracker.health.shift import Picture, Reference, Vector, shift, smooth
from tracker.health.times import Occurrences

CHECKS_A_S = 5.0
"""looks a second at the shift against the reference"""
MOVED_PX = 0.75
"""small pixels from which a shift is one; a canoe that fills the picture pulls the estimate by up to 0.7"""
AGREE_PX = 0.35
"""small pixels within which the looks at a lasting shift agree"""
LASTING_S = 1.0
"""seconds a shift must last"""
REFRESH = 0.05
"""least share of the newest picture in the reference, while nothing has moved: light and shadows wander. At first it is the
mean of all, which soon has neither walkers nor ripples"""
EVERY = 5
"""one in so many pairs of neighbouring frames is measured for shake"""


class CameraShift:
    """The picture's shift against a reference that follows what changes slowly: a camera that creeps is not noticed.

    scale  (x, y) pixels of the frame in a small pixel
    """

    def __init__(self, scale: tuple[float, float]) -> None:
        self._scale = np.array(scale)
        self.moved_s = Occurrences()
        self.farthest_px = 0.0
        """largest lasting shift from where the clip began, in pixels of the frame"""
        self.checks, self.unsure = 0, 0
        """looks against the reference, and those that saw nothing they could be sure of"""
        self._reference: Reference | None = None
        self._pictures = 0
        """in the reference"""
        self._offset = np.zeros(2)
        """of the reference from where the clip began, small pixels"""
        self._suspected: list[tuple[float, Vector]] = []
        self._before: Vector | None = None
        """shift of the frame before, if this one is to be compared with it"""
        self._asked = False
        """whether the frame before was looked at for that, with or without an answer"""
        self._next_s = 0.0
        self._frames = 0
        self._square_sum, self._pairs, self._untold = 0.0, 0, 0

    @property
    def shake_px(self) -> float | None:
        """Root mean square shift between neighbouring frames, in pixels of the frame; None if most pairs do not tell."""
        told = self._pairs > self._untold
        return float(np.sqrt(self._square_sum / self._pairs)) if told else None

    def interrupt(self) -> None:
        """The next frame is not compared with the last."""
        self._before, self._asked = None, False

    def add(self, small: Grey, time_s: float) -> None:
        """Look at a frame; most are passed over."""
        check, place = time_s >= self._next_s, self._frames % EVERY
        self._frames += 1
        if not check and place > 1:
            return
        now = smooth(small)
        if self._reference is None:
            self._reference, self._pictures = Reference(now), 1
            return
        moved = shift(self._reference, now)
        if place == 1 and self._before is not None and moved is not None:
            self._square_sum += float((((moved - self._before) * self._scale) ** 2).sum())
            self._pairs += 1
        elif place == 1 and self._asked:
            self._untold += 1
        self._before, self._asked = (moved, True) if place == 0 else (None, False)
        if check:
            self._next_s = time_s + 1 / CHECKS_A_S
            self._check(self._reference.picture, now, moved, time_s)

    def _check(self, reference: Picture, now: Picture, moved: Vector | None, time_s: float) -> None:
        self.checks += 1
        if moved is None:
            self.unsure += 1
            return
        if float(np.hypot(*moved)) < MOVED_PX:
            self._suspected = []
            self._pictures += 1
            share = max(REFRESH, 1 / self._pictures)
            blended = cv2.addWeighted(reference, 1 - share, now, share, 0)
            self._reference = Reference(np.asarray(blended, np.float32))
            return
        if self._suspected and float(np.hypot(*(moved - self._suspected[0][1]))) > AGREE_PX:
            self._suspected = []
        self._suspected.append((time_s, moved))
        start_s = self._suspected[0][0]
        if time_s - start_s >= LASTING_S:
            self._offset = self._offset + np.median([each for _, each in self._suspected], axis=0)
            self.farthest_px = max(self.farthest_px, float(np.hypot(*(self._offset * self._scale))))
            self.moved_s.add(start_s)
            self._reference, self._pictures, self._suspected = Reference(now), 1, []
            self._before, self._asked = None, False
