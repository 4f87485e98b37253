"""Where objects were for how long, as a picture with its scale."""

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.draw.colours import DARK, LIGHT
from tracker.draw.text import place, stamp, tag, text_px
from tracker.exports.table import Table
from tracker.types import Image

CELLS = 64
"""across the picture, where no size is asked for"""
LEAST_CELL_PX = 4
LONGEST_STEPS = 5
"""of usual steps from a frame to the next with a row: what is longer is time without objects"""
DECADES = 1000
"""from the longest time down to the shortest that has a colour of its own"""
DIM = 0.35
"""brightness that is left of the scene below the colours"""
OPACITY = 0.75
DARKEST = 70
"""level of the colour map for the shortest time: below it colours are as dark as the scene"""
BAR_SHARE = 0.03
"""width of the scale's bar, of the picture's height"""
TICKS = (1, 2, 5)
"""of each power of ten"""
MOST_TICKS = 9


def usual_cell_px(size: tuple[int, int]) -> int:
    """Side of a cell for frames of that size (width, height)."""
    return max(LEAST_CELL_PX, math.ceil(size[0] / CELLS))


def seconds_by_cell(table: Table, *, size: tuple[int, int], cell_px: int) -> NDArray[np.float64]:
    """(rows, columns) how many seconds the feet of objects were in each cell; two objects at a time count twice. Hidden ones do not.

    size  (width, height) of the frames; feet outside count in the cell at the border
    """
    seen = table.seen
    shape = math.ceil(size[1] / cell_px), math.ceil(size[0] / cell_px)
    frames, at, back = np.unique(seen.frame, return_index=True, return_inverse=True)
    if not len(frames):
        return np.zeros(shape)
    steps = np.diff(seen.time_s[at])
    usual = float(np.median(steps[steps > 0])) if (steps > 0).any() else 0.0
    steps = np.append(steps, usual)
    steps = np.where((steps > 0) & (steps <= LONGEST_STEPS * usual), steps, usual)
    cells = np.clip(seen.foot // cell_px, 0, (shape[1] - 1, shape[0] - 1)).astype(int)
    seconds = np.zeros(shape)
    np.add.at(seconds, (cells[:, 1], cells[:, 0]), steps[back])
    return seconds


def draw_heat(seconds: NDArray[np.float64], scene: Image, *, cell_px: int) -> Image:
    """(H, W', 3) the scene, dimmed and grey, with the cells' colours over it, and the scale at its right. Colours are logarithmic."""
    height, width = scene.shape[:2]
    grey = cv2.cvtColor(cv2.cvtColor(scene, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB).astype(np.float32) * DIM
    low, high = ends_of(seconds)
    shade = np.clip(np.log(np.maximum(seconds, 1e-12) / low) / max(math.log(high / low), 1e-9), 0, 1)
    large = np.kron(np.where(seconds > 0, shade, -1), np.ones((cell_px, cell_px)))[:height, :width]
    colours = _colours(large).astype(np.float32)
    cover = OPACITY * (large >= 0)[..., None]
    picture = np.rint(grey * (1 - cover) + colours * cover).astype(np.uint8)
    return np.concatenate([picture, _scale(height, low, high)], axis=1)


def ends_of(seconds: NDArray[np.float64]) -> tuple[float, float]:
    """The shortest and the longest time of the scale; (1, 10) where nobody was anywhere."""
    positive = seconds[seconds > 0]
    if not len(positive):
        return 1.0, 10.0
    high = float(positive.max())
    low = max(float(positive.min()), high / DECADES)
    return (low, high) if high > low else (high / 10, high)


def _colours(shade: NDArray[np.floating]) -> Image:
    """(h, w) in [0, 1] to colours that rise in lightness, so that they are read in grey and by colour-blind eyes too."""
    levels = np.rint(DARKEST + np.clip(shade, 0, 1) * (255 - DARKEST)).astype(np.uint8)
    return cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


def ticks_of(low: float, high: float) -> list[float]:
    """Round numbers within the scale, at most MOST_TICKS."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [n * 10.0**power for power in powers for n in TICKS if low <= n * 10.0**power <= high]
    return found if len(found) <= MOST_TICKS else [tick for tick in found if f"{tick:e}"[0] == "1"]


def _scale(height: int, low: float, high: float) -> Image:
    """(height, w, 3) a bar from the longest time at the top to the shortest, with its numbers."""
    px = text_px(height)
    bar = max(8, round(height * BAR_SHARE))
    top, bottom = 2 * px, max(2 * px + 1, height - px)
    texts = list(_texts(low, high, top, bottom))
    words = [(tag(text, px, LIGHT, DARK), y) for text, y in texts]
    title = tag("seconds", px, LIGHT, DARK)
    width = max(title.shape[1], *(bar + word.shape[1] for word, _ in words)) + 2 * px
    scale = np.full((height, width + width % 2, 3), DARK, np.uint8)
    ramp = np.linspace(1, 0, bottom - top)[:, None]
    scale[top:bottom, px : px + bar] = _colours(np.repeat(ramp, bar, axis=1))[: height - top]
    size = (scale.shape[1], height)
    stamp(scale, title, place(title.shape[1::-1], (px // 2, px // 4), size))
    for word, y in words:
        stamp(scale, word, place(word.shape[1::-1], (px + bar, y - word.shape[0] / 2), size))
    return scale


def _texts(low: float, high: float, top: int, bottom: int) -> Iterator[tuple[str, float]]:
    for tick in ticks_of(low, high) or [high]:
        share = math.log(tick / low) / math.log(high / low)
        yield f"{tick:g}", bottom - share * (bottom - top)
