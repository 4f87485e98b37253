"""Arithmetic that gives the same numbers on every processor.

Processors with other instructions add the terms of a sum in another order, which changes the last bits of a rounded sum. A sum of whole
numbers is exact in float32 while no part of it reaches 2^24, and then its order does not matter. So values that enter a layer are
rounded to multiples of a power of two within bounds, and each output channel's weights to multiples of the smallest power of two with
which no part of the sum can reach 2^24 units. The layers run on float32 as before.

What remains is sigmoid, tanh and x sigmoid(x), which libraries approximate to about 1e-6. Their arguments and their values are both
rounded, to steps for which no argument has a value within `MARGIN` of the middle between two steps: whoever computes them rounds to the
same step. A test goes through all arguments. Single operations (+, -, *, /, square root) are correctly rounded by IEEE 754.

Where there are few numbers (poses, sums of a group), functions and sums are taken in float64 and then rounded; two processors would
differ there only if a value were within 1e-15 of the middle between two steps.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from tracker.errors import WeightsError

EXACT_BITS = 24
"""a float32 holds all whole numbers below two to the power of this"""
LEAST_STEPS = 8
"""in the largest weight of a channel: with fewer the rounded weights are not those that were trained"""
MOST_BITS = 20
"""of a weight's fraction, where the sum would allow more"""
MARGIN = 1.5e-6
"""least distance of a function's value from the middle between two steps"""


class Grid(NamedTuple):
    """Multiples of 2^-bits from low to high."""

    bits: int
    low: float
    high: float


GATES = Grid(6, -8.0, 8.0)
"""arguments of sigmoid"""
SHARES = Grid(9, 0.0, 1.0)
"""values of sigmoid"""
TURNS = Grid(7, -5.0, 5.0)
"""arguments of tanh"""
TURNED = Grid(8, -1.0, 1.0)
"""values of tanh"""
LEAST_SILU = -16.0
"""x sigmoid(x) is 0 on every grid at this x and below"""


class Floating:
    """Operations of the cell as it is trained: nothing is rounded."""

    def stored(self, x: Tensor, grid: Grid) -> Tensor:
        """What is kept of a value that enters a sum."""
        return x

    def rounded(self, x: Tensor, grid: Grid) -> Tensor:
        """`stored` for a value that is within the bounds."""
        return x

    def wide(self, x: Tensor) -> Tensor:
        """In the type in which few numbers are computed."""
        return x.float()

    def sigmoid(self, x: Tensor) -> Tensor:
        return torch.sigmoid(x)

    def tanh(self, x: Tensor) -> Tensor:
        return torch.tanh(x)

    def silu(self, x: Tensor, grid: Grid) -> Tensor:
        """x sigmoid(x), stored."""
        return nn.functional.silu(x)

    def norm(self, x: Tensor, layer: nn.GroupNorm) -> Tensor:
        normed: Tensor = layer(x)
        return normed


class Exact(Floating):
    """The same, rounded as the file says; layers are those of `round_layer`."""

    def stored(self, x: Tensor, grid: Grid) -> Tensor:
        return self.rounded(x.clamp(grid.low, grid.high), grid)

    def rounded(self, x: Tensor, grid: Grid) -> Tensor:
        # a float32 of this size has steps of 2^-bits: the addition rounds, half to even, and the subtraction is exact
        coarse = 1.5 * 2.0 ** (EXACT_BITS - 1 - grid.bits)
        return (x.float() + coarse) - coarse

    def wide(self, x: Tensor) -> Tensor:
        return x.double()

    def sigmoid(self, x: Tensor) -> Tensor:
        return self.rounded(torch.sigmoid(self.stored(x, GATES)), SHARES)

    def tanh(self, x: Tensor) -> Tensor:
        return self.rounded(torch.tanh(self.stored(x, TURNS)), TURNED)

    def silu(self, x: Tensor, grid: Grid) -> Tensor:
        x = self.stored(x, grid._replace(low=LEAST_SILU))
        return self.rounded(x * torch.sigmoid(x), grid)

    def norm(self, x: Tensor, layer: nn.GroupNorm) -> Tensor:
        # x lies on a grid, so that its sums in float64 are exact, and those of its squares unless they are very large
        groups = x.double().reshape(x.shape[0], layer.num_groups, -1)
        count = groups.shape[-1]
        mean, square = groups.sum(-1) / count, (groups * groups).sum(-1) / count
        scale = 1 / (square - mean * mean + layer.eps).sqrt()
        by_group = (1, layer.num_groups, -1)
        factor = layer.weight.double().reshape(by_group) * scale[..., None]
        shift = layer.bias.double().reshape(by_group) - mean[..., None] * factor
        size = (x.shape[0], x.shape[1], 1, 1)
        return x * factor.float().reshape(size) + shift.float().reshape(size)


def round_layer(weight: Tensor, bias: Tensor | None, entering: Grid, *, name: str) -> None:
    """Round weights (out, ...) and bias (out,) in place, so that sums over values of the grid `entering` are exact.

    Raises WeightsError where that would leave too little of the weights.
    """
    with torch.no_grad():
        for n, row in enumerate(weight):
            offset = 0.0 if bias is None else float(bias[n])
            bits = _weight_bits(row, offset, entering)
            if 0 < float(row.abs().max()) < LEAST_STEPS * 2.0**-bits:
                raise WeightsError(
                    f"{name}: the sums of a channel with {row.numel()} weights cannot be exact; train a cell with fewer features or"
                    " a smaller grid"
                )
            row.copy_(_rounded(row, bits))
            if bias is not None:
                bias[n] = _rounded(bias[n].double(), bits + entering.bits)


def _weight_bits(row: Tensor, offset: float, entering: Grid) -> int:
    """The most fractional bits of a channel's weights with which no part of its sum reaches 2^24 units."""
    bits = MOST_BITS
    while _largest_part(_rounded(row, bits), abs(offset), entering) >= 2.0 ** (EXACT_BITS - entering.bits - bits):
        bits -= 1
    return bits


def _largest_part(row: Tensor, offset: float, entering: Grid) -> float:
    """The largest size that any part of a channel's sum can have."""
    up, down = float(row.double().clamp(min=0).sum()), float((-row.double()).clamp(min=0).sum())
    return max(up * entering.high - down * entering.low, down * entering.high - up * entering.low) + offset


def _rounded(x: Tensor, bits: int) -> Tensor:
    return torch.round(x * 2.0**bits) / 2.0**bits
