"""The report of an experiment: the table beside the published numbers, figures and films, as a page and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from tracker.errors import SettingsError
from tracker.papers.cells import Cell
from tracker.papers.experiments import EXPERIMENTS, OBJECTS, Claim, Figure
from tracker.papers.pictures import (
    groupings,
    rollout,
    rollout_film,
    steps,
    write_curves,
    write_film,
    write_picture,
)
from tracker.papers.score_file import Tests
from tracker.papers.settings import ExperimentSettings
from tracker.papers.weights import digits_of
from tracker.report import page_environment
from tracker.sinks import write_text_whole

FOLDER = Path(__file__).parent
DIGITS = 3
"""of every number of the page: tests on 1,000 clips are not surer"""
FIGURES = (("figure", "png"), ("film", "mp4"))
TEST_SEED = 1
OF_TRAINING = "train."
"""changes that begin so leave an experiment the papers', however it was trained"""
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
    digits: str | None = None
    """whose it learned, "MNIST" or "scikit-learn"; None: it knows none, or its file does not say"""

    @property
    def shown(self) -> str | None:
        """Whose digits it was tested on."""
        return digits_of(self.settings) if self.settings.world.kind == "flying-digits" else None


@dataclass(frozen=True)
class ReportLine:
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


def report_files(name: str, out: Path) -> list[Path]:
    """What `write_report` may write."""
    figures = [
        f"{kind}-{number}.{ending}"
        for number in range(1, len(EXPERIMENTS[name].figures) + 1)
        for kind, ending in FIGURES
    ]
    return [out / file for file in ("report.html", "report.json", *figures)]


def check_page(name: str, out: Path) -> None:
    """Raises SettingsError if `out` holds another experiment's page, which would be left half there."""
    try:
        known = json.loads((out / "report.json").read_text(encoding="utf-8"))["experiment"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return  # none, or one that nothing can be said of
    if known != name:
        raise SettingsError(f"{out}: holds the page of the experiment {known}; choose another folder with --out")


def score(tests: Tests, test: str, key: str) -> float:
    """One number of a network's tests: `ari_first/40` is entry 40 of `ari_first`. NaN if there is none."""
    value: Any = tests.get(test, {})
    for part in key.split("/"):
        value = value.get(part, math.nan) if isinstance(value, dict) else math.nan
    return float(value)


def table(claims: Sequence[Claim], tests: dict[str, Tests], beyond: dict[str, Tests]) -> list[ReportLine]:
    """Ours beside what was published, and what goes beyond it."""
    lines = []
    for claim in claims:
        ours = score(tests[claim.run], claim.test, claim.score)
        apart = None if claim.published is None else ours - claim.published
        better = None if apart is None or math.isnan(apart) else (apart >= 0) == claim.more or apart == 0
        second = how = None
        if claim.beyond is not None and claim.beyond.run in beyond:
            second, how = score(beyond[claim.beyond.run], claim.beyond.test, claim.score), claim.beyond.how
        lines.append(ReportLine(claim.what, claim.run, ours, claim.published, apart, better, second, how, claim.source))
    return lines


def write_report(
    name: str, out: Path, trained: Sequence[Trained], *, recipe: Recipe, clips: int, beyond: dict[str, Tests],
    changes: Sequence[str] = (),
) -> Path:  # fmt: skip
    """Figures, films, report.json and report.html of tested networks; returns the page.

    What needs a network that is not among them is left out. `clips` of the test split were tested on. changes: settings that are not
    the recipe's, as --set takes them; those of networks, worlds or tests make the experiment another one than the papers'
    """
    experiment = EXPERIMENTS[name]
    out.mkdir(parents=True, exist_ok=True)
    tests = {one.name: one.tests for one in trained}
    lines = table([claim for claim in experiment.claims if claim.run in tests], tests, beyond)
    cells = {one.name: (one.cell.cpu(), one.settings) for one in trained}
    figures = []
    for number, figure in enumerate(experiment.figures, 1):
        figure = figure._replace(
            runs=tuple(run for run in figure.runs if run in cells and figure.test in cells[run][1].tests)
        )
        if not figure.runs:
            continue
        path, film = out / f"figure-{number}.png", None
        _draw(figure, path, cells, tests)
        if figure.kind == "rollout":
            film = f"film-{number}.mp4"
            write_film(rollout_film([cells[run] for run in figure.runs], figure.test, seed=TEST_SEED), out / film)
        figures.append({"file": path.name, "film": film, "caption": _caption(figure), "drawn": figure.kind})
    told = ("name", "updates", "parameters", "device", "finished")
    rows = [{key: getattr(one, key) for key in told} for one in trained]
    papers = all(change.startswith(OF_TRAINING) for change in changes)
    data = {
        "experiment": name, "recipe": recipe, "changes": list(changes), "papers": papers, "networks": rows,
        "table": [{key: _plain(value) for key, value in asdict(line).items()} for line in lines],
    }  # fmt: skip
    write_text_whole(out / "report.json", json.dumps(data, indent=1, allow_nan=False) + "\n")
    absent = [run for run in experiment.runs if run not in tests]
    page = page_environment(FOLDER).get_template("paper.html").render(
        experiment=experiment, recipe=recipe, trained=trained, absent=absent, lines=lines, figures=figures, clips=clips,
        seed=TEST_SEED, number=number_text, changes=changes,
        papers=papers, reached=sum(line.better is True for line in lines),
        published=sum(line.better is not None for line in lines),
    )  # fmt: skip
    report = out / "report.html"
    write_text_whole(report, page)
    return report


def _plain(value: Any) -> Any:
    """For JSON, which knows no NaN and no infinity."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def number_text(value: float | None, *, like: float | None = None, sign: bool = False) -> str:
    """A score with three digits, 0.0181, 0.864, 27.8, 1,234; with as many decimals as `like` has; a dash if it is not known."""
    if value is None or math.isnan(value):
        return "–"
    size = abs(value if like is None else like)
    leading = math.floor(math.log10(size)) if 0 < size < math.inf else -1
    decimals = min(max(0, DIGITS - 1 - leading), 6)
    return f"{value:{'+' if sign else ''},.{decimals}f}".replace("-", "−")


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
        watched = chosen[0][1].tests[figure.test].watched
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
