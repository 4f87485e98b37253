"""A video file or network stream as a Source."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from av.video.frame import VideoFrame

from tracker.errors import SourceError
from tracker.sources.address import is_url, scheme, shown
from tracker.sources.decode import Decoder
from tracker.sources.span import Span
from tracker.sources.spread import spread
from tracker.sources.times import FALLBACK_FPS, timed
from tracker.sources.upright import upright
from tracker.types import Frame, Image, SourceInfo


class Video:
    """What FFmpeg reads, from a file or a URL; over the network without a known length it is live.

    Raises SourceError if nothing can be read from it; while iterating, if the size changes or the network fails.
    Damage inside a file is passed over and told in `problem`.
    """

    def __init__(self, address: str, *, span: Span, timeout_s: float) -> None:
        self._address = address
        self._shown = shown(address)
        self._span = span
        self._timeout_s = timeout_s
        self._begun = False
        self._ended = False  # the iteration came to the end of the file
        self._decoder = self._open()
        try:
            self._begin()
        except BaseException:
            self._decoder.close()
            raise

    def _open(self) -> Decoder:
        return Decoder(self._address, timeout_s=self._timeout_s)

    def _begin(self) -> None:
        """Decode the first picture: it tells the size, the rotation and when the clip begins."""
        decoder = self._decoder
        self._rest = decoder.pictures()
        first = next(self._rest, None)
        if first is None:
            raise SourceError(f"{self._shown}: not one picture in it is readable")
        self._first = first
        self._origin_s = first.time or 0.0
        self._upright = upright(first)
        self._coded_size = (first.width, first.height)
        height, width = self._upright(decoder.image(first)).shape[:2]
        fps, length_s = decoder.fps, decoder.length_s
        remote = is_url(self._address)
        live = remote and (length_s is None or scheme(self._address) not in ("http", "https"))
        if not live and length_s and self._span.start_s >= length_s:
            raise SourceError(f"{self._shown}: start is at {self._span.start_s:g} s, but it lasts {length_s:.1f} s")
        self.info = SourceInfo(
            name=self._shown if remote else Path(self._address).name,
            size=(width, height),
            fps=fps,
            frame_count=self._span.count(frames=None if live else decoder.frames, fps=fps),
            live=live,
            notes=decoder.notes,
        )

    @property
    def problem(self) -> str | None:
        """What was not readable, so far; that the clip was cut short is known at its end."""
        decoder = self._decoder
        cut_short = self._ended and self._is_short()
        parts = []
        broken = decoder.broken - (decoder.torn and cut_short)
        if cut_short:
            length_s = decoder.length_s
            if decoder.skipped:
                whole = f" of about {length_s:.1f}" if length_s else ""
                parts.append(f"cut short, readable to {decoder.end_s - self._origin_s:.1f}{whole} s")
            else:
                whole = f" of about {decoder.frames}" if decoder.frames else ""
                parts.append(f"cut short, {decoder.decoded}{whole} frames readable")
        if broken > 0:
            parts.append("1 damaged frame" if broken == 1 else f"{broken} damaged frames")
        return f"{self._shown}: {', '.join(parts)}" if parts else None

    def _is_short(self) -> bool:
        decoder = self._decoder
        if self.info.live:
            return False
        if decoder.torn or decoder.stopped:
            return True
        length_s = decoder.length_s
        if not length_s or not decoder.end_s:
            return False
        margin_s = max(3 / (self.info.fps or FALLBACK_FPS), 0.02 * length_s)
        return decoder.end_s - self._origin_s < length_s - margin_s

    def __iter__(self) -> Iterator[Frame]:
        if self._begun:
            raise RuntimeError(f"{self._shown}: frames come once; open it again")
        self._begun = True
        pictures: Iterator[VideoFrame] = itertools.chain([self._first], self._rest)
        if self._span.start_s > 0 and not self.info.live and self._first.time is not None:
            pictures = self._decoder.pictures_from(self._origin_s + self._span.start_s)
        clock = timed(self._through(pictures), origin_s=self._origin_s, fps=self.info.fps)
        count = before = 0
        for time_s, picture in self._span.cut(clock):
            image = self._upright(self._decoder.image(picture))
            image.flags.writeable = False
            if count == 0 and self._span.start_s > 0:
                before = round(time_s * (self.info.fps or FALLBACK_FPS))  # jumped over, not counted
            yield Frame(count, time_s, image, None if self.info.live else before + count + 1)
            count += 1
        if count == 0:
            raise SourceError(f"{self._shown}: no readable frame at or after {self._span.start_s:g} s")

    def _through(self, pictures: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
        """The same pictures, watched: all of one size, and whether they came to their end."""
        for index, picture in enumerate(pictures):
            if (picture.width, picture.height) != self._coded_size:
                was = "{}x{}".format(*self._coded_size)
                now = f"{picture.width}x{picture.height}"
                raise SourceError(
                    f"{self._shown}: the size changes from {was} to {now} at frame {index}; split it there"
                )
            yield picture
        self._ended = True

    def sample(self, count: int) -> list[Image]:
        """About `count` pictures, evenly spread over the span, without moving the iteration; [] if live.

        Short clips are decoded whole. Of long ones only key pictures are, one before each wanted time, so that hours
        take seconds. Damage shortens the list, it raises nothing.
        """
        if self.info.live:
            return []
        origin_s = None if self._first.time is None else self._origin_s
        try:
            pictures = spread(self._open, span=self._span, origin_s=origin_s, count=count)
        except SourceError:
            return []
        sampled = [self._upright(picture) for picture in pictures]
        for image in sampled:
            image.flags.writeable = False
        return [image for image in sampled if (image.shape[1], image.shape[0]) == self.info.size]

    def close(self) -> None:
        """Let go of the file or connection."""
        self._decoder.close()

    def __enter__(self) -> Video:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
