"""`process` and `compare`: whole runs with their files, and what they found as a value."""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tracker.api.plan import SettingsLike, SourceLike, main_lane, path_of, plan, run_settings
from tracker.api.stream import tell
from tracker.errors import OptionError
from tracker.exports import Table, coco_document, table_of
from tracker.exports.annotations import read_masks
from tracker.exports.table import COLUMNS
from tracker.jobs import process as jobs_process
from tracker.jobs.outputs import Finders
from tracker.numbering import Numbering
from tracker.opencv_threads import one_opencv_thread
from tracker.sinks.tables import with_areas
from tracker.types import Event, Moment, Outcome, Sink
from tracker.zone_counts import Passage, ZoneCounts
from tracker.zones import Zones


@dataclass(frozen=True)
class LaneResult:
    """What one lane found in a run."""

    tracks: Table
    """a row an object and frame; `to_pandas()` gives a DataFrame"""
    events: tuple[Event, ...]
    """births, deaths, occlusions, merges, splits, suspected switches, in the order in which they became certain; `frame` and `end_frame`
    are what `tracks` and the events file call these frames"""
    passages: tuple[Passage, ...]
    """who entered or left an area or crossed a line"""
    counts: ZoneCounts
    """the totals of areas and lines"""

    def __repr__(self) -> str:
        return f"<LaneResult: {self.tracks!r}, {len(self.events)} events, {len(self.passages)} passages>"


@dataclass(frozen=True)
class RunResult:
    """What a run came to. `tracks`, `events`, `passages` and `counts` are those of `lane`; `lanes` has every lane's."""

    lane: str
    lanes: Mapping[str, LaneResult]
    summary: Mapping[str, Any]
    """settings, versions, what was chosen where a setting is `auto`, health, milliseconds by stage: as in NAME.summary.json"""
    files: tuple[Path, ...]
    """files and folders that were written"""
    warnings: tuple[str, ...]
    """a line each: what of the run's health one should know"""
    earlier: tuple[Mapping[str, LaneResult], ...] = ()
    """of a camera whose pictures changed their size: every lane's before that, for each size in turn. Frames count anew and places are
    pixels of another picture; times and identities go on"""

    def __repr__(self) -> str:
        shown = ", ".join(f"{name} {found!r}" for name, found in self.lanes.items())
        return f"<RunResult of lane {self.lane}: {shown}, {len(self.files)} files, {len(self.warnings)} warnings>"

    def to_coco(self) -> dict[str, Any]:
        """COCO's annotations of what was seen, as `tracker export --to coco` has them; with masks where `masks="rle"` wrote them."""
        source = self.summary["source"]
        ending = f".{self.lane}.masks.json"
        files = [path for path in self.files if path.name.endswith(ending)]
        masks = {(mask.frame, mask.id): mask for path in files for mask in read_masks(path)}
        return coco_document(self.tracks, size=(source["width"], source["height"]), masks=masks or None)

    @property
    def tracks(self) -> Table:
        return self.lanes[self.lane].tracks

    @property
    def events(self) -> tuple[Event, ...]:
        return self.lanes[self.lane].events

    @property
    def passages(self) -> tuple[Passage, ...]:
        return self.lanes[self.lane].passages

    @property
    def counts(self) -> ZoneCounts:
        return self.lanes[self.lane].counts


def process(
    source: SourceLike, output: str | os.PathLike[str] | None = None, *, lanes: Sequence[str] | str = ("gmm", "slots"),
    settings: SettingsLike = None, zones: Zones | Mapping[str, Any] | None = None, online: bool | None = None,
    prescan: bool = True, start_s: float = 0.0, duration_s: float | None = None, max_frames: int | None = None,
    fps: float | None = None, video: bool = True, audio: bool = True, masks: Literal["png", "rle"] | None = None, overwrite: bool = False,
    progress: Callable[[int, int | None, str], None] | None = None,
) -> RunResult:  # fmt: skip
    """Track everything that moves in a source, to its end: `tracker process` as a function.

        result = tracker.process("video.mp4", "out.mp4")
        result.tracks.to_pandas()

    output    NAME.mp4, the overlay, with the tables beside it; None: nothing is written
    video, audio, masks    as --no-video, --no-audio and --masks of the command line
    progress  called after each frame with the frames done, those expected (None if unknown) and the stage's name
    others    as of `track`

    Ctrl+C finishes the files with the frames so far and is raised as KeyboardInterrupt then. Raises what `tracker process` would
    tell: SourceError, SinkError, SettingsError, WeightsError.

    >>> import numpy as np
    >>> clip = np.full((60, 120, 160, 3), 90, np.uint8)
    >>> for t, image in enumerate(clip):
    ...     image[50:80, 2 * t : 2 * t + 20] = 20
    >>> result = process(clip, lanes="gmm", fps=25)
    >>> sorted(set(result.tracks.id.tolist())), result.events[0].kind
    ([1], 'birth')
    """
    made = run_settings(settings, lanes=lanes, zones=zones, online=online, prescan=prescan)
    where = {
        "output": None if output is None else path_of("output", output),
        "overwrite": overwrite,
        "video": video,
        "sound": audio,
        "masks": masks,
    }
    return _run(source, made, progress, fps, start_s=start_s, duration_s=duration_s, max_frames=max_frames, **where)


