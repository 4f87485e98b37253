"""One experiment of the papers from beginning to end: train or go on, test, and write the page with table and figures.

out/RUN/            each network's training, as `train` leaves it, and scores.json
out/report.html     the page; figure-N.png and film-N.mp4 beside it
out/report.json     the table, for programs
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from jinja2 import Environment

from tracker.errors import SettingsError, WeightsError
from tracker.learning.device import choose_device
from tracker.papers.cells import Cell
from tracker.papers.evaluation import evaluate
from tracker.papers.experiments import EXPERIMENTS, OBJECTS, Claim, Experiment, Figure
from tracker.papers.pictures import (
    check_matplotlib,
    groupings,
    rollout,
    rollout_film,
    steps,
    write_curves,
    write_film,
    write_picture,
)
from tracker.papers.settings import ExperimentSettings
from tracker.papers.train import is_over, train
from tracker.papers.weights import SHIPPED, load_cell
from tracker.settings import read_settings
from tracker.sinks import check_replaceable, hold, write_text_whole

CONFIGS = Path(__file__).parents[2] / "configs" / "papers"
QUICK_MINUTES = 10.0
FIGURES = (("figure", "png"), ("film", "mp4"))
TEST_SEED = 1
Tests = dict[str, dict[str, Any]]
Recipe = Literal["papers", "short", "quick", "shipped"]


@dataclass(frozen=True)
class Trained:
    """One network of an experiment, tested."""

    name: str
    updates: int
    """of the weights that were tested: those of the lowest validation loss"""
    parameters: int
    cell: Cell
    """on the device it was tested on"""
    settings: ExperimentSettings
    """as it was tested"""
    device: str
    finished: bool
    """whether its training is over, or was stopped and can go on"""
    tests: Tests


@dataclass(frozen=True)
class Line:
    """One line of the table."""

    what: str
    run: str
    ours: float
    published: float | None
    difference: float | None
    """ours less published"""
    better: bool | None
    beyond: float | None
    """the second column: what goes beyond the papers' network and protocol"""
    how: str | None
    """what that is"""
    source: str


def run_paper(
    name: str, out: Path, *, recipe: Recipe = "papers", minutes: float | None = None, clips: int = 1000,
    device: str = "cpu", overrides: Sequence[str] = (), configs: Path = CONFIGS,
    say: Callable[[str], None] = lambda text: None,
) -> Path:  # fmt: skip
    """Carry out the experiment `name` in the folder `out`; returns the report.

    recipe   papers: their protocol; short: rates and schedules with which two processor cores are done in hours; quick: rates that
             fall by the clock, all networks together in `minutes` (10); shipped: no training, the networks that come along
    minutes  papers and short: stop after about so long; the same call goes on where it stopped
    clips    of the test split that each test is made on
    Raises SettingsError if there are no recipes, or `out` holds another experiment's; WeightsError if no network of the experiment
    comes along; MissingExtraError without matplotlib; SinkError if `out` holds a page that is not an experiment's, or another run
    is writing it.
    """
    check_matplotlib()  # before hours of training
    for path in _pages(name, out):
        check_replaceable(path)
    with hold(out, "report.html"):
        return _run_paper(
            name,
            out,
            recipe=recipe,
            minutes=minutes,
            clips=clips,
            device=device,
            overrides=overrides,
            configs=configs,
            say=say,
        )


def _pages(name: str, out: Path) -> list[Path]:
    """What `write_report` may write."""
    figures = [
        f"{kind}-{number}.{ending}"
        for number in range(1, len(EXPERIMENTS[name].figures) + 1)
        for kind, ending in FIGURES
    ]
    return [out / file for file in ("report.html", "report.json", *figures)]


def _run_paper(
    name: str, out: Path, *, recipe: Recipe, minutes: float | None, clips: int, device: str, overrides: Sequence[str], configs: Path,
    say: Callable[[str], None],
) -> Path:  # fmt: skip
    experiment, device = EXPERIMENTS[name], choose_device(device)
    if recipe == "shipped":
        trained = [
            _shipped(run, overrides, names=_scored(experiment, run), clips=clips, device=device, say=say)
            for run in experiment.runs
            if _ships(run)
        ]
        if not trained:
            raise WeightsError(f"{name}: none of its networks ships; train them, by the papers or with --short")
        return write_report(
            name, out, trained, recipe=recipe, beyond=_beyond(name, clips=clips, device=device, say=say)
        )
    recipes = {run: _recipe(run, recipe, configs) for run in experiment.runs}
    share = (minutes or QUICK_MINUTES) / len(recipes) if recipe == "quick" or minutes is not None else None
    clock = [f"train.clock_minutes={share:g}"] if recipe == "quick" else []
    trained = []
    for run, files in recipes.items():
        settings = read_settings(ExperimentSettings, files, [*clock, *overrides])
        say(f"{run}: training in {out / run}")
        train(
            settings, out / run, device=device, minutes=None if recipe == "quick" else share, graph=device == "cuda",
            fused=recipe != "quick", report=partial(_tell, say, run),
        )  # fmt: skip
        say(f"{run}: testing on {clips} clips")
        trained.append(_test(run, out / run, settings, clips=clips, device=device))
    return write_report(name, out, trained, recipe=recipe, beyond=_beyond(name, clips=clips, device=device, say=say))


