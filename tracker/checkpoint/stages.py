"""When a run saves, and what it goes on from. A run has one stage (`online`), or forwards, backwards and writing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from tracker.checkpoint.continued import Continued, NextFrame
from tracker.checkpoint.store import CheckpointFolder
from tracker.checkpoint.values import from_bytes, to_bytes
from tracker.smoothing.spill import SpillFolder
from tracker.stopwatch import Stopwatch
from tracker.timing import clock
from tracker.types import Frame, Source

Values = Callable[[], Mapping[str, Any]]
"""the state of a stage, asked for while nothing is worked on"""


GAP_S = 3600.0
"""seconds between two pictures; the run is not saved between such"""


@dataclass
class Checkpoints:
    """Those of one run.

    store    where they go
    every_s  seconds of video from one to the next
    head     what the run is of: input, settings, weights, versions, options (`jobs.saving`)
    known    what belongs to the process, by name: not saved, found again
    reopen   opens the source from a frame on
    watch    whose times go on
    """

    store: CheckpointFolder
    every_s: float
    head: Mapping[str, Any]
    reopen: Callable[[NextFrame], Source]
    watch: Stopwatch
    known: dict[str, object] = field(default_factory=dict)
    sinks: object = None
    """those of the run, saved by the stages that write to them"""
    found: Mapping[str, Any] | None = None
    """what was saved of the stage that the run goes on with"""
    saved: bool = False
    """whether there is a checkpoint to go on from"""

    def __post_init__(self) -> None:
        self.spills = SpillFolder(self.store.folder)
        self.known["spills"] = self.spills
        self._began_s = self.watch.clock()
        self._before_s = 0.0

    def load(self) -> None:
        """Read the state. Raises SinkError if it cannot be."""
        found: Mapping[str, Any] = from_bytes(self.store.data(), self.known)
        self.found, self.saved = found, True
        self._before_s = found["seconds"].get("total", 0.0)
        self.watch.seconds.update(found["seconds"])

    def at(self, stage: str) -> Mapping[str, Any] | None:
        """What was saved, if it was in that stage."""
        return self.found if self.found is not None and self.found["stage"] == stage else None

    def stage(self, name: str, values: Values) -> CheckpointedPass:
        """A pass over the clip that is saved on its way, from where it was saved last."""
        gone_on = self.at(name)
        return CheckpointedPass(self, name, values, gone_on)

    def save(self, stage: str, next_frame: NextFrame | None, values: Mapping[str, Any]) -> None:
        """Save the run; `next_frame` is None between two passes."""
        seconds = dict(self.watch.seconds)
        seconds["total"] = self._before_s + self.watch.clock() - self._began_s
        self.store.make()
        data = to_bytes({"stage": stage, "next_frame": next_frame, "seconds": seconds, **values}, self.known)
        at = {
            "stage": stage,
            "frames": 0 if next_frame is None else next_frame.frame,
            "time_s": None if next_frame is None else next_frame.time_s,
        }
        self.store.save({**self.head, "at": at, "every_s": self.every_s}, data)
        self.saved = True
        self.spills.collect()

    def source(self, whole: Source, next_frame: NextFrame | None) -> Source:
        """The source from a frame on."""
        return whole if next_frame is None else Continued(whole, next_frame, lambda: self.reopen(next_frame))


class CheckpointedPass:
    """One pass: asked by the loop when a frame is read and before it is worked on.

    next_frame   the frame that the pass goes on with; None: its first
    begin  frames of the pass that were worked on before
    known  what the thread that reads knew of them; None where nothing was saved
    """

    def __init__(self, checkpoints: Checkpoints, name: str, values: Values, found: Mapping[str, Any] | None) -> None:
        self.name = name
        self.next_frame = next_frame = None if found is None else found["next_frame"]
        self.begin = 0 if next_frame is None else next_frame.frame
        self.known = None if found is None else found["reading"]
        self._checkpoints, self._values = checkpoints, values
        self._next_s: float | None = None if next_frame is None else next_frame.time_s + checkpoints.every_s
        self._last_s: float | None = None
        self._read: dict[int, Any] = {}
        """by frame, what reading knew before it: reading is some frames ahead of all else"""
        self._lock = threading.Lock()

    def reading(self, frame: Frame, state: object) -> None:
        """A frame was read, by the thread that reads; `state` is what that thread knows of the frames before."""
        last_s, self._last_s = self._last_s, frame.time_s
        if self._next_s is None:
            self._next_s = frame.time_s + self._checkpoints.every_s
        # behind a gap the video may need the picture before once more, which is not saved
        elif frame.time_s >= self._next_s and last_s is not None and frame.time_s - last_s < GAP_S:
            self._next_s = frame.time_s + self._checkpoints.every_s
            with self._lock:
                self._read[frame.index] = deepcopy(state)

    def due(self, frame: Frame) -> bool:
        """Whether the run is to be saved before this frame."""
        with self._lock:
            return frame.index in self._read

    def save(self, frame: Frame, problem: str | None) -> None:
        """Save the run before a frame, while lanes and sinks have done all those before it and nothing else."""
        with self._lock:
            state = self._read.pop(frame.index)
        next_frame = NextFrame(frame.index, frame.time_s, frame.place, problem is not None)
        self._checkpoints.save(self.name, next_frame, {"reading": state, **self._values()})


def left_off(head: Mapping[str, Any]) -> str:
    """Where a checkpoint is, for people."""
    at = head.get("at", {})
    stage, time_s = at.get("stage", "?"), at.get("time_s")
    return f"{stage}, at {clock(time_s)}" if time_s is not None else str(stage)
