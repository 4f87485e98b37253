"""Fuzz the command for as long as asked, and tell what came of it: `make fuzz MINUTES=60`. Needs no hypothesis.

One case again, with its files kept in the folder that is named:

    PYTHONPATH=tests python tests/fuzz/hour.py --kind mp4 --seed 123
"""

from __future__ import annotations

import itertools
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import click
from cases import KINDS, make_case, make_samples
from runner import Ending, run

OUTCOMES = ("done", "refused", "usage", "ended", "out of memory", "fault")


def try_case(kind: str, seed: int, *, samples: Path, folder: Path) -> Ending:
    """Make one case in an empty folder and run it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return run(make_case(kind, seed, samples=samples, folder=folder), folder)


def load_libraries() -> None:
    """What every command loads, once."""
    import tracker.evaluation.workers
    import tracker.jobs.comparison
    import tracker.jobs.job
    import tracker.report
    import tracker.slots.segmenter
    import tracker.synth  # noqa: F401


def table(counts: Counter[tuple[str, str]]) -> str:
    """Inputs tried, by kind and outcome."""
    kinds = [kind for kind in KINDS if any(counts[kind, outcome] for outcome in OUTCOMES)]
    rows = [["kind", "tried", *OUTCOMES]]
    rows += [[kind, sum(counts[kind, o] for o in OUTCOMES), *(counts[kind, o] for o in OUTCOMES)] for kind in kinds]
    rows.append(["all", counts.total(), *(sum(counts[kind, o] for kind in kinds) for o in OUTCOMES)])
    return "\n".join(" ".join(f"{cell:>13}" for cell in row) for row in rows)


@click.command()
@click.option("--minutes", type=float, default=60.0, show_default=True)
@click.option("--kind", "kinds", type=click.Choice(KINDS), multiple=True, help="Only these; repeat.  [all in turn]")
@click.option("--first", type=int, default=0, show_default=True, help="First seed.")
@click.option("--seed", type=int, help="This case only, with all that it says.")
def main(minutes: float, kinds: tuple[str, ...], first: int, seed: int | None) -> None:
    """Run case after case; exit code 1 if a fault was found."""
    load_libraries()
    counts: Counter[tuple[str, str]] = Counter()
    faults: list[str] = []
    home = Path(tempfile.mkdtemp(prefix="tracker-fuzz-"))
    make_samples(home)
    end, told = time.monotonic() + 60 * minutes, time.monotonic()
    numbers = itertools.count(first) if seed is None else [seed]
    for number, kind in ((number, kind) for number in numbers for kind in kinds or KINDS):
        if time.monotonic() > end:
            break
        ending = try_case(kind, number, samples=home, folder=home / "case")
        counts[kind, ending.outcome] += 1
        if seed is not None:
            click.echo(f"{home / 'case'}: exit code {ending.code} after {ending.seconds:.1f} s\n{ending.stderr}")
        if ending.fault is not None:
            said = ending.stderr.strip().splitlines()
            faults.append(f"--kind {kind} --seed {number}: {ending.fault}: {said[-1][:300] if said else ''}")
            click.echo(faults[-1], err=True)
        if time.monotonic() - told > 60:
            told = time.monotonic()
            click.echo(f"{counts.total()} cases, {len(faults)} faults", err=True)
    click.echo(table(counts))
    click.echo("\n".join(["no fault"] if not faults else [f"{len(faults)} faults", *faults]))
    if seed is None:
        shutil.rmtree(home)
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
