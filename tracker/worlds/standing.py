"""Situations about who stands for most of a clip, and about people who fill half of the picture's height."""

from __future__ import annotations

import numpy as np

from tracker.worlds.actors import Kind
from tracker.worlds.stage import OUTSIDE_PX, Path, ScriptedStreet, size_of, way
from tracker.worlds.walking import TRAVERSE, comes_from_left, passers, walker_size

COMES, STANDS, GOES = 0.1, 0.185, 0.9
"""shares of the clip at which somebody comes in, stands at the latest, and sets out; the rhythm of steps adds 6 frames"""
INWARD = (0.2, 0.3)
"""how far from a border somebody stands, in widths of the picture: near enough to be there before STANDS"""
BEHIND, BEFORE = (0.25, 0.42), (0.86, 0.99)
"""where passers-by have their feet, in heights of the picture: farther and nearer than who stands"""
BIG = (0.46, 0.56)
"""height of the people in `big`, in heights of the picture"""


def _place(stage: ScriptedStreet, size: tuple[float, float], from_left: bool) -> tuple[float, float, float]:
    """x just outside the picture, x where somebody stands, and the frames from one to the other."""
    share = stage.rng.uniform(*INWARD)
    frames = min(share * stage.rng.uniform(*TRAVERSE), (STANDS - COMES) * stage.frames)
    outside, at = -size[0] / 2 - OUTSIDE_PX, share * stage.width
    return (outside, at, frames) if from_left else (stage.width - outside, stage.width - at, frames)


def arrival(
    stage: ScriptedStreet, size: tuple[float, float], y: float, from_left: bool, *, even: bool = False
) -> tuple[Path, int]:
    """In at a tenth of the clip, and still from there to its end; `even` for wheels, which have no steps."""
    outside, at, frames = _place(stage, size, from_left)
    start = COMES * stage.frames
    marks = [(start, outside, y), (start + frames, at, y), (float(stage.frames), at, y)]
    return way(marks, rng=None if even else stage.rng)


def departure(
    stage: ScriptedStreet, size: tuple[float, float], y: float, to_left: bool, *, even: bool = False
) -> tuple[Path, int]:
    """Still from the first frame to nine tenths of the clip, and out."""
    outside, at, frames = _place(stage, size, to_left)
    start = GOES * stage.frames
    marks = [(0.0, at, y), (start, at, y), (start + frames, outside, y)]
    return way(marks, rng=None if even else stage.rng)


def _bring(stage: ScriptedStreet, kind: Kind, size: tuple[float, float], path: Path, enters: int) -> None:
    """Add somebody who differs from the ground where it stands, and faces the way that it goes."""
    stays = path[-1] if enters > 0 else path[0]
    there = stays + np.array([[-size[0] / 2, 0], [size[0] / 2, 0]])
    player = stage.add(kind, size, path, enters=enters, strip=stage.plain_look(kind, size, there))
    # what stands from the first frame on does not turn on the spot as it sets out
    player.facing = 1 if path[-1, 0] > path[0, 0] else -1


def _others(stage: ScriptedStreet) -> None:
    """Passers-by behind who stands, and now and then one before."""
    passers(stage, 1, ground=BEHIND, start=(5, 40), gap=60)
    passers(stage, 1, ground=BEFORE, start=(60, 120), gap=150)


def _height(stage: ScriptedStreet) -> float:
    """y where who stands has the feet."""
    return float(stage.rng.uniform(0.6, 0.75) * stage.height)


def stands(stage: ScriptedStreet) -> None:
    """Somebody comes in at a tenth of the clip and stands to its end."""
    size = walker_size(stage)
    path, enters = arrival(stage, size, _height(stage), comes_from_left(stage))
    _bring(stage, "walker", size, path, enters)
    _others(stage)


def stood(stage: ScriptedStreet) -> None:
    """Somebody stands from the first frame and leaves at nine tenths of the clip."""
    size = walker_size(stage)
    path, enters = departure(stage, size, _height(stage), comes_from_left(stage))
    _bring(stage, "walker", size, path, enters)
    _others(stage)


def parked(stage: ScriptedStreet) -> None:
    """A vehicle comes and parks, another was parked and leaves, each on its side; people pass."""
    kind: Kind = "vehicle"
    left, y = comes_from_left(stage), _height(stage)
    for script, side in ((arrival, left), (departure, not left)):
        size = size_of(kind, stage.rng, stage.rng.uniform(0.14, 0.19) * stage.height)
        path, enters = script(stage, size, y, side, even=True)
        _bring(stage, kind, size, path, enters)
    _others(stage)


def big(stage: ScriptedStreet) -> None:
    """People half as high as the picture, in two lanes."""
    passers(stage, 2, height=BIG, ground=(0.55, 1.0), start=(2, 60), gap=60)
