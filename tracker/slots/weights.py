"""The cell's weights file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from tracker.errors import WeightsError
from tracker.learning.nets import load_net, save_net
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
    cell, settings, digest = load_net(
        name, FORMAT, NetworkSettings, lambda network: WindowCell(network.cell), mended=_without_removed
    )
    return Network(cell.to(device).eval(), settings, digest)


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
