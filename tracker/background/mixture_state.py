"""What OpenCV's mixture (MOG2) has learned, as arrays, and a mixture that goes on from them, to the last bit.

OpenCV saves the parameters of a mixture and not what it learned. That lies in two matrices of the object (bgfg_gaussmix2.cpp): `bgmodel`,
weight and variance of each Gaussian of each pixel and behind these the means, and `bgmodelUsedModes`, how many Gaussians a pixel has.
They are found by what the head of such a matrix must hold: its mark, its sides, and as many bytes between begin and end. An OpenCV
whose mixture looks otherwise is refused, never guessed at.
"""

from __future__ import annotations

import ctypes
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.errors import SinkError

SEARCHED_BYTES = 320
"""of the object in which the matrices' heads stand; it has more than twice as many"""
MARK, MARK_BITS = 0x42FF0000, 0xFFFF0000
"""of a cv::Mat, in the upper half of its flags"""
BEGINS = (16, 24)
"""bytes from a head to its address of the data, which stands there twice, its end behind: of OpenCV 4 and of OpenCV 5"""
COLOURS = 3

Number = TypeVar("Number", np.float32, np.uint8)


class Learned(NamedTuple):
    """What a mixture knows of pictures (H, W, 3). P Gaussians of all pixels together, in the order of the pixels."""

    modes: NDArray[np.uint8]
    """(H, W) Gaussians of a pixel"""
    weights: NDArray[np.float32]
    """(P, 2) weight and variance"""
    means: NDArray[np.float32]
    """(P, 3)"""


def check_can_be_read() -> None:
    """Raises SinkError where this OpenCV keeps what a mixture learned in a way that is not known here."""
    model = cv2.createBackgroundSubtractorMOG2()
    picture = np.arange(2 * 3 * COLOURS, dtype=np.uint8).reshape(2, 3, COLOURS)
    model.apply(picture, learningRate=0.5)
    learned = read(model, (2, 3))
    if not np.array_equal(learned.means, picture.reshape(-1, COLOURS)) or (learned.weights[:, 0] != 1).any():
        raise _unknown()


def read(model: cv2.BackgroundSubtractor, size: tuple[int, int]) -> Learned:
    """What a mixture of pictures of that size (H, W) has learned. Raises SinkError as `check_can_be_read`."""
    gaussians, means, modes = _arrays(model, size)
    used = np.arange(gaussians.shape[1]) < modes.reshape(-1, 1)
    return Learned(modes.copy(), gaussians[used], means[used])


def write(model: cv2.BackgroundSubtractor, learned: Learned) -> None:
    """Have a new mixture go on from there. Raises SinkError as `check_can_be_read`."""
    height, width = learned.modes.shape
    # its first picture makes the matrices; from the second on it takes the rates that it is given, as one that has learned does
    model.apply(np.zeros((height, width, COLOURS), np.uint8), learningRate=1.0)
    gaussians, means, modes = _arrays(model, (height, width))
    used = np.arange(gaussians.shape[1]) < learned.modes.reshape(-1, 1)
    gaussians[...], means[...], modes[...] = 0, 0, learned.modes
    gaussians[used], means[used] = learned.weights, learned.means


def _arrays(
    model: cv2.BackgroundSubtractor, size: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.uint8]]:
    """The mixture's own memory: (H W, K, 2) weights and variances, (H W, K, 3) means, (H, W) Gaussians of a pixel."""
    height, width = size
    count, each = height * width, model.getNMixtures()  # type: ignore[attr-defined]
    # a Python object of OpenCV holds a shared pointer to the C++ one behind its own head
    place = ctypes.c_void_p.from_address(id(model) + object.__basicsize__).value
    if place is None:
        raise _unknown()
    values = _typed(_matrix(place, (1, count * each * (2 + COLOURS)), 4), np.float32)
    modes = _typed(_matrix(place, size, 1), np.uint8).reshape(size)
    split = count * each * 2
    return values[:split].reshape(count, each, 2), values[split:].reshape(count, each, COLOURS), modes


def _typed(data: ctypes.Array[ctypes.c_ubyte], kind: type[Number]) -> NDArray[Number]:
    return np.ctypeslib.as_array(data).view(kind)


def _matrix(place: int, sides: tuple[int, int], item_bytes: int) -> ctypes.Array[ctypes.c_ubyte]:
    """The data of the matrix (rows, columns) whose head stands behind `place`."""
    size = sides[0] * sides[1] * item_bytes
    for head in range(place, place + SEARCHED_BYTES, 8):
        flags, dims, *found = (ctypes.c_uint32 * 4).from_address(head)
        if flags & MARK_BITS != MARK or dims != len(sides) or tuple(found) != sides:
            continue
        for begins in BEGINS:
            first, again, end = (ctypes.c_uint64 * 3).from_address(head + begins)
            if first and first == again and end - first == size:
                return (ctypes.c_ubyte * size).from_address(first)
    raise _unknown()


def _unknown() -> SinkError:
    return SinkError(
        f"--checkpoint: OpenCV {cv2.__version__} keeps its mixture in a way that is not known; leave it out, or install opencv-python 5.0"
    )
