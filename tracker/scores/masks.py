"""Is the foreground right? Pixels counted against a mask, added up over frames, and CDnet's seven measures of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tracker.errors import ShapeError
from tracker.types import Mask

MEASURES = ("recall", "specificity", "fpr", "fnr", "pwc", "precision", "f_measure")
"""CDnet's seven, in its order."""


@dataclass(frozen=True)
class MaskCounts:
    """Pixels rightly and wrongly called foreground; counts of frames and clips add, measures are ratios of the sum.

    A measure is 0 where there is nothing to divide by.
    """

    tp: int = 0
    fp: int = 0
    fn: int = 0
    tn: int = 0
    shadow_fp: int = 0
    """of fp, those in shadow"""
    shadow: int = 0
    """pixels in shadow"""

    @classmethod
    def of(cls, found: Mask, truth: Mask, *, ignore: Mask | None = None, shadow: Mask | None = None) -> MaskCounts:
        """Count one frame.

        ignore  pixels that are left out (CDnet: labels 85 and 170)
        shadow  pixels that a shadow falls on (CDnet: label 50); they are background like any other, and counted apart

        All (H, W) bool. Raises ShapeError if they differ in size.
        """
        for name, mask in (("truth", truth), ("ignore", ignore), ("shadow", shadow)):
            if mask is not None and mask.shape != found.shape:
                raise ShapeError(f"{name} mask is {mask.shape}, wanted {found.shape}, the size of what was found")
        if ignore is not None:
            asked = ~ignore
            found, truth, size = found & asked, truth & asked, int(np.count_nonzero(asked))
            shadow = None if shadow is None else shadow & asked
        else:
            size = found.size
        tp, claimed, there = (int(np.count_nonzero(mask)) for mask in (found & truth, found, truth))
        dark, claimed_dark = 0, 0
        if shadow is not None:
            shadow = shadow & ~truth
            dark, claimed_dark = int(np.count_nonzero(shadow)), int(np.count_nonzero(shadow & found))
        return cls(tp, claimed - tp, there - tp, size - claimed - there + tp, claimed_dark, dark)

    def __add__(self, other: MaskCounts) -> MaskCounts:
        return MaskCounts(
            self.tp + other.tp,
            self.fp + other.fp,
            self.fn + other.fn,
            self.tn + other.tn,
            self.shadow_fp + other.shadow_fp,
            self.shadow + other.shadow,
        )

    @property
    def recall(self) -> float:
        """tp / (tp + fn)."""
        return self.tp / max(1, self.tp + self.fn)

    @property
    def specificity(self) -> float:
        """tn / (tn + fp)."""
        return self.tn / max(1, self.tn + self.fp)

    @property
    def fpr(self) -> float:
        """False positive rate, fp / (fp + tn)."""
        return self.fp / max(1, self.fp + self.tn)

    @property
    def fnr(self) -> float:
        """False negative rate, fn / (tp + fn), as CDnet computes it."""
        return self.fn / max(1, self.tp + self.fn)

    @property
    def pwc(self) -> float:
        """Percentage of wrong classifications, 100 (fn + fp) / all."""
        return 100 * (self.fn + self.fp) / max(1, self.tp + self.fp + self.fn + self.tn)

    @property
    def precision(self) -> float:
        """tp / (tp + fp)."""
        return self.tp / max(1, self.tp + self.fp)

    @property
    def f_measure(self) -> float:
        """2 tp / (2 tp + fp + fn)."""
        return 2 * self.tp / max(1, 2 * self.tp + self.fp + self.fn)

    @property
    def fpr_shadow(self) -> float:
        """CDnet's FPR-S: of the pixels in shadow, the share called foreground."""
        return self.shadow_fp / max(1, self.shadow)


@dataclass(frozen=True)
class CdnetMeans:
    """CDnet 2014's averages, by the names of `MEASURES`."""

    categories: Mapping[str, Mapping[str, float]]
    """each measure's mean over the sequences of a category, long or short"""
    overall: Mapping[str, float]
    """its mean over the categories, large or small"""


def cdnet_means(sequences: Mapping[str, Mapping[str, MaskCounts]]) -> CdnetMeans:
    """Average as CDnet does: measures of each sequence, mean over a category, mean over categories (Wang et al. 2014).

    sequences   by category, then by name: the counts of the whole sequence

    The overall F is thus no F of the overall precision and recall. A category without sequences is left out.
    """
    categories = {
        category: {name: _mean([getattr(counts, name) for counts in of.values()]) for name in MEASURES}
        for category, of in sequences.items()
        if of
    }
    return CdnetMeans(categories, {name: _mean([means[name] for means in categories.values()]) for name in MEASURES})


def _mean(values: list[float]) -> float:
    return sum(values) / max(1, len(values))
