"""The E-step on a large frame, window by window: numpy and OpenCV, since K whole-frame arrays would cost more than the network.

The same model as the training's, in torch (`unroll.py`); a test holds the two together. Probabilities are multiplied rather than their
logarithms added: the background's term never falls below its smallest verdict probability and the colour penalty is bounded, so nothing
under- or overflows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.em.floor import PROBABILITY_FLOOR
from tracker.slots.settings import MixtureModelSettings
from tracker.slots.state import PAD
from tracker.types import Image, Mask

Array = NDArray[np.float32]
Window = tuple[slice, slice]
"""rows and columns of the frame"""

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

    def claim(self, k: int, where: Window, pixels: Mask) -> None:
        """Make slot k responsible for `pixels` (h, w) bool of the window `where`, as far as its own window reaches."""
        self.labels[where][pixels] = k + 1
        window = self.windows[k]
        both = None if window is None else _common(window, where)
        if window is None or both is None:
            return
        taken = pixels[_inside(both, where)]
        own, background = self.gamma[k][_inside(both, window)], self.background[both]
        own[taken] = np.maximum(own[taken], CLAIMED)
        background[taken] = np.minimum(background[taken], 1 - CLAIMED)

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
    total = cv2.LUT(verdict, _table(pixels.background_verdicts))
    background = total.copy()
    best, labels = total.copy(), np.zeros(verdict.shape, np.int32)
    as_object = _table(pixels.object_verdicts)
    windows: list[Window | None] = []
    joints: list[Array] = []
    expected = np.zeros(len(poses), np.float32)
    for k, (canvas, pose) in enumerate(zip(psi, poses, strict=True)):
        window = window_of(pose, verdict.shape)
        windows.append(window)
        if window is None:
            joints.append(np.zeros((0, 0), np.float32))
            continue
        laid = _paste(canvas, pose, window)
        mask = laid[..., 3]
        distance = image[window].astype(np.float32)
        distance *= 1 / 255
        distance -= laid[..., :3]
        squared = np.einsum("yxc,yxc->yx", distance, distance)
        np.minimum(squared, (pixels.colour_reach * pixels.colour_sigma) ** 2, out=squared)
        joint = np.exp(squared * (-0.5 / pixels.colour_sigma**2))
        joint *= mask + PROBABILITY_FLOOR
        joint *= cv2.LUT(verdict[window], as_object)
        total[window] += joint
        wins = joint > best[window]
        best[window][wins] = joint[wins]
        labels[window][wins] = k + 1
        joints.append(joint)
        expected[k] = mask.sum()
    gamma = [
        joint / total[window] if window is not None else joint for joint, window in zip(joints, windows, strict=True)
    ]
    return Responsibilities(windows, gamma, np.asarray(background / total, np.float32), labels, expected)


def crop_frame(
    image: Image, verdict: NDArray[np.uint8], responsibilities: Responsibilities, poses: Array, size: int
) -> Array:
    """The M-step's input: (K, 6, P, P) float32 of gamma_k, the other slots' gamma, verdict in [0, 1], and colour in [0, 1]."""
    seen = np.zeros((len(poses), 6, size, size), np.float32)
    for k, (window, pose) in enumerate(zip(responsibilities.windows, poses, strict=True)):
        if window is None:
            continue
        gamma = responsibilities.gamma[k]
        others = 1 - responsibilities.background[window] - gamma
        layers = np.dstack([gamma, others, verdict[window] * np.float32(1 / 255)])
        seen[k, :3] = _crop(layers, pose, window, size).transpose(2, 0, 1)
        seen[k, 3:] = _crop(image[window], pose, window, size).transpose(2, 0, 1)
        seen[k, 3:] *= 1 / 255
    return seen


def crop_birth(image: Image, silhouette: Array, pose: Array, size: int) -> tuple[Array, Array] | None:
    """What the window of a new slot shows: silhouette (1, 1, P, P) and colour (1, 3, P, P), in [0, 1]; None outside the frame.

    silhouette  (H, W) float32
    """
    window = window_of(pose, silhouette.shape)
    if window is None:
        return None
    colour = _crop(image[window], pose, window, size).transpose(2, 0, 1) * np.float32(1 / 255)
    return _crop(silhouette[window], pose, window, size)[None, None], np.ascontiguousarray(colour)[None]


def window_of(pose: Array, shape: tuple[int, ...]) -> Window | None:
    """Rows and columns that a slot's window covers inside a frame of that shape; None where fewer than 2 x 2."""
    cx, cy, w, h = (float(v) for v in pose)
    # half a pixel more than the window: sampling between pixels reaches its rim
    x0, x1 = max(0, int(np.floor(cx - w * PAD / 2 - 0.5))), min(shape[1], int(np.ceil(cx + w * PAD / 2 + 0.5)))
    y0, y1 = max(0, int(np.floor(cy - h * PAD / 2 - 0.5))), min(shape[0], int(np.ceil(cy + h * PAD / 2 + 0.5)))
    return (slice(y0, y1), slice(x0, x1)) if x1 - x0 >= 2 and y1 - y0 >= 2 else None


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


def _to_frame(pose: Array, window: Window, size: int) -> NDArray[np.float64]:
    """(2, 3) affine map from grid pixel indices to pixel indices inside the window's rectangle."""
    cx, cy, w, h = (float(v) for v in pose)
    sx, sy = w * PAD / size, h * PAD / size
    x0, y0 = cx - w * PAD / 2 - window[1].start, cy - h * PAD / 2 - window[0].start
    return np.array([[sx, 0, x0 + sx / 2 - 0.5], [0, sy, y0 + sy / 2 - 0.5]])


def _paste(canvas: Array, pose: Array, window: Window) -> Array:
    rows, columns = window
    target = (columns.stop - columns.start, rows.stop - rows.start)
    return cv2.warpAffine(canvas, _to_frame(pose, window, len(canvas)), target, flags=cv2.INTER_LINEAR)  # type: ignore[return-value]


def _crop(rectangle: NDArray[Any], pose: Array, window: Window, size: int) -> Array:
    """Resample the window's rectangle (h, w[, 3]) to the grid (P, P[, 3])."""
    to_frame = _to_frame(pose, window, size)
    height, width = rectangle.shape[:2]
    shrink_x, shrink_y = max(1.0, to_frame[0, 0] / FINEST), max(1.0, to_frame[1, 1] / FINEST)
    if shrink_x > 1 or shrink_y > 1:
        small = (max(1, round(width / shrink_x)), max(1, round(height / shrink_y)))
        rectangle = cv2.resize(rectangle, small, interpolation=cv2.INTER_AREA)
        fx, fy = small[0] / width, small[1] / height
        to_frame[0] = to_frame[0] * fx + (0, 0, (fx - 1) / 2)
        to_frame[1] = to_frame[1] * fy + (0, 0, (fy - 1) / 2)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(rectangle, to_frame, (size, size), flags=flags), np.float32)
