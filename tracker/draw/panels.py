"""Several pictures in one: an inset, panels side by side, a contact sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from tracker.draw.canvas import Canvas
from tracker.draw.colours import DARK, LIGHT, Colour
from tracker.draw.corners import BOTTOM_RIGHT, corner_place
from tracker.draw.text import TextBox, Words, place, stamp, tag, text_px
from tracker.draw.view import check_size
from tracker.timing import clock
from tracker.types import Image, View
from tracker.yuv import Plane, YuvImage, yuv_of

GAP_PX = 2
"""even: in YUV two pixels share one colour"""


def inset_size(frame: tuple[int, int], width: float) -> tuple[int, int]:
    """(width, height) of the inset with its border of one pixel; `width` is the share of the frame's that it shows."""
    return max(1, round(frame[0] * width)) + 2, max(1, round(frame[1] * width)) + 2


def draw_inset(canvas: Canvas, view: View, *, width: float = 0.25, corner: int = BOTTOM_RIGHT) -> None:
    """Draw the view's foreground, white on dark, small in a corner, with the lane's name, and whether it was given up.

    width  as a share of the canvas's. Raises ShapeError if the view is of a frame of another size.
    """
    check_size(canvas, view)
    outer_size = inset_size(canvas.size, width)
    inner = outer_size[0] - 2, outer_size[1] - 2
    outer = corner_place(corner, outer_size, canvas.size)
    canvas.fill((outer.x0, outer.x1), (outer.y0, outer.y1), LIGHT)
    panel = TextBox(outer.x0 + 1, outer.y0 + 1, outer.x1 - 1, outer.y1 - 1)
    if panel.x1 <= panel.x0 or panel.y1 <= panel.y0:
        return
    canvas.fill((panel.x0, panel.x1), (panel.y0, panel.y1), DARK)
    window = canvas.fit(*panel)
    opacity = np.zeros((window.y1 - window.y0, window.x1 - window.x0), np.uint8)
    if not opacity.size:
        return
    # Averaging keeps an object of a few pixels visible as grey, where nearest neighbour would lose it.
    small = cv2.resize(view.segmentation.foreground.view(np.uint8) * np.uint8(255), inner, interpolation=cv2.INTER_AREA)
    part = opacity[panel.y0 - window.y0 :, panel.x0 - window.x0 :][: panel.y1 - panel.y0, : panel.x1 - panel.x0]
    part[:] = small[: part.shape[0], : part.shape[1]]
    canvas.blend((window.x0, window.y0), opacity, LIGHT)
    words = Words(f"{view.lane} off" if view.off else view.lane, max(10, text_px(canvas.size[1]) - 2), LIGHT, DARK)
    tag_height, tag_width = tag(*words).shape[:2]
    x, y = panel.x0 + panel.x0 % 2, panel.y0 + panel.y0 % 2  # at an odd one, YUV would put it on the border
    canvas.write(words, TextBox(x, y, min(x + tag_width, panel.x1 // 2 * 2), min(y + tag_height, panel.y1 // 2 * 2)))


def side_by_side(images: Sequence[Image], *, most_width: int | None = None) -> Image:
    """Images of one size with thin gaps: two or three in a row, four and more in two columns or three.

    most_width  pixels of one row without the gaps; wider images are made smaller, to even sides
    """
    height, width = images[0].shape[:2]
    grid = _Grid.of(len(images), (width, height), most_width)
    out = np.full((*grid.shape, 3), LIGHT, np.uint8)
    _fill(out, images, grid, empty=DARK)
    return out


def yuv_side_by_side(images: Sequence[YuvImage], *, most_width: int | None = None) -> YuvImage:
    """As `side_by_side`, of pictures of one colour space."""
    space = images[0].space
    grid = _Grid.of(len(images), images[0].size, most_width)
    out = YuvImage.blank(grid.shape[::-1], space)
    values = zip(yuv_of(LIGHT, space), yuv_of(DARK, space), strict=True)
    for index, (plane, (light, dark)) in enumerate(zip(out.planes.arrays, values, strict=True)):
        plane[:] = light
        _fill(
            plane, [image.planes.arrays[index] for image in images], grid if index == 0 else grid.halved(), empty=dark
        )
    return out


def columns_of(count: int) -> int:
    """In how many columns so many tiles are put, row by row."""
    return count if count <= 3 else 2 if count == 4 else 3


class _Grid(NamedTuple):
    """Tiles in rows and columns."""

    columns: int
    rows: int
    width: int
    """of one tile, as the following"""
    height: int
    gap: int

    @classmethod
    def of(cls, count: int, size: tuple[int, int], most_width: int | None) -> _Grid:
        columns = columns_of(count)
        width, height = size
        if most_width is not None and columns * width > most_width:
            width = max(1, most_width // columns // 2) * 2
            height = max(1, round(size[1] * width / size[0] / 2)) * 2
        return cls(columns, math.ceil(count / columns), width, height, GAP_PX)

    @property
    def shape(self) -> tuple[int, int]:
        return (
            self.rows * (self.height + self.gap) - self.gap,
            self.columns * (self.width + self.gap) - self.gap,
        )

    def halved(self) -> _Grid:
        return _Grid(self.columns, self.rows, self.width // 2, self.height // 2, self.gap // 2)


def _fill(out: Plane, tiles: Sequence[Plane], grid: _Grid, *, empty: Colour | int) -> None:
    """Put the tiles into the grid, averaged down to its size, and a value where there is none left."""
    width, height = grid.width, grid.height
    for index in range(grid.rows * grid.columns):
        y, x = (index // grid.columns) * (height + grid.gap), (index % grid.columns) * (width + grid.gap)
        if index >= len(tiles):
            out[y:, x:] = empty
        elif tiles[index].shape[:2] == (height, width):
            out[y : y + height, x : x + width] = tiles[index]
        else:
            cv2.resize(tiles[index], (width, height), out[y : y + height, x : x + width], interpolation=cv2.INTER_AREA)


def contact_sheet(
    images: Sequence[Image], times_s: Sequence[float], *, columns: int = 4, tile_width: int = 480
) -> Image:
    """Pictures of one size in rows of `columns`, each with its time below it.

    Tiles are at most `tile_width` wide and never enlarged; the last row may be short.
    """
    height, width = images[0].shape[:2]
    tile_width = min(tile_width, width)
    tile_height = max(1, round(height * tile_width / width))
    columns = min(columns, len(images))
    rows = math.ceil(len(images) / columns)
    words = [tag(clock(time_s), max(12, text_px(tile_height)), LIGHT, DARK) for time_s in times_s]
    step_x, step_y = tile_width + GAP_PX, tile_height + words[0].shape[0] + GAP_PX
    sheet = np.full((rows * step_y + GAP_PX, columns * step_x + GAP_PX, 3), DARK, np.uint8)
    for index, (image, caption) in enumerate(zip(images, words, strict=True)):
        x, y = GAP_PX + (index % columns) * step_x, GAP_PX + (index // columns) * step_y
        tile = cv2.resize(image, (tile_width, tile_height), interpolation=cv2.INTER_AREA)
        sheet[y : y + tile_height, x : x + tile_width] = tile
        stamp(sheet, caption, place(caption.shape[1::-1], (x, y + tile_height), sheet.shape[1::-1]))
    return sheet
