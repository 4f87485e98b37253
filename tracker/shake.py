"""How a shaking camera moved between a picture of the scene and a frame: a shift, a zoom and a roll that most edges obey.

Lucas and Kanade 1981 for the whole picture, from coarse to fine, on its strongest edges, with a gain and an offset of the light; Cauchy
weights, so that what moves by itself has little say. Corners followed one by one, with RANSAC, need a texture that bare ground lacks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.ranks import ranked
from tracker.resize import to_working_width
from tracker.types import SMALL_PX, Image

Matrix = NDArray[np.float64]
"""(2, 3) from places (x, y) in the scene's picture to places in the frame, counted from the picture's corner"""
Grey = NDArray[np.float32]
Vector = NDArray[np.float64]

LEVELS = 3
"""pictures of the pyramid, each half as wide as the one before: the coarsest sees a movement of 10 pixels as 2.5"""
BLOCKS = (16, 12)
"""across and down: edges are taken all over the picture"""
A_BLOCK = 24
"""strongest edge pixels of each block, at most"""
EDGE = 2.0
"""grey levels a pixel from which on an edge stands out of the noise, in a picture smoothed by a pixel"""
STRONG = 8.0
"""grey levels a pixel from which on all edges have one vote: an object of black and white has no more to say than a pale scene"""
MARGIN = 4
"""pixels at the border that are not looked at"""
FEWEST = 100
"""edge pixels below which nothing is said"""
THIN = 0.01
"""smallest ratio of the edges' weaker direction to their stronger one: a picture of stripes tells one direction only"""
STEPS, SETTLED_PX = 12, 0.01
"""steps of a level at most, and the step below which it has settled"""
FLOOR = 1.0
"""grey levels of noise that a residual has at least"""
FAINTEST = 0.3
"""contrast as a share of the scene's, below which a picture shows nothing of it"""
TOWARDS_STILL = 1e-3
"""weight of no zoom and no roll against the edges: in a picture that does not tell there is none"""
NEAR_PX, NEAR_GREY = 0.5, 3.0
"""an edge pixel obeys if what is left is less than half a pixel's movement, or the noise of a dark camera"""
OBEY = 0.5
"""share of the edge pixels that must obey"""
MOST_PICTURES, FEWEST_PICTURES = 20, 5
"""compared to tell whether a camera shakes"""
SHAKES_PX = 0.5
"""movement from which a camera shakes, in pixels of a picture SMALL_PX wide"""
SHAKING = 0.5
"""quantile of the pictures' movements that is compared with it: one push does not make a camera shake"""
FOUND = 0.8
"""share of the pictures whose movement must be known: fewer are of one scene where a camera turns or a clip is cut"""
CALMER = 0.7
"""how much less the pictures must differ once the movement is undone: what water, leaves or shadows made of it does not"""
FARTHEST = 0.05
"""movement, in widths, above which a camera does not shake but goes elsewhere"""


STILL: Matrix = np.array([[1.0, 0, 0], [0, 1, 0]])


