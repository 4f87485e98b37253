"""Weights of the papers' networks: safetensors with the whole experiment in the header, so that a file can be tested by itself.

Those that ship are a package of their own, in the folder `networks` of the repository.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import torch

from tracker.errors import SettingsError, WeightsError
from tracker.learning.nets import filled, read_weights, settings_of, write_weights
from tracker.papers.cells import Cell, build_cell
from tracker.papers.settings import ExperimentSettings
from tracker.recipes import PAPERS
from tracker.settings import read_settings

FORMAT = "rnnem-papers-1"
PACKAGE = "rnnem_papers_networks"
"""holds RUN.safetensors of the networks that ship, in half precision"""
CHECKOUT = Path(__file__).parents[2] / "networks" / PACKAGE
"""where that package stands in a copy of the repository; there it need not be installed"""
NO_NETWORKS = "the papers' networks are not installed; in a copy of the repository: pip install ./networks"


def find_networks() -> Path | None:
    """The folder of the networks that ship: this copy of the repository's, else the installed package's; None without either."""
    if CHECKOUT.is_dir():
        return CHECKOUT
    package = find_spec(PACKAGE)
    places = None if package is None else package.submodule_search_locations
    return Path(places[0]) if places else None


def shipped_file(run: str) -> Path | None:
    """The weights file of a network that ships; None if it does not, or none is installed."""
    folder = find_networks()
    path = None if folder is None else folder / f"{run}.safetensors"
    return path if path is not None and path.is_file() else None


def load_shipped(run: str, *, device: torch.device) -> tuple[Cell, ExperimentSettings, int]:
    """A network that ships, as `load_cell` gives it. Raises WeightsError if none of that name does."""
    path = shipped_file(run)
    if path is None:
        folder = find_networks()
        there = [] if folder is None else sorted(file.stem for file in folder.glob("*.safetensors"))
        raise WeightsError(f"{run}: no such network ships; {'there are ' + ', '.join(there) if there else NO_NETWORKS}")
    return load_cell(path, device=device)


def save_cell(
    cell: Cell, settings: ExperimentSettings, path: Path, *, updates: int, half: bool = False, digits: str | None = None
) -> None:
    """Write a weights file, whole or not at all.

    updates: how many it was trained for; half: in 16 bits instead of 32; digits: whose it was trained on, None: those of the settings
    """
    about = {"format": FORMAT, "experiment": settings.model_dump(mode="json"), "updates": updates}
    if settings.world.kind == "flying-digits":
        about["digits"] = digits or digits_of(settings)
    tensors = {name: value.half() if half else value for name, value in cell.state_dict().items()}
    write_weights(tensors, about, path)


def load_cell(path: Path, *, device: torch.device) -> tuple[Cell, ExperimentSettings, int]:
    """The cell of a weights file, its experiment, and the updates it was trained for.

    Raises WeightsError if the file is missing, damaged or of another kind.
    """
    about, tensors = read_weights(path, FORMAT)
    settings = settings_of(path, ExperimentSettings, about, "experiment")
    updates = about.get("updates")
    if not isinstance(updates, int) or updates < 0:
        raise WeightsError(f"{path}: its header does not say how many updates it was trained for; take another")
    cell = filled(path, lambda: build_cell(settings), tensors)
    return cell.to(device).eval(), settings, updates


def digits_of(settings: ExperimentSettings) -> str:
    """Whose digits an experiment shows: "MNIST" or "scikit-learn"."""
    return "scikit-learn" if settings.world.digits.path is None else "MNIST"


def digits_change(folder: Path | None) -> list[str]:
    """What --set would be given for the digits of a folder; nothing without one. Raises SettingsError if it is none."""
    if folder is not None and not folder.is_dir():
        raise SettingsError(f"--digits {folder}: no such folder; give the one of MNIST's idx files")
    return [] if folder is None else [f"world.digits.path={json.dumps(str(folder.resolve()))}"]


def of_network(settings: ExperimentSettings) -> tuple[object, ...]:
    """What a trained network is made for, and how it was trained: nothing that a test of it can change."""
    train = settings.train.model_copy(update={"bfloat16": False})
    return settings.net, train, settings.em.pixels, settings.world.kind, settings.world.side_px


def trained_digits(path: Path) -> str | None:
    """Whose digits the network of a weights file was trained on; None where it knows none, or the file does not say."""
    said = read_weights(path, FORMAT)[0].get("digits")
    return said if isinstance(said, str) else None


def with_tests(settings: ExperimentSettings, run: str, configs: Path = PAPERS) -> ExperimentSettings:
    """The experiment of a weights file, with the tests of its recipe: the file's are of the day it was trained."""
    recipe = configs / f"{run}.yaml"
    known = read_settings(ExperimentSettings, [recipe]).tests if recipe.is_file() else {}
    return settings.model_copy(update={"tests": {**settings.tests, **known}})


def round_as_shipped(cell: Cell) -> None:
    """Give the cell the weights that `ship` writes: rounded to half precision a network may be worse."""
    with torch.no_grad():
        for value in cell.state_dict().values():
            value.copy_(value.half())


def ship(run: Path, name: str) -> Path:
    """Put the best weights of a training's folder among the networks that ship; returns the file.

    Raises WeightsError if the folder has none, if no recipe has that name or its network is another, or if this is no copy of the
    repository: an installed package is not changed.
    """
    if not CHECKOUT.is_dir():
        raise WeightsError(f"{CHECKOUT}: no such folder; ship from a copy of the repository")
    cell, settings, updates = load_cell(run / "best.safetensors", device=torch.device("cpu"))
    recipe = PAPERS / f"{name}.yaml"
    if not recipe.is_file():
        raise WeightsError(
            f"{run}: no recipe has the name {name}; name the folder as the recipe that it was trained by"
        )
    wanted = read_settings(ExperimentSettings, [recipe])
    if _made_for(settings) != _made_for(wanted):
        raise WeightsError(f"{run}: its network is not the one of {recipe}; name the folder as its own recipe")
    digits = settings.world.digits.model_copy(update={"path": None})  # a folder of this machine
    world = settings.world.model_copy(update={"digits": digits})
    path = CHECKOUT / f"{name}.safetensors"
    said = trained_digits(run / "best.safetensors") or digits_of(settings)
    save_cell(cell, settings.model_copy(update={"world": world}), path, updates=updates, half=True, digits=said)
    return path


def _made_for(settings: ExperimentSettings) -> tuple[object, ...]:
    """What a network is and sees, whatever its size."""
    net, em = settings.net, settings.em
    return net.cell, net.trunk, net.attention, em.components == 1, em.pixels, settings.world.kind
