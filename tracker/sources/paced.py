"""A file played at its own speed as if it were a camera: for showing and testing live mode."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

from tracker.sources.clock import FALLBACK_FPS
from tracker.sources.span import Span
from tracker.types import Frame, Image, Source, Working


class Paced:
    """A live Source: a clip's frames when their times come, by time.monotonic from the first one on.

    Like a camera's they have no numbers, and what they will show is not known before. Where the file cannot be decoded as
    fast, they come as soon as they are decoded.

    first        the opened clip, from `span.start_s` on; closed with this
    open_source  opens it anew for each further round
    loop         begin again at the end. Times go on, a usual interval after the last picture; a seam is no gap, since the
                 camera and its scene are the same
    """

    def __init__(self, first: Source, open_source: Callable[[], Source], *, span: Span, loop: bool = False) -> None:
        self._clip, self._open_source, self._span, self._loop = first, open_source, span, loop
        self._stopped = threading.Event()
        of_clip = None if loop else first.info.frame_count  # from the start on
        count = replace(span, start_s=0.0).count(frames=of_clip, fps=first.info.fps)
        self.info = replace(first.info, live=True, frame_count=count)

    @property
    def problem(self) -> str | None:
        """That of the clip."""
        return self._clip.problem

    def __iter__(self) -> Iterator[Frame]:
        began: float | None = None
        for index, (time_s, frame) in enumerate(self._span.cut(self._rounds())):
            now = time.monotonic()
            began = now - time_s if began is None else began
            due = began + time_s
            if self._stopped.wait(max(0.0, due - now)):
                return
            arrived = max(due, now)
            yield Frame(index, time_s, frame.picture, arrived_s=arrived, sound=frame.sound)

    def _rounds(self) -> Iterator[tuple[float, Frame]]:
        """(seconds of the run, frame), over as many rounds as are wanted."""
        shift_s = 0.0
        while True:
            first_s = last_s = None
            step_s = 1 / (self.info.fps or FALLBACK_FPS)
            for frame in self._clip:
                first_s = frame.time_s if first_s is None else first_s
                last_s = frame.time_s + shift_s
                yield last_s, frame
            if not self._loop or first_s is None or last_s is None:
                return
            shift_s = last_s + step_s - first_s
            with closing(self._clip):
                self._clip = self._open_source()

    def sample(self, count: int, *, whole: bool = True, width: Working = "full") -> list[Image]:
        """Nothing, as of a camera."""
        return []

    def stop(self) -> None:
        """End the iteration, also while it waits; from any thread."""
        self._stopped.set()

    def close(self) -> None:
        """Let go of the file."""
        self.stop()
        self._clip.close()

    def __enter__(self) -> Paced:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
