"""Processes that this one starts: they hear no signal, and end when their parent ends them or has gone."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""The signals that ask for an end."""


@contextmanager
def deaf_children() -> Iterator[None]:
    """A process started here does not hear what reaches the whole group, such as Ctrl+C: `kill` ends it.

    Blocked, which is inherited, and not ignored: a signal that comes meanwhile is heard here at the end of the block.
    """
    if not hasattr(signal, "pthread_sigmask"):  # pragma: no cover (Windows)
        yield
        return
    from multiprocessing import resource_tracker  # help, which needs the signals alone, must be quick

    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        resource_tracker.ensure_running()  # the first process would start it, and it unblocks signals behind itself
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with_parent() -> None:
    """Said in a process that multiprocessing started: it ends when its parent has gone, whatever it is doing."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    """A parent that was killed cannot end its children, which would wait, or work, for nobody."""
    import multiprocessing

    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
