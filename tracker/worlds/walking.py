"""How people cross a stage: from border to border, one after the other."""

from __future__ import annotations

from collections.abc import Callable

from tracker.worlds.actors import Sprite
from tracker.worlds.stage import OUTSIDE_PX, Mark, Path, ScriptedStreet, size_of, way

WALKER = (0.15, 0.22)
"""height of a walker, in heights of the picture"""
TRAVERSE = (150, 190)
"""frames from border to border"""


def walker_size(stage: ScriptedStreet) -> tuple[float, float]:
    """Width and height of a walker."""
    return size_of("walker", stage.rng, stage.rng.uniform(*WALKER) * stage.height)


def comes_from_left(stage: ScriptedStreet) -> bool:
    """Whether somebody comes from the left."""
    return bool(stage.rng.random() < 0.5)


def ends(stage: ScriptedStreet, width: float, from_left: bool) -> tuple[float, float]:
    """x where somebody of that width is just outside the picture, on coming and on going."""
    left, right = -width / 2 - OUTSIDE_PX, stage.width + width / 2 + OUTSIDE_PX
    return (left, right) if from_left else (right, left)


def through(
    stage: ScriptedStreet, size: tuple[float, float], y: float, start: float, frames: float, from_left: bool
) -> list[Mark]:
    """From border to border at one height, in so many frames."""
    coming, going = ends(stage, size[0], from_left)
    slope = stage.rng.normal(0, 0.012) * stage.height
    return [(start, coming, y), (start + frames, going, y + slope)]


def passers(
    stage: ScriptedStreet, lanes: int, *, height: tuple[float, float] = (0.13, 0.17),
    ground: tuple[float, float] = (0.22, 0.98), start: tuple[float, float] = (0, 45), gap: float = 20.0,
    traverse: tuple[float, float] = TRAVERSE,
    look: Callable[[ScriptedStreet, tuple[float, float], Path], list[Sprite]] | None = None,
) -> None:  # fmt: skip
    """People who pass from border to border, one after the other in each of some lanes one above the other.

    height    of a walker, in heights of the picture
    ground    where the first and the last lane lie, in heights of the picture
    gap       most frames between two of a lane
    start     frame in which the first of a lane enters; below 0, the clip begins with it on its way
    """
    rng = stage.rng
    for n in range(lanes):
        room = (ground[1] - ground[0]) / max(1, lanes)
        y = (ground[0] + room * (n + rng.uniform(0.42, 0.58))) * stage.height
        when = rng.uniform(*start)
        while when < stage.frames:
            size = size_of("walker", rng, rng.uniform(*height) * stage.height)
            frames = rng.uniform(*traverse)
            path, enters = way(through(stage, size, y, when, frames, comes_from_left(stage)), rng=rng)
            if enters + len(path) > 0:
                strip = None if look is None else look(stage, size, path)
                stage.add("walker", size, path, enters=enters, strip=strip)
            when += frames + rng.uniform(0.4, 1) * gap
