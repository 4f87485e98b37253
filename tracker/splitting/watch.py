"""The passes of the lanes over a file in parts, each in a process of its own, and what they found as lanes of the run that writes.

    part 1 -> lane slots -> kept -> forwards, backwards ->
    part 2 -> lane slots -> kept -> forwards, backwards ->  joined -> fused
    part 3 -> lane slots -> kept -> forwards, backwards ->

What the passes saw is joined pass by pass (`smoothing.seams`), and fused as without parts: over the whole clip.
"""

from __future__ import annotations

import pickle
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.engines import Engine
from tracker.errors import SinkError, SourceError
from tracker.interrupt import Interrupts
from tracker.lanes import Lane, prepare
from tracker.pipeline import Progress, take_scene
from tracker.prescan import PrescanSource
from tracker.progress import overall
from tracker.settings import RunSettings
from tracker.smoothing.fuse import fuse
from tracker.smoothing.replay import Entropies, Replay
from tracker.smoothing.rows import ClipTimes, FusedRows, Ints, PassRows
from tracker.smoothing.seams import JoinedPass, Shared, crossing, join
from tracker.smoothing.spill import LabelFile, LabelIndex
from tracker.sources import Span
from tracker.splitting.part import DONE, SCENE, PartSeen, PartTask, TakenScene, watch_part
from tracker.splitting.plan import Part, Seam
from tracker.steadying import Steadying
from tracker.stopwatch import Stopwatch
from tracker.timing import clock
from tracker.types import Frame, Labels, Mask, Segmentation, SmoothedSegmenter, Source
from tracker.watching import BACKWARDS, PassResults

PARTS = "parts"
"""the stage of a run, as its progress names it"""
TELL_S = 0.5
"""how often it is looked how far the parts are"""


@dataclass(frozen=True)
class Parted:
    """A file and its parts."""

    address: str
    fps: float | None
    """of pictures, as `open_source` has it"""
    settings: RunSettings
    """in which what is `auto` is chosen"""
    parts: tuple[Part, ...]
    times_s: NDArray[np.float64]
    """(T,) of the frames of which `parts` speak"""
    engine: Engine


def watch_in_parts(
    source: Source, lanes: Sequence[Lane], parted: Parted, *, prescan: PrescanSource, progress: Progress | None, watch: Stopwatch,
    steadying: Steadying | None = None,
) -> PassResults:  # fmt: skip
    """Have the lanes that do not look back learn the scene, and watch the parts, in which the others look at it both ways.

    The source is closed. Raises SourceError for a part that fails, and KeyboardInterrupt after Ctrl+C; either ends all parts.
    """
    folder = tempfile.TemporaryDirectory(prefix="tracker-parts-")  # it lives as long as the lanes found
    try:
        looking = [lane for lane in lanes if isinstance(lane.segmenter, SmoothedSegmenter)]
        with closing(source), watch.stage("prescan"), Interrupts() as interrupts, interrupts.allowed():
            scenes, ground = take_scene(source, prescan)
            prepare([lane for lane in lanes if lane not in looking], ground)
            size = source.info.size
        _keep(TakenScene(scenes, ground, steadying), Path(folder.name) / SCENE)
        del ground
        with watch.stage("total"), ExitStack() as stages:
            for lane in looking:
                stages.enter_context(watch.stage(f"lane {lane.name}"))
            seen = _watched(parted, [lane.name for lane in looking], Path(folder.name), progress)
            joined = _Joined(seen, parted, size)
            found = {lane.name: joined.lane(lane) for lane in looking}
    except BaseException:
        folder.cleanup()
        raise
    every = tuple(found.get(lane.name, lane) for lane in lanes)

    def forget() -> None:
        for labels in joined.labels:
            labels.close()  # open files cannot be removed on Windows
        folder.cleanup()

    return PassResults(every, len(joined.places), False, None, scenes, forget, tuple(joined.seams), steadying)


def _keep(scene: TakenScene, path: Path) -> None:
    """For the parts."""
    try:
        path.write_bytes(pickle.dumps(scene))
    except OSError as error:
        why = f"{tempfile.gettempdir()}: {error.strerror or error}; the parts keep there what they see"
        raise SinkError(f"{why}: make room, or set TMPDIR to another folder") from None


def _watched(parted: Parted, lanes: Sequence[str], folder: Path, progress: Progress | None) -> list[PartSeen]:
    """What these lanes saw of every part, in order."""
    settings = parted.settings.model_copy(update={"lanes": tuple(lanes)})
    tasks = [
        PartTask(
            number, parted.address, parted.fps, Span(float(parted.times_s[part.first]), None, part.stop - part.first),
            settings, folder,
        )
        for number, part in enumerate(parted.parts)
    ]  # fmt: skip
    np.zeros(len(tasks)).tofile(folder / DONE)
    seen: dict[int, PartSeen] = {}
    outcomes: Any = parted.engine.map(watch_part, tasks)
    with _telling(parted, folder, progress), closing(outcomes):
        for done in outcomes:
            if done.value is None:
                part = parted.parts[done.task.number]
                from_s, to_s = (clock(float(parted.times_s[at])) for at in (part.begin, part.end - 1))
                where = f"part {done.task.number + 1} of {len(tasks)}, {from_s} to {to_s}"
                raise SourceError(f"{where}: {done.problem}; without --split the clip is watched as a whole")
            seen[done.value.number] = done.value
    return [seen[number] for number in range(len(tasks))]


