"""How much the lanes are asked for while a live source is faster than the machine. Values in, values out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

DROPPED_SHARE = 0.05
"""share of the pictures that are dropped from which the machine is too slow; a camera's jitter costs fewer"""
STRAINED_S = 2.0
"""seconds without a break for which it must be too slow before work is given up: a burst or a page that is loaded is no load"""
ROOMY_DROPPED = 0.02
"""share up to which it may do more: one picture in two seconds is no sign of anything"""
ROOMY = 0.6
"""share of the time the loop is busy up to which it may do more: a lane that looks at every frame again costs at most twice as much"""
PATIENCE_S = (20.0, 600.0)
"""seconds without a break for which there must be room before work is taken up again; twice as long after each time that it was too
much, up to the second"""
TRIAL_S = 20.0
"""seconds after which work that was taken up again has proved not to be too much"""


class Load(NamedTuple):
    """How busy the loop was over a span of time."""

    span_s: float
    busy: float
    """share of it in which the loop did not wait for a picture"""
    frames: int
    """pictures that were looked at"""
    dropped: int
    """pictures that came meanwhile and were not"""

    @property
    def too_much(self) -> bool:
        """Whether the machine was too slow."""
        return self.dropped > DROPPED_SHARE * (self.frames + self.dropped)

    @property
    def has_room(self) -> bool:
        """Whether it could do more."""
        return self.dropped <= ROOMY_DROPPED * (self.frames + self.dropped) and self.busy <= ROOMY


@dataclass(frozen=True)
class Effort:
    """The level, 0 for all the work, and what led to it."""

    level: int = 0
    strained_s: float = 0.0
    """for which it has been too slow without a break"""
    roomy_s: float = 0.0
    """for which there has been room without a break"""
    trial_s: float = 0.0
    """since work was last taken up again; 0: it has proved not to be too much"""
    patience_s: float = PATIENCE_S[0]


def step(effort: Effort, load: Load, *, levels: int) -> Effort:
    """The effort after another span of time; work is given up quickly and taken up slowly, one level at a time.

    levels  how many levels there are above 0
    """
    strained_s = effort.strained_s + load.span_s if load.too_much else 0.0
    roomy_s = effort.roomy_s + load.span_s if load.has_room else 0.0
    trial_s, patience_s = effort.trial_s, effort.patience_s
    if trial_s:
        trial_s += load.span_s
        if trial_s > TRIAL_S and not load.too_much:
            trial_s, patience_s = 0.0, PATIENCE_S[0]
    now = replace(effort, strained_s=strained_s, roomy_s=roomy_s, trial_s=trial_s, patience_s=patience_s)
    if strained_s >= STRAINED_S and effort.level < levels:
        if trial_s:
            patience_s = min(2 * patience_s, PATIENCE_S[1])
        return Effort(effort.level + 1, patience_s=patience_s)
    if roomy_s >= patience_s and effort.level > 0:
        return Effort(effort.level - 1, trial_s=load.span_s, patience_s=patience_s)
    return now
