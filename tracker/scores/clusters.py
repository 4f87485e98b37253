"""Does every object own its pixels? Foreground ARI and AMI from a contingency table that adds over frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tracker.errors import ShapeError

Average = Literal["arithmetic", "max"]
"""Of the two entropies, what AMI is divided by: scikit-learn's default, or that of the Neural EM papers."""
Table = Mapping[tuple[int, int], int]
"""Pixels by (identity in the truth, identity found); found 0 is background, which counts as one more cluster."""

BINS = 1 << 22
"""up to so many pairs of identities are counted in an array, more are sorted"""
TAIL_DEVIATIONS, TAIL_PIXELS = 12, 40
"""half the window of a hypergeometric law, in standard deviations and more; outside lies less than 1e-30"""


@dataclass(frozen=True)
class ClusterCounts:
    """Who owns the pixels of true objects, in one clip or several.

    Frames of one clip are put together with `joined`: an identity keeps its number, so that a change of owner costs. Clips
    are with `pooled`: the same number in two clips is not the same object.
    """

    tables: tuple[Table, ...] = ()
    """one a clip"""
    frames: int = 0
    """those with an object in the truth"""
    ari_sum: float = 0.0
    """over these frames, each by itself"""
    ami_sum: float = 0.0

    @classmethod
    def of(cls, found: NDArray[np.integer], truth: NDArray[np.integer]) -> ClusterCounts:
        """Count one frame: identities (H, W), 0 background, from 0. Raises ShapeError if the two differ in size."""
        if found.shape != truth.shape:
            raise ShapeError(f"identities found are {found.shape}, wanted {truth.shape}, the size of the truth")
        objects = truth > 0
        if not objects.any():
            return cls()
        wanted, owner = truth[objects].astype(np.int64), found[objects].astype(np.int64)
        base = int(owner.max()) + 1
        code = wanted * base + owner
        if code.max() < BINS:
            pixels = np.bincount(code)
            codes = np.flatnonzero(pixels)
            pixels = pixels[codes]
        else:
            codes, pixels = np.unique(code, return_counts=True)
        table = {divmod(c, base): n for c, n in zip(codes.tolist(), pixels.tolist(), strict=True)}
        return cls((table,), 1, _score(table, adjusted_rand), _score(table, adjusted_information))

    @classmethod
    def pooled(cls, clips: Iterable[ClusterCounts]) -> ClusterCounts:
        """Several clips as one value, their identities kept apart."""
        clips = list(clips)
        return cls(
            tuple(table for clip in clips for table in clip.tables),
            sum(clip.frames for clip in clips),
            sum(clip.ari_sum for clip in clips),
            sum(clip.ami_sum for clip in clips),
        )

    @classmethod
    def joined(cls, frames: Iterable[ClusterCounts]) -> ClusterCounts:
        """The frames of one clip as one value. Raises ValueError for clips that were put together already."""
        frames, table = list(frames), dict[tuple[int, int], int]()
        if any(len(frame.tables) > 1 for frame in frames):
            raise ValueError("identities of different clips do not add; use ClusterCounts.pooled")
        for part in (part for frame in frames for part in frame.tables):
            for pair, pixels in part.items():
                table[pair] = table.get(pair, 0) + pixels
        return cls(
            (table,) if table else (),
            sum(frame.frames for frame in frames),
            sum(frame.ari_sum for frame in frames),
            sum(frame.ami_sum for frame in frames),
        )

    @property
    def fg_ari(self) -> float:
        """ARI over all pixels of true objects in the clip, so that identity over time counts; mean over clips.

        Here and below, 0 where nothing was found on any object, although the formula calls one cluster against one
        object perfect.
        """
        return sum(_score(table, adjusted_rand) for table in self.tables) / max(1, len(self.tables))

    @property
    def ami(self) -> float:
        """AMI of the same, arithmetic average."""
        return sum(_score(table, adjusted_information) for table in self.tables) / max(1, len(self.tables))

    @property
    def fg_ari_frames(self) -> float:
        """ARI of each frame by itself, mean over frames with an object: grouping alone, whoever owned it before."""
        return self.ari_sum / max(1, self.frames)

    @property
    def ami_frames(self) -> float:
        """AMI of each frame by itself, mean over frames with an object."""
        return self.ami_sum / max(1, self.frames)


