"""The cell's weights file."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tracker.learning.weights import digest_of, filled, find_weights, read_weights, save_net, settings_of
from tracker.slots.cell import WindowCell
from tracker.slots.settings import NetworkSettings

FORMAT = "rnnem-window-1"
"""changes when an older program could not use the file"""


class Network(NamedTuple):
    """A cell ready for use."""

    cell: WindowCell
    settings: NetworkSettings
    digest: str
    """sha256 of the file"""


def save_network(cell: WindowCell, settings: NetworkSettings, path: Path, *, trained_steps: int) -> None:
    """Write a weights file, whole or not at all."""
    save_net(cell, FORMAT, settings, path, trained_steps=trained_steps)


def load_network(name: str, *, device: str = "cpu") -> Network:
    """Build the cell a weights file describes.

    Raises WeightsError if the file is missing, is no safetensors file, or is of another version.
    """
    path = find_weights(name)
    header, tensors = read_weights(path, FORMAT)
    settings = settings_of(path, NetworkSettings, header, "network")
    cell = filled(path, lambda: WindowCell(settings.cell), tensors)
    return Network(cell.to(device).eval(), settings, digest_of(path))
