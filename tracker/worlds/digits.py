"""Pictures of handwritten digits, 28 x 28: MNIST where its files are at hand, else scikit-learn's."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.errors import MissingExtraError, SourceError

SIDE = 28
"""of a picture, pixels"""
INK_SIDE = 20
"""of the ink in it: MNIST scales every digit into so many pixels and lays its centre of mass in the middle"""
MAGIC = 0x00000803
"""an idx file of unsigned bytes in three dimensions"""
HEADER_BYTES = 16


def read_digits(path: Path | None = None) -> NDArray[np.uint8]:
    """(N, 28, 28) uint8, white on black.

    path  an idx file of MNIST's pictures, .gz or not, or the folder that holds one or more of them, in order of their
          names; None: the 1,797 digits of scikit-learn, 8 x 8, scaled up and laid out as MNIST's are

    Raises SourceError if the file cannot be read, MissingExtraError without scikit-learn.
    """
    if path is None:
        return _small_digits()
    files = sorted(path.glob("*images*idx3*")) if path.is_dir() else [path]
    if not files:
        raise SourceError(
            f"{path}: no MNIST pictures; wanted train-images-idx3-ubyte or t10k-images-idx3-ubyte, .gz or not"
        )
    return np.concatenate([_read_idx(file) for file in files])


def _read_idx(path: Path) -> NDArray[np.uint8]:
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"{path}: cannot be read ({error}); check the path, or fetch the file again") from error
    magic, count, height, width = (int.from_bytes(data[n : n + 4], "big") for n in range(0, HEADER_BYTES, 4))
    if (
        magic != MAGIC
        or (height, width) != (SIDE, SIDE)
        or len(data) != HEADER_BYTES + count * SIDE * SIDE
        or not count
    ):
        raise SourceError(
            f"{path}: wanted an idx file of 28 x 28 pictures, whole; this is another file, or a part of one"
        )
    return np.frombuffer(data, np.uint8, offset=HEADER_BYTES).reshape(count, SIDE, SIDE)


def _small_digits() -> NDArray[np.uint8]:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingExtraError(
            "digits are drawn from MNIST's files (--digits PATH) or by scikit-learn, which is not installed: "
            "pip install scikit-learn"
        ) from error
    pictures = np.asarray(load_digits().images, np.float32) * (255 / 16)
    return np.stack([_laid_out(picture) for picture in pictures])


def _laid_out(small: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A small picture (8, 8) as MNIST has them."""
    ink = np.clip(cv2.resize(small, (INK_SIDE, INK_SIDE), interpolation=cv2.INTER_CUBIC), 0, 255)
    y, x = (float((ink * place).sum() / ink.sum()) for place in np.indices(ink.shape))
    left, top = (int(np.clip(round((SIDE - 1) / 2 - middle), 0, SIDE - INK_SIDE)) for middle in (x, y))
    picture = np.zeros((SIDE, SIDE), np.uint8)
    picture[top : top + INK_SIDE, left : left + INK_SIDE] = ink.round()
    return picture
