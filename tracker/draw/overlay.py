"""The picture of a moment: which lanes are drawn, and how they share the frame."""

from __future__ import annotations

from collections.abc import Sequence

from tracker.draw.panels import draw_inset, side_by_side
from tracker.draw.settings import OverlaySettings
from tracker.draw.trails import Trails
from tracker.draw.view import draw_view
from tracker.types import Image, Moment


class Overlay:
    """Moment in, picture out; holds the trails. All picture-taking sinks of a run share one, so that it is drawn once.

    lanes   with `panels`, drawn side by side in that order; otherwise the first one over the whole frame, and the
            second one's foreground, if there is a second, as an inset
    """

    def __init__(self, settings: OverlaySettings, *, lanes: Sequence[str], panels: bool = False) -> None:
        self._settings = settings
        self._lanes = tuple(lanes)
        self._panels = panels
        self._trails = {lane: Trails(settings.trail_frames) for lane in lanes}
        self._last: tuple[Moment, Image] | None = None

    def __call__(self, moment: Moment) -> Image:
        """(H, W, 3), wider with panels. The same moment again gives the same array: nobody may write into it."""
        if self._last is None or self._last[0] is not moment:
            self._last = (moment, self._draw(moment))
        return self._last[1]

    def reset(self) -> None:
        """Forget the trails."""
        for trails in self._trails.values():
            trails.reset()
        self._last = None

    def _draw(self, moment: Moment) -> Image:
        drawn = self._lanes if self._panels else self._lanes[:1]
        pictures = [self._draw_lane(moment, lane) for lane in drawn]
        if self._panels:
            return side_by_side(pictures, most_width=self._settings.panels_width)
        if self._settings.inset and len(self._lanes) > 1:
            inset = self._lanes[1]
            mask = moment.view(inset).segmentation.full_foreground
            return draw_inset(pictures[0], mask, caption=inset, width=self._settings.inset_width)
        return pictures[0]

    def _draw_lane(self, moment: Moment, lane: str) -> Image:
        view, frame, trails = moment.view(lane), moment.frame, self._trails[lane]
        trails.add(view.tracks, frame.index)
        return draw_view(frame.image, view, time_s=frame.time_s, trails=trails, settings=self._settings)
