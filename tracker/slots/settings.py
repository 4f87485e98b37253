"""Settings of the neural lane: the cell, its likelihoods, its training. Imports no torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from tracker.learning.settings import LoopSettings
from tracker.types import (
    SMALL_PX,
    USUAL_AREA,
    USUAL_GAP,
    Auto,
    AutoWorking,
    Probability,
    Seconds,
    Settings,
    Share,
    Working,
)


class CellSettings(Settings):
    """Shape of the recurrent cell. Written into the weights file; a network is rebuilt from these."""

    grid_px: int = Field(24, ge=8, multiple_of=4, le=96)
    """side P of a slot's canonical grid"""
    features: int = Field(32, ge=4, multiple_of=4, le=512)
    """channels of the convolutions"""
    hidden: int = Field(16, ge=1, le=512)
    """recurrent channels on the grid"""
    motion: int = Field(64, ge=1, le=4096)
    """size of the recurrent motion vector"""


class MixtureModelSettings(Settings):
    """The pixel model of the E-step; training and tracking must use the same (but for `hidden_below`), so it travels with the weights."""

    colour_sigma: float = Field(0.17, ge=0.001, le=10)
    """standard deviation of a slot's colour, of 1; wide, since the three channels move together"""
    colour_reach: float = Field(3.5, ge=0.01, le=100)
    """standard deviations at which the colour penalty stops growing"""
    object_verdicts: tuple[Probability, Probability, Probability] = (0.14, 0.08, 0.78)
    """P(background, unsure, foreground verdict of the scene | an object's pixel)"""
    background_verdicts: tuple[Probability, Probability, Probability] = (0.88, 0.09, 0.03)
    """the same for a background pixel"""
    hidden_below: float = Field(0.2, ge=0, le=1)
    """in training, a slot that is responsible for less than this share of its mask is hidden: it predicts and does not learn; the lane
    has `life.hidden_below`"""


class NetworkSettings(Settings):
    """What a weights file holds beside its numbers."""

    cell: CellSettings = CellSettings()
    pixels: MixtureModelSettings = MixtureModelSettings()


class CellTrainSettings(LoopSettings):
    """How the cell is trained. One step is one batch of drawn clips, unrolled once."""

    steps: int = Field(2400, ge=1, le=100_000_000)
    batch: int = Field(12, ge=1, le=4096)
    """clips a step"""
    slots: int = Field(5, ge=1, le=256)
    """slots a clip; objects beyond that stay unexplained"""
    lengths: tuple[tuple[Share, Annotated[int, Field(ge=2, le=10_000)]], ...] = Field(
        ((0.0, 6), (0.2, 10), (0.5, 16)), min_length=1, max_length=100
    )
    """curriculum: (from this share of the steps on, frames a clip)"""
    learning_rate: float = Field(1.5e-3, ge=1e-12, le=10)
    """peak; a hundred steps of warm-up, then a half cosine to a hundredth"""
    behind_weight: float = Field(0.2, ge=0, le=1)
    """inter-cluster weight of pixels that belong to another slot: low, since an object may well continue behind that one"""
    network: NetworkSettings = NetworkSettings()

    @field_validator("lengths")
    @classmethod
    def _begins_at_the_start(cls, lengths: tuple[tuple[float, int], ...]) -> tuple[tuple[float, int], ...]:
        starts = [start for start, _ in lengths]
        if starts[0] != 0 or starts != sorted(starts):
            raise ValueError("wanted lengths that begin at 0.0 and rise")
        return lengths


