"""A video's pictures as an animated GIF, small enough for a page or a mail."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from io import BytesIO

import cv2
import imageio.v3 as imageio
import numpy as np
from PIL import Image as Pillow

from tracker.errors import SourceError
from tracker.resize import size_at
from tracker.sinks.ours import GIF_NOTE
from tracker.sources import open_source
from tracker.timing import SLOWEST_S
from tracker.types import Frame, Image, Source

WIDTH_PX = 880
"""a wider video is made smaller"""
STEP_S = 0.12
"""seconds from one picture to the next: eight a second"""
LONGEST_S = 30.0
"""of a video: a GIF has no compression to speak of, and all its pictures are in memory"""
COLOURS, LOOKED_AT = 192, 8
"""of the palette, and pictures from which it is made"""
STILL_LEVELS = 7
"""grey levels from the picture before below which a pixel keeps its colour: a camera's noise would be most of the file"""


def gif_of(pictures: Sequence[Image]) -> bytes:
    """The pictures (H, W, 3) of one size as a GIF that begins again at its end, `STEP_S` seconds each."""
    shown = _calmed(pictures)
    spread = np.concatenate(shown[:: max(1, len(shown) // LOOKED_AT)])
    # identities have strong colours and few pixels, which the usual method leaves out
    palette = Pillow.fromarray(spread).quantize(COLOURS, method=Pillow.Quantize.MAXCOVERAGE, dither=Pillow.Dither.NONE)
    drawn = [
        np.asarray(Pillow.fromarray(each).quantize(palette=palette, dither=Pillow.Dither.NONE).convert("RGB"))
        for each in shown
    ]
    file = BytesIO()
    duration_ms = 10 * round(100 * STEP_S)  # a GIF counts hundredths
    imageio.imwrite(
        file, np.stack(drawn), extension=".gif", plugin="pillow", duration=duration_ms, loop=0, comment=GIF_NOTE
    )
    return file.getvalue()


def spaced_pictures(
    video: str,
    *,
    start_s: float = 0.0,
    duration_s: float | None = None,
    notify: Callable[[str], None] = lambda line: None,
) -> list[Image]:
    """(h, w, 3) pictures of a video, at most WIDTH_PX wide, `STEP_S` apart; of a time-lapse every one, which `notify` is told.

    Raises SourceError if it cannot be read or its GIF would take longer than LONGEST_S.
    """
    with closing(open_source(video, start_s=start_s, duration_s=duration_s)) as source:
        (width, height), aspect = source.info.size, source.info.pixel_aspect
        size = size_at((max(1, round(width * aspect)), height), WIDTH_PX)  # of square pixels
        fps = source.info.fps
        if fps is not None and fps * SLOWEST_S < 1:
            notify(
                f"a time-lapse: each of its pictures is shown for {STEP_S:g} s, {1 / (fps * STEP_S):,.0f} times as fast as it was"
            )
            frames = _every(source, video)
        else:
            frames = _spaced(source, video)
        return [_resized(frame.image, size) for frame in frames]


def _resized(image: Image, size: tuple[int, int]) -> Image:
    wider = size[0] > image.shape[1]
    return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR if wider else cv2.INTER_AREA)  # type: ignore[return-value]


def _every(frames: Source, name: str) -> Iterator[Frame]:
    """The frames one by one."""
    most = round(LONGEST_S / STEP_S)
    for number, frame in enumerate(frames):
        if number == most:
            raise SourceError(
                f"{name}: more than {most} pictures, too much for a GIF; process a part of the clip: --start, --duration"
            )
        yield frame


def _spaced(frames: Source, name: str) -> Iterator[Frame]:
    """The frame that is shown at every `STEP_S`: one that lasts longer comes again."""
    shown, begin_s, next_s = None, 0.0, 0.0
    for frame in frames:
        if shown is None:
            begin_s = next_s = frame.time_s
        if frame.time_s - begin_s > LONGEST_S:
            raise SourceError(
                f"{name}: longer than {LONGEST_S:g} s, too much for a GIF; process a part of the clip: --start, --duration"
            )
        while shown is not None and next_s < frame.time_s - 1e-6:
            yield shown
            next_s += STEP_S
        shown = frame
    if shown is not None and next_s <= shown.time_s + 1e-6:
        yield shown


def _calmed(pictures: Sequence[Image]) -> list[Image]:
    """The pictures, in which a pixel stays as it was where it hardly changes."""
    kept = [np.asarray(pictures[0])]
    for picture in pictures[1:]:
        moved = np.abs(picture.astype(np.int16) - kept[-1]).max(axis=2, keepdims=True) > STILL_LEVELS
        kept.append(np.where(moved, picture, kept[-1]))
    return kept
