"""The passes over a clip: the first is kept as it goes by, and what it judged is given to two more, window by window.

One runs forwards again, over mirrored pictures: it knows of the whole window what the first had to learn, and what was chance in one of
them is another chance in the other. One runs from the end. Both at once, each in a thread. A window is as much of the first pass as is
kept on the disk at a time. The next one begins OVERLAP_S before the end of the last: a backward pass that has just begun knows nobody, so
in the overlap the later window's is taken, and who is who in both is found by the frames that they share. The forward pass goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.smoothing.geometry import mirrored
from tracker.smoothing.rows import ClipTimes, PassRows
from tracker.smoothing.shared import named_like
from tracker.smoothing.spill import LabelFile, Spill, SpillFolder
from tracker.smoothing.tiles import KeptFrame, keep, moved, restored, tiles
from tracker.types import Frame, Image, LaterPass, Region, Segmentation, SmoothedSegmenter

WINDOW_BYTES = 500_000_000
"""what is kept of the frames of a window, on the disk: some minutes of a busy street at 640 pixels, an hour of a quiet one"""
OVERLAP_S = 10.0
"""seconds for which the backward pass has looked at objects before it is listened to: longer than most groups last"""
REFRESH_FRAMES = 25
"""the picture of what is background is brought up to date once in so many frames: the light changes slowly"""

Attend = Callable[[int, int], None]
"""called between two frames of the backward pass with those done and those there are; may raise"""


class ThreePasses(NamedTuple):
    """A clip as the three passes saw it."""

    first: PassRows
    forward: PassRows
    """again, of mirrored pictures; its boxes are those of the pictures as they are"""
    backward: PassRows
    clip: ClipTimes


class LabelPaths(NamedTuple):
    """Files for the labels of each pass, if another process is to read them."""

    first: Path
    forward: Path
    backward: Path


class PassLabels(NamedTuple):
    """The labels of each pass."""

    first: LabelFile
    forward: LabelFile
    backward: LabelFile


class Passes:
    """What one lane sees of a clip in all passes.

    labels  files for the labels, if another process is to read them
    folder  where what is kept lies, if all of it is to be saved between two frames
    """

    def __init__(
        self, segmenter: SmoothedSegmenter, *, attend: Attend, window_bytes: int = WINDOW_BYTES,
        labels: LabelPaths | None = None, folder: SpillFolder | None = None,
    ) -> None:  # fmt: skip
        paths = (None, None, None) if labels is None else labels
        self.labels = PassLabels(*(LabelFile(path, folder) for path in paths))
        self._folder = folder
        self._segmenter, self._attend, self._window_bytes = segmenter, attend, window_bytes
        self._times_s: list[float] = []
        self._size = (0, 0)
        self._first, self._forward = RowsBuilder(), RowsBuilder()
        self._again: LaterPass | None = None
        """of the forward pass, from the first window on"""
        self._forward_frames = 0
        """of the frames kept those that the forward pass has had in the window before"""
        self._kept: list[KeptFrame] = []
        self._spill = Spill(folder=folder)
        self._elsewhere: Image | None = None
        self._learned: object = None
        """by the segmenter, of the frames kept so far"""
        self._backward: list[PassRows] = []
        """of windows that are done, the latest first frames of which may yet be replaced by the next window's"""
        self._highest = 0
        """identity of the backward pass so far"""

    def add(self, frame: Frame, segmentation: Segmentation) -> None:
        """Keep the next frame of the first pass; runs the others over a window that is full."""
        self._times_s.append(frame.time_s)
        self._size = frame.size
        self._first.add(frame.index, segmentation.regions)
        self.labels.first.add(frame.index, segmentation.labels, segmentation.foreground)
        self._learned = segmentation.learned
        assert segmentation.verdicts is not None
        image = frame.picture.at(self._segmenter.working_width)
        self._kept.append(keep(frame, image, segmentation.verdicts, self._spill))
        self._refresh(image, segmentation)
        if self._spill.length > self._window_bytes:
            self._run_window(last=False)

    def finish(self) -> ThreePasses:
        """Run the other passes over what is left."""
        if self._kept:
            self._run_window(last=True)
        forward = self._forward.rows()
        forward = forward._replace(boxes=mirrored(forward.boxes, self._size[0]))
        return ThreePasses(self._first.rows(), forward, joined(self._backward), self._clip())

    def entropies(self) -> NDArray[np.float32]:
        """(N,) `Region.entropy` of the rows of the first pass; NaN for None."""
        return self._first.entropies()

    def seen_at_first(self) -> tuple[PassRows, ClipTimes]:
        """What the first pass saw so far."""
        return self._first.rows(), self._clip()

    def close(self) -> None:
        """Forget everything that is on the disk."""
        self._spill.close()
        for labels in self.labels:
            labels.close()

    def _clip(self) -> ClipTimes:
        return ClipTimes(np.array(self._times_s), self._size)

    def _refresh(self, image: Image, segmentation: Segmentation) -> None:
        """Bring the picture of what is background up to date."""
        if self._elsewhere is None or self._elsewhere.shape != image.shape:
            self._elsewhere = image.copy()
        elif len(self._times_s) % REFRESH_FRAMES == 0 and segmentation.verdicts is not None:
            cv2.copyTo(image, (~tiles(segmentation.verdicts)).view(np.uint8), self._elsewhere)

    def _run_window(self, *, last: bool) -> None:
        """The other passes over the frames that are kept, of which those in the overlap stay for the next window."""
        begin, window = 0 if last else self._overlap(), self._kept
        self._again = self._again or self._segmenter.later_pass(self._learned)
        stop = threading.Event()
        with ThreadPoolExecutor(1, "forwards again") as beside:
            forwards = beside.submit(self._run_forwards, self._again, window[self._forward_frames :], stop)
            try:
                self._run_backwards(window)
            except BaseException:
                stop.set()
                raise
            forwards.result()
        before, self._spill = self._spill, Spill(folder=self._folder)
        self._kept = [] if last else [moved(kept, before, self._spill) for kept in window[begin:]]
        self._forward_frames = len(self._kept)
        before.close()

    def _run_forwards(self, again: LaterPass, frames: Sequence[KeptFrame], stop: threading.Event) -> None:
        """The forward pass goes on over these frames; ends before its time once `stop` is set."""
        elsewhere = self._elsewhere
        assert elsewhere is not None
        for kept in frames:
            if stop.is_set():
                return
            image, verdicts = (_mirrored(part) for part in restored(kept, self._spill, elsewhere))
            seen = again.step_judged(image, verdicts, time_s=kept.time_s, scene=kept.scene, size=kept.frame_size)
            self._forward.add(kept.index, seen.regions)
            labels, foreground = _mirrored(seen.labels), _mirrored(seen.foreground.view(np.uint8)).view(bool)
            self.labels.forward.add(kept.index, labels, foreground)

    def _run_backwards(self, window: Sequence[KeptFrame]) -> None:
        """The backward pass over a window."""
        builder, part = RowsBuilder(self._highest), len(self._backward)
        backwards, elsewhere = self._segmenter.later_pass(self._learned), self._elsewhere
        assert elsewhere is not None
        end_s = window[-1].time_s
        for done, kept in enumerate(reversed(window), 1):
            self._attend(done, len(window))
            image, verdicts = restored(kept, self._spill, elsewhere)
            seen = backwards.step_judged(
                image, verdicts, time_s=end_s - kept.time_s, scene=kept.scene, size=kept.frame_size
            )
            builder.add(kept.index, seen.regions)
            self.labels.backward.add(kept.index, seen.labels, seen.foreground, part)
        rows = builder.rows()
        names = np.arange(rows.ids.max(initial=self._highest) + 1, dtype=np.int32)
        if self._backward:
            names = named_like(self._backward[-1], rows, names)
            rows = rows._replace(ids=names[rows.ids])
            self._backward[-1] = self._backward[-1].at(self._backward[-1].frames < window[0].index)
        self.labels.backward.name(builder.raw_names(names))
        self._highest = len(names) - 1
        self._backward.append(rows)

    def _overlap(self) -> int:
        """The first of the frames kept that stay for the next window: OVERLAP_S from the end, at most half of them."""
        from_s = self._kept[-1].time_s - OVERLAP_S
        first = next(n for n, kept in enumerate(self._kept) if kept.time_s >= from_s)
        return max(first, len(self._kept) // 2)


class RowsBuilder:
    """Rows in the making. Identities are counted on from `before`."""

    def __init__(self, before: int = 0) -> None:
        self._before = before
        self._highest = 0
        self._frames: list[NDArray[np.int32]] = []
        self._ids: list[int] = []
        self._values: list[tuple[float, float, float, float, float]] = []
        self._flags: list[tuple[bool, bool]] = []
        self._colours: list[NDArray[np.float32]] = []
        self._entropies: list[float] = []

    def __getstate__(self) -> dict[str, Any]:
        """As arrays: an hour of rows in a tenth of a second."""
        return {
            "counts": (self._before, self._highest),
            "frames": np.concatenate([np.zeros(0, np.int32), *self._frames]),
            "ids": np.array(self._ids, np.int64),
            "values": np.array(self._values, np.float64).reshape(-1, 5),
            "flags": np.array(self._flags, bool).reshape(-1, 2),
            "colours": np.array(self._colours, np.float32).reshape(-1, 3, 3),
            "entropies": np.array(self._entropies, np.float64),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._before, self._highest = state["counts"]
        self._frames, self._colours = [state["frames"]], list(state["colours"])
        self._ids, self._entropies = state["ids"].tolist(), state["entropies"].tolist()
        self._values = list(map(tuple, state["values"].tolist()))
        self._flags = list(map(tuple, state["flags"].tolist()))

    def add(self, index: int, regions: Sequence[Region]) -> None:
        """The regions of a frame."""
        self._frames.append(np.full(len(regions), index, np.int32))
        for region in regions:
            self._ids.append(region.label)
            self._values.append((*region.box, region.confidence))
            self._flags.append((region.hidden, region.isolated))
            self._colours.append(UNKNOWN if region.colours is None else region.colours)
            self._entropies.append(np.nan if region.entropy is None else region.entropy)
            self._highest = max(self._highest, region.label)

    def raw_names(self, names: NDArray[np.int32]) -> NDArray[np.int32]:
        """What the labels of this pass's pictures are called: 0 stays 0."""
        return np.concatenate([[0], names[self._before + 1 : self._before + 1 + self._highest]]).astype(np.int32)

    def rows(self) -> PassRows:
        """All of them, in the order of the frames."""
        values = np.array(self._values, np.float32).reshape(-1, 5)
        flags = np.array(self._flags, bool).reshape(-1, 2)
        frames = np.concatenate(self._frames) if self._frames else np.zeros(0, np.int32)
        ids = np.array(self._ids, np.int32) + np.int32(self._before)
        colours = np.array(self._colours, np.float32).reshape(-1, 3, 3)
        rows = PassRows(frames, ids, values[:, :4], values[:, 4], flags[:, 0], flags[:, 1], colours)
        return rows.at(self._order())

    def entropies(self) -> NDArray[np.float32]:
        """(N,) `Region.entropy` of each row; NaN for None."""
        return np.array(self._entropies, np.float32)[self._order()]

    def _order(self) -> NDArray[np.intp]:
        frames = np.concatenate(self._frames) if self._frames else np.zeros(0, np.int32)
        return np.argsort(frames, kind="stable")


def _mirrored(picture: NDArray[Any]) -> NDArray[Any]:
    """Left and right exchanged; a tenth of the time that numpy takes for colours."""
    return np.asarray(cv2.flip(picture, 1))


UNKNOWN = np.full((3, 3), np.nan, np.float32)


def joined(parts: Sequence[PassRows]) -> PassRows:
    """Rows of windows, one after the other."""
    return PassRows._make(np.concatenate(columns) for columns in zip(RowsBuilder().rows(), *parts, strict=True))
