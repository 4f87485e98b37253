"""Weights of the papers' networks: safetensors with the whole experiment in the header, so that a file can be tested by itself."""

from __future__ import annotations

from pathlib import Path

import click
import torch

from tracker.errors import WeightsError
from tracker.learning.weights import SHIPPED as WEIGHTS
from tracker.learning.weights import filled, read_weights, settings_of, write_weights
from tracker.papers.cells import Cell, build_cell
from tracker.papers.settings import ExperimentSettings

FORMAT = "rnnem-papers-1"
SHIPPED = WEIGHTS / "papers"
"""RUN.safetensors of the networks that come with the package, in half precision"""


def save_cell(cell: Cell, settings: ExperimentSettings, path: Path, *, updates: int, half: bool = False) -> None:
    """Write a weights file, whole or not at all. updates: how many it was trained for; half: in 16 bits instead of 32."""
    about = {"format": FORMAT, "experiment": settings.model_dump(mode="json"), "updates": updates}
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


def ship(run: Path, name: str) -> Path:
    """Put the best weights of a training's folder among those that come with the package; returns the file.

    Raises WeightsError if the folder has none.
    """
    cell, settings, updates = load_cell(run / "best.safetensors", device=torch.device("cpu"))
    digits = settings.world.digits.model_copy(update={"path": None})  # a folder of this machine
    world = settings.world.model_copy(update={"digits": digits})
    SHIPPED.mkdir(exist_ok=True)
    path = SHIPPED / f"{name}.safetensors"
    save_cell(cell, settings.model_copy(update={"world": world}), path, updates=updates, half=True)
    return path


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(runs: tuple[Path, ...]) -> None:
    """Ship the networks in the folders RUNS, each named as its recipe."""
    for run in runs:
        try:
            click.echo(ship(run, run.resolve().name))
        except WeightsError as error:
            raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main()
