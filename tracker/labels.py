"""Where each label of a label image is."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from tracker.types import Labels

FEW = 1000
"""labels up to which `find_objects` is quick: its time grows with the largest label, not with how many there are"""


def find_windows(labels: Labels) -> dict[int, tuple[slice, slice]]:
    """Rows and columns of the box round each label in (H, W) int32, in order of the labels; 0 is no label.

    Identities are given out for as long as a camera runs, so the largest label grows without end; the time does not.
    """
    if labels.max(initial=0) <= FEW:
        present, compact = None, labels
    else:
        inside = labels > 0
        present, number = np.unique(labels[inside], return_inverse=True)
        compact = np.zeros(labels.shape, np.int32)
        compact[inside] = number + 1
    windows = {}
    for n, window in enumerate(ndimage.find_objects(compact)):
        if window is not None:
            rows, columns = window
            windows[n + 1 if present is None else int(present[n])] = rows, columns
    return windows
