"""Pictures for x264: in one size and colour space, and with what options."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from tracker.sinks.settings import VideoSettings
from tracker.types import Image
from tracker.yuv import BT601, BT709_MATRIX, ColourSpace, YuvImage, to_rgb

PLANAR = "yuv420p"
THREADS = "4"
"""slices of a picture; a fixed number, so that the file does not depend on the machine"""
KEY_TOLERANCE_S = 1e-3
"""a picture this much early may be the next key frame: times of pictures are rounded"""


class Planar:
    """Makes the encoder's frames: all of the size and colour space of the first picture, BT.601 if that is RGB."""

    def __init__(self, first: Image | YuvImage) -> None:
        self.size, self.space = size_of(first), space_of(first)
        self._reformatter = VideoReformatter()

    def __getstate__(self) -> dict[str, Any]:
        return {"size": self.size, "space": self.space}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._reformatter = VideoReformatter()

    @property
    def even_size(self) -> tuple[int, int]:
        """(width, height) of the frames: one more where a side is odd."""
        width, height = self.size
        return width + width % 2, height + height % 2

    def frame(self, picture: Image | YuvImage) -> av.VideoFrame:
        """The picture in the video's size and colour space. Its array may be referred to: nobody may write into it."""
        if isinstance(picture, YuvImage):
            if picture.size == self.size and picture.space == self.space:
                return video_frame(picture)
            picture = to_rgb(picture)
        # it refers to the array: a copy would take as long as all that follows
        given = av.VideoFrame.from_numpy_buffer(_fit(picture, self.size), format="rgb24")
        return self._reformatter.reformat(
            given,
            format=PLANAR,
            # AREA averages the colour of 2x2 pixels; taking one of the four, as others do, decolours thin lines.
            interpolation="AREA",
            dst_colorspace=Colorspace.ITU709 if self.space.matrix == BT709_MATRIX else Colorspace.ITU601,
            dst_color_range=ColorRange.JPEG if self.space.full_range else ColorRange.MPEG,
        )


def add_stream(
    container: Any, planar: Planar, settings: VideoSettings, *, fps: float | None, tick_s: Fraction, pixel_aspect: float,
    more: Mapping[str, str] = MappingProxyType({}),
) -> Any:  # fmt: skip
    """A stream of a container for `planar`'s frames, encoded by x264.

    more  options of x264 beside those of the settings
    """
    stream = container.add_stream("libx264", rate=frame_rate(fps), options={**options(settings, planar.space), **more})
    stream.width, stream.height = planar.even_size
    stream.pix_fmt = PLANAR
    stream.time_base = stream.codec_context.time_base = tick_s
    if pixel_aspect != 1:
        stream.codec_context.sample_aspect_ratio = Fraction(pixel_aspect).limit_denominator(1000)
    return stream


def frame_rate(fps: float | None) -> Fraction:
    """What the encoder is told: the last picture lasts so long, at most a day. Of longer ones the container wants none."""
    if fps is None:
        return Fraction(25)
    if fps >= 1:
        return Fraction(fps).limit_denominator(1001)
    return 1 / Fraction(min(1 / fps, 86_400.0)).limit_denominator(1001)


def size_of(picture: Image | YuvImage) -> tuple[int, int]:
    """(width, height)."""
    return picture.size if isinstance(picture, YuvImage) else (picture.shape[1], picture.shape[0])


def space_of(picture: Image | YuvImage) -> ColourSpace:
    """BT.601 if it is RGB."""
    return picture.space if isinstance(picture, YuvImage) else BT601


def video_frame(picture: YuvImage) -> av.VideoFrame:
    """The picture for the encoder; its array is referred to, not copied, if PyAV can: it takes heights of whole fours."""
    width, height = picture.size
    if height % 4 == 0:
        return av.VideoFrame.from_numpy_buffer(picture.rows, format=PLANAR)
    frame = av.VideoFrame(width, height, PLANAR)
    for plane, values in zip(frame.planes, picture.planes.arrays, strict=True):
        np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[:, : plane.width] = values  # type: ignore[call-overload]
    return frame


def options(settings: VideoSettings, space: ColourSpace) -> dict[str, str]:
    """For x264."""
    return {
        "preset": settings.preset,
        # Every picture comes out of the encoder before the next one goes in. With x264's usual eleven in hand, a killed
        # run at two pictures a second would lose five seconds. It costs about a tenth of the file's size.
        "tune": "zerolatency",
        "threads": THREADS,
        "crf": str(settings.crf),
        "profile": "high",
        "g": str(1 << 30),  # key frames where they are asked for, and nowhere else
        "forced-idr": "1",
        "bf": "0",  # with B-frames a fragmented file starts late by their delay
        "sc_threshold": "0",
        # Said, because players otherwise guess from the size of the picture.
        "colorspace": str(space.matrix),
        "color_primaries": str(space.primaries),
        "color_trc": str(space.transfer),
        "color_range": "pc" if space.full_range else "tv",
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
