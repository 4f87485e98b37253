"""The scores of an evaluation, by sequence, averaged and pooled; written as JSON and CSV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from tracker.csv_text import csv_line
from tracker.errors import SinkError
from tracker.jobs.summary import versions
from tracker.scores import ClipScores, ClusterCounts, DataSequence, IdentityCounts, MaskCounts, cdnet_means
from tracker.scores.clip import CLUSTERS, COUNTS, FOREGROUND, IDENTITY, plain
from tracker.settings import RunSettings
from tracker.sinks import Results, encoded, json_text, write_output

SCHEMA_VERSION = 1

Scope = Literal["sequence", "category", "overall", "pooled"]
"""One sequence; CDnet's mean over a category's sequences; its mean over categories; counts of all put together."""

GROUPS = {"identity": IDENTITY, "foreground": (*FOREGROUND, *COUNTS, "frames"), "clusters": CLUSTERS}
"""Names of scores, by what they speak of."""


@dataclass(frozen=True)
class SequenceScores:
    """One method on one sequence."""

    sequence: str
    category: str
    method: str
    """a lane, or the name of somebody's results"""
    scores: ClipScores
    frames: int | None = None
    """that were tracked; None: no lane was run"""
    ms_per_frame: float | None = None
    """of the lane alone: without decoding and scoring"""
    seconds: float | None = None
    """of the whole run, prescan included"""
    peak_mb: float | None = None
    """most memory of the lane's process, in MiB"""
    weights_sha256: str | None = None
    source: str | None = None
    """where results were read"""
    problem: str | None = None
    """what did not go well, although there are scores"""
    notes: tuple[str, ...] = ()
    """what the source guessed or left out"""
    versions: dict[str, str] = field(default_factory=dict)
    """of the process that ran the lane"""


@dataclass(frozen=True)
class Failure:
    """One method that has no scores on one sequence."""

    sequence: str
    category: str
    method: str
    error: str

    @classmethod
    def of(cls, sequence: DataSequence, method: str, error: str) -> Failure:
        """The failure of a method on a sequence."""
        return cls(sequence.name, sequence.category, method, error)


class EvaluationRow(NamedTuple):
    """One line of any output."""

    scope: Scope
    name: str
    """of the sequence or category; of pooled rows nothing"""
    category: str
    method: str
    sequences: int
    cost: dict[str, float | int | None]
    """frames, ms_per_frame, seconds, peak_mb"""
    groups: dict[str, dict[str, Any]]
    """scores by group"""


@dataclass(frozen=True)
class Evaluation:
    """Every method's scores on every sequence."""

    scores: tuple[SequenceScores, ...]
    failures: tuple[Failure, ...] = ()
    left_out: tuple[str, ...] = ()
    """places that hold only half of a sequence"""

    def rows(self) -> list[EvaluationRow]:
        """Sequences in order; then, of more than one, categories, overall and pooled, method by method."""
        rows = [
            EvaluationRow("sequence", s.sequence, s.category, s.method, 1, _cost([s]), s.scores.as_dict())
            for s in self.scores
        ]
        for method in dict.fromkeys(s.method for s in self.scores):
            own = [s for s in self.scores if s.method == method]
            if len({(s.category, s.sequence) for s in self.scores}) > 1:
                rows += _averages(method, own)
                rows.append(
                    EvaluationRow("pooled", "", "", method, len(own), _cost(own), pooled([s.scores for s in own]))
                )
        return sorted(rows, key=lambda row: ("sequence", "category", "overall", "pooled").index(row.scope))


def pooled(clips: Sequence[ClipScores]) -> dict[str, dict[str, Any]]:
    """Clips put together as benchmarks do: counts add, ratios are those of the sum."""
    groups: dict[str, dict[str, Any]] = {}
    records = [clip.identity for clip in clips if clip.identity is not None]
    pixels = [clip.pixels for clip in clips if clip.pixels is not None]
    clusters = [clip.clusters for clip in clips if clip.clusters is not None]
    if records:
        groups["identity"] = plain(sum((record.counts for record in records), IdentityCounts()), IDENTITY)
    if pixels:
        total = sum((record.total for record in pixels), MaskCounts())
        frames = sum(len(record.frames) for record in pixels)
        groups["foreground"] = plain(total, (*FOREGROUND, *COUNTS)) | {"frames": frames}
    if clusters:
        groups["clusters"] = plain(ClusterCounts.pooled(clusters), CLUSTERS)
    return groups


