"""Training batches drawn ahead of their use by other processes."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, TypeVar

import torch

from tracker.children import deaf_children, end_with_parent

Drawn = TypeVar("Drawn")


def drawn_ahead(
    draw: Callable[..., Drawn], arguments: Iterable[tuple[Any, ...]], *, workers: int = 1
) -> Generator[Drawn, None, None]:
    """`draw(*each)` for each of `arguments`, in order, computed by `workers` processes before it is asked for.

    Processes, not threads: drawing holds the interpreter's lock, and its threads would compete with the network's for the cores.
    The results do not depend on `workers`, only the waiting does.
    """
    with deaf_children():
        made = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start_worker)
    with made as pool:
        pending: deque[Future[Drawn]] = deque()
        try:
            for each in arguments:
                with deaf_children():  # the first call starts the processes
                    pending.append(pool.submit(draw, *each))
                if len(pending) > workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for unused in pending:
                unused.cancel()


def _start_worker() -> None:
    """One thread a process: the networks in several processes must not compete for the cores."""
    end_with_parent()
    torch.set_num_threads(1)