class Edges:
    """The strongest edges of one level (h, w) of the scene's picture."""

    def __init__(self, grey: Grey) -> None:
        self.shape = grey.shape
        across = cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
        down = cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
        strength = np.hypot(across, down)
        self.rows, self.columns = strongest_edges(strength, blocks=BLOCKS, least=EDGE)
        self.here = here = self.rows, self.columns
        self.was = grey[here].astype(np.float64)
        self.steep = strength[here].astype(np.float64)
        self.vote = 1 / np.hypot(self.steep, STRONG)
        gx, gy = across[here].astype(np.float64), down[here].astype(np.float64)
        self.x, self.y = self._centred()
        # movement (shift x, y, zoom, roll), the last two in pixels at the picture's side, then gain and offset of the light
        self.design = np.column_stack(
            [gx, gy, gx * self.x + gy * self.y, gy * self.x - gx * self.y, self.was, np.ones(len(gx))]
        )
        weaker, stronger = np.linalg.eigvalsh(self.design[:, :2].T @ self.design[:, :2])
        self.tell = len(gx) >= FEWEST and bool(weaker >= THIN * stronger)

    def _centred(self) -> tuple[Vector, Vector]:
        """Places from the middle, in halves of the width."""
        h, w = self.shape
        return (self.columns + 0.5 - w / 2) / (w / 2), (self.rows + 0.5 - h / 2) / (w / 2)

    def follow(self, now: Grey, start: Vector) -> tuple[Vector, float]:
        """The movement nearest to `start`, and the share of edge pixels that obey it."""
        found, light = start, np.zeros(2)
        left = self._left(now, found)
        for _ in range(STEPS):
            fitted = left - self.design[:, 4:] @ light
            scale = 1.5 * float(np.median(np.abs(fitted * self.vote))) + FLOOR / STRONG
            weighted = self.design * (self.vote**2 / (1 + (fitted * self.vote / scale) ** 2))[:, None]
            normal = weighted.T @ self.design
            still = np.zeros(6)
            still[2:4] = TOWARDS_STILL * np.trace(normal[:2, :2])
            solved = np.linalg.solve(
                normal + np.diag(still + 1e-3), weighted.T @ left + still * np.concatenate([found, light])
            )
            step = np.clip(solved[:4], -2, 2)
            found, light = found - step, solved[4:]
            left = self._left(now, found)
            if np.abs(step).max() < SETTLED_PX:
                break
        if light[0] < FAINTEST - 1:
            return found, 0.0
        fitted = np.abs(left - self.design[:, 4:] @ light)
        return found, float((fitted < NEAR_PX * self.steep + NEAR_GREY).mean())

    def _left(self, now: Grey, found: Vector) -> Vector:
        dx, dy, zoom, roll = found
        x = self.columns + dx + zoom * self.x - roll * self.y
        y = self.rows + dy + zoom * self.y + roll * self.x
        at = x.astype(np.float32), y.astype(np.float32)
        seen = cv2.remap(now, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(seen.ravel() - self.was, np.float64)


class Follower:
    """A picture of the scene (h, w, 3), and how the camera of a frame moved."""

    def __init__(self, scene: Image) -> None:
        self._levels = [Edges(grey) for grey in _pyramid(scene)]
        self._size = (scene.shape[1], scene.shape[0])

    @property
    def tells(self) -> bool:
        """Whether the picture has edges enough."""
        return self._levels[0].tell

    def movement(self, image: Image) -> Matrix | None:
        """How the camera moved from the scene to `image`, of the same size; None if most edges do not obey any movement."""
        if not self.tells:
            return None
        found, obey = np.zeros(4), 0.0
        for level, grey in reversed(list(zip(self._levels, _pyramid(image), strict=True))):
            found = 2 * found
            if level.tell:
                found, obey = level.follow(grey, found)
        if obey < OBEY or not np.isfinite(found).all():
            return None
        (w, h), (dx, dy, zoom, roll) = self._size, found
        linear = np.array([[1 + zoom / (w / 2), -roll / (w / 2)], [roll / (w / 2), 1 + zoom / (w / 2)]])
        middle = np.array([w / 2, h / 2])
        return np.column_stack([linear, middle + [dx, dy] - linear @ middle])


def _pyramid(image: Image) -> list[Grey]:
    """Grey pictures of LEVELS widths, the finest first."""
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 1.0)
    made = [np.asarray(grey, np.float32)]
    while len(made) < LEVELS:
        made.append(np.asarray(cv2.pyrDown(made[-1]), np.float32))
    return made


