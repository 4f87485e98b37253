"""The frames of a source from a later one on, as if those before had been given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

from tracker.errors import SourceError
from tracker.sources import SourceAround
from tracker.types import Frame, Source


class NextFrame(NamedTuple):
    """The frame before which a run was saved."""

    frame: int
    """its index"""
    time_s: float
    place: int | None
    damaged: bool = False
    """something of the source was not readable by then: what is said of it at the end counts from its first frame"""

    def is_at(self, frame: Frame) -> bool:
        """Whether that frame is the one, whatever it counts from."""
        return (frame.time_s, frame.place) == (self.time_s, self.place)


class Continued(SourceAround):
    """A source, of which only the frames from the next one on are given.

    part  opens it from that frame on. Where that begins with another one, as some damaged files do, the source is read from its first.
    """

    def __init__(self, source: Source, next_frame: NextFrame, part: Callable[[], Source]) -> None:
        super().__init__(source)
        self._next_frame, self._part = next_frame, part
        self._reading: Source = source

    @property
    def problem(self) -> str | None:
        """Of what was read."""
        return self._reading.problem

    def __iter__(self) -> Iterator[Frame]:
        begun = None if self._next_frame.damaged else self._begun()
        if begun is not None:
            self._reading, frames = begun
            with closing(self._reading):
                for frame in frames:
                    yield replace(frame, index=self._next_frame.frame + frame.index)
            return
        for frame in self._source:
            if frame.index >= self._next_frame.frame:
                yield frame

    def _begun(self) -> tuple[Source, Iterator[Frame]] | None:
        """The part and its frames; None where it does not begin with that frame."""
        try:
            part = self._part()
        except SourceError:
            return None
        frames = iter(part)
        with suppress(SourceError, StopIteration):
            first = next(frames)
            if self._next_frame.is_at(first):
                return part, chain([first], frames)
        part.close()
        return None
