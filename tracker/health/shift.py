"""How far a picture is shifted against another, whatever moves in it and whatever the light did."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.shake import strongest_edges

Picture = NDArray[np.float32]
"""(h, w) small, grey, smoothed"""
Vector = NDArray[np.float64]
"""(2,) x, y"""
Edges = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]
"""rows (N,), columns (N,) and gradients (N, 2) of edge pixels"""

BLOCKS = (8, 6)
"""(columns, rows) of blocks; each gives its strongest edges, so that no object can speak for the picture"""
EDGE = 1.5
"""grey levels a pixel from which there is an edge"""
FEWEST = 60
"""edge pixels below which nothing is said"""
STEPS = 8
"""of Gauss and Newton, at most"""
SETTLED_PX = 2e-4
"""a shorter step is the last: the steadiest cameras shake by ten times as much"""
NEAR_PX, NEAR_GREY = 0.5, 3.0
"""an edge pixel is explained if what is left is less than half a pixel's move, or the noise of a dark camera"""
SAME_EDGE, DARKEST = 0.5, 0.1
"""and if there is such an edge, half as steep at least in the new light: on a flat ground the noise explains every place from which
an object has gone. A picture less than a tenth as bright counts as a tenth"""
EXPLAINED = 0.5
"""share of the edge pixels that must be explained"""
THIN = 0.02
"""smallest ratio of the edges' weaker direction to their stronger one: a picture of stripes tells one direction only"""


@dataclass(frozen=True)
class Reference:
    """A picture that others are compared with; its edges are looked for once."""

    picture: Picture

    @cached_property
    def edges(self) -> Edges | None:
        """See `_edges`."""
        return _edges(self.picture)


def smooth(small: NDArray[np.uint8]) -> Picture:
    """What `shift` compares."""
    return cv2.GaussianBlur(small.astype(np.float32), (0, 0), 1.0)  # type: ignore[return-value]


def shift(reference: Reference, now: Picture) -> Vector | None:
    """(x, y) pixels from the reference to `now`; None if no shift explains most of the edges.

    Lucas and Kanade 1981 for the whole picture, with a gain and an offset of the light, and Cauchy weights so that
    what moves has little say. If that finds nothing, once more from where phase correlation sees it.
    """
    before, edges = reference.picture, reference.edges
    if edges is None:
        return None
    found, explained = _follow(before, now, np.zeros(2), *edges)
    if explained < EXPLAINED:
        window = cv2.createHanningWindow((before.shape[1], before.shape[0]), cv2.CV_32F)
        coarse, _ = cv2.phaseCorrelate(_strength(before), _strength(now), window)
        found, explained = _follow(before, now, np.array(coarse), *edges)
    return found if explained >= EXPLAINED else None


def _edges(picture: Picture) -> Edges | None:
    """The strongest edges all over the picture; None if there are too few of them."""
    across, down = _gradients(picture)
    rows, columns = strongest_edges(np.hypot(across, down), blocks=BLOCKS, least=EDGE)
    gradients = np.stack([across[rows, columns], down[rows, columns]], 1).astype(np.float64)
    weaker, stronger = np.linalg.eigvalsh(gradients.T @ gradients)
    if len(rows) < FEWEST or weaker < THIN * stronger:
        return None
    return rows, columns, gradients


def _follow(
    before: Picture,
    now: Picture,
    start: Vector,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    gradients: NDArray[np.float64],
) -> tuple[Vector, float]:
    """The shift nearest to `start`, and the share of edge pixels it explains."""
    was: NDArray[np.float64] = before[rows, columns].astype(np.float64)
    design = np.column_stack([gradients, was, np.ones(len(was))])
    steep = np.hypot(*gradients.T)
    found: Vector = start
    light: Vector = np.zeros(2)
    fitted: NDArray[np.float64] = was
    moved = np.full(2, np.inf)
    for step in range(STEPS + 1):
        x, y = (columns + found[0]).astype(np.float32), (rows + found[1]).astype(np.float32)
        left = _at(now, x, y) - was
        fitted = left - design[:, 2:] @ light
        if step == STEPS or float(np.abs(moved).max()) < SETTLED_PX:
            break
        scale = 1.5 * float(np.median(np.abs(fitted))) + 1.0
        weights = 1 / (1 + (fitted / scale) ** 2)
        weighted = design * weights[:, None]
        solved = np.linalg.solve(weighted.T @ design + 1e-3 * np.eye(4), weighted.T @ left).astype(np.float64)
        moved = np.clip(solved[:2], -2, 2)
        found = found - moved
        light = solved[2:]
    limit = np.array([before.shape[1], before.shape[0]]) / 2
    if not np.isfinite(found).all() or (np.abs(found) > limit).any():
        return np.zeros(2), 0.0
    there = np.column_stack([_at(gradient, x, y) for gradient in _gradients(now)])
    edge_there = (there * gradients).sum(1) >= SAME_EDGE * max(DARKEST, 1 + light[0]) * steep**2
    return found, float(((np.abs(fitted) < NEAR_PX * steep + NEAR_GREY) & edge_there).mean())


def _gradients(picture: Picture) -> tuple[Picture, Picture]:
    """Across and down, grey levels a pixel."""
    across, down = (cv2.Sobel(picture, cv2.CV_32F, *axis, ksize=3, scale=1 / 8) for axis in ((1, 0), (0, 1)))
    return across, down  # type: ignore[return-value]


def _at(picture: Picture, x: Picture, y: Picture) -> Picture:
    """(N,) the picture at those places, between pixels too."""
    return cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).ravel()  # type: ignore[return-value]


def _strength(picture: Picture) -> Picture:
    """Size of the gradient: light on flat areas does not count."""
    return cv2.magnitude(cv2.Sobel(picture, cv2.CV_32F, 1, 0), cv2.Sobel(picture, cv2.CV_32F, 0, 1))  # type: ignore[return-value]