def compare(
    source: SourceLike, folder: str | os.PathLike[str], *, lanes: Sequence[str] = ("gmm", "slots"),
    settings: SettingsLike = None, zones: Zones | Mapping[str, Any] | None = None, truth: str | os.PathLike[str] | None = None,
    rows: Literal["places", "numbers"] | None = None, online: bool | None = None, start_s: float = 0.0, duration_s: float | None = None,
    max_frames: int | None = None, fps: float | None = None, overwrite: bool = False,
    progress: Callable[[int, int | None, str], None] | None = None,
) -> RunResult:  # fmt: skip
    """The lanes side by side, as a page: `tracker compare` as a function. The page is report.html in `folder`.

    truth   a MOT table or a folder of masks: the page then has scores, and so has `summary`
    rows    what the frames of truth's table count: places in the clip from 1, or the pictures' own numbers; None: asked where they differ
    others  as of `process`
    """
    made = run_settings(settings, lanes=lanes, zones=zones, online=online)
    where = {"output": path_of("folder", folder) / "compare.mp4", "overwrite": overwrite, "compare": True}
    where["truth"] = None if truth is None else path_of("truth", truth)
    if rows not in (None, "places", "numbers"):
        raise OptionError(f"rows: wanted places or numbers, not {rows!r}")
    if rows is not None and truth is None:
        raise OptionError("rows: is about the table of truth; leave it out, or give truth")
    where["truth_rows"] = rows
    return _run(source, made, progress, fps, start_s=start_s, duration_s=duration_s, max_frames=max_frames, **where)


def _run(source: SourceLike, settings: Any, progress: Any, fps: float | None, **job: Any) -> RunResult:
    if progress is not None and not callable(progress):
        raise OptionError(f"progress: wanted a function, not {progress!r}")
    planned = plan(source, settings, fps=fps, **job)
    collected: list[_Collector] = []

    def also(finders: Finders) -> Sequence[Sink]:
        collected.append(_Collector(finders, settings.lanes))
        return collected[-1:]

    def attend(done: int, expected: int | None, /, *, stage: str = "") -> None:
        if progress is not None:
            progress(done, expected, stage)

    with one_opencv_thread():
        result = jobs_process(
            planned.job,
            planned.settings,
            progress=attend,
            notify=tell,
            live=planned.live,
            opener=planned.opener,
            also=also,
        )
    if result.report.problem:
        tell(result.report.problem)
    if result.report.outcome == "interrupted":
        raise KeyboardInterrupt
    *earlier, lanes = (each.results() for each in collected)
    return RunResult(main_lane(settings), lanes, result.summary, result.files, result.warnings, tuple(earlier))


class _Collector:
    """A sink that keeps every lane's rows, events and passages."""

    def __init__(self, finders: Finders, lanes: Sequence[str]) -> None:
        self._finders = finders
        self._rows = {lane: array("d") for lane in lanes}
        self._whole = {lane: array("q") for lane in lanes}
        """frames and ids, which floating point does not hold where pictures are called by their time"""
        self._gaps: list[tuple[float, float]] = []
        self._numbering = Numbering()
        self._events: dict[str, list[Event]] = {lane: [] for lane in lanes}
        self._passages: dict[str, list[Passage]] = {lane: [] for lane in lanes}

    def write(self, moment: Moment) -> None:
        self._numbering.add(moment.frame)
        if moment.frame.gap is not None:
            self._gaps.append((moment.frame.written, moment.frame.gap.from_s))
        for view in moment.views:
            frame, rows = moment.frame, self._rows[view.lane]
            for track, area in with_areas(view):
                self._whole[view.lane].extend((frame.written, track.id))
                rows.extend((frame.written, frame.time_s, track.id, *track.box, track.confidence, track.hidden, area))
            self._events[view.lane] += self._finders.events[view.lane](moment)
            self._passages[view.lane] += self._finders.zones.counter(view.lane)(moment)

    def close(self, outcome: Outcome) -> None:
        for lane in self._rows:
            self._events[lane] += self._finders.events[lane].finish()
            self._passages[lane] += self._finders.zones.counter(lane).finish()

    def results(self) -> dict[str, LaneResult]:
        """By lane, in the order of the run."""
        counts = self._finders.zones.counts()
        gaps = np.array(self._gaps, np.float64).reshape(-1, 2)
        return {
            lane: LaneResult(
                table_of(
                    np.frombuffer(self._whole[lane], np.int64).reshape(-1, 2),
                    np.frombuffer(rows, np.float64).reshape(-1, COLUMNS), gaps,
                ),
                tuple(event.numbered(self._numbering.written) for event in self._events[lane]), tuple(self._passages[lane]), counts[lane],
            )
            for lane, rows in self._rows.items()
        }  # fmt: skip
