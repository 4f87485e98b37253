"""How much larger things are lower in the picture, learned from how slots grow on their way while they are isolated.

On a ground that is seen from above its end, an object's size is proportional to how far below the horizon it is. One number, the height of
the horizon, says how much larger a slot has become where nothing else does: while it is merged with others, or hidden.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracker.left_scenes import MOST_SCENES
from tracker.slots.pose import VISIBLE, touch_border
from tracker.slots.slot import Slots
from tracker.timing import lasts
from tracker.types import Box

Floats = NDArray[np.float64]

HORIZONS = np.array(
    [-8.0, -4.0, -2.0, -1.5, -1.0, -0.7, -0.5, -0.3, -0.2, -0.1, 0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4]
)
"""(J,) heights that are compared, in picture heights from its upper edge: below the last there is too little ground"""
NEAREST = 0.05
"""picture heights below the horizon above which things do not shrink any more: farther away they are specks"""
WAY = 0.05
"""picture heights up or down that a slot must have gone to say anything"""
MOST = 0.3
"""error of a logarithm of a size at most: what is wrong by more is another object, or a part of one"""
EVIDENCE_S = 4.0
"""seconds of evidence, of all slots together, from which on the horizon is known"""
CLEARER = 0.7
"""share of the error without a horizon below which that with one must be: on level ground seen from above any one fits a little"""


class Perspective(NamedTuple):
    """The horizon of one scene. Heights in the picture are in picture heights, from its upper edge."""

    errors: Floats
    """(J,) of each horizon, summed over the evidence"""
    error: float
    """without one"""
    seen_s: float
    """seconds of evidence"""

    @property
    def horizon(self) -> float | None:
        """Its height; None: things are of one size everywhere, or nothing is known yet."""
        best = int(self.errors.argmin())
        if not lasts(self.seen_s, EVIDENCE_S) or self.errors[best] >= CLEARER * self.error:
            return None
        return float(HORIZONS[best])

    def after(self, before: Floats, now: Floats, look_s: float) -> Perspective:
        """With how N isolated slots have grown.

        before, now  (N, 2) heights in the picture, and sizes there
        """
        far = np.abs(now[:, 0] - before[:, 0]) > WAY
        grown = np.log(now[far, 1] / before[far, 1])
        expected = np.log(_below(now[far, :1], HORIZONS) / _below(before[far, :1], HORIZONS))  # (N, J)
        return Perspective(
            self.errors + look_s * _error(grown[:, None] - expected).sum(axis=0),
            self.error + look_s * float(_error(grown).sum()),
            self.seen_s + look_s * len(grown),
        )

    def factors(self, before: Floats, now: Floats) -> Floats:
        """(K,) how many times larger things are at heights `now` (K,) than at `before` (K,)."""
        horizon = self.horizon
        if horizon is None:
            return np.ones(len(now))
        return np.asarray(_below(now, horizon) / _below(before, horizon), np.float64)


UNKNOWN = Perspective(np.zeros(len(HORIZONS)), 0.0, 0.0)
"""of a scene of which nothing was seen"""


@dataclass(frozen=True)
class Perspectives:
    """Those of the scenes that a clip shows."""

    known: Mapping[int, Perspective] = field(default_factory=dict)
    """by the scenes' numbers"""

    def of(self, scene: int | None) -> Perspective:
        """That of a scene; UNKNOWN for a new one, and for a blank picture."""
        return UNKNOWN if scene is None else self.known.get(scene, UNKNOWN)

    def after(self, scene: int | None, perspective: Perspective) -> Perspectives:
        """With what is known of a scene now; a blank picture is none."""
        if scene is None or perspective is self.of(scene):
            return self
        known = dict(self.known)
        if scene not in known and len(known) == MOST_SCENES:
            del known[sorted(known)[1]]
        return Perspectives({**known, scene: perspective})


def scale(slots: Slots, height: int, perspective: Perspective) -> None:
    """Give the slots the sizes that they have where they are predicted to be, in a picture of that height in pixels."""
    now = slots.poses[:, 1].astype(float)
    before = np.array([y if slot.sized_at is None else slot.sized_at for slot, y in zip(slots, now, strict=True)])
    factors = perspective.factors(before / height, now / height)
    for slot, y, factor in zip(slots, now.tolist(), factors.tolist(), strict=True):
        slot.sized_at = y
        if factor != 1:
            slot.geometry = slot.geometry.scaled(factor)
            slot.area_px *= factor**2


def learn_from(
    slots: Slots, isolated: Mapping[int, Box], shown: NDArray[np.float32], size: tuple[int, int],
    perspective: Perspective, *, known_s: float, look_s: float,
) -> Perspective:  # fmt: skip
    """The perspective with how the slots that are isolated and whole have grown since they were isolated.

    isolated  their boxes, by row; shown  (K,) share of its usual area that each slot shows; size  (width, height) of the picture
    known_s   seconds of evidence for which a slot must have been isolated
    """
    before, now = [], []
    rows = [k for k in range(len(slots)) if k in isolated]
    cut = dict(zip(rows, touch_border(np.array([isolated[k] for k in rows], float).reshape(-1, 4), size), strict=True))
    for k, slot in enumerate(slots):
        if k not in isolated:
            slot.reference = None
            continue
        box, known = isolated[k], slot.geometry.complete and lasts(slot.geometry.isolated_s, known_s)
        if cut[k] or not known or shown[k] <= VISIBLE:
            continue
        found = ((box.y0 + box.y1) / 2 / size[1], max(1.0, box.area) ** 0.5)
        slot.reference = slot.reference or found
        before.append(slot.reference)
        now.append(found)
    return perspective.after(np.array(before), np.array(now), look_s) if now else perspective


def _below(height: Floats, horizon: float | Floats) -> Floats:
    """How far below the horizon a height is, in picture heights."""
    return np.asarray(np.maximum(NEAREST, height - horizon), np.float64)


def _error(difference: Floats) -> Floats:
    return np.asarray(np.minimum(difference**2, MOST**2), np.float64)