def adjusted_rand(table: ArrayLike) -> float:
    """Adjusted Rand index of a contingency table (R, C) of counts: 1 perfect, 0 as good as chance.

    Hubert and Arabie 1985: (pairs together in both - expected) / (mean of pairs together in each - expected).
    """
    n = np.asarray(table, float)  # pairs of a long clip's pixels are more than 64 bits hold
    n = n[n.any(1)][:, n.any(0)]
    if np.count_nonzero(n) == max(n.shape) == min(n.shape):
        return 1.0  # one to one
    both, rows, columns = (float(np.sum(c * (c - 1) / 2)) for c in (n, n.sum(1), n.sum(0)))
    total = float(n.sum())
    expected = rows * columns / (total * (total - 1) / 2)
    return (both - expected) / ((rows + columns) / 2 - expected)


def adjusted_information(table: ArrayLike, *, average: Average = "arithmetic") -> float:
    """Adjusted mutual information of a contingency table (R, C) of counts: 1 perfect, 0 as good as chance.

    Vinh, Epps and Bailey 2010: (I - E[I]) / (average of the two entropies - E[I]).
    """
    n = np.asarray(table, np.int64)
    n = n[n.any(1)][:, n.any(0)]
    if np.count_nonzero(n) == max(n.shape) == min(n.shape):
        return 1.0  # one to one; the formula would leave a rounding error
    if min(n.shape) == 1:
        return 0.0  # one of the two does not divide the pixels at all
    shares, rows, columns = (counts[counts > 0] / n.sum() for counts in (n, n.sum(1), n.sum(0)))
    of_rows, of_columns, joint = (-float(np.sum(p * np.log(p))) for p in (rows, columns, shares))
    expected = _expected_information(n.sum(1), n.sum(0))
    most = max(of_rows, of_columns) if average == "max" else (of_rows + of_columns) / 2
    return (of_rows + of_columns - joint - expected) / max(most - expected, float(np.finfo(float).eps))


def _score(table: Table, measure: Callable[[NDArray[np.int64]], float]) -> float:
    """0 where nothing was found on any object."""
    if all(found == 0 for _, found in table):
        return 0.0
    pairs = np.array(list(table))
    row, column = (np.unique(pairs[:, side], return_inverse=True)[1] for side in (0, 1))
    counts = np.zeros((row.max() + 1, column.max() + 1), np.int64)
    counts[row, column] = list(table.values())
    return measure(counts)


def _expected_information(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> float:
    """Mean mutual information, in nats, of two groupings of these sizes that know nothing of each other.

    Every cell is hypergeometric. It is summed where its probability lies, since the whole range of cells that count
    the pixels of a clip would take minutes; ratios of neighbours are added up from there, and normalised, which is
    more exact than logarithms of factorials of a million.
    """
    total, b = float(rows.sum()), columns[:, None].astype(float)
    expected = 0.0
    for a in rows.astype(float).tolist():
        mean = a * b / total
        deviation = np.sqrt(mean * (1 - a / total) * (1 - b / total) * total / max(1.0, total - 1))
        reach = TAIL_DEVIATIONS * deviation + TAIL_PIXELS
        least = np.maximum(np.maximum(0, a + b - total), np.floor(mean - reach))
        most = np.minimum(np.minimum(a, b), np.ceil(mean + reach))
        k = least + np.arange(int((most - least).max()) + 1)
        # P(k + 1) / P(k); beyond the last possible cell it is 0, and stays so
        step = np.maximum(a - k, 0) * np.maximum(b - k, 0) / ((k + 1) * np.maximum(total - a - b + k + 1, 1))
        with np.errstate(divide="ignore"):
            log_p = np.cumsum(np.log(step[:, :-1]), axis=1)
        log_p = np.concatenate([np.zeros((len(b), 1)), log_p], axis=1)
        gain = k / total * np.log(np.maximum(k, 1) * total / (a * b))
        p = np.exp(log_p - log_p.max(axis=1, keepdims=True))
        expected += float(np.sum(p * gain / p.sum(axis=1, keepdims=True)))
    return expected
