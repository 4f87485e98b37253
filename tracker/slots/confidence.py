"""How sure it is that a slot's box is right: P(it overlaps the object that the identity belongs to, IoU at least 0.5).

A logistic regression on a few measures of a slot in a frame. All are times or shares, so that they mean the same in any
picture. This is the one place that knows them; `benchmarks/calibration.py` fits the numbers and shows how far they can be believed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from operator import attrgetter
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.slots.association import Association
from tracker.slots.e_step import Responsibilities
from tracker.slots.pose import touches_border
from tracker.slots.slot import Slot
from tracker.timing import REFERENCE_S
from tracker.types import Box

Floats = NDArray[np.float64]
Array = NDArray[np.float32]

FULL_FOREGROUND = 0.5
"""a box with so large a share of foreground is as good as a full one: arms and legs leave corners empty"""
EVERY = 2
"""the entropy is taken over every other pixel of every other row, for speed"""
TINY = np.float32(1e-12)
"""keeps the logarithm of nothing finite"""


@dataclass(frozen=True)
class Evidence:
    """What one frame tells of one slot. NaN where it tells nothing."""

    age: float
    """time since its birth, in frames of 25 a second"""
    unmeasured: float
    """the same since it was last isolated, which is when its size and place are measured"""
    hidden: float
    """the same since it was last seen, 0: seen now"""
    share: float
    """pixels it owns, of those predicted"""
    entropy: float
    """mean entropy of the responsibilities of its pixels, bits: `entropies`"""
    change: float
    """|log| of the area of its box, in the picture, against its usual area"""
    border: float
    """1: its box touches the picture's border, which may cut the object"""
    foreground: float
    """share of its box, in the picture, that is foreground: mean probability, if there is one"""
    agreement: float
    """intersection over union of its box, in the picture, with the box round the pixels it owns"""
    merged: float
    """1: other slots are in its blob, or occlude it"""
    moved: float
    """1: it has left its birthplace, so it is no piece of scenery"""


NAMES = tuple(f.name for f in fields(Evidence))
_values = attrgetter(*NAMES)


def measures(evidence: Sequence[Evidence]) -> Floats:
    """(N, F) what the regression sees, columns as in NAMES: times as log(1 + n), shares up to where they saturate."""
    table = np.array([_values(e) for e in evidence], float).reshape(-1, len(NAMES))
    for name in ("age", "unmeasured", "hidden"):
        column = NAMES.index(name)
        table[:, column] = np.log1p(np.maximum(0, table[:, column]))
    table[:, NAMES.index("share")] = np.minimum(table[:, NAMES.index("share")], 1)
    table[:, NAMES.index("foreground")] = np.minimum(table[:, NAMES.index("foreground")], FULL_FOREGROUND)
    return table


class Term(NamedTuple):
    """One measure's part in a regression."""

    low: float
    """what is beyond low or high counts as these: nothing was fitted there"""
    usual: float
    """taken where the measure is unknown"""
    high: float
    weight: float
    """of the measure's difference from the usual"""


@dataclass(frozen=True)
class Logistic:
    """P = 1 / (1 + exp(-bias - sum_f weight_f (clip(x_f, low_f, high_f) - usual_f)))."""

    bias: float
    terms: Mapping[str, Term]
    """by the measure's name; what is left out does not count"""

    def __call__(self, measured: Floats) -> Floats:
        """(N, F) measures to (N,) probabilities."""
        columns, low, usual, high, weight = self._arrays
        value = measured[:, columns]
        value = np.where(np.isnan(value), usual, np.clip(value, low, high))
        score = self.bias + ((value - usual) * weight).sum(axis=1)
        return np.asarray(1 / (1 + np.exp(-score)))

    @cached_property
    def _arrays(self) -> tuple[list[int], Floats, Floats, Floats, Floats]:
        low, usual, high, weight = np.array(list(self.terms.values()), float).reshape(-1, 4).T
        return [NAMES.index(name) for name in self.terms], low, usual, high, weight


@dataclass(frozen=True)
class Calibration:
    """Two regressions: a box that is seen and one that is only predicted are right for different reasons."""

    seen: Logistic
    hidden: Logistic

    def __call__(self, measured: Floats) -> Floats:
        """(N, F) measures to (N,) probabilities."""
        return np.where(measured[:, NAMES.index("hidden")] > 0, self.hidden(measured), self.seen(measured))


# fitted: begin
# by `python benchmarks/calibration.py --fit`, on street, seeds 700-709
FITTED = Calibration(
    seen=Logistic(
        2.1759,
        {
            "age": Term(1.386, 4.087, 5.663, -0.009985),
            "unmeasured": Term(0.0, 0.4344, 4.369, -0.177),
            "share": Term(0.4264, 0.9676, 1.0, 0.6256),
            "entropy": Term(0.1099, 0.2188, 0.7944, -1.807),
            "change": Term(0.0, 0.2293, 2.366, -0.2919),
            "border": Term(0.0, 0.2611, 1.0, -0.2998),
            "foreground": Term(0.2396, 0.4943, 0.5, 14.98),
            "agreement": Term(0.2335, 0.9186, 1.0, 2.538),
            "merged": Term(0.0, 0.1734, 1.0, -0.185),
            "moved": Term(0.0, 0.9233, 1.0, 1.379),
        },
    ),
    hidden=Logistic(
        -2.792,
        {
            "age": Term(1.792, 4.037, 5.611, 0.1842),
            "unmeasured": Term(0.6931, 2.23, 4.694, -0.27),
            "hidden": Term(0.6931, 1.904, 3.466, -0.1671),
            "share": Term(0.0, 0.136, 1.0, 0.6688),
            "change": Term(0.0, 0.2107, 7.235, -0.1729),
            "border": Term(0.0, 0.3879, 1.0, -0.1921),
            "foreground": Term(0.0, 0.1726, 0.5, 1.553),
            "merged": Term(0.0, 0.2542, 1.0, 0.4416),
            "moved": Term(0.0, 0.9511, 1.0, 0.42),
        },
    ),
)
# fitted: end


