"""How far a run is, on stderr: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

from tracker import timing

LINE_EVERY_S = 10.0
REDRAWN_EVERY_S = 0.2
"""seconds after which a line on a terminal is written anew"""

SHARES = {
    "forwards": (0.0, 0.5, "1 of 3"), "backwards": (0.5, 0.3, "2 of 3"), "writing": (0.8, 0.2, "3 of 3"),
    "parts": (0.0, 0.8, "1 of 2"), "writing of parts": (0.8, 0.2, "2 of 2"),
}  # fmt: skip
"""Stages of a run that watches a file in both directions, as a whole or in parts: where each begins, its usual share of the time, and
which of how many it is."""


class Report(Protocol):
    """How far a run is; see `pipeline.Progress`."""

    def __call__(self, done: int, total: int | None, /, *, stage: str = ...) -> None: ...


def overall(done: int, total: int | None, stage: str) -> float:
    """Frames done of the whole run, where a stage has done so many; the same where the run has but one."""
    begin, share, _ = SHARES.get(stage, (0.0, 1.0, ""))
    return begin * (total or 0) + share * done


def _named(stage: str) -> str:
    return f"{stage}, {SHARES[stage][2]}" if stage in SHARES else stage or "tracking"


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


class _Rate:
    """Frames a second since the first call: what comes before it, the prescan or what an earlier run did, is no part of it."""

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None

    def __call__(self, done: float, now: float) -> float | None:
        """Of so many frames done by now; None at the first call, and while no time has passed."""
        if self._first is None:
            self._first = done, now
        before, began = self._first
        return (done - before) / (now - began) if now > began else None


def plain_lines(stream: TextIO, clock: Callable[[], float] = time.monotonic) -> Report:
    """Say `frames 120/795, 31.4 fps, 0:22 left` every LINE_EVERY_S seconds, behind the stage where there are several.

    The rate and what is left count from the first frame: what comes before it, such as the prescan, comes once.
    """
    last, rate = clock(), _Rate()

    def report(done: int, total: int | None, /, *, stage: str = "") -> None:
        nonlocal last
        now, all_done = clock(), overall(done, total, stage)
        fps = rate(all_done, now)
        if now - last < LINE_EVERY_S or fps is None:
            return
        last = now
        left = (
            f", {timing.clock((total - all_done) / fps, tenths=False)} left" if total and total > done and fps else ""
        )
        named = f"{_named(stage)}: " if stage else ""
        print(f"{named}frames {done}{f'/{total}' if total else ''}, {fps:.1f} fps{left}", file=stream, flush=True)

    return report


class Counted(Protocol):
    """Clips of a batch, counted as they end; see `batch.Totals`."""

    clips: int
    failed: int

    @property
    def over(self) -> int: ...

    @property
    def worked(self) -> int: ...


def clip_lines(stream: TextIO, clock: Callable[[], float] = time.monotonic) -> Callable[[Counted], None]:
    """Say `clips 120/4000, 2 failed, 31.4 a minute, 1:02:03 left`: on a terminal in one place, elsewhere every LINE_EVERY_S seconds.

    The rate is that of clips that are worked on, not of those that are skipped.
    """
    began = last = clock()
    alone = stream.isatty()

    def report(totals: Counted) -> None:
        nonlocal last
        now, over = clock(), totals.over == totals.clips
        if now - last < (REDRAWN_EVERY_S if alone else LINE_EVERY_S) and not (over and alone):
            return
        last = now
        rate = totals.worked / (now - began) if now > began else 0.0
        left = f", {timing.clock((totals.clips - totals.over) / rate, tenths=False)} left" if rate and not over else ""
        failed = f", {totals.failed} failed" if totals.failed else ""
        line = f"clips {totals.over}/{totals.clips}{failed}, {60 * rate:.1f} a minute{left}"
        print(f"\r{line}\x1b[K" if alone else line, file=stream, end="\n" if over or not alone else "", flush=True)

    return report


class Shares:
    """Lines about work of which it is known how much is over, every LINE_EVERY_S seconds: `balls: training 43 %, 3:20 left`."""

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._say, self._clock = say, clock
        self._last = clock()
        self.begin("")

    def begin(self, what: str) -> None:
        """Something else is worked on from now on."""
        self._what, self._began, self._note = what, self._clock(), ""
        self._first: float | None = None

    def note(self, text: str) -> None:
        """What stands in the following lines, until there is something newer."""
        self._note = f", {text}"

    def end(self) -> None:
        """It is done: the newest note is said if there is one."""
        if self._note:
            self._say(f"{self._what} done{self._note}")

    def __call__(self, share: float) -> None:
        """So much of it, 0 to 1, is over."""
        now, self._first = self._clock(), share if self._first is None else self._first
        if now - self._last < LINE_EVERY_S:
            return
        self._last, here = now, share - self._first  # what an earlier run did took none of this one's time
        left = f", {timing.clock((now - self._began) * (1 - share) / here, tenths=False)} left" if here > 0 else ""
        self._say(f"{self._what} {100 * share:.0f} %{self._note}{left}")


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
        rate = _Rate()

        def report(done: int, total: int | None, /, *, stage: str = "") -> None:
            all_done = overall(done, total, stage)
            fps = rate(all_done, time.monotonic()) or 0.0
            progress.update(
                task, completed=all_done, total=max(total, done) if total else None, fps=fps,
                frames=f"{done}/{total}" if total else str(done), description=_named(stage),
            )  # fmt: skip

        yield report
