"""What the page of a run needs, gathered while it goes: a sink whose memory does not grow with the clip."""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Callable, Sequence
from statistics import median_low
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.picture import Picture
from tracker.report.data import LaneRecord, Peak, RunRecord
from tracker.report.lives import LaneIdentities
from tracker.timing import REMEMBERED
from tracker.types import Image, Moment, Outcome, same_size_foregrounds

BINS = 2048
GRID_WIDTH = 320
"""most cells of the heat map from left to right"""
BACKGROUND_WIDTH = 960
BACKGROUND_FRAMES = 31
BACKGROUND_BYTES = 200_000
PEAKS = 6
PEAK_BYTES = 40_000
PEAK_GAP_S, PEAK_GAP_SHARE = 1.0, 0.02
"""the frames of most disagreement are at least so far apart: seconds, or share of the run"""
UNKNOWN_STEP_S = 0.04
"""how long a frame lasts, until the next one tells; later the median of the latest: after a pause it lasts no longer"""
TRACKS = 1200
"""whole lives kept, of all lanes together"""


class Record:
    """Remembers of each lane the longest lives and the number of objects; of all, where and when they disagree.

    lanes    their names, in the order in which they are shown
    render   the picture of a moment; called only for frames of most disagreement so far
    colour   an identity's colour as #rrggbb

    Disagreement is about foreground: the pixels that some lanes hold to be object and others do not.
    """

    def __init__(
        self, lanes: Sequence[str], *, render: Callable[[Moment], Image], colour: Callable[[int], str]
    ) -> None:
        self._render = render
        self._colour = colour
        self._lives = {lane: LaneIdentities(max(1, TRACKS // len(lanes))) for lane in lanes}
        self._bins = _Bins(len(lanes) + 1)
        self._heat: NDArray[np.float32] | None = None
        self._background = _Background()
        self._peaks: list[_Peak] = []
        self._frames = 0
        self._width = 0
        self._start_s = self._last_s = 0.0
        self._step_s = UNKNOWN_STEP_S
        self._steps: deque[float] = deque(maxlen=REMEMBERED)

    def write(self, moment: Moment) -> None:
        """Take note of one moment; about a tenth of a millisecond for two lanes of 480 x 360."""
        time_s = moment.frame.time_s
        if self._frames == 0:
            self._start_s, self._width = time_s, moment.frame.size[0]
        elif time_s > self._last_s:
            self._steps.append(time_s - self._last_s)
            self._step_s = median_low(self._steps)
        self._last_s = time_s
        counts = [
            float(lives.add(moment.view(lane).tracks, time_s=time_s, end_s=time_s + self._step_s))
            for lane, lives in self._lives.items()
        ]
        share = self._compare(moment) if len(self._lives) > 1 else 0.0
        self._bins.add(time_s, (*counts, share))
        self._background.add(moment.frame.picture)
        if share > 0:
            self._keep_peak(moment, share)
        self._frames += 1

    def close(self, outcome: Outcome) -> None:
        """Nothing to finish."""

    def result(self) -> RunRecord:
        """What was remembered. Raises ValueError if no moment came."""
        if self._frames == 0:
            raise ValueError("a record of no frames")
        times_s, means = self._bins.means()
        background = self._background.median()
        height, width = background.shape[:2]
        lanes = tuple(
            LaneRecord(
                lane,
                lives.identities,
                round(lives.median_life_s, 3),
                tuple(np.round(objects, 2).tolist()),
                lives.longest(self._colour, scale=width / self._width),
            )
            for (lane, lives), objects in zip(self._lives.items(), means[:-1], strict=True)
        )
        several = len(lanes) > 1
        heat, heat_most = self._heat_picture()
        chosen = sorted(_far_apart(self._peaks, self._gap_s())[:PEAKS], key=lambda peak: peak.time_s)
        peaks = tuple(
            Peak(peak.frame, round(peak.time_s, 3), round(peak.share, 5), _jpeg(peak.image, PEAK_BYTES))
            for peak in chosen
        )
        return RunRecord(
            frames=self._frames,
            start_s=self._start_s,
            end_s=round(self._last_s + self._step_s, 3),
            times_s=tuple(np.round(times_s, 3).tolist()),
            lanes=lanes,
            disagreement=tuple(np.round(means[-1], 5).tolist()) if several else None,
            background=_jpeg(background, BACKGROUND_BYTES),
            background_size=(width, height),
            heat=heat,
            heat_most=round(heat_most, 4),
            peaks=peaks,
        )

    def _compare(self, moment: Moment) -> float:
        """Add to the heat map; returns the share of the pixels on which not all lanes agree."""
        found = same_size_foregrounds([moment.view(lane).segmentation for lane in self._lives])
        any_, all_ = found[0], found[0]
        for foreground in found[1:]:
            any_, all_ = any_ | foreground, all_ & foreground
        differ = any_ ^ all_
        height, width = differ.shape
        block = -(-width // GRID_WIDTH)
        if self._heat is None:
            self._heat = np.zeros((-(-height // block), -(-width // block)), np.float32)
        if not (count := np.count_nonzero(differ)):
            return 0.0
        # whole blocks make the averaging quick; the border's are filled up with agreement
        rows, columns = self._heat.shape
        grey = differ.view(np.uint8) * np.uint8(255)
        if (rows * block, columns * block) != (height, width):
            grey = np.pad(grey, ((0, rows * block - height), (0, columns * block - width)))
        cv2.accumulate(cv2.resize(grey, (columns, rows), interpolation=cv2.INTER_AREA), self._heat)
        return float(count / differ.size)

    def _heat_picture(self) -> tuple[str | None, float]:
        if self._heat is None:
            return None, 0.0
        share = self._heat / np.float32(255 * self._frames)
        some = share[share > 0]
        most = float(np.percentile(some, 99)) if some.size else 0.0  # one hot spot would leave all else black
        # 32 steps are as many as an eye tells apart, and half the bytes
        grey = np.round(np.minimum(share / most, 1) * 31) * (255 / 31) if most else share
        _, data = cv2.imencode(".png", grey.astype(np.uint8), [cv2.IMWRITE_PNG_COMPRESSION, 9])
        return _address("png", data.tobytes()), most

    def _gap_s(self) -> float:
        return max(PEAK_GAP_S, PEAK_GAP_SHARE * (self._last_s - self._start_s))

    def _keep_peak(self, moment: Moment, share: float) -> None:
        """Draw and keep the moment if it stands out; twice as many are kept as are shown."""
        if len(self._peaks) == 2 * PEAKS and share <= self._peaks[-1].share:
            return
        near = [peak.share for peak in self._peaks if abs(peak.time_s - moment.frame.time_s) < self._gap_s()]
        if near and share < 1.05 * max(near):  # a slow rise would have every frame drawn
            return
        image = self._render(moment)
        width = min(image.shape[1], max(480, 320 * len(self._lives)), 960)
        self._peaks.append(_Peak(moment.frame.written, moment.frame.time_s, share, _of_width(image, width).copy()))
        self._peaks = _far_apart(self._peaks, self._gap_s())[: 2 * PEAKS]


class _Peak(NamedTuple):
    frame: int
    time_s: float
    share: float
    image: Image


class _Bins:
    """Means of some numbers over runs of frames; when all bins are full, neighbours are joined."""

    def __init__(self, rows: int) -> None:
        self._sums = np.zeros((rows, BINS))
        self._counts = np.zeros(BINS, int)
        self._starts_s = np.zeros(BINS)
        self._width = 1
        self._at = 0

    def add(self, time_s: float, values: Sequence[float]) -> None:
        if self._counts[self._at] == self._width:
            self._at += 1
            if self._at == BINS:
                self._join()
        if self._counts[self._at] == 0:
            self._starts_s[self._at] = time_s
        self._sums[:, self._at] += values
        self._counts[self._at] += 1

    def means(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(B,) times at which the bins begin, (rows, B) means."""
        used = slice(0, self._at + 1)
        return self._starts_s[used], self._sums[:, used] / self._counts[used]

    def _join(self) -> None:
        half = BINS // 2
        for array in (self._sums, self._counts[None]):
            array[:, :half] = array[:, ::2] + array[:, 1::2]
            array[:, half:] = 0
        self._starts_s[:half] = self._starts_s[::2]
        self._width *= 2
        self._at = half


class _Background:
    """The median of frames spread over a run of any length."""

    def __init__(self) -> None:
        self._kept: list[Image] = []
        self._stride = 1
        self._seen = 0

    def add(self, picture: Picture) -> None:
        if self._seen % self._stride == 0:
            if len(self._kept) == BACKGROUND_FRAMES:
                self._kept = self._kept[::2]
                self._stride *= 2
            if self._seen % self._stride == 0:
                self._kept.append(picture.at(BACKGROUND_WIDTH).copy())
        self._seen += 1

    def median(self) -> Image:
        """Per pixel and channel, the lower of the two for an even number. Row by row: a sort in place copies all."""
        shape = self._kept[0].shape
        kept = [image for image in self._kept if image.shape == shape]
        middle = (len(kept) - 1) // 2
        out = np.empty(shape, np.uint8)
        for rows in range(0, shape[0], 32):
            part = np.stack([image[rows : rows + 32] for image in kept])
            part.partition(middle, axis=0)
            out[rows : rows + 32] = part[middle]
        return out


def _far_apart(peaks: Sequence[_Peak], gap_s: float) -> list[_Peak]:
    """The highest, and then each next one that is not too near to one taken."""
    taken: list[_Peak] = []
    for peak in sorted(peaks, key=lambda peak: -peak.share):
        if all(abs(peak.time_s - other.time_s) >= gap_s for other in taken):
            taken.append(peak)
    return taken


def _of_width(image: Image, width: int) -> Image:
    if image.shape[1] == width:
        return image
    size = (width, max(1, round(image.shape[0] * width / image.shape[1])))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _jpeg(image: Image, most_bytes: int) -> str:
    """As a data address, at the best of some qualities that keeps below that size."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    for quality in (85, 70, 55, 40, 25, 10):
        _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if len(data) <= most_bytes:
            break
    return _address("jpeg", data.tobytes())


def _address(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
