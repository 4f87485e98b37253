"""Settings that every training of the two lane networks has. Imports no torch."""

from __future__ import annotations

from pydantic import Field

from tracker.types import MOST_SEED, Settings


class LoopSettings(Settings):
    """What `loop.train` reads; a network's own training settings are a subclass with defaults of its own."""

    seed: int = Field(0, ge=0, le=MOST_SEED)
    steps: int = Field(1000, ge=1, le=100_000_000)
    learning_rate: float = Field(1e-3, ge=1e-12, le=10)
    """peak; after a warm-up, a half cosine to a hundredth"""
    weight_decay: float = Field(1e-4, ge=0, le=10)
    clip_norm: float = Field(1.0, ge=1e-6, le=1e6)
    """largest norm of the gradient"""
    bfloat16: bool = True
    """mixed precision, where the chip multiplies bfloat16; there it is several times faster"""
    checkpoint_every: int = Field(100, ge=1, le=100_000_000)
    """steps between checkpoints, each with an evaluation on held-out clips"""
