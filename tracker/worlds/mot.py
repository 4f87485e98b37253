"""MNIST-MOT and Sprites-MOT: digits that shine through each other, and coloured shapes that hide each other.

The worlds of He et al., "Tracking by Animation" (CVPR 2019), after their generator. On a black canvas of 128 x 128 up to
three objects go straight, each from a side to a point of the opposite one, appear and vanish whole inside the picture,
and never stand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tracker.types import Box, Settings
from tracker.worlds.clip import DrawnClip, DrawnFrame, TruthBox, next_identity

SIDE = 128
"""of the canvas, pixels"""
SPEED = 5.3
"""pixels a frame"""
WAIT_FRAMES, BIRTH_RATE = 5, 0.5
"""a place that became empty waits so long, and then gives birth with this chance a frame"""
MARGIN = {"digits": 9, "sprites": 10}
"""how far from the border a centre is born and ends, pixels"""
SPRITE_PX = 21
SCALE, STRETCH = 0.1, 0.2
"""a sprite is 21 s r high and 21 s / r wide: s uniform in 1 +- SCALE, r^2 uniform in 1 +- STRETCH"""
SHAPES = ("circle", "rectangle", "triangle", "diamond")

Picture = NDArray[np.uint8]
"""(h, w, 4): colour RGB, and 255 where the object is"""


class MotSettings(Settings):
    """What is not fixed by the description."""

    world: Literal["digits", "sprites"]
    frames: int = Field(200, ge=1, le=1_000_000_000)
    """of one stream: objects go on through all of it"""
    objects: int = Field(3, ge=0, le=1000)
    """places, each with one object at a time or none"""
    fps: float = Field(25.0, ge=1e-5, le=10_000)


@dataclass
class _Traveller:
    """One object on its straight way."""

    id: int
    picture: Picture
    place: NDArray[np.float64]
    """(x, y) of its centre"""
    step: NDArray[np.float64]
    """pixels a frame"""

    @property
    def corner(self) -> tuple[int, int]:
        """(x, y) of its picture's first pixel, the centre rounded."""
        x, y = (int(v) for v in np.round(self.place))
        height, width = self.picture.shape[:2]
        return x - width // 2, y - height // 2

    @property
    def box(self) -> Box:
        """Round the whole picture, inside the canvas or not."""
        (x, y), (height, width) = self.corner, self.picture.shape[:2]
        return Box(float(x), float(y), float(x + width), float(y + height))


def draw_mot(settings: MotSettings, *, seed: int, digits: NDArray[np.uint8] | None = None) -> DrawnClip:
    """All frames of `stream_mot` at once: about 80 kB each."""
    drawn = list(stream_mot(settings, seed=seed, digits=digits))
    images, labels = np.stack([d.image for d in drawn]), np.stack([d.labels for d in drawn])
    return DrawnClip(images, labels, tuple(d.boxes for d in drawn), np.zeros((SIDE, SIDE, 3), np.uint8), settings.fps)


def stream_mot(settings: MotSettings, *, seed: int, digits: NDArray[np.uint8] | None = None) -> Iterator[DrawnFrame]:
    """Draw frame after frame; the same settings, digits and seed give the same frames, and a longer clip begins as a shorter.

    digits  (N, 28, 28) uint8, the pictures that the digits' world draws from; the sprites' needs none

    Light of digits adds up, at most to 255; a pixel belongs to the digit that gives most of it. Of sprites the later
    place lies over the earlier. An object is born in one frame and is first seen in the next, one step on. Raises SettingsError where
    more than 65,535 objects come.
    """
    if settings.world == "digits" and digits is None:
        raise ValueError("the digits' world needs pictures of digits")
    rng = np.random.default_rng(seed)
    places: list[_Traveller | None] = [None] * settings.objects
    empty_frames = [WAIT_FRAMES] * settings.objects
    born = 0
    for t in range(settings.frames):
        seen: list[_Traveller] = []
        for n, traveller in enumerate(places):
            if traveller is None:
                empty_frames[n] += 1
                if empty_frames[n] > WAIT_FRAMES and rng.random() < BIRTH_RATE:
                    born = next_identity(born, t)
                    places[n] = _born(born, settings.world, digits, rng)
                continue
            traveller.place = traveller.place + traveller.step
            margin = MARGIN[settings.world]
            if ((traveller.place < margin) | (traveller.place > SIDE - 1 - margin)).any():
                places[n], empty_frames[n] = None, 0
            else:
                seen.append(traveller)
        yield (_shine if settings.world == "digits" else _cover)(seen)


