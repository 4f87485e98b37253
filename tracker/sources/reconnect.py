"""A camera or stream that is opened again whenever it fails: what comes after is the same run, with a gap in it."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace

from tracker.errors import OptionError, SizeChangedError, SourceError
from tracker.sound import carried
from tracker.sources.connection import WAKE_S, Connection
from tracker.sources.frozen import Frozen
from tracker.sources.span import Span
from tracker.types import Frame, Gap, Image, Source, SourceInfo, Working

SAME_TRIES = 10
"""tries after the same wait before it doubles: a picture is back within a second or two of most short outages' end"""
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 30.0
MOST_DOUBLINGS = 5
STEADY_S = 10.0
"""a connection that gave pictures for so long is sound: after it, tries begin with FIRST_WAIT_S again"""
OPENING = 4
"""opening may take so many times the timeout: connecting, looking at the stream and its first picture have limits of their own"""
TOLD_S = 0.5
"""how often is told how long the wait has been"""
STEP_S = 1e-3
"""a picture that is not later than the one before comes this much after it"""
AHEAD_S = 10.0
"""a stream's clock that has run ahead of ours by so much has jumped; a server may send some seconds at once at the start"""
MOST_LEFT = 3
"""connections that were left behind and hang; with so many no other is made until one ends"""

Tell = Callable[[str | None], None]
"""Told one line while there is no picture, every TOLD_S; None once pictures come again."""


@dataclass(frozen=True)
class Patience:
    """How long is waited for what."""

    timeout_s: float = 10.0
    """without a picture, after which the connection is given up and made again"""
    give_up_s: float | None = None
    """without a picture, after which the run ends; None: never"""
    wait: bool = False
    """also wait for what cannot be opened at the start, instead of an error"""


@dataclass(frozen=True)
class _Carried:
    """What goes on where pictures of another size come."""

    connection: Connection
    info: SourceInfo
    clock: RunClock
    last_s: float
    last_at: float
    reason: str


