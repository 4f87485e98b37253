"""How sure it is that a slot's box is right: P(it overlaps the object that the identity belongs to, IoU at least 0.5).

A logistic regression on a few measures of a slot in a frame. All are times or shares, so that they mean the same in any
picture. This is the one place that knows them; `benchmarks/calibration.py` fits the numbers and shows how far they can be believed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from math import ceil
from operator import attrgetter
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.slots.association import Association
from tracker.slots.e_step import Responsibilities
from tracker.slots.pose import clipped, touch_border
from tracker.slots.slot import Slot
from tracker.timing import REFERENCE_S
from tracker.types import Box, Mask, common_px

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
    """share of its box, in the picture, that is foreground"""
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
    return _measures(np.array([_values(e) for e in evidence], float).reshape(-1, len(NAMES)))


def _measures(evidence: Floats) -> Floats:
    """The same of evidence (N, F)."""
    table = evidence.copy()
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
        self._table: Floats = np.zeros((0, len(NAMES)))
        self._rows: dict[int, int] = {}
        """identity -> its row"""

    @property
    def evidence(self) -> dict[int, Evidence]:
        """Of the last frame, by identity."""
        return {number: Evidence(*row) for number, row in zip(self._rows, self._table.tolist(), strict=True)}

    def judge(
        self, slots: Sequence[Slot], responsibilities: Responsibilities, boxes: Sequence[Box], association: Association, *,
        entropy: Sequence[float] | NDArray[np.float32], foreground: Mask, dt_s: float = REFERENCE_S,
    ) -> dict[int, float]:  # fmt: skip
        """The confidence of every identity in this frame.

        slots, boxes, entropy  of the same K slots as `responsibilities`; boxes in pixels of the working picture
        foreground             (H, W)
        dt_s                   seconds since the frame before
        """
        known = [k for k, slot in enumerate(slots) if slot.number is not None]
        measured = self._unmeasured([slots[k] for k in known], [k in association.isolated for k in known], dt_s)
        self._table = evidence_of(
            known, slots, responsibilities, boxes, association,
            entropy=entropy, foreground=foreground, unmeasured=measured,
        )  # fmt: skip
        self._rows = {number: n for n, k in enumerate(known) if (number := slots[k].number) is not None}
        return dict(zip(self._rows, FITTED(_measures(self._table)).tolist(), strict=True))

    def _unmeasured(self, slots: Sequence[Slot], isolated: Sequence[bool], dt_s: float) -> list[float]:
        """`Evidence.unmeasured` of slots that have identities."""
        before = self._table[:, NAMES.index("unmeasured")].tolist()
        frames = []
        for slot, is_isolated in zip(slots, isolated, strict=True):
            row = self._rows.get(slot.number or 0)
            since = 0.0 if slot.geometry.isolated_s else slot.age_s / REFERENCE_S
            since = since if row is None else before[row] + dt_s / REFERENCE_S
            frames.append(0.0 if is_isolated and not slot.hidden else since)
        return frames


def evidence_of(
    known: Sequence[int], slots: Sequence[Slot], responsibilities: Responsibilities, boxes: Sequence[Box],
    association: Association, *, entropy: Sequence[float] | NDArray[np.float32], foreground: Mask,
    unmeasured: Sequence[float],
) -> Floats:  # fmt: skip
    """(N, F) the evidence of the slots of the rows `known`, columns as in NAMES; the rest as in `ConfidenceEstimator.judge`."""
    height, width = foreground.shape
    held = [slots[k] for k in known]
    whole = np.array([boxes[k] for k in known], float).reshape(-1, 4)
    inside = clipped(whole, (width, height))
    pixels, owned = _owned(responsibilities, known)
    columns = {
        "age": [slot.age_s / REFERENCE_S for slot in held],
        "unmeasured": unmeasured,
        "hidden": [slot.hidden_s / REFERENCE_S for slot in held],
        "share": pixels / np.maximum(1.0, responsibilities.expected[known].astype(float)),
        "entropy": np.asarray(entropy, float)[known],
        "change": _change(inside, np.array([slot.geometry.size for slot in held], float).reshape(-1, 2)),
        "border": touch_border(whole, (width, height)),
        "foreground": [_share_inside(foreground, box) for box in inside.tolist()],
        "agreement": _agreement(inside, owned),
        "merged": [association.blob_of(k) > 0 for k in known],
        "moved": [slot.moved for slot in held],
    }
    return np.array([columns[name] for name in NAMES], float).T


def _change(boxes: Floats, usual: Floats) -> Floats:
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    return np.abs(np.log(np.maximum(1.0, areas) / np.maximum(1.0, usual.prod(1))))


def _agreement(boxes: Floats, owned: Floats) -> Floats:
    """(N,) intersection over union of boxes (N, 4) with others, NaN where the other is."""
    common = common_px(boxes, owned)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1) + (owned[:, 2:] - owned[:, :2]).prod(1)
    return np.asarray(common / np.maximum(1e-9, areas - common))


def _owned(responsibilities: Responsibilities, known: Sequence[int]) -> tuple[NDArray[np.int64], Floats]:
    """Of the slots of those N rows: how many pixels of its window each owns, and the box round them, NaN for none; (N,), (N, 4)."""
    pixels, boxes = np.zeros(len(known), np.int64), np.full((len(known), 4), np.nan)
    for n, k in enumerate(known):
        window = responsibilities.patches.windows[k]
        if window is None:
            continue
        mine = (responsibilities.labels[window] == k + 1).view(np.uint8)
        x, y, w, h = cv2.boundingRect(mine)
        if w:
            x, y = x + window[1].start, y + window[0].start
            pixels[n], boxes[n] = cv2.countNonZero(mine), (x, y, x + w, y + h)
    return pixels, boxes


def _share_inside(mask: Mask, box: Sequence[float]) -> float:
    x0, y0, x1, y1 = box
    part = mask.view(np.uint8)[int(y0) : ceil(y1), int(x0) : ceil(x1)]
    return cv2.countNonZero(part) / part.size if part.size else np.nan


def entropies(responsibilities: Responsibilities) -> Array:
    """(K,) mean entropy, in bits, of (background, the slot, all other slots) over the pixels that are the slot's.

        - sum_j gamma_j log2 gamma_j,   from 0 for certain to log2 3 = 1.58 for a third each

    NaN for a slot that owns none of the pixels looked at.
    """
    whole, patches = responsibilities.patches, responsibilities.patches.thinned(EVERY)
    count = len(whole.windows)
    mine = np.flatnonzero(patches.gather(responsibilities.labels) == patches.slots + 1)
    own = patches.join([gamma[::EVERY, ::EVERY] for gamma in whole.views(responsibilities.gamma)])[mine]
    gamma = np.stack([own, patches.gather(responsibilities.background)[mine], np.zeros_like(own)])
    gamma[2] = np.maximum(0, 1 - gamma[0] - gamma[1])
    entropy = -(gamma * np.log2(np.maximum(gamma, TINY))).sum(axis=0)
    slots = patches.slots[mine]
    sums, found = np.bincount(slots, entropy, minlength=count), np.bincount(slots, minlength=count)
    return np.asarray(np.where(found > 0, np.maximum(0, sums) / np.maximum(1, found), np.nan), np.float32)
