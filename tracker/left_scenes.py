"""What a lane knows of scenes that the clip has left, for when it comes back to one."""

from __future__ import annotations

from typing import TypeVar

MOST_SCENES = 4
"""scenes that are known, the present one among them; of more, the first and the latest"""

T = TypeVar("T")


def keep_left(left: dict[int, T], scene: int, known: T) -> None:
    """Keep in `left` what is known of a scene from which the clip goes on to another, which is not in `left`."""
    left[scene] = known
    if len(left) >= MOST_SCENES:
        del left[sorted(left)[1]]
