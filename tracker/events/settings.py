"""What counts as an event."""

from __future__ import annotations

from pydantic import Field, model_validator

from tracker.types import Seconds, Settings


class EventSettings(Settings):
    """What counts as an event. Lengths are in sizes of an object, the square root of its box's area."""

    border_sizes: float = Field(0.3, ge=0, le=100)
    """how near the picture's border an object is at the border, in sizes"""
    grace_s: Seconds = 0.5
    """seconds an identity may be missing from the tracks and return; longer, and it has died"""
    occlusion_s: Seconds = 0.25
    """shortest occlusion, in seconds; what is shorter is flicker"""
    behind: float = Field(0.2, gt=0, le=1)
    """share of a hidden object's box that another's covers, from which it is said to be behind it"""
    meet: float = Field(0.3, gt=0, le=1)
    """share of the smaller box that lies in the other, from which two objects are together"""
    part: float = Field(0.1, ge=0, le=1)
    """share of the smaller box that lies in the other, below which two objects have parted"""
    alone_s: Seconds = 0.5
    """seconds two objects must have been apart, or each other's strangers, before they come together: pieces of one
    object have not"""
    together_s: Seconds = 0.3
    """shortest time together that is a merge, in seconds"""
    apart_s: Seconds = 0.3
    """shortest time apart that is a split, in seconds"""
    handover_s: Seconds = 1.0
    """longest time between one identity's end and the beginning of the one that may be the same object, in seconds"""
    handover_sizes: float = Field(1.5, gt=0, le=100)
    """farthest that one begins from where the other ended, in sizes"""
    in_view: float = Field(0.25, ge=0, le=1)
    """share of its box, moved on as it went, that must still be in the picture: what walked out hands over to nobody"""
    handover_growth: float = Field(2.5, ge=1, le=1e6)
    """largest ratio of their areas, or the reverse"""
    like_colour: float = Field(25.0, ge=0, le=1000)
    """largest difference of their mean colours, in grey levels"""
    exchange: float = Field(15.0, ge=0, le=1000)
    """how much better, in grey levels each, the colours of two that met must fit exchanged than kept"""
    settle_s: Seconds = 0.5
    """seconds after a meeting over which those colours are taken"""

    @model_validator(mode="after")
    def _parting_is_farther_than_meeting(self) -> EventSettings:
        if self.part > self.meet:
            raise ValueError(f"wanted part <= meet, got part {self.part} and meet {self.meet}")
        return self
