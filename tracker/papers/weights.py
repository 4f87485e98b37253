"""Weights of the papers' networks: safetensors with the whole experiment in the header, so that a file can be tested by itself."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from tracker.errors import WeightsError
from tracker.papers.cells import Cell, build_cell
from tracker.papers.settings import ExperimentSettings

FORMAT = "rnnem-papers-1"
HEADER = "rnnem-tracker"


def save_cell(cell: Cell, settings: ExperimentSettings, path: Path, *, updates: int) -> None:
    """Write a weights file, whole or not at all. updates: how many it was trained for."""
    about = {"format": FORMAT, "experiment": settings.model_dump(mode="json"), "updates": updates}
    tensors = {name: value.detach().cpu().contiguous() for name, value in cell.state_dict().items()}
    part = path.with_name(path.name + ".part")
    save_file(tensors, part, {HEADER: json.dumps(about, sort_keys=True)})
    part.chmod(0o644)  # safetensors leaves it to its owner alone
    part.replace(path)


def load_cell(path: Path, *, device: torch.device) -> tuple[Cell, ExperimentSettings, int]:
    """The cell of a weights file, its experiment, and the updates it was trained for.

    Raises WeightsError if the file is missing, damaged or of another kind.
    """
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            about = json.loads((file.metadata() or {}).get(HEADER, "{}"))
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{path}: cannot be read ({str(error).splitlines()[0]}); give a weights file") from None
    if about.get("format") != FORMAT:
        raise WeightsError(f"{path}: weights of another kind ({about.get('format', 'no name')}, wanted {FORMAT})")
    try:
        settings = ExperimentSettings.model_validate(about["experiment"])
        cell = build_cell(settings)
        cell.load_state_dict(tensors)
    except (KeyError, ValidationError, RuntimeError):
        raise WeightsError(f"{path}: header and numbers do not fit together; the file is damaged") from None
    return cell.to(device).eval(), settings, int(about["updates"])
