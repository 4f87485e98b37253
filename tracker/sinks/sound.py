"""Sound for an MP4: packets with times in the run, copied as they came, or samples encoded as AAC."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import numpy as np

from tracker.sound import Sound, SoundFormat

SLACK_S = 0.04
"""a packet this near to the end of the one before follows it: times of pictures, which those of the sound are told from, are rounded"""
BITS_PER_SAMPLE = 4
"""of AAC: 32 kbit/s for a telephone's sound; no use of more than"""
MOST_BIT_RATE = 96_000
"""a channel"""
MOST_APART_S = 30.0
"""from a frame to sound that it carries: what is further away has times that mean nothing"""


@dataclass(frozen=True)
class SoundSample:
    """A packet for the MP4's sound track."""

    data: bytes = field(repr=False)
    time_s: float
    """seconds from the run's first frame"""
    lasts_s: float

    @property
    def end_s(self) -> float:
        """When it is over."""
        return self.time_s + self.lasts_s


class SoundTrack:
    """What comes of one format of sound, without overlaps: each sample begins where the one before ended, or later.

    head  stream of PyAV, of which the muxer copies the track
    """

    def __init__(self, sound_format: SoundFormat) -> None:
        self.format = sound_format
        self._encoder = None if sound_format.head else AacEncoder(sound_format)
        self._file = av.open(io.BytesIO(self._encoder.header if self._encoder else sound_format.head))
        self.head: Any = self._file.streams.audio[0]
        self._end_s = -float("inf")
        self.end_s = -float("inf")
        """up to where samples were given"""

    def __getstate__(self) -> dict[str, Any]:
        """Of an encoder only what it has not begun with: what is in it is lost, a twentieth of a second."""
        rest = b"" if self._encoder is None else self._encoder.rest
        return {"format": self.format, "ends": (self._end_s, self.end_s), "rest": rest}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["format"])  # type: ignore[misc]
        self._end_s, self.end_s = state["ends"]
        if self._encoder is not None and self.end_s > -float("inf"):
            self._encoder.go_on(self._end_s, state["rest"])

    def take(self, sound: Sound, frame_s: float) -> list[SoundSample]:
        """The samples of a frame's sound; the frame is at `frame_s` in the run."""
        made = []
        for packet in sound.packets:
            time_s = frame_s + packet.after_s
            if abs(packet.after_s) > MOST_APART_S:
                continue
            if abs(time_s - self._end_s) <= SLACK_S:
                time_s = self._end_s
            elif time_s < self._end_s:
                continue
            elif self._encoder is not None:
                self._encoder.begin(time_s)
            self._end_s = time_s + packet.lasts_s
            if self._encoder is None:
                made.append(SoundSample(packet.data, time_s, packet.lasts_s))
            else:
                made += self._encoder.encode(packet.data)
        return self._given(made)

    def finish(self) -> list[SoundSample]:
        """What is still in the encoder; it comes once."""
        return [] if self._encoder is None else self._given(self._encoder.finish())

    def _given(self, made: list[SoundSample]) -> list[SoundSample]:
        if made:
            self.end_s = made[-1].end_s
        return made


class AacEncoder:
    """16-bit samples to AAC. `begin` tells when the next samples are; without it they follow those before."""

    def __init__(self, sound_format: SoundFormat) -> None:
        self._rate = rate = sound_format.rate
        self._layout = "mono" if sound_format.channels == 1 else "stereo"
        self._channels = sound_format.channels
        file = io.BytesIO()
        # an MP4 of headers alone: its stream brings the encoder
        with av.open(file, "w", format="mp4", options={"movflags": "empty_moov"}) as head:
            stream: Any = head.add_stream("aac", rate=rate)
            stream.layout = self._layout
            stream.bit_rate = min(MOST_BIT_RATE, BITS_PER_SAMPLE * rate) * sound_format.channels
            head.start_encoding()
        self.header = file.getvalue()
        self._codec = stream.codec_context
        self._step = self._codec.frame_size
        self._size = 2 * self._channels * self._step
        """bytes of the samples of one packet"""
        self._rest = b""
        self._begin_s, self._given = 0.0, 0

    def begin(self, time_s: float) -> None:
        """The next samples are at this time; what did not fill a packet is left out."""
        # the encoder counts on: packets that are still in it have the times before
        self._rest = b""
        self._begin_s = time_s - self._given / self._rate

    @property
    def rest(self) -> bytes:
        """Samples that do not fill a packet yet."""
        return self._rest

    def go_on(self, time_s: float, rest: bytes) -> None:
        """A new encoder's next samples are at this time, behind those of an earlier one that filled no packet."""
        self.begin(time_s - len(rest) / (2 * self._channels * self._rate))
        self._rest = rest

    def encode(self, data: bytes) -> list[SoundSample]:
        """The packets that are whole with these samples."""
        self._rest += data
        made: list[SoundSample] = []
        while len(self._rest) >= self._size:
            values = (
                np.frombuffer(self._rest[: self._size], "<i2").reshape(-1, self._channels).T.astype(np.float32) / 32768
            )
            self._rest = self._rest[self._size :]
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(values), format="fltp", layout=self._layout)
            frame.sample_rate, frame.time_base, frame.pts = self._rate, Fraction(1, self._rate), self._given
            self._given += self._step
            made += map(self._sample, self._codec.encode(frame))
        return made

    def finish(self) -> list[SoundSample]:
        """The last packets; the samples end with silence."""
        last = self.encode(bytes(-len(self._rest) % self._size))
        return [*last, *map(self._sample, self._codec.encode(None))]

    def _sample(self, packet: Any) -> SoundSample:
        return SoundSample(bytes(packet), self._begin_s + packet.pts / self._rate, self._step / self._rate)


