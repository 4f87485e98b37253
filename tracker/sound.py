"""The sound of a source, as it travels with the frames: times are told from the frame that carries it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

MOST_S, MOST_BYTES = 10.0, 2_000_000
"""of sound that one frame carries; the oldest goes first. Frames that are left out for longer are a pause"""


@dataclass(frozen=True)
class SoundFormat:
    """What the packets of a sound are: compressed, to be copied into an MP4, or 16-bit samples, channels interleaved."""

    codec: str
    """FFmpeg's name; "pcm_s16le" for samples"""
    rate: int
    """samples a second"""
    channels: int
    extra: bytes = b""
    """the codec's own header"""
    head: bytes = field(default=b"", compare=False, repr=False)
    """an MP4 without packets, of which a muxer copies its track; empty for samples"""


@dataclass(frozen=True)
class SoundPacket:
    """A piece of sound."""

    data: bytes = field(repr=False)
    after_s: float
    """from its frame's time to its beginning; negative where it begins earlier"""
    lasts_s: float


@dataclass(frozen=True)
class Sound:
    """What came of the sound with one frame."""

    format: SoundFormat | None
    """None: not known yet, or never"""
    packets: tuple[SoundPacket, ...] = ()
    problem: str | None = None
    """why there is none, in a few words"""


def carried(sound: Sound | None, left_out: Sound | None, later_s: float) -> Sound | None:
    """The sound of a frame, with that of the frame before it, which is left out; `later_s` is from that one to this."""
    if left_out is None or sound is None or sound.format != left_out.format or not left_out.packets:
        return sound or left_out
    moved = (SoundPacket(each.data, each.after_s - later_s, each.lasts_s) for each in left_out.packets)
    return replace(sound, packets=newest((*moved, *sound.packets)))


def newest(packets: Iterable[SoundPacket]) -> tuple[SoundPacket, ...]:
    """As many of the last packets as a frame may carry."""
    kept: deque[SoundPacket] = deque()
    size = 0
    for packet in reversed(tuple(packets)):
        size += len(packet.data)
        if size > MOST_BYTES or (kept and kept[-1].after_s - packet.after_s > MOST_S):
            break
        kept.appendleft(packet)
    return tuple(kept)
