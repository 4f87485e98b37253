"""When a picture is, in seconds that only rise, whatever a container says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from av.video.frame import VideoFrame

FALLBACK_FPS = 25.0
"""Where a clip does not say."""
STEP_S = 1e-3
"""A picture whose time is not after the one before comes this much after it."""
RESTART_S = 1.0
"""Timestamps that fall back further than this have started over, as in joined recordings."""


def timed(pictures: Iterable[VideoFrame], *, origin_s: float, fps: float | None) -> Iterator[tuple[float, VideoFrame]]:
    """(seconds since `origin_s`, picture), strictly rising.

    The times are the container's. A picture without one comes 1 / fps after the one before; one that is not later
    than the one before is moved just behind it; where the timestamps start over, the clock goes on.
    """
    step_s = 1 / (fps or FALLBACK_FPS)
    shift_s = 0.0
    last_s: float | None = None
    for picture in pictures:
        if picture.time is None:
            time_s = 0.0 if last_s is None else last_s + step_s
        else:
            time_s = picture.time - origin_s + shift_s
        if last_s is not None and time_s <= last_s:
            if last_s - time_s > RESTART_S:
                shift_s += last_s + step_s - time_s
                time_s = last_s + step_s
            else:
                time_s = last_s + STEP_S
        last_s = time_s
        yield time_s, picture
