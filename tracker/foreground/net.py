"""The network that finds objects in the features of a frame: a small U-net, which answers with a probability by pixel."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tracker.foreground.features import CHANNELS
from tracker.foreground.settings import ForegroundNetSettings

Array = NDArray[np.float32]

MULTIPLE_PX = 8
"""height and width that the network takes are multiples of this: three halvings"""


class ForegroundNet(nn.Module):
    """Features (B, CHANNELS, H, W) to logits (B, 1, H, W) of "belongs to an object"; H and W are multiples of MULTIPLE_PX.

    A small U-net (Ronneberger et al. 2015) that begins at half the size; its sums stand where others concatenate, which is faster and
    no worse here.
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

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        half = self.enter_half(features)  # (B, C, H/2, W/2)
        quarter = self.mix_quarter(self.enter_quarter(half))
        eighth = self.mix_eighth(self.enter_eighth(quarter))
        # the mean of the picture: a flicker of the light is everywhere at once
        eighth = self.join_eighth(eighth + self.whole(eighth.mean((2, 3)))[..., None, None])
        quarter = self.join_quarter(quarter + _twice(self.to_quarter(eighth)))
        half = self.join_half(half + _twice(self.to_half(quarter)))
        return nn.functional.pixel_shuffle(self.answer(half), 2)


def _conv(entering: int, leaving: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(entering, leaving, 4 if stride == 2 else 3, stride, 1), nn.ReLU())


def _twice(x: Tensor) -> Tensor:
    return nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")


def inference_dtype(device: str) -> torch.dtype:
    """The number format in which the network is fastest on `device` and still precise enough."""
    # no public way to ask yet; where bfloat16 has no instructions of its own it is slower, not faster
    multiplies = getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    return torch.bfloat16 if device == "cpu" and multiplies() else torch.float32


def object_probability(
    net: nn.Module, features: Array, *, device: str = "cpu", dtype: torch.dtype = torch.float32
) -> Array:
    """(H, W) float32 probability that each pixel of `features` (H, W, CHANNELS) belongs to an object."""
    height, width = features.shape[:2]
    padded = features
    if height % MULTIPLE_PX or width % MULTIPLE_PX:
        padded = np.pad(features, ((0, -height % MULTIPLE_PX), (0, -width % MULTIPLE_PX), (0, 0)), mode="edge")
    # numpy's (H, W, C) is torch's channels-last, which convolutions are fastest in
    batch = torch.from_numpy(padded).permute(2, 0, 1)[None].to(device=device, dtype=dtype)
    with torch.inference_mode():
        probability = torch.sigmoid(net(batch)[0, 0].float())
    return np.asarray(probability.cpu().numpy()[:height, :width])
