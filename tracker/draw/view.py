"""One lane's view drawn over its frame: tinted masks, outlines, boxes, ids, trails, banner."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.draw.canvas import Canvas, Opacity
from tracker.draw.colours import DARK, GREY, LIGHT, Colour, colour_of, ink_on, lighten
from tracker.draw.settings import OverlaySettings
from tracker.draw.shapes import draw_shapes, labels
from tracker.draw.text import Place, Words, clock, place, place_clear, tag, text_px
from tracker.draw.trails import Trails
from tracker.errors import ShapeError
from tracker.labels import find_windows
from tracker.types import Box, Mask, Segmentation, Track, View
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
) -> None:
    """Draw the view over the frame's picture.

    time_s  shown in the banner
    trails  positions up to and including this frame; only read
    shapes  polygons and lines, drawn below all boxes

    Objects whose pixels are seen have a solid box, hidden ones a dashed and fainter one and a dark tag. Pixels of
    regions that no track has claimed (yet) are tinted grey.
    Raises ShapeError if the view is of a frame of another size than the canvas.
    """
    check_size(canvas, view)
    line_px = line_width(canvas.size[1])
    tracks = sorted(view.tracks, key=lambda track: track.box.y1)  # the nearer one stands lower and is drawn later

    _draw_masks(canvas, view.segmentation, {track.label: track.id for track in tracks}, line_px, settings)
    shapes = shapes if settings.zones else ()
    draw_shapes(canvas, shapes, line_px)
    for track in tracks if settings.trail_frames else ():
        _draw_trail(canvas, trails.points(track.id), colour_of(track.id), line_px)
    for track in tracks:
        if track.hidden:
            _draw_dashed(canvas, track.box, colour_of(track.id), line_px)
    for track in tracks if settings.boxes else ():
        if not track.hidden:
            canvas.rectangle(_whole(track.box, canvas.size), colour_of(track.id), line_px)
    _draw_words(canvas, view.lane, tracks, time_s, settings, shapes)


def line_width(height: int) -> int:
    """Pixels across a line in a frame of that height."""
    return 1 if height < 600 else max(2, round(height / 700))


def check_size(canvas: Canvas, view: View) -> None:
    """ShapeError if they are of frames of different sizes."""
    if view.segmentation.size != canvas.size:
        ours, theirs = (f"{width}x{height}" for width, height in (view.segmentation.size, canvas.size))
        raise ShapeError(f"labels of lane {view.lane}: of a frame of {ours}, the frame is {theirs}")


def _draw_masks(
    canvas: Canvas, segmentation: Segmentation, owners: dict[int, int], line_px: int, settings: OverlaySettings
) -> None:
    # Rectangles come from the labels and not from the regions' boxes: a predicted box may be smaller than the mask.
    labels, (width, height) = segmentation.labels, canvas.size
    across, down = width / labels.shape[1], height / labels.shape[0]
    for label, (rows, columns) in find_windows(labels).items():
        outlined = settings.outlines and label in owners
        mask = (labels[rows, columns] == label).view(np.uint8) * np.uint8(255)
        x0, x1 = round(columns.start * across), round(columns.stop * across)
        y0, y1 = round(rows.start * down), round(rows.stop * down)
        margin = _kernel_px(line_px) if outlined else 0
        window = canvas.fit(x0 - margin, y0 - margin, x1 + margin, y1 + margin)
        inside = np.zeros((window.y1 - window.y0, window.x1 - window.x0), np.uint8)
        part = inside[y0 - window.y0 : y1 - window.y0, x0 - window.x0 : x1 - window.x0]
        _enlarge(mask, part)
        opacity = _outline(inside, line_px, settings.tint) if outlined else _tint(inside, settings.tint)
        canvas.blend((window.x0, window.y0), opacity, colour_of(owners[label]) if label in owners else GREY)


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


def _draw_dashed(canvas: Canvas, box: Box, colour: Colour, line_px: int) -> None:
    x0, y0, x1, y1 = corners = _whole(box, canvas.size)
    window = canvas.fit(x0 - line_px, y0 - line_px, x1 + 1 + line_px, y1 + 1 + line_px)
    opacity = np.zeros((window.y1 - window.y0, window.x1 - window.x0), np.uint8)
    if opacity.size:
        dashes = [dash - window[:2] for dash in _dashes(corners, dash_px=4 + 2 * line_px)]
        cv2.polylines(opacity, dashes, False, HIDDEN_OPACITY, line_px)
        canvas.blend((window.x0, window.y0), opacity, colour)


def _whole(box: Box, size: tuple[int, int]) -> Place:
    """The corner pixels, the last one included; a box that leaves the frame is open on that side."""
    width, height = size
    x0, x1 = (max(-8, min(round(x), width + 8)) for x in (box.x0, box.x1 - 1))
    y0, y1 = (max(-8, min(round(y), height + 8)) for y in (box.y0, box.y1 - 1))
    return Place(x0, y0, x1, y1)


def _dashes(corners: Place, *, dash_px: int) -> list[NDArray[np.int32]]:
    x0, y0, x1, y1 = corners
    across = [(x, min(x + dash_px, x1)) for x in range(x0, x1 + 1, 2 * dash_px)]
    down = [(y, min(y + dash_px, y1)) for y in range(y0, y1 + 1, 2 * dash_px)]
    lines = [((a, y), (b, y)) for y in (y0, y1) for a, b in across] + [
        ((x, a), (x, b)) for x in (x0, x1) for a, b in down
    ]
    return [np.array(line, np.int32) for line in lines]


def _draw_words(
    canvas: Canvas,
    lane: str,
    tracks: list[Track],
    time_s: float,
    settings: OverlaySettings,
    shapes: Sequence[Shape],
) -> None:
    """Banner, labels and tags; the nearest object's tag is placed first."""
    size, text = canvas.size, text_px(canvas.size[1])
    taken = np.zeros((size[1], size[0]), np.bool_)
    if settings.banner:
        seen = sum(not track.hidden for track in tracks)
        words = Words(f"{lane}   {clock(time_s)}   {seen} object{'' if seen == 1 else 's'}", text, LIGHT, DARK)
        _write(canvas, words, place(tag(*words).shape[1::-1], (0, 0), size), taken)
    for words, corners in labels(shapes, max(10, text - 2)):
        _write(canvas, words, place_clear(tag(*words).shape[1::-1], corners, taken), taken)
    for track in reversed(tracks) if settings.ids else ():
        _draw_tag(canvas, track, text, taken)


def _write(canvas: Canvas, words: Words, at: Place, taken: Mask) -> None:
    canvas.write(words, at)
    taken[at.y0 : at.y1, at.x0 : at.x1] = True


def _draw_tag(canvas: Canvas, track: Track, size_px: int, taken: Mask) -> None:
    """The id above the box, or where there is room."""
    colour = colour_of(track.id)
    ink, paper = (lighten(colour), DARK) if track.hidden else (ink_on(colour), colour)
    words = Words(str(track.id), size_px, ink, paper)
    tag_height, tag_width = tag(*words).shape[:2]
    box = track.box
    above, below, right = box.y0 - tag_height, box.y1, box.x1 - tag_width
    corners = [
        (box.x0, above),
        (right, above),
        (box.x0, below),
        (right, below),
        (box.x0 - tag_width, box.y0),
        (box.x1, box.y0),
    ]
    _write(canvas, words, place_clear((tag_width, tag_height), corners, taken), taken)
