"""One lane's view drawn over its frame: tinted masks, outlines, boxes, ids, trails, banner."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.draw.canvas import Canvas, Opacity
from tracker.draw.colours import GREY, Colour, colour_of
from tracker.draw.layout import Arrangement, Layout, ObjectStyle, line_width
from tracker.draw.settings import OverlaySettings
from tracker.draw.shapes import draw_shapes
from tracker.draw.text import TextBox
from tracker.draw.trails import Trails
from tracker.errors import ShapeError
from tracker.labels import find_windows
from tracker.types import Segmentation, View
from tracker.zone_counts import Shape

TRAIL_STEPS = (60, 100, 140, 180, 220)  # opacity (of 255) of a trail's fifths, the oldest first
HIDDEN_OPACITY = 190
OUTER_MOST = 0.5  # opacity outside the mask of the thinnest outlines: two full pixels would be broad in a small frame


def draw_view(
    canvas: Canvas,
    view: View,
    *,
    time_s: float,
    trails: Trails,
    settings: OverlaySettings,
    shapes: Sequence[Shape] = (),
    layout: Layout | None = None,
) -> None:
    """Draw the view over the frame's picture.

    time_s  shown in the banner
    trails  positions up to and including this frame; only read
    shapes  polygons and lines, drawn below all boxes
    layout  of this view, as an `Arrangement` has it; None: as of a first frame

    Objects whose pixels are seen have a solid box, hidden ones a dashed and fainter one and a dark tag; of many hidden ones
    some have the tag alone. Pixels of regions that no track has claimed (yet) are tinted grey.
    Raises ShapeError if the view is of a frame of another size than the canvas.
    """
    check_size(canvas, view)
    if layout is None:
        layout = Arrangement().lay_out(view, time_s=time_s, settings=settings, shapes=shapes)
    shown = [look for look in layout.looks if look.shown]
    _draw_masks(
        canvas, view.segmentation, {look.track.label: look for look in shown if not look.track.hidden}, settings
    )
    draw_shapes(canvas, shapes if settings.zones else (), line_width(canvas.size[1]))
    for track, _, line_px, _ in shown if settings.trail_frames else ():
        _draw_trail(canvas, trails.points(track.id), colour_of(track.id), line_px)
    for track, corners, line_px, _ in shown:
        if track.hidden:
            _draw_dashed(canvas, corners, colour_of(track.id), line_px)
    for track, corners, line_px, _ in shown if settings.boxes else ():
        if not track.hidden:
            canvas.rectangle(corners, colour_of(track.id), line_px)
    for words, at in layout.words:
        canvas.write(words, at)


def check_size(canvas: Canvas, view: View) -> None:
    """ShapeError if they are of frames of different sizes."""
    if view.segmentation.size != canvas.size:
        ours, theirs = (f"{width}x{height}" for width, height in (view.segmentation.size, canvas.size))
        raise ShapeError(f"labels of lane {view.lane}: of a frame of {ours}, the frame is {theirs}")


def _draw_masks(
    canvas: Canvas, segmentation: Segmentation, owners: dict[int, ObjectStyle], settings: OverlaySettings
) -> None:
    # Rectangles come from the labels and not from the regions' boxes: a predicted box may be smaller than the mask.
    labels, (width, height) = segmentation.labels, canvas.size
    across, down = width / labels.shape[1], height / labels.shape[0]
    for label, (rows, columns) in find_windows(labels).items():
        look = owners.get(label)
        line_px = look.line_px if look is not None and settings.outlines else 0
        mask = (labels[rows, columns] == label).view(np.uint8) * np.uint8(255)
        x0, x1 = round(columns.start * across), round(columns.stop * across)
        y0, y1 = round(rows.start * down), round(rows.stop * down)
        margin = _kernel_px(line_px) if line_px else 0
        window = canvas.fit(x0 - margin, y0 - margin, x1 + margin, y1 + margin)
        inside = np.zeros((window.y1 - window.y0, window.x1 - window.x0), np.uint8)
        part = inside[y0 - window.y0 : y1 - window.y0, x0 - window.x0 : x1 - window.x0]
        _enlarge(mask, part)
        opacity = _outline(inside, line_px, settings.tint) if line_px else _tint(inside, settings.tint)
        canvas.blend((window.x0, window.y0), opacity, GREY if look is None else colour_of(look.track.id))


def _enlarge(mask: Opacity, target: Opacity) -> None:
    """A mask of 0 and 255 at the size of `target`, its border smoothed: at twice the size steps would be seen."""
    if mask.shape == target.shape:
        target[:] = mask
    elif target.size:
        cv2.resize(mask, target.shape[::-1], target, interpolation=cv2.INTER_LINEAR)
        cv2.threshold(target, 127, 255, cv2.THRESH_BINARY, target)


def _kernel_px(line_px: int) -> int:
    """Side of the square over which a mask is averaged to find its border: as wide as the line and its soft edges."""
    return 3 if line_px == 1 else (line_px + 3) // 2 * 2 + 1


def _tint(inside: Opacity, tint: float) -> Opacity:
    return np.asarray(cv2.convertScaleAbs(inside, None, tint), np.uint8)


def _outline(inside: Opacity, line_px: int, tint: float) -> Opacity:
    """Opacity of a mask's colour: full along its border, `tint` within."""
    side = _kernel_px(line_px)
    share = cv2.blur(inside, (side, side))
    return np.asarray(cv2.LUT(cv2.addWeighted(inside, 128 / 255, share, 127 / 255, 0), _outline_table(line_px, tint)))


