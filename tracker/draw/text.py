"""Words on the picture: small filled tags that are read on any background and never leave the frame."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from tracker.draw.colours import Colour
from tracker.types import Image, Mask


class Place(NamedTuple):
    """A rectangle of whole pixels, half open."""

    x0: int
    y0: int
    x1: int
    y1: int


def text_px(height: int) -> int:
    """Font size that is readable in a frame of that height, in pixels."""
    return max(11, round(height / 42))


def clock(time_s: float) -> str:
    """Seconds as mm:ss.t, with hours in front when there are any: 75.25 -> 01:15.2."""
    tenths = max(0, math.floor(time_s * 10 + 1e-6))  # 12.3 is stored as a little less
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    tail = f"{minutes:02d}:{tenths // 10:02d}.{tenths % 10}"
    return f"{hours}:{tail}" if hours else tail


class Words(NamedTuple):
    """What `tag` makes a picture of."""

    text: str
    size_px: int
    ink: Colour
    paper: Colour


@lru_cache(maxsize=16)
def _font(size_px: int) -> Any:
    return ImageFont.load_default(size=size_px)


@lru_cache(maxsize=512)
def tag(text: str, size_px: int, ink: Colour, paper: Colour) -> Image:
    """The text on a filled rectangle, as a picture of its own. Cached, read-only: most frames repeat the last one's."""
    font = _font(size_px)
    ascent, descent = font.getmetrics()
    side = max(2, size_px // 4)
    width = math.ceil(font.getlength(text)) + 2 * side
    picture = Picture.new("RGB", (width, ascent + descent), paper)
    ImageDraw.Draw(picture).text((side, 0), text, font=font, fill=ink)
    image = np.asarray(picture).copy()
    image.flags.writeable = False
    return image


def place(tag_size: tuple[int, int], corner: tuple[float, float], frame_size: tuple[int, int]) -> Place:
    """Where a tag of that size goes so that it starts near the corner and lies inside the frame; all are (x, y) pairs.

    A tag larger than the frame is cut at the right and bottom.
    """
    x0 = max(0, min(round(corner[0]), frame_size[0] - tag_size[0]))
    y0 = max(0, min(round(corner[1]), frame_size[1] - tag_size[1]))
    return Place(x0, y0, min(x0 + tag_size[0], frame_size[0]), min(y0 + tag_size[1], frame_size[1]))


def place_clear(tag_size: tuple[int, int], corners: Iterable[tuple[float, float]], taken: Mask) -> Place:
    """The first of the corners at which the tag covers no pixel that is taken, (H, W); the first of all if none is clear."""
    size = (taken.shape[1], taken.shape[0])
    first: Place | None = None
    for corner in corners:
        here = place(tag_size, corner, size)
        if not taken[here.y0 : here.y1, here.x0 : here.x1].any():
            return here
        first = first or here
    assert first is not None, "no corner given"
    return first


def stamp(image: Image, what: Image, at: Place) -> None:
    """Put a tag into an image that the caller owns."""
    image[at.y0 : at.y1, at.x0 : at.x1] = what[: at.y1 - at.y0, : at.x1 - at.x0]
