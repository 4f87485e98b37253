"""Several clips of a batch at once in one process, whose lanes share networks: what a graphics card computes in batches."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from tracker.batch.work import ClipOutcome, ClipTask, work
from tracker.engines import Done, Engine, Needs
from tracker.jobs import clips_that_fit
from tracker.learning.device import card_free_mb
from tracker.networks import Networks, SharedNetworks
from tracker.opencv_threads import one_opencv_thread
from tracker.words import one_line

UNKNOWN_SIZE = (1920, 1080)
"""what is taken for the size of clips that nobody has opened yet, where memory is shared out"""


def spread_clips(engine: Engine, tasks: Iterable[ClipTask], pack: int) -> Iterator[Done[ClipTask, ClipOutcome]]:
    """What became of each clip, `pack` of which are one task of the engine.

    Where the worker of several dies, or cannot do them, each of them that is not done is a task of its own in the end.
    """
    if pack == 1:
        yield from _closing(engine.map(work, tasks))
        return
    alone: list[ClipTask] = []
    for done in _closing(engine.map(work_together, packs(tasks, pack))):
        if done.value is None:
            alone += done.task
            continue
        for task, outcome in zip(done.task, done.value, strict=True):
            yield Done(task, outcome, attempts=done.attempts)
    if alone:
        yield from _closing(engine.map(work, alone))


def packs(tasks: Iterable[ClipTask], size: int) -> Iterator[tuple[ClipTask, ...]]:
    """The tasks by so many, the last ones by what is left; made as they are asked for."""
    coming = iter(tasks)
    while pack := tuple(islice(coming, size)):
        yield pack


def work_together(tasks: tuple[ClipTask, ...]) -> tuple[ClipOutcome, ...]:
    """`work` on all of them at once, each in a thread; whatever goes wrong with one is the outcome of that one."""
    networks = SharedNetworks(clips=len(tasks))
    with one_opencv_thread(), ThreadPoolExecutor(len(tasks), "clip") as pool:
        return tuple(pool.map(partial(_outcome, networks=networks), tasks))


def _outcome(task: ClipTask, networks: Networks) -> ClipOutcome:
    try:
        return work(task, networks)
    except Exception as error:  # not even its mark could be written
        return ClipOutcome(task.clip.name, "failed", one_line(error))


def clips_together(asked: int | None, *, device: str, most: int) -> int:
    """How many clips run in one process: as asked; else 1, and on this machine's graphics card as many as have room, of at most `most`."""
    if asked is not None:
        return asked
    free_mb = card_free_mb(device)
    if free_mb is None:
        return 1  # on a processor nothing is gained by it: docs/performance.md
    return min(most, clips_that_fit(UNKNOWN_SIZE, free_mb=free_memory_mb(), card_free_mb=free_mb))


def free_memory_mb(listed: Path = Path("/proc/meminfo")) -> float:
    """Memory that a new process can have here without swapping, in MB; all there could be where the system does not list it."""
    with suppress(OSError, ValueError, IndexError):
        for line in listed.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024 / 1e6
    return math.inf


def needs_of_pack(needs: Needs, pack: int) -> Needs:
    """What so many clips take."""
    return Needs(needs.cores * pack, needs.memory_mb * pack, needs.gpus * pack)


def _closing(outcomes: Any) -> Iterator[Any]:
    """The outcomes; whoever stops asking ends the workers."""
    with closing(outcomes):
        yield from outcomes