@lru_cache(maxsize=16)
def _outline_table(line_px: int, tint: float) -> Opacity:
    """(256,) by 128 if the pixel is in the mask plus 127 times the share of its neighbourhood that is.

    Half a kernel from a straight border the share is 0 or 1, on the border it is a half; the slopes between them make the
    line smooth. Parts of a mask too thin to have an inside are all line.
    """
    share, side = np.arange(128) / 127, _kernel_px(line_px)
    outer = np.minimum(side / 2 * share, OUTER_MOST if line_px == 1 else 1)
    line = np.where(share <= 0.5, 1, np.minimum(side / (1 if line_px == 1 else 2) * (1 - share), 1))
    return np.round(255 * np.concatenate([outer, line + (1 - line) * tint])).astype(np.uint8)


def _draw_trail(canvas: Canvas, path: NDArray[np.float32], colour: Colour, line_px: int) -> None:
    if len(path) < 2:
        return
    x, y, width, height = cv2.boundingRect(path)
    limit = 2 * max(canvas.size)
    if not (-limit < x <= x + width < limit and -limit < y <= y + height < limit):
        # far outside is as good as outside, and OpenCV's lines overflow at 2^15
        path = np.clip(path, -limit, limit - 2)
        x, y, width, height = cv2.boundingRect(path)
    margin = line_px + 2  # anti-aliased lines are wider than they are called
    window = canvas.fit(x - margin, y - margin, x + width + margin, y + height + margin)
    opacity = np.zeros((window.y1 - window.y0, window.x1 - window.x0), np.uint8)
    if not opacity.size:
        return
    corners = np.rint(path).astype(np.int32) - window[:2]
    for strength, start, stop in _fifths(len(path)):
        cv2.polylines(opacity, [corners[start:stop]], False, strength, 1, cv2.LINE_AA)
    if line_px > 1:  # half the time of anti-aliased lines of that width
        cv2.dilate(opacity, _brush(line_px), opacity)
    canvas.blend((window.x0, window.y0), opacity, colour)


@lru_cache(maxsize=16)
def _brush(line_px: int) -> NDArray[np.uint8]:
    """What widens a thin line, which is two pixels wide, to one of that many and its soft edges."""
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (line_px // 2 * 2 + 1,) * 2), np.uint8)


@lru_cache(maxsize=1024)
def _fifths(length: int) -> tuple[tuple[int, int, int], ...]:
    """(opacity, first point, end) of the parts of a trail of so many points; each begins where the last one ends."""
    cuts = np.linspace(0, length - 1, len(TRAIL_STEPS) + 1).round().astype(int).tolist()
    parts = zip(TRAIL_STEPS, cuts[:-1], cuts[1:], strict=True)
    return tuple((strength, start, stop + 1) for strength, start, stop in parts if stop > start)


def _draw_dashed(canvas: Canvas, corners: TextBox, colour: Colour, line_px: int) -> None:
    x0, y0, x1, y1 = corners
    window = canvas.fit(x0 - line_px, y0 - line_px, x1 + 1 + line_px, y1 + 1 + line_px)
    opacity = np.zeros((window.y1 - window.y0, window.x1 - window.x0), np.uint8)
    if opacity.size:
        dashes = [dash - window[:2] for dash in _dashes(corners, dash_px=4 + 2 * line_px)]
        cv2.polylines(opacity, dashes, False, HIDDEN_OPACITY, line_px)
        canvas.blend((window.x0, window.y0), opacity, colour)


def _dashes(corners: TextBox, *, dash_px: int) -> list[NDArray[np.int32]]:
    x0, y0, x1, y1 = corners
    across = [(x, min(x + dash_px, x1)) for x in range(x0, x1 + 1, 2 * dash_px)]
    down = [(y, min(y + dash_px, y1)) for y in range(y0, y1 + 1, 2 * dash_px)]
    lines = [((a, y), (b, y)) for y in (y0, y1) for a, b in across] + [
        ((x, a), (x, b)) for x in (x0, x1) for a, b in down
    ]
    return [np.array(line, np.int32) for line in lines]
