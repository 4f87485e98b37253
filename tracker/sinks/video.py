"""The overlay as a video that browsers play and seek in, and that plays up to its last second if the run is killed."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.video.frame import PictureType

from tracker.errors import LostError, SinkError
from tracker.sinks.earlier import Written, packets, put_aside
from tracker.sinks.h264 import KEY_TOLERANCE_S, Planar, add_stream
from tracker.sinks.ours import MARK
from tracker.sinks.outputs import Output, cannot_write, sync, writing
from tracker.sinks.settings import VideoSettings
from tracker.sinks.sound import SoundWriter, mp4_options
from tracker.sinks.timeline import SHORTENED_S, VideoTimeline, ticks_per_second
from tracker.sound import Sound
from tracker.types import Image, Moment, Outcome
from tracker.yuv import YuvImage

WAKE_S = 0.1
"""how often who waits for the encoder looks whether it has failed"""


class OverlayVideo:
    """H.264, yuv420p, in MP4, fragmented until it is closed; every picture at the time of its frame, the first at 0.

    render        the picture of a moment, (H, W, 3) uint8 RGB, or in YUV, which is encoded as it is; not kept. The colour
                  space of the first one is that of the video, BT.601 if it is RGB.
    fps           the clip's mean rate, for the length of the last picture; None if unknown
    pixel_aspect  width of a pixel over its height, for players
    notify        told in one line where a gap of the clip's time is shortened: see `timeline`

    What a killed run leaves has every picture but the last, whatever the rate: nothing waits in the encoder for pictures
    to come. Odd sizes are padded by one row or column. A picture of another size than the first is fitted into the first's.
    Encoding runs in a thread of its own; its failure is raised by the next `write` or by `close`.
    """

    def __init__(
        self,
        output: Output,
        *,
        render: Callable[[Moment], Image | YuvImage],
        fps: float | None,
        settings: VideoSettings,
        pixel_aspect: float = 1.0,
        notify: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._output = output
        self._render = render
        self._fps = fps
        self._settings = settings
        self._pixel_aspect = pixel_aspect
        self._notify = notify
        self._encoder: _Encoder | None = None
        self._earlier: Encoded | None = None

    def __getstate__(self) -> dict[str, Any]:
        """With what the encoder knows; all pictures so far are on the disk, but for the last, which are in the state."""
        encoded = self._earlier if self._encoder is None else self._encoder.settled()
        return vars(self) | {"_encoder": None, "_earlier": encoded}

    def write(self, moment: Moment) -> None:
        """Draw and hand over to the encoder. SinkError if the file cannot be written."""
        picture = self._render(moment)
        if self._encoder is None:
            self._encoder = _Encoder(
                self._output,
                picture,
                self._fps,
                self._settings,
                pixel_aspect=self._pixel_aspect,
                notify=self._notify,
                sound=moment.frame.sound,
                earlier=self._earlier,
            )
            self._earlier = None
        self._encoder.put(picture, moment.frame.time_s, moment.frame.sound)

    def close(self, outcome: Outcome) -> None:
        """Finish the file. SinkError if that fails."""
        if self._encoder is not None:
            encoder, self._encoder = self._encoder, None
            encoder.finish()
            self._output.finish()


@dataclass
class Encoded:
    """What an encoder knows of the pictures before."""

    planar: Planar
    timeline: VideoTimeline
    next_key: int
    said_silent: bool
    sound: SoundWriter | None
    written: Written
    extra: bytes
    """the head of the stream: packets of an encoder with another one cannot stand in the same file"""


class _Encoder:
    """A thread with a container; takes (image, time) pairs through a bounded queue."""

    def __init__(
        self,
        output: Output,
        first: Image | YuvImage,
        fps: float | None,
        settings: VideoSettings,
        *,
        pixel_aspect: float,
        notify: Callable[[str], None],
        sound: Sound | None,
        earlier: Encoded | None = None,
    ) -> None:
        self._path, self._part = output.path, output.part
        self._notify = notify
        self._problem: BaseException | None = None
        per_s = ticks_per_second(fps)
        self._tick_s = Fraction(1, per_s)
        self._key_ticks = round((settings.keyframe_s - KEY_TOLERANCE_S) * per_s)
        self._picture: av.VideoFrame | None = None
        self._written = Written()
        self._keeps = output.aside is not None
        if earlier is None:
            self._planar, self._timeline, self._next_key = Planar(first), VideoTimeline(ticks_per_s=per_s), 0
            self._sound = None if sound is None else SoundWriter(sound)
            self._said_silent = False
        else:
            self._planar, self._timeline, self._next_key = earlier.planar, earlier.timeline, earlier.next_key
            self._sound, self._said_silent = earlier.sound, earlier.said_silent
        try:
            aside = (
                None if earlier is None else put_aside(output.part, output.aside or output.part.parent, earlier.written)
            )
            # Each picture is a fragment, written once the next one has come, and complete in itself: what is on disk can
            # be played. Fragments of a given length are not enough, since a stream's clock may lag behind the wall's.
            # Closing writes one index of all of them and no picture again, so that every player knows the length and seeks.
            flags = mp4_options(sound=self._sound is not None and self._sound.head is not None)
            # Absolute: FFmpeg takes `12:30.mp4` for an address.
            self._container = av.open(str(output.part.absolute()), "w", format="mp4", options=flags)
            self._container.metadata["comment"] = f"{MARK} (RNN-EM and Gaussian mixture)"
            self._stream = add_stream(
                self._container, self._planar, settings, fps=fps, tick_s=self._tick_s, pixel_aspect=pixel_aspect
            )
        except (OSError, av.FFmpegError) as error:
            raise self._sink_error(error) from error
        if self._sound is not None:
            self._sound.open(self._container, self._kept)
        if earlier is not None and aside is not None:
            self._copy(aside, earlier)
        self._queue: queue.Queue[tuple[Image | YuvImage, float, Sound | None] | threading.Event | None] = queue.Queue(
            settings.queue_frames
        )
        self._thread = threading.Thread(target=self._run, name=f"encode {output.path.name}", daemon=True)
        self._thread.start()

    def put(self, picture: Image | YuvImage, time_s: float, sound: Sound | None = None) -> None:
        self._raise_problem()
        self._queue.put((picture, time_s, sound))

    def settled(self) -> Encoded:
        """What it knows once all that was put is in the file."""
        settled = threading.Event()
        self._queue.put(settled)
        while not settled.wait(WAKE_S):
            self._raise_problem()
        with writing(self._path):
            sync(self._part)
        return Encoded(
            self._planar, self._timeline, self._next_key, self._said_silent, self._sound, self._written, self._extra
        )

    @property
    def _extra(self) -> bytes:
        return bytes(self._stream.codec_context.extradata or b"")

    def _copy(self, aside: Path, earlier: Encoded) -> None:
        """Begin with what an earlier run wrote."""
        try:
            self._container.start_encoding()
            if self._extra != earlier.extra:
                raise LostError(self._path, "this encoder cannot go on with its pictures")
            for packet, is_sound in packets(aside, earlier.written):
                self._kept(packet, is_sound=is_sound)
                packet.stream = self._stream if not is_sound or self._sound is None else self._sound.stream
                self._container.mux(packet)
        except (OSError, av.FFmpegError) as error:
            raise self._sink_error(error) from error

    def _kept(self, packet: Any, *, is_sound: bool = True) -> None:
        """Remember a packet that is about to be written, if the run is saved now and then."""
        if self._keeps:
            self._written.add(packet, is_sound=is_sound)

    def finish(self) -> None:
        self._queue.put(None)
        self._thread.join()
        self._raise_problem()

    def _run(self) -> None:
        try:
            while (item := self._queue.get()) is not None:
                if isinstance(item, threading.Event):
                    item.set()
                    continue
                picture, time_s, sound = item
                self._encode(picture, time_s)
                if self._sound is not None and sound is not None:
                    self._hear(self._sound, sound, time_s)
            self._mux(None)
            if self._sound is not None:
                self._sound.finish(self._timeline.begin_s)
            self._container.close()
        except BaseException as error:
            self._problem = error
            with suppress(OSError, av.FFmpegError):
                self._container.close()
            # Whoever puts must not wait for a thread that is gone. `item` is None if the failure came after the end.
            while item is not None:
                item = self._queue.get()

    def _encode(self, given: Image | YuvImage, time_s: float) -> None:
        *repeats, tick = self._timeline.place(time_s)
        if self._timeline.shortened is not None:
            gap_s, at_s = self._timeline.shortened
            self._notify(
                f"tracker: {self._path}: the gap of {gap_s:.0f} s at {at_s:.1f} s is {SHORTENED_S:g} s long in the video"
            )
        for at in repeats:
            assert self._picture is not None  # there is no gap before the first picture
            self._picture.pict_type, self._picture.pts = PictureType.NONE, at
            self._mux(self._picture)
        self._picture = picture = self._planar.frame(given)
        picture.pts, picture.time_base = tick, self._tick_s
        if tick >= self._next_key:  # by the clock: counted in pictures, those of a slow stream would be minutes apart
            picture.pict_type = PictureType.I
            self._next_key = tick + self._key_ticks
        self._mux(picture)

    def _hear(self, writer: SoundWriter, sound: Sound, time_s: float) -> None:
        """Write the sound that came with a picture, and say once if there is none of it."""
        writer.write(sound, time_s, self._timeline.begin_s)
        if writer.problem is not None and not self._said_silent:
            self._said_silent = True
            self._notify(f"tracker: {self._path}: the sound is not recorded: {writer.problem}")

    def _mux(self, picture: av.VideoFrame | None) -> None:
        for packet in self._stream.encode(picture):
            self._kept(packet, is_sound=False)
            self._container.mux(packet)

    def _raise_problem(self) -> None:
        if self._problem is not None:
            raise self._sink_error(self._problem) from self._problem

    def _sink_error(self, error: BaseException) -> SinkError:
        return cannot_write(self._path, error)
