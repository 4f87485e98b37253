"""Pictures spread evenly over a clip, cheaply: the prescan's view of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import TypeVar

import numpy as np
from av.video.frame import VideoFrame

from tracker.sources.decode import Decoder
from tracker.sources.span import TICK_S, Span
from tracker.sources.timeline import PictureTimeline
from tracker.sources.times import numbered, timed

THROUGH_PX = 4e8
"""So many pixels are decoded without a second thought: about one second of one core."""
SPARING_PX = 2e7
"""From so many on, pictures that no other is decoded from are left out: below, it saves less than a twentieth of a second."""
ENOUGH = 16
"""Key pictures that are enough; a clip with fewer is decoded whole after all, however long."""


T = TypeVar("T")


def spread(
    open_decoder: Callable[[], Decoder],
    timeline: PictureTimeline,
    *,
    numbers: range,
    count: int,
    convert: Callable[[Decoder, VideoFrame], T],
) -> list[T]:
    """About `count` of the clip's pictures with these numbers, at even distances.

    convert  makes of each what is kept, at once: the decoder's own pictures are large

    Even in pictures, not in seconds: two recordings hours apart are both seen. A short clip is decoded from end to end, but
    for the pictures that no other is decoded from, where that saves time and leaves enough.
    Of a long one the key picture before each wanted one is taken. Damage shortens the list.

    Raises SourceError if the clip cannot be opened any more.
    """
    wanted = sorted({numbers.start + index * len(numbers) // count for index in range(count)} if numbers else ())
    if not wanted:
        return []
    with closing(open_decoder()) as decoder:
        if len(numbers) * decoder.pixels > THROUGH_PX:
            keys = _keys(timeline, wanted)
            if len(keys) >= min(count, ENOUGH):
                return [convert(decoder, picture) for picture in decoder.key_pictures(keys)]
        if len(numbers) * decoder.pixels > SPARING_PX and timeline.referenced(numbers) >= len(wanted):
            decoder.skip_unreferenced()
        begin = timeline.begin_for(wanted[0])
        pictures = numbered(decoder, decoder.pictures(begin), timeline, begin=begin)
        return [convert(decoder, picture) for picture in _through(pictures, wanted)]


def _keys(timeline: PictureTimeline, wanted: list[int]) -> list[int]:
    """The last key packet at or before each wanted picture, once each, none of a picture before the first wanted."""
    # without ranks, a key's place in the file is near enough
    places = timeline.keys if timeline.ranks is None else timeline.ranks[timeline.keys]
    chosen = np.unique(np.searchsorted(places, wanted, side="right") - 1)
    return [int(timeline.keys[key]) for key in chosen if key >= 0 and places[key] >= wanted[0]]


def _through(pictures: Iterator[tuple[float, VideoFrame]], wanted: Sequence[float]) -> Iterator[VideoFrame]:
    """The first picture at or after each of the `wanted` places or times, decoding everything between."""
    next_one = 0
    for place, picture in pictures:
        if place < wanted[next_one] - TICK_S:
            continue
        yield picture
        next_one = int(np.searchsorted(wanted, place + TICK_S, side="right"))
        if next_one == len(wanted):
            return


def spread_in_time(
    open_decoder: Callable[[], Decoder],
    *,
    span: Span,
    origin_s: float,
    count: int,
    convert: Callable[[Decoder, VideoFrame], T],
) -> list[T]:
    """The same for a clip over the network, whose packets are not listed: by seconds and the length of its header.

    Of a long clip, the key picture before each wanted time is taken, which costs one seek and one picture.
    """
    with closing(open_decoder()) as decoder:
        if decoder.length_s is None:
            return []
        fps = decoder.fps or 1.0
        end_s = min(span.end_s, decoder.length_s)
        if span.max_frames is not None:
            end_s = min(end_s, span.start_s + span.max_frames / fps)
        wanted = np.linspace(span.start_s, end_s, count, endpoint=False).tolist()
        if (end_s - span.start_s) * fps * decoder.pixels > THROUGH_PX:
            keys = [convert(decoder, picture) for picture in _sought(decoder, wanted, origin_s=origin_s)]
            if len(keys) >= min(count, ENOUGH):
                return keys
    with closing(open_decoder()) as decoder:
        pictures = _until(end_s, timed(decoder.pictures(), origin_s=origin_s, fps=decoder.fps))
        return [convert(decoder, picture) for picture in _through(pictures, wanted)]


def _sought(decoder: Decoder, wanted: list[float], *, origin_s: float) -> Iterator[VideoFrame]:
    """The key picture at or before each of the `wanted` times, once each."""
    last_s = wanted[0] - 2 * TICK_S
    for time_s in wanted:
        if not decoder.seek(origin_s + time_s):
            return
        picture = next(decoder.pictures(), None)
        if picture is not None and picture.time is not None and picture.time - origin_s > last_s + TICK_S:
            last_s = picture.time - origin_s
            yield picture


def _until(end_s: float, pictures: Iterator[tuple[float, VideoFrame]]) -> Iterator[tuple[float, VideoFrame]]:
    for time_s, picture in pictures:
        if time_s >= end_s - TICK_S:
            return
        yield time_s, picture
