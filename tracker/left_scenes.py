"""What a lane knows of scenes that the clip has left, for when it comes back to one."""

from __future__ import annotations

from typing import TypeVar

MOST_LEFT = 2
"""scenes of which it is kept, beside the present one: the first and the latest"""

T = TypeVar("T")


def keep_left(left: dict[int, T], scene: int, known: T) -> None:
    """Keep in `left` what is known of a scene from which the clip goes on to another, which is not in `left`."""
    left[scene] = known
    if len(left) > MOST_LEFT:
        del left[sorted(left)[1]]
