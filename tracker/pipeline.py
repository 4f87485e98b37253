"""The one loop: a frame is decoded once, every lane looks at it, every sink is handed the result.

    source -> read ahead -> lane gmm   -> moment -> video, tables, masks, window, scores
                         -> lane slots ->

Reading, each lane, the sinks and the encoder of the video have a thread each.

Processing a file, watching a camera and comparing the two methods are this loop with other lanes and sinks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from tracker.background import KnownScenes
from tracker.controls import Controls
from tracker.errors import SourceError
from tracker.interrupt import Interrupts
from tracker.lanes import Lane, Pauses, Spares, moments, prepare
from tracker.prescan import Prescan, PrescanSource
from tracker.sources import ReadAhead, read_ahead
from tracker.splitting import Seam
from tracker.steadying import Steadying
from tracker.stopwatch import Stopwatch
from tracker.types import Frame, Image, Moment, Outcome, Sink, Source

PRESCAN = Prescan()
"""What is looked at where nothing else is said."""

FRAMES_AHEAD = 2
"""frames of a file that lanes are ahead of the sinks: enough that neither waits for the other's slow frame"""

ATTEND_S = 0.1
"""how long the loop waits for a live frame before it attends to its controls again"""

ONCE = ("prescan", "close")
"""Stages that are no part of the loop."""


class Progress(Protocol):
    """Who is told how far a run is."""

    def __call__(self, done: int, expected: int | None, /, *, stage: str = ...) -> None:
        """Called after each frame with the frames done and the frames expected (None if unknown) of a stage."""
        ...


@dataclass(frozen=True)
class RunReport:
    """How a run went."""

    frames: int
    outcome: Outcome
    problem: str | None
    """one line on what of the source was not readable, or None"""
    dropped: int
    """frames of a live source that came while the lanes were busy"""
    seconds: dict[str, float]
    """wall time by stage: decode (waiting for it), scene, lane NAME, sink NAME, total; and once a run prescan, close"""
    seams: tuple[Seam, ...] = ()
    """between the parts of a file that was watched in parts"""

    @property
    def fps(self) -> float:
        """Frames a second over the loop; the prescan and the closing of the files are left out."""
        return self.frames / self.seconds["total"] if self.seconds.get("total") else 0.0

    @property
    def mean_ms(self) -> dict[str, float]:
        """Milliseconds a frame, by stage of the loop."""
        each = {stage: s for stage, s in self.seconds.items() if stage not in ONCE}
        return {stage: 1000 * seconds / max(1, self.frames) for stage, seconds in each.items()}


def run(
    source: Source,
    lanes: Sequence[Lane],
    sinks: Sequence[Sink],
    *,
    prescan: PrescanSource = PRESCAN,
    scenes: KnownScenes | None = None,
    queue_frames: int = 8,
    progress: Progress | None = None,
    watch: Stopwatch | None = None,
    controls: Controls | None = None,
    keep: Callable[[Moment], Moment] | None = None,
    spares: Spares | None = None,
    most_frames: int | None = None,
    steadying: Steadying | None = None,
    steadied: bool = False,
    pauses: Pauses | None = None,
    begin: int = 0,
) -> RunReport:
    """Step every lane over the source, decoded once, and hand each moment to every sink; then close the sinks.

    prescan   gives the pictures from which the lanes learn the scene first
    scenes    what was learned from them before: `learn_scene`; no pictures are taken
    progress  called after each frame
    watch     measures the stages; None: one of its own
    controls  attended to between two frames, also while none comes
    keep      what of a moment the sinks are given; None: all of it
    spares    decides how much the lanes do; None: everything
    most_frames  end after so many, not counting those of a live source that were dropped; None: at the source's end
    steadying  the lanes see steadied frames; None: the frames as they are
    steadied  the sinks are given what the lanes see and find; false: all of it as the frames are
    pauses    saves the run now and then; None: it is not saved
    begin     frames that were done before, by a run that this one goes on from
    returns   outcome "complete" at the source's end or once a sink `wants_stop`, "interrupted" after Ctrl+C

    Any error closes the sinks as "failed" and travels on. Raises SourceError if not one frame could be read. The
    source stays open: who opened it closes it.
    """
    watch = watch or Stopwatch()
    frames, dropped = begin, 0
    outcome: Outcome = "failed"
    with Interrupts() as interrupts, interrupts.held():
        try:
            if scenes is None:
                with interrupts.allowed():
                    scenes = learn_scene(source, lanes, prescan=prescan, watch=watch)

            place = partial(_placed, scenes, steadying, watch, pauses)
            with watch.stage("total"), read_ahead(source, queue_frames=queue_frames, step=place) as incoming:
                try:
                    decoded = watch.waits("decode", _awaited(incoming, interrupts, sinks, controls, spares))
                    ahead = 0 if source.info.live else FRAMES_AHEAD
                    before = partial(_pause, pauses, source)
                    with closing(moments(decoded, lanes, watch, ahead=ahead, spares=spares, before=before)) as made:
                        given = made if steadying is None or steadied else map(steadying.moment, made)
                        for moment in given if keep is None else map(keep, given):
                            _hand_over(moment, sinks, watch)
                            frames += 1
                            if progress is not None:
                                progress(frames, most_frames or source.info.frame_count)
                            if frames == most_frames or _wants_stop(sinks):
                                break
                finally:
                    dropped = incoming.dropped
            if frames == 0:
                if controls is not None and controls.stopping:  # nobody has waited for the first
                    raise KeyboardInterrupt
                raise SourceError(f"{source.info.name}: not one frame could be read; check the file, or --start")
            outcome = "complete"
        except KeyboardInterrupt:
            outcome = "interrupted"
        finally:
            with watch.stage("close"):
                _close(sinks, outcome)
    return RunReport(frames, outcome, source.problem, dropped, watch.seconds)


