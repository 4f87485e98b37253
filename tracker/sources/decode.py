"""Pictures out of a container, through PyAV: opening, what is said of it, and decoding past damage."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from threading import Lock
from typing import Any

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from tracker.errors import SourceError
from tracker.resize import averaged_to
from tracker.sound import Sound
from tracker.sources.address import is_url, scheme, shown
from tracker.sources.clock import DOUBTED_FPS, MOST_HEADER_FPS
from tracker.sources.connect import in_steps
from tracker.sources.deep import deep_values
from tracker.sources.ending import is_cut, lost_bytes
from tracker.sources.packets import Packets, demux, list_packets, shows_picture
from tracker.sources.sound import SoundTap, choose_sound
from tracker.sources.streams import choose_stream, clock_seconds
from tracker.types import Image
from tracker.yuv import Plane

WAITS = 1.5
"""times the limit of one wait that opening a stream may take"""
NO_TIMESTAMPS = 0x80
"""FFmpeg's flag of a container without times (AVFMT_NOTIMESTAMPS)."""
PROGRESSIVE = (0, 1)
"""FFmpeg's field orders "unknown" and "progressive"."""
IN_FIELDS = ("h264", "hevc", "mpeg2video", "vc1")
"""codecs of which two packets may be one picture"""
LENGTH_IN_HEADER = ("mov", "matroska", "flv", "asf", "ivf", "nut")
"""Containers, by the first of FFmpeg's names, whose header says how long they are."""
STREAMS = ("mpegts", "mpeg")
"""Containers that are written down from anywhere in a stream."""
PROMPT = {"analyzeduration": "500000", "fpsprobesize": "3"}
"""FFmpeg's options for a stream that is watched: half a second (in microseconds) of it is looked at before its first picture, and 3
pictures for its rate. A transport stream takes 0.9 s to open without them, one whose sound is announced and silent 7 s; with them
0.3 s, and 0.8 s. `nobuffer` throws away what was looked at,
the only key picture of the next seconds included; `low_delay` changed nothing that was measured."""
ARRIVALS = 256
"""packets whose arrival is remembered: more than a decoder holds back"""
SKIPPING = (
    "mpeg4",
    "msmpeg4v1",
    "msmpeg4v2",
    "msmpeg4",
    "h263",
    "flv",
    "wmv1",
    "wmv2",
    "wmv3",
    "vc1",
    "theora",
    "vp6f",
)
"""Codecs, by FFmpeg's names, with packets that repeat the last picture and give none."""
FIELDS_PROBED = 48
"""Packets that tell whether each of them is a picture or half of one."""


