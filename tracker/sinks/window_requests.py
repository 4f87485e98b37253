"""What the user of a window asks, handed to the run's controls; and how the run goes, as text for the window."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from tracker.controls import Action, Board, Controls, Status
from tracker.errors import TrackerError
from tracker.sinks.window_protocol import ASK, STOP, ZONE, Points, StatusText, read_corners

SWITCHES: tuple[Action, ...] = ("pause", "freeze", "record")


@dataclass(frozen=True)
class WindowRun:
    """The run that a window shows and controls.

    lanes     those to show, by the name that a key asks for: gmm, slots, both
    add_zone  makes a polygon, in shares of the window's picture, an area of the run and says so in one line; raises
              TrackerError with what is wrong. None: zones cannot be drawn
    """

    controls: Controls
    board: Board
    lanes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    add_zone: Callable[[Points], str] | None = None


class Requests:
    """Lines of the window's process in, requests to the controls out.

    answer  given a short text for the user: what became of a request, or why nothing did
    """

    def __init__(self, run: WindowRun, answer: Callable[[str], None]) -> None:
        self._run, self._answer = run, answer
        self._seen = self._states(run.board.status)
        self._wanted = dict(self._seen)
        """of each switch, as it will be once the run has done what was asked"""

    def see(self, status: Status) -> None:
        """A new status: a switch that somebody else has used stands where it now is."""
        states = self._states(status)
        for switch, state in states.items():
            if state != self._seen[switch]:
                self._wanted[switch] = state
        self._seen = states

    def hear(self, line: str) -> None:
        """Carry out one line of the window's."""
        word, _, rest = line.strip().partition(" ")
        try:
            if word == STOP:
                self._run.controls.ask("stop")
            elif word == ZONE:
                self._answer(self._zone(rest))
            elif word == ASK:
                self._ask(rest)
        except TrackerError as error:
            self._answer(str(error))

    def go_on(self) -> None:
        """A run whose window is gone could not be asked to go on any more."""
        if self._run.controls.paused:
            self._run.controls.ask("pause", False)

    def _ask(self, name: str) -> None:
        controls = self._run.controls
        if name in SWITCHES:
            controls.ask(name, not self._wanted[name])
            self._wanted[name] = not self._wanted[name]
        elif name in ("gmm", "slots", "both"):
            self._show(name)
        elif name == "reset":
            controls.ask("reset")
            self._answer("the scene is learned anew")
        elif name == "snapshot":
            kept: Future[Path] = Future()
            controls.ask("snapshot", kept)
            kept.add_done_callback(self._say_kept)

    def _show(self, name: str) -> None:
        lanes = self._run.lanes.get(name, ())
        if not lanes:
            self._answer(f"lane {name}: does not run")
            return
        self._run.controls.ask("lanes", lanes)

    def _zone(self, text: str) -> str:
        if self._run.add_zone is None:
            return "zones: cannot be drawn in this run"
        return self._run.add_zone(read_corners(text))

    def _say_kept(self, kept: Future[Path]) -> None:
        error = kept.exception()
        self._answer(f"kept as {kept.result()}" if error is None else f"{error}")

    def _states(self, status: Status) -> dict[Action, bool]:
        return {"pause": self._run.controls.paused, "freeze": status.frozen, "record": status.recording}


def status_text(status: Status, *, paused: bool) -> StatusText:
    """A status as a window tells it."""
    numbers = (f"{status.fps:.1f} fps", f"{status.delay_ms:.0f} ms delay", f"{status.dropped} dropped")
    states = {"paused": paused, "frozen": status.frozen, "recording": status.recording}
    flags = (*(name for name, on in states.items() if on), status.effort, status.hooks)
    return StatusText(numbers, tuple(flag for flag in flags if flag), status.note)
