"""What a later pass needs of a frame, in some kilobytes: the verdicts, and the picture where it is not background."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

import cv2
import numpy as np

from tracker.smoothing.spill import FASTEST, Place, Spill
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
    verdicts: Place
    pixels: Place


def keep(frame: Frame, image: Image, verdicts: Verdicts, spill: Spill) -> KeptFrame:
    """Keep verdicts (h, w) and the working picture (h, w, 3) in the tiles round what is not background."""
    pixels = image[tiles(verdicts)]
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
    image = elsewhere.copy()
    image[tiles(verdicts)] = np.frombuffer(zlib.decompress(spill.read(kept.pixels)), np.uint8).reshape(-1, 3)
    return image, verdicts


def tiles(verdicts: Verdicts) -> Mask:
    """(h, w) the tiles in which a verdict is not background, and those beside them."""
    height, width = verdicts.shape
    rows, columns = -(-height // TILE_PX), -(-width // TILE_PX)
    below, right = rows * TILE_PX - height, columns * TILE_PX - width
    padded = cv2.copyMakeBorder(verdicts, 0, below, 0, right, cv2.BORDER_CONSTANT, value=(BACKGROUND,))
    # one pixel of a tile, unsure, is 2 grey levels of its mean
    some = cv2.resize(padded, (columns, rows), interpolation=cv2.INTER_AREA) != BACKGROUND
    near = cv2.dilate(some.view(np.uint8), np.ones((3, 3), np.uint8))
    whole = cv2.resize(near, (columns * TILE_PX, rows * TILE_PX), interpolation=cv2.INTER_NEAREST)
    return whole[:height, :width].view(bool)