def learn_scene(source: Source, lanes: Sequence[Lane], *, prescan: PrescanSource, watch: Stopwatch) -> KnownScenes:
    """Have the lanes learn the scene before the first frame; returns how it is recognised."""
    with watch.stage("prescan"):
        scenes, ground = take_scene(source, prescan)
        prepare(lanes, ground)
    return scenes


def take_scene(source: Source, prescan: PrescanSource) -> tuple[KnownScenes, list[Image]]:
    """How the scene is recognised, and the pictures from which lanes learn it; [] if there are none."""
    scenes = KnownScenes()
    images = scenes.prepare(prescan.pictures(source))
    return scenes, prescan.ground(images) if images else []


def _placed(
    scenes: KnownScenes, steadying: Steadying | None, watch: Stopwatch, pauses: Pauses | None, frame: Frame
) -> Frame:
    """The frame as the lanes see it, and which scene it shows."""
    if pauses is not None:
        pauses.reading(frame, (scenes, steadying))
    with watch.stage("scene", frame.index):
        if steadying is not None:
            frame = steadying.frame(frame)
        return replace(frame, scene=scenes.step(frame.tiny, frame.time_s))


def _pause(pauses: Pauses | None, source: Source, frame: Frame) -> Callable[[], None] | None:
    """Saves the run before that frame, if that is due."""
    return None if pauses is None or not pauses.due(frame) else partial(pauses.save, frame, source.problem)


def _hand_over(moment: Moment, sinks: Sequence[Sink], watch: Stopwatch) -> None:
    for sink in sinks:
        with watch.stage(f"sink {type(sink).__name__}", moment.frame.index):
            sink.write(moment)


def _awaited(
    frames: ReadAhead,
    interrupts: Interrupts,
    sinks: Sequence[Sink],
    controls: Controls | None,
    spares: Spares | None = None,
) -> Iterator[Frame]:
    """The frames; Ctrl+C and the controls are heard while one is waited for, never while one is worked on."""
    asked_s = time.monotonic()
    while True:
        with interrupts.allowed():
            if controls is not None:
                controls.attend()
                if controls.stopping or _wants_stop(sinks):
                    return
            try:
                frame = next(frames) if controls is None else frames.take(ATTEND_S)
            except StopIteration:
                return
        if frame is not None:
            if spares is not None:
                spares.count(time.monotonic() - asked_s, frames.dropped)
            yield frame
            asked_s = time.monotonic()


def _wants_stop(sinks: Sequence[Sink]) -> bool:
    return any(getattr(sink, "wants_stop", False) for sink in sinks)


def _close(sinks: Sequence[Sink], outcome: Outcome) -> None:
    """Close every sink; the first error is raised once all are closed, unless the run has failed already."""
    first: Exception | None = None
    for sink in sinks:
        try:
            sink.close(outcome)
        except Exception as error:
            first = first or error
    if first is not None and outcome != "failed":
        raise first
