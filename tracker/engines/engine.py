"""What a pool of processes and a cluster have in common: tasks go in one by one, results come out as they are ready."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

Task = TypeVar("Task")
Value = TypeVar("Value")


@dataclass(frozen=True)
class Needs:
    """What one task takes of a machine while it runs."""

    cores: float = 1.0
    memory_mb: float = 0.0
    """0: not known"""
    gpus: float = 0.0
    """a share of one, or several"""


@dataclass(frozen=True)
class Done(Generic[Task, Value]):
    """What became of one task."""

    task: Task
    value: Value | None
    """what the work returned; None where there is a problem"""
    problem: str | None = None
    """one line: the work raised an error, or its worker died every time"""
    attempts: int = 1
    """how often it was begun"""


class Engine(Protocol):
    """Runs one function over many tasks."""

    @property
    def workers(self) -> int:
        """How many tasks run at once, as far as is known now."""
        ...

    def map(self, work: Callable[[Task], Value], tasks: Iterable[Task]) -> Iterator[Done[Task, Value]]:
        """What became of each task, in the order in which they end.

        work   a function of a module, and tasks and values that pickle: they travel to another process or machine
        tasks  read as workers become free, never more than a few for each worker ahead

        An error of the work is the problem of its task alone. A task whose worker dies is begun again, a few times. Closing the
        iteration ends the workers. Ctrl+C is KeyboardInterrupt.
        """
        ...
