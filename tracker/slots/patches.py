"""The windows of all slots in one array: their pixels one after the other, so that one array operation serves every slot.

A picture's pixels in the windows of K slots are N = sum of h_k w_k rows, window after window, each row by row. A slot whose window
is outside the frame has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.slots.state import PAD

Array = NDArray[np.float32]
Window = tuple[slice, slice]
"""rows and columns of the frame"""


class Patches:
    """Where the pixels of every slot's window lie among the N rows.

    windows  of K slots, in pixels of the frame; None where a slot's is outside
    """

    def __init__(self, windows: Sequence[Window | None]) -> None:
        self.windows = windows
        self.shapes = [(0, 0) if w is None else (_length(w[0]), _length(w[1])) for w in windows]
        self.edges = [0, *accumulate(h * w for h, w in self.shapes)]
        """K + 1: slot k has the rows from edges[k] to edges[k + 1]"""

    def __len__(self) -> int:
        return self.edges[-1]

    @cached_property
    def inside(self) -> list[int]:
        """The slots whose window is in the frame."""
        return [k for k, window in enumerate(self.windows) if window is not None]

    @cached_property
    def slots(self) -> NDArray[np.intp]:
        """(N,) the slot of each row."""
        return np.repeat(np.arange(len(self.windows)), np.diff(self.edges))

    def views(self, rows: NDArray[Any]) -> list[NDArray[Any]]:
        """Rows (N, ...) as the pictures (h_k, w_k, ...) of K windows; what is written into one is written into the rows."""
        rest = rows.shape[1:]
        return [
            rows[start:end].reshape(*shape, *rest)
            for start, end, shape in zip(self.edges, self.edges[1:], self.shapes, strict=False)
        ]

    def gather(self, picture: NDArray[Any]) -> NDArray[Any]:
        """(N, ...) the windows' pixels of a picture (H, W, ...)."""
        rows = np.empty((len(self), *picture.shape[2:]), picture.dtype)
        for window, view in zip(self.windows, self.views(rows), strict=True):
            if window is not None:
                view[...] = picture[window]
        return rows

    def rows_at(
        self, indices: NDArray[np.intp], slots: NDArray[np.intp], width: int
    ) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
        """Which of the pixels at `indices` (M,) of a flat picture `width` wide are in the windows of `slots` (M,); and their rows."""
        corners = [(0, 0) if w is None else (w[0].start, w[1].start) for w in self.windows]
        (top, left), (high, wide) = (np.array(pairs, np.intp).reshape(-1, 2).T for pairs in (corners, self.shapes))
        y, x = np.divmod(indices, width)
        y -= top[slots]
        x -= left[slots]
        inside = (y >= 0) & (y < high[slots]) & (x >= 0) & (x < wide[slots])
        rows = np.array(self.edges)[slots] + y * wide[slots] + x
        return inside, rows[inside]

    def join(self, pictures: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """(N,) of K pictures (h_k, w_k), one in each window."""
        return np.concatenate([part.ravel() for part in pictures]) if pictures else np.zeros(0, np.float32)

    def thinned(self, step: int) -> Patches:
        """Every `step`-th row and column of every window."""
        return Patches(
            [w and (slice(w[0].start, w[0].stop, step), slice(w[1].start, w[1].stop, step)) for w in self.windows]
        )


def _length(part: slice) -> int:
    return len(range(part.start, part.stop, part.step or 1))


def windows_of(poses: Array, shape: tuple[int, ...]) -> list[Window | None]:
    """Rows and columns that the window at each pose (K, 4) covers inside a frame of that shape; None where fewer than 2 x 2."""
    centre, size = poses[:, :2].astype(float), poses[:, 2:].astype(float)
    # half a pixel more than the window: sampling between pixels reaches its rim
    low = np.maximum(0, np.floor(centre - size * PAD / 2 - 0.5)).astype(int)
    high = np.minimum((shape[1], shape[0]), np.ceil(centre + size * PAD / 2 + 0.5)).astype(int)
    return [
        (slice(y0, y1), slice(x0, x1)) if x1 - x0 >= 2 and y1 - y0 >= 2 else None
        for (x0, y0), (x1, y1) in zip(low.tolist(), high.tolist(), strict=True)
    ]


def grid_to_window(poses: Array, windows: Sequence[Window | None], size: int) -> NDArray[np.float64]:
    """(K, 2, 3) affine maps from pixel indices of a grid (size, size) to pixel indices inside each window."""
    corner = np.array([(0, 0) if w is None else (w[1].start, w[0].start) for w in windows], float).reshape(-1, 2)
    centre, extent = poses[:, :2].astype(float), poses[:, 2:].astype(float)
    scale = extent * PAD / size
    maps = np.zeros((len(poses), 2, 3))
    maps[:, 0, 0], maps[:, 1, 1] = scale[:, 0], scale[:, 1]
    maps[:, :, 2] = centre - extent * PAD / 2 - corner + scale / 2 - 0.5
    return maps
