"""Scores of lanes, and of what other programs wrote, on data sets: each lane and sequence in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from tracker.build import build_lanes
from tracker.children import deaf_children
from tracker.errors import MissingExtraError, SettingsError, SourceError, TrackerError, WeightsError
from tracker.evaluation.result import Evaluation, Failure, SequenceScores
from tracker.interrupt import Interrupts
from tracker.jobs.summary import versions
from tracker.jobs.tally import Tally
from tracker.pipeline import Progress, run
from tracker.scores import Choice, DataSequence, Truth, find_sequences, read_results, score_results
from tracker.settings import RunSettings
from tracker.sources import open_source
from tracker.words import one_line

EVERY_FRAMES = 10
"""A process says so often how far it is."""

OUTSIDE = 0.05
"""Share of the truth's boxes that may have their middle outside the picture; more, and it is a truth of another size."""


@dataclass(frozen=True)
class Task:
    """What is to be scored."""

    datasets: tuple[Path, ...]
    """data sets, parts of them, or single sequences"""
    truth: Path | None = None
    """the known answers, where they do not lie beside the one sequence"""
    results: tuple[Path, ...] = ()
    """what other programs wrote"""
    run_lanes: bool = True
    """whether the lanes of the settings are run"""
    choice: Choice = Choice()  # noqa: RUF009
    iou: float = 0.5
    """overlap at which a box counts as found, for IDF1, MOTA, precision and recall"""
    processes: int = 1
    """run at a time; more than one and they take time from each other"""


@dataclass(frozen=True)
class LaneTask:
    """One lane on one sequence; a plain value, for it travels to another process."""

    sequence: DataSequence
    truth: Truth
    lane: str
    settings: RunSettings
    iou: float = 0.5


def evaluate(
    task: Task,
    settings: RunSettings,
    *,
    progress: Progress | None = None,
    notify: Callable[[str], None] = lambda line: None,
) -> Evaluation:
    """Score every method on every sequence; one that fails is told to `notify` and kept as a failure, the others go on.

    Raises SourceError if no sequence is found, and KeyboardInterrupt after Ctrl+C, once the processes have ended.
    """
    sequences, left_out = _find(task)
    for line in left_out:
        notify(f"warning: left out: {line}")
    rows: list[SequenceScores | Failure] = []
    told: set[str] = set()  # a note of a sequence is the same for every lane

    def keep(row: SequenceScores | Failure) -> None:
        rows.append(row)
        if isinstance(row, Failure):
            notify(f"error: {row.sequence}, {row.method}: {row.error}")
        elif row.problem:
            notify(f"warning: {row.sequence}, {row.method}: {row.problem}")
        for line in row.notes if isinstance(row, SequenceScores) else ():
            if (line := f"{row.category}/{row.sequence}: {line}") not in told:
                told.add(line)
                notify(line)

    lane_tasks: list[LaneTask] = []
    lanes = settings.lanes if task.run_lanes else ()
    names = _result_names(task.results, taken=lanes)
    for sequence in sequences:
        try:
            truth = sequence.read_truth(task.choice)
        except Exception as error:
            keep(Failure(sequence.name, sequence.category, "all", one_line(error)))
            continue
        for name, path in names.items():
            keep(_score_results(name, path, sequence, truth, task, alone=len(sequences) == 1))
        lane_tasks += [LaneTask(sequence, truth, lane, settings, task.iou) for lane in lanes]
    for row in _in_processes(lane_tasks, task.processes, progress):
        keep(row)
    order = {s: n for n, s in enumerate((s.category, s.name) for s in sequences)}
    methods = {name: n for n, name in enumerate((*names, *lanes))}
    scores = [row for row in rows if isinstance(row, SequenceScores)]
    scores.sort(key=lambda row: (order[row.category, row.sequence], methods[row.method]))
    return Evaluation(tuple(scores), tuple(row for row in rows if isinstance(row, Failure)), left_out)


def describe(task: Task) -> dict[str, Any]:
    """What was asked for, as plain values."""
    return {
        "datasets": [str(path) for path in task.datasets],
        "truth": None if task.truth is None else str(task.truth),
        "results": [str(path) for path in task.results],
        "layout": task.choice.layout,
        "classes": list(task.choice.classes),
        "ignore_classes": list(task.choice.ignore_classes),
        "rows": task.choice.rows,
        "frames": None if task.choice.frames is None else list(task.choice.frames),
        "iou": task.iou,
        "processes": task.processes,
    }


def score_lane(task: LaneTask, *, progress: Progress | None = None) -> SequenceScores:
    """Run one lane over one sequence, up to the last frame that is scored, and score it.

    Time and memory are those of this process: run it in one of its own. Raises what a run raises, and SourceError if
    the truth is not of this clip.
    """
    truth, sequence = task.truth, task.sequence
    settings = task.settings.model_copy(update={"lanes": (task.lane,)})
    with closing(open_source(str(sequence.source), max_frames=truth.span[1] + 1, fps=sequence.fps)) as source:
        _check_inside(truth, source.info.size)
        lanes = build_lanes(settings)
        tally = Tally((task.lane,), truth=truth, iou=task.iou)
        report = run(
            source,
            lanes,
            [tally],
            prescan_frames=settings.prescan_frames,
            prescan_whole=settings.prescan_span == "whole",
            queue_frames=settings.queue_frames,
            progress=progress,
        )
    if report.outcome == "interrupted":
        raise KeyboardInterrupt
    if report.frames <= truth.span[0]:
        raise SourceError(
            f"{sequence.source}: has {report.frames} frames, but its truth begins with {truth.span[0] + 1}"
        )
    problem = report.problem
    if problem is None and report.frames <= truth.span[1]:
        problem = f"the clip has {report.frames} frames, its truth goes on to {truth.span[1] + 1}"
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
        weights_sha256=getattr(lanes[0].segmenter, "weights_digest", None),
        problem=problem,
        notes=source.info.notes,
        versions=versions(),
    )


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


