"""The sound beside a container's video: packets as they are where an MP4 holds their codec, else decoded."""

from __future__ import annotations

import io
from collections import deque
from typing import Any

import av
from av.audio.frame import AudioFrame

from tracker.sound import MOST_BYTES, Sound, SoundFormat, SoundPacket

COPIED = ("aac", "mp3", "opus")
"""codecs, by FFmpeg's names, that players expect in an MP4"""
RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
"""samples a second that the AAC encoder takes; others become the last"""
MOST_CHANNELS = 2
ADTS = 0xFFF0
"""the first 12 bits of an AAC packet with a header of its own"""


class SoundTap:
    """Takes the packets of one audio stream as they are read, and gives them with the next picture.

    A stream whose rate is not known when it is opened, such as one that is announced and silent, is decoded once it comes.
    """

    def __init__(self, stream: Any) -> None:
        self.index: int = stream.index
        self._stream = stream
        self._tick_s = float(stream.time_base)
        self._packets: deque[tuple[bytes, float, float]] = deque()  # data, container time, length
        self._size = 0
        self._end_s = 0.0
        self._problem: str | None = None
        self._format = copied_format(stream)
        self._resampler: Any = None
        self._decoded: tuple[str, str, int] | None = None
        """format, layout and rate of the frames that the resampler takes"""
        if self._format is None and stream.codec_context is None:
            self._problem = "its codec is not known"
        elif self._format is None and stream.codec_context.sample_rate:
            self._decode_to(stream.codec_context.sample_rate, stream.codec_context.layout.nb_channels)

    def keep(self, packet: Any) -> None:
        """Take a packet of the stream."""
        if not packet.size or self._problem is not None:
            return
        begin = packet.dts if packet.pts is None else packet.pts
        time_s = self._end_s if begin is None else begin * self._tick_s
        if self._format is not None and self._format.head:
            self._add(bytes(packet), time_s, (packet.duration or 0) * self._tick_s)
        else:
            self._decode(packet, time_s)

    def take(self, picture_s: float | None) -> Sound:
        """What came since the last picture, for the one at that container time."""
        came, self._packets, self._size = self._packets, deque(), 0
        if picture_s is None:
            return Sound(self._format, (), self._problem or "the pictures have no times")
        return Sound(
            self._format,
            tuple(SoundPacket(data, time_s - picture_s, lasts_s) for data, time_s, lasts_s in came),
            self._problem,
        )

    def _add(self, data: bytes, time_s: float, lasts_s: float) -> None:
        self._packets.append((data, time_s, lasts_s))
        self._end_s = time_s + lasts_s
        self._size += len(data)
        while self._size > MOST_BYTES:
            self._size -= len(self._packets.popleft()[0])

    def _decode(self, packet: Any, time_s: float) -> None:
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            return  # damage; what follows may be whole
        for frame in frames:
            for made in self._resampled(frame):
                self._add_samples(made, time_s)
                time_s = self._end_s

    def _resampled(self, frame: AudioFrame) -> list[AudioFrame]:
        """The frame's samples in the format that the first one had, whatever a later one has."""
        if self._format is None:
            self._decode_to(frame.sample_rate, frame.layout.nb_channels)
        frame.pts = None
        kind = frame.format.name, frame.layout.name, frame.sample_rate
        if kind != self._decoded:
            assert self._format is not None
            self._decoded = kind
            layout = "mono" if self._format.channels == 1 else "stereo"
            self._resampler = av.AudioResampler(format="s16", layout=layout, rate=self._format.rate)
        return list(self._resampler.resample(frame))

    def _add_samples(self, frame: AudioFrame, time_s: float) -> None:
        assert self._format is not None
        samples = frame.samples
        data = bytes(frame.planes[0])[: 2 * samples * self._format.channels]
        self._add(data, time_s, samples / self._format.rate)

    def _decode_to(self, rate: int, channels: int) -> None:
        rate = rate if rate in RATES else RATES[-1]
        channels = min(max(1, channels), MOST_CHANNELS)
        self._format = SoundFormat("pcm_s16le", rate, channels)


def choose_sound(container: Any) -> Any:
    """The first audio stream that can be read, else the first; None without any."""
    streams = container.streams.audio
    readable = [stream for stream in streams if stream.codec_context is not None]
    return next(iter([*readable, *streams]), None)


def copied_format(stream: Any) -> SoundFormat | None:
    """The format of packets that go into an MP4 as they are; None where they cannot."""
    context = stream.codec_context
    if context is None or not context.sample_rate or not context.layout.nb_channels:
        return None
    codec = context.codec.canonical_name
    extra = context.extradata
    if codec == "aac" and not extra:
        extra = audio_specific_config(context.profile, context.sample_rate, context.layout.nb_channels)
    if codec not in COPIED or (extra is None and codec != "mp3"):
        return None
    file = io.BytesIO()
    try:
        with av.open(file, "w", format="mp4", options={"movflags": "empty_moov"}) as head:
            track = head.add_stream_from_template(stream)
            if extra is not None:
                track.codec_context.extradata = extra
            head.start_encoding()
    except (av.error.FFmpegError, ValueError):
        return None
    return SoundFormat(codec, context.sample_rate, context.layout.nb_channels, extra or b"", file.getvalue())


def audio_specific_config(profile: str | None, rate: int, channels: int) -> bytes | None:
    """The header that an MP4 wants of AAC whose packets have headers of their own (ISO/IEC 14496-3, 1.6.2.1).

    None for what is not plain AAC-LC, whose header cannot be told from rate and channels.

    >>> audio_specific_config("LC", 48000, 1).hex()
    '1188'
    """
    rates = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
    if profile != "LC" or rate not in rates or not 1 <= channels <= 7:
        return None
    return (2 << 11 | rates.index(rate) << 7 | channels << 3).to_bytes(2, "big")
