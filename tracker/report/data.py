"""What the page of a run says, as plain values: `dataclasses.asdict` of any of them is JSON.

Times are seconds from the clip's first frame; the page itself takes `RunRecord.start_s` off where the video counts.
Pictures are `data:` addresses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from tracker.errors import ShapeError
from tracker.types import Event, Finding, Outcome
from tracker.zone_counts import ZoneCounts


@dataclass(frozen=True)
class TrackLife:
    """One identity from its first frame to its last."""

    id: int
    colour: str
    """#rrggbb, the one that it has in the video"""
    seen_frames: int
    spans: tuple[tuple[float, float, bool], ...]
    """(from, to, hidden) in seconds, in order; between them it was not reported at all"""
    path: tuple[tuple[int, int], ...]
    """(x, y) of the feet (the box's bottom centre) in pixels of `RunRecord.background_size`, where it was seen"""


@dataclass(frozen=True)
class LaneRecord:
    """What one lane made of the run."""

    name: str
    identities: int
    median_life_s: float
    """half the identities were seen for longer, from the first frame to the last"""
    objects: tuple[float, ...]
    """objects seen in a frame, mean by bin"""
    tracks: tuple[TrackLife, ...]
    """by birth; the longest lived if there were more"""


@dataclass(frozen=True)
class Peak:
    """A frame in which the lanes disagree more than in those around it."""

    frame: int
    """as tables write it"""
    time_s: float
    share: float
    """of the picture's pixels that some lanes hold to be object and others do not"""
    picture: str


@dataclass(frozen=True)
class RunRecord:
    """What a `Record` remembers of a run."""

    frames: int
    start_s: float
    """time of the first frame: 0 unless the run began inside the clip"""
    end_s: float
    """when the last frame ends"""
    times_s: tuple[float, ...]
    """where each bin of the curves begins"""
    lanes: tuple[LaneRecord, ...]
    disagreement: tuple[float, ...] | None
    """share of the picture's pixels on which the lanes disagree, mean by bin; None for a single lane"""
    background: str
    """the scene without what moves"""
    background_size: tuple[int, int]
    """(width, height)"""
    heat: str | None
    """grey picture of where the lanes disagree: 255 where most; None for a single lane"""
    heat_most: float
    """share of the frames, with disagreement there, from which on the heat is 255"""
    peaks: tuple[Peak, ...]
    """by time"""


@dataclass(frozen=True)
class ErrorCurves:
    """A lane's mistakes against a truth in the bins of the curves; None where nothing is known."""

    misses: tuple[float | None, ...]
    """mean of a frame"""
    false_boxes: tuple[float | None, ...]
    """mean of a frame"""
    switches: tuple[int | None, ...]
    """sum"""
    unit: Literal["boxes", "pixels"] = "boxes"
    """boxes; or pixels that were missed and falsely found, in percent of those that the truth speaks of"""

    @classmethod
    def binned(
        cls,
        run: RunRecord,
        times_s: Sequence[float],
        *,
        misses: ArrayLike,
        false_boxes: ArrayLike,
        switches: ArrayLike,
        unit: Literal["boxes", "pixels"] = "boxes",
    ) -> ErrorCurves:
        """The curves from (T,) counts by frame and the frames' (T,) times, rising, in seconds from the clip's first.

        Frames outside the run are left out. Raises ShapeError if the arrays differ in length.
        """
        counts = np.array([misses, false_boxes, switches], float)
        if counts.shape != (3, len(times_s)):
            raise ShapeError(f"errors by frame: {counts.shape}, wanted (3, {len(times_s)}), one for each time")
        times = np.asarray(times_s, float)
        known = (times >= run.start_s - 1e-6) & (times < run.end_s)
        # a frame's time may come from elsewhere: half a millisecond is a lot less than a frame
        where = np.searchsorted(np.asarray(run.times_s), times[known] + 5e-4, side="right") - 1
        frames = np.bincount(where, minlength=len(run.times_s))
        sums = [np.bincount(where, weights=row[known], minlength=len(run.times_s)) for row in counts]
        means = [
            tuple(round(s / n, 3) if n else None for s, n in zip(row, frames, strict=True))
            for row in (sums[0], sums[1])
        ]
        summed = tuple(int(s) if n else None for s, n in zip(sums[2], frames, strict=True))
        return cls(means[0], means[1], summed, unit)


@dataclass(frozen=True)
class DifferenceRow:
    """One score of two lanes, and how sure their difference is."""

    score: str
    lane_a: str
    lane_b: str
    a: float
    b: float
    low: float
    """low to high is the 95 % interval of b - a"""
    high: float


@dataclass(frozen=True)
class FileLink:
    """A file beside the page."""

    name: str
    what: str
    """a few words for people"""


Plain = float | int | str | None


@dataclass(frozen=True)
class ReportData:
    """Everything that the page of a run says."""

    title: str
    """the clip's name"""
    size: tuple[int, int]
    """(width, height) of the clip in pixels"""
    fps: float | None
    outcome: Outcome
    run: RunRecord
    problem: str | None = None
    """one line on what of the clip was not readable"""
    pixel_aspect: float = 1.0
    """width of a pixel over its height, as the pictures are to be shown"""
    video: str | None = None
    """the video's file name, beside the page"""
    events: tuple[Event, ...] = ()
    """in any order; the page chooses"""
    event_counts: Mapping[tuple[str, str], int] | None = None
    """by (kind, lane), where `events` are only some of them; None: they are all"""
    events_files: tuple[str, ...] = ()
    """where all of them are, beside the page"""
    findings: tuple[Finding, ...] = ()
    zones: Mapping[str, ZoneCounts] = field(default_factory=dict)
    """by lane, the same areas and lines of each; {} without zones"""
    scores: Mapping[str, Mapping[str, Mapping[str, Plain]]] = field(default_factory=dict)
    """lane: group ("identity", "foreground", "clusters"): name: value; {} without truth"""
    differences: tuple[DifferenceRow, ...] = ()
    errors: Mapping[str, ErrorCurves] = field(default_factory=dict)
    """by lane"""
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    """milliseconds a frame by stage of the loop, as in the summary: "decode", "lane gmm", "sink OverlayVideo", "total" """
    once_s: Mapping[str, float] = field(default_factory=dict)
    """seconds by what is done once a run"""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """of the run, JSON-able"""
    chosen: tuple[str, ...] = ()
    """what the program chose where a setting is `auto`, a line each with its reason; the usual values are left out"""
    seed: int | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    weights: Mapping[str, str | None] = field(default_factory=dict)
    """digest of a lane's weights, None for a lane without"""
    files: tuple[FileLink, ...] = ()
