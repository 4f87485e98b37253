"""What is different from the scene and still no object: the light, the shadows of clouds, what a codec left behind.

Functions of arrays; colours are uint8.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.components import components
from tracker.types import BACKGROUND, FOREGROUND, Image, Mask, Verdicts

Array = NDArray[np.float32]

# the light of a frame, beside that of the background
LIGHT_CELLS = 12
"""cells across the picture in which the light is compared: it changes smoothly"""
LIGHT_SAMPLES_PX = 96
"""pixels along the shorter side that are compared at least, if there are so many: cells have dozens then"""
LIGHT_BLUR_CELLS = 2.0
"""standard deviation in cells over which the comparison is smoothed"""
UNSURE_WEIGHT = 0.02
"""weight of foreground pixels: they count only where there is nothing else, as when the light is switched"""
LIGHT_WEIGHT = np.where(np.arange(256) == BACKGROUND, np.float32(1), np.float32(UNSURE_WEIGHT))
"""of a pixel, by the mixture's verdict"""
COVERED_WEIGHT = np.where(np.arange(256) == FOREGROUND, np.float32(0), LIGHT_WEIGHT)
"""the same where a large object hides the scene: its colour is no light"""
LIGHT_FLOOR = 0.02
"""grey levels, weighted, added to both sides of the comparison: a cell without any weight has the background's light"""
LIGHT_RANGE = (0.4, 2.5)
"""factors of light that are believed; beyond them it is an object"""

# whether a pixel is the background's colour in another light
DARKEST = np.float32(8)
"""grey levels added to both sides of a ratio of colours: in the dark it is all noise"""
SHADOW_TINT = 0.25
"""largest difference between the ratios of the three colours in a shadow, which need not be quite grey"""

# shadows of clouds, and the sun between two
MIN_CLOUD = 0.01
"""share of the picture: smaller pieces may be objects that are hard to see"""
CLOUD_TINT = 0.25
"""the same as SHADOW_TINT, as a share of the largest ratio: a cloud may also leave a place brighter than it was"""
EVEN_SHARE = 0.8
"""share of a piece's pixels that must be the scene's colour, only darker or lighter"""
RIM_PX = 4
"""pixels on either side of a piece's rim that are compared; an object's picture is sharp within one or two"""
SOFT = 0.5
"""difference from the scene outside the rim, as a share of that inside, from which a piece fades instead of ending"""
SPECKLE_PX = 5
"""pixels across the median that keeps what has a colour of its own in a cloud's shadow: an object, and no speckles"""

# what a codec left behind an object
RESIDUE_LEVELS = np.float32(6)
"""grey levels from the scene, on average, below which a piece without a core is residue: fainter than any object"""
CORE_SHARE = 0.1
"""share of a piece that the mixture finds different, from which it is an object however faint the rest is"""


