"""`tracker paper`: one experiment from beginning to end. Train or go on, or take the networks that ship; test; write the report.

out/RUN/            each network's training, as `train` leaves it, and scores.json
out/report.html     the page; figure-N.png and film-N.mp4 beside it
out/report.json     the table, for programs
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from tracker.errors import MissingExtraError, SettingsError, SourceError, WeightsError
from tracker.interrupt import asked_between_steps
from tracker.learning.device import choose_device
from tracker.learning.group import Group, training_group
from tracker.papers.cells import Cell
from tracker.papers.evaluation import evaluate, tested
from tracker.papers.experiments import EXPERIMENTS, OBJECTS, Experiment
from tracker.papers.pictures import check_matplotlib
from tracker.papers.report import TEST_SEED, Recipe, Trained, check_page, report_files, write_report
from tracker.papers.score_file import Tests, asked_of, read_scores, write_scores
from tracker.papers.settings import ExperimentSettings
from tracker.papers.train import BEGIN, is_over, train
from tracker.papers.weights import (
    NO_NETWORKS,
    digits_of,
    find_networks,
    load_cell,
    of_network,
    shipped_file,
    trained_digits,
    with_tests,
)
from tracker.papers.worlds import draw
from tracker.progress import Shares
from tracker.recipes import PAPERS
from tracker.settings import read_settings
from tracker.sinks import check_replaceable, hold
from tracker.sinks.outputs import writing

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
    Raises SettingsError if there are no recipes, if what is changed cannot be tested or is not of a network that ships, or if `out`
    holds another experiment's page; MissingExtraError without matplotlib, or if networks that ship are wanted and not installed;
    WeightsError if none of them is of the experiment; SinkError if `out` holds a page that is not an experiment's, or another run is
    writing it. All of it before anything is trained.
    """
    check_matplotlib()
    if recipe == "shipped" and find_networks() is None:
        raise MissingExtraError(f"{name}: {NO_NETWORKS}")
    check_page(name, out)
    for path in report_files(name, out):
        check_replaceable(path)
    with ExitStack() as stack:
        group = stack.enter_context(training_group(device))
        asked = stack.enter_context(asked_between_steps(several=group.size > 1))
        if group.first:
            stack.enter_context(hold(out, "report.html"))
        testing = _Testing(clips, choose_device(device), configs, say, Shares(say))
        experiment = EXPERIMENTS[name]
        shipped = _shipped(name, testing, overrides) if recipe == "shipped" else []
        recipes = {} if recipe == "shipped" else _recipes(experiment, recipe, testing, overrides, minutes=minutes)
        further = _beyond(experiment, testing, overrides) if group.first else []
        if recipe == "shipped":
            trained = [_test_shipped(network, testing) for network in shipped] if group.first else []
        else:
            trained = _train_all(
                recipes,
                out,
                testing,
                tests={run: _scored(experiment, run) for run in experiment.runs},
                minutes=None if recipe == "quick" else minutes,
                fused=recipe != "quick",
                group=group,
                asked_to_end=asked,
            )
        if not group.first:
            return out / "report.html"
        beyond = {network.run: _test_shipped(network, testing).tests for network in further}
        say(f"{name}: drawing figures and films")
        # whose digits were shown the page says, and not where they lie
        changes = [change for change in overrides if "digits" not in change or "path" not in change]
        return write_report(name, out, trained, recipe=recipe, clips=clips, beyond=beyond, changes=changes)


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


@dataclass(frozen=True)
class _Shipped:
    """A network that ships, before it is tested."""

    run: str
    path: Path
    cell: Cell
    settings: ExperimentSettings
    """as it is to be tested"""
    updates: int
    names: set[str]
    """of the tests that are wanted; those that its settings know are made"""


def _shipped(name: str, testing: _Testing, overrides: Sequence[str]) -> list[_Shipped]:
    """Those networks of an experiment that ship. Raises WeightsError if there are none, SettingsError for changes of a network itself."""
    networks = [
        _load_shipped(run, path, testing, names=_scored(EXPERIMENTS[name], run), overrides=overrides)
        for run in EXPERIMENTS[name].runs
        if (path := shipped_file(run)) is not None
    ]
    if not networks:
        raise WeightsError(f"{name}: none of its networks ships; train them, by the papers or with --short")
    return networks


