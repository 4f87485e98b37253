"""Balls with mass in a square box: elastic, no gravity, no spin; and the same behind a curtain.

The family of simulators of Sutskever, Hinton and Taylor (The Recurrent Temporal RBM, NIPS 2008), with R-NEM's radii, masses and
speeds. Ours: starts are uniform over the box, and balls that touch bounce only while they approach.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tracker.errors import SettingsError
from tracker.papers.settings import BallSettings, WorldSettings
from tracker.papers.transfer import sent

Floats = NDArray[np.float64]
ATTEMPTS = 10_000


class BallPaths(NamedTuple):
    """N balls in B clips of T frames, in units of length."""

    centres: Floats
    """(B, T, N, 2) y, x"""
    radii: Floats
    """(B, N); 0 = no such ball in this clip"""
    masses: Floats
    """(B, N)"""
    velocities: Floats
    """(B, T, N, 2) y, x per frame"""
    hit: NDArray[np.bool_]
    """(B, T, N) bounces off another ball between this frame and the next"""


def simulate(world: WorldSettings, rng: np.random.Generator, *, batch: int, frames: int) -> BallPaths:
    """Draw starts and let the balls run.

    Raises SettingsError if the balls hardly fit into the box.
    """
    settings = world.balls
    fewest, most = world.objects
    count = rng.integers(fewest, most + 1, (batch, 1))
    kind = rng.integers(0, len(settings.radii), (batch, most))
    there = np.arange(most) < count
    radii = np.where(there, np.array(settings.radii)[kind], 0.0)
    masses = np.where(there, np.array(settings.masses)[kind], 1.0)
    x = _starts(radii, settings.box_units, rng)
    v = rng.standard_normal((batch, most, 2)) * there[..., None]
    v *= settings.speed / np.sqrt((v**2).sum((1, 2), keepdims=True))
    centres, velocities, hits = [], [], []
    for _ in range(frames):
        centres.append(x.copy())
        velocities.append(v.copy())
        hit = np.zeros((batch, most), bool)
        for _ in range(settings.substeps):
            x += v / settings.substeps
            _bounce_off_walls(x, v, radii, settings)
            _bounce_off_balls(x, v, radii, masses, hit)
        hits.append(hit)
    return BallPaths(np.stack(centres, 1), radii, masses, np.stack(velocities, 1), np.stack(hits, 1))


def _starts(radii: Floats, box: float, rng: np.random.Generator) -> Floats:
    """Centres (B, N, 2), uniform among those inside the box and apart from each other; one ball after another."""
    batch, count = radii.shape
    x = np.zeros((batch, count, 2))
    for n in range(count):
        todo = np.arange(batch)
        for _ in range(ATTEMPTS):
            r = radii[todo, n, None]
            x[todo, n] = rng.uniform(r, box - r, (len(todo), 2))
            gap = np.linalg.norm(x[todo, :n] - x[todo, n, None], axis=-1) - radii[todo, :n] - r
            todo = todo[((gap < 0) & (radii[todo, :n] > 0) & (r > 0)).any(1)]
            if not len(todo):
                break
        else:
            raise SettingsError(
                f"world.balls: {count} balls hardly fit into {box} x {box}; fewer or smaller ones, please"
            )
    return x


def _bounce_off_walls(x: Floats, v: Floats, radii: Floats, settings: BallSettings) -> None:
    r = radii[..., None]
    v[:] = np.where(x < r, np.abs(v), np.where(x > settings.box_units - r, -np.abs(v), v))


def _bounce_off_balls(x: Floats, v: Floats, radii: Floats, masses: Floats, hit: NDArray[np.bool_]) -> None:
    """Exchange momentum along the line of centres, pair after pair so that energy is kept where three meet."""
    count = x.shape[1]
    gap = x[:, :, None] - x[:, None]  # (B, N, N, 2)
    reach = radii[:, :, None] + radii[:, None]
    touch = ((gap**2).sum(-1) < reach**2) & (radii > 0)[:, :, None] & (radii > 0)[:, None]
    touched = touch.any(0)
    for i in range(count):
        for j in range(i):
            if not touched[i, j]:
                continue
            clips = np.flatnonzero(touch[:, i, j])
            line = gap[clips, i, j]
            line = line / np.linalg.norm(line, axis=-1, keepdims=True).clip(min=1e-9)
            closing = ((v[clips, i] - v[clips, j]) * line).sum(-1)
            clips, line, closing = clips[closing < 0], line[closing < 0], closing[closing < 0]
            a, b = masses[clips, i], masses[clips, j]
            kick = (2 * closing / (a + b))[:, None] * line
            v[clips, i] -= b[:, None] * kick
            v[clips, j] += a[:, None] * kick
            hit[clips, i] = hit[clips, j] = True


def render(
    motion: BallPaths, world: WorldSettings, rng: np.random.Generator, *, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """Discs on pixels whose centre they cover, and in the world "curtain" a black square before them.

    returns  frames (B, T, 1, H, W) float32, 0 or 1
             groups (B, T, H, W) uint8: 1 + n where ball n alone is seen, else 0
             collisions (B, T, H, W) bool: seen pixels of balls that bounce off another before the next frame (the authors'
             definition is unknown)
    """
    side, scale = world.side_px, world.side_px / world.balls.box_units
    batch, _, count, _ = motion.centres.shape
    curtain = rng.integers(0, side - min(world.balls.curtain_px, side) + 1, (batch, 2))
    centres = sent((motion.centres * scale).astype(np.float32), device)
    radii = sent((motion.radii * scale).astype(np.float32), device)
    hit = sent(motion.hit, device)
    grid = torch.arange(side, device=device) + 0.5
    covered = torch.zeros(*centres.shape[:2], side, side, dtype=torch.uint8, device=device)
    named, collisions = covered.clone(), covered.bool()
    for n in range(count):
        y, x = (grid - centres[:, :, n, axis, None] for axis in (0, 1))  # (B, T, side)
        disc = y[..., :, None] ** 2 + x[..., None, :] ** 2 < radii[:, None, n, None, None] ** 2
        covered += disc.to(torch.uint8)
        named += disc.to(torch.uint8) * (n + 1)
        collisions = collisions | (disc & hit[:, :, n, None, None])
    seen = covered > 0
    if world.kind == "curtain":
        corner = sent(curtain, device)[..., None]  # (B, 2, 1)
        pixel = torch.arange(side, device=device)
        inside = (pixel >= corner) & (pixel < corner + world.balls.curtain_px)  # (B, 2, side)
        seen = seen & ~(inside[:, 0, :, None] & inside[:, 1, None, :])[:, None]
    groups = torch.where(seen & (covered == 1), named, 0)
    return seen[:, :, None].float(), groups, collisions & seen
