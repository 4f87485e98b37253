"""The engine of one machine: a pool of processes, with nothing to start beforehand."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator

from tracker.engines.engine import Done, Needs, Task, Value
from tracker.engines.pool import spread


class LocalEngine:
    """Runs tasks in processes of this machine, each of which does one after another.

    workers  tasks at a time; None: as many as the cores have room for
    needs    what a task takes: with `cores` it says how many fit, if `workers` does not

    Numerical libraries have as many threads in a worker as there are cores for each.
    """

    def __init__(self, workers: int | None = None, needs: Needs | None = None) -> None:
        self._cores = usable_cores()
        fitting = max(1, int(self._cores / max((needs or Needs()).cores, LEAST_CORES)))
        self._workers = fitting if workers is None else workers

    @property
    def workers(self) -> int:
        """How many tasks run at once."""
        return self._workers

    def map(self, work: Callable[[Task], Value], tasks: Iterable[Task]) -> Iterator[Done[Task, Value]]:
        """See `Engine.map`."""
        return spread(work, tasks, workers=self._workers, threads=max(1, self._cores // self._workers))


LEAST_CORES = 0.01
"""of a task; less would be more workers than a machine has processes"""


def usable_cores() -> int:
    """Those that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
