"""What the lanes' results tell of themselves: how long identities live, who doubts, how far two lanes agree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tracker.health.times import Occurrences
from tracker.seen import SeenTimes
from tracker.steps import JumpCounter
from tracker.types import Box, Mask, Region, View, intersections

GONE_S = 1.0
"""seconds after which an identity that is not seen has ended"""
SHORT_S = 1.0
"""a life below this is short"""
MEETING = 0.1
"""share of the smaller box that lies in another, from which regions have met"""
PARTNER_IOU = 0.5


class LifeLengths:
    """How long the latest identities of one lane are seen: `SeenTimes` says how many."""

    def __init__(self) -> None:
        self._seen = SeenTimes()
        self._now_s = 0.0
        self._entropy_sum, self._entropy_count = 0.0, 0
        self._jumps = JumpCounter()
        self.jumped_s = Occurrences()
        """when an identity made a step that no object makes"""
        self.weighs = False
        """whether the method told of any doubt, met or alone"""
        self.off = 0
        """frames at which the lane did not look, for lack of time"""

    def add(self, view: View, time_s: float) -> None:
        """Take in one frame."""
        self._now_s = time_s
        self.off += view.off
        for _ in range(self._jumps.add(view.tracks, time_s)):
            self.jumped_s.add(time_s)
        for track in view.tracks:
            if not track.hidden:
                self._seen.add(track.id, time_s)
        self._add_doubt([r for r in view.segmentation.regions if not r.hidden and r.entropy is not None])

    def _add_doubt(self, regions: Sequence[Region]) -> None:
        self.weighs = self.weighs or bool(regions)
        if len(regions) < 2:
            return
        shared, areas = _shared([region.box for region in regions])
        np.fill_diagonal(shared, 0)
        met = (shared >= MEETING * np.minimum.outer(areas, areas)).any(axis=1)
        for n in np.flatnonzero(met).tolist():
            self._entropy_sum += regions[n].entropy or 0.0
            self._entropy_count += 1

    @property
    def identities(self) -> int:
        """Different identities so far."""
        return self._seen.identities

    def lengths_s(self, frame_s: float) -> NDArray[np.float64]:
        """(N,) seconds each of the latest was seen, from its first frame to the end of its last; those alive now were cut short.

        frame_s  how long a frame lasts
        """
        return self._seen.last_s() - self._seen.first_s() + frame_s

    @property
    def ended(self) -> int:
        """Identities that have ended so far."""
        return int(self._has_ended().sum())

    def _has_ended(self) -> NDArray[np.bool_]:
        return self._now_s - self._seen.last_s() > GONE_S

    @property
    def short(self) -> float | None:
        """Share of those that ended which lived under a second; None if none ended."""
        ended = (self._seen.last_s() - self._seen.first_s())[self._has_ended()]
        return float(np.mean(ended < SHORT_S)) if len(ended) else None

    @property
    def mean_entropy(self) -> float | None:
        """Mean entropy of regions that met another, bits; None if none did or the method gives every pixel to one owner."""
        return self._entropy_sum / self._entropy_count if self._entropy_count else None


class LaneAgreement:
    """How far two lanes see the same."""

    def __init__(self) -> None:
        self._overlaps, self._frames = 0.0, 0
        self._matched, self._boxes = 0, 0

    def add_masks(self, a: Mask, b: Mask) -> None:
        """Compare two foregrounds of one frame (every other pixel of every other row is enough)."""
        either = int(np.count_nonzero(a | b))
        if either:
            self._overlaps += int(np.count_nonzero(a & b)) / either
            self._frames += 1

    def add_boxes(self, a: Sequence[Box], b: Sequence[Box]) -> None:
        """Pair the boxes of one frame, those that overlap most first."""
        self._boxes += len(a) + len(b)
        if not a or not b:
            return
        shared, areas = _shared([*a, *b])
        shared = shared[: len(a), len(a) :]
        iou = shared / (areas[: len(a), None] + areas[len(a) :] - shared)
        while iou.max() >= PARTNER_IOU:
            row, column = np.unravel_index(int(iou.argmax()), iou.shape)
            iou[row], iou[:, column] = 0, 0
            self._matched += 2

    @property
    def masks(self) -> float | None:
        """Mean IoU of the foregrounds, over frames where either has any."""
        return self._overlaps / self._frames if self._frames else None

    @property
    def boxes(self) -> float | None:
        """Share of all boxes that have a partner."""
        return self._matched / self._boxes if self._boxes else None


def _shared(boxes: Sequence[Box]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(N, N) pixels that each two boxes share, and (N,) their areas."""
    return intersections(boxes, boxes), np.array([max(1e-9, box.area) for box in boxes])
