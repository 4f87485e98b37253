"""A street on which everybody walks as a script says: who, how large, and where in every frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.worlds.actors import ASPECT, Actor, Kind, Sprite, draw_strip
from tracker.worlds.clip import TruthBox, next_identity
from tracker.worlds.shaking import ShakingCamera
from tracker.worlds.street import StreetSettings, _Scene

Path = NDArray[np.float64]
"""(n, 2) where the middle of somebody's feet is, x and y, frame after frame"""

Mark = tuple[float, float, float]
"""(frame, x, y): where somebody is to be, and when"""

PLAIN_PX = 30.0
"""Somebody's mean colour keeps so far from that of the ground on the way, grey levels; else another is drawn."""
TRIES = 30
OUTSIDE_PX = 3.0
"""Ways begin and end with everything that is drawn so far outside the picture."""


@dataclass
class Player(Actor):
    """An actor that goes its way frame by frame."""

    path: Path = field(default_factory=lambda: np.zeros((0, 2)))
    enters: int = 0
    """frame of the path's first place; below 0, the clip begins with it on its way"""

    @property
    def leaves(self) -> int:
        """The first frame in which it is no longer there."""
        return self.enters + len(self.path)

    def place(self, frame: int) -> None:
        """Stand where the path says, with the gait that the step makes."""
        now, before = self.path[frame - self.enters], self.path[max(0, frame - self.enters - 1)]
        self.position, self.velocity = now, now - before
        self.turn(1.0)

    def turn(self, steps: float) -> None:
        """Let the gait go on by so many steps of the present speed, and face where it goes."""
        if abs(self.velocity[0]) > 1e-3:
            self.facing = 1 if self.velocity[0] > 0 else -1
        self.gait += steps * len(self.strip) * float(np.hypot(*self.velocity)) / max(2.0, 0.9 * self.size[1])

    def step(self, rng: np.random.Generator, stop_rate: float, stop_frames: tuple[int, int]) -> None:
        """Nothing: the stage has placed it."""


class Lens(Protocol):
    """What befalls the light between the scene and the sensor."""

    def seen(self, picture: NDArray[np.float32], labels: NDArray[np.uint16]) -> NDArray[np.float32]:
        """(H, W, 3) as it reaches the sensor; labels (H, W) say whose each pixel is."""


