"""`tracker paper`: one experiment from beginning to end. Train or go on, or take the networks that ship; test; write the report.

out/RUN/            each network's training, as `train` leaves it, and scores.json
out/report.html     the page; figure-N.png and film-N.mp4 beside it
out/report.json     the table, for programs
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from tracker.errors import MissingExtraError, SettingsError, WeightsError
from tracker.interrupt import asked_between_steps
from tracker.learning.device import choose_device
from tracker.learning.group import Group, training_group
from tracker.papers.cells import Cell
from tracker.papers.evaluation import SCORES, evaluate
from tracker.papers.experiments import EXPERIMENTS, OBJECTS, Experiment
from tracker.papers.pictures import check_matplotlib
from tracker.papers.report import TEST_SEED, Recipe, Tests, Trained, report_files, write_report
from tracker.papers.settings import ExperimentSettings
from tracker.papers.train import is_over, train
from tracker.papers.weights import (
    NO_NETWORKS,
    digits_of,
    find_networks,
    load_cell,
    shipped_file,
    trained_digits,
    with_tests,
)
from tracker.progress import Shares
from tracker.recipes import PAPERS
from tracker.settings import read_settings
from tracker.sinks import check_replaceable, hold, write_text_whole

QUICK_MINUTES = 10.0


def run_paper(
    name: str, out: Path, *, recipe: Recipe = "papers", minutes: float | None = None, clips: int = 1000,
    device: str = "cpu", overrides: Sequence[str] = (), configs: Path = PAPERS,
    say: Callable[[str], None] = lambda text: None,
) -> Path:  # fmt: skip
    """Carry out the experiment `name` in the folder `out`; returns the report.

    recipe   papers: their protocol; short: rates and schedules with which two processor cores are done in hours; quick: rates that
             fall by the clock, all networks together in `minutes` (10); shipped: no training, the networks that ship
    minutes  papers and short: stop after about so long; the same call goes on where it stopped
    clips    of the test split that each test is made on
    Started by torchrun, with all the processes that it started: each has its part of every batch of a training.
    Raises SettingsError if there are no recipes, or `out` holds another experiment's; MissingExtraError without matplotlib, or if
    networks that ship are wanted and not installed; WeightsError if none of them is of the experiment; SinkError if `out` holds a
    page that is not an experiment's, or another run is writing it.
    """
    check_matplotlib()  # before hours of training
    if recipe == "shipped" and find_networks() is None:
        raise MissingExtraError(f"{name}: {NO_NETWORKS}")
    for path in report_files(name, out):
        check_replaceable(path)
    with ExitStack() as stack:
        group = stack.enter_context(training_group(device))
        asked = stack.enter_context(asked_between_steps(several=group.size > 1))
        if group.first:
            stack.enter_context(hold(out, "report.html"))
        testing = _Testing(clips, choose_device(device), configs, say, Shares(say))
        experiment = EXPERIMENTS[name]
        if recipe == "shipped":
            trained = _take_shipped(name, overrides, testing) if group.first else []
        else:
            recipes = {run: _recipe(run, recipe, configs) for run in experiment.runs}
            trained = _train_all(
                recipes,
                out,
                overrides,
                testing,
                tests={run: _scored(experiment, run) for run in recipes},
                minutes=minutes,
                quick=recipe == "quick",
                group=group,
                asked_to_end=asked,
            )
        if not group.first:
            return out / "report.html"
        changes = [
            change for change in overrides if change.startswith(("world.", "em.", "tests."))
        ]  # not of another network
        beyond = _test_beyond(experiment, testing, changes)
        say(f"{name}: drawing figures and films")
        return write_report(name, out, trained, recipe=recipe, clips=clips, beyond=beyond)


@dataclass(frozen=True)
class _Testing:
    """How networks are tested, and who is told."""

    clips: int
    device: str
    configs: Path
    """recipes, whose tests count"""
    say: Callable[[str], None]
    shares: Shares
    """of the network that is trained or tested"""

    def announce(self, run: str) -> None:
        """Say that a network is tested."""
        self.say(f"{run}: testing on {self.clips} clips")
        self.shares.begin(f"{run}: testing")

    def __call__(self, cell: Cell, settings: ExperimentSettings, names: Iterable[str] | None = None) -> Tests:
        """The scores of the tests named, or of all; keys as they are when a file of scores is read."""
        chosen = None if names is None else sorted(names)
        device = torch.device(self.device)
        tests = evaluate(
            cell, settings, clips=self.clips, seed=TEST_SEED, device=device, names=chosen, tell=self.shares
        )
        return json.loads(json.dumps(tests))  # type: ignore[no-any-return]


def _take_shipped(name: str, overrides: Sequence[str], testing: _Testing) -> list[Trained]:
    """Those networks of an experiment that ship, tested. Raises WeightsError if there are none."""
    experiment = EXPERIMENTS[name]
    trained = [
        _test_shipped(run, path, testing, names=_scored(experiment, run), overrides=overrides)
        for run in experiment.runs
        if (path := shipped_file(run)) is not None
    ]
    if not trained:
        raise WeightsError(f"{name}: none of its networks ships; train them, by the papers or with --short")
    return trained


def _test_shipped(
    run: str, path: Path, testing: _Testing, *, names: set[str], overrides: Sequence[str] = ()
) -> Trained:
    cell, settings, updates = load_cell(path, device=torch.device(testing.device))
    settings = with_tests(settings, run, testing.configs)
    settings = read_settings(ExperimentSettings, [], overrides, base=settings)
    if missing := names - settings.tests.keys():
        testing.say(f"{path}: has no test {', '.join(sorted(missing))}, which stays empty; take a newer file")
    known = trained_digits(path)
    if known is not None and known != digits_of(settings):
        shown = "; --digits DIR gives MNIST's" if known == "MNIST" else ""
        testing.say(f"{run}: trained on the digits of {known}, tested on those of {digits_of(settings)}{shown}")
    testing.announce(run)
    scores = testing(cell, settings, names - missing)
    return Trained(run, updates, _parameters(cell), cell, settings, testing.device, True, scores)


def _scored(experiment: Experiment, run: str) -> set[str]:
    """The tests of a network whose scores the page shows; others are for pictures alone, or for other pages."""
    drawn = [figure for figure in experiment.figures if run in figure.runs]
    return {
        *(claim.test for claim in experiment.claims if claim.run == run),
        *(figure.test for figure in drawn if figure.kind == "curve"),
        *(f"objects-{count}" for count in OBJECTS if any(figure.kind == "objects" for figure in drawn)),
    }


def _test_beyond(experiment: Experiment, testing: _Testing, overrides: Sequence[str]) -> dict[str, Tests]:
    """The tests of the table's second column, by network; of those networks that ship, with the same changes as the first."""
    wanted: dict[str, set[str]] = {}
    for claim in experiment.claims:
        if claim.beyond is not None:
            wanted.setdefault(claim.beyond.run, set()).add(claim.beyond.test)
    if wanted and find_networks() is None:
        testing.say(f"the column of what goes beyond the papers is left out: {NO_NETWORKS}")
    paths = {run: path for run in wanted if (path := shipped_file(run)) is not None}
    return {
        run: _test_shipped(run, path, testing, names=wanted[run], overrides=overrides).tests
        for run, path in paths.items()
    }