class SoundWriter:
    """The sound track of one MP4, in the format that the sound has when the file begins.

    head     stream of PyAV for the track; None where nothing is known of the sound then
    problem  why there is no sound, or none any more, in a few words
    """

    def __init__(self, first: Sound) -> None:
        self.problem = first.problem
        self._track: SoundTrack | None = None
        self._container: Any = None
        self.stream: Any = None
        self._keep: Callable[[Any], None] = _unkept
        self._tick = 0
        if first.format is not None and first.problem is None:
            try:
                self._track = SoundTrack(first.format)
            except (av.FFmpegError, ValueError) as error:
                self.problem = f"it cannot be written ({error})"

    @property
    def head(self) -> Any:
        return None if self._track is None else self._track.head

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_container": None, "stream": None, "_keep": None}

    def open(self, container: Any, keep: Callable[[Any], None]) -> None:
        """Add the track to a file, before its first packet; `keep` is told of each that is written."""
        self._container, self._keep = container, keep
        if self._track is not None:
            self.stream = container.add_stream_from_template(self._track.head)

    def write(self, sound: Sound, frame_s: float, begin_s: float) -> None:
        """Write what came with the frame at `frame_s`; the file begins at `begin_s`. Raises FFmpegError, OSError."""
        self.problem = self.problem or sound.problem
        if self.problem is not None or sound.format is None:
            return
        if self._track is None:
            self.problem = "it began later than the pictures; record into a folder"
        elif sound.format != self._track.format:
            self.problem = "it became another one; record into a folder"
        else:
            self._mux(self._track.take(sound, frame_s), begin_s)

    def finish(self, begin_s: float) -> None:
        """Write what is left. Raises as `write`."""
        if self._track is not None:
            self._mux(self._track.finish(), begin_s)

    def _mux(self, samples: list[SoundSample], begin_s: float) -> None:
        for sample in samples:
            if sample.time_s >= begin_s:
                self._tick = mux_sound(
                    self._container, self.stream, sample, begin_s=begin_s, least_tick=self._tick, keep=self._keep
                )


def mp4_options(*, sound: bool) -> dict[str, str]:
    """FFmpeg's options for an MP4 that can be played as far as it is written, with one index at its end.

    Each picture is a fragment. Beside sound a fragment is a tenth of a second, since each has a head of 100 bytes; and pictures do
    not wait for sound that does not come.
    """
    flags = {"movflags": "frag_every_frame+default_base_moof+hybrid_fragmented", "flush_packets": "1"}
    return flags | ({"min_frag_duration": "100000", "max_interleave_delta": "1"} if sound else {})  # microseconds


def _unkept(packet: Any) -> None:
    """Nobody wants to know of packets that are written."""


def mux_sound(
    container: Any, stream: Any, sound: SoundSample, *, begin_s: float, least_tick: int,
    keep: Callable[[Any], None] = _unkept,
) -> int:  # fmt: skip
    """Write a sample into an MP4 that begins at `begin_s` of the run; returns the tick at which it ends.

    least_tick  where the one before ended. One that the MP4 does not take is left out: it is damaged.
    keep        told of the packet before
    """
    rate = stream.codec_context.sample_rate
    packet = av.Packet(sound.data)
    packet.pts = packet.dts = max(least_tick, round((sound.time_s - begin_s) * rate))
    packet.duration = max(1, round((sound.end_s - begin_s) * rate) - packet.pts)
    packet.time_base, packet.is_keyframe, packet.stream = Fraction(1, rate), True, stream
    end = int(packet.pts + packet.duration)
    keep(packet)
    with suppress(ValueError):  # invalid data or argument, in FFmpeg's words
        container.mux(packet)
    return end
