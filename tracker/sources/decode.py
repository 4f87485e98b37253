"""Pictures out of a container, through PyAV: opening, what is said of it, and decoding past damage."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from tracker.errors import SourceError
from tracker.sources.address import is_url, scheme, shown
from tracker.sources.span import TICK_S
from tracker.sources.streams import choose_stream
from tracker.types import Image


class Decoder:
    """One pass over the video of one container. Counts what it could not read instead of stopping there.

    Raises SourceError if `address` cannot be opened or has no video; never shows a URL's password.
    """

    pixels: int
    """of one picture, by the header"""
    fps: float | None
    """mean pictures a second by the header; None if it says nothing sensible"""
    length_s: float | None
    """seconds of video by the header; None if it says nothing"""
    frames: int | None
    """how many pictures the header promises, or the length lets expect"""
    packets: int
    """pieces of video that the file gave, readable or not"""
    decoded: int
    """pictures that came out"""
    broken: int
    """pieces of which no picture came out, and pictures known to be damaged"""
    torn: bool
    """the last piece is incomplete: the file ended inside it"""
    skipped: bool
    """it went to a later time at once, so that the counts are not of the whole file"""
    end_s: float
    """container time at which the last whole piece ends"""
    stopped: str | None
    """why reading ended before the end of the file, in FFmpeg's words"""
    notes: tuple[str, ...]
    """which video is read, if there are several"""

    def __init__(self, address: str, *, timeout_s: float) -> None:
        self._address = address
        self._shown = shown(address)
        self._remote = is_url(address)
        self._timeout_s = timeout_s
        self._start()
        self._reformatter = VideoReformatter()  # keeps its tables: 40 % cheaper than `VideoFrame.to_ndarray`

    def _start(self) -> None:
        self.packets = self.decoded = self.broken = 0
        self.torn = self.skipped = False
        self.end_s = 0.0
        self.stopped = None
        self._container = self._open(self._address)
        try:
            self._stream = stream = self._choose_stream()
        except SourceError:
            self._container.close()
            raise
        self.pixels = stream.codec_context.width * stream.codec_context.height
        self.fps = _rate(stream)
        self.length_s = _length_s(self._container, stream)
        expected = round(self.length_s * self.fps) if self.length_s and self.fps else None
        self.frames = stream.frames or expected
        # Whole frames side by side are fastest, but hold frames back: not for a stream that someone watches.
        stream.thread_type = "SLICE" if self._remote and self.length_s is None else "AUTO"

    def _open(self, address: str) -> Any:
        # The prefix keeps FFmpeg from reading protocols into file names such as `12:30.mp4`.
        where = address if self._remote else f"file:{address}"
        options = {"rtsp_transport": "tcp"} if scheme(address) in ("rtsp", "rtsps") else {}
        timeout = self._timeout_s if self._remote else None
        try:
            return av.open(where, options=options, timeout=timeout, metadata_errors="ignore")
        except (av.error.ExitError, TimeoutError):
            raise SourceError(self._silent()) from None
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise SourceError(f"{self._shown}: {self._refusal(address, error)}") from None  # it quotes the address

    def _refusal(self, address: str, error: Exception) -> str:
        reason = getattr(error, "strerror", None) or type(error).__name__
        if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
            return "refused; check user and password"
        if self._remote:
            return f"cannot be opened ({reason}); check the address"
        if isinstance(error, PermissionError):
            return "may not be read; check its permissions"
        with Path(address).open("rb") as file:
            head = file.read(12)
        if head[4:8] in (b"ftyp", b"moov", b"mdat"):
            return "nothing in it is readable: it was cut short, or its index (moov) was never written"
        return f"not a video, or of a kind that cannot be read ({reason})"

    def _choose_stream(self) -> Any:
        if self._container.format.name == "tty":  # FFmpeg would play any text file as terminal art
            raise SourceError(f"{self._shown}: is a text file, not a video")
        stream, self.notes = choose_stream(self._container, origin=self._shown)
        return stream

    def _silent(self) -> str:
        return f"{self._shown}: no picture for {self._timeout_s:g} s; check the address or raise the timeout"

    @property
    def _patchy(self) -> bool:
        """Incomplete pieces are usual here and worth decoding; elsewhere, decoding one loses those before it too."""
        return self._remote or self._container.format.name == "mpegts"

    def measure(self, *, fps: float) -> float:
        """Container time at which the last piece ends, by reading the whole file without decoding; uses the pass up."""
        with contextlib.suppress(av.error.FFmpegError, OSError):
            for packet in self._container.demux(self._stream):
                if packet.size:
                    self._count(packet)
        return self.end_s or self.packets / fps

    def seek(self, time_s: float) -> bool:
        """Move to the last key picture at or before this container time; false if this container cannot."""
        try:
            self._container.seek(int(time_s / self._stream.time_base), stream=self._stream)
        except (av.error.FFmpegError, OSError):
            return False
        return True

    def pictures_from(self, time_s: float) -> Iterator[VideoFrame]:
        """The pictures from the last key picture at or before this container time.

        Where the container cannot go there, or went too far (MPEG-TS has no index), all pictures from the first.
        """
        if self.seek(time_s):
            pictures = self.pictures()
            landed = next(pictures, None)
            if landed is not None and landed.time is not None and landed.time <= time_s + TICK_S:
                self.skipped = True
                return itertools.chain([landed], pictures)
        self._container.close()
        self._start()
        return self.pictures()

    def pictures(self) -> Iterator[VideoFrame]:
        """Every picture that can be decoded, from where the container stands.

        Raises SourceError if a stream falls silent or breaks.
        """
        try:
            for packet in self._container.demux(self._stream):
                if packet.size:
                    self._count(packet)
                if packet.is_corrupt and not self._patchy:
                    self.broken += 1
                    continue
                try:
                    pictures = packet.decode()
                except av.error.EOFError:
                    return
                except av.error.FFmpegError:
                    self.broken += 1
                    continue
                for picture in pictures:
                    self.decoded += 1
                    self.broken += picture.is_corrupt
                    yield picture
        except (av.error.ExitError, TimeoutError):
            raise SourceError(self._silent()) from None
        except (av.error.FFmpegError, OSError) as error:
            if self._remote:
                raise SourceError(f"{self._shown}: broke off ({error.strerror}); check the connection") from None
            self.stopped = error.strerror

    def _count(self, packet: Any) -> None:
        self.packets += 1
        self.torn = packet.is_corrupt
        begin = packet.dts if packet.pts is None else packet.pts
        if begin is not None and not self.torn:
            self.end_s = max(self.end_s, float((begin + (packet.duration or 0)) * packet.time_base))

    def image(self, picture: VideoFrame) -> Image:
        """RGB, not yet turned upright."""
        rgb = self._reformatter.reformat(picture, format="rgb24").to_ndarray()
        return np.ascontiguousarray(rgb)

    def close(self) -> None:
        """Let go of the file or connection."""
        self._container.close()


def _rate(stream: Any) -> float | None:
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate and 0 < rate < 1000:
            return float(rate)
    return None


def _length_s(container: Any, stream: Any) -> float | None:
    """The shorter of what stream and container say: an edit list trims one, longer sound stretches the other."""
    lengths = []
    if stream.duration:
        lengths.append(float(stream.duration * stream.time_base))
    elif stream.metadata.get("DURATION"):  # Matroska: 00:01:02.500000000
        lengths.append(_seconds(stream.metadata["DURATION"]))
    if container.duration:
        lengths.append(container.duration / av.time_base)
    return min((length for length in lengths if length > 0), default=None)


def _seconds(clock: str) -> float:
    total = 0.0
    try:
        for part in clock.split(":"):
            total = total * 60 + float(part)
    except ValueError:
        return 0.0
    return total
