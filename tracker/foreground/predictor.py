"""The foreground network at work: features in, a probability for every pixel out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from tracker.batched import Batched
from tracker.foreground.unet import MULTIPLE_PX

if TYPE_CHECKING:
    from torch import nn

    from tracker.inference import Session

Probabilities = NDArray[np.uint8]
"""(H, W) 0 to CERTAIN: that a pixel belongs to an object"""
CERTAIN = 255


class Predictor(Protocol):
    """A foreground network that is ready for use."""

    def __call__(self, channels: NDArray[np.uint8]) -> Probabilities:
        """(H, W) that each pixel of the features (CHANNELS, H, W) belongs to an object."""
        ...

    def many(self, pictures: Sequence[NDArray[np.uint8]]) -> list[Probabilities]:
        """The same of several pictures of one size."""
        ...


class WholeNumberPredictor:
    """The network in whole numbers, as `graph.write_foreground_graph` writes it: the same answer on every chip.

    session         takes (1, CHANNELS, H, W) uint8, gives (1, 1, H, W) uint8
    exponent, zero  a logit is (value - zero) * 2 ^ exponent
    """

    def __init__(self, session: Session, *, exponent: int, zero: int) -> None:
        self._session = session
        logits = (np.arange(256) - zero) * 2.0**exponent
        self._table = np.round(CERTAIN / (1 + np.exp(-logits))).astype(np.uint8)

    def __call__(self, channels: NDArray[np.uint8]) -> Probabilities:
        """See `Predictor`."""
        height, width = channels.shape[1:]
        (logits,) = self._session.run(features=padded(channels)[None])
        return self._table[logits[0, 0, :height, :width]]

    def many(self, pictures: Sequence[NDArray[np.uint8]]) -> list[Probabilities]:
        """See `Predictor`; one after the other: on a processor a batch costs as much as its pictures, within a hundredth."""
        return [self(channels) for channels in pictures]


class TorchPredictor:
    """The network by torch, on any device."""

    def __init__(self, net: nn.Module, *, device: str = "cpu") -> None:
        self._net, self._device = net.to(device).eval(), device

    def __call__(self, channels: NDArray[np.uint8]) -> Probabilities:
        """See `Predictor`."""
        return self.many([channels])[0]

    def many(self, pictures: Sequence[NDArray[np.uint8]]) -> list[Probabilities]:
        """See `Predictor`; one forward pass, in which last bits may differ from those of a picture alone."""
        import torch

        from tracker.foreground.features import as_numbers

        height, width = pictures[0].shape[1:]
        numbers = as_numbers(np.stack([padded(channels) for channels in pictures]))
        batch = torch.from_numpy(numbers).to(self._device)
        with torch.inference_mode():
            probability = torch.sigmoid(self._net(batch)[:, 0].float()) * CERTAIN
        return list(probability.round().to(torch.uint8).cpu().numpy()[:, :height, :width])


class BatchedPredictor:
    """A predictor for several clips: pictures of one size that wait at one time are computed together.

    clips, wait_s  how many there are and how long one waits for the others: `Batched`
    """

    def __init__(self, predictor: Predictor, *, clips: int = 1, wait_s: float = 0.0) -> None:
        self.calls = Batched(predictor.many, lambda channels: channels.shape, callers=clips, wait_s=wait_s)

    def __call__(self, channels: NDArray[np.uint8]) -> Probabilities:
        """See `Predictor`."""
        return self.calls(channels)

    def many(self, pictures: Sequence[NDArray[np.uint8]]) -> list[Probabilities]:
        """See `Predictor`."""
        return [self(channels) for channels in pictures]


def padded(channels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(C, H, W) with its last rows and columns repeated up to multiples of MULTIPLE_PX."""
    height, width = channels.shape[1:]
    if height % MULTIPLE_PX == width % MULTIPLE_PX == 0:
        return channels
    return np.pad(channels, ((0, 0), (0, -height % MULTIPLE_PX), (0, -width % MULTIPLE_PX)), mode="edge")
