"""Small pictures that fly and pass through each other: the papers' shapes and digits."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tracker.errors import SettingsError, SourceError
from tracker.papers.settings import DigitSettings, WorldSettings
from tracker.papers.transfer import sent
from tracker.worlds.digits import read_digits

TRAINING_DIGITS = 50_000
"""of MNIST's 60,000 training pictures, which training and validation show in different clips; the test shows its test file"""
SQUARE = """
#######
#######
##...##
##...##
##...##
#######
#######
"""
TRIANGLE = """
.....##.....
....####....
...######...
..###..###..
.###....###.
############
############
"""


class Flight(NamedTuple):
    """Where N sprites are in B clips of T frames."""

    which: NDArray[np.int64]
    """(B, N) sprite; -1 = no such object in this clip"""
    corners: NDArray[np.int64]
    """(B, T, N, 2) y, x of the upper left pixel"""


class Sprites(NamedTuple):
    """M small pictures in squares of P pixels, each in the upper left of its square."""

    ink: NDArray[np.float32]
    """(M, P, P) in [0, 1]"""
    sizes: NDArray[np.int64]
    """(M, 2) height, width"""


def shapes() -> Sprites:
    """The square, the triangle and the triangle upside down of the static and the flying shapes."""
    rows = [[[c == "#" for c in line] for line in art.split()] for art in (SQUARE, TRIANGLE)]
    pictures = [np.array(picture, np.float32) for picture in (*rows, rows[1][::-1])]
    side = max(max(picture.shape) for picture in pictures)
    ink = np.stack([np.pad(p, ((0, side - p.shape[0]), (0, side - p.shape[1]))) for p in pictures])
    return Sprites(ink, np.array([picture.shape for picture in pictures]))


@lru_cache(maxsize=8)
def digits(settings: DigitSettings, *, train: bool) -> Sprites:
    """Pictures of digits, shrunk. Where their number is given, training and test show the same ones.

    Raises SourceError if MNIST's files are not where the settings say or cannot be read.
    """
    every = settings.pictures is None and not train
    if settings.path is None:
        pictures = read_digits()
        half = len(pictures) * 5 // 6
        pictures = pictures[half:] if every else pictures[:half]
    else:
        name = "t10k-images*" if every else "train-images*"
        files = sorted(Path(settings.path).glob(name))
        if not files:
            raise SourceError(f"{settings.path}: no {name} of MNIST there; give its folder, or world.digits.path=null")
        pictures = read_digits(files[0])[:TRAINING_DIGITS]
    pictures = pictures[: settings.pictures]
    n, side = settings.shrink, pictures.shape[1] // settings.shrink
    blocks = pictures[:, : side * n, : side * n].reshape(-1, side, n, side, n).astype(np.float32)
    ink = blocks.mean((2, 4)) / 255
    return Sprites(ink, np.full((len(ink), 2), side))


def fly(world: WorldSettings, sizes: NDArray[np.int64], rng: np.random.Generator, *, batch: int, frames: int) -> Flight:
    """Straight flight, reflected where a sprite would leave the picture.

        p_t = L - |L - (p_0 + v t mod 2 L)|,   L = side - size

    so that the limits 0 and L are each shown for one frame, as in the authors' clips. Starts are uniform and may overlap.
    """
    fewest, most = world.objects
    which = rng.integers(0, len(sizes), (batch, most))
    limit = world.side_px - sizes[which]  # (B, N, 2)
    if limit.min() < 0:
        raise SettingsError(
            f"world.side_px {world.side_px}: smaller than what is to fly there; wanted {sizes.max()} or more"
        )
    start = rng.integers(0, limit + 1)
    speed = rng.integers(-world.speed_px, world.speed_px + 1, (batch, most, 2))
    count = rng.integers(fewest, most + 1, (batch, 1))
    t = np.arange(frames)[None, :, None, None]
    way = (start[:, None] + speed[:, None] * t) % np.maximum(2 * limit, 1)[:, None]
    corners = limit[:, None] - np.abs(limit[:, None] - way)
    return Flight(np.where(np.arange(most) < count, which, -1), corners)


def render(
    sprites: Sprites, flight: Flight, *, side: int, threshold: float, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Frames and groups of a flight: the brightest sprite shows, as OR does for black and white ones.

    threshold  a pixel is covered by a sprite whose ink there is above
    returns    frames (B, T, 1, H, W) float32; groups (B, T, H, W) uint8: 1 + n where sprite n alone covers the pixel, 0 on
               background and overlaps, which the papers do not score
    """
    batch, frames, count, _ = flight.corners.shape
    there = (flight.which >= 0)[..., None, None]
    patch = sent(sprites.ink[flight.which.clip(min=0)] * there.astype(np.float32), device)  # (B, N, P, P)
    corners = sent(flight.corners, device)
    reach = torch.arange(patch.shape[-1], device=device)
    y = (corners[..., 0, None] + reach).clamp(max=side - 1)  # (B, T, N, P); what is clamped has no ink
    x = (corners[..., 1, None] + reach).clamp(max=side - 1)
    at = (y[..., :, None] * side + x[..., None, :]).flatten(2)  # (B, T, N P P)
    ink = patch[:, None].expand(-1, frames, -1, -1, -1).flatten(2)
    covers = (ink > threshold).to(torch.int32)
    names = torch.arange(1, count + 1, dtype=torch.int32, device=device).repeat_interleave(patch.shape[-1] ** 2)
    empty = covers.new_zeros(batch, frames, side * side)
    covered, named = empty.scatter_add(2, at, covers), empty.scatter_add(2, at, covers * names)
    picture = ink.new_zeros(empty.shape).scatter_reduce(2, at, ink, "amax")
    groups = torch.where(covered == 1, named, 0).to(torch.uint8)
    return picture.view(batch, frames, 1, side, side), groups.view(batch, frames, side, side)
