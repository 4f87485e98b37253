"""How many threads OpenCV has while a run goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

_runs = 0
_before = 0
"""threads of OpenCV before the first of the runs that go on"""
_lock = Lock()


@contextmanager
def one_opencv_thread() -> Iterator[None]:
    """OpenCV works in the thread that asks it: the line has threads of its own, and small pictures are shared out at a loss.

    For whoever calls the line, and not in it: the number is the process's. 0 and not 1: they mean the same, but 1 waits for ever in a
    fork of a process in which OpenCV had several threads.
    """
    import cv2

    global _runs, _before
    with _lock:
        if not _runs:
            _before = cv2.getNumThreads()
            cv2.setNumThreads(0)
        _runs += 1
    try:
        yield
    finally:
        with _lock:
            _runs -= 1
            if not _runs:  # runs may end in another order than they began
                cv2.setNumThreads(_before)
