"""The foreground network's weights file."""

from __future__ import annotations

from pathlib import Path

import torch

from tracker.foreground.net import ForegroundNet
from tracker.foreground.settings import ForegroundNetSettings
from tracker.learning.weights import digest_of, filled, find_weights, read_weights, save_net, settings_of

FORMAT = "rnnem-ground-1"
"""changes when an older program could not use the file"""


def save_foreground(net: ForegroundNet, settings: ForegroundNetSettings, path: Path, *, trained_steps: int) -> None:
    """Write a weights file, whole or not at all."""
    save_net(net, FORMAT, settings, path, trained_steps=trained_steps)


def load_foreground(name: str, *, device: str = "cpu") -> tuple[ForegroundNet, str]:
    """The foreground network, and the sha256 of its file.

    Raises WeightsError if the file is missing, is no safetensors file, or is of another version.
    """
    path = find_weights(name)
    header, tensors = read_weights(path, FORMAT)
    settings = settings_of(path, ForegroundNetSettings, header, "network")
    net = filled(path, lambda: ForegroundNet(settings), tensors)
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return net.to(device).eval(), digest_of(path)
