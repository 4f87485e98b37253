"""What an update of the papers' networks costs on this processor, by number format, memory layout and compilation.

    python benchmarks/papers.py [--network flying-shapes] [--batch 16] [--rounds 5]

All variants take turns within one run, so that what else the machine does falls on each; ratios are to float32 as PyTorch has it.
"""

from __future__ import annotations

import time
from statistics import median

import click
import torch

from tracker.learning.precision import multiplies_bfloat16
from tracker.papers.cells import build_cell
from tracker.papers.settings import ExperimentSettings
from tracker.papers.train import make_optimiser
from tracker.papers.unroll import make_inputs
from tracker.papers.update import EagerUpdate
from tracker.papers.worlds import draw
from tracker.recipes import PAPERS as CONFIGS
from tracker.settings import read_settings

CPU = torch.device("cpu")
VARIANTS = {
    "float32": {},
    "bfloat16": {"bfloat16": True},
    "bfloat16, channels last": {"bfloat16": True, "channels_last": True},
    "bfloat16, channels last, Muon": {"bfloat16": True, "channels_last": True, "optimiser": "muon"},
    "bfloat16, channels last, compiled": {"bfloat16": True, "channels_last": True},
}


def prepare(settings: ExperimentSettings, *, compiled: bool) -> EagerUpdate:
    """An update of fresh weights."""
    torch.manual_seed(0)
    cell = build_cell(settings)
    if settings.train.channels_last:
        cell.to(memory_format=torch.channels_last)
    return EagerUpdate(cell, make_optimiser(cell, settings.train, CPU), settings.em, settings.train, fused=compiled)


@click.command()
@click.option("--network", default="flying-shapes", show_default=True, help="a recipe in configs/papers")
@click.option("--batch", default=16, show_default=True)
@click.option("--rounds", default=5, show_default=True)
def main(network: str, batch: int, rounds: int) -> None:
    """Print milliseconds and ratios."""
    if not multiplies_bfloat16(CPU.type):
        print("this processor does not multiply bfloat16: what is called so below is float32")
    base = read_settings(ExperimentSettings, [CONFIGS / f"{network}.yaml"], [f"train.batch={batch}"])
    updates = {}
    for name, changes in VARIANTS.items():
        train = base.train.model_copy(update=changes)
        updates[name] = prepare(base.model_copy(update={"train": train}), compiled="compiled" in name)
    clips = draw(
        base.world, batch=batch, frames=base.em.steps + 1, seed=0, number=0, split="train", device=CPU
    )  # fmt: skip
    inputs = make_inputs(clips.frames, base.em, seed=0)
    took: dict[str, list[float]] = {name: [] for name in updates}
    for number in range(rounds + 1):
        for name, update in updates.items():
            began = time.perf_counter()
            update(inputs)
            if number:  # the first one compiles and allocates
                took[name].append(time.perf_counter() - began)
    first = median(took["float32"])
    print(f"{network}, batch {batch}, {torch.get_num_threads()} threads, median of {rounds}")
    for name, seconds in took.items():
        print(f"{name:36s} {median(seconds) * 1e3:7.0f} ms  {median(seconds) / first:.2f}")


if __name__ == "__main__":
    main()
