"""The foreground network's weights file."""

from __future__ import annotations

from pathlib import Path

import torch

from tracker.foreground.net import ForegroundNet
from tracker.foreground.settings import ForegroundNetSettings
from tracker.learning.weights import load_net, save_net

FORMAT = "rnnem-ground-1"
"""changes when an older program could not use the file"""


def save_foreground(net: ForegroundNet, settings: ForegroundNetSettings, path: Path, *, trained_steps: int) -> None:
    """Write a weights file, whole or not at all."""
    save_net(net, FORMAT, settings, path, trained_steps=trained_steps)


def load_foreground(name: str, *, device: str = "cpu") -> tuple[ForegroundNet, str]:
    """The foreground network, and the sha256 of its file.

    Raises WeightsError if the file is missing, is no safetensors file, or is of another version.
    """
    net, _, digest = load_net(name, FORMAT, ForegroundNetSettings, ForegroundNet)
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return net.to(device).eval(), digest
