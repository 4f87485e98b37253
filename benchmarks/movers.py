"""Pictures with exactly so many objects, each walking to and fro in a cell of its own: what a lane's time is measured on."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from tracker.picture import Picture
from tracker.types import Frame, Image

FPS = 25.0
SEED = 0
NOISE = 2.0
"""grey levels, standard deviation, as of a camera"""
TALL, WIDE = 0.55, 0.3
"""of an object, in sides of its cell"""
LARGEST_PX = (40, 20)
"""height and width of an object at most: where few have a large picture they are people, not buses"""


class Movers:
    """A clip drawn on demand: `objects` textured boxes on a textured ground, in pictures of `size` (width, height)."""

    def __init__(self, objects: int, size: tuple[int, int]) -> None:
        width, height = size
        rng = np.random.default_rng(SEED)
        coarse = rng.normal(110, 14, (height // 8 + 1, width // 8 + 1, 3))
        self._ground = np.kron(coarse, np.ones((8, 8, 1)))[:height, :width]
        columns = max(1, math.ceil(math.sqrt(objects * width / height)))
        rows = max(1, math.ceil(objects / columns))
        cell = (height / rows, width / columns)
        self._tall = max(4, min(LARGEST_PX[0], int(TALL * cell[0])))
        self._wide = max(3, min(LARGEST_PX[1], int(WIDE * cell[1])))
        self._cells = [(int(n // columns * cell[0]), int(n % columns * cell[1])) for n in range(objects)]
        self._room = max(1, int(cell[1]) - self._wide - 2)
        self._down = int((cell[0] - self._tall) / 2)
        colours = rng.choice([30, 60, 180, 220], (objects, 3))
        self._looks = np.clip(colours[:, None, None] + rng.normal(0, 12, (objects, self._tall, self._wide, 3)), 0, 255)
        self._phases = rng.integers(0, 2 * self._room, objects)
        self._rng = rng

    def empty(self, count: int) -> list[Image]:
        """Pictures of the scene without anybody, for the prescan."""
        return [self._noisy(self._ground) for _ in range(count)]

    def frames(self, count: int) -> Iterator[Frame]:
        for index in range(count):
            image = self._ground.copy()
            for (top, left), look, phase in zip(self._cells, self._looks, self._phases, strict=True):
                along = (index + int(phase)) % (2 * self._room)
                x, y = left + min(along, 2 * self._room - along), top + self._down
                image[y : y + self._tall, x : x + self._wide] = look
            yield Frame(index, index / FPS, Picture.of(self._noisy(image)))

    def _noisy(self, image: np.ndarray) -> Image:
        return np.clip(image + self._rng.normal(0, NOISE, image.shape), 0, 255).astype(np.uint8)