def confidences(evidence: Sequence[Evidence], calibration: Calibration = FITTED) -> Floats:
    """(N,) the probability that each box is right."""
    return calibration(measures(evidence))


def confidence(evidence: Evidence, calibration: Calibration = FITTED) -> float:
    """The probability that a box is right."""
    return float(confidences([evidence], calibration)[0])


class ConfidenceEstimator:
    """Gathers the evidence of every identity, frame after frame."""

    def __init__(self) -> None:
        self.evidence: dict[int, Evidence] = {}
        """of the last frame, by identity"""

    def judge(
        self, slots: Sequence[Slot], responsibilities: Responsibilities, boxes: Sequence[Box], association: Association, *,
        entropy: Sequence[float] | NDArray[np.float32], foreground: NDArray[np.generic], dt_s: float = REFERENCE_S,
    ) -> dict[int, float]:  # fmt: skip
        """The confidence of every identity in this frame.

        slots, boxes, entropy  of the same K slots as `responsibilities`; boxes in pixels of the working picture
        foreground             (H, W) bool, or probability
        dt_s                   seconds since the frame before
        """
        height, width = responsibilities.labels.shape
        before, self.evidence = self.evidence, {}
        for k, slot in enumerate(slots):
            if slot.number is None:
                continue
            isolated = k in association.isolated and not slot.hidden
            known = before.get(slot.number)
            age = slot.age_s / REFERENCE_S
            since = known.unmeasured + dt_s / REFERENCE_S if known else 0.0 if slot.geometry.isolated_s else age
            box, (pixels, owned) = boxes[k].clipped((width, height)), _owned(responsibilities, k)
            self.evidence[slot.number] = Evidence(
                age=age,
                unmeasured=0.0 if isolated else since,
                hidden=slot.hidden_s / REFERENCE_S,
                share=pixels / max(1.0, float(responsibilities.expected[k])),
                entropy=float(entropy[k]),
                change=_change(box, slot.geometry.size),
                border=float(touches_border(boxes[k], (width, height))),
                foreground=_mean_inside(foreground, box),
                agreement=np.nan if owned is None else box.iou(owned),
                merged=float(association.blob_of(k) > 0),
                moved=float(slot.moved),
            )
        sure = confidences(list(self.evidence.values()))
        return dict(zip(self.evidence, sure.tolist(), strict=True))


def _change(box: Box, usual: tuple[float, float]) -> float:
    return abs(float(np.log(max(1.0, box.width * box.height) / max(1.0, usual[0] * usual[1]))))


def _owned(responsibilities: Responsibilities, k: int) -> tuple[int, Box | None]:
    """How many pixels of its window slot k owns, and the box round them; None if there are none."""
    window = responsibilities.windows[k]
    if window is None:
        return 0, None
    mine = (responsibilities.labels[window] == k + 1).view(np.uint8)
    x, y, w, h = cv2.boundingRect(mine)
    if w == 0:
        return 0, None
    x, y = x + window[1].start, y + window[0].start
    return cv2.countNonZero(mine), Box(float(x), float(y), float(x + w), float(y + h))


def _mean_inside(picture: NDArray[np.generic], box: Box) -> float:
    part = picture[int(box.y0) : int(np.ceil(box.y1)), int(box.x0) : int(np.ceil(box.x1))]
    return float(part.mean()) if part.size else np.nan


def entropies(responsibilities: Responsibilities) -> Array:
    """(K,) mean entropy, in bits, of (background, the slot, all other slots) over the pixels that are the slot's.

        - sum_j gamma_j log2 gamma_j,   from 0 for certain to log2 3 = 1.58 for a third each

    NaN for a slot that owns none of the pixels looked at.
    """
    own, background, counts = [], [], []
    for k, (window, gamma_k) in enumerate(zip(responsibilities.windows, responsibilities.gamma, strict=True)):
        if window is None:
            counts.append(0)
            continue
        mine = responsibilities.labels[window][::EVERY, ::EVERY] == k + 1
        own.append(gamma_k[::EVERY, ::EVERY][mine])
        background.append(responsibilities.background[window][::EVERY, ::EVERY][mine])
        counts.append(len(own[-1]))
    if not sum(counts):
        return np.full(len(counts), np.nan, np.float32)
    gamma = np.stack([np.concatenate(own), np.concatenate(background), np.zeros(sum(counts), np.float32)])
    gamma[2] = np.maximum(0, 1 - gamma[0] - gamma[1])
    entropy = -(gamma * np.log2(np.maximum(gamma, TINY))).sum(axis=0)
    slots = np.repeat(np.arange(len(counts)), counts)
    sums = np.bincount(slots, entropy, minlength=len(counts))
    found = np.array(counts)
    return np.asarray(np.where(found > 0, np.maximum(0, sums) / np.maximum(1, found), np.nan), np.float32)
