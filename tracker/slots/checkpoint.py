"""Weights files: safetensors with the network's settings in the header. Nothing is ever unpickled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from tracker.errors import WeightsError
from tracker.slots.cells import WindowCell
from tracker.slots.ground import GroundNet
from tracker.slots.settings import GroundNetSettings, GroundSettings, NetworkSettings

FORMAT, GROUND_FORMAT = "rnnem-window-1", "rnnem-ground-1"
"""of the cell and of the network that reads the scene; changes when an older program could not use the file"""
HEADER = "rnnem-tracker"
SHIPPED = Path(__file__).parent.parent / "weights"


class Network(NamedTuple):
    """A cell ready for use."""

    cell: WindowCell
    settings: NetworkSettings
    digest: str
    """sha256 of the file; of both files, joined by +, where another network judges the pixels"""

    def judged_by(self, ground: GroundSettings, digest: str) -> Network:
        """The same cell where pixels are judged by the network of that digest, which errs less than the mixture."""
        verdicts = {name: getattr(ground, name) for name in ("object_verdicts", "background_verdicts")}
        pixels = self.settings.pixels.model_copy(update=verdicts)
        settings = self.settings.model_copy(update={"pixels": pixels})
        return Network(self.cell, settings, f"{self.digest}+{digest}")


def save_network(cell: WindowCell, settings: NetworkSettings, path: Path, *, trained_steps: int) -> None:
    """Write a weights file, whole or not at all."""
    _save(cell, FORMAT, settings.model_dump(mode="json"), path, trained_steps)


def save_ground(net: GroundNet, settings: GroundNetSettings, path: Path, *, trained_steps: int) -> None:
    """The same for the network that reads the scene."""
    _save(net, GROUND_FORMAT, settings.model_dump(mode="json"), path, trained_steps)


def _save(net: torch.nn.Module, form: str, settings: dict[str, Any], path: Path, trained_steps: int) -> None:
    about = {"format": form, "network": settings, "trained_steps": trained_steps}
    write_weights(net.state_dict(), about, path)


def write_weights(tensors: Mapping[str, torch.Tensor], about: dict[str, Any], path: Path) -> None:
    """Write tensors and what is known `about` them, whole or not at all. about["format"] is what `read_weights` asks for."""
    # one key: safetensors writes several in random order, and equal weights should have equal digests
    header = {HEADER: json.dumps(about, sort_keys=True)}
    part = path.with_name(path.name + ".part")
    save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, part, header)
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
    """Build the cell a weights file describes.

    Raises WeightsError if the file is missing, is no safetensors file, or is of another version.
    """
    path = find_weights(name)
    header, tensors = read_weights(path, FORMAT)
    with fitting(path):
        settings = NetworkSettings.model_validate(header["network"])
        cell = WindowCell(settings.cell)
        cell.load_state_dict(tensors)
    return Network(cell.to(device).eval(), settings, _digest(path))


def load_ground(name: str, *, device: str = "cpu") -> tuple[GroundNet, str]:
    """The network that reads the scene, and the sha256 of its file; raises as `load_network` does."""
    path = find_weights(name)
    header, tensors = read_weights(path, GROUND_FORMAT)
    with fitting(path):
        net = GroundNet(GroundNetSettings.model_validate(header["network"]))
        net.load_state_dict(tensors)
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return net.to(device).eval(), _digest(path)


def read_weights(path: Path, form: str) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """What is known about the tensors, and the tensors. Raises WeightsError if the file is missing, damaged or of another format."""
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            about = json.loads((file.metadata() or {}).get(HEADER, "{}"))
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(
            f"{path}: not a whole safetensors file ({str(error).splitlines()[0]}); give a file that a training wrote"
        ) from None
    if about.get("format") != form:
        came = about.get("format", "no format name")
        raise WeightsError(
            f"{path}: weights of another version ({came}, wanted {form}); train again or take the shipped ones"
        )
    return about, tensors


@contextmanager
def fitting(path: Path) -> Iterator[None]:
    """What is raised while a network is built from the file and given its tensors, as WeightsError."""
    try:
        yield
    except (KeyError, ValidationError, RuntimeError):
        raise WeightsError(
            f"{path}: header and numbers do not fit together; the file is damaged, take another"
        ) from None


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
