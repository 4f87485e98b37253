"""Which scene a picture shows, decided once a frame for all lanes: the one known, another one, or none (a blank picture).

A lost signal, a black or frozen card and a lens cap hide the whole scene from one frame to the next. They are no evidence of
anything. What lasts is a scene of its own: night, a turned camera, a card that stays. The first scene is known again when it returns.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tracker.background.structure import (
    Thumbnail,
    blend,
    has_structure,
    is_blank,
    kept_blocks,
    likeness,
    median,
    thumbnail,
)
from tracker.left_scenes import MOST_SCENES
from tracker.types import Image

FAMILIAR = 0.3
"""likeness from which a picture shows the scene for sure, whatever hides the rest"""
RECOGNISED = 0.6
"""likeness from which an earlier scene has returned"""
SUDDEN = 0.5
"""fall of the likeness in a frame or two that no object brings about"""
FORGETS = 0.8
"""factor a frame of the likeness from which it fell: a codec may take two frames to a card"""
LASTING_S = 3.0
"""seconds after which a blank picture, or another one that stands still, is a scene of its own"""
REFRESH = 0.02
"""share of a new picture in its scene's thumbnail: shadows wander"""
MOVES, ALIVE = 8.0, 5
"""grey levels of a block's mean colour by which pictures of one scene differ where something moves, and what those are worth
against pictures that are all the same"""
CANDIDATES = 12
"""pictures of a prescan that are tried as the scene"""


class KnownScenes:
    """The scenes of a clip, as thumbnails. Pictures are (H, W, 3) uint8 of one size.

    A scene's number is its own for the whole run: 0 is that of the prescan, or of the first picture.
    """

    def __init__(self) -> None:
        self._scenes: dict[int, Thumbnail] = {}
        self._current, self._next = 0, 0
        self._strange_s: float | None = None
        """since when the picture shows no known scene"""
        self._still: tuple[float, Thumbnail] | None = None
        """since when it has stood still, and how it looked then"""
        self._likeness, self._sudden = 1.0, False
        """of the latest pictures to the scene, and whether it was lost from one to the next"""

    def prepare(self, images: Sequence[Image]) -> list[Image]:
        """Learn the first scene from pictures spread over the clip; returns those that are not blank."""
        if not images:
            return []
        found = [thumbnail(image) for image in images]
        common = median(found)
        # what all have in common is the scene, unless most are blank
        if all(likeness(common, each) >= FAMILIAR for each in found):
            self._add(common)
        else:
            candidates = [common, *found[:: -(-len(found) // CANDIDATES)]]
            best = max(candidates, key=lambda scene: _support(scene, found))
            self._add(median([each for each in found if likeness(best, each) >= FAMILIAR] or [best]))
        return [
            image
            for image, each in zip(images, found, strict=True)
            if not is_blank(self._scenes[self._current], each, sudden=True)
        ]

    def step(self, image: Image, time_s: float) -> int | None:
        """Number of the scene that the next picture shows; None if it is blank."""
        now = thumbnail(image)
        if not self._scenes:
            return self._add(now)
        scene = self._scenes[self._current]
        kept = kept_blocks(scene, now)
        found = likeness(scene, now, kept=kept)
        self._sudden |= self._likeness - found > SUDDEN
        self._likeness = max(found, FORGETS * self._likeness)
        # of a scene without structure only colours are known, and a grey card has those of many a road
        if found >= FAMILIAR and (has_structure(scene) or self._recognise(now) is None):
            self._strange_s = self._still = None
            self._sudden = False
            self._scenes[self._current] = blend(scene, now, REFRESH, kept=kept)
            return self._current
        number = self._recognise(now)
        if number is not None:
            self._enter(number)
            return number
        return self._judge_strange(scene, now, time_s)

    def _recognise(self, now: Thumbnail) -> int | None:
        """Number of the other scene that has returned, if one has."""
        others = (number for number in self._scenes if number != self._current)
        return next((number for number in others if likeness(self._scenes[number], now) >= RECOGNISED), None)

    def _judge_strange(self, scene: Thumbnail, now: Thumbnail, time_s: float) -> int | None:
        """What a picture is that shows little of any known scene."""
        if self._strange_s is None:
            self._strange_s = time_s
        if self._still is None or likeness(self._still[1], now) < RECOGNISED:
            self._still = time_s, now
        blank = is_blank(scene, now, sudden=self._sudden)
        # from an even picture to one full of edges: a clip that began in the dark shows its scene now
        appeared = scene.structured.mean() < 0.1 and now.structured.mean() > 0.6
        lasted = time_s - (self._strange_s if blank else self._still[0]) >= LASTING_S
        if appeared or lasted:
            return self._add(now)
        return None if blank else self._current

    def _add(self, scene: Thumbnail) -> int:
        self._enter(self._next)
        self._next += 1
        self._scenes[self._current] = scene
        if len(self._scenes) > MOST_SCENES:
            del self._scenes[sorted(self._scenes)[1]]
        return self._current

    def _enter(self, number: int) -> None:
        self._current, self._strange_s, self._still = number, None, None
        self._likeness, self._sudden = 1.0, False


def _support(scene: Thumbnail, others: Sequence[Thumbnail]) -> float:
    """How many pictures show the same as this one, times how much there is to see: a card is mostly even, and nothing moves on it."""
    same = [each.colours for each in others if likeness(scene, each) >= FAMILIAR]
    alive = len(same) > 1 and float(np.ptp(np.stack(same), axis=0).max()) > MOVES
    return (ALIVE if alive else 1) * len(same) * (0.1 + float(scene.structured.mean()))