def _load_shipped(
    run: str, path: Path, testing: _Testing, *, names: set[str], overrides: Sequence[str] = ()
) -> _Shipped:
    cell, settings, updates = load_cell(path, device=torch.device(testing.device))
    settings = with_tests(settings, run, testing.configs)
    changed = _changed(settings, [], overrides)
    if of_network(changed) != of_network(settings):
        raise SettingsError(
            f"{run}: ships trained, as it is; of --set only em, tests, world and train.bfloat16 can be changed for its tests, and of "
            "these neither the size of the pictures nor what a pixel is"
        )
    _check_tests(run, changed, names & changed.tests.keys())
    return _Shipped(run, path, cell, changed, updates, names)


def _test_shipped(network: _Shipped, testing: _Testing) -> Trained:
    run, settings, names = network.run, network.settings, network.names
    if missing := names - settings.tests.keys():
        testing.say(f"{network.path}: has no test {', '.join(sorted(missing))}, which stays empty; take a newer file")
    known = trained_digits(network.path)
    if known is not None and known != digits_of(settings):
        shown = "; --digits DIR gives MNIST's" if known == "MNIST" else ""
        testing.say(f"{run}: trained on the digits of {known}, tested on those of {digits_of(settings)}{shown}")
    testing.announce(run)
    cell, scores = network.cell, testing(network.cell, settings, names - missing)
    return Trained(run, network.updates, _parameters(cell), cell, settings, testing.device, True, scores, digits=known)


def _changed(
    settings: ExperimentSettings | None, files: Sequence[Path], overrides: Sequence[str]
) -> ExperimentSettings:
    """Settings with the changes that were asked for of all networks at once, as far as they are of this one.

    A network with one component is the baseline of those with several and keeps it; the folder of digits is for those that see any.
    """
    own = read_settings(ExperimentSettings, files, base=settings)
    changed = read_settings(ExperimentSettings, files, overrides, base=settings)
    if own.em.components == 1:
        changed = changed.model_copy(update={"em": changed.em.model_copy(update={"components": 1})})
    if changed.world.kind != "flying-digits":
        digits = changed.world.digits.model_copy(update={"path": own.world.digits.path})
        changed = changed.model_copy(update={"world": changed.world.model_copy(update={"digits": digits})})
    return changed


def _check_tests(run: str, settings: ExperimentSettings, names: set[str]) -> None:
    """Draw a clip of each test, of which a world may not be able to; raises what `worlds.draw` raises, and SettingsError for none."""
    if missing := names - settings.tests.keys():
        raise SettingsError(
            f"{run}: has no test {', '.join(sorted(missing))}, which the page shows; add it to the recipe's tests"
        )
    for name in sorted(names):
        world, _ = tested(settings, settings.tests[name])
        draw(world, batch=1, frames=2, seed=TEST_SEED, number=0, split="test", device=torch.device("cpu"))


def _scored(experiment: Experiment, run: str) -> set[str]:
    """The tests of a network whose scores the page shows; others are for pictures alone, or for other pages."""
    drawn = [figure for figure in experiment.figures if run in figure.runs]
    return {
        *(claim.test for claim in experiment.claims if claim.run == run),
        *(figure.test for figure in drawn if figure.kind == "curve"),
        *(f"objects-{count}" for count in OBJECTS if any(figure.kind == "objects" for figure in drawn)),
    }


def _beyond(experiment: Experiment, testing: _Testing, overrides: Sequence[str]) -> list[_Shipped]:
    """The networks of the table's second column that ship, with the same changes of worlds, iteration and tests as the first.

    One that these do not fit is left out, and it is said.
    """
    wanted: dict[str, set[str]] = {}
    for claim in experiment.claims:
        if claim.beyond is not None:
            wanted.setdefault(claim.beyond.run, set()).add(claim.beyond.test)
    if wanted and find_networks() is None:
        testing.say(f"the column of what goes beyond the papers is left out: {NO_NETWORKS}")
    changes = [change for change in overrides if change.startswith(("world.", "em.", "tests."))]
    networks = []
    for run, names in wanted.items():
        if (path := shipped_file(run)) is None:
            continue
        try:
            networks.append(_load_shipped(run, path, testing, names=names, overrides=changes))
        except (SettingsError, SourceError) as error:
            testing.say(f"{run}, beyond the papers: left out ({error})")
    return networks


