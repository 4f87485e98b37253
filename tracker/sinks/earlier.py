"""The video of a run that was killed, copied without decoding into that of the run that goes on."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.bitstream import BitStreamFilterContext

from tracker.errors import LostError
from tracker.sinks.outputs import GONE

KEPT_S = 0.5
"""seconds: the muxer holds a picture back until the next one has come, and beside sound a tenth of a second of them"""
FEWEST_KEPT = 3
"""pictures, however far they are apart"""
AS_ENCODED = "h264_mp4toannexb,filter_units=remove_types=6-8"
"""to packets as the encoder gave them: an MP4 has lengths in place of marks; the head of the stream stands in the file once"""
ROUNDED_S = 5e-4
"""files have clocks of their own"""
NAME = "video-{}.mp4"


@dataclass(frozen=True)
class KeptPacket:
    """A packet as the encoder gave it."""

    data: bytes = field(repr=False)
    ticks: int
    lasts: int
    is_key: bool
    is_sound: bool
    tick_s: Fraction
    """seconds in a tick"""

    @property
    def time_s(self) -> float:
        """Its time in the file."""
        return float(self.ticks * self.tick_s)


class Written:
    """What was written into a video, and the last packets of it, which may not be in the file yet.

    pictures  written so far
    """

    def __init__(self) -> None:
        self.pictures = 0
        self.latest: deque[KeptPacket] = deque()

    def add(self, packet: Any, *, is_sound: bool) -> None:
        """A packet of PyAV that is about to be muxed."""
        tick_s = Fraction(packet.time_base)
        kept = KeptPacket(bytes(packet), packet.pts, packet.duration or 0, packet.is_keyframe, is_sound, tick_s)
        self.pictures += not is_sound
        self.latest.append(kept)
        pictures = sum(not each.is_sound for each in self.latest)
        while self.latest[0].time_s < kept.time_s - KEPT_S and (self.latest[0].is_sound or pictures > FEWEST_KEPT):
            pictures -= not self.latest.popleft().is_sound

    def first(self, *, is_sound: bool) -> float:
        """Time of the first of those packets; infinity where there is none."""
        return min((each.time_s for each in self.latest if each.is_sound == is_sound), default=float("inf"))


def put_aside(part: Path, folder: Path, written: Written) -> Path:
    """Move what the killed run wrote out of the way, unless that is done; returns where it is. Raises OSError, LostError."""
    aside = folder / NAME.format(written.pictures)
    for path in folder.iterdir():
        if re.fullmatch(NAME.format("[0-9]+"), path.name) and path != aside:
            path.unlink()  # of a run before the last checkpoint
    if not aside.exists():
        if not part.exists():
            raise LostError(part, GONE)
        os.rename(part, aside)
    return aside


def packets(aside: Path, written: Written) -> Iterator[tuple[Any, bool]]:
    """(packet of PyAV, whether it is sound) of all that was written, in order. Raises LostError if some of it is missing."""
    until = {sound: written.first(is_sound=sound) for sound in (False, True)}
    found = sum(not each.is_sound for each in written.latest)
    with (
        suppress(av.FFmpegError, IndexError),
        av.open(str(aside.absolute())) as container,
    ):  # what is missing is counted below
        as_encoded = BitStreamFilterContext(AS_ENCODED, container.streams.video[0])
        for packet in container.demux():
            if not packet.size or packet.pts is None or packet.time_base is None:
                continue
            is_sound = packet.stream.type == "audio"
            if float(packet.pts * packet.time_base) < until[is_sound] - ROUNDED_S:
                found += not is_sound
                yield from ((each, is_sound) for each in ([packet] if is_sound else as_encoded.filter(packet)))
    if found != written.pictures:
        raise LostError(aside, f"holds {found} of {written.pictures} pictures")
    for kept in written.latest:
        made = av.Packet(kept.data)
        made.pts = made.dts = kept.ticks
        made.duration, made.time_base, made.is_keyframe = kept.lasts, kept.tick_s, kept.is_key
        yield made, kept.is_sound
