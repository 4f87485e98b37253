"""A frame and what was tracked in it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from tracker.api.drawing import Drawing, ShapesByLane
from tracker.api.tracks import Tracks
from tracker.errors import OptionError
from tracker.types import Frame, Image, Labels, Mask, Moment, View, enlarged

if TYPE_CHECKING:
    import supervision


@dataclass(frozen=True)
class TrackedFrame:
    """One frame, and what one lane made of it; `of` gives what another made of the same frame."""

    moment: Moment = field(repr=False)
    lane: str
    """whose tracks these are"""
    drawing: Drawing = field(repr=False, compare=False)
    shapes: ShapesByLane = field(default_factory=dict, repr=False, compare=False)
    """zones with their counts up to this frame"""

    @property
    def frame(self) -> Frame:
        """Its `time_s`, `index`, `image` (H, W, 3) uint8 RGB, and `size` (width, height)."""
        return self.moment.frame

    @property
    def view(self) -> View:
        """What the lane found: regions, foreground, labels at the size at which it worked."""
        return self.moment.view(self.lane)

    @property
    def lanes(self) -> tuple[str, ...]:
        """All that looked at it."""
        return tuple(view.lane for view in self.moment.views)

    def of(self, lane: str) -> TrackedFrame:
        """The same frame as another lane saw it. Raises OptionError if no lane of the run has that name."""
        if lane not in self.lanes:
            raise OptionError(f"there is no lane {lane!r} in this run; it has {', '.join(self.lanes)}")
        return replace(self, lane=lane)

    @cached_property
    def tracks(self) -> Tracks:
        """The objects, as arrays."""
        return Tracks.of(self.view.tracks)

    @cached_property
    def labels(self) -> Labels:
        """(H, W) int32 which identity owns each pixel; 0 is the background."""
        return enlarged(self.view.owners, self.frame.size)

    @property
    def foreground(self) -> Mask:
        """(H, W) bool: what is held to be object, before anyone asks whose."""
        return self.view.segmentation.full_foreground

    def draw(self) -> Image:
        """(H, W, 3) the frame with masks, boxes, identities, zones and trails. Trails are of the frames drawn before."""
        return self.drawing(self.moment, self.lane, self.shapes)

    def to_supervision(self) -> supervision.Detections:
        """The objects with their masks, for the package supervision: `xyxy`, `mask`, `confidence`, `tracker_id`, `data["hidden"]`.

        Raises MissingExtraError without that package.
        """
        from tracker.api.adapters import detections

        return detections(self.tracks, self.labels)
