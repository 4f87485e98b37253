"""How right is each lane in each situation? One drawn scene each for what makes trackers fail, scored as `tracker evaluate` scores.

    python benchmarks/situations.py                                    every situation, seeds 40 and 41
    python benchmarks/situations.py --only crossing,stop --seeds 40,41,42
    python benchmarks/situations.py --json scores.json --lanes slots --set slots.working_width=320

The seeds of a situation are pooled: counts add, and ratios are those of the sum. What each situation is: docs/situations.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracker.errors import TrackerError
from tracker.evaluation import Failure, ScoreTask, SequenceScores, evaluate, pooled
from tracker.settings import load_settings
from tracker.synth import WorldOrder, save_world, stream_world
from tracker.worlds import SITUATIONS

COLUMNS = (
    ("IDF1", "identity", "idf1"), ("MOTA", "identity", "mota"), ("HOTA", "identity", "hota"),
    ("switches", "identity", "switches"), ("F", "foreground", "f_measure"),
)  # fmt: skip
"""title, group and name of each score"""
HEAD = f"{'situation':14}{'lane':10}" + "".join(f"{title:>10}" for title, _, _ in COLUMNS)


@dataclass(frozen=True)
class Line:
    """One lane in one situation; in all of them, if the situation is "all"."""

    situation: str
    lane: str
    seeds: int
    scores: dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="NAME,NAME", help=f"of {', '.join(SITUATIONS)}")
    parser.add_argument("--seeds", default=[40, 41], type=numbers, metavar="N,N")
    parser.add_argument("--lanes", default="gmm,slots")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="one setting of the lanes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the scores go there too")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the clips there, and take those that are there")
    asked = parser.parse_args()
    names, seeds = asked.only.split(",") if asked.only else list(SITUATIONS), asked.seeds
    if unknown := [name for name in names if name not in SITUATIONS]:
        parser.error(f"--only: no situation {', '.join(unknown)}; there are {', '.join(SITUATIONS)}")
    try:
        settings = load_settings(overrides=[f"lanes=[{asked.lanes}]", *asked.set])
        rows: list[SequenceScores | Failure] = []
        lines: list[Line] = []
        print(HEAD, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            for name in names:
                clips = (asked.keep or Path(folder)) / name
                draw(name, seeds, clips)
                paths = tuple(clips / f"{name}-{seed}.mp4" for seed in seeds)
                outcome = evaluate(ScoreTask(paths), settings, notify=note)
                rows += [*outcome.scores, *outcome.failures]
                for line in summed(name, outcome.scores):
                    lines.append(line)
                    print(told(line), flush=True)
    except TrackerError as error:
        sys.exit(f"error: {error}")
    for line in summed("all", rows):
        lines.append(line)
        print(told(line))
    if asked.json:
        asked.json.write_text(json.dumps({"seeds": seeds, "rows": [vars(line) for line in lines]}, indent=2) + "\n")
    if any(isinstance(row, Failure) for row in rows):
        sys.exit(1)


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def note(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def draw(name: str, seeds: list[int], folder: Path) -> None:
    """Each seed's clip and truth, unless they are there."""
    for seed in seeds:
        video = folder / f"{name}-{seed}.mp4"
        if not video.exists():
            world = stream_world(name, WorldOrder(seed))
            save_world(world, video=video, truth=video.with_suffix(".truth"), overwrite=True)


def summed(situation: str, rows: Sequence[SequenceScores | Failure]) -> list[Line]:
    """All rows of each lane as one."""
    found = [row for row in rows if isinstance(row, SequenceScores)]
    lines = []
    for lane in dict.fromkeys(row.method for row in found):
        own = [row.scores for row in found if row.method == lane]
        groups = pooled(own)
        lines.append(Line(situation, lane, len(own), {title: groups[group][name] for title, group, name in COLUMNS}))
    return lines


def told(line: Line) -> str:
    cells = [line.scores[title] for title, _, _ in COLUMNS]
    shown = [f"{cell:10d}" if isinstance(cell, int) else f"{cell:10.3f}" for cell in cells]
    return f"{line.situation:14}{line.lane:10}" + "".join(shown)


if __name__ == "__main__":
    main()
