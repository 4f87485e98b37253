"""Numbers in words: what the page calls things, which way is better, and how a difference is put."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tracker.report.data import DifferenceRow, Plain

KINDS = {
    "birth": "born",
    "death": "gone",
    "occlusion": "hidden",
    "merge": "merged",
    "split": "split",
    "switch": "switch suspected",
    "gap": "no picture",
}
"""Kinds of events, in the page's order: words for people."""
LEVELS = {"bad": "Act", "look": "Look", "good": "Good", "unknown": "Not known"}
"""Levels of findings, the worst first: words for people."""
GROUPS = {"identity": "Identities", "foreground": "Foreground pixels", "clusters": "Whose pixels"}


@dataclass(frozen=True)
class _Score:
    title: str
    better: Literal["high", "low"] | None
    kind: Literal["ratio", "percent", "count"] = "ratio"


SCORES = {
    "hota": _Score("HOTA", "high"),
    "deta": _Score("DetA", "high"),
    "assa": _Score("AssA", "high"),
    "loca": _Score("LocA", "high"),
    "idf1": _Score("IDF1", "high"),
    "idp": _Score("ID precision", "high"),
    "idr": _Score("ID recall", "high"),
    "mota": _Score("MOTA", "high"),
    "motp": _Score("MOTP", "high"),
    "f_measure": _Score("F", "high"),
    "precision": _Score("precision", "high"),
    "recall": _Score("recall", "high"),
    "switches": _Score("ID switches", "low", "count"),
    "fragments": _Score("fragments", "low", "count"),
    "misses": _Score("misses", "low", "count"),
    "false_boxes": _Score("false boxes", "low", "count"),
    "mostly_tracked": _Score("mostly tracked", "high", "count"),
    "partly_tracked": _Score("partly tracked", None, "count"),
    "mostly_lost": _Score("mostly lost", "low", "count"),
    "truth_ids": _Score("true identities", None, "count"),
    "track_ids": _Score("found identities", None, "count"),
    "truth_boxes": _Score("true boxes", None, "count"),
    "track_boxes": _Score("found boxes", None, "count"),
    "specificity": _Score("specificity", "high"),
    "fpr": _Score("false positive rate", "low"),
    "fnr": _Score("false negative rate", "low"),
    "fpr_shadow": _Score("false positive rate, shadow", "low"),
    "pwc": _Score("wrong pixels, %", "low", "percent"),
    "tp": _Score("true positives", None, "count"),
    "fp": _Score("false positives", None, "count"),
    "fn": _Score("false negatives", None, "count"),
    "tn": _Score("true negatives", None, "count"),
    "shadow": _Score("pixels in shadow", None, "count"),
    "shadow_fp": _Score("of them called object", None, "count"),
    "frames": _Score("frames", None, "count"),
    "fg_ari": _Score("foreground ARI", "high"),
    "ami": _Score("AMI", "high"),
    "fg_ari_frames": _Score("foreground ARI, mean of frames", "high"),
    "ami_frames": _Score("AMI, mean of frames", "high"),
}
"""By name in the results. Unknown names are shown as they are."""


ORDER = {name: place for place, name in enumerate(SCORES)}


@dataclass(frozen=True)
class ScoreRow:
    """One score of all lanes."""

    title: str
    cells: tuple[tuple[str, bool], ...]
    """(text, is the best of several) by lane"""


def score_tables(scores: Mapping[str, Mapping[str, Mapping[str, Plain]]]) -> dict[str, list[ScoreRow]]:
    """Group: its rows, the telling ones first, one column for each lane of `scores` in order.

    What is no plain value is left out.
    """
    groups = dict.fromkeys([*GROUPS, *(group for lane in scores.values() for group in lane)])
    tables = {}
    for group in groups:
        lanes = [lane.get(group, {}) for lane in scores.values()]
        names = dict.fromkeys(
            name for lane in lanes for name, value in lane.items() if isinstance(value, (int, float, str))
        )
        ordered = sorted(names, key=lambda name: ORDER.get(name, len(ORDER)))
        if names:
            tables[group] = [_score_row(name, [lane.get(name) for lane in lanes]) for name in ordered]
    return tables


