"""How long each stage of a run takes: seconds by stage, and, where a profile is asked for, every span of every thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

MOST_SPANS = 100_000
"""kept of a run: about 20 MB of memory and 15 MB of JSON, 6000 frames of both lanes with all files"""

T = TypeVar("T")


class Thread(NamedTuple):
    """A thread that was measured: its number from the system, which one that starts later may have again, and its name."""

    ident: int
    name: str


class StageSpan(NamedTuple):
    """One call of one stage."""

    stage: str
    thread: Thread
    frame: int | None
    """index of the frame that was worked on; None if the stage is not about one frame, or does not say"""
    begin_s: float
    end_s: float
    """by the clock of the stopwatch"""
    cpu_s: float
    """processor time of this thread; threads that a library starts do not count"""


@dataclass
class Total:
    """All calls of one stage in one thread."""

    calls: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0


class Spans:
    """Spans of a run, of which at most `most` are kept, and their totals, which count all. Any thread may add one.

    Of each stage in each thread the first span is kept even then, so that stages at the end of a long run are there too.

    began_s, began_unix_s  when it was made: by the clock of the stopwatch, and in seconds since 1970
    ended_s                when the last span ended
    left_out               spans that were not kept
    """

    def __init__(self, *, clock: Callable[[], float] = time.perf_counter, most: int = MOST_SPANS) -> None:
        self.began_s, self.began_unix_s = clock(), time.time()
        self.ended_s = self.began_s
        self.most, self.left_out = most, 0
        self.kept: list[StageSpan] = []
        self.totals: dict[tuple[str, str], Total] = {}
        """by stage and name of the thread, in the order in which they ended first"""
        self._lock = threading.Lock()

    def add(self, span: StageSpan) -> None:
        """Count a span, and keep it if there is room."""
        with self._lock:
            known = self.totals.get((span.stage, span.thread.name))
            total = known or self.totals.setdefault((span.stage, span.thread.name), Total())
            self.ended_s = max(self.ended_s, span.end_s)
            total.calls += 1
            total.wall_s += span.end_s - span.begin_s
            total.cpu_s += span.cpu_s
            if known is None or len(self.kept) < self.most:
                self.kept.append(span)
            else:
                self.left_out += 1


@dataclass
class Stopwatch:
    """Seconds by stage, of all threads together. Stages may be measured in several threads at once.

    clock    returns seconds
    seconds  wall time by stage: of a stage that two threads are in at once, both count
    spans    keeps each call too; None: nobody asked
    """

    clock: Callable[[], float] = time.perf_counter
    seconds: dict[str, float] = field(default_factory=dict)
    spans: Spans | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @contextmanager
    def stage(self, name: str, frame: int | None = None) -> Iterator[None]:
        """Add the time spent inside to the stage. `frame` is the index of the frame that is worked on."""
        cpu_s = 0.0 if self.spans is None else time.thread_time()
        begin_s = self.clock()
        try:
            yield
        finally:
            end_s = self.clock()
            with self._lock:
                self.seconds[name] = self.seconds.get(name, 0.0) + end_s - begin_s
            if self.spans is not None:
                thread = threading.current_thread()
                where = Thread(thread.ident or 0, thread.name)
                self.spans.add(StageSpan(name, where, frame, begin_s, end_s, time.thread_time() - cpu_s))

    def waits(self, name: str, items: Iterable[T]) -> Iterator[T]:
        """Pass the items on and count the waiting for each."""
        source, end = iter(items), object()
        while True:
            with self.stage(name):
                item = next(source, end)
            if item is end:
                return
            yield item  # type: ignore[misc]
