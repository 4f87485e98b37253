"""The E-step on a large frame, window by window: numpy and OpenCV, since K whole-frame arrays would cost more than the network.

The same model as the training's, in torch (`unroll.py`); a test holds the two together. Probabilities are multiplied rather than their
logarithms added: the background's term never falls below its smallest verdict probability and the colour penalty is bounded, so nothing
under- or overflows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.em.floor import PROBABILITY_FLOOR
from tracker.slots.patches import Patches, grid_to_window, windows_of
from tracker.slots.settings import MixtureModelSettings
from tracker.types import Image, Mask

Array = NDArray[np.float32]
CLAIMED = np.float32(0.9)
"""gamma of a claimed pixel: nearly certain"""
FINEST = 1.5
"""frame pixels a grid pixel beyond which the frame is averaged down before it is sampled: sampling alone would skip pixels"""


class OwnedPixels(NamedTuple):
    """The M pixels of a picture (H, W) for which some slot is most responsible, row by row."""

    indices: NDArray[np.intp]
    """(M,) in the flat picture"""
    slots: NDArray[np.int32]
    """(M,)"""
    shape: tuple[int, ...]

    def painted(self, values: NDArray[Any]) -> NDArray[Any]:
        """(H, W) the value (K,) of the slot that has each pixel; 0 where none has it."""
        picture = np.zeros(self.shape, values.dtype)
        picture.ravel()[self.indices] = values[self.slots]
        return picture

    def without(self, pixels: Mask) -> OwnedPixels:
        """Those outside `pixels` (H, W)."""
        left = ~pixels.ravel()[self.indices]
        return OwnedPixels(self.indices[left], self.slots[left], self.shape)


@dataclass(frozen=True)
class Responsibilities:
    """gamma of one frame for K slots: the probability that a pixel is of each slot, or of the background.

    `claim` and `release` change it in place; the claimed and released pixels do not sum to one.
    """

    patches: Patches
    """where each slot's window lies in the frame"""
    gamma: Array
    """(N,) of each slot, in its window: a value for each row of `patches`"""
    background: Array
    """(H, W) gamma_0, of the background"""
    labels: NDArray[np.int32]
    """(H, W) argmax: 0 for the background, or 1 + the slot"""
    expected: Array
    """(K,) pixels of each slot's predicted mask inside the frame"""

    def owned(self) -> OwnedPixels:
        """Who has which pixel now, by `labels`."""
        indices = np.flatnonzero(self.labels > 0)
        return OwnedPixels(indices, self.labels.ravel()[indices] - 1, self.labels.shape)

    def claim(self, indices: NDArray[np.intp], slots: NDArray[np.intp]) -> None:
        """Make slots (M,) responsible for the pixels at `indices` (M,) of the flat picture, gamma as far as their windows reach."""
        self.labels.ravel()[indices] = slots + 1
        inside, rows = self.patches.rows_at(indices, slots, self.labels.shape[1])
        self.gamma[rows] = np.maximum(self.gamma[rows], CLAIMED)
        seen = indices[inside]
        background = self.background.ravel()
        background[seen] = np.minimum(background[seen], 1 - CLAIMED)

    def release(self, pixels: Mask) -> None:
        """Make no slot responsible for `pixels` (H, W): they are a new object's."""
        self.labels[pixels] = 0
        self.gamma[self.patches.gather(pixels)] = 0


def e_step(
    image: Image, verdict: NDArray[np.uint8], psi: Array, poses: Array, pixels: MixtureModelSettings
) -> Responsibilities:
    """gamma_ik = P(z_i = k | x_i, psi) of every pixel, for the background and K slots (N-EM, equation 3).

        gamma_i0 ~ P(v_i | background)        gamma_ik ~ m_ik p(x_i | c_ik) P(v_i | object)

    image     (H, W, 3) uint8
    verdict   (H, W) uint8, v: BACKGROUND, UNSURE or FOREGROUND (tracker.types)
    psi       (K, P, P, 4) float32: colour c RGB in [0, 1] and mask m, as predicted for this frame
    poses     (K, 4) centre x, y, width, height in pixels, predicted for this frame
    """
    patches = Patches(windows_of(poses, verdict.shape))
    mask, joint = _joint(image, verdict, psi, poses, patches, pixels)
    masks, joints = patches.views(mask), patches.views(joint)
    total = cv2.LUT(verdict, _table(pixels.background_verdicts))
    background = total.copy()
    best, labels = total.copy(), np.zeros(verdict.shape, np.int32)
    expected = np.zeros(len(poses), np.float32)
    for k in patches.inside:
        window, mine = patches.windows[k], joints[k]
        here = total[window]
        np.add(here, mine, out=here)
        here = best[window]
        np.copyto(labels[window], k + 1, where=mine > here)
        np.maximum(here, mine, out=here)
        expected[k] = np.add.reduce(masks[k], axis=None)
    joint /= patches.gather(total)
    return Responsibilities(patches, joint, np.asarray(background / total, np.float32), labels, expected)


