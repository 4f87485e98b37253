"""The picture of a moment: which lanes are drawn, and how they share the frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from tracker.draw.canvas import Canvas, ImageCanvas, YuvCanvas
from tracker.draw.panels import draw_inset, side_by_side, yuv_side_by_side
from tracker.draw.panes import Panes
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

    The same moment again gives the same picture: nobody may write into it. `show` changes what screens show, never what a
    video holds, whose picture keeps its size.
    """

    def __init__(
        self, settings: OverlaySettings, *, lanes: Sequence[str], panels: bool = False, shapes: Shapes | None = None
    ) -> None:
        self._settings = settings
        self._lanes = tuple(lanes)
        self._panels = panels
        self._kept = self._screens = self._lanes if panels else self._lanes[:1]
        self._shapes = shapes
        self._trails = {lane: Trails(settings.trail_frames) for lane in lanes}
        self._panes = Panes(settings, lanes=self._lanes, inset=settings.inset and not panels and len(self._lanes) > 1)
        self._moment: Moment | None = None
        self._images: dict[tuple[str, ...], Image] = {}  # by the lanes that they show
        self._video: YuvImage | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Without the latest picture: it is drawn again where it is asked for."""
        return vars(self) | {"_moment": None, "_images": {}, "_video": None}

    @property
    def lanes(self) -> tuple[str, ...]:
        """Those that can be shown."""
        return self._lanes

    @property
    def shown(self) -> tuple[str, ...]:
        """The lanes that screens show."""
        return self._screens

    def show(self, lanes: Sequence[str]) -> None:
        """Show one lane over the whole frame, or several side by side, on screens. Raises KeyError for an unknown one."""
        for lane in lanes:
            self._trails[lane]
        self._screens = tuple(lanes) or self._screens

    def __call__(self, moment: Moment) -> Image:
        """(H, W, 3) for screens, wider with several lanes."""
        return self._image(moment, self._screens)

    def for_video(self, moment: Moment) -> Image | YuvImage:
        """The picture for a file, drawn on the planes of the frame as they were decoded where there are such: an encoder takes
        it without a conversion."""
        planes = moment.frame.picture.planes()
        if planes is None:
            return self._image(moment, self._kept)
        self._turn_to(moment)
        if self._video is None:
            drawn = [canvas.yuv for canvas in self._draw(moment, self._kept, lambda: YuvCanvas(planes))]
            beside = self._panels or len(drawn) > 1
            self._video = yuv_side_by_side(drawn, most_width=self._settings.panels_width) if beside else drawn[0]
        return self._video

    def reset(self) -> None:
        """Forget the trails, and where words and inset were."""
        for trails in self._trails.values():
            trails.reset()
        self._panes.reset()
        self._moment, self._images, self._video = None, {}, None

    def _turn_to(self, moment: Moment) -> None:
        if self._moment is moment:
            return
        self._moment, self._images, self._video = moment, {}, None
        for lane, trails in self._trails.items():  # of all: another may be shown next
            trails.add(moment.view(lane).tracks, moment.frame.index)
        self._panes.turn_to([moment.view(lane) for lane in self._kept], moment.frame.time_s)

    def _image(self, moment: Moment, lanes: tuple[str, ...]) -> Image:
        self._turn_to(moment)
        if lanes not in self._images:
            drawn = [canvas.image for canvas in self._draw(moment, lanes, lambda: ImageCanvas(moment.frame.image))]
            beside = self._panels or len(drawn) > 1
            self._images[lanes] = side_by_side(drawn, most_width=self._settings.panels_width) if beside else drawn[0]
        return self._images[lanes]

    def _draw(self, moment: Moment, lanes: tuple[str, ...], blank: Callable[[], AnyCanvas]) -> list[AnyCanvas]:
        """A canvas for each lane shown."""
        drawn = []
        inset = self._panes.inset if len(lanes) == 1 and not self._panels else None
        for lane in lanes:
            canvas, view, time_s = blank(), moment.view(lane), moment.frame.time_s
            shapes = () if self._shapes is None else self._shapes(lane, moment)
            draw_view(
                canvas,
                view,
                time_s=time_s,
                trails=self._trails[lane],
                settings=self._settings,
                shapes=shapes,
                layout=self._panes.layout(view, time_s, shapes, beside_inset=inset is not None),
            )
            drawn.append(canvas)
        if inset is not None:
            other = next(lane for lane in self._lanes if lane not in lanes)
            draw_inset(drawn[0], moment.view(other), width=self._settings.inset_width, corner=inset)
        return drawn
