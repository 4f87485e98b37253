"""Bytes that are needed later, in a temporary file: an hour of video takes no memory."""

from __future__ import annotations

import tempfile
import zlib
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracker.errors import SinkError
from tracker.types import Labels, Mask

FASTEST = 1
"""zlib's level: a higher one takes three times as long for a tenth less"""


class Place(NamedTuple):
    """Where bytes are in a `Spill`."""

    start: int
    length: int


class Spill:
    """A temporary file that is only added to. It ends with `close`, or with the process.

    path  a file of that name instead, which stays; what is in it is kept

    Raises SinkError where the disk is full.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="tracker-") if path is None else path.open("a+b")  # noqa: SIM115  it lives as long as this
        self.length = self._file.seek(0, 2)
        """bytes in it"""

    def add(self, data: bytes) -> Place:
        """Keep the bytes."""
        try:
            self._file.seek(self.length)
            self._file.write(data)
        except OSError as error:
            raise SinkError(
                f"{tempfile.gettempdir()}: {error.strerror or error}; a second pass over the clip keeps the first one there: "
                "make room, set TMPDIR to another folder, or use --online"
            ) from None
        place = Place(self.length, len(data))
        self.length += len(data)
        return place

    def read(self, place: Place) -> bytes:
        """The bytes kept there."""
        self._file.seek(place.start)
        return self._file.read(place.length)

    def close(self) -> None:
        """Forget all of it."""
        self._file.close()


class _Labels(NamedTuple):
    """One frame's labels."""

    place: Place
    shape: tuple[int, int]
    kind: np.dtype[Any]
    part: int | None


class LabelIndex(NamedTuple):
    """What is where in a `LabelFile` with a name: enough for another process to read it."""

    path: Path
    places: dict[int, _Labels]
    names: list[NDArray[np.int32]]


class LabelFile:
    """Labels (h, w) and the foreground (h, w) of each frame of a clip, by its index.

    path  where they are kept for another process; None: in a temporary file
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._spill = Spill(path)
        self._places: dict[int, _Labels] = {}
        self._names: list[NDArray[np.int32]] = []

    @classmethod
    def opened(cls, index: LabelIndex) -> LabelFile:
        """What another process has kept."""
        made = cls(index.path)
        made._places, made._names = index.places, index.names
        return made

    def closed(self) -> LabelIndex:
        """Close a file that has a name, for another process."""
        assert self._path is not None
        self.close()
        return LabelIndex(self._path, self._places, self._names)

    def add(self, index: int, labels: Labels, foreground: Mask, part: int | None = None) -> None:
        """Keep a frame's. With `part` its labels are called as `name` says of that part; one that comes twice, as it came last."""
        kind = np.min_scalar_type(2 * int(labels.max(initial=0)) + 1)  # an eighth of the time where there are few
        code = (labels.astype(kind) << 1) | foreground
        place = self._spill.add(zlib.compress(code.tobytes(), FASTEST))
        self._places[index] = _Labels(place, (labels.shape[0], labels.shape[1]), kind, part)

    def name(self, names: NDArray[np.int32]) -> None:
        """What the labels of the next part are called: names[label]."""
        self._names.append(names)

    def read(self, index: int) -> tuple[Labels, Mask]:
        """Labels and foreground of a frame; KeyError for one that was not kept."""
        kept = self._places[index]
        code = np.frombuffer(zlib.decompress(self._spill.read(kept.place)), kept.kind).reshape(kept.shape)
        labels = (code >> 1).astype(np.int32)
        return labels if kept.part is None else self._names[kept.part][labels], (code & 1).astype(bool)

    def close(self) -> None:
        """Forget all of it."""
        self._spill.close()