class Decoder:
    """One pass over the video of one container. Counts what it could not read instead of stopping there.

    sound  also keep the packets of a sound beside the video, for `take_sound`

    Raises SourceError if `address` cannot be opened or has no video; never shows a URL's password.
    """

    pixels: int
    """of one picture, by the header"""
    rates: list[float]
    """pictures a second by the header, the most trusted first; none if it says nothing sensible"""
    fps: float | None
    """the first of them that is usual for a video"""
    length_s: float | None
    """seconds of video by the header, or FFmpeg's estimate of it; None if neither is known"""
    promised_s: float | None
    """container time, or seconds, up to which there is something by the header; None if it does not say"""
    frames: int | None
    """how many pictures the header promises; None if it does not say"""
    timeless: bool
    """this kind of container has no times; FFmpeg makes them up"""
    showing: bool
    """this kind of container says when pictures are shown"""
    one_each: bool
    """every packet of this codec gives a picture"""
    anywhere: bool
    """this kind of container can begin amidst a clip"""
    reorders: bool
    """pictures may be shown in another order than they are decoded in"""
    interlaced: bool
    """pictures are made of two fields, which may have packets of their own"""
    decoded: int
    """pictures that came out"""
    lost: int
    """packets that could not be decoded"""
    corrupt: int
    """pictures that came out and are known to be damaged"""
    end_broken: bool
    """the last packet was incomplete, or its picture is damaged or did not come"""
    pixel_aspect: Fraction | None
    """width of a stored pixel over its height; None if it is not said"""
    stopped: str | None
    """why reading ended before the end of the file, in FFmpeg's words"""
    notes: tuple[str, ...]
    """which video is read, if there are several"""
    stretch: Callable[[NDArray[Any]], Any] | None = None
    """makes 16-bit values to be shown; None: FFmpeg does"""

    def __init__(self, address: str, *, timeout_s: float, prompt: bool = False, sound: bool = False) -> None:
        self._address = address
        self._wants_sound = sound
        self._prompt = prompt
        self._shown = shown(address)
        self._remote = is_url(address)
        self._timeout_s = timeout_s
        self._start()
        # they keep their tables: 40 % cheaper than `VideoFrame.to_ndarray`
        self._reformatter = VideoReformatter()
        self._shrinkers = {averaged: VideoReformatter() for averaged in (True, False)}
        self._converting = Lock()  # the threads of several lanes ask

    def _start(self) -> None:
        self.decoded = self.lost = self.corrupt = 0
        self.end_broken = False
        self._last, self._last_torn = -1, False
        self.stopped = None
        self._arrivals: dict[int, float] = {}
        self._container = self._open(self._address)
        try:
            self._stream = stream = self._choose_stream()
        except SourceError:
            self._container.close()
            raise
        found = choose_sound(self._container)
        self.has_sound = found is not None
        heard = found if self._wants_sound else None
        self._heard, self._tap = heard, None if heard is None else SoundTap(heard)
        context = stream.codec_context
        self.pixels = context.width * context.height
        self.rates = _rates(stream)
        self.fps = next((rate for rate in self.rates if rate < DOUBTED_FPS), None)
        self.length_s = _length_s(self._container, stream)
        kind = self._container.format
        self.frames, self.promised_s = self._promised(kind.name.split(",")[0])
        self.timeless = bool(kind.flags & NO_TIMESTAMPS) or kind.name.endswith("_pipe")
        self.showing = not self.timeless and kind.name != "avi"
        self.one_each = context.name not in SKIPPING
        self.anywhere = self.timeless or kind.name in STREAMS
        self.reorders = context.has_b_frames
        # PyAV before 18, of which 17 is the last for Python 3.10, does not tell: then a few pictures are looked at
        untold = None if context.name in IN_FIELDS else PROGRESSIVE[0]
        self.interlaced = getattr(context, "field_order", untold) not in PROGRESSIVE
        context.copy_opaque = True  # a picture carries the number of its packet
        # Whole frames side by side are fastest, but hold frames back: not for a stream that someone watches. Which pictures are damaged
        # is then told differently from run to run: not where that alone tells that a file was cut.
        watched = self._remote and self.length_s is None
        stream.thread_type = "SLICE" if watched or self.timeless else "AUTO"
        self.pixel_aspect = stream.sample_aspect_ratio

    def _open(self, address: str) -> Any:
        # The prefix keeps FFmpeg from reading protocols into file names such as `12:30.mp4`.
        where = address if self._remote else f"file:{address}"
        options = dict(PROMPT) if self._prompt else {}
        if scheme(address) in ("rtsp", "rtsps"):
            options["rtsp_flags"] = "prefer_tcp"  # and UDP where the camera has nothing else
        began_s = time.monotonic()
        try:
            if not self._remote:
                return av.open(where, options=options, metadata_errors="ignore")
            # FFmpeg's own limit holds for each of its waits, and not for the look-up of a name
            return in_steps(
                lambda: av.open(where, options=options, timeout=self._timeout_s, metadata_errors="ignore"),
                limit_s=WAITS * self._timeout_s,
            )
        except (av.error.ExitError, TimeoutError):
            raise SourceError(self._silent()) from None
        except (av.error.FFmpegError, OSError, ValueError) as error:
            if self._remote and time.monotonic() - began_s >= self._timeout_s:  # some protocols call it an input error
                raise SourceError(self._silent()) from None
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

    def _promised(self, kind: str) -> tuple[int | None, float | None]:
        """(pictures, seconds) by the header. Of other containers FFmpeg estimates both from what there is of the file."""
        stream, container = self._stream, self._container
        if kind == "avi":
            return stream.frames or None, stream.frames / self.fps if stream.frames and self.fps else None
        if kind not in LENGTH_IN_HEADER or not container.duration:
            return None, None
        return stream.frames or None, container.duration / av.time_base

    def _silent(self) -> str:
        return f"{self._shown}: no picture for {self._timeout_s:g} s; check the address or raise the timeout"

    @property
    def _patchy(self) -> bool:
        """Incomplete pieces are usual here and worth decoding; elsewhere, decoding one loses those before it too."""
        return self._remote or self._container.format.name == "mpegts"

    @property
    def container(self) -> str:
        """FFmpeg's name of the kind of file."""
        return str(self._container.format.name)

    def packets(self) -> Packets:
        """What the container says of every picture, by reading the whole file without decoding; uses the pass up."""
        return list_packets(self._container, self._stream)

    def is_cut(self, last_packet: tuple[int, int] | None) -> bool | None:
        """Whether the file ends before its own structure does; None where that does not tell."""
        return is_cut(Path(self._address), self.container, last_packet=last_packet)

    def lost_bytes(self, holes: Sequence[tuple[int, int]]) -> int:
        """How many bytes between packets, in `holes`, are no part of the file's structure: packets once; 0 where it does not tell."""
        return lost_bytes(Path(self._address), self.container, holes)

    def holds_fields(self) -> bool:
        """Whether two packets make one picture, as in interlaced H.264; decodes a few, uses the pass up."""
        packets = [
            packet for packet in itertools.islice(demux(self._container, self._stream), FIELDS_PROBED) if packet.size
        ]
        pictures = 0
        with contextlib.suppress(av.error.FFmpegError):
            pictures = sum(len(packet.decode()) for packet in packets) + len(self._stream.codec_context.decode(None))
        return 0 < pictures < 0.75 * len(packets)

    def seek(self, time_s: float) -> bool:
        """Move to the last key picture at or before this container time; false if this container cannot."""
        try:
            self._container.seek(int(time_s / self._stream.time_base), stream=self._stream)
        except (av.error.FFmpegError, OSError):
            return False
        return True

    def skip_unreferenced(self) -> None:
        """Decode no picture that no other needs: of usual files one or two of three, up to half of the time."""
        self._stream.codec_context.skip_frame = "NONREF"

    def pictures(self, begin: int = 0) -> Iterator[VideoFrame]:
        """Every picture that can be decoded, from the packet `begin` of those that `packets` lists; a key, or 0.

        Raises SourceError if a stream falls silent or breaks.
        """
        try:
            begun = begin == 0
            for number, packet in self._numbered():
                if self._remote and number is not None:
                    self._note_arrival(number)
                begun = begun or (number is not None and number >= begin)
                if begun:
                    yield from self._decode(number, packet)
        except av.error.EOFError:
            return
        except (av.error.ExitError, TimeoutError):
            raise SourceError(self._silent()) from None
        except (av.error.FFmpegError, OSError) as error:
            if self._remote:
                raise SourceError(f"{self._shown}: broke off ({error.strerror}); check the connection") from None
            self.stopped = error.strerror

    def _note_arrival(self, number: int) -> None:
        self._arrivals[number] = time.monotonic()
        self._arrivals.pop(number - ARRIVALS, None)

    def arrived_s(self, picture: VideoFrame) -> float:
        """By time.monotonic, when the packet of a stream's latest picture came; where the codec does not tell, now."""
        packet = packet_of(picture)
        now = time.monotonic()
        return now if packet is None else self._arrivals.get(packet, now)

    def take_sound(self, picture: VideoFrame) -> Sound | None:
        """What came of the sound since it was asked for last, by the time of this picture; None where there is none."""
        return None if self._tap is None else self._tap.take(picture.time)

    def key_pictures(self, wanted: Sequence[int]) -> Iterator[VideoFrame]:
        """The pictures of these packets alone, which are keys, in rising order; those that cannot be decoded are left out."""
        context = self._stream.codec_context
        chosen = set(wanted)
        for number, packet in self._numbered():
            if number not in chosen:
                continue
            with contextlib.suppress(av.error.FFmpegError):
                pictures = [*packet.decode(), *context.decode(None)]
                yield from pictures[:1]
            context.flush_buffers()
            if number == wanted[-1]:
                return

    def _numbered(self) -> Iterator[tuple[int | None, Any]]:
        """Packets with their place among those that show a picture; None for one that shows none, and for the end."""
        codec = self._stream.codec_context.name
        numbers = itertools.count()
        streams = [self._stream] if self._heard is None else [self._stream, self._heard]
        for packet in demux(self._container, *streams):
            if self._tap is not None and packet.stream_index == self._tap.index:
                self._tap.keep(packet)
                continue
            number = next(numbers) if shows_picture(packet, codec) else None
            # PyAV knows what a packet carries by its address, and small ints have one in all decoders of a process
            packet.opaque = None if number is None else _Number(number)
            yield number, packet

    def _decode(self, number: int | None, packet: Any) -> Iterator[VideoFrame]:
        if number is not None:
            self._last, self._last_torn = number, packet.is_corrupt
            self.end_broken = True  # until its picture has come
        if packet.is_corrupt and not self._patchy:
            self.lost += 1
            return
        try:
            pictures = packet.decode()
        except av.error.EOFError:
            raise
        except av.error.FFmpegError:
            self.lost += 1
            return
        for picture in pictures:
            self.decoded += 1
            self.corrupt += picture.is_corrupt
            if packet_of(picture) in (None, self._last):
                self.end_broken = picture.is_corrupt or self._last_torn
            yield picture

    def image(self, picture: VideoFrame, size: tuple[int, int] | None = None, *, averaged: bool = True) -> Image:
        """RGB, not yet turned upright, at a smaller `size` (width, height) if one is given.

        averaged  each pixel is the mean of what it stands for; else one of those
        """
        with self._converting:
            if self.stretch is not None:
                image = self.stretch(deep_values(picture, self._reformatter))
                if size is None:
                    return image
                if averaged:
                    return averaged_to(image, size)
                return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_NEAREST), np.uint8)
            if size is None or size == (picture.width, picture.height):
                return np.ascontiguousarray(self._reformatter.reformat(picture, format="rgb24").to_ndarray())
            # From the stored planes to few pixels in one pass: a sixth of the time of all pixels first. To planes of RGB, since in
            # interleaved RGB FFmpeg's scaler gives two neighbouring pixels one colour, and rounds down.
            small = self._shrinkers[averaged].reformat(
                picture, width=size[0], height=size[1], format="gbrp", interpolation="AREA" if averaged else "POINT"
            )
            green, blue, red = map(plane_values, small.planes)
            return np.asarray(cv2.merge([red, green, blue]), np.uint8)

    def close(self) -> None:
        """Let go of the file or connection."""
        self._container.close()


