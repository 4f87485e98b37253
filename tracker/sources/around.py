"""A source around another one, whose part is changed by who derives from it."""

from __future__ import annotations

from collections.abc import Iterator

from tracker.types import Frame, Image, Source, SourceInfo, Working


class SourceAround:
    """Passes everything on to the source inside."""

    def __init__(self, source: Source) -> None:
        self._source = source

    @property
    def info(self) -> SourceInfo:
        """That of the source."""
        return self._source.info

    @property
    def problem(self) -> str | None:
        """That of the source."""
        return self._source.problem

    def __iter__(self) -> Iterator[Frame]:
        return iter(self._source)

    def sample(self, count: int, *, whole: bool = True, width: Working = "full") -> list[Image]:
        """Those of the source."""
        return self._source.sample(count, whole=whole, width=width)

    def stop(self) -> None:
        """End a wait of the source, if it can."""
        stop = getattr(self._source, "stop", None)
        if stop is not None:
            stop()

    def close(self) -> None:
        """Close the source."""
        self._source.close()
