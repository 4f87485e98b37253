"""The things that move through a street: how they look and how they walk.

An actor's look is a strip of pictures (one a phase of its gait) drawn once at `CELL` pixels and resized to the actor's size in
each frame; its motion is a short list of numbers stepped frame by frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Kind = Literal["walker", "vehicle", "animal", "insect", "blob"]
CELL = 64
"""side of a drawn sprite in pixels, before it is resized"""
PHASES = 8
"""pictures in one cycle of a gait"""
ASPECT: dict[Kind, float] = {"walker": 2.6, "vehicle": 0.5, "animal": 0.55, "insect": 0.7, "blob": 1.0}
"""height over width"""

Sprite = NDArray[np.uint8]
"""(CELL, CELL, 4) uint8: RGB and alpha; stretched to the actor's width and height when pasted"""


Chroma = tuple[float, float, float]
"""how far a colour's channels lie from its grey; one of the three is drawn"""


def _colour(rng: np.random.Generator, chroma: Chroma) -> NDArray[np.float64]:
    """A clothing or paint colour: any hue, mostly muted, often dark, as in the street."""
    grey = rng.uniform(20, 235)
    return np.clip(grey + rng.normal(0, 1, 3) * rng.choice(list(chroma)), 0, 255)


def _paint(
    alpha: NDArray[np.uint8], regions: list[tuple[NDArray[Any], NDArray[np.float64]]], rng: np.random.Generator
) -> Sprite:
    """Colour each region in turn inside the silhouette, over a weak cloth texture."""
    rgb = np.zeros((CELL, CELL, 3), np.float32)
    for mask, colour in regions:
        rgb[mask > 0] = colour
    texture = cv2.resize(rng.normal(0, 10, (6, 6, 1)).astype(np.float32), (CELL, CELL), interpolation=cv2.INTER_CUBIC)
    rgb = np.clip(rgb + texture[..., None] * rng.uniform(0.2, 1.2), 0, 255)
    return np.dstack([rgb.astype(np.uint8), alpha])


def _limb(canvas: NDArray[np.uint8], start: tuple[float, float], end: tuple[float, float], width: float) -> None:
    cv2.line(
        canvas,
        (round(start[0]), round(start[1])),
        (round(end[0]), round(end[1])),
        255,
        max(1, round(width)),
        cv2.LINE_AA,
    )


def _walker(rng: np.random.Generator, chroma: Chroma) -> list[Sprite]:
    """Head, torso, swinging arms and legs. The cell is stretched to 2.6 times its width, so all x are wide."""
    skin, top, trousers, hair = (_colour(rng, chroma) for _ in range(4))
    broad, stride, lean = rng.uniform(13, 19), rng.uniform(9, 20), rng.uniform(-3, 3)
    state = rng.bit_generator.state  # the texture is the same in every phase
    strip = []
    for phase in range(PHASES):
        swing = np.sin(2 * np.pi * phase / PHASES) * stride
        head, torso, legs, arms = (np.zeros((CELL, CELL), np.uint8) for _ in range(4))
        cv2.ellipse(head, (round(32 + lean), 7), (round(broad * 0.55), 6), 0, 0, 360, 255, -1, cv2.LINE_AA)
        cv2.ellipse(torso, (32, 24), (round(broad), 14), 0, 0, 360, 255, -1, cv2.LINE_AA)
        cv2.rectangle(torso, (round(32 - broad * 0.9), 20), (round(32 + broad * 0.9), 37), 255, -1)
        for side in (-1, 1):
            _limb(legs, (32 + side * 5, 34), (32 + side * (swing + 4), 62), broad * 0.62)
            _limb(arms, (32 + side * broad * 0.8, 17), (32 + side * broad * 0.8 - side * swing * 0.8, 36), broad * 0.4)
        alpha = np.maximum.reduce([head, torso, legs, arms])
        rng.bit_generator.state = state
        strip.append(_paint(alpha, [(legs, trousers), (torso, top), (arms, top * 0.8), (head, skin)], rng))
        strip[-1][:6, :, :3][head[:6] > 0] = hair
    return strip


