"""The result of the passes, frame by frame, as a lane gives it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tracker.smoothing.rows import FusedRows, Rows
from tracker.types import Box, Frame, Image, Labels, Mask, Region, Segmentation


class KeptLabels(Protocol):
    """Labels of a pass: `spill.LabelFile`, or those of several parts of a clip."""

    def read(self, index: int) -> tuple[Labels, Mask]:
        """Labels (h, w) and foreground (h, w) of a frame; KeyError for one that was not kept."""
        ...


def causal(first: Rows) -> FusedRows:
    """The first pass alone, under its own names."""
    ids, none = first.ids, np.zeros(len(first.ids), np.int32)
    return FusedRows(
        first.frames, ids, first.boxes, first.confidence, first.hidden, ids, none, none, np.ones(len(ids), bool)
    )


class Doubts(NamedTuple):
    """`Region.entropy` of the rows of the first pass."""

    rows: Rows
    entropies: NDArray[np.float32]
    """(N,) NaN for None"""

    def of(self, index: int) -> dict[int, float]:
        """Those of a frame that are known, by the identity of the first pass."""
        first, end = np.searchsorted(self.rows.frames, [index, index + 1])
        pairs = zip(self.rows.ids[first:end].tolist(), self.entropies[first:end].tolist(), strict=True)
        return {number: bits for number, bits in pairs if bits == bits}


class Replay:
    """A `Segmenter` that gives what was found before; it needs no picture.

    first           labels of the first pass; others  of the forward and the backward one, None if there were none
    weights_digest  of the networks that found it
    """

    def __init__(
        self, rows: FusedRows, first: KeptLabels, others: tuple[KeptLabels, KeptLabels] | None, *, doubts: Doubts,
        weights_digest: str | None,
    ) -> None:  # fmt: skip
        self.weights_digest = weights_digest
        self._doubts = doubts
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
        labels = _renamed(labels, rows.first, rows)
        if self._others is not None:
            (forward, seen), (backward, more) = (kept.read(frame.index) for kept in self._others)
            foreground |= seen | more
            known = owners(forward, backward, rows)
            # what lies between an object's parts is only in the first pass, which sees the scene
            labels = np.where(known > 0, known, labels)
        across, down = frame.size[0] / labels.shape[1], frame.size[1] / labels.shape[0]
        pixels = np.bincount(labels.ravel(), minlength=int(rows.ids.max(initial=0)) + 1) * (across * down)
        doubts = self._doubts.of(frame.index)
        regions = tuple(
            Region(
                number, Box(*box), 0.0 if hidden else float(pixels[number]), sure, hidden,
                None if hidden else doubts.get(seen_as),
            )
            for number, box, sure, hidden, seen_as in zip(
                rows.ids.tolist(), rows.boxes.tolist(), rows.confidence.tolist(), rows.hidden.tolist(),
                rows.first.tolist(), strict=True,
            )
        )  # fmt: skip
        return Segmentation(labels, regions, True, foreground | (labels > 0), frame.size)


def owners(forward: Labels, backward: Labels, rows: FusedRows) -> Labels:
    """(h, w) the identity that has each pixel.

    forward, backward  (h, w) what the passes say of one frame; rows  of that frame

    A pixel that only one pass gives to an identity is that one's. Of two, the one that comes first by `forward_first` of both has it: of
    the identity that the forward pass names, if its row says so.
    """
    height = int(max(forward.max(initial=0), rows.forward.max(initial=0))) + 1
    width = int(max(backward.max(initial=0), rows.backward.max(initial=0))) + 1
    by_forward, by_backward = np.zeros(height, np.int32), np.zeros(width, np.int32)
    seen = ~rows.hidden
    by_forward[rows.forward[seen]] = rows.ids[seen]
    by_backward[rows.backward[seen]] = rows.ids[seen]
    by_forward[0] = by_backward[0] = 0
    first = np.zeros(height, bool)
    first[rows.forward[seen]] = rows.forward_first[seen]
    # one number for each pair of labels, so that a pixel is looked up once
    one, other = np.broadcast_arrays(by_forward[:, None], by_backward[None, :])
    table = np.where((one > 0) & (first[:, None] | (other == 0)), one, other)
    return np.asarray(table.ravel()[forward * np.int32(width) + backward], np.int32)


def _renamed(labels: Labels, raw: NDArray[np.int32], rows: FusedRows) -> Labels:
    names = np.zeros(int(max(labels.max(initial=0), raw.max(initial=0))) + 1, np.int32)
    seen = ~rows.hidden
    names[raw[seen]] = rows.ids[seen]
    names[0] = 0
    return np.asarray(names[labels], np.int32)
