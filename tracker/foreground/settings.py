"""Settings of the network that reads the scene: its shape, its training, its use. Imports no torch."""

from __future__ import annotations

import warnings
from typing import Annotated

from pydantic import Field, field_validator

from tracker.learning.settings import LoopSettings
from tracker.types import Auto, Settings, Share

OLD_NAME = "ground"
"""of the shipped network; works until the release after the next, with a warning"""

USUAL_SIDE_PX = 288
"""of the square that the network is shown: what people and cars need, on the drawn clips it learned from"""

Channels = Annotated[int, Field(ge=1, le=512)]


class ForegroundNetSettings(Settings):
    """Shape of the network that reads the scene. Written into its weights file."""

    features: tuple[Channels, Channels, Channels] = (24, 40, 64)
    """channels at a half, a quarter and an eighth of the size"""


class ForegroundTrainSettings(LoopSettings):
    """How that network is trained. One step is one batch of frames, taken at random from the latest drawn clips."""

    steps: int = Field(12000, ge=1, le=100_000_000)
    batch: int = Field(24, ge=1, le=4096)
    """frames a step"""
    clips: int = Field(3, ge=1, le=1000)
    """clips a draw"""
    frames: int = Field(24, ge=4, le=10_000)
    """frames a clip; every third is learned from, none of them the first"""
    repeats: int = Field(2, ge=1, le=10_000)
    """steps between two draws"""
    kept_draws: int = Field(48, ge=1, le=10_000)
    """the latest draws, from which batches are taken"""
    begin: str | None = None
    """weights to begin with: the name of a shipped network, or a path; None: random ones"""
    begin_share: Share = 0.0
    """weight of those in what is saved, beside the trained ones: their mean is better on real pictures than either"""
    rounded_from: Share = 0.8
    """from this share of the steps on the network computes in whole numbers, as it will at work; 1: never, and no graph is written"""
    learning_rate: float = Field(2e-3, ge=1e-12, le=10)
    """peak; two hundred steps of warm-up, then a half cosine to a hundredth"""
    cycles: int = Field(1, ge=1, le=1000)
    """how often that cosine is run, each after the first from half the peak of the one before"""
    checkpoint_every: int = Field(250, ge=1, le=100_000_000)
    """steps between checkpoints, each with an evaluation on held-out clips"""
    net: ForegroundNetSettings = ForegroundNetSettings()


class ForegroundSettings(Settings):
    """The network that reads the scene, at work."""

    weights: str = "foreground"
    """name of a shipped network, or path of a .safetensors file"""
    network: bool | Auto = "auto"
    """ask the network; no: take the mixture's verdict, as `foreground: null` does; auto: yes, unless all that moves is of one size and
    darker, or lighter, than the ground, which the mixture finds by itself"""
    side_px: Annotated[int, Field(ge=32, le=8192)] | Auto = "auto"
    """it is shown at most a square of this side, or any picture of that area: 384 x 216; auto: 288, or more where what moves is
    small"""
    sure: tuple[Share, Share] = (0.15, 0.3)
    """probability of an object below which a pixel is background, and above which it is foreground; unsure between"""

    @property
    def shown_px(self) -> int:
        """`side_px`, where nothing was measured: the usual one for auto."""
        return USUAL_SIDE_PX if self.side_px == "auto" else self.side_px

    @field_validator("weights")
    @classmethod
    def _renamed(cls, weights: str) -> str:
        if weights != OLD_NAME:
            return weights
        warnings.warn(
            f"foreground.weights: the shipped network {OLD_NAME} is now foreground", FutureWarning, stacklevel=2
        )
        return "foreground"

    @field_validator("sure")
    @classmethod
    def _rises(cls, sure: tuple[float, float]) -> tuple[float, float]:
        if sure[0] > sure[1]:
            raise ValueError(f"wanted low <= high, got {list(sure)}")
        return sure