def _recipe(run: str, recipe: Recipe, configs: Path) -> list[Path]:
    """The experiment's file, and what the recipe lays over it. Raises SettingsError if one is missing.

    Over balls-rnn-em go short.yaml and the closest there is of short/balls-rnn-em.yaml, short/balls-rnn.yaml and short/balls.yaml.
    """
    files = [configs / f"{run}.yaml", *([] if recipe == "papers" else [configs / f"{recipe}.yaml"])]
    if absent := [file for file in files if not file.is_file()]:
        raise SettingsError(f"{absent[0]}: not found; run this in a copy of the repository, or give --configs")
    words = run.split("-")
    names = ["-".join(words[:count]) for count in range(len(words), 0, -1)]
    own = [file for name in names if (file := configs / recipe / f"{name}.yaml").is_file()]
    return [*files, *own[:1]]


def _ships(run: str) -> bool:
    return (SHIPPED / f"{run}.safetensors").is_file()


def _scored(experiment: Experiment, run: str) -> set[str]:
    """The tests of a network whose scores the page shows; others are for pictures alone, or for other pages."""
    drawn = [figure for figure in experiment.figures if run in figure.runs]
    return {
        *(claim.test for claim in experiment.claims if claim.run == run),
        *(figure.test for figure in drawn if figure.kind == "curve"),
        *(f"objects-{count}" for count in OBJECTS if any(figure.kind == "objects" for figure in drawn)),
    }


def _shipped(
    run: str, overrides: Sequence[str] = (), *, names: set[str], clips: int, device: str, say: Callable[[str], None]
) -> Trained:  # fmt: skip
    """Test a network that comes with the package, by the tests named."""
    cell, settings, updates = load_cell(SHIPPED / f"{run}.safetensors", device=torch.device(device))
    settings = read_settings(ExperimentSettings, [], overrides, base=settings)
    say(f"{run}: testing on {clips} clips")
    tests = evaluate(cell, settings, clips=clips, seed=TEST_SEED, device=torch.device(device), names=sorted(names))
    tests = json.loads(json.dumps(tests))  # keys as they are when a file of scores is read
    return Trained(run, updates, _parameters(cell), cell, settings, device, True, tests)


def _beyond(name: str, *, clips: int, device: str, say: Callable[[str], None]) -> dict[str, Tests]:
    """The second column's tests, by network; of those that ship."""
    wanted: dict[str, set[str]] = {}
    for claim in EXPERIMENTS[name].claims:
        if claim.beyond is not None and _ships(claim.beyond.run):
            wanted.setdefault(claim.beyond.run, set()).add(claim.beyond.test)
    return {run: _shipped(run, names=names, clips=clips, device=device, say=say).tests for run, names in wanted.items()}


def _parameters(cell: Cell) -> int:
    return sum(p.numel() for p in cell.parameters())


def _tell(say: Callable[[str], None], run: str, row: dict[str, Any]) -> None:
    say(f"{run}: update {row['step']}, validation loss {row['validation_loss']:.4g}, ARI {row['validation_ari']:.3f}")


def _test(run: str, folder: Path, settings: ExperimentSettings, *, clips: int, device: str) -> Trained:
    """Test the best weights; scores.json of the same weights and tests is taken as it is."""
    cell, _, updates = load_cell(folder / "best.safetensors", device=torch.device(device))
    asked = {"updates": updates, "weights": "best", "seed": TEST_SEED, "clips": clips}
    written = folder / "scores.json"
    found = _read_scores(written)
    if {key: found.get(key) for key in asked} != asked or set(found.get("tests", ())) != set(settings.tests):
        tests = evaluate(cell, settings, clips=clips, seed=TEST_SEED, device=torch.device(device))
        found = {**asked, "tests": tests}
        write_text_whole(written, json.dumps(found, indent=1) + "\n")  # scores may be NaN
        found = json.loads(written.read_text())  # keys are text from here on, as they are when it is read again
    rows = [json.loads(line) for line in (folder / "curve.jsonl").read_text().splitlines()]
    over = is_over(rows, settings.train)
    return Trained(run, updates, _parameters(cell), cell, settings, device, over, found["tests"])


