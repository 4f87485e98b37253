"""When a picture of a stream is, in seconds that only rise, and which number a picture of a file has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from av.video.frame import VideoFrame

from tracker.sources.clock import FALLBACK_FPS
from tracker.sources.decode import Decoder, packet_of
from tracker.sources.timeline import RESTART_S, PictureTimeline

STEP_S = 1e-3
"""A picture whose time is not after the one before comes this much after it."""
LATE = 8
"""So many pictures in a row with a number that is over are late by damage that the decoder did not report."""
USELESS = 3
"""After so many of them in a row the times are not believed until they rise again."""


def timed(pictures: Iterable[VideoFrame], *, origin_s: float, fps: float | None) -> Iterator[tuple[float, VideoFrame]]:
    """(seconds since `origin_s`, picture), strictly rising, of a stream that cannot be read beforehand.

    The times are the stream's. A picture without one comes 1 / fps after the one before; one that is not later
    than the one before is moved just behind it, and where that goes on, 1 / fps; where the timestamps start over, the
    clock goes on.
    """
    step_s = 1 / (fps or FALLBACK_FPS)
    shift_s = 0.0
    last_s: float | None = None
    useless = 0
    for picture in pictures:
        if picture.time is None:
            time_s = 0.0 if last_s is None else last_s + step_s
        else:
            time_s = picture.time - origin_s + shift_s
        if last_s is not None and time_s <= last_s:
            useless += 1
            if last_s - time_s > RESTART_S or useless > USELESS:
                shift_s += last_s + step_s - time_s
                time_s = last_s + step_s
            else:
                time_s = last_s + STEP_S
        else:
            useless = 0
        last_s = time_s
        yield time_s, picture


def arriving(pictures: Iterable[VideoFrame], clock: Callable[[], float]) -> Iterator[tuple[float, VideoFrame]]:
    """(seconds since the first, picture), strictly rising, by when each came."""
    began_s: float | None = None
    last_s = -STEP_S
    for picture in pictures:
        now_s = clock()
        began_s = now_s if began_s is None else began_s
        last_s = max(now_s - began_s, last_s + STEP_S)
        yield last_s, picture


def numbered(
    decoder: Decoder, pictures: Iterable[VideoFrame], timeline: PictureTimeline, *, begin: int
) -> Iterator[tuple[int, VideoFrame]]:
    """(number in the clip from 0, picture) of the pictures that `decoder` gives from the packet `begin` on.

    A picture that is lost keeps its number to itself. Where the container tells the order of showing, or the codec has
    one order only, the others' numbers are known exactly. Else a lost picture is counted at the latest where the order
    of decoding leaves no other way: a few pictures behind its place, or at the next key.
    """
    if timeline.ranks is None:
        return _counted(decoder, pictures, timeline, begin)
    return _ranked(decoder, pictures, timeline, begin)


def _ranked(
    decoder: Decoder, pictures: Iterable[VideoFrame], timeline: PictureTimeline, begin: int
) -> Iterator[tuple[int, VideoFrame]]:
    following = timeline.first_from(begin)
    late = 0  # pictures in a row of which the number is over
    for picture in pictures:
        packet = packet_of(picture)
        late = late + 1 if packet is not None and timeline.is_past(packet, following) else 0
        if late and (decoder.lost or decoder.corrupt or late > LATE):
            continue  # after damage, decoders give pictures out of their order, and each would shift all that follow
        number = following if packet is None else max(following, timeline.least_of(packet))
        following = number + 1
        yield number, picture


def _counted(
    decoder: Decoder, pictures: Iterable[VideoFrame], timeline: PictureTimeline, begin: int
) -> Iterator[tuple[int, VideoFrame]]:
    keys = set(timeline.keys.tolist())
    shown: list[int] = []  # packets of the pictures before the first of which the number is known
    known = begin == 0
    following = ahead = lost = 0  # `ahead`: the most places that a picture was decoded before it was shown
    for picture in pictures:
        packet = packet_of(picture)
        number = following
        if not known:
            if packet is None or packet not in keys or packet <= begin:
                shown += [] if packet is None else [packet]
                continue
            known = True
            number = timeline.least_of(packet) + sum(other > packet for other in shown)
        elif packet is not None and decoder.lost == 0:
            ahead = max(ahead, packet - number)
        elif packet is not None:
            number = max(number, min(packet - ahead, number + decoder.lost - lost), timeline.least_of(packet))
            lost += number - following
        following = number + 1
        yield number, picture
