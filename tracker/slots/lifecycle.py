"""Birth, hiding, revival and death of slots: everything about a slot that is not its network state."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tracker.slots.settings import LifeSettings
from tracker.timing import REFERENCE_S, lasts
from tracker.types import Box, Mask

Array = NDArray[np.float32]

YOUNG_DOUBLE_S = 0.48
"""seconds up to which a slot inside another is taken for a second sight of it at once"""


@dataclass
class Life:
    """What is remembered of one slot beside its network state. Seconds seen are evidence: `timing.Interval.look_s`."""

    born_at: tuple[float, float]
    """(x, y) of its first pose"""
    area_px: float
    """visible pixels when nothing hides it, running mean"""
    size: tuple[float, float]
    """(width, height) in pixels when it stands alone, running mean"""
    window: tuple[float, float]
    """(width, height) of its pose then"""
    velocity: tuple[float, float] = (0.0, 0.0)
    """(x, y) pixels in a usual frame interval, measured while it stands alone"""
    place: tuple[float, float] | None = None
    """(x, y) of its middle when it last stood alone, if that was in the last frame"""
    parted_s: float = 0.0
    """seconds without a break its foreground stood in two pieces side by side"""
    crowded_s: float = 0.0
    """seconds without a break its blob was far too large for it, and nobody else stood there"""
    inside_s: float = 0.0
    """seconds without a break it was inside an older slot"""
    whole: bool = False
    """whether it was ever seen away from the border, so that its size is known"""
    alone_s: float = 0.0
    """seconds it was seen standing alone"""
    id: int | None = None
    """None until it is confirmed"""
    age_s: float = 0.0
    seen_s: float = 0.0
    """seconds it was seen"""
    hidden_s: float = 0.0
    """seconds since it was last seen; 0: it is seen now"""
    moved: bool = False
    """whether it ever left its place"""
    look: Array | None = None
    """how its parts looked when it stood alone, as `recall.part_colours`"""
    fresh: Array | None = None
    """the same since its last meeting, over `fresh_s` seconds seen alone"""
    fresh_s: float = 0.0
    met: set[int] = field(default_factory=set)
    """identities it stood together with since it was known for sure"""
    colour: Array = field(default_factory=lambda: np.zeros(3, np.float32))
    """mean colour of its pixels, RGB in [0, 1]"""


@dataclass(frozen=True)
class Birth:
    """A piece of foreground that no slot explains."""

    box: Box
    mask: Mask
    """(h, w) inside the box"""
    area_px: float
    colour: Array


def find_returning(birth: Birth, poses: Array, lives: list[Life], settings: LifeSettings) -> int | None:
    """Index of the unseen slot that this birth is: near where it should be by now, of like size and colour; or None.

    A slot cut by the border a moment ago, or just born, may have grown, so its size is not asked for.
    """
    best, found = settings.revive_sizes, None
    for k, (pose, life) in enumerate(zip(poses, lives, strict=True)):
        if life.hidden_s == 0:
            continue
        far = _sizes_away(birth.box.centre, (birth.box.width, birth.box.height), pose, life)
        alike = not lasts(life.alone_s, settings.grow_s) or 0.3 < birth.area_px / max(1.0, life.area_px) < 3
        if alike and far < best and _is_coloured(life, birth.colour, settings):
            best, found = far, k
    return found


def find_known(
    newborn: int, poses: Array, lives: list[Life], support: Array, size: tuple[int, int], settings: LifeSettings
) -> int | None:
    """Index of the slot that a newborn, about to be given an identity, has been all along; or None.

    Who comes out of a group is more likely one who went into it than somebody new, unless it came in over the border. So it is
    one of those near by who do not stand alone and own the least of what they should.

    support (K,)  share of its usual area that each slot owns; 1 or more where it stands alone
    size          (width, height) of the picture
    """
    life = lives[newborn]
    margin = max(life.size)
    if not (margin < life.born_at[0] < size[0] - margin and margin < life.born_at[1] < size[1] - margin):
        return None
    best, found = settings.revive_sizes, None
    for k, (pose, other) in enumerate(zip(poses, lives, strict=True)):
        if other.id is None or support[k] >= settings.supported or other.age_s < life.age_s:
            continue
        far = _sizes_away((poses[newborn, 0], poses[newborn, 1]), life.size, pose, other)
        alike = (
            life.area_px < 3 * other.area_px and float(np.abs(life.colour - other.colour).mean()) < settings.same_colour
        )
        if alike and far + float(support[k]) < best:
            best, found = far + float(support[k]), k
    return found


def _sizes_away(centre: tuple[float, float], size: tuple[float, float], pose: Array, life: Life) -> float:
    """How far a piece lies from where a slot should be, in sizes of the larger; less the longer the slot was not seen."""
    larger = max(float(np.sqrt(life.size[0] * life.size[1])), float(np.sqrt(size[0] * size[1])))
    return float(np.hypot(centre[0] - pose[0], centre[1] - pose[1])) / (larger * (1 + 1.25 * life.hidden_s))


def _is_coloured(life: Life, colour: Array, settings: LifeSettings) -> bool:
    """Whether a mean colour (3,) is a slot's, or that of a part of it: often no more comes into view."""
    known = life.colour[None] if life.look is None else np.vstack([life.colour, life.look])
    apart = np.abs(known - colour).mean(axis=1)
    return bool((apart < settings.same_colour).any())  # a part that was never seen is NaN, and like nothing


