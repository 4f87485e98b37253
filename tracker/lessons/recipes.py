"""Recipes: a whole training of one of the lane networks as a YAML file, which says in `kind` which network it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from tracker.errors import SettingsError
from tracker.foreground import training as foreground_training
from tracker.foreground.settings import ForegroundTrainSettings
from tracker.foreground.weights import load_foreground, load_foreground_net
from tracker.inference import check_graphs_can_be_written
from tracker.interrupt import asked_between_steps
from tracker.learning.group import training_group
from tracker.learning.loop import DEFAULT_RUN, RunOptions
from tracker.lessons.foreground import DrawFrames, ForegroundClips
from tracker.lessons.street import DrawBatch, StreetClips
from tracker.recipes import TRAININGS, find_recipe
from tracker.settings import read_chain, read_settings
from tracker.sinks import hold
from tracker.slots import training as slots_training
from tracker.slots.settings import CellTrainSettings

OLD_KEY = "train_ground"
"""of the foreground network's recipes before they had a kind"""


class SlotsRecipe(StreetClips):
    """The training of lane slots' cell."""

    kind: Literal["slots"] = "slots"
    train: CellTrainSettings = CellTrainSettings()


class ForegroundRecipe(ForegroundClips):
    """The training of the foreground network."""

    kind: Literal["foreground"] = "foreground"
    train: ForegroundTrainSettings = ForegroundTrainSettings()


KINDS: dict[str, type[SlotsRecipe] | type[ForegroundRecipe]] = {"slots": SlotsRecipe, "foreground": ForegroundRecipe}


def read_recipe(config: str | Path, overrides: Sequence[str] = ()) -> SlotsRecipe | ForegroundRecipe:
    """The recipe of a file, or of the name of one that ships, and of those it extends. Raises SettingsError, one line, if it is none."""
    config = find_recipe(config, TRAININGS)
    return read_settings(_kind_of(config), [config], tuple(overrides))


def _kind_of(config: Path) -> type[SlotsRecipe] | type[ForegroundRecipe]:
    """The class of the recipe at `config`, by its own `kind` or that of a file it extends."""
    chain = read_chain(config)
    kinds = [content["kind"] for _, content in chain if "kind" in content]
    if not kinds:
        if any(OLD_KEY in content for _, content in chain):
            raise SettingsError(f"{config}: no kind; add `kind: foreground` and rename {OLD_KEY} to train")
        raise SettingsError(f"{config}: no kind; add `kind: slots` (lane slots' cell) or `kind: foreground`")
    kind = kinds[-1]
    if not isinstance(kind, str) or kind not in KINDS:
        raise SettingsError(f"{config}: kind = {str(kind)[:40]!r}: wanted {' or '.join(KINDS)}")
    return KINDS[kind]


def recorded(recipe: SlotsRecipe | ForegroundRecipe) -> dict[str, Any]:
    """All that a training's result depends on, as JSON has it: the recipe, and the sha256 of each weights file that it names.

    Raises WeightsError for a file that is missing or cannot be used.
    """
    digests = {}
    if isinstance(recipe, SlotsRecipe) and recipe.foreground is not None:
        digests["foreground.weights"] = load_foreground(recipe.foreground.weights)[1]
    if isinstance(recipe, ForegroundRecipe) and recipe.train.begin is not None:
        digests["train.begin"] = load_foreground_net(recipe.train.begin)[1]
    return recipe.model_dump(mode="json") | ({"sha256": digests} if digests else {})


def run_recipe(
    config: str | Path, overrides: Sequence[str], out: Path, *, options: RunOptions = DEFAULT_RUN
) -> Path:  # fmt: skip
    """Train what a recipe describes, a file or the name of one that ships, into the folder `out`; returns the weights file.

    Started by torchrun, with all the processes that it started: each has its part of the recipe's batch.
    Raises SettingsError for a recipe that is none, WeightsError for weights that it names and that cannot be used, and what the
    trainings raise.
    """
    recipe = read_recipe(config, overrides)
    check_graphs_can_be_written()
    with ExitStack() as stack:
        group = stack.enter_context(training_group(options.device))
        group.check_divides(recipe.train.batch)
        asked = stack.enter_context(asked_between_steps(several=group.size > 1))
        options = replace(options, group=group, asked_to_end=asked)
        if group.first:
            stack.enter_context(hold(out, "curve.jsonl"))
        run: Callable[..., Path]
        if isinstance(recipe, SlotsRecipe):
            run = partial(slots_training.train, recipe.train, DrawBatch(recipe.train, recipe, group))
        else:
            run = partial(foreground_training.train, recipe.train, DrawFrames(recipe.train, recipe))
        weights = run(out, recipe=recorded(recipe), options=options)
        if group.any(asked()):
            raise KeyboardInterrupt
    return weights
