"""The sink: takes moments from the loop, and has a thread that encodes and a thread that writes."""

from __future__ import annotations

import os
import queue
import re
import shutil
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import av

from tracker.errors import SinkError
from tracker.sinks.claims import abandoned, hold, recover
from tracker.sinks.outputs import cannot_write, writing
from tracker.sinks.recorder.aligned import Aligner
from tracker.sinks.recorder.encoder import Encoder
from tracker.sinks.recorder.keep import NAME, RecordingPruner, Room
from tracker.sinks.recorder.motion import MotionDetector
from tracker.sinks.recorder.plan import RecordPlan
from tracker.sinks.recorder.samples import Command, RecordedMoment, Sample, Waiting
from tracker.sinks.recorder.writer import Writer
from tracker.sinks.settings import VideoSettings
from tracker.sinks.tables import RowFormat
from tracker.types import Image, Moment, Outcome
from tracker.yuv import YuvImage

MOST_WAITING_BYTES = 64_000_000
"""encoded, for the disk: a minute of 1080p at 8 Mbit/s"""
LOOK_S = 1.0
"""how long the writer waits for a picture before it looks at everything else"""
LOCKED = "recording"
"""the name in a folder that its one recorder claims"""
ENDS: dict[Outcome, str] = {
    "complete": "the run ended",
    "interrupted": "the run was interrupted",
    "failed": "the run failed",
}


