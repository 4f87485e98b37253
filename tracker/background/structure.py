"""Whether a picture still shows a scene: its edges are where they were, however bright it is and whatever hides a part of it.

A light that changes scales the gradients of a picture and leaves their directions; an object, a blank picture or another scene
replaces them. So the gradients of a small copy are correlated with the scene's, block by block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.types import TINY_PX, Change, Image, Mask

Array = NDArray[np.float32]

COARSE_PX = 480
"""a wider picture is thinned out first"""
BLOCKS = (16, 12)
"""(columns, rows) of blocks"""
EDGE = 0.7
"""grey levels a small pixel, root mean square over a block, from which the block has structure: above sensor noise"""
KEPT = 0.5
"""correlation of the gradients from which a block shows the scene"""
SAME_EDGES = 0.5
"""mean cosine between the gradients of all that changed and the scene's, from which it is the light"""
HIDDEN_EDGES = 0.2
"""the same below which an object hides the scene; between the two there is too little structure, or too much noise, to tell"""
ENOUGH_EDGES = 0.01
"""share of the picture's pixels that must have changed and have a gradient for that to tell"""
CHANGED_BLOCK = 0.5
"""share of a block that must have changed for the block to count as changed"""
CHANGED_SHARE, TINTED_SHARE = 0.8, 0.8
"""for a light in a scene without edges: share of the blocks that must have changed, and share of those that keep the scene's tint"""
FAINTEST = 0.1
"""factor of the gradients below which they are what a codec left over, not the scene in another light"""
CONTRAST = 0.25
"""the same as a share of the brightness' factor: a light scales both alike"""
FEWEST = 20
"""blocks with structure below which colours are compared instead"""
DARK = 8.0
"""grey levels added to both sides of a ratio of colours: in the dark it is all noise"""
SAME_TINT = 0.3
"""largest difference between the logarithms of the three channels' ratios in a mere change of the light"""
LIGHT_RANGE = (0.2, 5.0)
"""ratios of brightness that a change of the light can explain in a block without structure"""
LOST, LEFT_OVER = 0.1, 0.3
"""likeness below which nothing of a scene is left; in an even picture, what a codec may leave of it"""
EVEN, MOSTLY_EVEN, MOST = 0.05, 0.2, 0.7
"""shares of blocks: with structure, below which a picture is even, or even but for a text; changed, above which it is another"""
RECOLOURED = (12.0, 0.25)
"""a block's colour has changed from so many grey levels, and so large a share of them"""
RETEXTURED = 6.0
"""factor between the squared gradients of a block from which its texture has changed, as to the snow of an empty channel"""


@dataclass(frozen=True)
class Thumbnail:
    """A small copy of a picture, TINY_PX wide: its gradients, and its mean colours by block."""

    across: Array
    """(h, w) grey levels a small pixel"""
    down: Array
    colours: Array
    """(rows, columns, 3)"""

    @cached_property
    def energy(self) -> Array:
        """(rows, columns) mean squared gradient."""
        return _by_block(self.across**2 + self.down**2)

    @cached_property
    def brightness(self) -> Array:
        """(rows, columns) grey levels, and DARK."""
        return np.asarray(self.colours.mean(axis=2) + DARK)

    @cached_property
    def structured(self) -> Mask:
        """(rows, columns) the blocks that have structure."""
        return self.energy >= EDGE**2


def thumbnail(image: Image) -> Thumbnail:
    """The small copy of a picture (H, W, 3)."""
    height, width = image.shape[:2]
    thin = max(1, width // COARSE_PX)
    size = (max(BLOCKS[0], min(TINY_PX, width)), max(BLOCKS[1], round(height * min(TINY_PX, width) / width)))
    small = cv2.resize(image[::thin, ::thin], size, interpolation=cv2.INTER_AREA)
    grey = cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 1.0)
    across, down = (cv2.Sobel(grey, cv2.CV_32F, *order, ksize=3, scale=1 / 8) for order in ((1, 0), (0, 1)))
    return Thumbnail(np.asarray(across), np.asarray(down), _by_block(small.astype(np.float32)))


def median(thumbnails: Sequence[Thumbnail]) -> Thumbnail:
    """What pictures of one size have in common: medians of gradients, which keep their directions in any light, and of colours."""
    parts = ([getattr(each, name) for each in thumbnails] for name in ("across", "down", "colours"))
    return Thumbnail(*(_median(np.stack(part)) for part in parts))


def _median(samples: Array) -> Array:
    """(...) of (N, ...), which is sorted in place: whole sorts of float32 take a seventh of the time of NumPy's median."""
    samples.sort(axis=0)
    middle = len(samples) // 2
    return np.asarray(samples[middle - (len(samples) % 2 == 0) : middle + 1].mean(axis=0), np.float32)


