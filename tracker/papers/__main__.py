"""Single networks of the papers, for whoever trains those that ship: `python -m tracker.papers train`, `test` and `ship`."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import click
import torch

from tracker.cli import Commands, note, say
from tracker.errors import SettingsError
from tracker.interrupt import asked_between_steps
from tracker.learning.device import choose_device
from tracker.learning.group import training_group
from tracker.options import CLIPS, MINUTES, OUTPUT, SEED
from tracker.papers.evaluation import evaluate
from tracker.papers.score_file import asked_of, read_scores, write_scores
from tracker.papers.settings import ExperimentSettings
from tracker.papers.train import train
from tracker.papers.weights import digits_change, load_cell, of_network, round_as_shipped, ship, with_tests
from tracker.settings import read_settings
from tracker.sinks import hold

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
device_option = click.option("--device", default="cpu", type=click.Choice(["cpu", "cuda", "mps"]), show_default=True)


@click.group(cls=Commands)
def commands() -> None:
    """Train, test and ship single networks of the papers; `tracker paper` does whole experiments."""


@commands.command("train")
@click.argument("config", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False))
@click.option("--out", required=True, type=OUTPUT, help="Folder of the run.")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change a setting: train.batch=256.")
@device_option
@click.option("--minutes", type=MINUTES, help="Stop after about so long; the same command goes on later.")
@click.option("--graph", is_flag=True, help="On a GPU: capture the update as one CUDA graph.")
@click.option("--fused", is_flag=True, help="With --graph: compile the cell first, which takes a minute.")
@click.option("--begin", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Weights to start from.")
def train_command(
    config: tuple[str, ...],
    out: Path,
    changes: tuple[str, ...],
    device: str,
    minutes: float | None,
    graph: bool,
    fused: bool,
    begin: Path | None,
) -> None:
    """Train the network of CONFIG (later files win), or go on with it."""
    settings = read_settings(ExperimentSettings, config, changes)
    device = choose_device(device)
    if device == "cuda":
        torch.set_float32_matmul_precision("high")
    with ExitStack() as stack:
        group = stack.enter_context(training_group(device))
        asked = stack.enter_context(asked_between_steps(several=group.size > 1))
        if group.first:
            stack.enter_context(hold(out, "curve.jsonl"))
        train(
            settings, out, device=device, minutes=minutes, graph=graph and device == "cuda", fused=fused, begin=begin,
            report=lambda row: note(json.dumps(row)), asked_to_end=asked, group=group,
        )  # fmt: skip
        if group.any(asked()):
            raise KeyboardInterrupt


@commands.command("test")
@click.argument("run", type=FOLDER)
@click.option("--weights", default="best", type=click.Choice(["best", "last"]), show_default=True)
@click.option("--clips", type=CLIPS, default=1000, show_default=True)
@click.option("--seed", type=SEED, default=1, show_default=True)
@device_option
@click.option(
    "--digits",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="MNIST's idx files, where they are not the training's.",
)
@click.option("--test", "names", multiple=True, help="One of the network's tests; repeat.  [all]")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change a setting: tests.same.steps=40.")
def test_command(
    run: Path,
    weights: str,
    clips: int,
    seed: int,
    device: str,
    digits: Path | None,
    names: tuple[str, ...],
    changes: tuple[str, ...],
) -> None:
    """Test the network in a training's folder RUN, rounded as it would ship; writes RUN/scores.json and prints the main scores.

    Its tests are the training's own, and those that a recipe of the folder's name has beside them.
    """
    where = torch.device(choose_device(device))
    file = run / f"{weights}.safetensors"
    cell, own, updates = load_cell(file, device=where)
    round_as_shipped(cell)
    known = with_tests(own, run.resolve().name).tests
    settings = own.model_copy(update={"tests": {**known, **own.tests}})
    settings = read_settings(ExperimentSettings, [], [*digits_change(digits), *changes], base=settings)
    if unknown := [name for name in names if name not in settings.tests]:
        raise SettingsError(f"--test {unknown[0]}: the experiment has {', '.join(settings.tests)}")
    if of_network(settings) != of_network(own):
        raise SettingsError(
            "--set: a trained network is as it is; em, tests, world and train.bfloat16 can be changed for its tests"
        )
    asked = asked_of(file, settings, updates=updates, clips=clips, seed=seed, device=where.type, rounded=True)
    results = evaluate(cell, settings, clips=clips, seed=seed, device=where, names=names or None)
    write_scores(run / "scores.json", asked, {**read_scores(run / "scores.json", asked), **results})
    for name, row in results.items():
        shown = "  ".join(f"{key} {row[key]:.4f}" for key in ("ami", "ari", "bce_last", "mse") if key in row)
        say(f"{name}: {shown}")


@commands.command("ship")
@click.argument("runs", nargs=-1, required=True, type=FOLDER)
def ship_command(runs: tuple[Path, ...]) -> None:
    """Put the networks of the folders RUNS, each named as its recipe, among those that ship; their figures must be better."""
    for run in runs:
        say(ship(run, run.resolve().name))


if __name__ == "__main__":
    commands(prog_name="python -m tracker.papers")
