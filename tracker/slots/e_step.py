"""The E-step on a large frame, window by window: numpy and OpenCV, since K whole-frame arrays would cost more than the network.

The same model as `unroll.share_out`; a test holds the two together. Probabilities are multiplied rather than their logarithms added:
the background's term never falls below its smallest verdict probability and the colour penalty is bounded, so nothing under- or
overflows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.em.likelihoods import PROBABILITY_FLOOR
from tracker.slots.settings import MixtureModelSettings
from tracker.slots.window import PAD
from tracker.types import Image

Array = NDArray[np.float32]
Window = tuple[slice, slice]
"""rows and columns of the frame"""

FOREGROUND = 255
"""of the mixture's verdicts"""
FINEST = 1.5
"""frame pixels a grid pixel beyond which the frame is averaged down before it is sampled: sampling alone would skip pixels"""


@dataclass(frozen=True)
class Shares:
    """Who owns what in one frame, for K slots."""

    windows: list[Window | None]
    """where each slot's window lies in the frame, None if outside"""
    owned: list[Array]
    """gamma of each slot, in its window"""
    background: Array
    """(H, W) gamma of the background"""
    labels: NDArray[np.int32]
    """(H, W) 0, or 1 + the slot most likely to own the pixel where it beats the background"""
    expected: Array
    """(K,) pixels each slot foretold inside the frame"""


def share_out(
    image: Image, verdict: NDArray[np.uint8], canvases: Array, poses: Array, pixels: MixtureModelSettings
) -> Shares:
    """Share the pixels of a frame among the background and K slots.

    image     (H, W, 3) uint8
    verdict   (H, W) uint8, the mixture's 0, 127 or 255
    canvases  (K, P, P, 4) float32: colour RGB in [0, 1] and mask, as foretold for this frame
    poses     (K, 4) centre x, y, width, height in pixels, foretold for this frame
    """
    total = cv2.LUT(verdict, _table(pixels.background_verdicts))
    ground = total.copy()
    best, labels = total.copy(), np.zeros(verdict.shape, np.int32)
    as_object = _table(pixels.object_verdicts)
    windows: list[Window | None] = []
    joints: list[Array] = []
    expected = np.zeros(len(poses), np.float32)
    for k, (canvas, pose) in enumerate(zip(canvases, poses, strict=True)):
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
    owned = [
        joint / total[window] if window is not None else joint for joint, window in zip(joints, windows, strict=True)
    ]
    return Shares(windows, owned, np.asarray(ground / total, np.float32), labels, expected)


def look(image: Image, verdict: NDArray[np.uint8], shares: Shares, poses: Array, size: int) -> Array:
    """What each slot sees: (K, 6, P, P) float32 of owned, others, verdict in [0, 1], and colour in [0, 1]."""
    seen = np.zeros((len(poses), 6, size, size), np.float32)
    for k, (window, pose) in enumerate(zip(shares.windows, poses, strict=True)):
        if window is None:
            continue
        owned = shares.owned[k]
        others = 1 - shares.background[window] - owned
        layers = np.dstack([owned, others, verdict[window] * np.float32(1 / 255)])
        seen[k, :3] = _crop(layers, pose, window, size).transpose(2, 0, 1)
        seen[k, 3:] = _crop(image[window], pose, window, size).transpose(2, 0, 1)
        seen[k, 3:] *= 1 / 255
    return seen


def look_at(image: Image, silhouette: Array, pose: Array, size: int) -> tuple[Array, Array] | None:
    """What one window shows of a frame: silhouette (1, 1, P, P) and colour (1, 3, P, P), in [0, 1]; None outside the frame.

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
