"""Zones over the picture: polygons and counting lines, and the labels that name them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from tracker.draw.canvas import Canvas
from tracker.draw.colours import BLACK, DARK, LIGHT, Colour
from tracker.draw.text import Words
from tracker.zone_counts import Points, Shape

AREA: Colour = (70, 200, 255)
LINE: Colour = (255, 190, 40)
COLOURS: dict[str, Colour] = {"include": LIGHT, "exclude": (150, 150, 150), "area": AREA, "line": LINE}
CLEAR, SOFT = 230, 130
"""opacity (of 255) of a line, and of the dark rim that parts it from a bright picture"""
SHADE = 110
"""opacity of the dark over what is excluded"""
ARROW_SHARE, ARROW_PX = 0.12, (6, 16)
"""length of the arrow on a line, as a share of the line's, and its bounds in line widths"""


def draw_shapes(canvas: Canvas, shapes: Sequence[Shape], line_px: int) -> None:
    """Outlines of all; what is excluded is darkened, a line has an arrow that points its first way."""
    for shape in shapes:
        colour = COLOURS[shape.kind]
        if shape.kind == "exclude":
            _shade(canvas, shape.points)
        if shape.kind == "line":
            a, b = shape.points
            _stroke(canvas, (a, b), colour, line_px + 1)
            _stroke(canvas, _arrow(shape.points, line_px), colour, line_px + 1)
        else:
            for edge in zip(shape.points, (*shape.points[1:], shape.points[0]), strict=True):
                _stroke(canvas, edge, colour, line_px)


def labels(shapes: Sequence[Shape], size_px: int) -> Iterator[tuple[Words, list[tuple[float, float]]]]:
    """The words of each label, and the corners at which it may be placed, the best first."""
    for shape in shapes:
        if shape.label:
            words = Words(shape.label, size_px, BLACK, COLOURS[shape.kind])
            yield words, _corners(shape, size_px)


def _corners(shape: Shape, size_px: int) -> list[tuple[float, float]]:
    """Inside an area at its top; beside a line's ends."""
    away = size_px / 2
    if shape.kind == "line":
        return [(x + dx, y + dy) for x, y in shape.points for dx in (away, -away) for dy in (away, -3 * away)]
    points = sorted(shape.points, key=lambda point: (point[1], point[0]))
    return [(x + dx, y + dy) for x, y in points for dx, dy in ((2, 2), (2, -3 * away))]


def _arrow(points: Points, line_px: int) -> Points:
    """From the middle of a line to its right-hand side, then its two barbs."""
    (ax, ay), (bx, by) = points
    length = math.dist(*points)
    ux, uy = (bx - ax) / length, (by - ay) / length
    reach = min(max(ARROW_SHARE * length, ARROW_PX[0] * (line_px + 1)), ARROW_PX[1] * (line_px + 1))
    x, y = (ax + bx) / 2, (ay + by) / 2
    tip = x - uy * reach, y + ux * reach  # y goes down: the right of (1, 0) is (0, 1)
    barb = reach / 2.5
    back = tip[0] + uy * barb, tip[1] - ux * barb
    left, right = ((back[0] + way * ux * barb, back[1] + way * uy * barb) for way in (-1, 1))
    return (x, y), tip, left, tip, right


def _stroke(canvas: Canvas, points: Points, colour: Colour, line_px: int) -> None:
    """A line through points, on a dark rim."""
    margin = line_px + 3
    corners = np.rint(np.asarray(points)).astype(np.int32)
    (x0, y0), (x1, y1) = corners.min(axis=0) - margin, corners.max(axis=0) + margin + 1
    window = canvas.fit(int(x0), int(y0), int(x1), int(y1))
    if window.x0 == window.x1 or window.y0 == window.y1:
        return
    for width, opacity, paint in ((line_px + 2, SOFT, DARK), (line_px, CLEAR, colour)):
        cover = np.zeros((window.y1 - window.y0, window.x1 - window.x0), np.uint8)
        cv2.polylines(cover, [corners - window[:2]], False, opacity, width, cv2.LINE_AA)
        canvas.blend((window.x0, window.y0), cover, paint)


def _shade(canvas: Canvas, points: Points) -> None:
    corners = np.rint(np.asarray(points)).astype(np.int32)
    (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0) + 1
    window = canvas.fit(int(x0), int(y0), int(x1), int(y1))
    if window.x0 == window.x1 or window.y0 == window.y1:
        return
    cover = np.zeros((window.y1 - window.y0, window.x1 - window.x0), np.uint8)
    cv2.fillPoly(cover, [corners - window[:2]], SHADE)
    canvas.blend((window.x0, window.y0), cover, DARK)