def light_factor(image: Image, background: Image, verdict: Verdicts, weights: Array = LIGHT_WEIGHT) -> Array:
    """(rows, columns, 3) smooth factor by which the light of `image` differs from that of `background`, both (H, W, 3).

    weights  (256,) of a pixel in the comparison, by its verdict
    """
    height, width = verdict.shape
    cells = (LIGHT_CELLS, max(2, round(LIGHT_CELLS * height / width)))
    step = max(1, min(height, width) // LIGHT_SAMPLES_PX)
    weight = cv2.LUT(np.ascontiguousarray(verdict[::step, ::step]), weights)
    weight = cv2.merge([weight, weight, weight])
    now, known = (
        cv2.resize(
            cv2.multiply(np.ascontiguousarray(part[::step, ::step]), weight, dtype=cv2.CV_32F),
            cells,
            interpolation=cv2.INTER_AREA,
        )
        for part in (image, background)
    )
    now, known = (cv2.GaussianBlur(part, (0, 0), LIGHT_BLUR_CELLS) for part in (now, known))
    return np.clip((now + LIGHT_FLOOR) / (known + LIGHT_FLOOR), *LIGHT_RANGE).astype(np.float32)


def in_light(background: Image, factor: Array) -> Image:
    """(H, W, 3) the background in a light that differs by `factor`, as `light_factor` gives it."""
    size = (background.shape[1], background.shape[0])
    fine = cv2.resize(factor, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.multiply(background, fine, dtype=cv2.CV_8U), np.uint8)


def is_dimmed(colours: Image, background: Image) -> NDArray[np.bool_]:
    """(N,) whether pixels are the background's colour, only darker, as in a shadow; both (N, 3)."""
    ratio = _ratio(colours, background)
    brightest = ratio.max(axis=1)
    return np.asarray((brightest < 1) & (brightest - ratio.min(axis=1) < SHADOW_TINT))


def find_clouds(found: Mask, *, colours: Image, expected: Image, difference: NDArray[np.uint8]) -> Mask:
    """(H, W) the pieces of `found` that are the light's: large, of the scene's tint, soft at the rim.

    An object ends within a pixel or two; the shadow of a cloud, and the sun between two, fade over many.

    found       (H, W) bool, what the network takes for objects
    colours     (H, W, 3) the frame
    expected    (H, W, 3) the empty scene in the frame's light
    difference  (H, W) grey levels between the two
    """
    clouds, least_px = np.zeros_like(found), MIN_CLOUD * found.size
    if cv2.countNonZero(found.view(np.uint8)) < least_px:
        return clouds
    pieces = components(found)
    for piece in np.flatnonzero(pieces.areas[1:] >= least_px) + 1:
        x, y, w, h = pieces.boxes[piece].tolist()
        margin = 2 * RIM_PX
        window = slice(max(0, y - margin), y + h + margin), slice(max(0, x - margin), x + w + margin)
        here = pieces.labels[window] == piece
        tinted = _tinted(here, colours[window], expected[window])
        if tinted[here].mean() > 1 - EVEN_SHARE:
            continue
        if _fades(here, found[window], difference[window]):
            clouds[window] |= here & (cv2.medianBlur(tinted, SPECKLE_PX) == 0)  # an object in the shadow stays
    return clouds


def find_residue(found: Mask, *, difference: NDArray[np.uint8], different: Mask) -> Mask:
    """(H, W) the pieces of `found` that a codec left behind an object that moved on.

    An encoder spends few bits on what no later picture needs, so before a cut and near the end of a clip the scene behind an
    object keeps a little of it. Where the scene is calm the network finds an object in that, though fainter than any other.

    found       (H, W) bool, what the network takes for objects
    difference  (H, W) grey levels between the frame and the empty scene
    different   (H, W) bool, the mixture's foreground
    """
    count, labels = cv2.connectedComponents(found.astype(np.uint8), connectivity=8)
    inside = labels[found]
    sizes = np.maximum(1, np.bincount(inside, minlength=count))
    faint = np.bincount(inside, difference[found], count) < RESIDUE_LEVELS * sizes
    faint &= np.bincount(inside, different[found], count) < CORE_SHARE * sizes
    faint[0] = False  # what was not found at all
    return np.asarray(faint[labels])


def _ratio(colours: Image, background: Image) -> Array:
    """(N, 3) of pixels to the background's, both (N, 3)."""
    return (colours + DARKEST) / (background + DARKEST)


def _tinted(here: Mask, colours: Image, expected: Image) -> NDArray[np.uint8]:
    """(h, w) 1 for the pixels of a piece that differ from the scene by more than a factor; 0 outside it."""
    ratio = _ratio(colours[here], expected[here])
    tinted = np.zeros(here.shape, np.uint8)
    tinted[here] = np.ptp(ratio, axis=1) >= CLOUD_TINT * ratio.max(axis=1)
    return tinted


def _fades(here: Mask, found: Mask, difference: NDArray[np.uint8]) -> bool:
    """Whether a piece goes over into the scene at its rim; all (h, w). A hole, which the network missed, is no rim."""
    solid, ring = here.astype(np.uint8), np.ones((2 * RIM_PX + 1, 2 * RIM_PX + 1), np.uint8)
    inner = here & (cv2.erode(solid, ring, borderValue=1) == 0)
    outer = ~found & (cv2.dilate(solid, ring) > 0) & ~_filled(solid)
    return bool(outer.any() and np.median(difference[outer]) > SOFT * np.median(difference[inner]))


def _filled(mask: NDArray[np.uint8]) -> Mask:
    """A mask (h, w) with its holes."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(np.zeros_like(mask), outlines, -1, 1, cv2.FILLED) > 0)
