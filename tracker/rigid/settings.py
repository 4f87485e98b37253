"""Settings of the closed-form tracker."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tracker.types import Seconds, Settings

Sharing = Literal["over", "sum"]
BoxSide = Annotated[float, Field(gt=0, le=16_384)]
"""pixels"""


class RigidSettings(Settings):
    """Slots that neither turn nor bend, on a scene that is known exactly. Light is from 0 to 1."""

    share: Sharing = "over"
    """over: one slot explains a pixel alone, the others are behind it; sum: their light adds up"""
    box_px: tuple[BoxSide, BoxSide] | None = None
    """(width, height) of every object's box, laid round its centre of light; null: round what was seen of it"""
    reach_px: int = Field(7, ge=0, le=16_384)
    """pixels an object may go in one frame, before its speed is known"""
    ink: float = Field(0.3, gt=0, le=1)
    """what differs by more from all that was expected is foreground"""
    least_px: int = Field(20, ge=1, le=100_000_000)
    """pixels of the smallest object"""
    largest_px: int = Field(28, ge=1, le=16_384)
    """the longer side of the largest object: what is larger is two"""
    thin_px: int = Field(1, ge=1, le=16_384)
    """pieces thinner than this are the rims of something; 1: none are"""
    fragment: float = Field(0.5, ge=0, le=1000)
    """sum: an unexplained piece beside a slot never seen whole is a part of it if smaller than this share; larger, a birth"""
    slack_px: int = Field(4, ge=0, le=16_384)
    """gap between a slot and a piece of it"""
    hidden_s: Seconds = 0.48
    """seconds a slot may be wholly behind others; over a longer gap between two frames all slots end"""
    amodal: bool = False
    """whether a slot wholly behind others counts as found where it was predicted"""
