"""What a live run has beside a job's files: controls, a status, and whoever shows pictures as they come."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tracker.controls import Board, Controls
from tracker.draw import Overlay
from tracker.events import EventFinder
from tracker.lanes import Lane
from tracker.sources import Watching
from tracker.types import Moment, Outcome, Sink, SourceInfo

OVER_FRAMES = 60
"""frames over which rate and delay are told"""

SinkBuilder = Callable[[Overlay, Mapping[str, EventFinder], SourceInfo], Sequence[Sink]]


@dataclass
class Live:
    """Who asks for what while a run goes on, and who is told how it goes.

    also      build the sinks that a live run has beside the job's own: a page, a recorder, a hook; asked once a segment
    watching  how long is waited for the source, and whether a file begins again
    """

    controls: Controls = field(default_factory=Controls)
    board: Board = field(default_factory=Board)
    also: list[SinkBuilder] = field(default_factory=list)
    watching: Watching = field(default_factory=Watching)

    def sinks(self, overlay: Overlay, finders: Mapping[str, EventFinder], info: SourceInfo) -> list[Sink]:
        """The live sinks of a run; the first keeps the status."""
        built = [sink for build in self.also for sink in build(overlay, finders, info)]
        return [*built, Pace(self.board)]

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

        def freeze(frozen: object) -> None:
            for lane in lanes:
                lane.segmenter.freeze(bool(frozen))
            self.board.change(frozen=bool(frozen))

        def pause(paused: object) -> None:
            self.board.change(state="paused" if paused else "live")

        self.controls.on("reset", reset)
        self.controls.on("freeze", freeze)
        self.controls.on("pause", pause)


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
