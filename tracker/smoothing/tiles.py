"""What a later pass needs of a frame, in some kilobytes: the verdicts, and the picture where it is not background."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

import cv2
import numpy as np

from tracker.smoothing.rows import Index
from tracker.smoothing.spill import FASTEST, ByteRange, Spill
from tracker.types import BACKGROUND, Frame, Image, Mask, Verdicts

TILE_PX = 8
"""side of the tiles in which the picture is kept; one beside a tile that is not background is kept too, for the slots' masks end there"""


@dataclass(frozen=True)
class KeptFrame:
    """One frame of the first pass."""

    index: int
    time_s: float
    scene: int | None
    frame_size: tuple[int, int]
    """(width, height)"""
    shape: tuple[int, int]
    """(h, w) of the working picture"""
    verdicts: ByteRange
    pixels: ByteRange


def keep(frame: Frame, image: Image, verdicts: Verdicts, spill: Spill) -> KeptFrame:
    """Keep verdicts (h, w) and the working picture (h, w, 3) in the tiles round what is not background."""
    pixels = _tiled(_padded(image))[_rows_and_columns(verdicts)]
    return KeptFrame(
        frame.index, frame.time_s, frame.scene, frame.size, (verdicts.shape[0], verdicts.shape[1]),
        spill.add(zlib.compress(verdicts.tobytes(), FASTEST)), spill.add(zlib.compress(pixels.tobytes(), FASTEST)),
    )  # fmt: skip


def moved(kept: KeptFrame, spill: Spill, to: Spill) -> KeptFrame:
    """The same frame in another file."""
    return replace(kept, verdicts=to.add(spill.read(kept.verdicts)), pixels=to.add(spill.read(kept.pixels)))


def restored(kept: KeptFrame, spill: Spill, elsewhere: Image) -> tuple[Image, Verdicts]:
    """The picture (h, w, 3), which is `elsewhere` where all is background, and the verdicts (h, w)."""
    verdicts = np.frombuffer(zlib.decompress(spill.read(kept.verdicts)), np.uint8).reshape(kept.shape)
    pixels = np.frombuffer(zlib.decompress(spill.read(kept.pixels)), np.uint8)
    image = _padded(elsewhere)
    _tiled(image)[_rows_and_columns(verdicts)] = pixels.reshape(-1, TILE_PX, TILE_PX, 3)
    height, width = kept.shape
    return np.ascontiguousarray(image[:height, :width]), verdicts


def tiles(verdicts: Verdicts) -> Mask:
    """(h, w) the tiles in which a verdict is not background, and those beside them."""
    near = _near(verdicts)
    rows, columns = near.shape
    whole = cv2.resize(near, (columns * TILE_PX, rows * TILE_PX), interpolation=cv2.INTER_NEAREST)
    return whole[: verdicts.shape[0], : verdicts.shape[1]].view(bool)


def _near(verdicts: Verdicts) -> Image:
    """(rows, columns) 1 for each tile of `tiles`."""
    padded = _padded(verdicts)
    # one pixel of a tile, unsure, is 2 grey levels of its mean
    size = padded.shape[1] // TILE_PX, padded.shape[0] // TILE_PX
    some = cv2.resize(padded, size, interpolation=cv2.INTER_AREA) != BACKGROUND
    return np.asarray(cv2.dilate(some.view(np.uint8), np.ones((3, 3), np.uint8)), np.uint8)


def _padded(image: Image) -> Image:
    """A copy, with BACKGROUND's value below and on the right up to whole tiles."""
    below, right = (-side % TILE_PX for side in image.shape[:2])
    padded = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_CONSTANT, value=(BACKGROUND,) * 3)
    return np.asarray(padded, np.uint8)


def _tiled(image: Image) -> Image:
    """(rows, TILE_PX, columns, TILE_PX, 3) of a padded image, without a copy."""
    height, width, channels = image.shape
    return image.reshape(height // TILE_PX, TILE_PX, width // TILE_PX, TILE_PX, channels)


def _rows_and_columns(verdicts: Verdicts) -> tuple[Index, slice, Index]:
    """Of the tiles of `tiles`, for `_tiled`: which gives (N, TILE_PX, TILE_PX, 3)."""
    rows, columns = np.nonzero(_near(verdicts))
    return rows, slice(None), columns
