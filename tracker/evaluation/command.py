"""From a task to its scores, and to the files and the table of `tracker evaluate`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from tracker.errors import TrackerError
from tracker.evaluation.result import Evaluation, Failure, SequenceScores, document, plan_targets, write
from tracker.evaluation.task import LaneTask, ScoreTask, describe, named_results, sequences_of
from tracker.evaluation.text import table
from tracker.evaluation.workers import ends_early, score_in_processes
from tracker.pipeline import Progress
from tracker.progress import shown_progress
from tracker.scores import DataSequence, Truth, read_results, score_results
from tracker.settings import RunSettings
from tracker.sources import open_source
from tracker.words import one_line


def evaluate_to_files(
    task: ScoreTask,
    settings: RunSettings,
    *,
    json: Path | None = None,
    csv: Path | None = None,
    overwrite: bool = False,
    reads: Sequence[Path] = (),
    quiet: bool = False,
    note: Callable[[str], None],
    say: Callable[..., None],
) -> Evaluation:
    """Evaluate, write the files asked for, and hand the table to `say`.

    reads  other files that it depends on, such as those of the settings; never replaced
    quiet  without progress
    note   told what the user should know, line by line
    say    prints the table; told `only=True` where no file has the scores
    Raises what `evaluate` raises, and SinkError; the table is said also where the files cannot be written, as on a full disk.
    """
    inputs = (*task.datasets, *task.results, *([task.truth] if task.truth else []), *reads)
    results = plan_targets((json, csv), overwrite=overwrite, inputs=inputs)
    with results:
        results.claim()
        if results.recovered:
            note(results.recovered_line)
        with shown_progress(quiet=quiet) as progress:
            evaluation = evaluate(task, settings, progress=progress, notify=lambda line: note(f"tracker: {line}"))
        written = document(evaluation, settings=settings, task=describe(task))
        try:
            write(evaluation, results, json=json, csv=csv, document=written)
        finally:
            if evaluation.scores:
                say(table(evaluation), only=json is None and csv is None)
    return evaluation


def evaluate(
    task: ScoreTask,
    settings: RunSettings,
    *,
    progress: Progress | None = None,
    notify: Callable[[str], None] = lambda line: None,
) -> Evaluation:
    """Score every method on every sequence; one that fails is told to `notify` and kept as a failure, the others go on.

    Raises SourceError if no sequence is found, and KeyboardInterrupt after Ctrl+C, once the processes have ended.
    """
    sequences, left_out = sequences_of(task)
    for line in left_out:
        notify(f"warning: left out: {line}")
    lanes = settings.lanes if task.run_lanes else ()
    results = named_results(task, lanes=lanes)
    told = _Teller(notify)
    outcomes: list[SequenceScores | Failure] = []
    lane_tasks: list[LaneTask] = []
    for sequence in sequences:
        try:
            truth = sequence.read_truth(task.choice)
        except Exception as error:
            outcomes.append(told(Failure.of(sequence, "all", one_line(error))))
            continue
        if results:
            outcomes += map(told, _score_all(results, sequence, truth, task, alone=len(sequences) == 1))
        lane_tasks += [LaneTask(sequence, truth, lane, settings, task.iou) for lane in lanes]
    for outcome in score_in_processes(lane_tasks, processes=task.processes, progress=progress):
        outcomes.append(told(outcome))
    return _in_order(outcomes, sequences, (*results, *lanes), left_out)


class _Teller:
    """Tells what the user should know of each outcome; a note of a sequence is the same for every lane, and told once."""

    def __init__(self, notify: Callable[[str], None]) -> None:
        self._notify = notify
        self._told: set[str] = set()

    def __call__(self, outcome: SequenceScores | Failure) -> SequenceScores | Failure:
        """Tell, and hand the outcome on."""
        if isinstance(outcome, Failure):
            self._notify(f"error: {outcome.sequence}, {outcome.method}: {outcome.error}")
            return outcome
        if outcome.problem:
            self._notify(f"warning: {outcome.sequence}, {outcome.method}: {outcome.problem}")
        for note in outcome.notes:
            line = f"{outcome.category}/{outcome.sequence}: {note}"
            if line not in self._told:
                self._told.add(line)
                self._notify(line)
        return outcome


def _score_all(
    paths: Mapping[str, Path], sequence: DataSequence, truth: Truth, task: ScoreTask, *, alone: bool
) -> Iterator[SequenceScores | Failure]:
    """The scores of what other programs wrote about one sequence; alone: it is the only one."""
    try:
        truth, beyond = _to_the_end(truth, sequence)
    except Exception as error:
        yield from (Failure.of(sequence, name, one_line(error)) for name in paths)
        return
    for name, path in paths.items():
        try:
            results = read_results(path, sequence, truth, choice=task.choice, alone=alone)
            scores = score_results(results, truth, iou=task.iou)
        except Exception as error:
            yield Failure.of(sequence, name, one_line(error))
            continue
        problem = "; ".join(filter(None, (beyond, results.problem))) or None
        yield SequenceScores(sequence.name, sequence.category, name, scores, source=str(path), problem=problem)


def _to_the_end(truth: Truth, sequence: DataSequence) -> tuple[Truth, str | None]:
    """The truth up to the end of a video, as for a lane, and a line if it went on; as it is where the video is not readable.

    Raises SourceError if the video ends before its truth begins.
    """
    first, last = truth.span
    if sequence.source.is_dir():
        return truth, None
    try:
        with closing(open_source(str(sequence.source), max_frames=last + 1, fps=sequence.fps)) as source:
            frames = source.info.frame_count
    except TrackerError:
        return truth, None
    early = None if frames is None else ends_early(frames, truth, sequence)
    if frames is None or early is None:
        return truth, None
    masks = {frame: path for frame, path in truth.mask_files.items() if frame < frames}
    return replace(truth, span=(first, frames - 1), mask_files=masks), early


def _in_order(
    outcomes: Sequence[SequenceScores | Failure],
    sequences: Sequence[DataSequence],
    methods: Sequence[str],
    left_out: tuple[str, ...],
) -> Evaluation:
    """The scores sorted by sequence and method; failures stay in the order in which they came."""
    place = {key: n for n, key in enumerate((s.category, s.name) for s in sequences)}
    rank = {name: n for n, name in enumerate(methods)}
    scores = [row for row in outcomes if isinstance(row, SequenceScores)]
    scores.sort(key=lambda row: (place[row.category, row.sequence], rank[row.method]))
    return Evaluation(tuple(scores), tuple(row for row in outcomes if isinstance(row, Failure)), left_out)