def plane_values(plane: VideoPlane) -> Plane:
    """(H, W) of a plane of 8 bits, whose rows are padded in memory; not copied."""
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)  # type: ignore[call-overload]
    return rows[:, : plane.width]  # type: ignore[no-any-return]


class _Number(int):
    """An object of its own for every packet."""


def packet_of(picture: VideoFrame) -> int | None:
    """The number of the picture's packet among those that `Decoder.packets` lists; None if the codec does not tell."""
    packet = picture.opaque
    return packet if isinstance(packet, int) else None


def _rates(stream: Any) -> list[float]:
    said = (stream.average_rate, stream.guessed_rate, stream.codec_context.framerate)
    return [float(rate) for rate in said if rate and 0 < rate <= MOST_HEADER_FPS]


def _length_s(container: Any, stream: Any) -> float | None:
    """The shorter of what stream and container say: an edit list trims one, longer sound stretches the other."""
    lengths = []
    if stream.duration:
        lengths.append(float(stream.duration * stream.time_base))
    elif stream.metadata.get("DURATION"):  # Matroska: 00:01:02.500000000
        lengths.append(clock_seconds(stream.metadata["DURATION"]))
    if container.duration:
        lengths.append(container.duration / av.time_base)
    return min((length for length in lengths if length > 0), default=None)
