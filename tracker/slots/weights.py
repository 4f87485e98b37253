"""The cell's files: weights, as they are trained, and their graph, which the CPU runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tracker.errors import WeightsError
from tracker.inference import check_torch, find_graph
from tracker.learning.weights import digest_of, find_weights
from tracker.slots.settings import NetworkSettings
from tracker.slots.state import GraphCell, SlotCell, TorchCell

if TYPE_CHECKING:
    from tracker.slots.cell import WindowCell

FORMAT = "rnnem-window-1"
"""changes when an older program could not use the file"""
GRAPH_FORMAT = "rnnem-window-1 exact-1"
"""of the graph; changes when the same weights make other numbers"""
REMOVED = {"state": "grid", "relations": 0}
"""settings of the cell that older files hold, and the one value of each that is still read: the variants behind the others are gone"""


class Network(NamedTuple):
    """A cell ready for use."""

    cell: SlotCell
    settings: NetworkSettings
    digest: str
    """sha256 of the weights file"""


def save_network(cell: WindowCell, settings: NetworkSettings, path: Path, *, trained_steps: int) -> None:
    """Write a weights file and its graph beside it, each whole or not at all."""
    from tracker.learning.nets import save_net
    from tracker.slots.graph import write_cell_graph

    save_net(cell, FORMAT, settings, path, trained_steps=trained_steps)
    about = {"format": GRAPH_FORMAT, "source": digest_of(path), "network": settings.model_dump_json()}
    write_cell_graph(cell, path.with_suffix(".onnx"), about=about)


def load_network(name: str, *, device: str = "cpu") -> Network:
    """The cell ready for use. On the CPU its graph runs, if that lies beside the weights; else torch does.

    Raises WeightsError if the file is missing, is no safetensors file, is of another version, or holds a variant of the cell that
    was removed; MissingExtraError where torch is to run it and is not installed.
    """
    path = find_weights(name)
    digest = digest_of(path)
    session = find_graph(path, digest, GRAPH_FORMAT) if device == "cpu" else None
    if session is not None:
        settings = NetworkSettings.model_validate_json(session.about["network"])
        return Network(GraphCell(session, settings.cell), settings, digest)
    check_torch(f"{path}: a network without the graph {path.stem}.onnx that was made of it", "torch")
    cell, settings = load_cell(name)
    return Network(TorchCell(cell, device=device), settings, digest)


def load_cell(name: str) -> tuple[WindowCell, NetworkSettings]:
    """The cell as it is trained; errors as in `load_network`."""
    from tracker.learning.nets import load_net
    from tracker.slots.cell import WindowCell

    cell, settings, _ = load_net(
        name, FORMAT, NetworkSettings, lambda network: WindowCell(network.cell), mended=_without_removed
    )
    return cell, settings


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
