"""Arithmetic whose results are the same on every processor, for a cell that is in use.

Processors with other instructions add the terms of a sum in another order, which changes the last bits of a rounded sum. Sums of whole
numbers are exact in float32 while no part of them reaches 2^24, in any order. So the values that enter a convolution are rounded to a
`Grid`, and each output channel's weights to the finest power of two with which no part of its sum can reach 2^24 steps. The convolutions
themselves are the usual ones. Layers of vectors are so small that they can be computed in float64, which has room for finer steps.

Single operations (+, -, *, /, square root) are correctly rounded everywhere (IEEE 754). sigmoid, tanh and x sigmoid(x) are not: libraries
differ in the last bits. Both their arguments and their values are rounded, and no value of theirs at any argument is within `MARGIN` of
the middle between two steps, so that all libraries round it to the same step; tests/slots/test_exact.py goes through all arguments.

Moments and functions of a pose are taken in float64 and then rounded. Two processors could still differ there if a value lay within
about 1e-15 of the middle between two steps.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from tracker.errors import WeightsError

EXACT_BITS = 24
"""whole numbers up to two to the power of this are exact in a float32"""
WIDE_BITS = 24
"""after the point that are kept of weights in float64, whose sums then have 53 - 24 bits for values and their number"""
MOST_STEPS = 2**11
"""in a weight of a convolution, as in a value: products are then exact in the 11 bits of TF32 too, in which cards multiply"""
LEAST_STEPS = 6
"""in the largest weight of a channel: with fewer, the rounded weights are not those that were trained"""
MARGIN = 2e-6
"""least distance of a function's value from the middle between two steps: ten times what libraries are off there"""


class Grid(NamedTuple):
    """The multiples of 2^-bits from low to high."""

    bits: int
    low: float
    high: float


SIGMOID, SIGMOID_BITS = Grid(6, -8.0, 8.0), 9
"""arguments, and values"""
TANH, TANH_BITS = Grid(7, -5.0, 5.0), 8
"""arguments, and values"""
SILU_LOW = -16.0
"""least argument of x sigmoid(x), which rounds to 0 there; its values are rounded as its arguments are"""


class Floating:
    """What the cell computes with while it is trained: nothing is rounded."""

    def stored(self, x: Tensor, grid: Grid) -> Tensor:
        """What enters a layer of x."""
        return x

    def rounded(self, x: Tensor, bits: int) -> Tensor:
        """x to so many bits after the point."""
        return x

    def wide(self, x: Tensor) -> Tensor:
        """x in the type in which few numbers are computed."""
        return x.float()

    def sigmoid(self, x: Tensor) -> Tensor:
        return torch.sigmoid(x)

    def tanh(self, x: Tensor) -> Tensor:
        return torch.tanh(x)

    def silu(self, x: Tensor, grid: Grid) -> Tensor:
        """x sigmoid(x), on the grid."""
        return nn.functional.silu(x)

    def norm(self, x: Tensor, layer: nn.GroupNorm) -> Tensor:
        normed: Tensor = layer(x)
        return normed


class Exact(Floating):
    """The same for layers that `round_layer` rounded."""

    def stored(self, x: Tensor, grid: Grid) -> Tensor:
        return self.rounded(x.clamp(grid.low, grid.high), grid.bits)

    def rounded(self, x: Tensor, bits: int) -> Tensor:
        # a float32 of the size of `large` has steps of 2^-bits: the addition rounds, the subtraction is exact; half the time of round()
        large = 1.5 * 2.0 ** (EXACT_BITS - 1 - bits)
        return (x.float() + large) - large

    def wide(self, x: Tensor) -> Tensor:
        return x.double()

    def sigmoid(self, x: Tensor) -> Tensor:
        return self.rounded(torch.sigmoid(self.stored(x, SIGMOID)), SIGMOID_BITS)

    def tanh(self, x: Tensor) -> Tensor:
        return self.rounded(torch.tanh(self.stored(x, TANH)), TANH_BITS)

    def silu(self, x: Tensor, grid: Grid) -> Tensor:
        x = self.stored(x, grid._replace(low=SILU_LOW))
        return self.rounded(x * torch.sigmoid(x), grid.bits)

    def norm(self, x: Tensor, layer: nn.GroupNorm) -> Tensor:
        # x is a sum of steps. Sums of x and of its square are exact in float64, which has 53 bits, while the root mean square of a group
        # is below 2 (after `enter`) and 8 (after `mix`) in the cell that ships: surely where |x| is. Drawn streets reach .5 and .9
        groups = x.double().reshape(x.shape[0], layer.num_groups, -1)
        mean, square = (part.sum(-1) / groups.shape[-1] for part in (groups, groups * groups))
        scale = 1 / (square - mean * mean + layer.eps).sqrt()
        weight, bias = (part.double().reshape(1, layer.num_groups, -1) for part in (layer.weight, layer.bias))
        factor = weight * scale[..., None]
        shift = bias - mean[..., None] * factor
        places = (x.shape[0], x.shape[1], 1, 1)
        return x * factor.float().reshape(places) + shift.float().reshape(places)


def round_layer(layer: nn.Conv2d, entering: Grid, *, name: str) -> None:
    """Round weights and bias in place: sums over values of the grid `entering` are then exact in float32.

    Raises WeightsError where too little of the weights would be left.
    """
    assert layer.bias is not None
    with torch.no_grad():
        rows, offset = layer.weight.double().flatten(1), layer.bias.double()
        largest = rows.abs().amax(1)
        bits = torch.floor(torch.log2(MOST_STEPS / largest.clamp(min=2.0**-EXACT_BITS)))
        limit = 2.0 ** (EXACT_BITS - entering.bits)
        while bool((over := _largest_parts(_rounded(rows, bits), offset, entering) * 2.0**bits > limit).any()):
            bits = bits - over.double()
        if bool(((largest > 0) & (largest * 2.0**bits < LEAST_STEPS)).any()):
            raise WeightsError(
                f"{name}: sums of {rows.shape[1]} weights cannot be exact; train a cell with fewer features"
            )
        layer.weight.copy_(_rounded(rows, bits).view_as(layer.weight))
        layer.bias.copy_(_rounded(offset[:, None], bits + entering.bits)[:, 0])


def widen(layer: nn.Module) -> None:
    """Bring a layer of vectors to float64 in place, rounded: sums over values of a grid are then exact."""
    layer.double()
    with torch.no_grad():
        for part in layer.parameters():
            part.copy_(torch.round(part * 2.0**WIDE_BITS) / 2.0**WIDE_BITS)


def _largest_parts(rows: Tensor, offset: Tensor, entering: Grid) -> Tensor:
    """(out,) the largest size of any part of a sum of weights (out, in) times values of the grid, and an offset (out,)."""
    positive, negative = rows.clamp(min=0).sum(1), (-rows).clamp(min=0).sum(1)
    up = positive * entering.high - negative * entering.low
    down = negative * entering.high - positive * entering.low
    return torch.maximum(up, down) + offset.abs()


def _rounded(rows: Tensor, bits: Tensor) -> Tensor:
    step = 2.0 ** -bits[:, None]
    return torch.round(rows / step) * step