def _recipes(
    experiment: Experiment, recipe: Recipe, testing: _Testing, overrides: Sequence[str], *, minutes: float | None
) -> dict[str, ExperimentSettings]:
    """How each network is trained. Raises SettingsError where a recipe is missing or cannot be tested."""
    share = (minutes or QUICK_MINUTES) / len(experiment.runs)
    clock = [f"train.clock_minutes={share:g}"] if recipe == "quick" else []
    made = {}
    for run in experiment.runs:
        made[run] = _changed(None, _recipe(run, recipe, testing.configs), [*clock, *overrides])
        _check_tests(run, made[run], _scored(experiment, run))
    return made


def _train_all(
    recipes: Mapping[str, ExperimentSettings],
    out: Path,
    testing: _Testing,
    *,
    tests: dict[str, set[str]],
    minutes: float | None,
    fused: bool,
    group: Group,
    asked_to_end: Callable[[], bool],
) -> list[Trained]:
    """Train the networks one after the other, or go on, and test each; the first process of a group tests them alone."""
    share = None if minutes is None else minutes / len(recipes)
    trained = []
    for number, (run, settings) in enumerate(recipes.items(), 1):
        # the others wait for it: they read what is copied
        group.shared(_take_over(run, out, settings, testing.say) if group.first else False)
        testing.say(f"{run}: training in {out / run}, network {number} of {len(recipes)}")
        testing.shares.begin(f"{run}: training")
        train(
            settings, out / run, device=testing.device, minutes=share, graph=testing.device == "cuda",
            fused=fused, report=partial(_tell, testing.shares), tell=testing.shares, asked_to_end=asked_to_end, group=group,
        )  # fmt: skip
        if group.any(asked_to_end()):
            raise KeyboardInterrupt
        testing.shares.end()
        if not group.first:
            continue
        testing.announce(run)
        trained.append(_test_trained(run, out / run, settings, testing, names=tests[run]))
    return trained


def _take_over(run: str, out: Path, settings: ExperimentSettings, say: Callable[[str], None]) -> bool:
    """Copy the network's training from another experiment's folder beside this one, where it is over and had the same settings.

    Returns whether there was one.
    """
    if (out / run).exists():
        return False
    for other in sorted(out.absolute().parent.glob(f"*/{run}")):
        if _is_such(other, settings):
            part = out / f"{run}.part-{secrets.token_hex(4)}"
            try:
                with writing(out / run):
                    shutil.copytree(other, part, ignore=shutil.ignore_patterns("scores.json"))
                    part.rename(out / run)
            finally:
                shutil.rmtree(part, ignore_errors=True)
            say(f"{run}: trained already, with the same settings; a copy of {other}")
            return True
    return False


def _is_such(folder: Path, settings: ExperimentSettings) -> bool:
    """Whether the folder has a training of these settings, from drawn weights, that is over; damaged files are none."""
    try:
        known = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
        written = (folder / "last.safetensors").exists() and not (folder / BEGIN).exists()
        return written and known == settings.model_dump(mode="json") and is_over(_rows(folder), settings.train)
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _rows(folder: Path) -> list[dict[str, Any]]:
    """The curve of a training that nobody is at work on."""
    return [json.loads(line) for line in (folder / "curve.jsonl").read_text(encoding="utf-8").splitlines()]


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
    """Test the best weights, or the last of a training that was stopped before its first row.

    scores.json of the same weights, settings and device is taken as it is.
    """
    kind = "best" if (folder / "best.safetensors").exists() else "last"
    weights = folder / f"{kind}.safetensors"
    cell, _, updates = load_cell(weights, device=torch.device(testing.device))
    asked = asked_of(
        weights, settings, updates=updates, clips=testing.clips, seed=TEST_SEED, device=testing.device, rounded=False
    )
    found = read_scores(folder / "scores.json", asked)
    if not names <= found.keys():
        found = testing(cell, settings, names)
        write_scores(folder / "scores.json", asked, found)
    over, digits = is_over(_rows(folder), settings.train), trained_digits(weights)
    return Trained(run, updates, _parameters(cell), cell, settings, testing.device, over, found, digits=digits)


def _parameters(cell: Cell) -> int:
    return sum(p.numel() for p in cell.parameters())
