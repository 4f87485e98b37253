"""`Tracker`: for those who have a loop of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from typing import Any

from tracker.api.drawing import Drawing
from tracker.api.frame import TrackedFrame
from tracker.api.plan import SettingsLike, check_rate, main_lane, run_settings
from tracker.background import KnownScenes
from tracker.build import build_lanes
from tracker.choosing import ChosenSetting, suit
from tracker.errors import OptionError, SourceError
from tracker.jobs import ZoneWatch
from tracker.lanes import Lane
from tracker.picture import Picture
from tracker.pipeline import learn_scene
from tracker.prescan import TakenPictures
from tracker.sources import open_images
from tracker.sources.images import checked
from tracker.stopwatch import Stopwatch
from tracker.types import Frame, Image, Moment
from tracker.zone_counts import Passage, ZoneCounts
from tracker.zones import Zones


class Tracker:
    """Tracks one picture at a time: each is decided about without the later ones.

        tracker = Tracker()
        while True:
            moment = tracker.step(camera.read(), time_s=time.monotonic())

    lanes, settings, zones  as of `track`
    fps                     of pictures that come without a time

    The first pictures are taken for the empty scene (`settings.gmm.mixture.warm_up_s`), unless `prepare` has shown it others. Nothing
    runs in the background: what is slow here makes nobody else wait. Raises SettingsError or WeightsError.

    >>> import numpy as np
    >>> tracker = Tracker(lanes=["gmm"], fps=25)
    >>> empty = np.full((120, 160, 3), 90, np.uint8)
    >>> for _ in range(60):
    ...     moment = tracker.step(empty)
    >>> for t in range(20):
    ...     image = empty.copy()
    ...     image[50:80, 2 * t : 2 * t + 20] = 20
    ...     moment = tracker.step(image)
    >>> moment.tracks.ids
    array([1])
    >>> moment.tracks.boxes.round()
    array([[38., 50., 58., 80.]])
    """

    def __init__(
        self, *, lanes: Sequence[str] | str = "slots", settings: SettingsLike = None,
        zones: Zones | Mapping[str, Any] | None = None, fps: float | None = None,
    ) -> None:  # fmt: skip
        check_rate(fps)
        self.settings = run_settings(settings, lanes=lanes, zones=zones)
        self.fps = fps
        self.lane = main_lane(self.settings)
        self.chosen: tuple[ChosenSetting, ...] = ()
        """what `prepare` chose where a setting is `auto`, and why"""
        self._lanes: tuple[Lane, ...] = build_lanes(self.settings)
        self._scenes = KnownScenes()
        self._drawing = Drawing(self.settings)
        self._zones: ZoneWatch | None = None
        self._size: tuple[int, int] | None = None
        self._last: tuple[int, float] | None = None
        self._latest: Moment | None = None

    def prepare(self, images: Sequence[Image]) -> None:
        """Learn the scene from pictures (H, W, 3) spread over the time to come, before the first step; objects may be in them.

        Raises ShapeError or SourceError for what are no pictures of one size, OptionError after the first step.
        """
        if self._last is not None:
            raise OptionError("Tracker.prepare: comes before the first step; `reset` begins anew")
        if not isinstance(images, Iterable):
            raise OptionError(f"images: wanted pictures (H, W, 3), not {images!r}")
        pictures: list[Image] = []
        for n, image in enumerate(images):
            first = pictures[0].shape if pictures else None
            pictures.append(checked(image, n, first and (first[1], first[0])))
        source = open_images(pictures, fps=self.fps or 1)
        unsteadied = self.settings.model_copy(update={"steady": False})  # as the pictures to come are
        suited = suit(unsteadied, source, TakenPictures(pictures, lambda given: given))
        self.chosen = suited.chosen.changes
        before, self._lanes = self._lanes, build_lanes(suited.chosen.settings)
        for old, new in zip(before, self._lanes, strict=True):
            new.identities.go_on_from(old.identities.highest)
        self._scenes = learn_scene(source, self._lanes, prescan=suited.prescan, watch=Stopwatch())
        self._size = source.info.size

    def step(self, image: Image, *, time_s: float | None = None) -> TrackedFrame:
        """The next picture (H, W, 3) uint8 RGB, and who is in it.

        time_s  its time, of any clock that does not go back; None: `fps` a second

        Raises ShapeError for what is no picture or has another size than the first, of `prepare` if there was one, SourceError for
        a time that is not later than the one before.
        """
        index = 0 if self._last is None else self._last[0] + 1
        array = checked(image, index, self._size, copied=True)
        time_s = self._time(index, time_s)
        frame = Frame(index, time_s, Picture.of(array))
        frame = replace(frame, scene=self._scenes.step(frame.tiny, time_s))
        moment = Moment(frame, tuple(lane.step(frame) for lane in self._lanes))
        if self._zones is None:
            self._zones = ZoneWatch(self.settings.zones, self.settings.lanes, frame.size)
        self._size, self._last = frame.size, (index, time_s)
        self._latest = moment = self._zones.step(moment)
        return TrackedFrame(moment, self.lane, self._drawing, self._zones.drawn(moment))

    def passages(self, moment: TrackedFrame) -> tuple[Passage, ...]:
        """Who has entered or left an area or crossed a line, as it became certain with the latest step, which gave `moment`.

        Raises OptionError for the moment of another step: its passages were told then.
        """
        if self._zones is None or moment.moment is not self._latest:
            raise OptionError("Tracker.passages: wanted what the latest step gave; ask after each step")
        return self._zones.passages(moment.moment)

    @property
    def counts(self) -> Mapping[str, ZoneCounts]:
        """The totals of zones so far, by lane."""
        return {} if self._zones is None else self._zones.counts()

    def freeze(self, frozen: bool = True) -> None:
        """While frozen, learn nothing of the scene."""
        for lane in self._lanes:
            lane.segmenter.freeze(frozen)

    def reset(self) -> None:
        """Forget scene, objects and clock; identities go on counting, and so do zones, which everybody leaves.

        The passages that this makes certain are told with those of the next step; their times are of the clock before.
        """
        for lane in self._lanes:
            lane.reset()
        self._scenes, self._last, self._size = KnownScenes(), None, None
        self._drawing.reset()
        if self._zones is not None:
            self._zones.reset()

    def _time(self, index: int, time_s: float | None) -> float:
        if time_s is None:
            if self.fps is None:
                raise SourceError("Tracker.step: when was this picture? Give its time_s, or Tracker(fps=25) for all")
            time_s = index / self.fps
        if isinstance(time_s, str | bool):
            raise OptionError(f"time_s: wanted a number, not {time_s!r}")
        if not isfinite(time_s) or (self._last is not None and time_s <= self._last[1]):
            before = "a finite number" if self._last is None else f"later than {self._last[1]:g} s"
            raise SourceError(f"Tracker.step: picture {index}: time_s {time_s:g}: wanted {before}")
        return time_s
