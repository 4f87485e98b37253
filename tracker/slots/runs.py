"""A training run: its folder with settings and checkpoint, the refusal to mix two runs, and its learning rate."""

from __future__ import annotations

import json
import math
import pickle
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tracker.errors import SettingsError, WeightsError


def open_run(out: Path, recipe: dict[str, Any]) -> None:
    """Make the folder and write `settings.json`. Raises SettingsError if it holds another recipe's run."""
    out.mkdir(parents=True, exist_ok=True)
    written = out / "settings.json"
    if written.exists() and _read_json(written) != recipe:
        raise SettingsError(f"{out}: holds a run with other settings; choose another folder or remove it")
    written.write_text(json.dumps(recipe, indent=2) + "\n")


def read_checkpoint(out: Path, net: nn.Module, optimiser: torch.optim.Optimizer, *, device: str) -> int:
    """Load what `write_checkpoint` left, and return the steps done; 0 where there is none yet.

    Raises WeightsError if it is damaged.
    """
    path = out / "checkpoint.pt"
    if not path.exists():
        return 0
    try:
        saved = torch.load(path, weights_only=True, map_location=device)
        net.load_state_dict(saved["cell"])
        optimiser.load_state_dict(saved["optimiser"])
        return int(saved["done"])
    except (OSError, RuntimeError, KeyError, EOFError, pickle.UnpicklingError):
        raise WeightsError(f"{path}: not a checkpoint of this run; remove it to begin anew") from None


def write_checkpoint(out: Path, net: nn.Module, optimiser: torch.optim.Optimizer, done: int) -> None:
    """Write the checkpoint, whole or not at all."""
    path = out / "checkpoint.pt"
    part = path.with_suffix(".part")
    torch.save({"cell": net.state_dict(), "optimiser": optimiser.state_dict(), "done": done}, part)
    part.replace(path)


def scheduled_rate(peak: float, done: int, *, steps: int, warm_up_steps: int) -> float:
    """The learning rate after `done` of `steps`: a straight warm-up, and a half cosine to a hundredth of the peak."""
    warm = min(1.0, (done + 1) / warm_up_steps)
    return peak * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done / steps)))


def _read_json(path: Path) -> Any:
    """What a JSON file holds, or None where it is damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None
