"""Curves of trainings as small tables, and AMI against updates as one picture: whether more training is worth it.

    python benchmarks/papers_curves.py runs/shapes-nem runs/flying-mnist    # adds docs/papers/curves/NAME.csv, draws docs/papers/curves.png

A row is a validation of a training's curve.jsonl: the loss as its stage has it, the AMI as the experiment has it, whatever the stage.
"""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import click

ROOT = Path(__file__).parents[1]
CURVES = ROOT / "docs" / "papers" / "curves"
COLUMNS = ("updates", "stage", "validation_loss", "ami", "ami_last")
MOST_ROWS = 200
"""of a table; of a longer curve every n-th row is kept, and the last"""
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999")


def table(run: Path) -> list[list[str]]:
    """The rows of a training's folder, as text."""
    rows = [json.loads(line) for line in (run / "curve.jsonl").read_text(encoding="utf-8").splitlines()]
    step = math.ceil(len(rows) / MOST_ROWS)
    kept = [row for n, row in enumerate(rows, 1) if n % step == 0 or n == len(rows)]
    return [
        [
            str(row["step"]),
            str(row["stage"]),
            f"{row['validation_loss']:.5g}",
            *(f"{row[name]:.4f}" for name in COLUMNS[3:]),
        ]
        for row in kept
    ]


def draw(folder: Path, picture: Path) -> None:
    """The AMI of the last step of every table in a folder."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    for number, path in enumerate(sorted(folder.glob("*.csv"))):
        with path.open(encoding="utf-8", newline="") as text:
            points = [(int(row["updates"]), float(row["ami_last"])) for row in csv.DictReader(text)]
        axes.plot(*zip(*points, strict=True), label=path.stem, color=COLOURS[number % len(COLOURS)], linewidth=1.2)
    axes.set(xlabel="updates", ylabel="AMI of the last step, validation", ylim=(0, 1))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(picture, dpi=100)


@click.command()
@click.argument("runs", nargs=-1, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--out", default=CURVES, type=click.Path(path_type=Path), help="folder of the tables  [docs/papers/curves]"
)
@click.option(
    "--plot", default=CURVES.with_suffix(".png"), type=click.Path(path_type=Path), help="[docs/papers/curves.png]"
)
def main(runs: tuple[Path, ...], out: Path, plot: Path) -> None:
    """Write a table of each training's folder RUNS, named as the folder; then draw all tables there are."""
    out.mkdir(parents=True, exist_ok=True)
    for run in runs:
        lines = [",".join(cells) for cells in [list(COLUMNS), *table(run)]]
        (out / f"{run.resolve().name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    draw(out, plot)
    print(plot)


if __name__ == "__main__":
    main()
