"""The engine of several machines: each task is a task of Ray, which places it, counts its resources and begins it again.

    RayEngine()                                   a Ray of this machine, for as long as the tasks last
    RayEngine("auto")                             the cluster of which this machine is a node
    RayEngine("ray://head:10001")                 a cluster of which it is none

On every node the package `tracker` has to be installed, in the driver's version: functions travel by their name.
"""

from __future__ import annotations

import logging
import math
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from typing import Any

from tracker import __version__
from tracker.engines.engine import Done, Needs, Task, Value
from tracker.engines.local import usable_cores
from tracker.errors import MissingExtraError, SettingsError, TrackerError, plain_line
from tracker.interrupt import Interrupts
from tracker.words import one_line

ATTEMPTS = 3
"""times that a task is begun whose worker or node dies; as in the pool of one machine"""
AHEAD = 2
"""tasks that Ray is given for each that has room: one runs, and one waits on the node until that one ends"""
COUNTED_EVERY_S = 5.0
"""seconds after which the nodes are counted again; Ray takes some to notice that one has gone"""
LISTENS_S = 0.5
"""longest wait for an outcome, after which the nodes may be counted: one that has come is given tasks"""
STORE_BYTES = 200_000_000
"""of memory for the values of a Ray that is started here, in place of a third of the machine: tasks and values are small"""
REACH_S = 10.0
"""in which the head of a cluster answers at all"""
MEGABYTE = 1_000_000
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".*",
    "RAY_task_oom_retries": str(ATTEMPTS - 1),
}
"""Of Ray, where it is not set: it tells nobody that it is used, writes nothing between our lines (what a dead worker said is told
as a problem), and a task for which the memory is never enough ends"""


