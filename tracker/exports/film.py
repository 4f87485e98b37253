"""A video's pictures as an animated GIF, small enough for a page or a mail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from io import BytesIO

import imageio.v3 as imageio
import numpy as np
from PIL import Image as Pillow

from tracker.errors import SourceError
from tracker.resize import to_working_width
from tracker.sinks.ours import GIF_NOTE
from tracker.sources import open_source
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


def gif_of(pictures: Sequence[Image], *, step_s: float = STEP_S) -> bytes:
    """The pictures (H, W, 3) of one size as a GIF that begins again at its end, `step_s` seconds each; a GIF counts hundredths."""
    shown = _calmed(pictures)
    spread = np.concatenate(shown[:: max(1, len(shown) // LOOKED_AT)])
    # identities have strong colours and few pixels, which the usual method leaves out
    palette = Pillow.fromarray(spread).quantize(COLOURS, method=Pillow.Quantize.MAXCOVERAGE, dither=Pillow.Dither.NONE)
    drawn = [
        np.asarray(Pillow.fromarray(each).quantize(palette=palette, dither=Pillow.Dither.NONE).convert("RGB"))
        for each in shown
    ]
    file = BytesIO()
    duration_ms = 10 * max(2, round(100 * step_s))  # browsers slow down what is faster than two hundredths
    imageio.imwrite(
        file, np.stack(drawn), extension=".gif", plugin="pillow", duration=duration_ms, loop=0, comment=GIF_NOTE
    )
    return file.getvalue()


def spaced_pictures(video: str, *, start_s: float = 0.0, duration_s: float | None = None) -> list[Image]:
    """(h, w, 3) pictures of a video, `STEP_S` apart and at most WIDTH_PX wide.

    Raises SourceError if it cannot be read or takes longer than LONGEST_S.
    """
    with closing(open_source(video, start_s=start_s, duration_s=duration_s)) as source:
        return [to_working_width(frame.image, WIDTH_PX) for frame in _spaced(source, video)]


def _spaced(frames: Source, name: str) -> Iterator[Frame]:
    begin_s = next_s = None
    for frame in frames:
        begin_s = frame.time_s if begin_s is None else begin_s
        if frame.time_s - begin_s > LONGEST_S:
            raise SourceError(
                f"{name}: longer than {LONGEST_S:g} s, too much for a GIF; process a part of the clip: --start, --duration"
            )
        if next_s is None or frame.time_s >= next_s - 1e-6:
            next_s = (frame.time_s if next_s is None else next_s) + STEP_S
            yield frame


def _calmed(pictures: Sequence[Image]) -> list[Image]:
    """The pictures, in which a pixel stays as it was where it hardly changes."""
    kept = [np.asarray(pictures[0])]
    for picture in pictures[1:]:
        moved = np.abs(picture.astype(np.int16) - kept[-1]).max(axis=2, keepdims=True) > STILL_LEVELS
        kept.append(np.where(moved, picture, kept[-1]))
    return kept
