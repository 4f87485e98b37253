"""The foreground network as it is trained: in floating point, then in what whole numbers stand for.

Between two layers a value x is stored as q = clip(round(x / 2^e) + zero, 0, 255), with an exponent e and a zero of its own; weights are
whole numbers from -63 to 63 times a scale of their output channel. Training computes with what these stand for, and lets gradients pass
through the rounding (Jacob et al. 2018, Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference).

7 bits, not 8: two products of a weight and a value then fit into the 16 bits in which chips without VNNI instructions add them. Powers
of two: sums of two values are exact. So every chip gives the same answer.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from tracker.foreground.features import CHANNELS, UNITS
from tracker.foreground.settings import ForegroundNetSettings
from tracker.foreground.unet import VALUES, unet

MOST_WEIGHT = 63
"""of a weight, in steps"""
MOST_VALUE = 255
"""of a stored value"""
OUTLIERS = 1e-5
"""share of the values at either end of a range that may be clipped"""
ANSWER, ANSWER_STEPS = "answer.linear", (-4, 128)
"""logits are certain enough at 8 either way, and a sixteenth is at most a step of .016 in probability"""
FIRST = "enter_half"
"""the layer that is given the features"""
SAMPLED = 200_000
"""values of a layer from which its range is found"""


class Steps(NamedTuple):
    """How a value between two layers is stored."""

    exponent: int
    """of the value's unit, a power of two"""
    zero: int
    """what stands for 0"""

    @property
    def unit(self) -> float:
        """What one step is."""
        return float(2.0**self.exponent)


class ForegroundNet(nn.Module):
    """Features (B, CHANNELS, H, W), as `features.as_numbers` gives them, to logits (B, 1, H, W): `unet.unet`.

    In floating point until `calibrate` has chosen exponents and zeros.
    """

    def __init__(self, settings: ForegroundNetSettings) -> None:
        super().__init__()
        self.settings = settings
        half, quarter, eighth = settings.features
        self.enter_half, self.enter_quarter, self.enter_eighth = (
            _conv(CHANNELS, half, 2),
            _conv(half, quarter, 2),
            _conv(quarter, eighth, 2),
        )
        self.mix_quarter, self.mix_eighth, self.join_eighth = (
            _conv(quarter, quarter), _conv(eighth, eighth), _conv(eighth, eighth),
        )  # fmt: skip
        self.whole = nn.Linear(eighth, eighth)
        self.to_quarter, self.join_quarter = nn.Conv2d(eighth, quarter, 1), _conv(quarter, quarter)
        self.to_half, self.join_half = nn.Conv2d(quarter, half, 1), _conv(half, half)
        self.answer = nn.Conv2d(half, 4, 1)
        self.steps: Tensor
        """(VALUES, 2) exponent and zero of each value between layers; all 0: not rounded"""
        self.register_buffer("steps", torch.zeros(len(VALUES), 2))

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        return unet(_Rounded(self) if self.calibrated else _Float(self), features)

    @property
    def calibrated(self) -> bool:
        """Whether values are rounded."""
        return bool(self.steps.any())

    def steps_of(self, name: str) -> Steps:
        """How the value of that name is stored."""
        exponent, zero = self.steps[VALUES.index(name)].tolist()
        return Steps(int(exponent), int(zero))

    def calibrate(self, features: Tensor) -> None:
        """Choose exponents and zeros by the values that the weights make of some features."""
        seen = _Watching(self)
        with torch.no_grad():
            unet(seen, features)
        for n, name in enumerate(VALUES):
            low, high = seen.ranges[name]
            exponent = int(np.ceil(np.log2(max(high - min(low, 0.0), 1e-6) / MOST_VALUE)))
            zero = int(np.clip(round(-min(low, 0.0) / 2.0**exponent), 0, MOST_VALUE))
            self.steps[n] = torch.tensor([exponent, zero])
        self.steps[VALUES.index(ANSWER)] = torch.tensor(ANSWER_STEPS)

    def layer(self, name: str) -> tuple[Tensor, Tensor, int]:
        """Weight (out, in, height, width), bias (out,) and stride of a layer."""
        module = getattr(self, name)
        if isinstance(module, nn.Sequential):
            module = module[0]
        if isinstance(module, nn.Linear):
            return module.weight[..., None, None], module.bias, 1
        return module.weight, module.bias, module.stride[0]