class RayEngine:
    """Runs tasks on a cluster of Ray.

    address  None: a Ray of this machine is started, and ended with the tasks; "auto" or "ray://HOST:PORT": a cluster. A Ray that
             this process has joined already is used as it is.
    needs    what a task takes of a node, as resources of Ray
    workers  at most so many tasks at a time; None: as many as there is room for, on nodes that come and go
    attempts  how often a task is begun whose worker or node dies
    notify   told in one line what the user should know

    Raises MissingExtraError without Ray, SettingsError if there is no cluster at the address.
    """

    def __init__(
        self,
        address: str | None = None,
        needs: Needs | None = None,
        *,
        workers: int | None = None,
        attempts: int = ATTEMPTS,
        notify: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._address, self._needs, self._most, self._attempts = address, needs or Needs(), workers, attempts
        self._notify = notify
        self._ray = _ray()
        self._ours = False
        self._join()

    @property
    def workers(self) -> int:
        """How many tasks have room on the nodes that are there now."""
        room = sum(_room(node["Resources"], self._resources()) for node in self._ray.nodes() if node["Alive"])
        return room if self._most is None else min(room, self._most)

    def map(self, work: Callable[[Task], Value], tasks: Iterable[Task]) -> Iterator[Done[Task, Value]]:
        """See `Engine.map`. A task whose node dies may have run to its end there, and runs again."""
        self._join()
        return self._spread(work, iter(tasks))

    def close(self) -> None:
        """Leave the cluster; a Ray that was started here ends."""
        if self._ours:
            self._ours = False
            self._ray.shutdown()

    def _resources(self) -> dict[str, float]:
        """What a task takes, by Ray's names."""
        needs = self._needs
        named = {"CPU": needs.cores, "memory": needs.memory_mb * MEGABYTE, "GPU": needs.gpus}
        return {name: amount for name, amount in named.items() if amount}

    def _join(self) -> None:
        """Be part of a cluster, if this process is not. Raises SettingsError where there is none, or no room in our own."""
        if self._ray.is_initialized():
            return
        _connect(self._ray, self._address, self._needs, self._most)
        self._ours = True
        if self._address is None and self.workers == 0:
            self.close()
            raise SettingsError(f"a task takes {_words(self._needs)}, which this machine has not; ask for less")

    def _spread(self, work: Callable[[Task], Value], tasks: Iterator[Task]) -> Generator[Done[Task, Value], None, None]:
        room, remote = _Room(self), self._remote()
        pending: dict[Any, Task] = {}
        more = True
        try:
            with Interrupts() as interrupts, interrupts.held():
                while more or pending:
                    while more and len(pending) < room.tasks():
                        with interrupts.allowed():
                            following = next(((task,) for task in tasks), None)
                        more = following is not None
                        for task in following or ():
                            try:
                                pending[remote.remote(work, task, __version__)] = task
                            except Exception as error:  # a task that cannot travel
                                yield Done(task, None, one_line(error))
                    with interrupts.allowed():
                        ready = self._ready(list(pending))
                    for ref in ready:
                        yield self._outcome(ref, pending.pop(ref))
        finally:
            for ref in pending:
                with suppress(Exception):  # of a cluster that has gone
                    self._ray.cancel(ref, force=True)  # not by Ctrl+C, after which a run would write what it has so far
            self.close()

    def _remote(self) -> Any:
        """What Ray runs for a task."""
        return self._ray.remote(_attempt).options(
            name="tracker",
            num_cpus=self._needs.cores,
            num_gpus=self._needs.gpus,
            memory=int(self._needs.memory_mb * MEGABYTE) or None,
            max_retries=self._attempts - 1,
            retry_exceptions=False,
        )

    def _ready(self, pending: list[Any]) -> list[Any]:
        """Those that have ended, after a while at most."""
        if not pending:
            return []
        ready, _ = self._ray.wait(pending, num_returns=1, timeout=LISTENS_S)
        if ready:
            ready, _ = self._ray.wait(pending, num_returns=len(pending), timeout=0)
        return list(ready)

    def _outcome(self, ref: Any, task: Task) -> Done[Task, Value]:
        try:
            value, problem, attempt = self._ray.get(ref)
        except self._ray.exceptions.RayError as error:
            return Done(task, None, *self._problem(error))
        except Exception as error:  # a value that cannot be made here
            return Done(task, None, one_line(error))
        return Done(task, value, problem, attempt)

    def _problem(self, error: Exception) -> tuple[str, int]:
        """What befell a task, or its worker every time; and how often it was begun."""
        kinds, attempts = self._ray.exceptions, self._attempts
        often = f"{attempts} times" if attempts > 1 else "once"
        if isinstance(error, kinds.OutOfMemoryError):
            return (
                f"a node ran out of memory, {often}; ask for more (memory of a task) or use smaller pictures",
                attempts,
            )
        if isinstance(error, (kinds.WorkerCrashedError, kinds.NodeDiedError, kinds.LocalRayletDiedError)):
            self._check_cluster()
            return f"its worker or node died, {often}; out of memory?", attempts
        last = str(error).strip().splitlines()[-1]
        if "No module named 'tracker" in last:
            return f"a node has no tracker; install tracker {__version__} on all of them", 1
        return plain_line(f"Ray: {last}"), 1

    def _check_cluster(self) -> None:
        """Raise TrackerError if it is the cluster that has gone, which is no problem of a task."""
        with suppress(Exception):  # without its head Ray does not tell
            if any(node["Alive"] for node in self._ray.nodes()):
                return
        raise TrackerError("the cluster of Ray has gone; start it and run this again: what is done is skipped")


class _Room:
    """How many tasks Ray is given at a time, which follows the nodes."""

    def __init__(self, engine: RayEngine) -> None:
        self._engine = engine
        self._tasks, self._until, self._said = 0, 0.0, False

    def tasks(self) -> int:
        """At least one, also without room: a cluster that grows on demand has to be asked."""
        if time.monotonic() >= self._until:
            workers = self._engine.workers
            # on a cluster with room for more, none may wait: it would run. A Ray of our own has room for no more
            most = None if self._engine._ours and self._engine._address is None else self._engine._most
            self._tasks = max(1, AHEAD * workers if most is None else min(AHEAD * workers, most))
            self._until = time.monotonic() + COUNTED_EVERY_S
            if workers == 0 and not self._said:
                self._engine._notify(
                    f"no node of the cluster has room for a task ({_words(self._engine._needs)}): waiting for one"
                )
            self._said = workers == 0
        return self._tasks


def _attempt(work: Callable[[Any], Any], task: Any, version: str) -> tuple[Any, str | None, int]:
    """On a node: the value, or the problem in one line, and which attempt it is."""
    attempt = _attempts_so_far()
    if version != __version__:
        return None, f"a node has tracker {__version__}, and the driver {version}; install the same everywhere", attempt
    try:
        return work(task), None, attempt
    except Exception as error:
        return None, one_line(error), attempt


def _attempts_so_far() -> int:
    """Of the task that runs here, this one included. Ray's interface for users does not tell: 1 where its inner one does not either."""
    import ray

    worker = ray.get_runtime_context().worker
    ask = getattr(getattr(worker, "core_worker", None), "get_current_task_attempt_number", None)
    return 1 if ask is None else int(ask()) + 1


def _ray() -> Any:
    """The module, which says less than it would."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    logging.getLogger("ray").setLevel(logging.ERROR)
    try:
        import ray
    except ImportError:
        raise MissingExtraError("--engine ray needs ray; install it: pip install 'rnnem-tracker[cluster]'") from None
    return ray


def _connect(ray: Any, address: str | None, needs: Needs, workers: int | None) -> None:
    """Start a Ray here, or join the one at the address. Raises SettingsError, MissingExtraError."""
    cores = usable_cores() if workers is None else math.ceil(workers * needs.cores)
    ours = {"include_dashboard": False, "object_store_memory": STORE_BYTES, "num_cpus": cores}
    before = signal.getsignal(signal.SIGTERM)
    try:
        _reach(address or "")
        ray.init(address or "local", log_to_driver=False, logging_level=logging.ERROR, **({} if address else ours))
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        said = getattr(error, "strerror", None) or str(error).strip() or type(error).__name__
        reason = said.split("\n")[0].partition(". ")[0].rstrip(".")
        if "ray[client]" in str(error):
            raise MissingExtraError(
                "ray:// needs ray[client]; install it: pip install 'rnnem-tracker[cluster]'"
            ) from None
        cure = "see that its head runs (docs/scaling.md)"
        if "AuthToken" in _causes(error):
            reason, cure = (
                "it asks for a token",
                "set RAY_AUTH_MODE=token, with the head's ~/.ray/auth_token on this machine",
            )
        raise SettingsError(f"{address or 'this machine'}: no cluster of Ray there ({reason}); {cure}") from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)  # Ray takes it, and would end at once


def _causes(error: BaseException | None) -> str:
    """The words of an error and of what led to it."""
    return "" if error is None else f"{error} {_causes(error.__cause__ or error.__context__)}"


def _reach(address: str) -> None:
    """Raise OSError where nothing listens at HOST:PORT: Ray would try for more than a minute."""
    found = re.fullmatch(r"(?:ray://)?\[?([^/]+?)\]?:([0-9]{1,5})", address)
    if found:
        socket.create_connection((found[1], int(found[2])), timeout=REACH_S).close()


def _room(node: dict[str, float], task: dict[str, float]) -> int:
    """How many such tasks fit on a node."""
    return int(min((node.get(name, 0.0) / amount for name, amount in task.items()), default=0.0) + 1e-9)


def _words(needs: Needs) -> str:
    named = [f"{needs.cores:g} cores"]
    named += [f"{needs.memory_mb:,.0f} MB"] if needs.memory_mb else []
    return ", ".join(named + ([f"{needs.gpus:g} GPUs"] if needs.gpus else []))
