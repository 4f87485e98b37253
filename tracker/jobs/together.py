"""Several jobs at once in one process, whose lanes share networks: on a graphics card these compute all clips' frames in batches."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress

from tracker.errors import SettingsError
from tracker.interrupt import Interrupts
from tracker.jobs.files import Job
from tracker.jobs.job import process
from tracker.jobs.result import Result
from tracker.networks import Networks, SharedNetworks
from tracker.settings import RunSettings


def process_together(
    jobs: Sequence[Job],
    settings: RunSettings | Sequence[RunSettings],
    *,
    notify: Callable[[Job, str], None] = lambda job, line: None,
    networks: Networks | None = None,
) -> list[Result | Exception]:
    """`process` of each job, all at once; what each came to, in the order of the jobs: its result, or the error that ended it.

    settings  of all, or one of each job
    notify    is told what the user should know of a job, line by line, from several threads
    networks  those that the jobs share; None: new ones

    Results are the same as those of each job alone: where ONNX Runtime computes the networks (on the processor) bit for bit, on a
    card to the last bits. An error ends its job alone. Ctrl+C is no error: every job keeps its frames so far, as `process` does. Jobs
    whose results have one name are refused, since each is ignorant of the others: SettingsError.
    """
    each = [settings] * len(jobs) if isinstance(settings, RunSettings) else list(settings)
    if len(each) != len(jobs):
        raise SettingsError(f"{len(jobs)} jobs with {len(each)} settings: wanted one for each, or one for all")
    _refuse_one_name(jobs)
    shared = networks or SharedNetworks()
    ending = threading.Event()
    with Interrupts() as interrupts, interrupts.held(), ThreadPoolExecutor(max(1, len(jobs)), "clip") as pool:
        begun = [pool.submit(_one, job, own, shared, notify, ending) for job, own in zip(jobs, each, strict=True)]
        try:
            with interrupts.allowed():
                wait(begun)
        except KeyboardInterrupt:
            ending.set()
            with suppress(KeyboardInterrupt):
                wait(begun)
    return [_outcome(future) for future in begun]


def _one(
    job: Job, settings: RunSettings, networks: Networks, notify: Callable[[Job, str], None], ending: threading.Event
) -> Result:
    return process(job, settings, networks=networks, progress=_Ending(ending), notify=lambda line: notify(job, line))


class _Ending:
    """The progress of a job in a thread, which hears no signal: it is told of the end between two frames, as Ctrl+C is."""

    def __init__(self, ending: threading.Event) -> None:
        self._ending, self._told = ending, False

    def __call__(self, done: int, expected: int | None, /, *, stage: str = "") -> None:
        if self._ending.is_set() and not self._told:
            self._told = True  # once: what was found so far is still written
            raise KeyboardInterrupt


def _outcome(future: Future[Result]) -> Result | Exception:
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, Exception):
        return error
    raise error


def _refuse_one_name(jobs: Sequence[Job]) -> None:
    """Raises SettingsError where two jobs would write the same files."""
    outputs = [job.output.resolve() for job in jobs if job.output is not None]
    for output in outputs:
        if outputs.count(output) > 1:
            raise SettingsError(f"{output}: the output of two jobs; give each its own")
