"""How far a run is, on stderr: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

LINE_EVERY_S = 10.0

SHARES = {"forwards": (0.0, 0.55), "backwards": (0.55, 0.2), "writing": (0.75, 0.25)}
"""Stages of a run that watches a file in both directions: where each begins, and its usual share of the time."""


class Report(Protocol):
    """How far a run is; see `pipeline.Progress`."""

    def __call__(self, done: int, total: int | None, /, *, stage: str = ...) -> None: ...


def overall(done: int, total: int | None, stage: str) -> float:
    """Frames done of the whole run, where a stage has done so many; the same where the run has but one."""
    begin, share = SHARES.get(stage, (0.0, 1.0))
    return begin * (total or 0) + share * done


def _named(stage: str) -> str:
    return f"{stage}, {list(SHARES).index(stage) + 1} of {len(SHARES)}" if stage in SHARES else "tracking"


@contextmanager
def shown_progress(*, quiet: bool = False, stream: TextIO | None = None) -> Iterator[Report | None]:
    """A function to call with (frames done, frames expected or None); None if quiet."""
    stream = stream or sys.stderr
    if quiet:
        yield None
    elif stream.isatty():
        with _bar(stream) as report:
            yield report
    else:
        yield plain_lines(stream)


def spaced(
    say: Callable[[str], None], stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
) -> Callable[[str], None]:
    """`say` on a terminal; elsewhere the first line, and then one every LINE_EVERY_S seconds at most."""
    if (stream or sys.stderr).isatty():
        return say
    last: float | None = None

    def now_and_then(text: str) -> None:
        nonlocal last
        if last is None or clock() - last >= LINE_EVERY_S:
            last = clock()
            say(text)

    return now_and_then


def plain_lines(stream: TextIO, clock: Callable[[], float] = time.monotonic) -> Report:
    """Say `frames 120/795, 31.4 fps, 22 s left` every LINE_EVERY_S seconds, behind the stage where there are several."""
    start = last = clock()

    def report(done: int, total: int | None, /, *, stage: str = "") -> None:
        nonlocal last
        now = clock()
        if now - last < LINE_EVERY_S:
            return
        last = now
        fps = overall(done, total, stage) / (now - start)
        left = f", {(total - overall(done, total, stage)) / fps:.0f} s left" if total and total > done and fps else ""
        named = f"{_named(stage)}: " if stage in SHARES else ""
        print(f"{named}frames {done}{f'/{total}' if total else ''}, {fps:.1f} fps{left}", file=stream, flush=True)

    return report


@contextmanager
def _bar(stream: TextIO) -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[frames]}"),
        TextColumn("{task.fields[fps]:.1f} fps"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=Console(file=stream), transient=True) as progress:
        task = progress.add_task("learning the scene", total=None, fps=0.0, frames="")
        start: float | None = None

        def report(done: int, total: int | None, /, *, stage: str = "") -> None:
            nonlocal start
            now = time.monotonic()
            start = start or now  # the first frame comes after the prescan, which is no part of the rate
            all_done = overall(done, total, stage)
            fps = (all_done - 1) / (now - start) if now > start and all_done > 1 else 0.0
            progress.update(
                task, completed=all_done, total=max(total, done) if total else None, fps=fps,
                frames=f"{done}/{total}" if total else str(done), description=_named(stage),
            )  # fmt: skip

        yield report