def _find(task: Task) -> tuple[tuple[DataSequence, ...], tuple[str, ...]]:
    if task.truth is not None and len(task.datasets) > 1:
        raise SourceError(f"{task.truth}: a truth for one sequence, but {len(task.datasets)} data sets are named")
    found = [find_sequences(path, truth=task.truth, layout=task.choice.layout) for path in task.datasets]
    sequences: dict[tuple[Path, Path], DataSequence] = {}
    for sequence in (s for data_set in found for s in data_set.sequences):
        # named twice: once; several truths may share their pictures by links, as the detectors of MOT17 do
        sequences.setdefault((sequence.source.resolve(), sequence.truth.resolve()), sequence)
    seen: set[tuple[str, str]] = set()
    for sequence in sequences.values():
        if (sequence.category, sequence.name) in seen:
            raise SourceError(
                f"{sequence.source}: a second sequence {sequence.category}/{sequence.name}; score them one by one"
            )
        seen.add((sequence.category, sequence.name))
    return tuple(sequences.values()), tuple(line for data_set in found for line in data_set.left_out)


def _result_names(paths: tuple[Path, ...], *, taken: tuple[str, ...]) -> dict[str, Path]:
    """What the table calls each: its folder's or file's name, and the folder above too where that is taken."""
    names: dict[str, Path] = {}
    for path in paths:
        whole = Path(os.path.abspath(path))
        name = whole.stem if whole.is_file() else whole.name
        name = f"{whole.parent.name}/{name}" if name in {*names, *taken} else name
        if name in names:
            raise SourceError(f"{path}: named twice by --results, or called like {names[name]}; rename one")
        names[name] = path
    return names


def _score_results(
    name: str, path: Path, sequence: DataSequence, truth: Truth, task: Task, *, alone: bool
) -> SequenceScores | Failure:
    try:
        results = read_results(path, sequence, truth, choice=task.choice, alone=alone)
        scores = score_results(results, truth, iou=task.iou)
    except Exception as error:
        return Failure(sequence.name, sequence.category, name, one_line(error))
    return SequenceScores(sequence.name, sequence.category, name, scores, source=str(path), problem=results.problem)


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


def _in_processes(
    tasks: list[LaneTask], processes: int, progress: Progress | None
) -> Iterator[SequenceScores | Failure]:
    """What becomes of each task, as they end; at most so many processes at a time."""
    context = multiprocessing.get_context("spawn")
    total = sum(task.truth.span[1] + 1 for task in tasks)
    waiting = list(reversed(tasks))
    running: dict[Any, tuple[SpawnProcess, LaneTask]] = {}  # by our end of its pipe
    done: dict[int, int] = {}
    with Interrupts() as interrupts, interrupts.held(), _ended(running):
        while waiting or running:
            while waiting and len(running) < processes:
                task = waiting.pop()
                ours, theirs = context.Pipe()
                process = context.Process(target=_work, args=(theirs,), daemon=True)
                with deaf_children():
                    process.start()
                theirs.close()
                running[ours] = (process, task)
                # The task goes this way, since `start` would wait for ever for a process that dies before it has read it.
                with interrupts.allowed(), suppress(OSError):
                    ours.send(task)
            with interrupts.allowed():
                ready = wait(list(running))
            for pipe in ready:
                process, task = running[pipe]
                try:
                    message = pipe.recv()  # type: ignore
                except (EOFError, OSError):
                    process.join()
                    reason = f"its process ended with code {process.exitcode}; out of memory?"
                    message = Failure(task.sequence.name, task.sequence.category, task.lane, reason)
                if isinstance(message, TrackerError):
                    raise message
                if isinstance(message, int):
                    done[id(task)] = message
                    if progress is not None:
                        progress(sum(done.values()), total)
                    continue
                process.join()
                running.pop(pipe)
                pipe.close()  # type: ignore[union-attr]
                yield message  # type: ignore[misc]


@contextmanager
def _ended(running: dict[Any, tuple[SpawnProcess, LaneTask]]) -> Iterator[None]:
    """However the block ends, its processes end with it."""
    try:
        yield
    finally:
        for process, _ in running.values():
            process.kill()
            process.join()


def _work(pipe: Connection[Any, Any]) -> None:
    """Score the lane that comes through the pipe in this process, and answer through it."""

    def report(frames: int, expected: int | None) -> None:
        if frames % EVERY_FRAMES == 0:
            pipe.send(frames)

    try:
        task: LaneTask = pipe.recv()
    except (EOFError, OSError):
        return  # who started it has gone
    try:
        pipe.send(score_lane(task, progress=report))
    except (KeyboardInterrupt, BrokenPipeError):
        return
    except (MissingExtraError, SettingsError, WeightsError) as error:
        pipe.send(error)  # no other sequence would fare better
    except Exception as error:
        pipe.send(Failure(task.sequence.name, task.sequence.category, task.lane, one_line(error)))
