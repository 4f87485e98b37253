"""How sure it is whose the pixels of each slot are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tracker.slots.e_step import Shares

Array = NDArray[np.float32]

STRIDE = 2
"""every other pixel of every other row is looked at, for speed"""
TINY = np.float32(1e-12)
"""keeps the logarithm of nothing finite"""


def doubts(shares: Shares) -> Array:
    """(K,) mean entropy, in bits, of (background, the slot, all other slots) over the pixels that are the slot's.

        - sum_j gamma_j log2 gamma_j,   from 0 for certain to log2 3 = 1.58 for a third each

    NaN for a slot that owns none of the pixels looked at.
    """
    own, ground, counts = [], [], []
    for k, (window, owned) in enumerate(zip(shares.windows, shares.owned, strict=True)):
        if window is None:
            counts.append(0)
            continue
        mine = shares.labels[window][::STRIDE, ::STRIDE] == k + 1
        own.append(owned[::STRIDE, ::STRIDE][mine])
        ground.append(shares.background[window][::STRIDE, ::STRIDE][mine])
        counts.append(len(own[-1]))
    if not sum(counts):
        return np.full(len(counts), np.nan, np.float32)
    gamma = np.stack([np.concatenate(own), np.concatenate(ground), np.zeros(sum(counts), np.float32)])
    gamma[2] = np.maximum(0, 1 - gamma[0] - gamma[1])
    entropy = -(gamma * np.log2(np.maximum(gamma, TINY))).sum(axis=0)
    slots = np.repeat(np.arange(len(counts)), counts)
    sums = np.bincount(slots, entropy, minlength=len(counts))
    found = np.array(counts)
    return np.asarray(np.where(found > 0, np.maximum(0, sums) / np.maximum(1, found), np.nan), np.float32)