class Recorder:
    """Records what a run shows, in segments, as a plan says; see docs/live.md.

    tables        by the ending of a table's name, "gmm.csv": its rows
    render        the picture of a moment, as for `OverlayVideo`
    about         what stands in every segment's summary; with schema_version, settings and versions
    spare         files that are never deleted
    notify        told in one line what the user should know; from any thread
    tell          whether it records, or would if something moved; called when that changes, from any thread
    on            whether it is switched on at first
    now, free     the machine's clock, seconds since 1970, and the bytes that are free in the folder

    The run waits for the encoder, and not for the disk: pictures for which no room is left in the queue to the disk are
    counted as lost, and said. A disk that refuses ends no run: it is said once, and tried again.
    """

    def __init__(
        self,
        plan: RecordPlan,
        *,
        tables: Mapping[str, RowFormat],
        render: Callable[[Moment], Image | YuvImage],
        fps: float | None,
        settings: VideoSettings,
        about: Mapping[str, Any],
        pixel_aspect: float = 1.0,
        spare: Collection[Path] = (),
        notify: Callable[[str], None] = lambda line: None,
        tell: Callable[[bool], None] = lambda recording: None,
        now: Callable[[], float] = time.time,
        free: Callable[[], int] | None = None,
        on: bool = True,
    ) -> None:
        self._plan, self._tables, self._render = plan, tables, render
        self._fps, self._settings, self._pixel_aspect = fps, settings, pixel_aspect
        self._notify, self._now = notify, now
        self._motion = MotionDetector()
        self._writer = Writer(
            plan,
            heads={ending: table.head for ending, table in tables.items()},
            sparse={ending for ending, table in tables.items() if table.sparse},
            about=about,
            keeper=RecordingPruner(plan, spare=spare, notify=notify),
            room=Room(plan.min_free_bytes, free or self._free),
            notify=notify,
            now=now,
            tell=tell,
            on=on,
        )
        self._shots: queue.Queue[RecordedMoment | Command | None] = queue.Queue(settings.queue_frames)
        self._incoming: Iterator[RecordedMoment | Command] = iter(self._shots.get, None)
        self._waiting = Waiting(MOST_WAITING_BYTES)
        self._threads: list[threading.Thread] = []
        self._problem: BaseException | None = None
        self._last_rows: Mapping[str, str] = {}
        self._ended_because = ENDS["complete"]
        self._held = ExitStack()
        self._device: int | None = None

    @property
    def segments(self) -> int:
        """Finished so far."""
        return self._writer.segments

    def claim(self) -> None:
        """Make the folder, be its only recorder, and keep what a killed one left. Raises SinkError."""
        self._held.enter_context(hold(self._plan.folder, LOCKED))
        self._device = os.stat(self._plan.folder).st_dev
        for left in abandoned(self._plan.folder):
            if re.fullmatch(NAME, left.base) and (kept := recover(left)):
                self._notify(f"tracker: what a recording that was killed had written is kept as {kept[0]}")

    def switch(self, on: bool) -> None:
        """Record from now on, or no more; called by the thread that writes moments."""
        if not self._threads:
            self._start()
        self._shots.put("on" if on else "off")

    def write(self, moment: Moment) -> None:
        """Draw, and hand over to the encoder. Raises what went wrong in a thread, but for what the disk refused."""
        self._raise_problem()
        rows = {ending: table.rows(moment) for ending, table in self._tables.items()}
        moves = self._motion.step(moment)
        if not self._threads:
            self._start()
        if not self._writer.armed:
            return
        frame = moment.frame
        age_s = 0.0 if frame.arrived_s is None else time.monotonic() - frame.arrived_s
        wall_s = self._now() - age_s
        picture = self._render(moment)
        self._shots.put(
            RecordedMoment(picture, frame.written, frame.time_s, wall_s, rows, moves, frame.gap, frame.sound)
        )

    def close(self, outcome: Outcome) -> None:
        """Finish the segment and let the folder go. SinkError if at the end the disk took nothing more."""
        try:
            if self._threads:
                self._last_rows = {ending: table.finish() for ending, table in self._tables.items()}
                self._ended_because = ENDS[outcome]
                self._shots.put(None)
                for thread in self._threads:
                    thread.join()
                self._raise_problem()
        finally:
            self._held.close()

    def _start(self) -> None:
        for work in (self._encode, self._write):
            thread = threading.Thread(
                target=self._run, args=(work,), name=f"record {work.__name__.strip('_')}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            self._problem = self._problem or error
            self._waiting.put("end")
            if work == self._encode:  # whoever puts must not wait for a thread that is gone
                for _ in self._incoming:
                    pass

    def _encode(self) -> None:
        encoder: Encoder | None = None
        begins, lost = True, 0
        for shot in self._incoming:
            if not isinstance(shot, RecordedMoment):
                self._waiting.put(shot)  # behind the pictures that came before it
            if not isinstance(shot, RecordedMoment) or not self._writer.armed:
                begins = True
                continue
            if not self._waiting.has_room:
                begins, lost = True, lost + 1
                continue
            if encoder is None or not encoder.fits(shot):
                encoder = Encoder(shot, fps=self._fps, settings=self._settings, pixel_aspect=self._pixel_aspect)
            self._waiting.put(encoder.encode(shot, key=begins, lost=lost))
            if lost:
                self._say_lost(lost)
            begins, lost = False, 0
        if lost:
            self._say_lost(lost)
        self._waiting.put("end")

    def _say_lost(self, lost: int) -> None:
        self._notify(
            f"tracker: {self._plan.folder}: the disk is too slow: {lost} pictures were not recorded; "
            "use a faster disk, or a larger video.crf for smaller files"
        )

    def _write(self) -> None:
        aligner, told = Aligner(), False
        while (item := self._waiting.take(LOOK_S)) != "end":
            samples = aligner.take(item) if isinstance(item, Sample) else aligner.rest()
            for sample in samples:
                self._writer.take(sample)
            if item is None:
                self._writer.look()
            elif item == "on" or item == "off":
                self._writer.switch(item == "on")
            if aligner.problem is not None and not told:
                told = True
                self._notify(f"tracker: {self._plan.folder}: the sound is not recorded: {aligner.problem}")
        for sample in aligner.finish():
            self._writer.take(sample)
        self._writer.close(self._last_rows, self._ended_because)

    def _free(self) -> int:
        """Bytes. SinkError if the folder is not on the disk on which it was: where one was mounted, another one is left."""
        with writing(self._plan.folder):
            if os.stat(self._plan.folder).st_dev != self._device:
                raise SinkError(f"{self._plan.folder}: is not on the disk on which it was at the start; mount it again")
            return shutil.disk_usage(self._plan.folder).free

    def _raise_problem(self) -> None:
        if isinstance(self._problem, av.FFmpegError):
            raise cannot_write(self._plan.folder, self._problem) from self._problem
        if self._problem is not None:
            raise self._problem
