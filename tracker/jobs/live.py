"""What a live run has beside a job's files: controls, a status, and whoever shows pictures as they come."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tracker.build import build_prescan
from tracker.controls import Board, Controls
from tracker.draw import Overlay
from tracker.errors import SettingsError
from tracker.events import EventFinder
from tracker.hooks.hook import RunMark
from tracker.jobs.state import Kept, StateKeeper, check_state
from tracker.jobs.zones import ZoneWatch, check_zones_file
from tracker.lanes import Lane
from tracker.settings import RunSettings
from tracker.sinks import refuse_input, refuse_taken
from tracker.sources import Watching
from tracker.types import Moment, Outcome, Sink, SourceInfo
from tracker.zones import Zones

OVER_FRAMES = 60
"""frames over which rate and delay are told"""

SinkBuilder = Callable[[Overlay, Mapping[str, EventFinder], SourceInfo], Sequence[Sink]]


@dataclass
class Live:
    """Who asks for what while a run goes on, and who is told how it goes.

    also      build the sinks that a live run has beside the job's own: a page, a recorder, a hook; asked once a segment
    watching  how long is waited for the source, and whether a file begins again
    state     the file by which a run goes on where the one before it ended
    parts     what else goes on with it, by name
    """

    controls: Controls = field(default_factory=Controls)
    board: Board = field(default_factory=Board)
    also: list[SinkBuilder] = field(default_factory=list)
    watching: Watching = field(default_factory=Watching)
    mark: RunMark = field(default_factory=RunMark)
    """by which the page and those who are sent its events know the run"""
    served: bool = False
    """whether there is a page"""
    zones: ZoneWatch | None = None
    """what is counted where; there before the sinks are built"""
    save_zones: Path | None = None
    """settings file for zones that are drawn while it goes on"""
    state: Path | None = None
    parts: dict[str, Kept] = field(default_factory=dict)
    keeper: StateKeeper | None = None
    """of the present segment; made by `take_up`"""
    records: bool = True
    """what was asked of the recorder last; one that is built later in the run begins so"""

    def check(self, taken: Mapping[str, Path] | None = None, inputs: Sequence[Path] = ()) -> None:
        """Raise SinkError for a state or zones that could not be written, SettingsError if no settings stand there.

        taken  the job's own files, by role; inputs  those that it reads: zones may be saved in one of these
        """
        for option, path in (("--state", self.state), ("--save-zones", self.save_zones)):
            if path is not None:
                refuse_taken(path, (taken or {}).values(), option)
        if self.state is not None:
            refuse_input(self.state, inputs)
            check_state(self.state)
        if self.save_zones is not None:
            check_zones_file(self.save_zones)

    def take_up(
        self,
        address: str,
        settings: RunSettings,
        info: SourceInfo,
        lanes: Sequence[Lane],
        notify: Callable[[str], None],
    ) -> None:
        """Go on with the state, if there is one that fits; `notify` is told."""
        if self.state is not None:
            width = build_prescan(settings).width
            self.keeper = StateKeeper(
                self.state, address=address, settings=settings, info=info, lanes=lanes, width=width, notify=notify,
                parts=self.parts,
            )  # fmt: skip

    @property
    def knows_scene(self) -> bool:
        """Whether the run before has left the scene."""
        return self.keeper is not None and self.keeper.knows_scene

    def sinks(self, overlay: Overlay, finders: Mapping[str, EventFinder], info: SourceInfo) -> list[Sink]:
        """The live sinks of a run; the first keeps the status."""
        built = [sink for build in self.also for sink in build(overlay, finders, info)]
        kept = [] if self.keeper is None else [self.keeper]
        return [*kept, *built, Pace(self.board)]

    def outages(self, name: str, notify: Callable[[str], None]) -> Callable[[str | None], None]:
        """What a source is to tell while it gives no picture: the board shows it, `notify` has a line at begin and end."""
        missing = False

        def tell(line: str | None) -> None:
            nonlocal missing
            if line is not None:
                self.board.change(state="waiting", note=line)
                if not missing:
                    notify(f"tracker: {name}: {line}")
            elif missing:
                self.board.change(state="paused" if self.controls.paused else "live", note="")
                notify(f"tracker: {name}: the picture is back")
            missing = line is not None

        return tell

    def lead(self, lanes: Sequence[Lane]) -> None:
        """Let the controls act on these lanes."""

        def reset(_: object) -> None:
            for lane in lanes:
                lane.reset()
            if self.keeper is not None:
                self.keeper.forget()

        def freeze(frozen: object) -> None:
            for lane in lanes:
                lane.segmenter.freeze(bool(frozen))
            self.board.change(frozen=bool(frozen))

        def pause(paused: object) -> None:
            self.board.change(state="paused" if paused else "live")

        self.controls.on("reset", reset)
        self.controls.on("freeze", freeze)
        self.controls.on("pause", pause)

    def watch(self, zones: ZoneWatch, notify: Callable[[str], None]) -> None:
        """Let the controls replace these zones; `notify` is told of some that cannot be used, and the old ones stay."""

        def replace_by(wanted: Zones) -> None:
            try:
                zones.use(wanted)
            except SettingsError as error:
                notify(f"tracker: {error}")

        self.zones = zones
        self.controls.on("zones", replace_by)


class Pace:
    """A sink, the last of a run, that tells rate and delay."""

    def __init__(self, board: Board, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._board, self._clock = board, clock
        self._latest: deque[tuple[float, float]] = deque(maxlen=OVER_FRAMES)  # when shown, and how late

    def write(self, moment: Moment) -> None:
        """Count a moment that the sinks before have taken."""
        now = self._clock()
        arrived = moment.frame.arrived_s
        self._latest.append((now, 0.0 if arrived is None else now - arrived))
        shown, delays = zip(*self._latest, strict=True)
        spent = shown[-1] - shown[0]
        fps = (len(shown) - 1) / spent if spent > 0 else 0.0
        self._board.change(state="live", note="", fps=fps, delay_ms=1000 * sorted(delays)[len(delays) // 2])

    def close(self, outcome: Outcome) -> None:
        """Say that it is over."""
        self._board.change(state="ended")