def rounded_weight(weight: Tensor, least: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Whole numbers (out, in, height, width) from -MOST_WEIGHT to MOST_WEIGHT, and the scale (out,) of each output channel.

    least  (out,) no scale is smaller than this
    """
    scale = weight.abs().amax((1, 2, 3)).clamp(min=1e-12) / MOST_WEIGHT
    if least is not None:
        scale = torch.maximum(scale, least)
    return torch.round(weight / scale[:, None, None, None]), scale


def entering_units(name: str, weight: Tensor) -> Tensor:
    """(1, in, 1, 1) units of a layer's input channels, in the smallest: where they differ, weights are rounded multiplied by these."""
    if name != FIRST:
        return weight.new_ones(1, weight.shape[1], 1, 1)
    return weight.new_tensor(UNITS / UNITS.min())[None, :, None, None]


class _Float:
    """`unet.Operations` on tensors (B, C, H, W)."""

    def __init__(self, net: ForegroundNet) -> None:
        self.net = net

    def conv(self, name: str, x: Tensor) -> Tensor:
        weight, bias, stride = self.layer(name)
        return self.stored(f"{name}.conv", nn.functional.relu(nn.functional.conv2d(x, weight, bias, stride, padding=1)))

    def linear(self, name: str, x: Tensor) -> Tensor:
        weight, bias, _ = self.layer(name)
        return self.stored(f"{name}.linear", nn.functional.conv2d(x, weight, bias))

    def add(self, name: str, x: Tensor, y: Tensor) -> Tensor:
        return self.stored(f"{name}.add", x + y)

    def mean(self, name: str, x: Tensor) -> Tensor:
        return self.stored(f"{name}.mean", x.mean((2, 3), keepdim=True))

    def twice(self, x: Tensor) -> Tensor:
        return nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")

    def unfold(self, x: Tensor) -> Tensor:
        return nn.functional.pixel_shuffle(x, 2)

    def layer(self, name: str) -> tuple[Tensor, Tensor, int]:
        """See `ForegroundNet.layer`."""
        return self.net.layer(name)

    def stored(self, name: str, x: Tensor) -> Tensor:
        """What is kept of a value."""
        return x


class _Rounded(_Float):
    """The same, where values are whole steps."""

    def layer(self, name: str) -> tuple[Tensor, Tensor, int]:
        weight, bias, stride = super().layer(name)
        units = entering_units(name, weight)
        whole, scale = rounded_weight(weight * units)
        return _pass_through(weight, whole * scale[:, None, None, None] / units), bias, stride

    def stored(self, name: str, x: Tensor) -> Tensor:
        steps = self.net.steps_of(name)
        inside = x.float().clamp(-steps.zero * steps.unit, (MOST_VALUE - steps.zero) * steps.unit)
        return _pass_through(inside, torch.round(inside / steps.unit) * steps.unit)


class _Watching(_Float):
    """The same in floating point, remembering the range of each value."""

    def __init__(self, net: ForegroundNet) -> None:
        super().__init__(net)
        self.ranges: dict[str, tuple[float, float]] = {}

    def stored(self, name: str, x: Tensor) -> Tensor:
        flat = x.flatten()
        values = np.sort(flat[:: max(1, len(flat) // SAMPLED)].float().cpu().numpy())
        cut = int(OUTLIERS * len(values))
        self.ranges[name] = float(values[cut]), float(values[len(values) - 1 - cut])
        return x


def _pass_through(x: Tensor, rounded: Tensor) -> Tensor:
    """`rounded`, with the gradient of x."""
    return x + (rounded - x).detach()


def _conv(entering: int, leaving: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(entering, leaving, 4 if stride == 2 else 3, stride, 1), nn.ReLU())
