"""`tracker process --lanes gmm` with the identities of another library: the same blobs, overlay and tables, another linker.

python benchmarks/others/linkers.py norfair|sort|bytetrack clip.mp4 out.mp4 [FRAMES]

norfair: boxes by IoU, as its README does. sort, bytetrack: package `trackers` of Roboflow. Each with its own defaults, but for norfair's
distance, which has none, and the clip's frame rate. A library is imported only where it is asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tracker import build
from tracker.background import GmmSegmenter
from tracker.jobs import Job, process
from tracker.lanes import Lane
from tracker.settings import RunSettings
from tracker.types import Box, Region, Track

NORFAIR_DISTANCE = 0.7
"""1 - IoU, above which two boxes are not of one object"""


class Norfair:
    def __init__(self) -> None:
        import norfair

        self._new_detection = norfair.Detection
        self._tracker = norfair.Tracker(distance_function="iou", distance_threshold=NORFAIR_DISTANCE)

    def step(self, regions: Sequence[Region], *, time_s: float, size: tuple[int, int]) -> tuple[Track, ...]:
        detections = [
            self._new_detection(points=np.reshape(r.box, (2, 2)).astype(float), data=(time_s, r.label)) for r in regions
        ]
        tracks = []
        for found in self._tracker.update(detections):
            seen_s, label = found.last_detection.data
            seen = seen_s == time_s
            # its filter moves the corners by themselves: a box that shrinks comes out inside out
            box = Box(*np.sort(found.estimate, axis=0).ravel().tolist())
            if box.clipped(size).area > 0:  # else it has left, as lane gmm's own linker says
                tracks.append(Track(found.id, box, 1.0, label if seen else 0, hidden=not seen))
        return tuple(tracks)


class Roboflow:
    def __init__(self, kind: str) -> None:
        import supervision
        import trackers

        self._detections = supervision.Detections
        self._tracker = getattr(trackers, kind)(frame_rate=25.0)

    def step(self, regions: Sequence[Region], *, time_s: float, size: tuple[int, int]) -> tuple[Track, ...]:
        found = self._tracker.update(
            self._detections(
                xyxy=np.reshape([r.box for r in regions], (-1, 4)).astype(float),
                confidence=np.ones(len(regions)),
                class_id=np.array([r.label for r in regions], int),
            )
        )
        rows = zip(found.tracker_id, found.xyxy.tolist(), found.class_id, strict=True) if len(found) else ()
        return tuple(Track(int(n) + 1, Box(*box), 1.0, int(label)) for n, box, label in rows if n >= 0)


LINKERS: dict[str, tuple[str, Callable[[], Any]]] = {
    "norfair": ("norfair", Norfair),
    "sort": ("trackers", lambda: Roboflow("SORTTracker")),
    "bytetrack": ("trackers", lambda: Roboflow("ByteTrackTracker")),
}
"""package and linker, by name"""


def main(name: str, clip: str, output: str, frames: int | None) -> None:
    linker = LINKERS[name][1]()
    build.LANES["gmm"] = lambda lane, settings: Lane(lane, GmmSegmenter(settings.gmm), linker)
    process(Job(clip, Path(output), overwrite=True, max_frames=frames), RunSettings(lanes=("gmm",)))


if __name__ == "__main__":
    main(*sys.argv[1:4], int(sys.argv[4]) if len(sys.argv) > 4 else None)