def doubles(poses: Array, lives: list[Life], settings: LifeSettings, *, look_s: float = REFERENCE_S) -> set[int]:
    """Slots to drop because an older one covers them, both in view: one object seen twice. This frame counts `look_s`."""
    dropped: set[int] = set()
    inside: set[int] = set()
    for a in range(len(lives)):
        for b in range(a + 1, len(lives)):
            if a in dropped or b in dropped or lives[a].hidden_s or lives[b].hidden_s:
                continue
            ax, ay, aw, ah = (float(v) for v in poses[a])
            bx, by, bw, bh = (float(v) for v in poses[b])
            overlap_x = min(ax + aw / 2, bx + bw / 2) - max(ax - aw / 2, bx - bw / 2)
            overlap_y = min(ay + ah / 2, by + bh / 2) - max(ay - ah / 2, by - bh / 2)
            if overlap_x <= 0 or overlap_y <= 0 or overlap_x * overlap_y <= settings.same * min(aw * ah, bw * bh):
                continue
            younger = b if lives[b].age_s <= lives[a].age_s else a
            inside.add(younger)
            # two who cross soon part again; what stays inside another is a second sight of it
            young = lasts(YOUNG_DOUBLE_S, lives[younger].age_s)
            if young or lasts(lives[younger].inside_s, settings.inside_s):
                dropped.add(younger)
    for k, life in enumerate(lives):
        life.inside_s = life.inside_s + look_s if k in inside else 0.0
    return dropped


def is_dead(pose: Array, life: Life, size: tuple[int, int], settings: LifeSettings) -> bool:
    """Whether a slot has ended: left the picture, unseen for too long, or shrunk to nothing.

    size  (width, height) of the working picture
    """
    cx, cy, w, h = (float(v) for v in pose)
    outside = cx < -0.1 * w or cy < -0.1 * h or cx > size[0] + 0.1 * w or cy > size[1] + 0.1 * h
    at_border = cx - w / 2 < 2 or cy - h / 2 < 2 or cx + w / 2 > size[0] - 2 or cy + h / 2 > size[1] - 2
    patience_s = settings.young_s if life.id is None else settings.hidden_s
    if at_border:
        patience_s = min(patience_s, 2 * settings.young_s)
    vanished = life.area_px < 0.4 * settings.min_area * size[0] * size[1]
    # what is still seen has not left, wherever its middle is
    return (outside and life.hidden_s > 0) or vanished or not lasts(patience_s, life.hidden_s)
