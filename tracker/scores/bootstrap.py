"""Is the difference between two methods on one clip more than chance? Intervals by a paired bootstrap over segments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.errors import ShapeError
from tracker.scores.identity import BY_FRAME, IdentityCounts, IdentityRecord
from tracker.scores.masks import MaskCounts

SEGMENT_FRAMES = 50
"""two seconds at 25 frames a second: long enough that most mistakes begin and end in one segment"""
FEWEST, MOST = 10, 1000
"""segments, where the caller does not say"""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """One score of two methods, and where their difference lies."""

    score: str
    a: float
    b: float
    low: float
    """lower end of the 95 % interval of b - a"""
    high: float

    @property
    def clear(self) -> bool:
        """The interval leaves out 0."""
        return self.low > 0 or self.high < 0


def difference(
    record_a: IdentityRecord | Sequence[MaskCounts],
    record_b: IdentityRecord | Sequence[MaskCounts],
    *,
    segments: int | None = None,
    rounds: int = 2000,
    seed: int = 0,
) -> tuple[Difference, ...]:
    """Compare two methods on the same frames: HOTA, IDF1 and MOTA of identities, or F of masks frame by frame.

    The clip is cut into segments of equal length, which are drawn with replacement, as many as there are and the same
    for both methods; a score is the ratio of what was counted in the segments drawn. The interval is from the 2.5th to
    the 97.5th percentile of b - a over all rounds (Efron and Tibshirani 1993, ch. 13).

    segments    None: of 50 frames, but at least 10 and at most 1000
    rounds      draws

    It is approximate, and rather too narrow than too wide: identities stay paired as in the whole clip, neighbouring
    segments are not independent, and few segments say little of what another clip would bring. Of fewer than two
    frames nothing can be drawn: the result is empty. Raises ShapeError if the two are not of the same frames.
    """
    a, b = _rows(record_a), _rows(record_b)
    frames = len(a.table)
    if a.table.shape != b.table.shape:
        raise ShapeError(f"{frames} frames and {len(b.table)} cannot be paired; score both methods on the same frames")
    if frames < 2:
        return ()
    if segments is None:
        segments = min(MOST, max(FEWEST, frames // SEGMENT_FRAMES))
    segments = min(max(2, segments), frames)
    cuts = np.arange(segments) * frames // segments
    drawn = (
        np.random.default_rng(seed).multinomial(segments, np.full(segments, 1 / segments), size=rounds).astype(float)
    )
    results = []
    rounds_a, rounds_b = (
        [record.counts(row) for row in drawn @ np.add.reduceat(record.table, cuts)] for record in (a, b)
    )
    whole_a, whole_b = (record.counts(record.table.sum(axis=0)) for record in (a, b))
    for name in a.scores:
        gained = [getattr(q, name) - getattr(p, name) for p, q in zip(rounds_a, rounds_b, strict=True)]
        low, high = np.percentile(gained, (2.5, 97.5)).tolist()
        results.append(Difference(name, getattr(whole_a, name), getattr(whole_b, name), low, high))
    return tuple(results)


@dataclass(frozen=True, eq=False)
class _Rows:
    """A record as numbers to be added up, and the way back."""

    table: Floats
    """(frames, columns)"""
    counts: Callable[[Floats], IdentityCounts | MaskCounts]
    """of a sum of rows"""
    scores: tuple[str, ...]


def _rows(record: IdentityRecord | Sequence[MaskCounts]) -> _Rows:
    if not isinstance(record, IdentityRecord):
        table = np.array([astuple(counts) for counts in record], float).reshape(len(record), len(fields(MaskCounts)))
        return _Rows(table, lambda row: MaskCounts(*row.tolist()), ("f_measure",))
    parts = {name: getattr(record, name) for name in BY_FRAME}
    width = {name: part.shape[1] if part.ndim == 2 else 1 for name, part in parts.items()}
    end = dict(zip(width, np.cumsum([*width.values()]).tolist(), strict=True))

    def counts(row: Floats) -> IdentityCounts:
        sums: dict[str, Any] = {
            name: row[end[name] - 1] if width[name] == 1 else tuple(row[end[name] - width[name] : end[name]])
            for name in BY_FRAME
        }
        return IdentityCounts(**sums)

    table = np.concatenate([part.reshape(len(part), -1) for part in parts.values()], axis=1)
    return _Rows(table.astype(float), counts, ("hota", "idf1", "mota"))