def _vehicle(rng: np.random.Generator, chroma: Chroma) -> list[Sprite]:
    """A body, a cabin with dark windows, two wheels; drawn heading right."""
    paint, glass, tyre = _colour(rng, chroma), np.full(3, rng.uniform(20, 90)), np.full(3, rng.uniform(10, 50))
    body, cabin, wheels, window = (np.zeros((CELL, CELL), np.uint8) for _ in range(4))
    roof0, roof1 = rng.integers(6, 18), rng.integers(40, 58)
    cv2.rectangle(body, (2, 26), (61, 54), 255, -1)
    cv2.ellipse(body, (8, 38), (7, 15), 0, 0, 360, 255, -1, cv2.LINE_AA)
    cv2.fillPoly(
        cabin, [np.array([[roof0, 28], [roof0 + 6, 4], [roof1 - 8, 4], [roof1, 28]], np.int32)], 255, cv2.LINE_AA
    )
    cv2.fillPoly(window, [np.array([[roof0 + 5, 24], [roof0 + 9, 9], [roof1 - 11, 9], [roof1 - 5, 24]], np.int32)], 255)
    for x in (15, 48):
        cv2.ellipse(wheels, (x, 53), (6, 10), 0, 0, 360, 255, -1, cv2.LINE_AA)
    alpha = np.maximum.reduce([body, cabin, wheels])
    return [_paint(alpha, [(body, paint), (cabin, paint * 0.9), (window, glass), (wheels, tyre)], rng)]


def _animal(rng: np.random.Generator, chroma: Chroma) -> list[Sprite]:
    """A long body seen from above or the side, a head, a tail or legs that beat; drawn heading right."""
    coat, mark = _colour(rng, chroma), _colour(rng, chroma)
    thick, beat = rng.uniform(12, 24), rng.uniform(2, 12)
    state = rng.bit_generator.state
    strip = []
    for phase in range(PHASES):
        swing = np.sin(2 * np.pi * phase / PHASES) * beat
        body, head, tail = (np.zeros((CELL, CELL), np.uint8) for _ in range(3))
        cv2.ellipse(body, (32, 32), (22, round(thick)), 0, 0, 360, 255, -1, cv2.LINE_AA)
        cv2.ellipse(head, (53, round(32 + swing * 0.3)), (9, round(thick * 0.6)), 0, 0, 360, 255, -1, cv2.LINE_AA)
        _limb(tail, (14, 32), (2, 32 + swing), thick * 0.35)
        alpha = np.maximum.reduce([body, head, tail])
        rng.bit_generator.state = state
        strip.append(_paint(alpha, [(tail, coat), (body, coat), (head, mark)], rng))
    return strip


def _insect(rng: np.random.Generator, chroma: Chroma) -> list[Sprite]:
    """A fly from above: a body of three parts, pale wings over it, six thin legs that walk, two feelers; heading right."""
    coat, pale, mark = (_colour(rng, chroma) for _ in range(3))
    thick, beat, leg = rng.uniform(7, 13), rng.uniform(2, 6), rng.uniform(1, 2.5)
    winged = rng.random() < 0.6
    state = rng.bit_generator.state
    strip = []
    for phase in range(PHASES):
        body, wings, legs = (np.zeros((CELL, CELL), np.uint8) for _ in range(3))
        cv2.ellipse(body, (22, 32), (16, round(thick)), 0, 0, 360, 255, -1, cv2.LINE_AA)
        cv2.ellipse(body, (40, 32), (9, round(thick * 0.8)), 0, 0, 360, 255, -1, cv2.LINE_AA)
        cv2.ellipse(body, (52, 32), (6, round(thick * 0.7)), 0, 0, 360, 255, -1, cv2.LINE_AA)
        for n, (hip, foot) in enumerate(((44, 57), (39, 38), (34, 20))):
            for side in (-1, 1):
                swing = beat * np.sin(2 * np.pi * phase / PHASES + np.pi * (n + (side > 0)))
                knee = ((hip + foot) / 2 + swing / 2, 32 + side * 20.0)
                _limb(legs, (hip, 32 + side * thick * 0.5), knee, leg)
                _limb(legs, knee, (foot + swing, 32 + side * 30.0), leg)
        for side in (-1, 1):
            _limb(legs, (56, 32 + side * 2), (62, 32 + side * 7), leg)
            if winged:
                cv2.ellipse(
                    wings, (20, round(32 + side * thick * 0.5)), (19, 6), side * -8, 0, 360, 255, -1, cv2.LINE_AA
                )
        alpha = np.maximum.reduce([body, wings, legs])
        rng.bit_generator.state = state
        strip.append(_paint(alpha, [(legs, mark), (body, coat), (wings, (pale + coat) / 2)], rng))
    return strip


