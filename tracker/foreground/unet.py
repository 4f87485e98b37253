"""The layers of the foreground network, written once for every way in which it is computed. Imports no torch."""

from __future__ import annotations

from typing import Protocol, TypeVar

T = TypeVar("T")

MULTIPLE_PX = 8
"""height and width that the network takes are multiples of this: three halvings"""


VALUES = (
    "enter_half.conv", "enter_quarter.conv", "mix_quarter.conv", "enter_eighth.conv", "mix_eighth.conv", "whole.mean", "whole.linear",
    "join_eighth.add", "join_eighth.conv", "to_quarter.linear", "join_quarter.add", "join_quarter.conv", "to_half.linear",
    "join_half.add", "join_half.conv", "answer.linear",
)  # fmt: skip
"""names of the values between layers, in order"""


class Operations(Protocol[T]):
    """What the network is made of. A layer's numbers, and how values are stored between layers, are found by its name."""

    def conv(self, name: str, x: T) -> T:
        """A convolution, then max(0, .)."""
        ...

    def linear(self, name: str, x: T) -> T:
        """A 1 x 1 convolution."""
        ...

    def add(self, name: str, x: T, y: T) -> T:
        """The sum, of y at one place everywhere if it has one place only."""
        ...

    def mean(self, name: str, x: T) -> T:
        """The mean over all places."""
        ...

    def twice(self, x: T) -> T:
        """Each place becomes 2 x 2 of them."""
        ...

    def unfold(self, x: T) -> T:
        """Four channels become one of twice the size, row by row."""
        ...


def unet(do: Operations[T], features: T) -> T:
    """Features (B, CHANNELS, H, W) to logits (B, 1, H, W) of "belongs to an object"; H and W are multiples of MULTIPLE_PX.

    A small U-net (Ronneberger et al. 2015) that begins at half the size; its sums stand where others concatenate, which is faster and
    no worse here.
    """
    half = do.conv("enter_half", features)  # (B, C, H/2, W/2)
    quarter = do.conv("mix_quarter", do.conv("enter_quarter", half))
    eighth = do.conv("mix_eighth", do.conv("enter_eighth", quarter))
    # the mean of the picture: a flicker of the light is everywhere at once
    eighth = do.add("join_eighth", eighth, do.linear("whole", do.mean("whole", eighth)))
    eighth = do.conv("join_eighth", eighth)
    quarter = do.conv("join_quarter", do.add("join_quarter", quarter, do.twice(do.linear("to_quarter", eighth))))
    half = do.conv("join_half", do.add("join_half", half, do.twice(do.linear("to_half", quarter))))
    return do.unfold(do.linear("answer", half))