def _read_scores(path: Path) -> dict[str, Any]:
    """What `_test` wrote; nothing where there is none or it is damaged: it is tested again."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def score(tests: Tests, test: str, key: str) -> float:
    """One number of a network's tests: `ari_first/40` is entry 40 of `ari_first`. NaN if there is none."""
    value: Any = tests.get(test, {})
    for part in key.split("/"):
        value = value.get(part, math.nan) if isinstance(value, dict) else math.nan
    return float(value)


def table(claims: Sequence[Claim], tests: dict[str, Tests], beyond: dict[str, Tests]) -> list[Line]:
    """Ours beside what was published, and what goes beyond it."""
    lines = []
    for claim in claims:
        ours = score(tests[claim.run], claim.test, claim.score)
        apart = None if claim.published is None else ours - claim.published
        better = None if apart is None or math.isnan(apart) else (apart >= 0) == claim.more or apart == 0
        second = how = None
        if claim.beyond is not None and claim.beyond.run in beyond:
            second, how = score(beyond[claim.beyond.run], claim.beyond.test, claim.score), claim.beyond.how
        lines.append(Line(claim.what, claim.run, ours, claim.published, apart, better, second, how, claim.source))
    return lines


def write_report(name: str, out: Path, trained: Sequence[Trained], *, recipe: Recipe, beyond: dict[str, Tests]) -> Path:
    """Figures, films, report.json and report.html of tested networks; returns the page.

    What needs a network that is not among them is left out.
    """
    experiment = EXPERIMENTS[name]
    out.mkdir(parents=True, exist_ok=True)
    tests = {one.name: one.tests for one in trained}
    lines = table([claim for claim in experiment.claims if claim.run in tests], tests, beyond)
    cells = {one.name: (one.cell.cpu(), one.settings) for one in trained}
    figures = []
    for number, figure in enumerate(experiment.figures, 1):
        figure = figure._replace(runs=tuple(run for run in figure.runs if run in cells))
        if not figure.runs:
            continue
        path, film = out / f"figure-{number}.png", None
        _draw(figure, path, cells, tests)
        if figure.kind == "rollout":
            film = f"film-{number}.mp4"
            write_film(rollout_film([cells[run] for run in figure.runs], figure.test, seed=TEST_SEED), out / film)
        figures.append({"file": path.name, "film": film, "caption": _caption(figure)})
    told = ("name", "updates", "parameters", "device", "finished")
    rows = [{key: getattr(one, key) for key in told} for one in trained]
    data = {"experiment": name, "recipe": recipe, "networks": rows, "table": [asdict(line) for line in lines]}
    write_text_whole(out / "report.json", json.dumps(data, indent=1) + "\n")
    absent = [run for run in experiment.runs if run not in tests]
    page = Environment(autoescape=True).from_string((Path(__file__).parent / "page.html").read_text()).render(
        experiment=experiment, recipe=recipe, trained=trained, absent=absent, lines=lines, figures=figures
    )  # fmt: skip
    report = out / "report.html"
    write_text_whole(report, page)
    return report


def _draw(
    figure: Figure, path: Path, cells: dict[str, tuple[Cell, ExperimentSettings]], tests: dict[str, Tests]
) -> None:
    chosen = [cells[run] for run in figure.runs]
    if figure.kind == "groupings":
        write_picture(groupings(chosen, figure.test, seed=TEST_SEED), path)
    elif figure.kind == "steps":
        write_picture(steps(*chosen[0], figure.test, seed=TEST_SEED), path)
    elif figure.kind == "rollout":
        write_picture(rollout(chosen, figure.test, seed=TEST_SEED), path)
    elif figure.kind == "objects":
        curves = {run: {n: score(tests[run], f"objects-{n}", figure.score) for n in OBJECTS} for run in figure.runs}
        write_curves(curves, path, across="objects", up=_named(figure.score))
    else:
        curves = {
            run: dict(enumerate(map(_number, tests[run].get(figure.test, {}).get(figure.score, [])), 1))
            for run in figure.runs
        }
        watched = chosen[0][1].tests[figure.test].watched if figure.test in chosen[0][1].tests else None
        trained_steps = chosen[0][1].em.steps
        longest = max(map(len, curves.values()))
        mark = watched or (trained_steps if longest > trained_steps else None)
        write_curves(curves, path, across="step", up=_named(figure.score), mark=mark)


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _named(key: str) -> str:
    return {"ami_by_step": "AMI", "bce_by_step": "BCE", "bce_last": "BCE, last step"}.get(key, key)


def _caption(figure: Figure) -> str:
    rows = {
        "groupings": f" Rows: the pictures; {', '.join(figure.runs)}.",
        "rollout": f" Rows: the frames; {', '.join(figure.runs)}.",
        "steps": " Rows: the frame, the noisy input, who owns each pixel, then one row for each component's psi.",
    }
    return figure.caption + rows.get(figure.kind, "")
