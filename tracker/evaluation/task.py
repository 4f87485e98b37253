"""What is scored: data sets, the methods whose scores are wanted, and how boxes are matched."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracker.errors import SourceError
from tracker.scores import Choice, DataSequence, Truth, find_sequences
from tracker.settings import RunSettings


@dataclass(frozen=True)
class ScoreTask:
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


def describe(task: ScoreTask) -> dict[str, Any]:
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


def sequences_of(task: ScoreTask) -> tuple[tuple[DataSequence, ...], tuple[str, ...]]:
    """The sequences of all data sets, each once, and a line for each place that holds only half of one.

    Raises SourceError if there is none, if two have one name in one category, or if one truth is given for several data sets.
    """
    if task.truth is not None and len(task.datasets) > 1:
        raise SourceError(f"{task.truth}: a truth for one sequence, but {len(task.datasets)} data sets are named")
    found = [find_sequences(path, truth=task.truth, layout=task.choice.layout) for path in task.datasets]
    sequences: dict[tuple[Path, Path], DataSequence] = {}
    for sequence in (s for data_set in found for s in data_set.sequences):
        # named twice: once; several truths may share their pictures by links, as the detectors of MOT17 do
        sequences.setdefault((sequence.source.resolve(), sequence.truth.resolve()), sequence)
    known: set[tuple[str, str]] = set()
    for sequence in sequences.values():
        if (sequence.category, sequence.name) in known:
            raise SourceError(
                f"{sequence.source}: a second sequence {sequence.category}/{sequence.name}; score them one by one"
            )
        known.add((sequence.category, sequence.name))
    return tuple(sequences.values()), tuple(line for data_set in found for line in data_set.left_out)


def named_results(task: ScoreTask, *, lanes: tuple[str, ...]) -> dict[str, Path]:
    """The results of other programs by the name that the table gives them.

    That is the name of the folder or file, with the folder above it where the name is a lane's or taken. Raises SourceError if two have
    one name.
    """
    names: dict[str, Path] = {}
    for path in task.results:
        whole = Path(os.path.abspath(path))
        name = whole.stem if whole.is_file() else whole.name
        name = f"{whole.parent.name}/{name}" if name in {*names, *lanes} else name
        if name in names:
            raise SourceError(f"{path}: named twice by --results, or called like {names[name]}; rename one")
        names[name] = path
    return names
