"""The papers' data sets, drawn on the fly: the same clips from the same seed, on any device.

The laws of motion run in numpy on the processor, a few numbers an object; only the pictures are made on the training device.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from tracker.papers import balls, sprites
from tracker.papers.settings import WorldSettings

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


class Clips(NamedTuple):
    """B clips of T frames."""

    frames: Tensor
    """(B, T, 1, H, W) float32 in [0, 1]"""
    groups: Tensor
    """(B, T, H, W) uint8, the object that owns the pixel, from 1; 0 = not scored: background, and pixels of several"""
    collisions: Tensor | None = None
    """(B, T, H, W) bool, pixels of balls that bounce off another before the next frame; None in other worlds"""


def draw(
    world: WorldSettings, *, batch: int, frames: int, seed: int, number: int, split: Split, device: torch.device
) -> Clips:
    """The `number`-th batch of a split. Static shapes are one picture shown in every frame."""
    rng = np.random.default_rng((seed, SPLITS.index(split), number))
    if world.kind in ("balls", "curtain"):
        motion = balls.simulate(world, rng, batch=batch, frames=frames)
        return Clips(*balls.render(motion, world, rng, device=device))
    digits = world.kind == "flying-digits"
    pictures = sprites.digits(world.digits, train=split != "test") if digits else sprites.shapes()
    static = world.kind == "static-shapes"
    flight = sprites.fly(world, pictures.sizes, rng, batch=batch, frames=1 if static else frames)
    threshold = world.digits.threshold if digits else 0.5
    shown, groups = sprites.render(pictures, flight, side=world.side_px, threshold=threshold, device=device)
    return Clips(shown.expand(-1, frames, -1, -1, -1), groups.expand(-1, frames, -1, -1))
