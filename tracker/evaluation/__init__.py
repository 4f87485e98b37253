"""Scoring lanes, or what other programs wrote, on data sets as they lie on disk.

    task.py     what is scored
    result.py   the scores and what they sum to; JSON and CSV
    text.py     the table for people
    workers.py  one lane on one sequence, each in a process of its own
    command.py  from a task to its scores and files: `tracker evaluate`

Each imports only from those above it.
"""

from tracker.evaluation.command import evaluate, evaluate_to_files
from tracker.evaluation.result import Evaluation, Failure, SequenceScores, pooled
from tracker.evaluation.task import LaneTask, ScoreTask

__all__ = [
    "Evaluation",
    "Failure",
    "LaneTask",
    "ScoreTask",
    "SequenceScores",
    "evaluate",
    "evaluate_to_files",
    "pooled",
]
