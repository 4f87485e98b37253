"""`track`: the frames of a clip or camera, and who is where in them, one after the other."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tracker.api.drawing import Drawing
from tracker.api.frame import TrackedFrame
from tracker.api.handover import Handover
from tracker.api.plan import RunPlan, SettingsLike, SourceLike, main_lane, path_of, plan, run_settings
from tracker.jobs import process
from tracker.jobs.outputs import Finders
from tracker.opencv_threads import one_opencv_thread
from tracker.sources.ahead import join
from tracker.zones import Zones

log = logging.getLogger("tracker")
"""told what the command line would write to stderr"""


def track(
    source: SourceLike, *, lanes: Sequence[str] | str = "slots", settings: SettingsLike = None,
    zones: Zones | Mapping[str, Any] | None = None, online: bool | None = None, prescan: bool = True, start_s: float = 0.0,
    duration_s: float | None = None, max_frames: int | None = None, fps: float | None = None,
    output: str | os.PathLike[str] | None = None, overwrite: bool = False,
) -> Iterator[TrackedFrame]:  # fmt: skip
    """Every frame of a source, and the objects in it.

        for moment in tracker.track("video.mp4"):
            print(moment.frame.time_s, moment.tracks.ids, moment.tracks.boxes)

    source     a video file, a folder or glob of pictures, a stream's address, a camera's number; or pictures (H, W, 3) uint8 RGB: an
               array (N, H, W, 3), a list, or an iterable that gives them once
    lanes      methods that watch: "slots", "gmm", "blobs", or several
    settings   of the run: a YAML file, or {"gmm.working_width": 480}
    zones      where objects are reported and counted, as in docs/live.md
    online     decide about each frame without the later ones. A file is otherwise watched in both directions before its first frame
               comes, which takes as long as `tracker process`; a camera, and an iterable that gives its pictures once, always are online
    prescan    learn the scene from pictures spread over a file first
    start_s, duration_s, max_frames    which part of it
    fps        of pictures, a second; None: 25, and a warning
    output     also write the overlay NAME.mp4 and the tables beside it; refused where they exist without `overwrite`

    What the command line writes to stderr goes to the logger "tracker". A camera that fails is opened again, as in `tracker webcam`.
    Ending the loop early ends the run; the files then hold the frames so far. Raises SettingsError at once; while iterating, what
    `tracker process` would tell: SourceError, SinkError, WeightsError.

    >>> import numpy as np
    >>> clip = np.full((60, 120, 160, 3), 90, np.uint8)
    >>> for t, image in enumerate(clip):
    ...     image[50:80, 2 * t : 2 * t + 20] = 200, 60, 40
    >>> seen = {int(id) for moment in track(clip, fps=25) for id in moment.tracks.ids}
    >>> seen
    {1}
    """
    made = run_settings(settings, lanes=lanes, zones=zones, online=online, prescan=prescan)
    planned = plan(
        source, made, fps=fps, output=None if output is None else path_of("output", output), overwrite=overwrite, start_s=start_s,
        duration_s=duration_s, max_frames=max_frames,
    )  # fmt: skip
    return _frames(planned)


def _frames(planned: RunPlan) -> Iterator[TrackedFrame]:
    """The run in a thread of its own: the same loop as the command line's, its moments taken here."""
    settings, live = planned.settings, planned.live
    lane = main_lane(settings)
    drawing = Drawing(settings)
    handover = Handover(live=live is not None)
    thread = threading.Thread(target=_run, args=(planned, handover), name="track", daemon=True)
    with one_opencv_thread():
        thread.start()
        try:
            for moment, shapes in handover:
                yield TrackedFrame(moment, lane, drawing, shapes)
        finally:
            handover.stop()
            if live is not None:
                live.controls.ask("stop")
            join(thread)


def _run(planned: RunPlan, handover: Handover) -> None:
    def attend(done: int, expected: int | None, /, *, stage: str = "") -> None:
        if handover.wants_stop:
            raise KeyboardInterrupt  # between two frames, as Ctrl+C comes: also where no frame is handed over yet

    def also(finders: Finders) -> list[Handover]:
        handover.shapes = finders.zones.drawn
        return [handover]

    try:
        result = process(
            planned.job, planned.settings, progress=attend, notify=tell, live=planned.live, opener=planned.opener,
            also=also,
        )  # fmt: skip
    except BaseException as error:
        handover.end(error)
    else:
        # an iterable of pictures may raise it: whoever takes the frames must not think that this is all
        interrupted = result.report.outcome == "interrupted" and not handover.wants_stop
        handover.end(KeyboardInterrupt() if interrupted else None)


def tell(line: str) -> None:
    """Say it as the command line would, without its name in front."""
    log.warning(line.removeprefix("tracker: "))