def _score_row(name: str, values: Sequence[Plain]) -> ScoreRow:
    score = SCORES.get(name, _Score(name, None))
    numbers = [value for value in values if isinstance(value, (int, float)) and value == value]
    best: float | None = None
    if score.better and len(set(numbers)) > 1:
        best = max(numbers) if score.better == "high" else min(numbers)
    return ScoreRow(score.title, tuple((value_text(value), value is not None and value == best) for value in values))


def value_text(value: Plain) -> str:
    """Whole numbers whole, others with as many digits as say something; a dash for what is not known, NaN too."""
    if value is None or value != value:
        return "–"
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        text = f"{value:,}"
    elif value.is_integer() and abs(value) > 1:
        text = f"{value:,.0f}"
    else:
        text = f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"
    return text.replace("-", "−")


def measure_text(value: float, unit: str) -> str:
    """A measure to three digits with its unit: 0.314 px, 3.14 s, 1,234 frames; a share in percent."""
    if unit == "share":
        return f"{value:.0%}".replace("%", " %")
    if 0 < abs(value) < 0.01:
        return f"below 0.01 {unit}"
    return f"{value:,.0f} {unit}" if abs(value) >= 1000 else f"{value:.3g} {unit}"


@dataclass(frozen=True)
class IntervalRow:
    """A difference as it is drawn: places from left to right in percent of the plot."""

    difference: DifferenceRow
    title: str
    low: float
    middle: float
    high: float
    clear: bool
    """the interval excludes 0"""


def interval_rows(differences: Sequence[DifferenceRow]) -> list[IntervalRow]:
    """All on one scale round 0 for each unit, so that lengths compare."""
    rows = []
    for difference in differences:
        score = SCORES.get(difference.score, _Score(difference.score, None))
        same = [d for d in differences if SCORES.get(d.score, score).kind == score.kind]
        reach = 1.05 * max(max(abs(d.low), abs(d.high), abs(d.b - d.a)) for d in same) or 1.0
        low, middle, high = (
            round(50 + 50 * value / reach, 2)
            for value in (difference.low, difference.b - difference.a, difference.high)
        )
        clear = difference.low > 0 or difference.high < 0
        rows.append(IntervalRow(difference, score.title, low, middle, high, clear))
    return rows


def difference_sentence(difference: DifferenceRow) -> str:
    """Who has more of what, and whether the interval says so: "slots has 3.1 to 9.4 points more IDF1 than gmm"."""
    score = SCORES.get(difference.score, _Score(difference.score, None))
    scale = 100 if score.kind == "ratio" else 1
    unit = "points " if score.kind == "ratio" else ""
    low, high = scale * difference.low, scale * difference.high
    if low > 0 or high < 0:
        least, most = sorted((abs(low), abs(high)))
        more = "more" if low > 0 else "less"
        good = {"high": low > 0, "low": high < 0}.get(score.better or "")
        verdict = "" if good is None else " (better)" if good else " (worse)"
        return (
            f"{difference.lane_b} has {least:.1f} to {most:.1f} {unit}{more} {score.title} than {difference.lane_a}"
            f"{verdict}; the interval excludes 0."
        )
    reach = f"{low:+.1f} to {high:+.1f} {unit}".replace("-", "−").rstrip()
    return (
        f"{difference.lane_b} and {difference.lane_a} cannot be told apart by {score.title}: {reach}; "
        "the interval includes 0."
    )


def life(seconds: float) -> str:
    """A length of time as one says it: 3.2 s, 4 min 10 s, 2 h 5 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


@dataclass(frozen=True)
class StageBar:
    """One stage of the loop: its share of the longest, in percent."""

    title: str
    lane: str | None
    ms: float
    percent: float


def stage_bars(stages_ms: Mapping[str, float]) -> list[StageBar]:
    """The stages without their total, the longest first."""
    each = {stage: ms for stage, ms in stages_ms.items() if stage != "total"}
    longest = max(each.values(), default=0.0) or 1.0
    bars = []
    for stage, ms in sorted(each.items(), key=lambda item: -item[1]):
        kind, _, name = stage.partition(" ")
        title = "waiting for the decoder" if stage == "decode" else _apart(name) if kind == "sink" else stage
        bars.append(StageBar(title, name if kind == "lane" else None, ms, round(100 * ms / longest, 2)))
    return bars


def _apart(name: str) -> str:
    """OverlayVideo -> overlay video."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