def _joint(
    image: Image, verdict: NDArray[np.uint8], psi: Array, poses: Array, patches: Patches, pixels: MixtureModelSettings
) -> tuple[Array, Array]:
    """(N,) the slots' masks and their joint probability with what is seen, at the pixels of their windows."""
    if not len(patches):
        return np.zeros(0, np.float32), np.zeros(0, np.float32)
    laid = np.empty((len(patches), 4), np.float32)
    views, maps = patches.views(laid), grid_to_window(poses, patches.windows, psi.shape[1])
    for k in patches.inside:
        height, width = patches.shapes[k]
        cv2.warpAffine(psi[k], maps[k], (width, height), dst=views[k], flags=cv2.INTER_LINEAR)
    # by planes: a sum over an inner axis of three takes ten times as long
    *colours, mask = (np.asarray(plane, np.float32).ravel() for plane in cv2.split(laid[:, None]))
    squared = np.zeros(len(patches), np.float32)
    for expected, seen in zip(colours, cv2.split(patches.gather(image)[:, None]), strict=True):
        distance = seen.ravel() * np.float32(1 / 255) - expected
        squared += distance * distance
    np.minimum(squared, (pixels.colour_reach * pixels.colour_sigma) ** 2, out=squared)
    joint = np.exp(squared * (-0.5 / pixels.colour_sigma**2))
    joint *= mask + PROBABILITY_FLOOR
    joint *= cv2.LUT(patches.gather(verdict), _table(pixels.object_verdicts)).ravel()
    return mask, joint


def crop_frame(
    image: Image, verdict: NDArray[np.uint8], responsibilities: Responsibilities, poses: Array, size: int
) -> Array:
    """The M-step's input: (K, 6, P, P) float32 of gamma_k, the other slots' gamma, verdict in [0, 1], and colour in [0, 1]."""
    patches = responsibilities.patches
    seen = np.zeros((len(poses), 6, size, size), np.float32)
    if not len(patches):
        return seen
    others = 1 - patches.gather(responsibilities.background) - responsibilities.gamma
    layers = cv2.merge([responsibilities.gamma, others, patches.gather(verdict) * np.float32(1 / 255)]).reshape(-1, 3)
    views, (small, to_small) = patches.views(layers), _shrinking(poses, patches, size)
    shares, colours = np.zeros((len(poses), size, size, 3), np.float32), np.zeros((len(poses), size, size, 3), np.uint8)
    for k in patches.inside:
        _crop(views[k], small[k], to_small[k], shares[k])
        _crop(image[patches.windows[k]], small[k], to_small[k], colours[k])
    planes = [*cv2.split(shares.reshape(-1, size, 3)), *cv2.split(colours.reshape(-1, size, 3))]
    for c, plane in enumerate(planes):
        seen[:, c] = plane.reshape(-1, size, size)
    seen[:, 3:] *= 1 / 255
    return seen


def crop_birth(image: Image, silhouette: Array, pose: Array, size: int) -> tuple[Array, Array] | None:
    """What the window of a new slot shows: silhouette (1, 1, P, P) and colour (1, 3, P, P), in [0, 1]; None outside the frame.

    silhouette  (H, W) float32
    """
    patches = Patches(windows_of(pose[None], silhouette.shape))
    (window,) = patches.windows
    if window is None:
        return None
    (small,), (to_small,) = _shrinking(pose[None], patches, size)
    mask, colour = np.zeros((size, size), np.float32), np.zeros((size, size, 3), np.uint8)
    _crop(silhouette[window], small, to_small, mask)
    _crop(image[window], small, to_small, colour)
    return mask[None, None], np.ascontiguousarray(colour.transpose(2, 0, 1) * np.float32(1 / 255))[None]


def _table(probabilities: tuple[float, float, float]) -> Array:
    """A look-up table over verdicts: below 64 background, below 192 shadow, above foreground."""
    return np.repeat(np.array(probabilities, np.float32), [64, 128, 64])


class _Shrinking(NamedTuple):
    """How windows are averaged down before they are sampled."""

    small: list[tuple[int, int] | None]
    """(width, height) of K windows averaged down; None for one that is sampled as it is"""
    to_small: NDArray[np.float64]
    """(K, 2, 3) affine maps from the grid to pixel indices of these"""


def _shrinking(poses: Array, patches: Patches, size: int) -> _Shrinking:
    """Of windows at `poses` (K, 4), for grids (size, size)."""
    maps = grid_to_window(poses, patches.windows, size)
    step, shape = maps[:, (0, 1), (0, 1)], np.array(patches.shapes, float).reshape(-1, 2)[:, ::-1]  # (K, x and y)
    large = np.any(step > FINEST, axis=1)[:, None]
    small = np.where(large, np.maximum(1, np.round(shape / np.maximum(1.0, step / FINEST))), shape)
    ratio = small / np.maximum(1, shape)
    maps = maps * ratio[:, :, None]
    maps[:, :, 2] += (ratio - 1) / 2
    sizes = [(w, h) if is_large else None for (w, h), is_large in zip(small.astype(int).tolist(), large, strict=True)]
    return _Shrinking(sizes, maps)


def _crop(
    rectangle: NDArray[Any], small: tuple[int, int] | None, to_small: NDArray[np.float64], grid: NDArray[Any]
) -> None:
    """Resample the window's rectangle (h, w[, 3]) into the grid (P, P[, 3])."""
    if small is not None:
        rectangle = cv2.resize(rectangle, small, interpolation=cv2.INTER_AREA)
    cv2.warpAffine(rectangle, to_small, grid.shape[:2], dst=grid, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