def blend(scene: Thumbnail, now: Thumbnail, share: float, *, kept: Mask) -> Thumbnail:
    """The scene with a share of a new picture in it, in those blocks where that shows the scene.

    kept  `kept_blocks` of the two
    """
    even = same_light(scene, now) & ~now.structured
    weight = np.float32(share) * np.where(scene.structured, kept, even).astype(np.float32)
    height, width = scene.across.shape
    fine = np.asarray(cv2.resize(weight, (width, height), interpolation=cv2.INTER_NEAREST))
    return Thumbnail(
        scene.across + fine * (now.across - scene.across),
        scene.down + fine * (now.down - scene.down),
        scene.colours + weight[..., None] * (now.colours - scene.colours),
    )


def kept_blocks(scene: Thumbnail, now: Thumbnail) -> Mask:
    """(rows, columns) the blocks of `now` whose gradients are those of `scene`, up to a factor that a light can explain."""
    shared, known = _by_block(scene.across * now.across + scene.down * now.down), scene.energy
    return np.asarray((shared >= KEPT * np.sqrt(known * now.energy)) & (shared >= _least_gain(scene, now) * known))


def same_light(scene: Thumbnail, now: Thumbnail) -> Mask:
    """(rows, columns) the blocks whose mean colour is the scene's in some light."""
    ratio = np.log((now.colours + DARK) / (scene.colours + DARK))
    low, high = np.log(LIGHT_RANGE)
    mean = ratio.mean(axis=2)
    return np.asarray((np.ptp(ratio, axis=2) < SAME_TINT) & (low < mean) & (mean < high))


def has_structure(scene: Thumbnail) -> bool:
    """Whether a scene can be known by its gradients, and not only by its colours."""
    return bool(scene.structured.sum() >= FEWEST)


def likeness(scene: Thumbnail, now: Thumbnail, *, kept: Mask | None = None) -> float:
    """Share of the scene's blocks that `now` shows, in [0, 1]; of a scene without structure the colours are compared.

    kept  `kept_blocks` of the two; None: not known yet
    """
    if has_structure(scene):
        kept = kept_blocks(scene, now) if kept is None else kept
        return float(kept[scene.structured].mean())
    return float(same_light(scene, now).mean())


def explain_change(scene: Image, image: Image, changed: Mask) -> Change:
    """Why a picture differs from a scene, both (H, W, 3), where `changed` (H, W) bool is true.

    An object hides the edges behind it. Where the scene has none, only a change of nearly the whole picture, in the scene's tint, is
    the light's.
    """
    known, now = thumbnail(scene), thumbnail(image)
    height, width = known.across.shape
    here = np.asarray(cv2.resize(changed.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA), np.float32)
    kept = _kept_edges(known, now, here)
    if kept is not None:
        return Change(kept >= SAME_EDGES, kept < HIDDEN_EDGES)
    changed_blocks = _by_block(here) > CHANGED_BLOCK
    everywhere = changed_blocks.mean() >= CHANGED_SHARE
    return Change(bool(everywhere and same_light(known, now)[changed_blocks].mean() >= TINTED_SHARE), False)


def _kept_edges(known: Thumbnail, now: Thumbnail, here: Array) -> float | None:
    """Mean cosine between the gradients of two thumbnails where `here` (h, w) is above 0; None where the scene has too few edges."""
    steep = np.hypot(known.across, known.down)
    here_edges = here * (steep >= EDGE)
    if here_edges.sum() < ENOUGH_EDGES * here.size:
        return None
    # directions only: one hard edge of an object would outweigh all the scene's soft ones
    shared = known.across * now.across + known.down * now.down
    present = np.hypot(now.across, now.down)
    cosine = shared / np.maximum(steep * present, np.float32(1e-6))
    least = cv2.resize(_least_gain(known, now), here.shape[::-1], interpolation=cv2.INTER_NEAREST)
    cosine[present < least * steep] = 0  # what a codec left on a plain object
    return float((here_edges * cosine).sum()) / float(here_edges.sum())


def is_blank(scene: Thumbnail, now: Thumbnail, *, sudden: bool) -> bool:
    """Whether nothing of the scene is left, and the picture is even or has other colours or another texture nearly everywhere.

    sudden  it went from one frame to the next, as no object does: then a codec may have left a little of it

    Water and leaves keep their colours and their texture when they move.
    """
    left, structure = likeness(scene, now), float(now.structured.mean())
    if not sudden:
        return left < LOST and structure < EVEN
    away = np.abs(now.colours - scene.colours).max(axis=2)
    recoloured = away > np.maximum(RECOLOURED[0], RECOLOURED[1] * scene.colours.max(axis=2))
    texture = np.log((now.energy + EDGE**2) / (scene.energy + EDGE**2))
    changed = recoloured | (np.abs(texture) > np.log(RETEXTURED))
    return bool((left < LEFT_OVER and structure < MOSTLY_EVEN) or (left < LOST and changed.mean() > MOST))


def _least_gain(scene: Thumbnail, now: Thumbnail) -> Array:
    """(rows, columns) factor of the gradients below which they are not the scene's in the light of `now`."""
    return np.maximum(np.float32(FAINTEST), np.float32(CONTRAST) * (now.brightness / scene.brightness))


def _by_block(plane: Array) -> Array:
    return np.asarray(cv2.resize(plane, BLOCKS, interpolation=cv2.INTER_AREA), np.float32)