class ScriptedStreet(_Scene):
    """A street without chance passers-by: its cast is what a script adds."""

    def __init__(self, settings: StreetSettings, rng: np.random.Generator, *, count: int = 0) -> None:
        super().__init__(settings.model_copy(update={"objects": (0, 0)}), rng)
        self.cast: list[Player] = []
        self.count = count
        """how many at a time, for a script that asks"""
        self.light_at: Callable[[int], float] = lambda frame: 1.0
        """factor on the light in a frame"""
        self.camera: ShakingCamera | None = None
        """None: it stands still"""
        self.lens: Lens | None = None
        self.grey = False
        """whether the sensor knows no colours"""

    @property
    def width(self) -> int:
        """Of the picture, pixels."""
        return self.settings.width

    @property
    def height(self) -> int:
        """Of the picture, pixels."""
        return self.settings.height

    @property
    def frames(self) -> int:
        """How many will be drawn."""
        return self.settings.frames

    def add(
        self,
        kind: Kind,
        size: tuple[float, float],
        path: Path,
        *,
        enters: int = 0,
        strip: Sequence[Sprite] | None = None,
    ) -> Player:
        """Bring somebody of that width and height on that way; without a look of its own it gets one that can be seen.

        Raises SettingsError after 65,535 others.
        """
        self.born = next_identity(self.born, self.frames - 1)
        look = self.plain_look(kind, size, path) if strip is None else list(strip)
        player = Player(self.born, kind, look, size, path[0], np.zeros(2), 0.0, path=path, enters=enters)
        player.gait = float(self.rng.uniform(0, len(look)))
        self.cast.append(player)
        return player

    def plain_look(self, kind: Kind, size: tuple[float, float], path: Path) -> list[Sprite]:
        """Pictures of somebody whose mean colour keeps apart from the ground's; the last drawn if none of many does."""
        ground = self.ground(size, path)
        for _ in range(TRIES):
            strip = [self._fade(sprite) for sprite in draw_strip(kind, self.rng, self.settings.chroma)]
            if np.abs(mean_colour(strip) - ground).mean() >= PLAIN_PX:
                break
        return strip

    def ground(self, size: tuple[float, float], path: Path) -> NDArray[np.float64]:
        """(3,) mean colour of the empty scene under somebody's way."""
        inside = path[(path[:, 0] >= 0) & (path[:, 0] < self.width)]
        way = inside if len(inside) else path
        y0, y1 = way[:, 1].min() - size[1], way[:, 1].max()
        top, bottom = (int(np.clip(y, 0, self.height - 1)) for y in (y0, y1))
        left, right = (int(np.clip(x, 0, self.width - 1)) for x in (way[:, 0].min(), way[:, 0].max()))
        return np.asarray(self.background[top : bottom + 1, left : right + 1].mean((0, 1)), np.float64)

    def add_pillar(self, x: float, width: float) -> None:
        """A post of that width in front of everything, its middle at x."""
        left = max(0, round(x - width / 2))
        columns = slice(left, min(self.width, left + max(2, round(width))))
        ground = self.background.mean()
        shade = self.rng.uniform(20, ground - 30) if ground > 120 else self.rng.uniform(ground + 30, 225)
        colour = np.clip(shade + self.rng.normal(0, 12, 3), 8, 247).astype(np.float32)
        self.pillars.append((columns, colour))
        self.background[:, columns] = colour

    def _empty(self) -> NDArray[np.float32]:
        picture = super()._empty()
        return picture if self.lens is None else self.lens.seen(picture, np.zeros(picture.shape[:2], np.uint16))

    def step(self) -> tuple[NDArray[np.uint8], NDArray[np.uint16], tuple[TruthBox, ...]]:
        """Draw the next frame: picture, labels, boxes."""
        now = self.frame
        self.actors = [player for player in self.cast if player.enters <= now < player.leaves]
        for player in self.actors:
            assert isinstance(player, Player)
            player.place(now)
        self.switched = self.light_at(now)
        return super().step() if self.camera is None else self._shaken(self.camera)

    def _shaken(self, camera: ShakingCamera) -> tuple[NDArray[np.uint8], NDArray[np.uint16], tuple[TruthBox, ...]]:
        """Draw the frame as the camera sees it: every body at its place in the picture, so the truth is exact."""
        view, still = camera.next_view(self.rng), self.background
        self.background = view.picture(still)
        self.actors = [
            replace(one, position=view.places(one.position), size=(one.size[0] * view.zoom, one.size[1] * view.zoom))
            for one in self.actors
        ]
        drawn = super().step()
        self.background = still
        return drawn

    def _expose(
        self, picture: NDArray[np.float32], labels: NDArray[np.uint16], shift: NDArray[np.float64]
    ) -> NDArray[np.uint8]:
        seen = picture if self.lens is None else self.lens.seen(picture, labels)
        image = super()._expose(seen, labels, shift)
        return np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, 2) if self.grey else image

    def _gone(self, actor: Actor) -> bool:
        return False  # the script says who leaves


def mean_colour(strip: Sequence[Sprite]) -> NDArray[np.float64]:
    """(3,) mean colour of somebody, over all pictures."""
    pixels = np.concatenate([sprite[..., :3][sprite[..., 3] > 127] for sprite in strip])
    return np.asarray(pixels.mean(0), np.float64)


def way(marks: Sequence[Mark], *, rng: np.random.Generator | None = None, unrest: float = 3.0) -> tuple[Path, int]:
    """A way past those marks, and the frame in which it begins: straight from one to the next.

    rng     makes the steps longer and shorter by turns; None: even steps
    unrest  frames by which somebody is at most ahead or behind then
    """
    late = 0.0 if rng is None else 2 * unrest  # by which the last mark may be reached
    first, last = int(np.floor(marks[0][0])), int(np.ceil(marks[-1][0] + late))
    frame = np.arange(first, last + 1, dtype=np.float64)
    if rng is not None:
        period, start = rng.uniform(70, 130), rng.uniform(0, 2 * np.pi)
        frame = frame + unrest * (np.sin(2 * np.pi * frame / period + start) - np.sin(start))
    when = [mark[0] for mark in marks]
    x, y = (np.interp(frame, when, [mark[axis] for mark in marks]) for axis in (1, 2))
    return np.stack([x, y], 1), first


def size_of(kind: Kind, rng: np.random.Generator, height: float) -> tuple[float, float]:
    """Width and height of somebody so high, its build drawn."""
    aspect = ASPECT[kind] * float(np.exp(rng.normal(0, 0.08)))
    return height / aspect, height
