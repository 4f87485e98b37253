"""Pictures spread evenly over a clip, cheaply: the prescan's view of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import numpy as np
from av.video.frame import VideoFrame

from tracker.sources.decode import Decoder
from tracker.sources.span import TICK_S, Span
from tracker.sources.times import FALLBACK_FPS, timed
from tracker.types import Image

THROUGH_PX = 4e8
"""So many pixels are decoded without a second thought: about one second of one core."""
ENOUGH = 16
"""Key pictures that are enough; a clip with fewer is decoded whole after all, however long."""


def spread(open_decoder: Callable[[], Decoder], *, span: Span, origin_s: float | None, count: int) -> list[Image]:
    """About `count` pictures at even distances over `span`, RGB as coded (not turned upright).

    A short clip is decoded from end to end. Of a long one, the key picture before each wanted time is taken, which
    costs one seek and one picture. Damage shortens the list.

    origin_s    container time of the clip's first picture; None if its pictures have no times, so that none can be
                sought

    Raises SourceError if the clip cannot be opened any more.
    """
    with closing(open_decoder()) as decoder:
        fps = decoder.fps or FALLBACK_FPS
        length_s = decoder.length_s
        if length_s is None:  # a recording that was killed: count what is there, without decoding it
            with closing(open_decoder()) as other:
                length_s = other.measure(fps=fps) - (origin_s or 0.0)
        end_s = min(span.end_s, length_s)
        if span.max_frames is not None:
            end_s = min(end_s, span.start_s + span.max_frames / fps)
        wanted = np.linspace(span.start_s, end_s, count, endpoint=False)
        begin_s = origin_s or 0.0
        if origin_s is not None and (end_s - span.start_s) * fps * decoder.pixels > THROUGH_PX:
            keys = list(_key_pictures(decoder, wanted + begin_s, after_s=span.start_s + begin_s))
            if len(keys) >= min(count, ENOUGH):
                return keys
        moved = decoder.packets > 0
        sought = origin_s is not None and (moved or span.start_s > 0)
        pictures = decoder.pictures_from(begin_s + span.start_s) if sought else decoder.pictures()
        return list(_through(decoder, timed(pictures, origin_s=begin_s, fps=fps), wanted, end_s=end_s))


def _key_pictures(decoder: Decoder, wanted: np.ndarray, *, after_s: float) -> Iterator[Image]:
    """The key picture at or before each of the `wanted` container times, once each."""
    last_s = after_s - 2 * TICK_S
    for time_s in wanted:
        if not decoder.seek(time_s):
            return
        picture = next(decoder.pictures(), None)
        if picture is not None and picture.time is not None and picture.time > last_s + TICK_S:
            last_s = picture.time
            yield decoder.image(picture)


def _through(
    decoder: Decoder, clock: Iterator[tuple[float, VideoFrame]], wanted: np.ndarray, *, end_s: float
) -> Iterator[Image]:
    """The first picture at or after each of the `wanted` times, decoding everything between."""
    next_one = 0
    for time_s, picture in clock:
        if time_s >= end_s - TICK_S:
            return
        if time_s < wanted[next_one] - TICK_S:
            continue
        yield decoder.image(picture)
        next_one = int(np.searchsorted(wanted, time_s + TICK_S, side="right"))
        if next_one == len(wanted):
            return