def _blob(rng: np.random.Generator, chroma: Chroma) -> list[Sprite]:
    """A closed curve with a few random harmonics, in two colours."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    radius = np.full(48, 24.0)
    for k in range(2, 6):
        radius += rng.normal(0, 7 / k) * np.cos(k * angle + rng.uniform(0, 2 * np.pi))
    points = np.stack([32 + radius * np.cos(angle), 32 + radius * np.sin(angle)], 1)
    alpha = np.zeros((CELL, CELL), np.uint8)
    cv2.fillPoly(alpha, [np.round(np.clip(points, 1, 62)).astype(np.int32)], 255, cv2.LINE_AA)
    lower = alpha.copy()
    lower[: rng.integers(16, 48)] = 0
    return [_paint(alpha, [(alpha, _colour(rng, chroma)), (lower, _colour(rng, chroma))], rng)]


def draw_strip(kind: Kind, rng: np.random.Generator, chroma: Chroma) -> list[Sprite]:
    """Pictures of one actor, one a phase of its gait, cropped to the silhouette and stretched to the cell."""
    strip = {"walker": _walker, "vehicle": _vehicle, "animal": _animal, "insect": _insect, "blob": _blob}[kind](
        rng, chroma
    )
    ys, xs = np.nonzero(np.maximum.reduce([sprite[..., 3] for sprite in strip]) > 127)
    return [np.ascontiguousarray(sprite[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]) for sprite in strip]


@dataclass
class Actor:
    """One object on its way through the scene. Lengths in pixels, speeds in pixels a frame."""

    id: int
    kind: Kind
    strip: list[Sprite]
    size: tuple[float, float]
    """(width, height) at the reference depth"""
    position: NDArray[np.float64]
    """(x, y) of the middle of its feet"""
    velocity: NDArray[np.float64]
    restless: float
    """standard deviation of the change of velocity a frame"""
    gait: float = 0.0
    """phase, in pictures of the strip"""
    still_frames: int = 0
    """frames it will yet stand still"""
    facing: int = 1
    """-1 where it heads left"""

    def step(self, rng: np.random.Generator, stop_rate: float, stop_frames: tuple[int, int]) -> None:
        """Walk one frame on; stop for a while (frames, from and to) with that chance."""
        if self.still_frames > 0:
            self.still_frames -= 1
            return
        if rng.random() < stop_rate:
            self.still_frames = int(rng.integers(stop_frames[0], max(stop_frames[1], stop_frames[0] + 1)))
        speed = float(np.hypot(*self.velocity)) + 1e-6
        turned = self.velocity + rng.normal(0, self.restless, 2)
        self.velocity = turned * speed / (float(np.hypot(*turned)) + 1e-6) * float(np.exp(rng.normal(0, 0.02)))
        self.position = self.position + self.velocity
        self.facing = 1 if self.velocity[0] >= 0 else -1
        # a stride is about as long as half the body is high
        self.gait += PHASES * speed / max(2.0, 0.9 * self.size[1])

    def picture(self) -> Sprite:
        """The sprite of this frame, heading the way it walks."""
        sprite = self.strip[int(self.gait) % len(self.strip)]
        return sprite[:, ::-1] if self.facing < 0 else sprite
