"""Counting what each lane found, and scoring it where the truth is known: a sink like the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tracker.errors import SourceError
from tracker.types import Box, Moment, Outcome, View

if TYPE_CHECKING:  # trackeval is loaded only where there is a truth to compare with
    from tracker.scores import IdentityScores, MaskCounts, Truth


@dataclass
class LaneTally:
    """What one lane found so far."""

    frames_seen: Counter[int] = field(default_factory=Counter)
    """by identity, the frames in which it was seen (not merely predicted)"""
    foreground_share: float = 0.0
    """sum over frames of the share of pixels held to be object"""
    boxes: dict[int, list[tuple[int, Box]]] = field(default_factory=dict)
    """by frame, (identity, box); kept only where there is a truth"""
    pixels: MaskCounts | None = None

    @property
    def identities(self) -> int:
        """Different identities in the whole run."""
        return len(self.frames_seen)

    @property
    def mean_track_frames(self) -> float:
        """Frames in which an identity is seen, on average."""
        return sum(self.frames_seen.values()) / max(1, self.identities)


class Tally:
    """Counts by lane; with a truth also keeps every box, and compares every pixel of the frames that have a mask.

    frame_offset    the truth's number of the run's first frame, where only a part of the clip is looked at

    Raises SourceError if the truth ends before the run begins, or has masks of another size.
    """

    def __init__(self, lanes: Sequence[str], *, truth: Truth | None = None, frame_offset: int = 0):
        self.lanes = {name: LaneTally() for name in lanes}
        self.frames = 0
        if truth is not None and truth.frames[1] < frame_offset:
            raise SourceError(f"the truth ends before frame {frame_offset + 1}, the run's first; is it of this clip?")
        self._truth = truth
        self._offset = frame_offset

    def write(self, moment: Moment) -> None:
        """Count one moment."""
        for view in moment.views:
            tally = self.lanes[view.lane]
            seen = [track for track in view.tracks if not track.hidden]
            tally.frames_seen.update(track.id for track in seen)
            tally.foreground_share += float(view.segmentation.foreground.mean())
            if self._truth is not None:
                frame = moment.frame.index + self._offset
                tally.boxes[frame] = [(track.id, track.box) for track in seen]
                self._compare_pixels(self._truth, view, frame, tally)
        self.frames += 1

    def close(self, outcome: Outcome) -> None:
        """Nothing to finish."""

    def foreground_share(self, lane: str) -> float:
        """Mean share of the picture held to be object."""
        return self.lanes[lane].foreground_share / max(1, self.frames)

    def scores(self, lane: str) -> IdentityScores | None:
        """The lane's identity scores over the frames that were both seen and known; None if there are none."""
        seen = self.lanes[lane].boxes
        if self._truth is None or not seen:
            return None
        from tracker.scores import identity_scores

        first, last = max(self._truth.frames[0], min(seen)), min(self._truth.frames[1], max(seen))
        return identity_scores(self._truth, seen, frames=(first, last)) if first <= last else None

    def _compare_pixels(self, truth: Truth, view: View, frame: int, tally: LaneTally) -> None:
        wanted = truth.foreground(frame)
        if wanted is None:
            return
        from tracker.scores import MaskCounts

        if wanted.shape != view.segmentation.foreground.shape:
            raise SourceError(
                f"the truth's mask {frame + 1} is {wanted.shape[1]} x {wanted.shape[0]} pixels, the clip's frame "
                f"{view.segmentation.foreground.shape[1]} x {view.segmentation.foreground.shape[0]}; "
                "give the truth of this clip"
            )
        counts = MaskCounts.of(view.segmentation.foreground, wanted)
        tally.pixels = counts if tally.pixels is None else tally.pixels + counts
