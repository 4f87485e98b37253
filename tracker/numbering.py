"""What frames are called in tables and events, by their place in the run."""

from __future__ import annotations

from tracker.types import Frame


class Numbering:
    """Frames in, their numbers out; keeps nothing as long as frames count from 1 without gaps, as a live source's do."""

    def __init__(self) -> None:
        self._numbers: list[int] | None = None

    def add(self, frame: Frame) -> None:
        """The next frame of the run."""
        if self._numbers is None and frame.written != frame.index + 1:
            self._numbers = list(range(1, frame.index + 1))
        if self._numbers is not None:
            self._numbers.append(frame.written)

    def written(self, index: int) -> int:
        """`Frame.written` of the frame with that index."""
        return index + 1 if self._numbers is None else self._numbers[index]
