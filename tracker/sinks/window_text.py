"""The picture of a window: the run's picture, a strip of text below it, and what may lie over it. For the window's process."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.sinks.window_protocol import KEYS, Points

Picture = NDArray[np.uint8]
"""(H, W, 3) uint8 BGR"""
Colour = tuple[int, int, int]
"""blue, green, red"""


class TextPiece(NamedTuple):
    """A piece of text in one line."""

    text: str
    colour: Colour
    gap: str = "    "
    """what follows where another one stands in the same line"""


class PlacedText(NamedTuple):
    """Text at its place in some lines."""

    x: int
    """pixels"""
    line: int
    text: str
    colour: Colour


FONT = cv2.FONT_HERSHEY_SIMPLEX
LIGHT, DARK, AMBER, RED = (230, 230, 230), (32, 32, 32), (80, 190, 255), (40, 40, 150)
SKETCH = (80, 190, 255)
LEAST_SCALE, MOST_SCALE, WIDTH_OF_SCALE = 0.4, 0.7, 2400
"""of the font: letters of about 9 pixels in small pictures, of 15 from 1680 pixels of width on"""
LINES_BELOW = ((480, 3), (960, 2))
"""a picture less wide than that has so many lines of text below it; any other has one"""
MOST_BANNER_LINES = 4
HELP_ROWS = tuple((key.shown, key.does) for key in KEYS)


def with_strip(picture: Picture, pieces: Sequence[TextPiece]) -> Picture:
    """The picture with the text in a strip below it, whose height depends on the width alone."""
    width = picture.shape[1]
    lines = strip_lines(width)
    strip = np.full((lines * _line_px(width) + 4, width, 3), DARK, np.uint8)
    _write(strip, flow(pieces, width - 8, lines, _scale(width)), _scale(width), (4, 2))
    return np.concatenate([picture, strip])


def strip_lines(width: int) -> int:
    """How many lines of text stand below a picture of that width."""
    return next((lines for below, lines in LINES_BELOW if width < below), 1)


def sentence(text: str, colour: Colour = LIGHT) -> list[TextPiece]:
    """A sentence as pieces between which a line may end."""
    return [TextPiece(word, colour, " ") for word in text.split()]


def draw_banner(picture: Picture, text: str) -> None:
    """Write a sentence across the top of the picture."""
    width = picture.shape[1]
    placed = flow(sentence(text), width - 8, MOST_BANNER_LINES, _scale(width))
    lines = 1 + max((piece.line for piece in placed), default=0)
    picture[: lines * _line_px(width) + 4] = RED
    _write(picture, placed, _scale(width), (4, 2))


def draw_help(picture: Picture) -> None:
    """Write what the keys do over the middle of the picture; in two columns where one is too high."""
    height, width = picture.shape[:2]
    scale, line_px = _scale(width), _line_px(width)
    columns = 1 if len(HELP_ROWS) * line_px + 8 <= height else 2
    rows = -(-len(HELP_ROWS) // columns)
    key_px = max(_width(key, scale) for key, _ in HELP_ROWS) + 8
    column_px = key_px + max(_width(does, scale) for _, does in HELP_ROWS) + 12
    x0 = max(0, (width - columns * column_px) // 2)
    y0 = max(0, (height - rows * line_px - 8) // 2)
    picture[y0 : y0 + rows * line_px + 8, x0 : x0 + columns * column_px] = DARK
    for index, (key, does) in enumerate(HELP_ROWS):
        column, row = divmod(index, rows)
        at = (x0 + 6 + column * column_px, y0 + 4)
        _write(picture, [PlacedText(0, row, key, AMBER), PlacedText(key_px, row, does, LIGHT)], scale, at)


def draw_sketch(picture: Picture, corners: Points, mouse: tuple[float, float] | None) -> None:
    """The polygon so far, and where it would go on; places in shares of the picture."""
    height, width = picture.shape[:2]
    points = [(round(x * (width - 1)), round(y * (height - 1))) for x, y in corners]
    way = points if mouse is None else [*points, (round(mouse[0] * (width - 1)), round(mouse[1] * (height - 1)))]
    line = max(1, width // 800)
    if len(way) > 1:
        cv2.polylines(picture, [np.array(way, np.int32)], len(way) > 2, DARK, line + 2, cv2.LINE_AA)
        cv2.polylines(picture, [np.array(way, np.int32)], len(way) > 2, SKETCH, line, cv2.LINE_AA)
    for point in points:
        cv2.circle(picture, point, 3 + line, SKETCH, -1, cv2.LINE_AA)


def flow(pieces: Iterable[TextPiece], width: int, lines: int, scale: float) -> list[PlacedText]:
    """Pieces of text from left to right, in so many lines of that width.

    A piece that is wider than a line is cut. What does not fit into the last line is left out, which its end "..." says.
    """
    placed: list[PlacedText] = []
    x, line = 0, 0
    for text, colour, gap in pieces:
        text_px = _width(text, scale)
        if x and x + text_px > width:
            x, line = 0, line + 1
        if line == lines:
            last = placed[-1]
            placed[-1] = last._replace(text=_cut(f"{last.text} ...", width - last.x, scale))
            break
        if text_px > width:
            text, text_px = _cut(text, width, scale), width
        placed.append(PlacedText(x, line, text, colour))
        x += text_px + _width(gap, scale)
    return placed


def _cut(text: str, width: int, scale: float) -> str:
    """The text, or its beginning with "..."."""
    if _width(text, scale) <= width:
        return text
    text = text.removesuffix(" ...")
    while text and _width(f"{text}...", scale) > width:
        text = text[:-1]
    return f"{text}..."


def _scale(width: int) -> float:
    return min(MOST_SCALE, max(LEAST_SCALE, width / WIDTH_OF_SCALE))


def _line_px(width: int) -> int:
    (_, height), below = cv2.getTextSize("Ag", FONT, _scale(width), 1)
    return height + below + 3


def _width(text: str, scale: float) -> int:
    return int(cv2.getTextSize(text, FONT, scale, 1)[0][0])


def _write(image: Any, placed: Iterable[PlacedText], scale: float, at: tuple[int, int]) -> None:
    (_, height), below = cv2.getTextSize("Ag", FONT, scale, 1)
    for x, line, text, colour in placed:
        place = (at[0] + x, at[1] + line * (height + below + 3) + height)
        cv2.putText(image, text, place, FONT, scale, colour, 1, cv2.LINE_AA)
