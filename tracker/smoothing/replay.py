"""The result of the passes, frame by frame, as a lane gives it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tracker.labels import count_pixels
from tracker.smoothing.rows import Floats, FusedRows, PassRows
from tracker.types import Box, Frame, Image, Labels, Mask, Region, Segmentation

AT_ONCE = 1_000_000
"""pairs of a pixel and a box that are looked at together: some megabytes"""


class KeptLabels(Protocol):
    """Labels of a pass: `spill.LabelFile`, or those of several parts of a clip."""

    def read(self, index: int) -> tuple[Labels, Mask]:
        """Labels (h, w) and foreground (h, w) of a frame; KeyError for one that was not kept."""
        ...


def causal(first: PassRows) -> FusedRows:
    """The first pass alone, under its own names."""
    ids, none = first.ids, np.zeros(len(first.ids), np.int32)
    return FusedRows(first.frames, ids, first.boxes, first.confidence, first.hidden, ids, none, none)


class Entropies(NamedTuple):
    """`Region.entropy` of the rows of the first pass."""

    rows: PassRows
    entropies: NDArray[np.float32]
    """(N,) NaN for None"""

    def of(self, index: int) -> dict[int, float]:
        """Those of a frame that are known, by the identity of the first pass."""
        first, end = np.searchsorted(self.rows.frames, [index, index + 1])
        pairs = zip(self.rows.ids[first:end].tolist(), self.entropies[first:end].tolist(), strict=True)
        return {number: bits for number, bits in pairs if bits == bits}


class Replay:
    """A `Segmenter` that gives what was found before; it needs no picture.

    first  labels of the first pass; others  of the forward and the backward one, None if there were none
    """

    def __init__(
        self, rows: FusedRows, first: KeptLabels, others: tuple[KeptLabels, KeptLabels] | None, *, entropies: Entropies
    ) -> None:
        self._entropies = entropies
        self._rows, self._first, self._others = rows, first, others

    def prepare(self, images: Sequence[Image]) -> None:
        """Nothing is left to learn."""

    def freeze(self, frozen: bool) -> None:
        """Nothing is learned."""

    def reset(self) -> None:
        """Nothing is remembered of one frame in the next."""

    def step(self, frame: Frame) -> Segmentation:
        """What was found in that frame; KeyError for one that was not in the passes."""
        first, end = np.searchsorted(self._rows.frames, [frame.index, frame.index + 1])
        rows = FusedRows._make(part[first:end] for part in self._rows)
        labels, foreground = self._first.read(frame.index)
        if self._others is None:
            labels = _renamed(labels, rows.first, rows)
        else:
            forward, (backward, more) = self._others[0], self._others[1].read(frame.index)
            foreground |= more
            # what lies between an object's parts is in the first pass alone, which sees the scene; three outlines together are too wide
            labels = owners(labels, backward, rows, frame.size)
            lone = np.where((rows.first == 0) & (rows.backward == 0), rows.forward, 0)
            if lone.any():
                labels = np.where(labels > 0, labels, _renamed(forward.read(frame.index)[0], lone, rows))
        across, down = frame.size[0] / labels.shape[1], frame.size[1] / labels.shape[0]
        areas = count_pixels(labels, rows.ids)
        entropies = self._entropies.of(frame.index)
        regions = tuple(
            Region(
                number, Box(*box), 0.0 if hidden else area * (across * down), sure, hidden,
                None if hidden else entropies.get(seen_as),
            )
            for number, box, area, sure, hidden, seen_as in zip(
                rows.ids.tolist(), rows.boxes.tolist(), areas, rows.confidence.tolist(), rows.hidden.tolist(),
                rows.first.tolist(), strict=True,
            )
        )  # fmt: skip
        return Segmentation(labels, regions, foreground | (labels > 0), frame.size)


def owners(first: Labels, backward: Labels, rows: FusedRows, size: tuple[int, int]) -> Labels:
    """(h, w) the identity that has each pixel.

    first, backward  (h, w) what the first and the backward pass say of one frame
    rows             of that frame; size  of the frame, in which the boxes are

    A pixel that only one pass gives to an identity is that one's. Of two it is the one's in the middle of whose box it is more. What is
    outside its identity's box and inside another's is that one's: who was one piece with somebody in a pass was seen apart in the other.
    """
    seen = np.flatnonzero(~rows.hidden)
    # rows from 1, 0 where the pass has nobody
    one, other = _rows_of(first, rows.first, seen), _rows_of(backward, rows.backward, seen)
    found = np.maximum(one, other)  # right but where the passes give a pixel to two
    places = Places(rows.boxes, size, found.shape)
    flat, one, other = found.ravel(), one.ravel(), other.ravel()
    torn = np.flatnonzero((one != other) & (one > 0) & (other > 0))
    nearer = places.off_middle(torn, other[torn] - 1) < places.off_middle(torn, one[torn] - 1)
    flat[torn] = np.where(nearer, other[torn], one[torn])
    owned = np.flatnonzero(flat)
    outside = owned[places.off_middle(owned, flat[owned] - 1) > 1]
    for part in np.array_split(outside, len(outside) * len(seen) // AT_ONCE + 1) if len(outside) else ():
        off = places.off_middle(part[:, None], seen[None, :])
        inside = off.min(axis=1) < 1
        flat[part[inside]] = seen[off.argmin(axis=1)[inside]] + 1
    return np.concatenate([np.zeros(1, np.int32), rows.ids])[found]


def _rows_of(labels: Labels, names: NDArray[np.int32], seen: NDArray[np.intp]) -> NDArray[np.int32]:
    """(h, w) which of the rows `seen` has each pixel of a pass's labels (h, w), from 1; `names` (N,) of the rows in that pass."""
    rows = np.zeros(int(max(labels.max(initial=0), names.max(initial=0))) + 1, np.int32)
    rows[names[seen]] = seen + 1
    rows[0] = 0
    return rows[labels]


class Places:
    """Where pixels of a working picture are in boxes of the frame."""

    def __init__(self, boxes: Floats, size: tuple[int, int], shape: tuple[int, ...]) -> None:
        """Boxes (N, 4) in pixels of a frame of `size` (width, height); `shape` (h, w) of the picture."""
        across, down = np.float32(size[0] / shape[1]), np.float32(size[1] / shape[0])
        x0, y0, x1, y1 = boxes.astype(np.float32).T
        self._columns = shape[1]
        self._x, self._y = (x0 + x1) / (2 * across) - np.float32(0.5), (y0 + y1) / (2 * down) - np.float32(0.5)
        self._wide, self._high = (2 * across) / np.maximum(1, x1 - x0), (2 * down) / np.maximum(1, y1 - y0)

    def off_middle(self, pixels: NDArray[np.intp], rows: NDArray[np.integer]) -> Floats:
        """(...) how far pixels of the flat picture are from the middle of the boxes `rows`, broadcast: 0 in it, 1 at the border."""
        y, x = np.divmod(pixels.astype(np.int32), np.int32(self._columns))
        return np.maximum(np.abs(x - self._x[rows]) * self._wide[rows], np.abs(y - self._y[rows]) * self._high[rows])


def _renamed(labels: Labels, raw: NDArray[np.int32], rows: FusedRows) -> Labels:
    names = np.zeros(int(max(labels.max(initial=0), raw.max(initial=0))) + 1, np.int32)
    seen = ~rows.hidden
    names[raw[seen]] = rows.ids[seen]
    names[0] = 0
    return np.asarray(names[labels], np.int32)
