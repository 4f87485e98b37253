"""The cell's weights file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from tracker.errors import WeightsError
from tracker.learning.weights import digest_of, filled, find_weights, read_weights, save_net, settings_of
from tracker.slots.cell import WindowCell
from tracker.slots.settings import NetworkSettings

FORMAT = "rnnem-window-1"
"""changes when an older program could not use the file"""
REMOVED = {"state": "grid", "relations": 0}
"""settings of the cell that older files hold, and the one value of each that is still read: the variants behind the others are gone"""


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

    Raises WeightsError if the file is missing, is no safetensors file, is of another version, or holds a variant of the cell that
    was removed.
    """
    path = find_weights(name)
    header, tensors = read_weights(path, FORMAT)
    header = _without_removed(path, header)
    settings = settings_of(path, NetworkSettings, header, "network")
    cell = filled(path, lambda: WindowCell(settings.cell), tensors)
    return Network(cell.to(device).eval(), settings, digest_of(path))


def _without_removed(path: Path, header: dict[str, Any]) -> dict[str, Any]:
    """The header without the settings of variants that were removed. Raises WeightsError where it asks for one."""
    network = header.get("network")
    cell = network.get("cell") if isinstance(network, dict) else None
    if not isinstance(network, dict) or not isinstance(cell, dict):
        return header
    for key, kept in REMOVED.items():
        if (value := cell.get(key, kept)) != kept:
            raise WeightsError(
                f"{path}: a cell with {key}={str(value)[:40]}, which was removed; train again or take the shipped ones"
            )
    cell = {key: value for key, value in cell.items() if key not in REMOVED}
    return {**header, "network": {**network, "cell": cell}}
