"""The packets of a video file, listed by demuxing without decoding: what the container says of every picture."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

NO_TIME = np.iinfo(np.int64).min
"""Stands for a timestamp that is not given."""
HOLE, MOST_HOLES = 128, 1000
"""Bytes between two packets from which it is asked what they are, and how often at most."""
LAST_FEW = 4
"""Demuxers mark a packet cut by the end of the file, or one of those just before it."""


@dataclass(frozen=True)
class Packets:
    """The video packets of which a picture comes, in the order of the file (the order of decoding)."""

    pts: NDArray[np.int64]
    """(N,) when it is to be shown, in ticks; NO_TIME where not given"""
    dts: NDArray[np.int64]
    """(N,) when it is to be decoded, in ticks; NO_TIME where not given"""
    keys: NDArray[np.bool_]
    """(N,) can be decoded without those before it"""
    tick_s: Fraction
    """seconds"""
    left_out: int
    """further packets whose pictures are not to be shown: an edit list leaves them out"""
    last: tuple[int, int] | None
    """(where the last one begins in the file, its payload) in bytes; None if not known"""
    end_s: float
    """container time at which the last packet of any stream ends"""
    torn: bool
    """one of the last packets is incomplete"""
    holes: tuple[tuple[int, int], ...]
    """(end of a packet, begin of the next of any stream or end of the file) in bytes, where more than their heads is between"""
    stopped: str | None
    """why the list ends before the file does, in FFmpeg's words"""

    def __len__(self) -> int:
        return len(self.pts)


def demux(container: Any, *streams: Any) -> Iterator[Any]:
    """Packets of these streams, or of all. At the end PyAV stumbles over streams that began amidst the file."""
    with contextlib.suppress(IndexError):
        yield from container.demux(*streams)


def shows_picture(packet: Any, codec: str) -> bool:
    """Whether this packet of a video stream is one of those that `list_packets` lists.

    Left out: the empty packet at the end, packets outside an edit list, and VP8's reference frames that are never
    shown (RFC 6386, 9.1: the bit `show_frame`).
    """
    if not packet.size or packet.is_discard:
        return False
    return codec != "vp8" or bool(memoryview(packet)[0] & 0x10)


def list_packets(container: Any, stream: Any) -> Packets:
    """Demux all of `container` and keep what is said of the packets of `stream`; about 2 microseconds a packet.

    The other streams are read too: only they tell that a file with longer sound is whole. An error ends the list.
    """
    codec = stream.codec_context.name
    pts: list[int] = []
    dts: list[int] = []
    keys: list[bool] = []
    last_corrupt = [False] * LAST_FEW
    left_out = 0
    ends: dict[int, float] = {}
    last = stopped = None
    holes: list[tuple[int, int]] = []
    place = 0
    try:
        for packet in demux(container):
            if not packet.size:
                continue
            if packet.pos is not None:
                if place and packet.pos - place > HOLE and len(holes) < MOST_HOLES:
                    holes.append((place, packet.pos))
                place = max(place, packet.pos + packet.size)
            begin = packet.dts if packet.pts is None else packet.pts
            if begin is not None and not packet.is_corrupt:
                end_s = (begin + (packet.duration or 0)) * float(packet.time_base)
                ends[packet.stream_index] = max(ends.get(packet.stream_index, end_s), end_s)
            if packet.stream_index != stream.index:
                continue
            last_corrupt = [*last_corrupt[1:], packet.is_corrupt]
            if not shows_picture(packet, codec):
                left_out += 1
                continue
            pts.append(NO_TIME if packet.pts is None else packet.pts)
            dts.append(NO_TIME if packet.dts is None else packet.dts)
            keys.append(packet.is_keyframe)
            last = None if packet.pos is None else (packet.pos, packet.size)
    except (av.error.FFmpegError, OSError) as error:
        stopped = error.strerror or type(error).__name__
    holes += [(place, container.size)] if place else []
    return Packets(
        np.array(pts, np.int64),
        np.array(dts, np.int64),
        np.array(keys, np.bool_),
        tick_s=stream.time_base,
        left_out=left_out,
        last=last,
        end_s=max(ends.values(), default=0.0),
        torn=any(last_corrupt),
        holes=tuple(holes),
        stopped=stopped,
    )
