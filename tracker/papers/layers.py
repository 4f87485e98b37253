"""The papers' encoders and decoders (N-EM, appendix; R-NEM, appendix), layer by layer as the authors' code has them.

Weights are Glorot uniform, biases 0. Layer norm of a picture takes its statistics over all of C, H and W and has one scale and
offset a channel, which is a group norm of one group.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from tracker.papers.settings import NetSettings

NORM_EPSILON = 1e-12
"""TensorFlow 1's"""


def linear(inputs: int, outputs: int, *, bias: bool = True) -> nn.Linear:
    """A linear layer that begins as the papers' do."""
    layer = nn.Linear(inputs, outputs, bias=bias)
    nn.init.xavier_uniform_(layer.weight)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


def vector_norm(size: int) -> nn.LayerNorm:
    """Layer norm of (..., size), a scale and offset each."""
    return nn.LayerNorm(size, eps=NORM_EPSILON)


def picture_norm(channels: int) -> nn.GroupNorm:
    """Layer norm of (N, C, H, W)."""
    return nn.GroupNorm(1, channels, eps=NORM_EPSILON)


def down(inputs: int, outputs: int) -> nn.Sequential:
    """(N, inputs, H, W) -> (N, outputs, H / 2, W / 2): 4 x 4 with stride 2, layer norm, ELU."""
    convolution = nn.Conv2d(inputs, outputs, 4, stride=2, padding=1)
    nn.init.xavier_uniform_(convolution.weight)
    nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
    return nn.Sequential(convolution, picture_norm(outputs), nn.ELU())


class Up(nn.Module):
    """(N, inputs, H, W) -> (N, outputs, 2H, 2W): nearest neighbours, then 4 x 4 with TensorFlow's SAME padding.

    Every 2 x 2 output pixels see 3 x 3 different inputs, so that both are one 3 x 3 convolution to 4 x outputs channels, laid out
    as pixels: the same numbers for half the work and without the enlarged picture.
    """

    spread: Tensor
    """(16, 36) from the taps of a 4 x 4 kernel to those of the four 3 x 3 kernels"""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(outputs, inputs, 4, 4)))
        self.bias = nn.Parameter(torch.zeros(outputs))
        # [output row of the two, input row of the three, row of the kernel]; one row and column of padding before, two after
        rows = torch.tensor([[[1, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1]], [[0, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1]]])
        spread = torch.einsum("auk,bvl->klabuv", rows, rows).reshape(16, 36).float()
        self.register_buffer("spread", spread, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        outputs, inputs = self.weight.shape[:2]
        weight = (self.weight.flatten(2) @ self.spread).view(outputs, inputs, 4, 9).transpose(1, 2)
        bias = self.bias.repeat_interleave(4)
        small = functional.conv2d(x, weight.reshape(4 * outputs, inputs, 3, 3), bias, padding=1)
        return functional.pixel_shuffle(small, 2)


class ToPicture(nn.Module):
    """(N, H W C) -> (N, C, H, W), channels last in memory, as TensorFlow has it: a view, and what convolutions are fastest on."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.shape = (side, side, channels)

    def forward(self, x: Tensor) -> Tensor:
        return x.view(-1, *self.shape).permute(0, 3, 1, 2)


class FromPicture(nn.Module):
    """(N, C, H, W) -> (N, H W C), a view where channels are last in memory."""

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1).flatten(1)


class Standardise(nn.Module):
    """(N, C, H, W) less its mean, divided by its standard deviation; over C, H and W."""

    def __init__(self, floor: float) -> None:
        super().__init__()
        self.floor = floor

    def forward(self, x: Tensor) -> Tensor:
        variance, mean = torch.var_mean(x, (1, 2, 3), correction=0, keepdim=True)
        return (x - mean) * torch.rsqrt(variance + self.floor)


def encoder(settings: NetSettings, side: int) -> tuple[nn.Module, int]:
    """(N, 1, side, side) -> (N, features), and how many features."""
    if settings.trunk == "full":
        return nn.Flatten(), side * side
    widths = {"shapes": (32, 64), "digits": (32, 64, 128), "balls": (16, 32, 64)}[settings.trunk]
    first = [Standardise(settings.standardise_floor)] if settings.trunk == "digits" else []
    convolutions = [down(a, b) for a, b in zip((1, *widths), widths, strict=False)]
    flat = widths[-1] * (side >> len(widths)) ** 2
    return nn.Sequential(*first, *convolutions, FromPicture(), linear(flat, 512), vector_norm(512), nn.ELU()), 512


def decoder(settings: NetSettings, side: int) -> nn.Module:
    """(N, hidden) -> (N, 1, side, side), before the sigmoid of binary pixels."""
    if settings.trunk == "full":
        return nn.Sequential(linear(settings.hidden, side * side), nn.Unflatten(1, (1, side, side)))
    widths = {"shapes": (64, 32), "digits": (128, 64, 32), "balls": (64, 32, 16)}[settings.trunk]
    small = side >> len(widths)
    flat = widths[0] * small * small
    return nn.Sequential(
        *(linear(settings.hidden, 512), vector_norm(512), nn.ReLU()),
        *(linear(512, flat), vector_norm(flat), nn.ReLU(), ToPicture(widths[0], small)),
        *(layer for a, b in pairwise(widths) for layer in (Up(a, b), picture_norm(b), nn.ReLU())),
        Up(widths[-1], 1),
    )