def document(evaluation: Evaluation, *, settings: RunSettings, task: dict[str, Any]) -> dict[str, Any]:
    """All of it as plain values; `task` is what was asked for."""
    digests = {s.method: s.weights_sha256 for s in evaluation.scores if s.weights_sha256}
    found = versions()
    for scores in evaluation.scores:
        found |= scores.versions
    extra = {
        (s.category, s.sequence, s.method): {"source": s.source, "problem": s.problem, "notes": list(s.notes)}
        for s in evaluation.scores
    }
    rows = evaluation.rows()
    return {
        "schema_version": SCHEMA_VERSION,
        "outcome": "failed" if evaluation.failures else "complete",
        "task": task,
        "sequences": [
            {"sequence": row.name, **_plain_row(row), **extra[row.category, row.name, row.method]}
            for row in rows
            if row.scope == "sequence"
        ],
        "categories": [_plain_row(row) for row in rows if row.scope == "category"],
        "overall": [_plain_row(row) for row in rows if row.scope == "overall"],
        "pooled": [_plain_row(row) for row in rows if row.scope == "pooled"],
        "failures": [vars(failure) for failure in evaluation.failures],
        "left_out": list(evaluation.left_out),
        "seed": settings.seed,
        "settings": settings.model_dump(mode="json"),
        "weights_sha256": digests,
        "versions": found,
    }


def csv_text(evaluation: Evaluation) -> str:
    """A line a scope and method, with a column for every score; empty where a score does not apply."""
    names = [(group, name) for group, known in GROUPS.items() for name in known]
    cost = ("frames", "ms_per_frame", "seconds", "peak_mb")
    head = [
        "scope",
        "category",
        "sequence",
        "method",
        "sequences",
        *cost,
        *(f"{group}_{name}" for group, name in names),
    ]
    lines = [csv_line(head)]
    for row in evaluation.rows():
        sequence = row.name if row.scope == "sequence" else ""
        scores = [row.groups.get(group, {}).get(name) for group, name in names]
        costs = [row.cost.get(name) for name in cost]
        lines.append(csv_line([row.scope, row.category, sequence, row.method, row.sequences, *costs, *scores]))
    return "".join(lines)


def plan_targets(paths: Iterable[Path | None], *, overwrite: bool, inputs: Iterable[Path] = ()) -> Results:
    """The files asked for, checked before any work is done.

    Raises SinkError for what could not be written, would replace something else than scores, or belongs to the inputs.
    """
    wanted = [path for path in paths if path is not None]
    inputs = list(inputs)
    read = [path.resolve() for path in inputs]
    for path in wanted:
        whole = path.resolve()
        inside = any(place in whole.parents for place in read) and whole.suffix.lower() not in (".json", ".csv")
        if whole in read or (inside and whole.exists()):
            raise SinkError(f"{path}: belongs to what is evaluated; give the scores a name of their own")
    if len({path.resolve() for path in wanted}) < len(wanted):
        raise SinkError(f"{wanted[0]}: named for JSON and CSV both; give each a name of its own")
    results = Results(wanted, inputs=inputs, overwrite=overwrite)
    results.check()
    return results


def write(
    evaluation: Evaluation, results: Results, *, json: Path | None, csv: Path | None, document: dict[str, Any]
) -> None:
    """Write the files asked for, all of them whole or none. Raises SinkError."""
    if json is not None:
        write_output(results.output(json), encoded(json_text(document)))
    if csv is not None:
        write_output(results.output(csv), encoded(csv_text(evaluation)))
    results.commit()


def _averages(method: str, own: Sequence[SequenceScores]) -> list[EvaluationRow]:
    """CDnet's means of the foreground scores: over the sequences of each category, then over categories."""
    scored = [s for s in own if s.scores.pixels is not None]
    if not scored:
        return []
    members = {
        category: [s for s in scored if s.category == category]
        for category in dict.fromkeys(s.category for s in scored)
    }
    totals = {c: {s.sequence: s.scores.pixels.total for s in of if s.scores.pixels} for c, of in members.items()}
    means = cdnet_means(totals)
    rows = [
        EvaluationRow(
            "category", category, category, method, len(of), _cost(of), {"foreground": dict(means.categories[category])}
        )
        for category, of in members.items()
    ]
    return [
        *rows,
        EvaluationRow("overall", "", "", method, len(scored), _cost(scored), {"foreground": dict(means.overall)}),
    ]


def _cost(own: Sequence[SequenceScores]) -> dict[str, float | int | None]:
    """Of several: frames and seconds in all, milliseconds by frame, the most memory."""
    ran = [s for s in own if s.frames is not None]
    if not ran:
        return {}
    frames = sum(s.frames or 0 for s in ran)
    peaks = [s.peak_mb for s in ran if s.peak_mb is not None]
    return {
        "frames": frames,
        "ms_per_frame": sum((s.ms_per_frame or 0.0) * (s.frames or 0) for s in ran) / max(1, frames),
        "seconds": sum(s.seconds or 0.0 for s in ran),
        "peak_mb": max(peaks) if peaks else None,
    }


def _plain_row(row: EvaluationRow) -> dict[str, Any]:
    where = {"category": row.category} if row.category else {}
    count = {} if row.scope == "sequence" else {"sequences": row.sequences}
    return {**where, "method": row.method, **count, **row.cost, **row.groups}
