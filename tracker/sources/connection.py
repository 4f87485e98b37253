"""One connection to a camera or stream: opened and read in a thread that can be left behind, since a driver may hang."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from tracker.errors import SourceError
from tracker.types import Frame, Source, SourceInfo

WAKE_S = 0.1
"""who waits looks this often whether it is to stop"""
LEAVE_S = 0.2
"""so long is waited for a connection that is left: most end at once, and let another open the same camera"""
QUEUED = 64
"""frames that may wait while they are read; whoever reads them passes them on at once"""


class Connection:
    """Frames of a live source, as they come. Ends by itself, by an error, or when it is abandoned.

    open_source  called in the thread; what it raises is raised by `opened`
    """

    def __init__(self, open_source: Callable[[], Source]) -> None:
        self._open_source = open_source
        self._changed = threading.Condition()
        self._frames: deque[Frame] = deque(maxlen=1)  # the newest, until somebody reads
        self._info: SourceInfo | None = None
        self._error: BaseException | None = None
        self._ended = self._abandoned = False
        self._thread = threading.Thread(target=self._run, name="connection", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            source = self._open_source()
        except BaseException as error:  # carried to whoever waits, whatever it is
            self._end(error)
            return
        try:
            with self._changed:
                self._info = source.info
                self._changed.notify_all()
            for frame in source:
                with self._changed:
                    if self._abandoned:
                        return
                    self._frames.append(frame)
                    self._changed.notify_all()
            self._end(None)
        except BaseException as error:
            self._end(error)
        finally:
            # by the thread that reads: closed by another, FFmpeg and drivers crash
            with suppress(Exception):
                source.close()

    def _end(self, error: BaseException | None) -> None:
        with self._changed:
            self._error, self._ended = error, True
            self._changed.notify_all()

    @property
    def alive(self) -> bool:
        """Whether its thread still runs; after `abandon` that is a device that hangs."""
        return self._thread.is_alive()

    def opened(self, limit_s: float, stopping: Callable[[], bool]) -> SourceInfo | None:
        """What is known of the source, once it is open; None if `stopping` became true. Raises what opening raised.

        Raises SourceError if that takes longer than `limit_s` seconds.
        """
        with self._changed:
            end_s = time.monotonic() + limit_s
            while time.monotonic() < end_s:
                if self._info is not None:
                    return self._info
                if self._error is not None:
                    raise self._error
                if stopping():
                    return None
                self._changed.wait(WAKE_S)
        raise SourceError(f"does not answer for {limit_s:g} s")

    def begin(self) -> None:
        """From now on every frame is kept for `take`; before, only the newest was."""
        with self._changed:
            self._frames = deque(self._frames, maxlen=QUEUED)

    def take(self, limit_s: float, stopping: Callable[[], bool]) -> Frame | None:
        """The next frame; None if `stopping` became true. Raises what reading raised, EOFError at the source's end.

        Raises TimeoutError if no frame came for `limit_s` seconds.
        """
        with self._changed:
            end_s = time.monotonic() + limit_s
            while not stopping():
                if self._frames:
                    return self._frames.popleft()
                if self._error is not None:
                    raise self._error
                if self._ended:
                    raise EOFError
                left_s = end_s - time.monotonic()
                if left_s <= 0:
                    raise TimeoutError
                self._changed.wait(min(WAKE_S, left_s))
        return None

    def abandon(self) -> None:
        """Let go of it: its thread closes the source as soon as it hears of that."""
        with self._changed:
            self._abandoned = True
        self._thread.join(LEAVE_S)
