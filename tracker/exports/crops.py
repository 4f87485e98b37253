"""Pictures of each track, and a video of each, cut out of the source's."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.exports.motion import smooth
from tracker.exports.table import BORDER_PX, Table
from tracker.sinks import Output, OverlayVideo, VideoSettings
from tracker.sinks.ours import marked_png
from tracker.sinks.outputs import write_inside, writing
from tracker.types import Box, Frame, Image, Moment

MARGIN = 0.1
"""of a box's size, on each side of a crop"""
CUT_WORTH = 0.25
"""of the size of a whole object's box: what one at the border counts, where the best picture is chosen"""
VIDEO_SIDE = 1.3
"""of the largest box: sides of a track's video"""
MOT_FPS = 25.0
"""of MOT text, which has no times: only how much a window's way is smoothed depends on it"""
LEAST_SIDE = 32
"""pixels, of a track's video: less is no H.264 that every player takes"""


def best_rows(table: Table, size: tuple[int, int]) -> NDArray[np.int64]:
    """The row of each track in which it shows best: seen, with pixels of its own, large, away from the picture's border, and sure.

    size  (width, height) of the picture
    """
    box = table.box
    inside = (box[:, :2] > BORDER_PX).all(axis=1) & (box[:, 2:] < np.array(size) - BORDER_PX).all(axis=1)
    worth = (box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]) * np.where(inside, 1.0, CUT_WORTH) * table.confidence
    worth = np.where(table.hidden, -1.0, np.where(table.area_px == 0, 0.0, worth))  # NaN: its pixels are not known
    order = np.lexsort((-worth, table.id))
    _, first = np.unique(table.id[order], return_index=True)
    best = order[first]
    return np.sort(best[~table.hidden[best]])


def rows_every(table: Table, every_s: float) -> NDArray[np.int64]:
    """Of each track the rows in which it is seen, `every_s` apart at least, from its first on."""
    kept = []
    order = np.lexsort((table.time_s, table.id))
    last_id, last_s = -1, -np.inf
    for row in order[~table.hidden[order]].tolist():
        identity, time_s = int(table.id[row]), float(table.time_s[row])
        if identity != last_id or time_s - last_s >= every_s - 1e-6:
            kept.append(row)
            last_id, last_s = identity, time_s
    return np.sort(np.array(kept, np.int64))


def crop(image: Image, sides: NDArray[np.float64]) -> Image | None:
    """The part of the picture with that box (4,) and a margin, enlarged nowhere; None where it lies outside."""
    box = Box(*map(float, sides))
    across, down = MARGIN * box.width, MARGIN * box.height
    wide = Box(box.x0 - across, box.y0 - down, box.x1 + across, box.y1 + down)
    x0, y0, x1, y1 = map(round, wide.clipped((image.shape[1], image.shape[0])))
    return image[y0:y1, x0:x1] if x1 > x0 and y1 > y0 else None


class CropFolder:
    """PNGs `000007.png` by id, or `000007-000120.png` by id and frame."""

    def __init__(self, output: Output, *, by_frame: bool) -> None:
        self._output, self._by_frame = output, by_frame
        self.count = 0
        with writing(output.path):
            output.part.mkdir()

    def add(self, frame: Frame, table: Table, rows: NDArray[np.int64]) -> None:
        """The crops of these rows of the table, which are of this frame. Raises SinkError."""
        for row in rows.tolist():
            part = crop(frame.image, table.box[row])
            if part is None:
                continue
            name = f"{table.id[row]:06d}" + (f"-{frame.written:06d}" if self._by_frame else "")
            _, data = cv2.imencode(".png", cv2.cvtColor(part, cv2.COLOR_RGB2BGR))
            write_inside(self._output, f"{name}.png", marked_png(data.tobytes()))
            self.count += 1

    def finish(self) -> None:
        """Say that the folder is whole."""
        self._output.finish()


class _Clip(NamedTuple):
    """The video of one track, and the number of its last frame."""

    video: OverlayVideo
    last: int


@dataclass
class ClipFolder:
    """Videos `000007.mp4` by id: a window of one size that follows the object, as long as it is tracked, also while it is hidden."""

    output: Output
    fps: float | None
    pixel_aspect: float = 1.0
    """width of the source's pixels over their height, for players"""
    count: int = 0
    _waiting: dict[int, Table] = field(default_factory=dict)
    _open: dict[int, _Clip] = field(default_factory=dict)

    def begin(self, table: Table) -> None:
        """Take the table. Raises SinkError if the folder cannot be made."""
        self._waiting = dict(table.tracks())
        with writing(self.output.path):
            self.output.part.mkdir()

    def add(self, frame: Frame, table: Table, rows: NDArray[np.int64]) -> None:
        """One frame, in order, with the rows of those who are in it. Raises SinkError."""
        for identity in table.id[rows].tolist():
            if identity not in self._open:
                self._open[identity] = self._begun(identity, frame)
            self._open[identity].video.write(Moment(frame, ()))
        for identity in [each for each, clip in self._open.items() if clip.last <= frame.written]:
            self._open.pop(identity).video.close("complete")

    def finish(self) -> None:
        """Close what is open, where the source ended early, and say that the folder is whole."""
        self.close()
        self.output.finish()

    def close(self) -> None:
        """Let go of every file. Raises SinkError."""
        while self._open:
            self._open.popitem()[1].video.close("complete")

    def _begun(self, identity: int, frame: Frame) -> _Clip:
        rows = self._waiting.pop(identity)
        size = _window_size(rows, frame.size)
        corners = dict(zip(rows.frame.tolist(), _corners(rows, size, frame.size), strict=True))
        name = f"{identity:06d}.mp4"
        place = Output(self.output.path / name, self.output.part / name)
        render = partial(_window, corners=corners, size=size)
        video = OverlayVideo(
            place, render=render, fps=self.fps, settings=VideoSettings(), pixel_aspect=self.pixel_aspect
        )
        self.count += 1
        return _Clip(video, int(rows.frame[-1]))


def _window_size(rows: Table, picture: tuple[int, int]) -> tuple[int, int]:
    """Even sides, no larger than the picture (width, height) unless that is tiny."""
    largest = (rows.box[:, 2:] - rows.box[:, :2]).max(axis=0) * VIDEO_SIDE
    sides = [min(max(LEAST_SIDE, round(float(side))), whole) for side, whole in zip(largest, picture, strict=True)]
    return max(2, sides[0] // 2 * 2), max(2, sides[1] // 2 * 2)


def _corners(rows: Table, size: tuple[int, int], picture: tuple[int, int]) -> list[tuple[int, int]]:
    """Of a window round the smoothed path of the boxes' middles, inside the picture."""
    times = rows.time_s if np.isfinite(rows.time_s).all() else rows.frame / MOT_FPS
    middles = smooth(times, rows.centre).positions
    most = np.maximum(0, np.array(picture) - size)
    corners = np.clip(np.rint(middles - np.array(size) / 2), 0, most).astype(int)
    return [(int(x), int(y)) for x, y in corners]


def _window(moment: Moment, *, corners: dict[int, tuple[int, int]], size: tuple[int, int]) -> Image:
    x, y = corners[moment.frame.written]
    return np.ascontiguousarray(moment.frame.image[y : y + size[1], x : x + size[0]])
