"""Label pictures of a whole clip, in a temporary file, so that an hour of them takes no memory."""

from __future__ import annotations

import tempfile
import zlib
from typing import IO

import numpy as np
from numpy.typing import NDArray

from tracker.smoothing.tiles import FASTEST
from tracker.types import Labels, Mask


class LabelFile:
    """Labels (h, w) and the foreground (h, w) of each frame, by its index. Closed by `close`, or with the process."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="tracker-")  # noqa: SIM115  it lives as long as this
        self._places: dict[int, tuple[int, int, tuple[int, int], int]] = {}
        self._names: list[NDArray[np.int32]] = []
        self._end = 0

    def add(self, index: int, labels: Labels, foreground: Mask, part: int = 0) -> None:
        """Keep a frame's; `part` says by which `names` its labels are called."""
        code = (labels.astype(np.int32) << 1) | foreground
        data = zlib.compress(code.tobytes(), FASTEST)
        self._file.seek(self._end)
        self._file.write(data)
        self._places[index] = self._end, len(data), (labels.shape[0], labels.shape[1]), part
        self._end += len(data)

    def name(self, names: NDArray[np.int32]) -> None:
        """What the labels of the next part are called: names[label]."""
        self._names.append(names)

    def read(self, index: int) -> tuple[Labels, Mask]:
        """Labels and foreground of a frame; KeyError for one that was not kept."""
        start, length, shape, part = self._places[index]
        self._file.seek(start)
        code = np.frombuffer(zlib.decompress(self._file.read(length)), np.int32).reshape(shape)
        labels = code >> 1
        return self._names[part][labels] if self._names else labels, (code & 1).astype(bool)

    def close(self) -> None:
        """Forget all of it."""
        self._file.close()
