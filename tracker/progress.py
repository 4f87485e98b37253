"""How far a run is, on stderr: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

LINE_EVERY_S = 10.0

Report = Callable[[int, "int | None"], None]


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


def plain_lines(stream: TextIO, clock: Callable[[], float] = time.monotonic) -> Report:
    """Say `frames 120/795, 31.4 fps, 22 s left` every LINE_EVERY_S seconds."""
    start = last = clock()

    def report(done: int, total: int | None) -> None:
        nonlocal last
        now = clock()
        if now - last < LINE_EVERY_S:
            return
        last = now
        fps = done / (now - start)
        left = f", {(total - done) / fps:.0f} s left" if total and total > done else ""
        print(f"frames {done}{f'/{total}' if total else ''}, {fps:.1f} fps{left}", file=stream, flush=True)

    return report


@contextmanager
def _bar(stream: TextIO) -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[fps]:.1f} fps"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=Console(file=stream), transient=True) as progress:
        task = progress.add_task("learning the scene", total=None, fps=0.0)
        start: float | None = None

        def report(done: int, total: int | None) -> None:
            nonlocal start
            now = time.monotonic()
            start = start or now  # the first frame comes after the prescan, which is no part of the rate
            fps = (done - 1) / (now - start) if now > start else 0.0
            progress.update(
                task, completed=done, total=max(total, done) if total else None, fps=fps, description="tracking"
            )

        yield report