class LifeSettings(Settings):
    """When a slot begins, is hidden, returns and ends. Times in seconds, lengths in shares of the picture or of the object.

    What says "seen" counts evidence: a frame gives 0.04 s of it at most, so a slow clip is asked for as many looks as one of 25
    frames a second, and a fast one for as many seconds.
    """

    min_area: Share | Auto = "auto"
    """smallest unexplained foreground that may become a slot, as a share of the picture; auto: 0.0004, or less where what moves is
    smaller"""
    close_height: Share | Auto = "auto"
    """gaps up to this high, in picture heights, are closed before foreground is cut into blobs; auto: 0.015, or less where what
    moves is low"""
    bridge_height: float = Field(0.1, ge=0, le=1)
    """the same where the mixture sees shadow in the gap"""
    fragment: float = Field(0.6, ge=0, le=1000)
    """unclaimed foreground within a slot's reach that is smaller than this share of it is a fragment of it; larger, a birth"""
    growth: float = Field(2.5, ge=1, le=1e9)
    """a blob this many times the area of a slot whose size is known has another object in it"""
    crowded_s: Seconds = 0.24
    """seconds for which such a slot counts as merged with an unknown object; if none is found by then, the blob is all the slot's"""
    merge_growth: float = Field(1.2, ge=1, le=1e9)
    """a blob this many times the largest of the slots in it holds them all; in a smaller one the others are occluded"""
    grow_s: Seconds = 0.6
    """seconds a slot must have been isolated until its size and shape count as known"""
    found_s: Seconds = 0.24
    """seconds a slot must have been isolated to count as an object beside others in one blob; less, and it is a fragment of them"""
    outgrown: float = Field(4.0, ge=1, le=1e9)
    """a blob so many times all the known slots in it is one object of which they are fragments"""
    confirm_s: Seconds = 0.12
    """seconds a slot must be seen before it is given an identity"""
    young_s: Seconds = 0.12
    """seconds a slot without identity may be unseen"""
    hidden_s: Seconds = 3.0
    """seconds a slot with an identity may be unseen, away from the border; over a longer gap between two frames all end"""
    hidden_below: float = Field(0.25, ge=0, le=1)
    """a slot that owns less foreground than this share of its usual area is hidden"""
    revive_sizes: float = Field(2.0, ge=0, le=1000)
    """a birth within so many sizes of where a hidden slot should be, and of its colour, is that slot coming back"""
    supported: float = Field(0.6, ge=0, le=1000)
    """a merged slot that owns less of its usual area may be the new slot that comes out of the group"""
    same_colour: float = Field(0.15, ge=0, le=1)
    """largest difference of mean colour, of 1, between a hidden slot and its return"""
    part_s: Seconds = 0.12
    """seconds that two pieces side by side must be seen before they are two objects: three frames at 25 a second"""
    same: float = Field(0.7, gt=0, le=1)
    """two slots one of which covers this share of the other are one object seen twice; the younger ends"""
    inside_s: Seconds = 0.8
    """seconds a slot must be seen inside an older one to be held to be the same object"""
    flood: float = Field(0.1, gt=0, le=1)
    """if more than this share of a frame is foreground it may be the light: if the scene's edges are still there, it is learned at
    once. An object hides them"""
    still_s: Seconds = 6.0
    """seconds after which, without a prescan, a slot that has never moved is given back to the background"""

    @property
    def closed_height(self) -> float:
        """`close_height`, where nothing was measured: the usual one for auto."""
        return USUAL_GAP if self.close_height == "auto" else self.close_height

    @property
    def least_area(self) -> float:
        """`min_area`, where nothing was measured: the usual one for auto."""
        return USUAL_AREA if self.min_area == "auto" else self.min_area


class SlotsSettings(Settings):
    """The neural lane at work."""

    weights: str = "street"
    """name of a shipped network, or path of a .safetensors file"""
    working_width: AutoWorking = "auto"
    """pixels; wider frames are worked on at this width, narrower ones as they are; full: never resized; auto: 640, or more where
    what moves is small"""
    max_slots: int = Field(64, ge=1, le=1024)
    """objects at a time; births beyond that wait"""
    boxes: Literal["whole", "visible"] = "whole"
    """whole: round the object, hidden parts included where much is hidden; visible: round its pixels that are seen"""
    life: LifeSettings = LifeSettings()

    @property
    def width(self) -> Working:
        """`working_width`, where nothing was measured: the usual one for auto."""
        return SMALL_PX if self.working_width == "auto" else self.working_width
