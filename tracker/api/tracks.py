"""The objects of one frame as arrays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.types import Track


@dataclass(frozen=True)
class Tracks:
    """N objects of one frame, sorted by identity. Entry k of every array is of the same object.

    >>> tracks = Tracks.of([])
    >>> len(tracks), tracks.boxes.shape
    (0, (0, 4))
    """

    boxes: NDArray[np.float64]
    """(N, 4) x0, y0, x1, y1 in pixels of the frame, half open"""
    ids: NDArray[np.int64]
    """(N,) from 1; never used twice in a run"""
    confidence: NDArray[np.float64]
    """(N,) in [0, 1]: how probable it is that the box is right"""
    hidden: NDArray[np.bool_]
    """(N,) behind something: the box is predicted, not seen"""

    @classmethod
    def of(cls, tracks: Iterable[Track]) -> Tracks:
        """Those of a lane's view."""
        ordered = sorted(tracks, key=lambda track: track.id)
        return cls(
            boxes=np.array([track.box for track in ordered], np.float64).reshape(-1, 4),
            ids=np.array([track.id for track in ordered], np.int64),
            confidence=np.array([track.confidence for track in ordered], np.float64),
            hidden=np.array([track.hidden for track in ordered], bool),
        )

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def seen(self) -> Tracks:
        """Those that are not hidden."""
        here = ~self.hidden
        return Tracks(self.boxes[here], self.ids[here], self.confidence[here], self.hidden[here])

    @property
    def centres(self) -> NDArray[np.float64]:
        """(N, 2) x, y in pixels."""
        return (self.boxes[:, :2] + self.boxes[:, 2:]) / 2
