"""The sound beside a container's video: packets as they are where an MP4 holds their codec, else decoded."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import av
from av.audio.frame import AudioFrame

from tracker.sound import MOST_BYTES, Sound, SoundFormat, SoundPacket
from tracker.sources.packets import demux
from tracker.sources.timeline import RESTART_S

COPIED = ("aac", "mp3", "opus", "flac")
"""codecs, by FFmpeg's names, that an MP4 holds and browsers play; others become AAC (Chromium is silent on ALAC)"""
BEFORE_S = 1.0
"""from where a part is to be heard back to where the file is read from: a seek may land behind"""
RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
"""samples a second that the AAC encoder takes; others become the last"""
MOST_CHANNELS = 2


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


class FileSound:
    """The sound of a file, read beside its pictures: how far the two lie apart in the file does not matter.

    address  path of the file
    base_s   the container's time at which the run's is 0; None where the two do not go on together: then there is only a problem
    """

    def __init__(self, address: str, *, base_s: float | None) -> None:
        self._address = address
        self._base_s = base_s
        self._container: Any = None
        self._packets: Iterator[Any] = iter(())
        self._pending: Any = None
        self._tap: SoundTap | None = None
        self._read_s = -float("inf")
        self._problem = OFF if base_s is None else None
        self._over = False

    def take(self, time_s: float, until_s: float) -> Sound:
        """What begins before `until_s` and was not taken before, for the picture at `time_s`; both in the run's time."""
        if self._base_s is None:
            return Sound(None, (), self._problem)
        if self._container is None:
            self._open(self._base_s + time_s)
        assert self._tap is not None
        while not self._over and self._problem is None and self._next_s() < self._base_s + until_s:
            self._tap.keep(self._pending)
            self._pending = next(self._packets, None)
        taken = self._tap.take(self._base_s + time_s)
        return taken if self._problem is None else replace(taken, problem=self._problem)

    def close(self) -> None:
        """Let go of the file."""
        self._over = True
        if self._container is not None:
            self._container.close()

    def _next_s(self) -> float:
        """The container's time of the packet that is next; none is the end."""
        while self._pending is not None and not self._pending.size:
            self._pending = next(self._packets, None)
        if self._pending is None:
            self._over = True
            return float("inf")
        begin = self._pending.dts if self._pending.pts is None else self._pending.pts
        time_s = self._read_s if begin is None else float(begin * self._pending.time_base)
        if time_s < self._read_s - RESTART_S:
            self._problem = OFF
        self._read_s = max(self._read_s, time_s)
        return time_s

    def _open(self, from_s: float) -> None:
        self._container = container = av.open(f"file:{self._address}", metadata_errors="ignore")
        stream = choose_sound(container)
        passed_over: Any = getattr(av.stream, "Discard", None)  # a newer PyAV's: other packets are not even read
        for other in container.streams if passed_over is not None else ():
            if other.index != stream.index:
                other.discard = passed_over.all
        self._tap = SoundTap(stream)
        if from_s > BEFORE_S:
            with suppress(av.error.FFmpegError, OSError):
                container.seek(int((from_s - BEFORE_S) * av.time_base))
        self._packets = _whole(container, stream)
        self._pending = next(self._packets, None)
        if from_s > BEFORE_S and self._next_s() > from_s:  # it landed behind: read it all
            with suppress(av.error.FFmpegError, OSError):
                container.seek(0)
            self._packets, self._read_s = _whole(container, stream), -float("inf")
            self._pending = next(self._packets, None)


OFF = "the times of its pictures are not the file's, so that it would not be in step"


def _whole(container: Any, stream: Any) -> Iterator[Any]:
    """The stream's packets up to what cannot be read."""
    with suppress(av.error.FFmpegError, OSError):
        yield from demux(container, stream)


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