def _born(
    identity: int, world: Literal["digits", "sprites"], digits: NDArray[np.uint8] | None, rng: np.random.Generator
) -> _Traveller:
    """At one of four sides, on the way to the opposite one."""
    low, high = MARGIN[world], SIDE - 1 - MARGIN[world]
    start, end = rng.integers(low, high + 1, 2).astype(float)
    along, back = rng.integers(2, size=2)
    ends = np.array([[low, start], [high, end]], float) if not back else np.array([[high, start], [low, end]], float)
    if along:
        ends = ends[:, ::-1]
    way = ends[1] - ends[0]
    if digits is None or world == "sprites":
        picture = _sprite(rng)
    else:
        light = digits[rng.integers(len(digits))]
        picture = np.dstack([light, light, light, np.where(light > 0, np.uint8(255), np.uint8(0))])
    return _Traveller(identity, picture, ends[0], way * SPEED / float(np.hypot(*way)))


def _sprite(rng: np.random.Generator) -> Picture:
    """One of four shapes in one of six colours, filling its picture."""
    scale, ratio = rng.uniform(1 - SCALE, 1 + SCALE), float(np.sqrt(rng.uniform(1 - STRETCH, 1 + STRETCH)))
    height, width = round(SPRITE_PX * scale * ratio), round(SPRITE_PX * scale / ratio)
    y, x = ((2 * np.arange(n) + 1) / n - 1 for n in (height, width))  # the pixels' centres, from -1 to 1
    x, y = x[None, :], y[:, None]
    shape = SHAPES[int(rng.integers(len(SHAPES)))]
    inside = {
        "circle": x**2 + y**2 <= 1,
        "rectangle": np.ones((height, width), bool),
        "triangle": np.abs(x) <= (y + 1) / 2 + 1 / width,
        "diamond": np.abs(x) + np.abs(y) <= 1 + 1 / min(height, width),
    }[shape]
    bits = int(rng.integers(1, 7))
    colour = np.array([bits >> 2 & 1, bits >> 1 & 1, bits & 1], np.uint8) * np.uint8(255)
    return np.dstack([inside[..., None] * colour, inside.astype(np.uint8) * np.uint8(255)])


def _shine(seen: list[_Traveller]) -> DrawnFrame:
    """Every object's light added to the others'."""
    light = np.zeros((SIDE, SIDE, 3), np.uint16)
    labels, most = np.zeros((SIDE, SIDE), np.uint16), np.zeros((SIDE, SIDE), np.uint8)
    for one in seen:
        canvas, patch = _overlap(one)
        picture = one.picture[patch]
        light[canvas] += picture[..., :3]
        brighter = picture[..., 0] > most[canvas]
        most[canvas][brighter] = picture[..., 0][brighter]
        labels[canvas][brighter] = one.id
    return DrawnFrame(
        np.minimum(light, 255).astype(np.uint8), labels, tuple(TruthBox(one.id, one.box, 1.0) for one in seen)
    )


def _cover(seen: list[_Traveller]) -> DrawnFrame:
    """Every object painted over the ones before it."""
    image, labels = np.zeros((SIDE, SIDE, 3), np.uint8), np.zeros((SIDE, SIDE), np.uint16)
    whole = []
    for one in seen:
        canvas, patch = _overlap(one)
        picture = one.picture[patch]
        solid = picture[..., 3] > 0
        image[canvas][solid] = picture[..., :3][solid]
        labels[canvas][solid] = one.id
        whole.append(max(1, int(solid.sum())))
    shown = [int((labels == one.id).sum()) for one in seen]
    boxes = (TruthBox(one.id, one.box, n / area) for one, n, area in zip(seen, shown, whole, strict=True))
    return DrawnFrame(image, labels, tuple(boxes))


def _overlap(one: _Traveller) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Rows and columns that canvas and picture have in common: of the canvas, of the picture."""
    (x, y), (height, width) = one.corner, one.picture.shape[:2]
    x0, y0, x1, y1 = max(0, x), max(0, y), min(SIDE, x + width), min(SIDE, y + height)
    return (slice(y0, y1), slice(x0, x1)), (slice(y0 - y, y1 - y), slice(x0 - x, x1 - x))
