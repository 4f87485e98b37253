"""Processes that do one task after another; one that dies loses only the task that it was at."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Generic, Literal, NamedTuple

from tracker.children import deaf_children, end_with_parent
from tracker.engines.engine import Done, Task, Value
from tracker.interrupt import Interrupts
from tracker.words import one_line

ATTEMPTS = 3
"""times that a task is begun whose worker dies: memory that was short may be there the next time, and a task that ends every worker
must not go on for ever"""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")
"""environment variables by which numerical libraries, when they are loaded, learn how many threads they have"""


def spread(
    work: Callable[..., Value],
    tasks: Iterable[Task],
    *,
    workers: int,
    attempts: int = ATTEMPTS,
    fresh: bool = False,
    threads: int | None = None,
    told: Callable[[Task, Any], None] | None = None,
) -> Generator[Done[Task, Value], None, None]:
    """What became of each task, in the order in which they end; see `Engine.map`.

    workers   tasks at a time
    attempts  how often a task is begun whose worker dies
    fresh     a process of its own for each task
    threads   of numerical libraries in a worker; None: as many as they take
    told      called with (task, message) while it is worked on; `work` then has a second argument, a function that sends a message

    A free worker has its next task before the outcome of its last is yielded. No process outlives the iteration.
    """
    crew: _Crew[Task, Value] = _Crew(work, iter(tasks), workers, attempts, fresh, threads, told)
    with Interrupts() as interrupts, interrupts.held(), closing(crew):
        outcomes = crew.fill(interrupts)
        while crew.busy or outcomes:
            yield from outcomes
            outcomes = []
            if crew.busy:
                with interrupts.allowed():
                    ready: list[Any] = wait(list(crew.busy))
                outcomes = [done for pipe in ready if (done := crew.hear(pipe)) is not None]
            outcomes += crew.fill(interrupts)


class _Message(NamedTuple):
    """What a worker says of its task."""

    kind: Literal["done", "failed", "told"]
    content: Any


class _Worker(NamedTuple):
    """A process, and our end of its pipe."""

    pipe: Any
    process: SpawnProcess


class _Turn(NamedTuple):
    """A worker, the task it is at, and how often that was begun."""

    worker: _Worker
    task: Any
    begun: int


@dataclass
class _Crew(Generic[Task, Value]):
    """The processes of one `spread`, and what each is at."""

    work: Callable[..., Value]
    source: Iterator[Task]
    workers: int
    attempts: int
    fresh: bool
    threads: int | None
    told: Callable[[Task, Any], None] | None

    def __post_init__(self) -> None:
        self.busy: dict[Any, _Turn] = {}
        self.idle: list[_Worker] = []
        self.again: deque[tuple[Task, int]] = deque()

    def fill(self, interrupts: Interrupts) -> list[Done[Task, Value]]:
        """Give every free worker a task; returns what became of one that cannot travel."""
        while len(self.busy) < self.workers:
            with interrupts.allowed():
                following = self.again.popleft() if self.again else next(((task, 0) for task in self.source), None)
            if following is None:
                break
            task, begun = following
            worker = self.idle.pop() if self.idle else _start(self.threads)
            try:
                # the task goes this way: `start` would wait for ever for a process that dies before it has read it
                with interrupts.allowed(), suppress(OSError):  # one that has died is found when it is listened to
                    worker.pipe.send((self.work, task, self.told is not None))
            except KeyboardInterrupt:
                self.idle.append(worker)
                raise
            except Exception as error:
                self.idle.append(worker)
                return [Done(task, None, one_line(error), begun + 1)]
            self.busy[worker.pipe] = _Turn(worker, task, begun + 1)
        return []

    def hear(self, pipe: Any) -> Done[Task, Value] | None:
        """The outcome of a worker's task; None if it has none yet."""
        worker, task, begun = self.busy[pipe]
        try:
            kind, content = pipe.recv()
        except (EOFError, OSError):
            return self._lost(self.busy.pop(pipe))
        except Exception as error:  # a value that cannot be made here
            kind, content = "failed", one_line(error)
        if kind == "told":
            if self.told is not None:
                self.told(task, content)
            return None
        del self.busy[pipe]
        if self.fresh:
            pipe.close()  # which ends it
            worker.process.join()
        else:
            self.idle.append(worker)
        return Done(task, content, None, begun) if kind == "done" else Done(task, None, content, begun)

    def _lost(self, turn: _Turn) -> Done[Task, Value] | None:
        """What comes of a task whose worker has died: it is begun again, or this is its outcome."""
        turn.worker.process.join()
        turn.worker.pipe.close()
        if turn.begun < self.attempts:
            self.again.append((turn.task, turn.begun))
            return None
        often = f", {turn.begun} times" if turn.begun > 1 else ""
        problem = f"its process ended with code {turn.worker.process.exitcode}{often}; out of memory?"
        return Done(turn.task, None, problem, turn.begun)

    def close(self) -> None:
        """End the processes."""
        every = [*self.idle, *(turn.worker for turn in self.busy.values())]
        for worker in every:
            worker.process.kill()
        for worker in every:
            worker.process.join()
            worker.pipe.close()


def _start(threads: int | None) -> _Worker:
    """A process that waits for tasks."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    with deaf_children(), _limited(threads):
        process.start()
    theirs.close()
    return _Worker(ours, process)


@contextmanager
def _limited(threads: int | None) -> Iterator[None]:
    """What is started here has libraries with so many threads: each reads its variable when it is loaded, and never again."""
    before = {name: os.environ.get(name) for name in THREADS}
    if threads is not None:
        os.environ.update(dict.fromkeys(THREADS, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _serve(pipe: Connection[Any, Any]) -> None:
    """Do the tasks that come through the pipe, and answer through it, until it is closed."""
    end_with_parent()
    try:
        while True:
            work, task, tells = pipe.recv()
            message = _done(work, task, pipe, tells=tells)
            try:
                pipe.send(message)
            except OSError:
                raise
            except Exception as error:  # a value that cannot travel
                pipe.send(_Message("failed", one_line(error)))
    except (EOFError, OSError, KeyboardInterrupt):
        return  # who started it has gone


def _done(work: Callable[..., Any], task: Any, pipe: Connection[Any, Any], *, tells: bool) -> _Message:
    def tell(message: Any) -> None:
        pipe.send(_Message("told", message))

    try:
        return _Message("done", work(task, tell) if tells else work(task))
    except Exception as error:
        return _Message("failed", one_line(error))
