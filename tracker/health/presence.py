"""Whether the pictures showed the scene: blank ones, and those of another scene, counted."""

from __future__ import annotations

from tracker.health.times import Occurrences

ONE_LOSS_S = 1.0
"""losses nearer in time are one"""


class Presence:
    """Frames in which the first scene was not to be seen, by what `Frame.scene` says of each."""

    def __init__(self) -> None:
        self.blank, self.others = 0, 0
        """frames without a scene, and those of a later one"""
        self.lost_s = Occurrences()
        """when the first scene was lost"""
        self._gone_s: float | None = None
        """when it was last not to be seen"""

    def add(self, scene: int | None, time_s: float) -> None:
        """Count one frame."""
        if scene == 0:
            return
        self.blank += scene is None
        self.others += scene is not None
        if self._gone_s is None or time_s - self._gone_s > ONE_LOSS_S:
            self.lost_s.add(time_s)
        self._gone_s = time_s