def strongest_edges(
    strength: Grey, *, blocks: tuple[int, int], least: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the A_BLOCK strongest edges of every block, of `blocks` across and down; those of `least` or more.

    strength  (H, W) size of the gradient
    """
    inner = strength[MARGIN:-MARGIN, MARGIN:-MARGIN]
    across, down = blocks
    height, width = inner.shape[0] // down, inner.shape[1] // across
    if min(height, width) < 2:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    tiles = inner[: height * down, : width * across].reshape(down, height, across, width)
    pixels = tiles.transpose(0, 2, 1, 3).reshape(across * down, height * width)
    best = np.argpartition(-pixels, min(A_BLOCK, pixels.shape[1] - 1), axis=1)[:, :A_BLOCK]
    block = np.arange(len(pixels))[:, None]
    rows = (block // across * height + best // width).ravel() + MARGIN
    columns = (block % across * width + best % width).ravel() + MARGIN
    strong = strength[rows, columns] >= least
    return rows[strong], columns[strong]


def scaled(matrix: Matrix, factor: float) -> Matrix:
    """The same movement in a picture `factor` times as large."""
    return np.column_stack([matrix[:, :2], matrix[:, 2] * factor])


def undone(image: Image, matrix: Matrix, scene: Image) -> Image:
    """The picture (h, w, 3) as the camera would have seen it unmoved.

    Where it did not look there is `scene` (h, w, 3), changed as it is at the picture's border next to it: what the border cuts
    goes on to the border of the steadied picture, as everything that looks for cut objects there expects.
    """
    inverse = matrix.copy()
    inverse[:, 2] += matrix[:, :2] @ np.full(2, 0.5) - 0.5
    size = (image.shape[1], image.shape[0])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    seen = np.asarray(cv2.warpAffine(image, inverse, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8)
    for strip in _rim(size, math.ceil(farthest(matrix, size))):
        _continue(seen, strip, inverse, scene)
    return seen


def _rim(size: tuple[int, int], depth: int) -> list[tuple[slice, slice]]:
    """The four strips of rows and columns along the border of a picture (width, height)."""
    (w, h), all_of_it = size, slice(None)
    near, far = slice(0, depth), [slice(max(depth, side - depth), None) for side in (h, w)]
    return [(near, all_of_it), (far[0], all_of_it), (all_of_it, near), (all_of_it, far[1])] if depth else []


def _continue(seen: Image, strip: tuple[slice, slice], inverse: Matrix, scene: Image) -> None:
    """Add to a strip of `seen`, where it repeats the border, by how much the scene there differs from the scene at the border.

    inverse  from pixels of `seen` (x, y) to pixels of the frame
    """
    h, w = scene.shape[:2]
    rows, columns = np.meshgrid(np.arange(h)[strip[0]], np.arange(w)[strip[1]], indexing="ij")
    looked = np.stack([columns, rows], axis=-1) @ inverse[:, :2].T + inverse[:, 2]  # (rows, columns, 2)
    border = np.clip(looked, 0, [w - 1, h - 1])
    outside = (border != looked).any(axis=-1)
    at = ((border - inverse[:, 2]) @ np.linalg.inv(inverse[:, :2]).T).astype(np.float32)
    there = cv2.remap(scene, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    differs = scene[strip].astype(np.int16) - there
    seen[strip] = np.where(outside[..., None], np.clip(seen[strip] + differs, 0, 255), seen[strip]).astype(np.uint8)


def farthest(matrix: Matrix, size: tuple[int, int]) -> float:
    """Pixels by which the corner of a picture `size` (width, height) moves that moves most."""
    w, h = size
    corners = np.array([[0, 0], [w, 0], [0, h], [w, h]], np.float64)
    return float(np.hypot(*(corners @ matrix[:, :2].T + matrix[:, 2] - corners).T).max())


@dataclass(frozen=True)
class Shake:
    """A camera that shakes, and what it looks at."""

    scene: Image
    """(h, w, 3) the median picture, seen from where the camera is on average"""
    moved_px: float
    """typical movement, in pixels of that picture"""
    calmer: float
    """grey levels by which the pictures differ at edges, as a share of before"""


def measure_shake(images: Sequence[Image], *, always: bool = False) -> Shake | None:
    """The shake in pictures (H, W, 3) spread over a clip; None where the camera stands, turns, or too little is seen.

    always  whatever stands shakes a little
    """
    step = max(1, -(-len(images) // MOST_PICTURES))
    chosen = [to_working_width(image, SMALL_PX) for image in images[::step]]
    if len(chosen) < FEWEST_PICTURES:
        return None
    width, height = chosen[0].shape[1], chosen[0].shape[0]
    follower = Follower(chosen[len(chosen) // 2])
    known = [(image, found) for image in chosen if (found := follower.movement(image)) is not None]
    if len(known) < FOUND * len(chosen):
        return None
    pictures, movements = zip(*known, strict=True)
    # seen from the picture that was taken nearest to where the camera is on average
    spans = np.array([[*found[:, 2], width / 2 * (found[0, 0] - 1)] for found in movements])
    middle = movements[int(np.abs(spans - np.median(spans, axis=0)).sum(axis=1).argmin())]
    movements = tuple(_from(middle, found) for found in movements)
    moved = float(np.quantile([farthest(found, (width, height)) for found in movements], SHAKING))
    if not always and not SHAKES_PX * width / SMALL_PX < moved < FARTHEST * width:
        return None
    still = np.stack([undone(image, found, image) for image, found in zip(pictures, movements, strict=True)])
    scene = _median(still)
    if not Follower(scene).tells:  # what was followed moves by itself, and is not in it
        return None
    calmer = _spread(still) / max(1e-9, _spread(np.stack(pictures)))
    return Shake(scene, moved, calmer) if always or calmer < CALMER else None


def _median(pictures: Image) -> Image:
    """(h, w, 3) of pictures (N, h, w, 3)."""
    return np.asarray(ranked(pictures, len(pictures) // 2), np.uint8)


def _spread(pictures: Image) -> float:
    """Grey levels by which pictures (N, h, w, 3) differ from their median at the edges of it, usually: movers are seldom in one place."""
    grey = np.stack([cv2.cvtColor(each, cv2.COLOR_RGB2GRAY) for each in pictures])
    median = np.asarray(ranked(grey, len(grey) // 2), np.uint8)
    away = np.stack([cv2.absdiff(each, median) for each in grey])
    usual = ranked(np.asarray(away, np.uint8), len(away) // 2)
    return float(usual[Edges(np.asarray(cv2.GaussianBlur(median.astype(np.float32), (0, 0), 1.0))).here].mean())


def _from(start: Matrix, found: Matrix) -> Matrix:
    """The movement `found` of a camera that had moved by `start` before."""
    back = np.linalg.inv(np.vstack([start, [0, 0, 1]]))
    return np.asarray(found @ back, np.float64)
