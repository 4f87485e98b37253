"""Where banner, inset and words of a run's pictures are: one state for all lanes, so that they stand alike side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tracker.draw.colours import DARK, LIGHT
from tracker.draw.corners import (
    BOTTOM_LEFT,
    BOTTOM_RIGHT,
    TOP_LEFT,
    TOP_RIGHT,
    StayingCorner,
    corner_place,
    objects_in,
    seen_boxes,
)
from tracker.draw.layout import Arrangement, Layout
from tracker.draw.panels import inset_size
from tracker.draw.settings import OverlaySettings
from tracker.draw.text import TextBox, tag, text_px
from tracker.types import View
from tracker.zone_counts import Shape

CORNERS = (BOTTOM_RIGHT, BOTTOM_LEFT, TOP_RIGHT, TOP_LEFT)
LOOK_S = 0.2
"""how often the corners are looked at: their means change over seconds"""


class Panes:
    """The corners of banner and inset along a run, and the layouts of each moment's views.

    lanes  that may be drawn
    inset  whether a single lane has an inset
    """

    def __init__(self, settings: OverlaySettings, *, lanes: Sequence[str], inset: bool) -> None:
        self._settings = settings
        self._with_inset = inset
        self._lanes = tuple(lanes)
        self.reset()

    def reset(self) -> None:
        """Forget all: the next moment is a first one."""
        self._inset_corner = StayingCorner(CORNERS)
        self._banner_corner = StayingCorner((TOP_LEFT, TOP_RIGHT, BOTTOM_LEFT, BOTTOM_RIGHT))
        self._inset = BOTTOM_RIGHT
        self._banner = TOP_LEFT
        self._looked_s = -math.inf
        self._arrangements: dict[tuple[str, bool], Arrangement] = {}
        self._layouts: dict[tuple[str, bool], Layout] = {}

    @property
    def inset(self) -> int | None:
        """The corner of the inset; None where there is none."""
        return self._inset if self._with_inset else None

    def turn_to(self, views: Sequence[View], time_s: float) -> None:
        """Go on to the next moment; banner and inset stand clear of the objects of these views."""
        self._layouts = {}
        if 0 <= time_s - self._looked_s < LOOK_S or not (self._with_inset or self._settings.banner):
            return
        self._looked_s = time_s
        size = views[0].segmentation.size
        insets = [corner_place(corner, inset_size(size, self._settings.inset_width), size) for corner in CORNERS]
        banners = [corner_place(corner, self._banner_size(size), size) for corner in CORNERS]
        boxes = np.concatenate([seen_boxes(view.tracks) for view in views])
        objects = objects_in(boxes, insets + banners) / len(views)
        taken: list[int] = []
        if self._with_inset:
            self._inset = self._inset_corner.choose(objects[: len(CORNERS)], time_s)
            taken = [corner for corner in CORNERS if _meet(banners[corner], insets[self._inset])]
        if self._settings.banner:
            self._banner = self._banner_corner.choose(objects[len(CORNERS) :], time_s, taken=taken)

    def layout(self, view: View, time_s: float, shapes: Sequence[Shape], *, beside_inset: bool) -> Layout:
        """The view's layout in this moment, made once."""
        key = view.lane, beside_inset
        if key not in self._layouts:
            width = self._settings.inset_width
            size = view.segmentation.size
            inset = [corner_place(self._inset, inset_size(size, width), size)] if beside_inset else []
            self._layouts[key] = self._arrangements.setdefault(key, Arrangement()).lay_out(
                view, time_s=time_s, settings=self._settings, shapes=shapes, banner=self._banner, kept_clear=inset
            )
        return self._layouts[key]

    def _banner_size(self, frame: tuple[int, int]) -> tuple[int, int]:
        """Of a usual banner of the longest name: the corner does not depend on the width of digits."""
        words = f"{max(self._lanes, key=len)}   0:00.0   00 objects"
        height, width = tag(words, text_px(frame[1]), LIGHT, DARK).shape[:2]
        return width, height


def _meet(a: TextBox, b: TextBox) -> bool:
    return a.x0 < b.x1 and b.x0 < a.x1 and a.y0 < b.y1 and b.y0 < a.y1
