"""A video file or network stream as a Source."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from tracker.errors import SizeChangedError, SourceError
from tracker.picture import Picture
from tracker.sound import Sound
from tracker.sources.address import is_url, scheme, shown
from tracker.sources.clock import FALLBACK_FPS
from tracker.sources.connect import in_steps
from tracker.sources.decode import Decoder, packet_of
from tracker.sources.deep import is_deep
from tracker.sources.depth import PROBED, ContrastStretch, find_stretch
from tracker.sources.gif import gif_note
from tracker.sources.packets import Packets
from tracker.sources.sound import FileSound
from tracker.sources.span import Span
from tracker.sources.spread import spread, spread_in_time
from tracker.sources.stored import DecodedPicture
from tracker.sources.timeline import PictureTimeline, build_timeline
from tracker.sources.times import arriving, numbered, timed
from tracker.sources.upright import shown_aspect, upright
from tracker.timing import clock
from tracker.types import Frame, Image, SourceInfo, Working

MARGIN_FRAMES = 3
"""A header may promise so many more pictures than there are: it rounds."""


class Video:
    """What FFmpeg reads, from a file or a URL; over the network without a known length it is live.

    The packets of a file are listed first, without decoding: they give every picture its number and its time. Of a
    stream, pictures are counted and timed as they come.

    Raises SourceError if nothing can be read from it; while iterating, if the size changes or the network fails.
    Damage inside a file is passed over and told in `problem`.

    prompt  of a stream: look at little of it before the first picture
    sound   frames carry the sound that is beside the video
    """

    def __init__(
        self, address: str, *, span: Span, timeout_s: float, prompt: bool = False, sound: bool = False
    ) -> None:
        self._address = address
        self._sound = sound
        self._shown = shown(address)
        self._span = span
        self._timeout_s = timeout_s
        self._prompt = prompt
        self._begun = self._closed = False
        self._ended = False  # the iteration came to the end of the file
        self._sought = False  # it began at a later packet, so that the decoder's counts are not of the whole file
        self._short: bool | None = None
        self._lost_bytes = 0
        self._missing = 0  # numbers that no picture had
        self._readable_s = 0.0  # up to where pictures came
        self._stretch: ContrastStretch | None = None
        self._decoder = self._open(sound=sound)
        self._file_sound: FileSound | None = None
        try:
            self._begin()
        except BaseException:
            self._decoder.close()
            raise

    def _open(self, *, sound: bool = False) -> Decoder:
        taps = sound and is_url(self._address)  # of a file it is read by itself
        decoder = Decoder(self._address, timeout_s=self._timeout_s, prompt=self._prompt, sound=taps)
        decoder.stretch = self._stretch
        return decoder

    def _begin(self) -> None:
        """Decode the first picture: it tells the size, the rotation and when the clip begins."""
        decoder = self._decoder
        self._rest = decoder.pictures()
        first = self._first_picture()
        if first is None:
            raise SourceError(f"{self._shown}: not one picture in it is readable")
        self._first = first
        self._origin_s = first.time or 0.0
        self._upright = upright(first)
        self._coded_size = (first.width, first.height)
        width, height = self._upright.size(self._coded_size)
        remote = is_url(self._address)
        live = remote and (decoder.length_s is None or scheme(self._address) not in ("http", "https"))
        self._timeline = None if remote else self._list_packets()
        timeline, start_s = self._timeline, self._span.start_s
        length_s = decoder.length_s if timeline is None else timeline.end_s
        if not live and length_s and start_s >= length_s:
            raise self._span.beyond(self._shown, length_s)
        fps = decoder.fps if timeline is None else timeline.fps
        notes = [] if timeline is None or timeline.note is None else [timeline.note]
        if timeline is not None and decoder.container == "gif":
            note = gif_note(Path(self._address), self._shown, len(timeline.times_s))
            notes += [] if note is None else [note]
        if live and decoder.timeless:
            fps = None  # FFmpeg makes up 25
            notes.append("it sends no times; a picture's time is that of its arrival")
        if timeline is None:
            frames = decoder.frames or (round(length_s * fps) if length_s and fps else None)
            expected = self._span.count(frames=None if live else frames, fps=fps)
        else:
            expected = len(self._span.places(timeline.times_s))
        if self._sound and not remote and decoder.has_sound:
            base_s = self._origin_s if timeline is None else timeline.base_s
            self._file_sound = FileSound(self._address, base_s=base_s)
        if timeline is not None and is_deep(first):
            decoder.stretch = self._stretch = self._find_stretch(timeline)
            notes += [self._stretch.note] if self._stretch is not None and self._stretch.note is not None else []
        self.info = SourceInfo(
            name=self._shown if remote else Path(self._address).name,
            size=(width, height),
            fps=fps,
            frame_count=expected,
            live=live,
            notes=(*decoder.notes, *notes),
            pixel_aspect=shown_aspect(decoder.pixel_aspect, first),
        )

    def _first_picture(self) -> VideoFrame | None:
        """Of a stream it is waited for in steps, so that Ctrl+C is heard; its own limit ends the waiting before this one."""
        if not is_url(self._address):
            return next(self._rest, None)
        try:
            return in_steps(lambda: next(self._rest, None), limit_s=2 * self._timeout_s)
        except TimeoutError:
            raise SourceError(f"{self._shown}: no picture for {2 * self._timeout_s:g} s; check the address") from None

    def _find_stretch(self, timeline: PictureTimeline) -> ContrastStretch | None:
        """For values of more than 8 bits, by pictures spread over the whole clip; None where all bits are used."""

        def open_raw() -> Decoder:
            decoder = self._open()
            decoder.stretch = lambda values: values
            return decoder

        try:
            numbers = range(len(timeline.times_s))
            looks = spread(open_raw, timeline, numbers=numbers, count=PROBED, convert=Decoder.image)
        except SourceError:
            return None
        stretch = find_stretch(looks) if looks else None
        return None if stretch is None or stretch.note is None else stretch

    def _list_packets(self) -> PictureTimeline | None:
        """Numbers and times of the file's pictures; None if packets are no pictures."""
        decoder = self._decoder
        with closing(self._open()) as listing:
            packets = listing.packets()
            self._short = self._is_short(listing, packets)
            self._lost_bytes = 0 if self._short else listing.lost_bytes(packets.holes)
        if decoder.interlaced:
            with closing(self._open()) as probing:
                if probing.holds_fields():
                    self._short = bool(self._short)  # the last packet may have no picture of its own
                    return None
        return build_timeline(
            packets,
            decoder.rates,
            reorders=decoder.reorders,
            timeless=decoder.timeless,
            showing=decoder.showing,
            one_each=decoder.one_each,
            anywhere=decoder.anywhere,
            first_packet=packet_of(self._first) or 0,
        )

    def _is_short(self, listing: Decoder, packets: Packets) -> bool | None:
        """Whether the file was cut; None if only its last picture can tell."""
        if packets.stopped:
            return True
        cut = listing.is_cut(packets.last)
        if cut is not None:
            return cut
        if packets.torn:
            return True
        # a header counts from 0 or from the first picture; a longer sound reaches its end
        reached_s = max(packets.end_s, packets.end_s - self._origin_s)
        margin_s = MARGIN_FRAMES / (listing.fps or FALLBACK_FPS)
        return True if listing.promised_s and reached_s < listing.promised_s - margin_s else None

    @property
    def times_s(self) -> NDArray[np.float64] | None:
        """(T,) of the frames that will come, rising, where the packets of the file tell."""
        if self._timeline is None:
            return None
        wanted = self._span.places(self._timeline.times_s)
        return self._timeline.times_s[wanted.start : wanted.stop]

    @property
    def problem(self) -> str | None:
        """What was not readable, so far; that the clip was cut short, or a stream ended, is known at its end."""
        decoder = self._decoder
        if self.info.live:
            return f"{self._shown}: the stream ended by itself, after {decoder.decoded} frames" if self._ended else None
        cut_short = self._ended and (
            decoder.end_broken or bool(decoder.stopped) if self._short is None else self._short
        )
        parts = []
        if cut_short:
            length_s = self._promised_s()
            if self._sought:
                whole = f" of about {length_s:.1f}" if length_s else ""
                parts.append(f"cut short, readable to {self._readable_s:.1f}{whole} s")
            else:
                frames = decoder.frames or (round(length_s * (decoder.fps or FALLBACK_FPS)) if length_s else None)
                parts.append(f"cut short, {decoder.decoded}{f' of about {frames}' if frames else ''} frames readable")
        lost = max(self._missing, decoder.lost - (decoder.end_broken and cut_short))
        damaged = lost + decoder.corrupt
        if damaged > 0:
            parts.append("1 damaged frame" if damaged == 1 else f"{damaged} damaged frames")
        if self._lost_bytes:
            parts.append(f"{self._lost_bytes} bytes of it not readable; frames that were there are not counted")
        return f"{self._shown}: {', '.join(parts)}" if parts else None

    def _promised_s(self) -> float | None:
        """Seconds of the whole clip by the header of a file that was cut."""
        promised_s = self._decoder.promised_s
        if promised_s is None:
            return None
        return promised_s - self._origin_s if 0 < self._origin_s < promised_s else promised_s

    def __iter__(self) -> Iterator[Frame]:
        if self._begun:
            raise RuntimeError(f"{self._shown}: frames come once; open it again")
        self._begun = True
        count = 0
        for time_s, (number, picture) in self._span.cut(self._placed()):
            shown = Picture(DecodedPicture(self._decoder, picture, self._upright))
            sound = self._heard(number, time_s, picture)
            if self.info.live:
                yield Frame(count, time_s, shown, arrived_s=self._decoder.arrived_s(picture), sound=sound)
            else:
                yield Frame(count, time_s, shown, number + 1, number, sound=sound)
            count += 1
        if count == 0:
            raise SourceError(f"{self._shown}: no readable frame at or after {clock(self._span.start_s)}")

    def _heard(self, number: int, time_s: float, picture: VideoFrame) -> Sound | None:
        """The sound up to the next picture: of a file by its times, of a stream by what has come."""
        if self._file_sound is None:
            return self._decoder.take_sound(picture)
        timeline = self._timeline
        if timeline is None:
            until_s = time_s + 1 / (self.info.fps or FALLBACK_FPS)
        else:
            until_s = timeline.time_s(number + 1) if number + 1 < len(timeline) else time_s + timeline.step_s
        return self._file_sound.take(time_s, until_s)

    def _placed(self) -> Iterator[tuple[float, tuple[int, VideoFrame]]]:
        """(seconds, (number in the clip from 0, picture)), from before the span on."""
        pictures = self._watched(itertools.chain([self._first], self._rest))
        if self._timeline is not None:
            yield from self._by_packets(self._timeline, pictures)
            return
        if self.info.live and self._decoder.timeless:
            clock = arriving(pictures, time.monotonic)
        else:
            clock = timed(pictures, origin_s=self._origin_s, fps=self.info.fps)
        for number, (time_s, picture) in enumerate(clock):
            yield time_s, (number, picture)

    def _by_packets(
        self, timeline: PictureTimeline, pictures: Iterator[VideoFrame]
    ) -> Iterator[tuple[float, tuple[int, VideoFrame]]]:
        first = self._span.places(timeline.times_s).start
        begin = timeline.begin_for(first)
        counted = numbered(self._decoder, pictures, timeline, begin=0)
        if begin > 0:
            later = self._reopened(begin)
            landed = next(later, None)
            if landed is not None and landed[0] <= first:
                self._sought = True
                counted = itertools.chain([landed], later)
            else:  # the key pictures here cannot be decoded by themselves
                counted = self._reopened(0)
        if timeline.loose is not None:
            yield from self._loosely(timeline, timeline.loose, counted)
            return
        following = None if self._sought else 0
        for number, picture in counted:
            self._missing += 0 if following is None else number - following
            following = number + 1
            time_s = timeline.time_s(number)
            self._readable_s = timeline.time_s(following) if following < len(timeline) else time_s + timeline.step_s
            yield time_s, (number, picture)

    def _loosely(
        self, timeline: PictureTimeline, loose: int, counted: Iterator[tuple[int, VideoFrame]]
    ) -> Iterator[tuple[float, tuple[int, VideoFrame]]]:
        """Times where some packets give no picture: by a picture's packet, not by its number."""
        place = -1
        for number, picture in counted:
            packet = packet_of(picture)
            place = max(place + 1, 0 if packet is None else packet - loose)
            self._readable_s = timeline.time_s(place) + timeline.step_s
            yield timeline.time_s(place), (number, picture)

    def _reopened(self, begin: int) -> Iterator[tuple[int, VideoFrame]]:
        """(number, picture) of a new pass, from the packet `begin`."""
        assert self._timeline is not None
        self._decoder.close()
        self._decoder = self._open()
        return numbered(self._decoder, self._watched(self._decoder.pictures(begin), begin), self._timeline, begin=begin)

    def _watched(self, pictures: Iterator[VideoFrame], begin: int = 0) -> Iterator[VideoFrame]:
        """The same pictures, watched: all of one size, and whether they came to their end."""
        for number, picture in enumerate(pictures, begin + 1):
            if (picture.width, picture.height) != self._coded_size:
                was = "{}x{}".format(*self._coded_size)
                now = f"{picture.width}x{picture.height}"
                raise SizeChangedError(
                    f"{self._shown}: the size changes from {was} to {now} at frame {number}; split it there"
                )
            yield picture
        self._ended = True

    def sample(self, count: int, *, whole: bool = True, width: Working = "full") -> list[Image]:
        """About `count` pictures, evenly spread over the clip or over the span, without moving the iteration; [] if live.

        Short clips are decoded whole. Of long ones only key pictures are, one before each wanted picture, so that hours
        take seconds. Damage shortens the list, it raises nothing.
        """
        if self.info.live:
            return []
        span = Span() if whole else self._span

        def convert(decoder: Decoder, picture: VideoFrame) -> Image | None:
            if self._closed:
                raise SourceError(f"{self._shown}: closed")
            if (picture.width, picture.height) != self._coded_size:
                return None
            return Picture(DecodedPicture(decoder, picture, self._upright)).at(width)

        try:
            if self._timeline is not None:
                numbers = span.places(self._timeline.times_s)
                pictures = spread(self._open, self._timeline, numbers=numbers, count=count, convert=convert)
            else:
                pictures = spread_in_time(self._open, span=span, origin_s=self._origin_s, count=count, convert=convert)
        except SourceError:
            return []
        return [image for image in pictures if image is not None]

    def close(self) -> None:
        """Let go of the file or connection, and end a `sample` that is under way in another thread."""
        self._closed = True
        self._decoder.close()
        if self._file_sound is not None:
            self._file_sound.close()

    def __enter__(self) -> Video:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
