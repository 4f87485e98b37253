"""Counting what each lane found, and scoring it where the truth is known: a sink like the others."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import cv2
import numpy as np

from tracker.errors import SourceError
from tracker.seen import SeenTimes
from tracker.steps import JumpCounter
from tracker.types import Moment, Outcome, enlarged

if TYPE_CHECKING:  # the scores' libraries are loaded only where there is a truth to compare with
    from tracker.scores import ClipScores, Truth


@dataclass
class LaneTally:
    """What one lane found so far."""

    seen: SeenTimes = field(default_factory=SeenTimes)
    jumps: JumpCounter = field(default_factory=JumpCounter)
    boxes: int = 0
    """of all frames and identities, where they were seen (not merely predicted)"""
    foreground_share: float = 0.0
    """sum over frames of the share of pixels held to be object"""
    off: int = 0
    """frames of a live source at which it did not look, for lack of time"""

    @property
    def identities(self) -> int:
        """Different identities in the whole run."""
        return self.seen.identities

    @property
    def mean_track_frames(self) -> float:
        """Frames in which an identity is seen, on average."""
        return self.boxes / max(1, self.identities)


class RunTally:
    """Counts by lane; with a truth also scores every frame that it covers. Predicted boxes of hidden objects are left out.

    iou             overlap at which a box counts as found
    frame_offset    the truth's number of the run's first frame, where only a part of the clip is looked at; for frames
                    that do not know their place

    Raises SourceError if the truth ends before the run begins, or has masks of another size.
    """

    def __init__(self, lanes: Sequence[str], *, truth: Truth | None = None, frame_offset: int = 0, iou: float = 0.5):
        self.lanes = {name: LaneTally() for name in lanes}
        self.frames = 0
        self.first_s = self.last_s = 0.0
        """when the first frame was, and the last so far"""
        self._offset = frame_offset
        self._scores: dict[str, ClipScores] = {}
        self._places: list[int] = []
        self._times_s: list[float] = []
        self._truth = truth
        if truth is None:
            self._scorers = {}
            return
        if truth.span[1] < frame_offset:
            raise SourceError(f"the truth ends before frame {frame_offset + 1}, the run's first; is it of this clip?")
        from tracker.scores import ClipScorer

        self._scorers = {name: ClipScorer(truth, iou=iou) for name in lanes}
        self._owners = truth.has_identities

    def write(self, moment: Moment) -> None:
        """Count one moment."""
        frame = moment.frame
        if not self.frames:
            self.first_s = frame.time_s
        self.last_s = frame.time_s
        place = frame.index + self._offset if frame.place is None else frame.place
        for view in moment.views:
            tally = self.lanes[view.lane]
            seen = [track for track in view.tracks if not track.hidden]
            for track in seen:
                tally.seen.add(track.id, moment.frame.time_s)
            tally.boxes += len(seen)
            tally.off += view.off
            tally.jumps.add(seen, moment.frame.time_s)
            foreground = view.segmentation.foreground
            tally.foreground_share += cv2.countNonZero(foreground.view(np.uint8)) / foreground.size
            if view.lane in self._scorers:
                self._scorers[view.lane].add(
                    place,
                    boxes=[(track.id, track.box) for track in seen],
                    foreground=view.segmentation.full_foreground,
                    owners=enlarged(view.owners, view.segmentation.size) if self._owners else None,
                )
        if self._scorers:
            self._places.append(place)
            self._times_s.append(frame.time_s)
        self.frames += 1

    def close(self, outcome: Outcome) -> None:
        """Nothing to finish."""

    def misfit(self, *, whole: bool) -> str | None:
        """What makes the truth look like another clip's, or another part's; `whole`: the run went to the clip's end."""
        if self._truth is None or not self._places:
            return None
        first, last = self._truth.span
        if max(self._places) < first:
            return f"none of its frames was seen: it begins with frame {first + 1}, and the run ended with {max(self._places) + 1}"
        if whole and max(self._places) < last:
            return f"goes on to frame {last + 1}, but the clip has {max(self._places) + 1}"
        return None

    def foreground_share(self, lane: str) -> float:
        """Mean share of the picture held to be object."""
        return self.lanes[lane].foreground_share / max(1, self.frames)

    def time_s(self, frame: int) -> float:
        """When a frame was, by the truth's number of it, or the last before it; kept only where there is a truth."""
        return self._times_s[max(0, bisect_right(self._places, frame) - 1)]

    def scores(self, lane: str) -> ClipScores | None:
        """The lane's scores over the frames that were both seen and known, once all were; None without a truth."""
        if lane not in self._scorers:
            return None
        if lane not in self._scores:
            self._scores[lane] = self._scorers[lane].finish()
        return self._scores[lane]
