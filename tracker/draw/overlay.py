"""The picture of a moment: which lanes are drawn, and how they share the frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from tracker.draw.canvas import Canvas, ImageCanvas, YuvCanvas
from tracker.draw.panels import draw_inset, side_by_side, yuv_side_by_side
from tracker.draw.settings import OverlaySettings
from tracker.draw.trails import Trails
from tracker.draw.view import draw_view
from tracker.types import Image, Moment
from tracker.yuv import YuvImage
from tracker.zone_counts import Shapes

AnyCanvas = TypeVar("AnyCanvas", bound=Canvas)


class Overlay:
    """Moment in, picture out; holds the trails. All picture-taking sinks of a run share one, so that it is drawn once.

    lanes   with `panels`, drawn side by side in that order; otherwise the first one over the whole frame, and the
            second one's foreground, if there is a second, as an inset
    shapes  polygons and lines over a lane's picture at a moment; None: none

    The same moment again gives the same picture: nobody may write into it.
    """

    def __init__(
        self, settings: OverlaySettings, *, lanes: Sequence[str], panels: bool = False, shapes: Shapes | None = None
    ) -> None:
        self._settings = settings
        self._lanes = tuple(lanes)
        self._panels = panels
        self._shapes = shapes
        self._trails = {lane: Trails(settings.trail_frames) for lane in lanes}
        self._moment: Moment | None = None
        self._image: Image | None = None
        self._video: YuvImage | None = None

    def __call__(self, moment: Moment) -> Image:
        """(H, W, 3), wider with panels."""
        self._turn_to(moment)
        if self._image is None:
            drawn = [canvas.image for canvas in self._draw(moment, lambda: ImageCanvas(moment.frame.image))]
            self._image = side_by_side(drawn, most_width=self._settings.panels_width) if self._panels else drawn[0]
        return self._image

    def for_video(self, moment: Moment) -> Image | YuvImage:
        """The same picture, drawn on the planes of the frame as they were decoded where there are such: an encoder takes it
        without a conversion."""
        self._turn_to(moment)
        planes = moment.frame.picture.planes()
        if planes is None:
            return self(moment)
        if self._video is None:
            drawn = [canvas.yuv for canvas in self._draw(moment, lambda: YuvCanvas(planes))]
            self._video = yuv_side_by_side(drawn, most_width=self._settings.panels_width) if self._panels else drawn[0]
        return self._video

    def reset(self) -> None:
        """Forget the trails."""
        for trails in self._trails.values():
            trails.reset()
        self._moment = self._image = self._video = None

    def _turn_to(self, moment: Moment) -> None:
        if self._moment is moment:
            return
        self._moment, self._image, self._video = moment, None, None
        for lane in self._shown:
            self._trails[lane].add(moment.view(lane).tracks, moment.frame.index)

    @property
    def _shown(self) -> tuple[str, ...]:
        return self._lanes if self._panels else self._lanes[:1]

    def _draw(self, moment: Moment, blank: Callable[[], AnyCanvas]) -> list[AnyCanvas]:
        """A canvas for each lane shown."""
        drawn = []
        for lane in self._shown:
            canvas = blank()
            trails = self._trails[lane]
            shapes = () if self._shapes is None else self._shapes(lane, moment)
            draw_view(
                canvas,
                moment.view(lane),
                time_s=moment.frame.time_s,
                trails=trails,
                settings=self._settings,
                shapes=shapes,
            )
            drawn.append(canvas)
        if self._settings.inset and not self._panels and len(self._lanes) > 1:
            draw_inset(drawn[0], moment.view(self._lanes[1]), width=self._settings.inset_width)
        return drawn
