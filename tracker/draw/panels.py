"""Several pictures in one: an inset, panels side by side, a contact sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from tracker.draw.colours import DARK, LIGHT
from tracker.draw.text import clock, place, stamp, tag, text_px
from tracker.errors import ShapeError
from tracker.types import Image, Mask

GAP_PX = 2


def draw_inset(image: Image, mask: Mask, *, caption: str, width: float = 0.25) -> Image:
    """A new image with the mask, white on dark, small in the bottom right corner.

    image (H, W, 3) uint8; mask (H, W) bool; width as a share of W. Raises ShapeError if they are of different sizes.
    """
    if mask.shape != image.shape[:2]:
        raise ShapeError(f"mask {caption}: {mask.shape}, the frame is {image.shape[:2]}")
    out = np.array(image, order="C")
    frame_height, frame_width = out.shape[:2]
    inner = (max(1, round(frame_width * width)), max(1, round(frame_height * width)))
    # Averaging keeps an object of a few pixels visible as grey, where nearest neighbour would lose it.
    small = cv2.resize(mask.view(np.uint8) * np.uint8(255), inner, interpolation=cv2.INTER_AREA)
    panel = np.repeat(np.maximum(small, DARK[0])[..., None], 3, axis=2).astype(np.uint8)
    words = tag(caption, max(10, text_px(frame_height) - 2), LIGHT, DARK)
    stamp(panel, words, place(words.shape[1::-1], (0, 0), inner))
    framed = np.pad(panel, ((1, 1), (1, 1), (0, 0)), constant_values=LIGHT[0])
    stamp(out, framed, place(framed.shape[1::-1], (frame_width, frame_height), (frame_width, frame_height)))
    return out


def side_by_side(images: Sequence[Image], *, most_width: int | None = None) -> Image:
    """Images of one size with thin gaps: two or three in a row, four and more in two columns or three.

    most_width  pixels of one row without the gaps; wider images are made smaller
    """
    columns = len(images) if len(images) <= 3 else 2 if len(images) == 4 else 3
    height, width = images[0].shape[:2]
    if most_width is not None and columns * width > most_width:
        size = (max(1, most_width // columns), max(1, round(height * (most_width // columns) / width)))
        images = [np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8) for image in images]
        width, height = size
    rows = math.ceil(len(images) / columns)
    out = np.full((rows * (height + GAP_PX) - GAP_PX, columns * (width + GAP_PX) - GAP_PX, 3), LIGHT, np.uint8)
    for index, image in enumerate(images):
        y, x = (index // columns) * (height + GAP_PX), (index % columns) * (width + GAP_PX)
        out[y : y + height, x : x + width] = image
    for index in range(len(images), rows * columns):
        out[(index // columns) * (height + GAP_PX) :, (index % columns) * (width + GAP_PX) :] = DARK
    return out


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
