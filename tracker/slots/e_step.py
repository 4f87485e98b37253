"""The E-step on a large frame, window by window: numpy and OpenCV, since K whole-frame arrays would cost more than the network.

The same model as the training's, in torch (`unroll.py`); a test holds the two together. Probabilities are multiplied rather than their
logarithms added: the background's term never falls below its smallest verdict probability and the colour penalty is bounded, so nothing
under- or overflows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.em.floor import PROBABILITY_FLOOR
from tracker.slots.patches import Patches, Window, grid_to_window, windows_of
from tracker.slots.settings import MixtureModelSettings
from tracker.types import Image, Mask

Array = NDArray[np.float32]
CLAIMED = np.float32(0.9)
"""gamma of a claimed pixel: nearly certain"""
FINEST = 1.5
"""frame pixels a grid pixel beyond which the frame is averaged down before it is sampled: sampling alone would skip pixels"""


@dataclass(frozen=True)
class Responsibilities:
    """gamma of one frame for K slots: the probability that a pixel is of each slot, or of the background.

    `claim` and `release` change it in place; the claimed and released pixels do not sum to one.
    """

    windows: list[Window | None]
    """where each slot's window lies in the frame, None if outside"""
    gamma: list[Array]
    """of each slot, in its window"""
    background: Array
    """(H, W) gamma_0, of the background"""
    labels: NDArray[np.int32]
    """(H, W) argmax: 0 for the background, or 1 + the slot"""
    expected: Array
    """(K,) pixels of each slot's predicted mask inside the frame"""

    @cached_property
    def patches(self) -> Patches:
        """The pixels of all windows."""
        return Patches(self.windows)

    def claim(self, k: int, where: Window, pixels: Mask) -> None:
        """Make slot k responsible for `pixels` (h, w) bool of the window `where`, as far as its own window reaches."""
        np.copyto(self.labels[where], k + 1, where=pixels)
        window = self.windows[k]
        both = None if window is None else _common(window, where)
        if window is None or both is None:
            return
        taken = pixels[_inside(both, where)]
        own, background = self.gamma[k][_inside(both, window)], self.background[both]
        np.maximum(own, CLAIMED, out=own, where=taken)
        np.minimum(background, 1 - CLAIMED, out=background, where=taken)

    def release(self, where: Window, pixels: Mask) -> None:
        """Make no slot responsible for `pixels` (h, w) bool of the window `where`: they are a new object's."""
        self.labels[where][pixels] = 0
        for window, gamma in zip(self.windows, self.gamma, strict=True):
            both = None if window is None else _common(window, where)
            if window is not None and both is not None:
                gamma[_inside(both, window)][pixels[_inside(both, where)]] = 0


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
        total[window] += mine
        np.copyto(labels[window], k + 1, where=mine > best[window])
        np.maximum(best[window], mine, out=best[window])
        expected[k] = masks[k].sum()
    joint /= patches.gather(total)
    return Responsibilities(list(patches.windows), joints, np.asarray(background / total, np.float32), labels, expected)


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
    gamma = patches.join(responsibilities.gamma)
    others = 1 - patches.gather(responsibilities.background) - gamma
    layers = cv2.merge([gamma, others, patches.gather(verdict) * np.float32(1 / 255)]).reshape(-1, 3)
    views, maps = patches.views(layers), grid_to_window(poses, patches.windows, size)
    shares, colours = np.zeros((len(poses), size, size, 3), np.float32), np.zeros((len(poses), size, size, 3), np.uint8)
    for k in patches.inside:
        _crop(views[k], maps[k], shares[k])
        _crop(image[patches.windows[k]], maps[k], colours[k])
    planes = [*cv2.split(shares.reshape(-1, size, 3)), *cv2.split(colours.reshape(-1, size, 3))]
    for c, plane in enumerate(planes):
        seen[:, c] = plane.reshape(-1, size, size)
    seen[:, 3:] *= 1 / 255
    return seen


def crop_birth(image: Image, silhouette: Array, pose: Array, size: int) -> tuple[Array, Array] | None:
    """What the window of a new slot shows: silhouette (1, 1, P, P) and colour (1, 3, P, P), in [0, 1]; None outside the frame.

    silhouette  (H, W) float32
    """
    (window,) = windows_of(pose[None], silhouette.shape)
    if window is None:
        return None
    (to_window,) = grid_to_window(pose[None], [window], size)
    mask, colour = np.zeros((size, size), np.float32), np.zeros((size, size, 3), np.uint8)
    _crop(silhouette[window], to_window, mask)
    _crop(image[window], to_window, colour)
    return mask[None, None], np.ascontiguousarray(colour.transpose(2, 0, 1) * np.float32(1 / 255))[None]


def _common(first: Window, second: Window) -> Window | None:
    rows = slice(max(first[0].start, second[0].start), min(first[0].stop, second[0].stop))
    columns = slice(max(first[1].start, second[1].start), min(first[1].stop, second[1].stop))
    return (rows, columns) if rows.start < rows.stop and columns.start < columns.stop else None


def _inside(part: Window, window: Window) -> Window:
    """`part` of the frame as rows and columns of an array that covers `window`."""
    y, x = window[0].start, window[1].start
    return slice(part[0].start - y, part[0].stop - y), slice(part[1].start - x, part[1].stop - x)


def _table(probabilities: tuple[float, float, float]) -> Array:
    """A look-up table over verdicts: below 64 background, below 192 shadow, above foreground."""
    return np.repeat(np.array(probabilities, np.float32), [64, 128, 64])


def _crop(rectangle: NDArray[Any], to_window: NDArray[np.float64], grid: NDArray[Any]) -> None:
    """Resample the window's rectangle (h, w[, 3]) into the grid (P, P[, 3]); to_window (2, 3) as `grid_to_window`."""
    (step_x, _, x), (_, step_y, y) = to_window.tolist()
    height, width = rectangle.shape[:2]
    shrink_x, shrink_y = max(1.0, step_x / FINEST), max(1.0, step_y / FINEST)
    if shrink_x > 1 or shrink_y > 1:
        small = (max(1, round(width / shrink_x)), max(1, round(height / shrink_y)))
        rectangle = cv2.resize(rectangle, small, interpolation=cv2.INTER_AREA)
        fx, fy = small[0] / width, small[1] / height
        to_window = np.array([[step_x * fx, 0, x * fx + (fx - 1) / 2], [0, step_y * fy, y * fy + (fy - 1) / 2]])
    cv2.warpAffine(rectangle, to_window, grid.shape[:2], dst=grid, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
