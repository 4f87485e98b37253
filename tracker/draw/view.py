"""One lane's view drawn over its frame: tinted masks, outlines, boxes, ids, trails, banner."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.draw.colours import DARK, GREY, LIGHT, Colour, colour_of, ink_on, lighten
from tracker.draw.settings import OverlaySettings
from tracker.draw.text import Place, clock, place, place_clear, stamp, tag, text_px
from tracker.draw.trails import Trails
from tracker.errors import ShapeError
from tracker.labels import find_windows
from tracker.types import Box, Image, Labels, Track, View

TRAIL_STEPS = (60, 100, 140, 180, 220)  # opacity (of 255) of a trail's fifths, the oldest first
HIDDEN_OPACITY = 190


def draw_view(image: Image, view: View, *, time_s: float, trails: Trails, settings: OverlaySettings) -> Image:
    """A new image with the view drawn over the frame's.

    image   (H, W, 3) uint8 RGB, not written to
    time_s  shown in the banner
    trails  positions up to and including this frame; only read

    Objects whose pixels are seen have a solid box, hidden ones a dashed and fainter one and a dark tag. Pixels of
    regions that no track has claimed (yet) are tinted grey.
    Raises ShapeError if the view is of another size than the image.
    """
    labels = view.segmentation.full_labels
    if labels.shape != image.shape[:2]:
        raise ShapeError(f"labels of lane {view.lane}: {labels.shape}, the frame is {image.shape[:2]}")
    out = np.array(image, order="C")
    height, width = out.shape[:2]
    line_px = 1 if height < 600 else max(2, round(height / 700))
    tracks = sorted(view.tracks, key=lambda track: track.box.y1)  # the nearer one stands lower and is drawn later

    _draw_masks(out, labels, {track.label: track.id for track in tracks}, line_px, settings)
    _draw_faint(out, tracks, trails, line_px, settings)
    if settings.boxes:
        for track in tracks:
            if not track.hidden:
                _draw_box(out, track.box, colour_of(track.id), line_px)

    taken: list[Place] = []
    if settings.banner:
        count = sum(not track.hidden for track in tracks)
        words = f"{view.lane}   {clock(time_s)}   {count} object{'' if count == 1 else 's'}"
        banner = tag(words, text_px(height), LIGHT, DARK)
        taken.append(place(banner.shape[1::-1], (0, 0), (width, height)))
        stamp(out, banner, taken[0])
    if settings.ids:
        for track in reversed(tracks):
            taken.append(_draw_tag(out, track, taken))
    return out


def _draw_masks(out: Image, labels: Labels, owners: dict[int, int], line_px: int, settings: OverlaySettings) -> None:
    # Rectangles come from the labels and not from the regions' boxes: a predicted box may be smaller than the mask.
    for label, where in find_windows(labels).items():
        mask = (labels[where] == label).view(np.uint8)
        known = label in owners
        colour = colour_of(owners[label]) if known else GREY
        patch = out[where]
        cv2.copyTo(cv2.LUT(patch, _tint_table(colour, settings.tint)), mask, patch)
        if settings.outlines and known:
            contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
            cv2.drawContours(patch, contours, -1, colour, line_px, cv2.LINE_AA)


@lru_cache(maxsize=512)
def _tint_table(colour: Colour, opacity: float) -> NDArray[np.uint8]:
    """(1, 256, 3): what each value of each channel becomes under a tint."""
    values = np.arange(256.0)[None, :, None]
    return np.round(values * (1 - opacity) + np.array(colour) * opacity).astype(np.uint8)


def _draw_faint(out: Image, tracks: list[Track], trails: Trails, line_px: int, settings: OverlaySettings) -> None:
    """Trails and hidden boxes: drawn into one layer with its own opacity, blended once where there is any."""
    height, width = out.shape[:2]
    paths = [(track, trails.points(track.id)) for track in tracks] if settings.trail_frames else []
    paths = [(track, path) for track, path in paths if len(path) > 1]
    hidden = [track for track in tracks if track.hidden]
    if not paths and not hidden:
        return
    opacity = np.zeros((height, width), np.uint8)
    paint = np.zeros_like(out)
    for track, path in paths:
        corners = _as_corners(path, (width, height))
        cv2.polylines(paint, [corners], False, colour_of(track.id), line_px + 3)  # wider than its anti-aliased twin
        cuts = np.linspace(0, len(path) - 1, len(TRAIL_STEPS) + 1).round().astype(int)
        for strength, start, stop in zip(TRAIL_STEPS, cuts[:-1], cuts[1:], strict=True):
            if stop > start:
                cv2.polylines(opacity, [corners[start : stop + 1]], False, strength, line_px, cv2.LINE_AA)
    for track in hidden:
        dashes = _dashes(track.box, (width, height), dash_px=4 + 2 * line_px)
        cv2.polylines(paint, dashes, False, colour_of(track.id), line_px)
        cv2.polylines(opacity, dashes, False, HIDDEN_OPACITY, line_px)
    where = np.flatnonzero(opacity != 0)  # ten times as fast on bool
    share = opacity.reshape(-1)[where, None].astype(np.uint16)
    pixels = out.reshape(-1, 3)
    pixels[where] = (pixels[where] * (255 - share) + paint.reshape(-1, 3)[where] * share) // 255


def _as_corners(path: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.int32]:
    """(N, 1, 2) whole pixels; far outside is as good as outside, and OpenCV's lines overflow at 2^15."""
    limit = 2 * np.array(size)
    return np.clip(path, -limit, limit).round().astype(np.int32)[:, None]


def _draw_box(out: Image, box: Box, colour: Colour, line_px: int) -> None:
    x0, y0, x1, y1 = _whole(box, (out.shape[1], out.shape[0]))
    cv2.rectangle(out, (x0, y0), (x1, y1), colour, line_px)


def _whole(box: Box, size: tuple[int, int]) -> Place:
    """The corner pixels, the last one included; a box that leaves the frame is open on that side."""
    width, height = size
    x0, x1 = (max(-8, min(round(x), width + 8)) for x in (box.x0, box.x1 - 1))
    y0, y1 = (max(-8, min(round(y), height + 8)) for y in (box.y0, box.y1 - 1))
    return Place(x0, y0, x1, y1)


def _dashes(box: Box, size: tuple[int, int], *, dash_px: int) -> list[NDArray[np.int32]]:
    x0, y0, x1, y1 = _whole(box, size)
    across = [(x, min(x + dash_px, x1)) for x in range(x0, x1 + 1, 2 * dash_px)]
    down = [(y, min(y + dash_px, y1)) for y in range(y0, y1 + 1, 2 * dash_px)]
    lines = [((a, y), (b, y)) for y in (y0, y1) for a, b in across] + [
        ((x, a), (x, b)) for x in (x0, x1) for a, b in down
    ]
    return [np.array(line, np.int32) for line in lines]


def _draw_tag(out: Image, track: Track, taken: list[Place]) -> Place:
    """The id above the box, or where there is room; returns the place."""
    height, width = out.shape[:2]
    colour = colour_of(track.id)
    ink, paper = (lighten(colour), DARK) if track.hidden else (ink_on(colour), colour)
    label = tag(str(track.id), text_px(height), ink, paper)
    tag_height, tag_width = label.shape[:2]
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
    at = place_clear((tag_width, tag_height), corners, (width, height), taken)
    stamp(out, label, at)
    return at
