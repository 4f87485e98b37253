"""`tracker synth`, `tracker train`, `tracker paper`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

import click

from tracker.cli.group import cli, note, say
from tracker.cli.shared import overwriting, talking
from tracker.errors import OptionError
from tracker.options import CLIPS, CRF, FRAMES, MINUTES, OBJECTS, OUTPUT, PROCESSES, SEED, FileName, SizeParam

SITUATIONS = (
    "crossing", "parallel", "group", "stop", "pillar", "inside", "sizes", "crowd",
    "light-switch", "drift", "shadow", "jitter", "sway", "low-contrast",
    "stands", "stood", "parked", "arena", "shake", "big",
)  # fmt: skip
WORLDS = ("street", "mnist-mot", "sprites-mot", *SITUATIONS)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
PAPERS = ("shapes", "flying-shapes", "flying-mnist", "denoising", "balls", "curtain")


@cli.command()
@click.argument("world", type=click.Choice(WORLDS))
@click.option("-o", "--output", type=OUTPUT, required=True, metavar="CLIP.mp4")
@click.option("--truth", type=OUTPUT, metavar="DIR", help="gt.txt and masks/000001.png go here.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="Another seed, another clip.")
@click.option("--frames", type=FRAMES, help="How many.  [200; a situation's own, 220 to 500]")
@click.option(
    "--size",
    type=SizeParam(),
    help="Width x height.  [480x360; crowd, arena 640x480; shake 720x480; mot worlds always 128x128]",
)
@click.option(
    "--objects",
    type=OBJECTS,
    help="How many at a time.  [6 to 12; mot worlds 3 at most; crowd 40; arena 1 to 12; other situations' are fixed]",
)
@click.option(
    "--digits",
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH",
    help="mnist-mot: MNIST's pictures, an idx file or its folder.  [scikit-learn's digits]",
)
@click.option("--crf", type=CRF, help="Lower: better and larger.  [16; mot worlds 1]")
@overwriting
@talking
def synth(
    world: str,
    output: Path,
    truth: Path | None,
    seed: int,
    frames: int | None,
    size: tuple[int, int] | None,
    objects: int | None,
    digits: Path | None,
    crf: int | None,
    overwrite: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Draw a clip whose answer is known: every pixel's owner and every identity.

    WORLD is street, mnist-mot, sprites-mot, or a situation: one scripted scene for what makes trackers fail.
    """
    from tracker.progress import shown_progress
    from tracker.synth import WorldOrder, save_world, stream_world
    from tracker.words import counted

    drawn = stream_world(world, WorldOrder(seed, frames, size, objects, digits=digits))
    with shown_progress(quiet=quiet) as progress:
        count = save_world(
            drawn,
            video=output,
            truth=truth,
            digits=digits,
            overwrite=overwrite,
            crf=crf,
            notify=note,
            progress=progress,
        )
    if not quiet:
        say(f"{output}: {counted(count, 'frame')}" + (f"; truth in {truth}" if truth else ""))


@cli.command()
@click.argument("config", type=FileName(), metavar="NAME|FILE")
@click.option("--out", type=OUTPUT, metavar="DIR", help="Weights and curve.  [runs/NAME]")
@click.option("--minutes", type=MINUTES, help="Stop after so many minutes.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="One setting: train.steps=100.")
@click.option("--device", default="cpu", type=click.Choice(["cpu", "cuda", "mps"]), show_default=True)
@click.option("--workers", default=1, type=PROCESSES, show_default=True, help="Processes that draw batches.")
@talking
def train(
    config: str,
    out: Path | None,
    minutes: float | None,
    overrides: tuple[str, ...],
    device: str,
    workers: int,
    quiet: bool,
    verbose: bool,
) -> None:
    """Train a network of lane slots on drawn scenes, by a recipe; goes on where it was stopped.

    Recipes that ship: street, and ground with foreground after it; or a file of your own. On several cards:
    torchrun --nproc-per-node N -m tracker train NAME --device cuda.
    """
    from tracker.inference import check_torch

    check_torch("tracker train", "train")
    from tracker.learning.group import started
    from tracker.learning.loop import RunOptions
    from tracker.lessons.recipes import run_recipe
    from tracker.progress import Shares

    first = started().first
    quiet = quiet or not first
    report = (lambda step, row: None) if quiet else (lambda step, row: note(f"step {step}: {row}"))
    shares = Shares((lambda line: None) if quiet else note)
    shares.begin(f"{Path(config).stem}: training")
    run = RunOptions(device, minutes, workers, report, shares)
    weights = run_recipe(config, overrides, out or Path("runs") / Path(config).stem, options=run)
    if first:
        say(weights)


@cli.command()
@click.argument("name", type=click.Choice((*PAPERS, "all")))
@click.option("--out", type=OUTPUT, metavar="DIR", help="Networks and report.  [runs/papers/NAME]")
@click.option(
    "--shipped",
    "recipe",
    flag_value="shipped",
    help="No training: the networks that ship (package rnnem-papers-networks).",
)
@click.option(
    "--quick", "recipe", flag_value="quick", help="Train all of it in --minutes (10), with high learning rates."
)
@click.option("--short", "recipe", flag_value="short", help="Hours on two CPU cores, with high learning rates.")
@click.option("--minutes", type=MINUTES, help="Without --quick: stop, and go on next time; each experiment of `all`.")
@click.option("--clips", type=CLIPS, default=1000, show_default=True, help="Test clips.")
@click.option("--digits", type=click.Path(path_type=Path), metavar="DIR", help="MNIST's idx files.  [scikit-learn's]")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="One setting: train.seed=1.")
@click.option("--device", default="cpu", type=click.Choice(["cpu", "cuda", "mps"]), show_default=True)
@click.option("--configs", type=FOLDER, metavar="DIR", help="Recipes.  [those that ship]")
@talking
def paper(
    name: str,
    out: Path | None,
    recipe: Literal["short", "quick", "shipped"] | None,
    minutes: float | None,
    clips: int,
    digits: Path | None,
    overrides: tuple[str, ...],
    device: str,
    configs: Path | None,
    quiet: bool,
    verbose: bool,
) -> None:
    """Repeat an experiment of the N-EM and R-NEM papers: train or go on, test, and write report.html.

    Without --shipped, --quick or --short it trains by the papers' protocol, for many hours. `all`: every experiment, and index.html.
    """
    if recipe == "shipped" and minutes is not None:
        raise click.UsageError("--minutes is for training, and --shipped trains nothing; leave one out")
    from tracker.inference import check_torch

    check_torch("tracker paper", "papers")
    from tracker.learning.group import started
    from tracker.papers.command import run_paper
    from tracker.papers.index import run_all
    from tracker.papers.weights import digits_change
    from tracker.recipes import PAPERS as RECIPES

    group = started()
    if name == "all" and group.size > 1:
        raise OptionError("tracker paper all: torchrun trains one experiment at a time; give its name")
    first = group.first
    tell: Callable[[str], None] = note if first and not quiet else (lambda text: None)
    carry_out = partial(
        run_paper, recipe=recipe or "papers", minutes=minutes, clips=clips, device=device, configs=configs or RECIPES, say=tell,
        overrides=[*overrides, *digits_change(digits)],
    )  # fmt: skip
    base = Path("runs") / "papers"
    page = run_all(out or base, carry_out, say=tell) if name == "all" else carry_out(name, out or base / name)
    if first:
        say(page)
