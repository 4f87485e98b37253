"""What lanes made of a frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tracker.types.arrays import Labels
from tracker.types.box import Box
from tracker.types.frame import Frame
from tracker.types.segmentation import Segmentation


@dataclass(frozen=True)
class Track:
    """One identity in one frame."""

    id: int
    """from 1, never used twice in a run"""
    box: Box
    confidence: float
    label: int
    """its pixels in `Segmentation.labels` of this frame; 0 when it owns none"""
    hidden: bool = False
    """predicted rather than seen"""


@dataclass(frozen=True)
class View:
    """What one lane made of one frame."""

    lane: str
    segmentation: Segmentation
    tracks: tuple[Track, ...]
    off: bool = False
    """the lane was given up for lack of time and did not look at the frame"""

    @property
    def owners(self) -> Labels:
        """(h, w) int32, the identity that has each pixel of `Segmentation.labels`, 0 where none has it."""
        labels = self.segmentation.labels
        names = np.zeros(int(labels.max(initial=0)) + 1, np.int32)
        for track in self.tracks:
            if 0 < track.label < len(names):
                names[track.label] = track.id
        return names[labels]


@dataclass(frozen=True)
class Moment:
    """One frame and what every lane made of it: all that a sink is given."""

    frame: Frame
    views: tuple[View, ...]

    def view(self, lane: str) -> View:
        """The view of that lane; KeyError if the run has no such lane."""
        for view in self.views:
            if view.lane == lane:
                return view
        raise KeyError(lane)