class Reconnecting:
    """A live Source around what opens another one. A read error, an end, silence and a picture that stands still are gaps.

    Times are the source's own, and go on by this machine's clock over a gap; a source whose clock jumps ahead is not
    followed. The first frame after a gap carries it. `stop` ends every wait at once.

    open_source  called in a thread of its own, also again after a failure
    tell         called from the thread that reads, or that opens

    renewed      once the frames have ended: what goes on with pictures of another size; None if nothing does

    Raises SourceError if it cannot be opened, unless `patience.wait`; then, after `patience.give_up_s`.
    """

    def __init__(
        self,
        open_source: Callable[[], Source],
        *,
        span: Span,
        patience: Patience,
        tell: Tell = lambda line: None,
        carried: _Carried | None = None,
    ) -> None:
        self._open_source, self._span, self._patience, self._tell = open_source, span, patience, tell
        self._stopped = threading.Event()
        self._left: list[Connection] = []
        self._tries = self._given = 0
        self._told_at = 0.0
        self._gaps, self._missed_s = 0, 0.0
        self._end: str | None = None
        self._begun = False
        self._clock = RunClock() if carried is None else carried.clock
        self._last_s = None if carried is None else carried.last_s
        """time of the latest picture"""
        self._last_at = time.monotonic() if carried is None else carried.last_at
        """when it came"""
        self._reason = None if carried is None else carried.reason
        """why there is a gap before the next picture"""
        self.renewed: Reconnecting | None = None
        self._connection, info = self._first() if carried is None else (carried.connection, carried.info)
        self.has_end = not info.live
        """what was opened is a file, which has an end and a speed of its own"""
        self.info = replace(info, frame_count=span.count(frames=None, fps=info.fps), live=True)

    def _first(self) -> tuple[Connection, SourceInfo]:
        try:
            return self._connect()
        except OptionError:
            raise
        except SourceError as error:
            self._reason = reason_of(error)
            again = self._again() if self._patience.wait else None
            if again is None:
                raise SourceError(f"{error}; {self._end}" if self._end else str(error)) from None
            self._tell(None)
            return again

    def _connect(self) -> tuple[Connection, SourceInfo]:
        """A new connection. Raises SourceError, also if it was stopped or given up meanwhile."""
        self._left = [each for each in self._left if each.alive]
        if len(self._left) >= MOST_LEFT:
            raise SourceError("the driver does not answer")
        connection = Connection(self._open_source)
        try:
            info = connection.opened(OPENING * self._patience.timeout_s, self._over_at_try)
            if info is None:
                raise SourceError("stopped while it was opened")
        except BaseException:
            self._leave(connection)
            raise
        return connection, info

    def _leave(self, connection: Connection) -> None:
        connection.abandon()
        self._left.append(connection)

    @property
    def problem(self) -> str | None:
        """How often there was no picture, and for how long in all; and why it ended, if it did."""
        parts = [f"{_times(self._gaps)} without pictures, {period(self._missed_s)} in all"] if self._gaps else []
        parts += [self._end] if self._end else []
        return f"{self.info.name}: {'; '.join(parts)}" if parts else None

    def __iter__(self) -> Iterator[Frame]:
        if self._begun:
            raise RuntimeError(f"{self.info.name}: frames come once; open it again")
        self._begun = True
        # closed here: a connection is left also where the span ends first
        with closing(self._frames()) as frames:
            for _, frame in self._span.cut((frame.time_s, frame) for frame in frames):
                self._given += 1
                yield replace(frame, index=self._given - 1)

    def _frames(self) -> Generator[Frame, None, None]:
        """Frames at the times of the run, over every failure."""
        while True:
            connection, began = self._connection, time.monotonic()
            try:
                yield from self._of_connection(connection)
                return  # stopped
            except SourceError as error:
                resized = isinstance(error, SizeChangedError)
                self._reason = "the size of the picture changed" if resized else reason_of(error)
            finally:
                self._leave(connection)
            if resized or self._last_at - began >= STEADY_S:
                self._tries = 0
            again = self._again(at_once=resized)
            if again is None:
                return
            connection, info = again
            if info.size != self.info.size:
                self.renewed = self._renew(connection, info)  # whose connection it is from now on
                return
            self._connection = connection

    def _renew(self, connection: Connection, info: SourceInfo) -> Reconnecting:
        most = self._span.max_frames
        # None only where the size changed before the first picture was asked for
        last_s, reason = self._last_s or 0.0, self._reason or ""
        carried = _Carried(connection, info, self._clock, last_s, self._last_at, reason)
        span = self._span if most is None else replace(self._span, max_frames=max(1, most - self._given))
        return Reconnecting(self._open_source, span=span, patience=self._patience, tell=self._tell, carried=carried)

    def _of_connection(self, connection: Connection) -> Iterator[Frame]:
        """Its frames at their times, until it was stopped. Raises SourceError when there are no more."""
        connection.begin()
        frozen = Frozen(self._patience.timeout_s)
        self._clock.begin()
        left_out: Frame | None = None
        while True:
            try:
                frame = connection.take(self._patience.timeout_s, self._stopped.is_set)
            except TimeoutError:
                raise SourceError(f"{self.info.name}: no picture for {self._patience.timeout_s:g} s") from None
            except EOFError:
                raise SourceError(f"{self.info.name}: the stream ended") from None
            if frame is None:
                return
            arrived = time.monotonic() if frame.arrived_s is None else frame.arrived_s
            if frozen(frame, arrived):
                raise SourceError(f"{self.info.name}: the picture stands still")
            if left_out is not None:
                frame = replace(frame, sound=carried(frame.sound, left_out.sound, frame.time_s - left_out.time_s))
                left_out = None
            if frozen.standing:
                left_out = frame
                continue  # a scene without noise would be learned
            time_s = self._clock(frame.time_s, arrived)
            yield replace(frame, time_s=time_s, arrived_s=arrived, gap=self._gap_to(time_s, arrived))
            self._last_s, self._last_at = time_s, arrived

    def _gap_to(self, time_s: float, arrived: float) -> Gap | None:
        """The gap before this picture, if there is one; it ends here."""
        reason, self._reason = self._reason, None
        if reason is None or self._last_s is None:
            return None
        self._gaps += 1
        self._missed_s += arrived - self._last_at
        self._tell(None)
        return Gap(self._last_s, time_s, reason)

    def _again(self, *, at_once: bool = False) -> tuple[Connection, SourceInfo] | None:
        """Another connection, however many tries it takes; None if it was stopped or given up."""
        while not self._over():
            if not at_once and not self._wait(wait_s(self._tries)):
                return None
            self._tries += 1
            at_once = False
            try:
                return self._connect()
            except SourceError:
                continue
        return None

    def _wait(self, seconds: float) -> bool:
        """Wait so long; false if it was stopped or given up."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._tell_wait(f"trying again in {math.ceil(left)} s")
            if self._over():
                return False
            self._stopped.wait(min(left, WAKE_S))
        return True

    def _over(self) -> bool:
        """Whether there will be no more tries."""
        give_up_s = self._patience.give_up_s
        if give_up_s is not None and time.monotonic() - self._last_at >= give_up_s:
            self._end = f"no picture for {period(give_up_s)}, given up"
            return True
        return self._stopped.is_set()

    def _over_at_try(self) -> bool:
        self._tell_wait("trying now")
        return self._over()

    def _tell_wait(self, following: str) -> None:
        """How long there has been no picture, and what follows; not while it is opened for the first time."""
        now = time.monotonic()
        if self._reason is not None and now - self._told_at >= TOLD_S:
            self._told_at = now
            silent = f"no picture for {period(now - self._last_at)}, {following}"
            self._tell(silent if self._reason.startswith("no picture") else f"{self._reason}; {silent}")

    def sample(self, count: int, *, whole: bool = True, width: Working = "full") -> list[Image]:
        """Nothing: what it will show is not known."""
        return []

    def stop(self) -> None:
        """End the iteration, also while it waits; from any thread."""
        self._stopped.set()

    def close(self) -> None:
        """Let go of the camera or stream; the thread that reads it closes it."""
        self.stop()
        self._leave(self._connection)

    def __enter__(self) -> Reconnecting:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class RunClock:
    """Times in the run of the pictures of one connection after the other, strictly rising; the first is at 0."""

    def __init__(self) -> None:
        self._last: tuple[float, float] | None = None  # time and arrival of the latest picture
        self._anchor: tuple[float, float, float] | None = None  # time in the run, the source's own time, arrival
        self._late_s = 0.0

    def begin(self) -> None:
        """A connection begins, whose own times have nothing to do with those before."""
        self._anchor = None

    def __call__(self, own_s: float, arrived: float) -> float:
        """The time in the run of the picture that the source has at `own_s`."""
        if self._anchor is None or self._ahead_s(own_s, arrived) > AHEAD_S:
            begin_s = 0.0
            if self._last is not None:
                # what had piled up when the connection before began made all its pictures so much too late
                begin_s = self._last[0] + max(0.0, arrived - self._last[1] - self._late_s)
            self._anchor, self._late_s = (begin_s, own_s, arrived), 0.0
        anchor_s, anchor_own_s, _ = self._anchor
        if own_s - anchor_own_s < AHEAD_S:  # later it would be the drift between two clocks
            self._late_s = max(self._late_s, self._ahead_s(own_s, arrived))
        time_s = anchor_s + own_s - anchor_own_s
        if self._last is not None:
            time_s = max(time_s, self._last[0] + STEP_S)
        self._last = time_s, arrived
        return time_s

    def _ahead_s(self, own_s: float, arrived: float) -> float:
        """By how much the source's clock has gone faster than ours since the anchor."""
        assert self._anchor is not None
        return (own_s - self._anchor[1]) - (arrived - self._anchor[2])


def wait_s(tries: int) -> float:
    """Seconds before the next try, after so many.

    >>> [wait_s(tries) for tries in range(0, 70, 10)]
    [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    """
    return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(tries // SAME_TRIES, MOST_DOUBLINGS))


def reason_of(error: SourceError) -> str:
    """What happened, without the name of the source and the advice.

    >>> reason_of(SourceError("rtsp://cam/main: broke off (I/O error); check the connection"))
    'broke off (I/O error)'
    """
    return str(error).rpartition(": ")[2].partition(";")[0]


def period(seconds: float) -> str:
    """12 s, 3 min, 4.5 h."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