def _train_all(
    recipes: dict[str, list[Path]],
    out: Path,
    overrides: Sequence[str],
    testing: _Testing,
    *,
    tests: dict[str, set[str]],
    minutes: float | None,
    quick: bool,
    group: Group,
    asked_to_end: Callable[[], bool],
) -> list[Trained]:
    """Train the networks one after the other, or go on, and test each; the first process of a group tests them alone."""
    share = (minutes or QUICK_MINUTES) / len(recipes) if quick or minutes is not None else None
    clock = [f"train.clock_minutes={share:g}"] if quick else []
    trained = []
    for number, (run, files) in enumerate(recipes.items(), 1):
        settings = read_settings(ExperimentSettings, files, [*clock, *overrides])
        testing.say(f"{run}: training in {out / run}, network {number} of {len(recipes)}")
        testing.shares.begin(f"{run}: training")
        train(
            settings, out / run, device=testing.device, minutes=None if quick else share, graph=testing.device == "cuda",
            fused=not quick, report=partial(_tell, testing.shares), tell=testing.shares, asked_to_end=asked_to_end, group=group,
        )  # fmt: skip
        if group.any(asked_to_end()):
            raise KeyboardInterrupt
        testing.shares.end()
        if not group.first:
            continue
        testing.announce(run)
        trained.append(_test_trained(run, out / run, settings, testing, names=tests[run]))
    return trained


def _recipe(run: str, recipe: Recipe, configs: Path) -> list[Path]:
    """The experiment's file, and what the recipe lays over it: RECIPE/RUN.yaml where there is one, else RECIPE.yaml.

    Raises SettingsError if one is missing.
    """
    own = configs / recipe / f"{run}.yaml"
    laid_over = [] if recipe == "papers" else [own if own.is_file() else configs / f"{recipe}.yaml"]
    files = [configs / f"{run}.yaml", *laid_over]
    if absent := [file for file in files if not file.is_file()]:
        raise SettingsError(f"{absent[0]}: not found; check --configs")
    return files


def _tell(shares: Shares, row: dict[str, Any]) -> None:
    shares.note(f"update {row['step']}, validation loss {row['validation_loss']:.4g}, ARI {row['validation_ari']:.3f}")


def _test_trained(
    run: str, folder: Path, settings: ExperimentSettings, testing: _Testing, *, names: set[str]
) -> Trained:
    """Test the best weights; scores.json of the same weights and tests is taken as it is."""
    cell, _, updates = load_cell(folder / "best.safetensors", device=torch.device(testing.device))
    asked = {"updates": updates, "weights": "best", "seed": TEST_SEED, "clips": testing.clips, "scores": SCORES}
    written = folder / "scores.json"
    found = _read_scores(written)
    if {key: found.get(key) for key in asked} != asked or not names <= set(found.get("tests", ())):
        found = {**asked, "tests": testing(cell, settings, names)}
        write_text_whole(written, json.dumps(found, indent=1) + "\n")  # scores may be NaN
    rows = [json.loads(line) for line in (folder / "curve.jsonl").read_text().splitlines()]
    over = is_over(rows, settings.train)
    return Trained(run, updates, _parameters(cell), cell, settings, testing.device, over, found["tests"])


def _read_scores(path: Path) -> dict[str, Any]:
    """What `_test_trained` wrote; nothing where there is none or it is damaged: it is tested again."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _parameters(cell: Cell) -> int:
    return sum(p.numel() for p in cell.parameters())
