"""The overlay as a video that browsers play and seek in, and that plays up to its last second if the run is killed."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from tracker.errors import SinkError
from tracker.sinks.ours import MARK
from tracker.sinks.outputs import Output, cannot_write
from tracker.sinks.settings import VideoSettings
from tracker.types import Image, Moment, Outcome

TICKS = 90_000
"""a second in the file: the usual clock of video, fine enough for every frame rate"""


class OverlayVideo:
    """H.264, yuv420p, in MP4, fragmented until it is closed; every picture at the time of its frame, the first at 0.

    render  the picture of a moment, (H, W, 3) uint8 RGB
    fps     the clip's mean rate, for key frames and the length of the last picture; None if unknown

    Odd sizes are padded by one row or column. A picture of another size than the first is fitted into the first's.
    Encoding runs in a thread of its own; its failure is raised by the next `write` or by `close`.
    """

    def __init__(
        self, output: Output, *, render: Callable[[Moment], Image], fps: float | None, settings: VideoSettings
    ) -> None:
        self._output = output
        self._render = render
        self._fps = fps
        self._settings = settings
        self._encoder: _Encoder | None = None

    def write(self, moment: Moment) -> None:
        """Draw and hand over to the encoder. SinkError if the file cannot be written."""
        image = self._render(moment)
        if self._encoder is None:
            self._encoder = _Encoder(self._output, image.shape[1::-1], self._fps, self._settings)
        self._encoder.put(image, moment.frame.time_s)

    def close(self, outcome: Outcome) -> None:
        """Finish the file. SinkError if that fails."""
        if self._encoder is not None:
            encoder, self._encoder = self._encoder, None
            encoder.finish()
            self._output.finish()


class _Encoder:
    """A thread with a container; takes (image, time) pairs through a bounded queue."""

    def __init__(self, output: Output, size: tuple[int, ...], fps: float | None, settings: VideoSettings) -> None:
        self._path = output.path
        self._size = (size[0], size[1])
        self._problem: BaseException | None = None
        self._first_s: float | None = None
        self._last_tick = -1
        rate = Fraction(fps or 25.0).limit_denominator(1001)
        try:
            # Fragments start at key frames and are complete in themselves: what is on disk can be played. Closing
            # writes one index of all of them and no picture again, so that every player knows the length and seeks.
            flags = {"movflags": "frag_keyframe+default_base_moof+hybrid_fragmented", "flush_packets": "1"}
            # Absolute: FFmpeg takes `12:30.mp4` for an address.
            self._container = av.open(str(output.part.absolute()), "w", format="mp4", options=flags)
            self._container.metadata["comment"] = f"{MARK} (RNN-EM and Gaussian mixture)"
            self._stream: Any = self._container.add_stream("libx264", rate=rate, options=_options(rate, settings))
        except (OSError, av.FFmpegError) as error:
            raise self._sink_error(error) from error
        self._stream.width, self._stream.height = (side + side % 2 for side in self._size)
        self._stream.pix_fmt = "yuv420p"
        self._stream.time_base = self._stream.codec_context.time_base = Fraction(1, TICKS)
        self._reformatter = VideoReformatter()
        self._queue: queue.Queue[tuple[Image, float] | None] = queue.Queue(settings.queue_frames)
        self._thread = threading.Thread(target=self._run, name=f"encode {output.path.name}", daemon=True)
        self._thread.start()

    def put(self, image: Image, time_s: float) -> None:
        self._raise_problem()
        self._queue.put((image, time_s))

    def finish(self) -> None:
        self._queue.put(None)
        self._thread.join()
        self._raise_problem()

    def _run(self) -> None:
        try:
            while (item := self._queue.get()) is not None:
                self._encode(*item)
            self._mux(None)
            self._container.close()
        except BaseException as error:
            self._problem = error
            with suppress(OSError, av.FFmpegError):
                self._container.close()
            # Whoever puts must not wait for a thread that is gone. `item` is None if the failure came after the end.
            while item is not None:
                item = self._queue.get()

    def _encode(self, image: Image, time_s: float) -> None:
        if self._first_s is None:
            self._first_s = time_s
        picture = av.VideoFrame.from_ndarray(_fit(image, self._size), format="rgb24")
        # AREA averages the colour of 2x2 pixels; taking one of the four, as others do, decolours thin lines.
        picture = self._reformatter.reformat(picture, format="yuv420p", interpolation="AREA")
        self._last_tick = max(self._last_tick + 1, round((time_s - self._first_s) * TICKS))
        picture.pts, picture.time_base = self._last_tick, Fraction(1, TICKS)
        self._mux(picture)

    def _mux(self, picture: av.VideoFrame | None) -> None:
        for packet in self._stream.encode(picture):
            self._container.mux(packet)

    def _raise_problem(self) -> None:
        if self._problem is not None:
            raise self._sink_error(self._problem) from self._problem

    def _sink_error(self, error: BaseException) -> SinkError:
        return cannot_write(self._path, error)


def _options(rate: Fraction, settings: VideoSettings) -> dict[str, str]:
    """For x264. No B-frames: with them a fragmented file starts late by their delay."""
    return {
        "preset": settings.preset,
        "crf": str(settings.crf),
        "profile": "high",
        "g": str(max(1, round(rate * Fraction(settings.keyframe_s)))),
        "bf": "0",
        "sc_threshold": "0",  # key frames by the clock alone: every one begins a fragment
        # Said, because players otherwise guess from the size of the picture.
        "colorspace": "smpte170m",
        "color_primaries": "smpte170m",
        "color_trc": "smpte170m",
        "color_range": "tv",
    }


def _fit(image: Image, size: tuple[int, int]) -> Image:
    """The image at exactly that size (width, height), padded to even sides by repeating the edge."""
    width, height = size
    if image.shape[1::-1] != size:
        scale = min(width / image.shape[1], height / image.shape[0])
        inner = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
        left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
        small = cv2.resize(image, inner, interpolation=cv2.INTER_AREA)
        image = np.zeros((height, width, 3), np.uint8)
        image[top : top + inner[1], left : left + inner[0]] = small
    if width % 2 or height % 2:
        image = np.asarray(cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE), np.uint8)
    return np.ascontiguousarray(image)
