"""A call that blocks in C, waited for so that Ctrl+C is heard at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

STEP_S = 0.1
"""Python runs a signal's handler between two steps."""

R = TypeVar("R")


def in_steps(call: Callable[[], R], *, limit_s: float) -> R:
    """What `call` returns or raises, run in a thread of its own.

    Raises TimeoutError after `limit_s` seconds. That, and Ctrl+C, leave the thread behind, which ends with the process; what it
    returns then is dropped.
    """
    end_s = time.monotonic() + limit_s
    results: list[R] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="connect", daemon=True)
    thread.start()
    while thread.is_alive():
        if time.monotonic() >= end_s:
            raise TimeoutError
        thread.join(STEP_S)
    if errors:
        raise errors[0]
    return results[0]
