"""Pictures of frames for who takes them one by one."""

from __future__ import annotations

from collections.abc import Mapping

from tracker.draw import Overlay
from tracker.settings import RunSettings
from tracker.types import Image, Moment
from tracker.zone_counts import Shape

ShapesByLane = Mapping[str, tuple[Shape, ...]]


class Drawing:
    """Draws the frames of a run one after the other, since it holds the trails."""

    def __init__(self, settings: RunSettings) -> None:
        self._shapes: ShapesByLane = {}
        self._overlay = Overlay(
            settings.overlay, lanes=settings.lanes, shapes=lambda lane, moment: self._shapes.get(lane, ())
        )

    def __call__(self, moment: Moment, lane: str, shapes: ShapesByLane) -> Image:
        """(H, W, 3) the frame as a lane saw it, with the shapes over it."""
        self._shapes = shapes
        self._overlay.show((lane,))
        return self._overlay(moment)

    def reset(self) -> None:
        """Forget the trails."""
        self._overlay.reset()