@contextmanager
def _telling(parted: Parted, folder: Path, progress: Progress | None) -> Iterator[None]:
    """Say how far all parts together are, in frames of the clip, while the block goes on."""
    if progress is None:
        yield
        return
    counts = np.memmap(folder / DONE, np.float64, "r")
    frames = len(parted.times_s)
    whole = sum(overall(part.stop - part.first, part.stop - part.first, BACKWARDS) for part in parted.parts)
    over = threading.Event()

    def tell() -> None:
        while not over.wait(TELL_S):
            progress(min(frames, int(frames * counts.sum() / whole)), frames, stage=PARTS)

    thread = threading.Thread(target=tell, name="progress of the parts", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class _Joined:
    """What the parts saw, as of one clip. Frames are called by their places among those that a part saw."""

    def __init__(self, seen: Sequence[PartSeen], parted: Parted, size: tuple[int, int]) -> None:
        places = np.concatenate([part.places for part in seen])
        self.places, first = np.unique(places, return_index=True)
        """(T,) of the frames in the clip"""
        times_s = np.concatenate([part.times_s for part in seen])[first]
        self.seams: list[Seam] = []
        self.labels: list[JoinedLabels] = []
        """of all lanes, to be closed"""
        self._clip = ClipTimes(times_s, size)
        self._seen, self._parted = seen, parted

    def lane(self, lane: Lane) -> Lane:
        """What a lane found, and its seams."""
        seen = [part.lanes[lane.name] for part in self._seen]
        passes = first, forward, backward = [
            self._join([part.first for part in seen], back=False),
            self._join([part.forward for part in seen], back=False),
            self._join([part.backward for part in seen], back=True),
        ]
        rows = fuse(first.rows, forward.rows, backward.rows, self._clip)
        known = np.concatenate([part.entropies[rows] for part, rows in zip(seen, first.chosen, strict=True)])
        self.seams += self._told(lane.name, rows, forward, backward)
        labels = [
            JoinedLabels([part.labels[number] for part in seen], joined, self.places)
            for number, joined in enumerate(passes)
        ]
        self.labels += labels
        replay = ReplayByPlace(
            rows, labels[0], (labels[1], labels[2]), entropies=Entropies(first.rows, known), places=self.places
        )
        return Lane(lane.name, replay, weights_digest=lane.weights_digest)

    def _join(self, seen: Sequence[PassRows], *, back: bool) -> JoinedPass:
        shared = [
            Shared(self._index(after.places[0]), self._index(before.places[-1]) + 1, back)
            for before, after in zip(self._seen[:-1], self._seen[1:], strict=True)
        ]
        return join([self._called(rows) for rows in seen], shared, self._clip.interval_s)

    def _index(self, place: int) -> int:
        return int(np.searchsorted(self.places, place))

    def _called(self, rows: PassRows) -> PassRows:
        return rows._replace(frames=np.searchsorted(self.places, rows.frames).astype(np.int32))

    def _told(self, name: str, rows: FusedRows, forward: JoinedPass, backward: JoinedPass) -> Iterator[Seam]:
        """What became of the lane's identities at each seam, at which the passes change parts, at different frames."""
        for k, part in enumerate(self._parted.parts[1:]):
            crossings = [crossing(rows, joined.cuts[k]) for joined in (forward, backward)]
            cut = crossings[0].cut | crossings[1].cut
            carried = (crossings[0].carried | crossings[1].carried) - cut
            agreed = forward.agreements[k].plus(backward.agreements[k])
            time_s = float(self._parted.times_s[part.begin])
            yield Seam(name, time_s, len(carried), len(cut), agreed.boxes_alike, agreed.idf1)


class JoinedLabels:
    """Labels of one pass over the parts of a clip, under the names of the joined pass; of the files one is open at a time.

    places  (T,) what the parts call the frames
    """

    def __init__(self, files: Sequence[LabelIndex], joined: JoinedPass, places: Ints) -> None:
        self._files, self._cuts, self._places = files, np.array(joined.cuts), places
        self._open: tuple[int, LabelFile] | None = None
        # a label that no row has is nobody's
        self._names = [np.append(names, 0).astype(np.int32) for names in joined.names]

    def read(self, index: int) -> tuple[Labels, Mask]:
        """Labels and foreground of a frame."""
        part = int(np.searchsorted(self._cuts, index, "right"))
        if self._open is None or self._open[0] != part:
            self.close()
            self._open = part, LabelFile.opened(self._files[part])
        labels, foreground = self._open[1].read(int(self._places[index]))
        names = self._names[part]
        return names[np.minimum(labels, len(names) - 1)], foreground

    def close(self) -> None:
        """Let go of the file that is open."""
        if self._open is not None:
            self._open[1].close()
            self._open = None


class ReplayByPlace(Replay):
    """A replay that finds a frame by its place in the clip.

    In a frame that no part saw nothing is found: in a damaged file some can be decoded only from far before.

    places  (T,) of the frames that were seen
    """

    def __init__(self, *args: Any, places: Ints, **known: Any) -> None:
        super().__init__(*args, **known)
        self._places = places

    def step(self, frame: Frame) -> Segmentation:
        """What was found in that frame."""
        index = int(np.searchsorted(self._places, frame.place or 0))
        if index == len(self._places) or self._places[index] != frame.place:
            return Segmentation.empty(frame.small.shape, frame.size)
        return super().step(replace(frame, index=index))
