"""Weights files: safetensors with the network's settings in the header. Nothing is ever unpickled."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from tracker.errors import WeightsError
from tracker.slots.cells import WindowCell
from tracker.slots.settings import NetworkSettings

FORMAT = "rnnem-window-1"
"""changes when an older program could not use the file"""
HEADER = "rnnem-tracker"
SHIPPED = Path(__file__).parent.parent / "weights"


class Network(NamedTuple):
    """A cell ready for use."""

    cell: WindowCell
    settings: NetworkSettings
    digest: str
    """sha256 of the file"""


def save_network(cell: WindowCell, settings: NetworkSettings, path: Path, *, trained_steps: int) -> None:
    """Write a weights file, whole or not at all."""
    # one key: safetensors writes several in random order, and equal weights should have equal digests
    about = {"format": FORMAT, "network": settings.model_dump(mode="json"), "trained_steps": trained_steps}
    header = {HEADER: json.dumps(about, sort_keys=True)}
    part = path.with_name(path.name + ".part")
    save_file({name: value.detach().cpu().contiguous() for name, value in cell.state_dict().items()}, part, header)
    part.chmod(0o644)  # safetensors leaves it to its owner alone
    part.replace(path)


def find_weights(name: str) -> Path:
    """The file of a shipped network's name, or the path itself.

    Raises WeightsError if there is none.
    """
    shipped = SHIPPED / f"{name}.safetensors"
    path = shipped if shipped.is_file() else Path(name)
    if not path.is_file():
        names = ", ".join(sorted(file.stem for file in SHIPPED.glob("*.safetensors"))) or "none"
        raise WeightsError(f"{name}: no such weights file; give a .safetensors path or a shipped network ({names})")
    return path


def load_network(name: str, *, device: str = "cpu") -> Network:
    """Build the network a weights file describes.

    Raises WeightsError if the file is missing, is no safetensors file, or is of another version.
    """
    path = find_weights(name)
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            header = json.loads((file.metadata() or {}).get(HEADER, "{}"))
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(
            f"{path}: not a whole safetensors file ({str(error).splitlines()[0]}); give a file that `tracker train` wrote"
        ) from None
    if header.get("format") != FORMAT:
        came = header.get("format", "no format name")
        raise WeightsError(
            f"{path}: weights of another version ({came}, wanted {FORMAT}); train again or take the shipped ones"
        )
    try:
        settings = NetworkSettings.model_validate(header["network"])
        cell = WindowCell(settings.cell)
        cell.load_state_dict(tensors)
    except (KeyError, ValidationError, RuntimeError):
        raise WeightsError(
            f"{path}: header and numbers do not fit together; the file is damaged, take another"
        ) from None
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Network(cell.to(device).eval(), settings, digest)
