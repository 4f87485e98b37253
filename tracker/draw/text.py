"""Words on the picture: small filled tags that are read on any background and never leave the frame."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from tracker.draw.colours import Colour
from tracker.types import Image, Mask

PARTS = re.compile(r"\d|\D+")


class TextBox(NamedTuple):
    """A rectangle of whole pixels, half open."""

    x0: int
    y0: int
    x1: int
    y1: int


def text_px(height: int) -> int:
    """Font size that is readable in a frame of that height, in pixels."""
    return max(11, round(height / 42))


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
    parts = [_part(part, size_px, ink, paper) for part in PARTS.findall(text)]
    side = np.full((sum(_font(size_px).getmetrics()), max(2, size_px // 4), 3), paper, np.uint8)
    image = np.concatenate([side, *parts, side], axis=1)
    image.flags.writeable = False
    return image


@lru_cache(maxsize=1024)
def _part(text: str, size_px: int, ink: Colour, paper: Colour) -> Image:
    """A digit, or what stands between digits: of a clock's text only a few digits are new, and a letter takes 20 microseconds."""
    font = _font(size_px)
    picture = Picture.new("RGB", (max(1, math.ceil(font.getlength(text))), sum(font.getmetrics())), paper)
    ImageDraw.Draw(picture).text((0, 0), text, font=font, fill=ink)
    return np.asarray(picture, np.uint8)


def place(tag_size: tuple[int, int], corner: tuple[float, float], frame_size: tuple[int, int]) -> TextBox:
    """Where a tag of that size goes so that it starts near the corner and lies inside the frame; all are (x, y) pairs.

    A tag larger than the frame is cut at the right and bottom.
    """
    x0 = max(0, min(round(corner[0]), frame_size[0] - tag_size[0]))
    y0 = max(0, min(round(corner[1]), frame_size[1] - tag_size[1]))
    return TextBox(x0, y0, min(x0 + tag_size[0], frame_size[0]), min(y0 + tag_size[1], frame_size[1]))


def place_clear(tag_size: tuple[int, int], corners: Iterable[tuple[float, float]], taken: Mask) -> TextBox:
    """The first of the corners at which the tag covers no pixel that is taken, (H, W); the first of all if none is clear."""
    size = (taken.shape[1], taken.shape[0])
    first: TextBox | None = None
    for corner in corners:
        here = place(tag_size, corner, size)
        if not taken[here.y0 : here.y1, here.x0 : here.x1].any():
            return here
        first = first or here
    assert first is not None, "no corner given"
    return first


def stamp(image: Image, what: Image, at: TextBox) -> None:
    """Put a tag into an image that the caller owns."""
    image[at.y0 : at.y1, at.x0 : at.x1] = what[: at.y1 - at.y0, : at.x1 - at.x0]
