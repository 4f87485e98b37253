"""One thread reads, the caller works; between them a bounded queue."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace

from tracker.sound import carried
from tracker.types import Frame, Source

WAKE_S = 0.5
"""The caller wakes this often while it waits: on Windows, Ctrl+C does not reach a thread that waits without end."""


def join(thread: threading.Thread) -> None:
    """Wait until a thread has ended, waking now and then."""
    while thread.is_alive():
        thread.join(WAKE_S)


def read_ahead(
    source: Source, *, queue_frames: int = 8, step: Callable[[Frame], Frame] = lambda frame: frame
) -> ReadAhead:
    """Decode `source` in a thread of its own while the caller works on what came before.

        with read_ahead(source) as frames:
            for frame in frames: ...

    Of a clip, every frame arrives and the reader waits while `queue_frames` are queued. Of a live source only the
    newest frame is kept, so the caller never falls behind; `frames.dropped` counts the others. What the reader
    raises is raised in the caller, after the frames that came before it. The source stays open.

    step  done with each frame, in order: those of a clip in the reader's thread, those of a live source once they are asked for
    """
    return ReadAhead(source, queue_frames=queue_frames, step=step)


class ReadAhead(Iterator[Frame]):
    """Frames of a source, read by a thread that lives as long as the `with` block. See `read_ahead`."""

    dropped: int = 0
    """live frames that were replaced by a newer one before they were asked for"""

    def __init__(self, source: Source, *, queue_frames: int, step: Callable[[Frame], Frame]) -> None:
        self._source, self._step = source, step
        self._live = source.info.live
        self._limit = 1 if self._live else queue_frames
        self._queue: deque[Frame] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._ended = False
        self._error: BaseException | None = None
        # a daemon, so that a camera driver which hangs cannot keep the program alive
        self._thread = threading.Thread(target=self._read, name="read ahead", daemon=True)

    def _read(self) -> None:
        try:
            for frame in self._source:
                if not self._put(frame if self._live else self._step(frame)):
                    break
        except BaseException as error:  # carried to the caller, whatever it is
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _put(self, frame: Frame) -> bool:
        """Queue one frame, waiting for room; false if nobody wants it any more."""
        with self._changed:
            while len(self._queue) >= self._limit and not self._stopping:
                if self._live:
                    frame = _in_place_of(self._queue.popleft(), frame)
                    self.dropped += 1
                else:
                    self._changed.wait()
            self._queue.append(frame)
            self._changed.notify_all()
            return not self._stopping

    def __next__(self) -> Frame:
        while True:
            frame = self.take(WAKE_S)
            if frame is not None:
                return frame

    def take(self, wait_s: float) -> Frame | None:
        """The next frame, or None if none came within `wait_s` seconds. Raises StopIteration at the end."""
        if self._thread.ident is None:
            raise RuntimeError("read_ahead: its frames come inside `with read_ahead(source) as frames:` only")
        with self._changed:
            if not self._queue and not self._ended:
                self._changed.wait(wait_s)
            frame = self._queue.popleft() if self._queue else None
            if frame is None and not self._ended:
                return None
            self._changed.notify_all()
        if frame is not None:
            return self._step(frame) if self._live else frame
        if self._error is not None:
            raise self._error
        raise StopIteration

    def __enter__(self) -> ReadAhead:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the reader and wait for it: at once for a clip or a source that has `stop`, for others until their timeout."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        stop = getattr(self._source, "stop", None)
        if stop is not None:
            stop()
        join(self._thread)
        self._queue.clear()


def _in_place_of(dropped: Frame, frame: Frame) -> Frame:
    """The frame, with the gap before the one that it takes the place of, and the sound that came with it."""
    if dropped.sound is not None:
        frame = replace(frame, sound=carried(frame.sound, dropped.sound, frame.time_s - dropped.time_s))
    if dropped.gap is None:
        return frame
    if frame.gap is None:
        return replace(frame, gap=dropped.gap)
    return replace(frame, gap=replace(frame.gap, from_s=dropped.gap.from_s))
