"""RUN/scores.json: what a network's tests found, and of what; the same is not tested again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from tracker.papers.evaluation import SCORES
from tracker.papers.settings import ExperimentSettings
from tracker.sinks import write_text_whole

Tests = dict[str, dict[str, Any]]
"""scores by test"""


def asked_of(
    weights: Path, settings: ExperimentSettings, *, updates: int, clips: int, seed: int, device: str, rounded: bool
) -> dict[str, Any]:
    """What decides the scores of a weights file. rounded: whether it was tested in half precision, as it would ship."""
    of = hashlib.sha256(weights.read_bytes())
    of.update(json.dumps([settings.model_dump(mode="json"), device, rounded]).encode())
    return {
        "updates": updates, "weights": weights.stem, "seed": seed, "clips": clips, "scores": SCORES, "of": of.hexdigest(),
    }  # fmt: skip


def read_scores(path: Path, asked: dict[str, Any]) -> Tests:
    """The tests of a file that says it is of what is asked; none where there is none, it is of something else, or damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict) or {key: found.get(key) for key in asked} != asked:
        return {}
    tests = found.get("tests")
    return tests if isinstance(tests, dict) else {}


def write_scores(path: Path, asked: dict[str, Any], tests: Tests) -> None:
    """Write what `read_scores` reads. A score of nothing is NaN, which Python's JSON knows."""
    write_text_whole(path, json.dumps({**asked, "tests": tests}, indent=1) + "\n")
