"""Bytes that are needed later, in a file: an hour of video takes no memory. A temporary one, or one that outlives a killed run."""

from __future__ import annotations

import os
import tempfile
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracker.errors import LostError, SinkError
from tracker.types import Labels, Mask

FASTEST = 1
"""zlib's level: a higher one takes three times as long for a tenth less"""


PREFIX = "kept-"
"""names of the files of a `SpillFolder`, before a number"""


class ByteRange(NamedTuple):
    """Where bytes are in a `Spill`."""

    start: int
    length: int


class SpillFolder:
    """Where spills are files with names, so that a run that was killed finds them again. What no spill holds any more goes by `collect`.

    path  of the folder; made with the first file
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open: set[str] = set()

    def create(self) -> tuple[str, IO[bytes]]:
        """A new file that is only added to, and its name."""
        self.path.mkdir(parents=True, exist_ok=True)
        taken = [int(path.name.removeprefix(PREFIX)) for path in self._files()]
        name = f"{PREFIX}{max(taken, default=0) + 1}"
        self._open.add(name)
        return name, open(self.path / name, "x+b")

    def open(self, name: str, length: int) -> IO[bytes]:
        """A file of that name as it was when it was so long. Raises LostError if it is shorter."""
        try:
            file = open(self.path / name, "r+b")  # noqa: SIM115
            if file.seek(0, os.SEEK_END) >= length:
                file.truncate(length)
                self._open.add(name)
                return file
            file.close()
        except OSError:
            pass
        raise LostError(self.path / name, "damaged")

    def forget(self, name: str) -> None:
        """Nobody needs that file any more; a checkpoint may, up to the next one."""
        self._open.discard(name)

    def collect(self) -> None:
        """Remove the files that nobody needs."""
        for path in self._files():
            if path.name not in self._open:
                path.unlink()

    def _files(self) -> list[Path]:
        return [path for path in self.path.glob(f"{PREFIX}*") if path.name.removeprefix(PREFIX).isdecimal()]


class Spill:
    """A file that is only added to, by one thread; several may read. A temporary one ends with `close`, or with the process; one in a
    folder may be saved and restored.

    path    a file of that name instead, which stays; what is in it is kept
    folder  a new file in it instead

    Raises SinkError where it cannot be written, as on a full disk.
    """

    def __init__(self, path: Path | None = None, folder: SpillFolder | None = None) -> None:
        self._folder, self._name = folder, ""
        self._file: IO[bytes]
        with _keeping(folder):
            if folder is not None:
                self._name, self._file = folder.create()
            elif path is not None:
                self._file = path.open("a+b")
            else:
                self._file = tempfile.TemporaryFile(prefix="tracker-")  # noqa: SIM115  it lives as long as this
        self.length = self._file.seek(0, os.SEEK_END)
        """bytes in it"""
        self._place = threading.Lock()  # a file has one place at which it is read and written

    def __getstate__(self) -> dict[str, Any]:
        """Where it is and how long; so much of it is on the disk then."""
        if self._folder is None:
            raise TypeError("a temporary file cannot be saved")
        with _keeping(self._folder):
            self._file.flush()
            os.fsync(self._file.fileno())
        return {"_folder": self._folder, "_name": self._name, "length": self.length}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        assert self._folder is not None
        self._file = self._folder.open(self._name, self.length)
        self._place = threading.Lock()

    def add(self, data: bytes) -> ByteRange:
        """Keep the bytes."""
        with _keeping(self._folder), self._place:
            self._file.seek(self.length)
            self._file.write(data)
        place = ByteRange(self.length, len(data))
        self.length += len(data)
        return place

    def read(self, place: ByteRange) -> bytes:
        """The bytes kept there."""
        with _keeping(self._folder), self._place:  # to read is to write first what waits in memory
            self._file.seek(place.start)
            return self._file.read(place.length)

    def close(self) -> None:
        """Forget all of it; a file that has a name stays."""
        with _keeping(self._folder):
            self._file.close()
        if self._folder is not None:
            self._folder.forget(self._name)


@contextmanager
def _keeping(folder: SpillFolder | None) -> Iterator[None]:
    """Turn an OSError into a SinkError that names the folder: a checkpoint's, or that of temporary files."""
    try:
        yield
    except OSError as error:
        where = tempfile.gettempdir() if folder is None else folder.path
        elsewhere = "set TMPDIR to another folder" if folder is None else "choose another folder with -o"
        raise SinkError(
            f"{where}: {error.strerror or error}; the passes over the clip after the first keep it there: "
            f"make room, {elsewhere}, or use --online"
        ) from None


class _Labels(NamedTuple):
    """One frame's labels."""

    place: ByteRange
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

    path    where they are kept for another process; None: in a temporary file
    folder  where they are kept if they may be saved
    """

    def __init__(self, path: Path | None = None, folder: SpillFolder | None = None) -> None:
        self._path = path
        self._spill = Spill(path, folder)
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
