"""Is the foreground right? Pixels counted against a mask, added up over frames and clips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tracker.errors import ShapeError
from tracker.types import Mask


@dataclass(frozen=True)
class MaskCounts:
    """Pixels rightly and wrongly called foreground; counts of frames and clips add."""

    tp: int = 0
    fp: int = 0
    fn: int = 0
    tn: int = 0

    @classmethod
    def of(cls, found: Mask, truth: Mask, *, ignore: Mask | None = None) -> MaskCounts:
        """Count one frame; pixels where `ignore` is true are left out (CDnet: labels 85 and 170).

        All (H, W) bool. Raises ShapeError if they differ in size.
        """
        for name, mask in (("truth", truth), ("ignore", ignore)):
            if mask is not None and mask.shape != found.shape:
                raise ShapeError(f"{name} mask is {mask.shape}, wanted {found.shape}, the size of what was found")
        asked = np.ones(found.shape, bool) if ignore is None else ~ignore
        tp, fp, fn = (int(np.count_nonzero(m & asked)) for m in (found & truth, found & ~truth, ~found & truth))
        return cls(tp, fp, fn, int(np.count_nonzero(asked)) - tp - fp - fn)

    def __add__(self, other: MaskCounts) -> MaskCounts:
        return MaskCounts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.tn + other.tn)

    @property
    def precision(self) -> float:
        """tp / (tp + fp); 0 if nothing was found."""
        return self.tp / max(1, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """tp / (tp + fn); 0 if there was nothing to find."""
        return self.tp / max(1, self.tp + self.fn)

    @property
    def f_measure(self) -> float:
        """2 tp / (2 tp + fp + fn); 0 if there was nothing to find and nothing was found."""
        return 2 * self.tp / max(1, 2 * self.tp + self.fp + self.fn)
