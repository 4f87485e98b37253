"""One lane on one sequence, run and scored; several of them, each in a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from tracker.build import build_lanes, build_prescan
from tracker.choosing import suit
from tracker.engines.pool import spread
from tracker.errors import MissingExtraError, SettingsError, SourceError, TrackerError, WeightsError
from tracker.evaluation.result import Failure, SequenceScores
from tracker.evaluation.task import LaneTask
from tracker.jobs.summary import versions
from tracker.jobs.tally import RunTally
from tracker.pipeline import Progress
from tracker.progress import overall
from tracker.scores import DataSequence, Truth
from tracker.smoothed import run_both_ways
from tracker.sources import open_source
from tracker.types import Source

EVERY_FRAMES = 10
"""A process reports its progress every so many frames."""

OUTSIDE = 0.05
"""Share of the truth's boxes that may have their middle outside the picture; more, and it is a truth of another size."""


def score_lane(task: LaneTask, *, progress: Progress | None = None) -> SequenceScores:
    """Run one lane over one sequence, up to the last frame that is scored, and score it.

    Time and memory are those of this process: run it in one of its own. Raises what a run raises, and SourceError if
    the truth is not of this clip.
    """
    truth, sequence = task.truth, task.sequence
    settings = task.settings.model_copy(update={"lanes": (task.lane,)})
    whole = truth.span[1] + 1

    def opened(frames: int | None = None) -> Source:
        return open_source(str(sequence.source), max_frames=frames or whole, fps=sequence.fps)

    tally = RunTally((task.lane,), truth=truth, iou=task.iou)
    with closing(opened()) as source:
        _check_inside(truth, source.info.size)
        suited = suit(settings, source, build_prescan(settings))
        lanes = build_lanes(suited.chosen.settings)
        report = run_both_ways(
            source, lanes, [tally], again=opened, online=settings.online, prescan=suited.prescan,
            queue_frames=settings.queue_frames, progress=progress, steadying=suited.steadying,
        )  # fmt: skip
    if report.outcome == "interrupted":
        raise KeyboardInterrupt
    early = ends_early(report.frames, truth, sequence)
    scores = tally.scores(task.lane)
    assert scores is not None  # there is a truth
    return SequenceScores(
        sequence.name,
        sequence.category,
        task.lane,
        scores,
        frames=report.frames,
        ms_per_frame=report.mean_ms.get(f"lane {task.lane}", 0.0),
        seconds=sum(report.seconds.get(stage, 0.0) for stage in ("prescan", "total")),
        peak_mb=peak_memory_mb(),
        weights_sha256=lanes[0].weights_digest,
        problem=report.problem or early,
        notes=source.info.notes,
        versions=versions(),
    )


def score_in_processes(
    tasks: Sequence[LaneTask], *, processes: int, progress: Progress | None = None
) -> Iterator[SequenceScores | Failure]:
    """Score each task in a process of its own, at most so many at a time; yields the outcomes in the order in which they end.

    Raises MissingExtraError, SettingsError or WeightsError as soon as one of them meets it, and KeyboardInterrupt after Ctrl+C; no
    process outlives the iteration.
    """
    total = sum(task.truth.span[1] + 1 for task in tasks)
    frames: dict[int, int] = {}

    def told(task: LaneTask, done: int) -> None:
        frames[id(task)] = done
        if progress is not None:
            progress(sum(frames.values()), total)

    # fresh processes, whose peak of memory is the lane's; once, since another attempt would have no more memory
    with closing(spread(_score, tasks, workers=processes, attempts=1, fresh=True, told=told)) as outcomes:
        for done in outcomes:
            if isinstance(done.value, TrackerError):
                raise done.value
            yield done.value or Failure.of(done.task.sequence, done.task.lane, done.problem or "")


def peak_memory_mb() -> float | None:
    """The most memory this process has held, in MiB; None where the system does not say."""
    try:
        # not getrusage, which a child of a large process begins with the parent's peak
        for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024**2 if sys.platform == "darwin" else 1024)


def _check_inside(truth: Truth, size: tuple[int, int]) -> None:
    """Refuse a truth whose boxes lie outside the picture: it was made for another size of the clip."""
    width, height = size
    middles = [box.centre for boxes in (truth.boxes or {}).values() for _, box in boxes]
    outside = sum(not (0 <= x <= width and 0 <= y <= height) for x, y in middles)
    if outside > OUTSIDE * len(middles):
        raise SourceError(
            f"{outside} of {len(middles)} truth boxes lie outside the clip's {width} x {height} pixels; "
            "give the truth of this clip, at its size"
        )


def ends_early(frames: int, truth: Truth, sequence: DataSequence) -> str | None:
    """What is said of a clip of so many frames whose truth goes on. Raises SourceError if it ends before its truth begins."""
    first, last = truth.span
    if frames <= first:
        raise SourceError(f"{sequence.source}: has {frames} frames, but its truth begins with {first + 1}")
    return f"the clip has {frames} frames, its truth goes on to {last + 1}" if frames <= last else None


def _score(task: LaneTask, tell: Callable[[int], None]) -> SequenceScores | TrackerError:
    """The scores, or an error that ends the evaluation: no other sequence would fare better."""

    def report(done: int, expected: int | None, /, *, stage: str = "") -> None:
        if done % EVERY_FRAMES == 0:
            tell(int(overall(done, expected, stage)))

    try:
        return score_lane(task, progress=report)
    except (MissingExtraError, SettingsError, WeightsError) as error:
        return error
