"""Medians of many samples a pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tracker.types import Mask

Samples = NDArray[np.uint8]


def ranked(samples: Samples, rank: NDArray[np.integer] | int, counted: Mask | None = None) -> Samples:
    """(...) of samples (N, ...) that which has `rank` smaller ones or as large before it, 0 for the smallest, by pixel.

    Bit by bit from the highest, over all pixels at once: an eighth of the time of sorting each pixel's samples.

    counted  (N, ...) bool: the samples that there are; all if None. More of them than `rank`
    """
    found = np.zeros(samples.shape[1:], np.uint8)
    for bit in (128, 64, 32, 16, 8, 4, 2, 1):
        tried = found | np.uint8(bit)
        smaller = samples < tried
        np.copyto(found, tried, where=count_true(smaller if counted is None else smaller & counted) <= rank)
    return found


def count_true(chosen: Mask) -> NDArray[np.integer]:
    """(...) how many of (N, ...) are true."""
    # in the smallest type that holds it: several times as fast as numpy's own choice
    return np.asarray(np.add.reduce(chosen.view(np.uint8), axis=0, dtype=np.min_scalar_type(len(chosen))))
