"""Ctrl+C between two frames rather than in the middle of one, so that every result holds the same frames."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupts:
    """While entered, Ctrl+C raises KeyboardInterrupt at once, but inside `held()` only at its end.

    A second Ctrl+C does not wait. Outside the main thread, or where the caller ignores the signal, nothing is changed.
    """

    def __init__(self) -> None:
        self._held = False
        self._asked = False
        self._installed = False

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.getsignal(signal.SIGINT)
            if self._before is signal.default_int_handler:
                signal.signal(signal.SIGINT, self._on_signal)
                self._installed = True
        return self

    def __exit__(self, *error: object) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, self._before)
            self._installed = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Finish what is inside first."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._asked:
            self._asked = False
            raise KeyboardInterrupt

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._held and not self._asked:
            self._asked = True
            return
        raise KeyboardInterrupt
