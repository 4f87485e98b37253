"""One experiment of the papers from beginning to end: train or go on, test, and write the page with table and figures.

out/RUN/            each network's training, as `train` leaves it, and scores.json
out/report.html     the page; figure-N.png beside it
out/report.json     the table, for programs
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jinja2 import Environment

from tracker.errors import SettingsError
from tracker.papers.cells import Cell
from tracker.papers.evaluation import evaluate
from tracker.papers.experiments import EXPERIMENTS, OBJECTS, Claim, Figure
from tracker.papers.pictures import check_matplotlib, groupings, rollout, steps, write_curves, write_picture
from tracker.papers.settings import ExperimentSettings
from tracker.papers.train import is_over, train
from tracker.papers.weights import load_cell
from tracker.settings import read_settings
from tracker.sinks.outputs import write_text_whole
from tracker.slots.device import choose_device

CONFIGS = Path(__file__).parents[2] / "configs" / "papers"
QUICK_MINUTES = 10.0
TEST_SEED = 1
Tests = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Trained:
    """One network of an experiment, tested."""

    name: str
    updates: int
    """of the weights that were tested: those of the lowest validation loss"""
    parameters: int
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
    source: str


def run_paper(
    name: str, out: Path, *, quick: bool = False, minutes: float | None = None, clips: int = 1000, device: str = "cpu",
    overrides: Sequence[str] = (), configs: Path = CONFIGS, say: Callable[[str], None] = lambda text: None,
) -> Path:  # fmt: skip
    """Carry out the experiment `name` in the folder `out`; returns the report.

    quick    large batches and rates that fall by the clock, all networks together in `minutes` (10): not the papers' protocol
    minutes  without quick: stop after about so long; the same call goes on where it stopped
    clips    of the test split that each test is made on
    Raises SettingsError if there are no recipes, or `out` holds another experiment's; MissingExtraError without matplotlib.
    """
    experiment, device = EXPERIMENTS[name], choose_device(device)
    check_matplotlib()  # before hours of training
    files = {run: configs / f"{run}.yaml" for run in experiment.runs}
    overlay = [configs / "quick.yaml"] if quick else []
    if absent := [str(file) for file in [*files.values(), *overlay] if not file.is_file()]:
        raise SettingsError(f"{absent[0]}: not found; run this in a copy of the repository, or give --configs")
    share = (minutes or QUICK_MINUTES) / len(files) if quick or minutes is not None else None
    clock = [f"train.clock_minutes={share:g}"] if quick else []
    trained = []
    for run, file in files.items():
        settings = read_settings(ExperimentSettings, [str(path) for path in (file, *overlay)], [*clock, *overrides])
        say(f"{run}: training in {out / run}")
        train(
            settings, out / run, device=device, minutes=None if quick else share, graph=device == "cuda",
            report=partial(_tell, say, run),
        )  # fmt: skip
        say(f"{run}: testing on {clips} clips")
        trained.append(_test(run, out / run, settings, clips=clips, device=device))
    return write_report(name, out, trained, quick=quick)


def _tell(say: Callable[[str], None], run: str, row: dict[str, Any]) -> None:
    say(f"{run}: update {row['step']}, validation loss {row['validation_loss']:.4g}, ARI {row['validation_ari']:.3f}")


def _test(run: str, folder: Path, settings: ExperimentSettings, *, clips: int, device: str) -> Trained:
    """Test the best weights; scores.json of the same weights and tests is taken as it is."""
    cell, _, updates = load_cell(folder / "best.safetensors", device=torch.device(device))
    asked = {"updates": updates, "weights": "best", "seed": TEST_SEED, "clips": clips}
    written = folder / "scores.json"
    found = json.loads(written.read_text()) if written.is_file() else {}
    if {key: found.get(key) for key in asked} != asked or set(found["tests"]) != set(settings.tests):
        tests = evaluate(cell, settings, clips=clips, seed=TEST_SEED, device=torch.device(device))
        found = {**asked, "tests": tests}
        write_text_whole(written, json.dumps(found, indent=1) + "\n")  # scores may be NaN
        found = json.loads(written.read_text())  # keys are text from here on, as they are when it is read again
    rows = [json.loads(line) for line in (folder / "curve.jsonl").read_text().splitlines()]
    return Trained(
        run, updates, sum(p.numel() for p in cell.parameters()), device, is_over(rows, settings.train), found["tests"]
    )


def score(tests: Tests, test: str, key: str) -> float:
    """One number of a network's tests: `ari_first/40` is entry 40 of `ari_first`. NaN if there is none."""
    value: Any = tests.get(test, {})
    for part in key.split("/"):
        value = value.get(part, math.nan) if isinstance(value, dict) else math.nan
    return float(value)


def table(claims: Sequence[Claim], tests: dict[str, Tests]) -> list[Line]:
    """Ours beside what was published."""
    lines = []
    for claim in claims:
        ours = score(tests[claim.run], claim.test, claim.score)
        apart = None if claim.published is None else ours - claim.published
        better = None if apart is None or math.isnan(apart) else (apart >= 0) == claim.more or apart == 0
        lines.append(Line(claim.what, claim.run, ours, claim.published, apart, better, claim.source))
    return lines


def write_report(name: str, out: Path, trained: Sequence[Trained], *, quick: bool) -> Path:
    """Figures, report.json and report.html of tested networks; returns the page."""
    experiment = EXPERIMENTS[name]
    tests = {one.name: one.tests for one in trained}
    lines = table(experiment.claims, tests)
    device = torch.device("cpu")
    cells = {one.name: load_cell(out / one.name / "best.safetensors", device=device)[:2] for one in trained}
    figures = []
    for number, figure in enumerate(experiment.figures, 1):
        path = out / f"figure-{number}.png"
        _draw(figure, path, cells, tests)
        figures.append({"file": path.name, "caption": _caption(figure)})
    rows = [{key: value for key, value in asdict(one).items() if key != "tests"} for one in trained]
    protocol = "quick" if quick else "the papers'"
    data = {"experiment": name, "protocol": protocol, "networks": rows, "table": [asdict(line) for line in lines]}
    write_text_whole(out / "report.json", json.dumps(data, indent=1) + "\n")
    page = Environment(autoescape=True).from_string((Path(__file__).parent / "page.html").read_text()).render(
        experiment=experiment, quick=quick, trained=trained, lines=lines, figures=figures
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
