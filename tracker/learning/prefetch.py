"""Training batches drawn ahead of their use by other processes."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, TypeVar

import torch

from tracker.children import deaf_children, end_with_parent
from tracker.errors import TrackerError

Drawn = TypeVar("Drawn")


def drawn_ahead(
    draw: Callable[..., Drawn], arguments: Iterable[tuple[Any, ...]], *, workers: int = 1
) -> Generator[Drawn, None, None]:
    """`draw(*each)` for each of `arguments`, in order, computed by `workers` processes before it is asked for.

    Processes, not threads: drawing holds the interpreter's lock, and its threads would compete with the network's for the cores.
    The results do not depend on `workers`, only the waiting does.

    Raises TrackerError where one of these processes is ended from outside, beside what `draw` raises.
    """
    with deaf_children():
        made = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start_worker)
    with made as pool:
        pending: deque[Future[Drawn]] = deque()
        try:
            for each in arguments:
                with _whole(workers), deaf_children():  # the first call starts the processes
                    pending.append(pool.submit(draw, *each))
                if len(pending) > workers:
                    yield _result(pending.popleft(), workers)
            while pending:
                yield _result(pending.popleft(), workers)
        finally:
            for unused in pending:
                unused.cancel()


def _result(drawn: Future[Drawn], workers: int) -> Drawn:
    with _whole(workers):
        return drawn.result()


@contextmanager
def _whole(workers: int) -> Iterator[None]:
    """Raises TrackerError where a process of the pool has been ended."""
    try:
        yield
    except BrokenProcessPool:
        fewer = " or give fewer --workers" if workers > 1 else ""
        raise TrackerError(
            "a process that draws training batches ended by itself, killed perhaps since memory ran out; end other programs"
            f"{fewer}, and the same command goes on"
        ) from None


def _start_worker() -> None:
    """One thread a process: the networks in several processes must not compete for the cores."""
    end_with_parent()
    torch.set_num_threads(1)
