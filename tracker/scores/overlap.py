"""Which boxes of the truth and of the tracks touch, frame by frame, without a matrix over all identities of a clip."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from tracker.errors import ShapeError
from tracker.scores.truth import Identified
from tracker.types import Box, common_px

PAIRS_AT_ONCE = 200_000
"""looked at together: memory stays at some 30 MB however crowded the frames are"""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Side:
    """All boxes of one side in a row, frame after frame."""

    counts: Ints
    """(T,) boxes by frame"""
    frame: Ints
    """(N,) the box's frame, from 0 at the first that is scored"""
    identity: Ints
    """(N,) numbered from 0 without gaps"""
    boxes: Floats
    """(N, 4)"""

    @classmethod
    def of(cls, boxes: Mapping[int, Sequence[Identified]], *, frames: tuple[int, int], name: str) -> Side:
        """Raises ShapeError, calling the side by its name, if an identity occurs twice in one frame."""
        by_frame = [boxes.get(t, ()) for t in range(frames[0], frames[1] + 1)]
        counts = np.array([len(there) for there in by_frame], np.int64)
        frame = np.repeat(np.arange(len(counts)), counts)
        names = np.array([identity for there in by_frame for identity, _ in there], np.int64)
        corners = np.array([box for there in by_frame for _, box in there], float).reshape(-1, 4)
        ids, identity = np.unique(names, return_inverse=True)
        present, times = np.unique(frame * len(ids) + identity, return_counts=True)
        if (times > 1).any():
            twice = frames[0] + int(present[times > 1][0]) // len(ids)
            raise ShapeError(f"{name}: an identity occurs twice in frame {twice}; each may have one box a frame")
        return cls(counts, frame, identity, corners)

    @cached_property
    def starts(self) -> Ints:
        """(T,) where each frame's boxes begin."""
        return np.cumsum(self.counts) - self.counts

    @cached_property
    def lives(self) -> Ints:
        """(identities,) frames in which each is present."""
        return np.bincount(self.identity)


@dataclass(frozen=True, eq=False)
class Pairs:
    """A box of the truth and one of the tracks that overlap, P times, in order of frame, truth box, track box."""

    truth: Ints
    """(P,) rows of the truth's side"""
    track: Ints
    overlap: Floats
    """(P,) above 0, at most 1"""
    frame: Ints
    link: Ints
    """(P,) who is paired with whom: the same two identities, the same number"""

    def where(self, wanted: NDArray[np.bool_]) -> Pairs:
        """Those for which `wanted` (P,) holds."""
        return Pairs(
            self.truth[wanted], self.track[wanted], self.overlap[wanted], self.frame[wanted], self.link[wanted]
        )

    def contested(self) -> Iterator[tuple[int, slice]]:
        """(frame, its pairs) of every frame in which a box overlaps more than one: elsewhere every pair is a match."""
        rivals = (np.bincount(self.truth)[self.truth] > 1) | (np.bincount(self.track)[self.track] > 1)
        frames = np.unique(self.frame[rivals])
        starts, stops = (np.searchsorted(self.frame, frames, side).tolist() for side in ("left", "right"))
        yield from zip(frames.tolist(), map(slice, starts, stops), strict=True)


def overlapping(truth: Side, tracks: Side) -> Pairs:
    """Every two boxes of one frame whose intersection over union is above 0."""
    rivals = tracks.counts[truth.frame]
    found = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
    ends = np.cumsum(rivals)
    for rows in np.split(np.arange(len(rivals)), np.unique(np.searchsorted(ends, _steps(ends)))):
        row = np.repeat(rows, rivals[rows])
        within = np.arange(len(row)) - np.repeat(np.cumsum(rivals[rows]) - rivals[rows], rivals[rows])
        column = tracks.starts[truth.frame[row]] + within
        overlap = _iou(truth.boxes[row], tracks.boxes[column])
        touch = overlap > 0
        found.append((row[touch], column[touch], overlap[touch]))
    return _pairs(truth, tracks, *(np.concatenate(part) for part in zip(*found, strict=True)))


def given(truth: Side, tracks: Side, *, overlaps: Mapping[int, Floats], first: int) -> Pairs:
    """Overlaps measured elsewhere, such as those of masks: by frame (truth boxes, track boxes), in the order given.

    Raises ShapeError if a matrix is missing or of another size.
    """
    found = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
    for t in np.flatnonzero((truth.counts > 0) & (tracks.counts > 0)).tolist():
        wanted, matrix = (int(truth.counts[t]), int(tracks.counts[t])), overlaps.get(first + t)
        if matrix is None or matrix.shape != wanted:
            came = "missing" if matrix is None else str(matrix.shape)
            raise ShapeError(
                f"overlaps of frame {first + t}: {came}, wanted {wanted}, boxes of the truth by boxes of the tracks"
            )
        row, column = np.nonzero(matrix > 0)
        found.append((truth.starts[t] + row, tracks.starts[t] + column, matrix[row, column]))
    return _pairs(truth, tracks, *(np.concatenate(part) for part in zip(*found, strict=True)))


def iou_matrix(a: Sequence[Box], b: Sequence[Box]) -> Floats:
    """(len(a), len(b)) intersection over union; 0 where neither box has an area."""
    p, q = np.reshape(np.asarray(a, float), (-1, 1, 4)), np.reshape(np.asarray(b, float), (1, -1, 4))
    return _iou(p, q)


def assign(rows: Ints, columns: Ints, score: Floats, *, size: tuple[int, int]) -> NDArray[np.bool_]:
    """(P,) which pairs a one-to-one matching of the greatest total score takes (Kuhn 1955); scores above 0."""
    matrix = np.zeros(size)
    matrix[rows, columns] = score
    mate = np.full(size[0], -1)
    chosen, partners = linear_sum_assignment(matrix, maximize=True)
    mate[chosen] = partners
    return mate[rows] == columns


def _steps(ends: Ints) -> Ints:
    return np.arange(PAIRS_AT_ONCE, ends[-1] if len(ends) else 0, PAIRS_AT_ONCE)


def _iou(p: Floats, q: Floats) -> Floats:
    both = common_px(p, q)
    either = _area(p) + _area(q) - both
    return np.divide(both, either, out=np.zeros(both.shape), where=either > 0)


def _area(box: Floats) -> Floats:
    return (box[..., 2] - box[..., 0]) * (box[..., 3] - box[..., 1])


def _pairs(truth: Side, tracks: Side, row: Ints, column: Ints, overlap: Floats) -> Pairs:
    who = truth.identity[row] * (len(tracks.lives) + 1) + tracks.identity[column]
    return Pairs(row, column, overlap, truth.frame[row], np.unique(who, return_inverse=True)[1])
