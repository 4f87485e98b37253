"""Pictures to H.264 as they come, with key frames by the clock, at which a segment may begin."""

from __future__ import annotations

import io
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
from av.video.frame import PictureType

from tracker.sinks.h264 import KEY_TOLERANCE_S, Planar, add_stream, size_of, space_of
from tracker.sinks.recorder.samples import RecordedMoment, Sample
from tracker.sinks.settings import VideoSettings
from tracker.sinks.timeline import TICKS

KEY_S = 1.0
"""between key frames at most: what is recorded before an event begins at one"""
LENGTHS = {"x264-params": "annexb=0"}
"""as an MP4 wants it, a length before each unit; where the headers say so already, the muxer changes nothing"""
NO_PICTURE = np.zeros((0, 0, 3), np.uint8)


class Encoder:
    """One encoder for pictures of one size and colour space. Every picture comes out before the next goes in."""

    def __init__(
        self, first: RecordedMoment, *, fps: float | None, settings: VideoSettings, pixel_aspect: float
    ) -> None:
        self._planar = Planar(first.picture)
        self._first_s, self._tick = first.time_s, -1
        self._key_ticks = round((min(settings.keyframe_s, KEY_S) - KEY_TOLERANCE_S) * TICKS)
        self._next_key = 0
        # An MP4 of headers alone: its stream brings the encoder, and, read again, what every segment copies its own from.
        file = io.BytesIO()
        with av.open(file, "w", format="mp4", options={"movflags": "empty_moov"}) as headers:
            stream = add_stream(
                headers,
                self._planar,
                settings,
                fps=fps,
                tick_s=Fraction(1, TICKS),
                pixel_aspect=pixel_aspect,
                more=LENGTHS,
            )
            headers.start_encoding()
        self._codec = stream.codec_context
        self._headers = av.open(io.BytesIO(file.getvalue()))
        self.head = self._headers.streams.video[0]

    def fits(self, shot: RecordedMoment) -> bool:
        """Whether the shot's picture is of this encoder's kind."""
        return size_of(shot.picture) == self._planar.size and space_of(shot.picture) == self._planar.space

    def encode(self, shot: RecordedMoment, *, key: bool, lost: int) -> Sample:
        """The shot as a sample; `key` asks for a key frame."""
        self._tick = max(self._tick + 1, round((shot.time_s - self._first_s) * TICKS))
        picture = self._planar.frame(shot.picture)
        picture.pts, picture.time_base = self._tick, Fraction(1, TICKS)
        if key or self._tick >= self._next_key:
            picture.pict_type = PictureType.I
            self._next_key = self._tick + self._key_ticks
        packets = self._codec.encode(picture)
        assert len(packets) == 1  # zerolatency, no B-frames
        slim = replace(shot, picture=NO_PICTURE)
        return Sample(bytes(packets[0]), packets[0].is_keyframe, slim, self.head, lost)
