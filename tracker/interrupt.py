"""Ctrl+C, SIGTERM and SIGHUP: one orderly end, whatever comes and how often.

A run finishes the frame that it is at and its files. Signals are taken where waiting is long and nothing is half done: while
a source is opened, the scene is learned, a frame is waited for.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from tracker.children import ENDING


@contextmanager
def asked_between_steps(*, several: bool) -> Iterator[Callable[[], bool]]:
    """Whether an end was asked for, for several processes that a signal reaches at different moments and that end at one step.

    several  nothing is raised inside; otherwise signals raise as they do without this, and the answer is no
    """
    if not several:
        yield lambda: False
        return
    with Interrupts() as interrupts, interrupts.held():
        yield lambda: interrupts.asked


def end_asked() -> bool:
    """Whether an end was asked of what goes on in the main thread; any thread may ask."""
    entered = _entered()
    return entered is not None and entered.asked


def _entered() -> Interrupts | None:
    """Those that are in force. A caller may ignore some of the signals: in a script, `command &` ignores SIGINT."""
    owners = (getattr(signal.getsignal(number), "__self__", None) for number in ENDING)
    return next((owner for owner in owners if isinstance(owner, Interrupts)), None)


class Interrupts:
    """While entered, the first signal that asks for an end raises KeyboardInterrupt; further ones do nothing.

    Inside `held` nothing is raised, but within it, inside `allowed`, it is. Entered within another, it is that one. Outside
    the main thread, and for a signal that the caller ignores (nohup), nothing is changed.

    number  of the signal that came first, None before and once it is answered
    came    of the latest that asked for an end, answered or not
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self.came: int | None = None
        self._allowed = True
        self._before: dict[int, Any] = {}

    @property
    def asked(self) -> bool:
        """Whether an end was asked for."""
        return self.number is not None

    def answered(self) -> None:
        """The end that was asked for is the end of one part; the next signal asks anew."""
        self.number = None

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is not threading.main_thread():
            return self
        outer = _entered()
        if outer is not None:
            return outer
        for number in ENDING:
            before = signal.getsignal(number)
            if before in (signal.SIG_DFL, signal.default_int_handler):
                self._before[number] = before
                signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *error: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        self._before = {}

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nothing is raised inside, nor at its end: `asked` tells whether a signal came."""
        before, self._allowed = self._allowed, False
        try:
            yield
        finally:
            self._allowed = before

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """Within `held`: raise KeyboardInterrupt here, also for a signal that came before."""
        before, self._allowed = self._allowed, True
        try:
            if self.asked:
                raise KeyboardInterrupt
            yield
        finally:
            self._allowed = before

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        first = self.number is None
        if first:
            self.number = self.came = number
        if first and self._allowed:
            raise KeyboardInterrupt
