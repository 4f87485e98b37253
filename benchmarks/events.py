"""How right are the events that are told of switches, merges and splits, against a truth?

    python benchmarks/events.py                                held-apart streets
    python benchmarks/events.py --seeds 500-505                the streets that settings were chosen on
    python benchmarks/events.py CLIP TRUTH --frames 201-400    a clip of your own

A switch is true where an object of the truth is found under another name than the last time, as CLEAR MOT counts it;
a merge or split where the same rules tell one of the truth's own boxes. An event is right if the truth has one of the
same kind, of the same two, within a second.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from tracker.build import build_lanes, build_prescan
from tracker.events import EventFinder, EventSettings
from tracker.picture import Picture
from tracker.pipeline import run
from tracker.scores import read_truth
from tracker.scores.overlap import iou_matrix
from tracker.scores.tables import Identified
from tracker.settings import load_settings
from tracker.sources import open_source
from tracker.synth import WorldOrder, save_world, stream_world
from tracker.types import Event, Frame, Moment, Outcome, Segmentation, Track, View

KINDS = ("switch", "merge", "split")
NEAR_S = 1.0
IOU = 0.5
KEPT = 1000.0
"""worth of keeping the last frame's match, as in CLEAR MOT"""

Boxes = Mapping[int, Sequence[Identified]]
"""by frame"""
Told = tuple[float, frozenset[int]]
"""when, and whom it befell"""


@dataclass
class Watch:
    """A sink: one lane's boxes and events."""

    lane: str
    finder: EventFinder
    boxes: dict[int, list[Identified]] = field(default_factory=dict)
    times_s: list[float] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def write(self, moment: Moment) -> None:
        self.boxes[moment.frame.index] = [(t.id, t.box) for t in moment.view(self.lane).tracks if not t.hidden]
        self.times_s.append(moment.frame.time_s)
        self.events += self.finder(moment)

    def close(self, outcome: Outcome) -> None:
        self.events += self.finder.finish()


def watch(clip: Path, *, frames: int) -> list[Watch]:
    """Both lanes over a clip."""
    settings = load_settings()
    watches = [Watch(lane, EventFinder(settings.events, lane)) for lane in settings.lanes]
    with closing(open_source(str(clip), max_frames=frames)) as source:
        run(source, build_lanes(settings), watches, prescan=build_prescan(settings))
    return watches


def matches(truth: Boxes, found: Boxes) -> Iterator[tuple[int, dict[int, int]]]:
    """(frame, truth identity -> track), in order; matches of the frame before are kept while they hold."""
    before: dict[int, int] = {}
    for frame in sorted(found):
        wanted, there = truth.get(frame, ()), found[frame]
        now: dict[int, int] = {}
        if wanted and there:
            iou = iou_matrix([box for _, box in wanted], [box for _, box in there])
            kept = np.array([[before.get(a) == b for b, _ in there] for a, _ in wanted])
            worth = np.where(iou >= IOU, iou + KEPT * kept, 0)
            rows, columns = linear_sum_assignment(worth, maximize=True)
            for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
                if worth[row, column] > 0:
                    now[wanted[row][0]] = there[column][0]
            before = now
        yield frame, now


def true_events(truth: Boxes, lane: Watch, size: tuple[int, int]) -> dict[str, list[Told]]:
    """By kind, what befell the lane's tracks according to the truth; of merges and splits, the truth's own identities."""
    last: dict[int, int] = {}
    told: dict[str, list[Told]] = {kind: [] for kind in KINDS}
    for frame, now in matches(truth, lane.boxes):
        for identity, track in now.items():
            if last.get(identity, track) != track:
                told["switch"].append((lane.times_s[frame], frozenset((last[identity], track))))
            last[identity] = track
    own = Watch("truth", EventFinder(EventSettings(), "truth"))
    image, labels = np.zeros((size[1], size[0], 3), np.uint8), np.zeros((size[1], size[0]), np.int32)
    for frame, time_s in enumerate(lane.times_s):
        tracks = tuple(Track(identity, box, 1.0, 0) for identity, box in truth.get(frame, ()))
        view = View("truth", Segmentation(labels, (), labels > 0), tracks)
        own.write(Moment(Frame(frame, time_s, Picture.of(image)), (view,)))
    for event in own.events:
        if event.kind in ("merge", "split"):
            told[event.kind].append((event.time_s, frozenset(event.ids)))
    return told


def told_events(truth: Boxes, lane: Watch) -> dict[str, list[Told]]:
    """By kind, what the lane tells; of merges and splits, in the truth's identities: 0 where a track is nobody's."""
    whose: dict[int, list[tuple[float, int]]] = {}
    for frame, now in matches(truth, lane.boxes):
        for identity, track in now.items():
            whose.setdefault(track, []).append((lane.times_s[frame], identity))
    told: dict[str, list[Told]] = {kind: [] for kind in KINDS}
    for event in lane.events:
        if event.kind == "switch":
            told["switch"].append((event.time_s, frozenset(event.ids)))
        elif event.kind in KINDS:
            near = [Counter(n for t, n in whose.get(a, ()) if abs(t - event.time_s) <= NEAR_S) for a in event.ids]
            told[event.kind].append((event.time_s, frozenset(c.most_common(1)[0][0] if c else 0 for c in near)))
    return told


def count(told: Sequence[Told], true: Sequence[Told], span_s: tuple[float, float]) -> Counter[str]:
    """Events told and right, true and found, within the span."""

    def among(event: Told, others: Sequence[Told]) -> bool:
        return any(ids == event[1] and abs(time_s - event[0]) <= NEAR_S for time_s, ids in others)

    told_here = [e for e in told if span_s[0] <= e[0] <= span_s[1]]
    true_here = [e for e in true if span_s[0] <= e[0] <= span_s[1]]
    return Counter(
        told=len(told_here),
        right=sum(among(e, true) for e in told_here),
        true=len(true_here),
        found=sum(among(e, told) for e in true_here),
    )


def examine(clip: Path, truth_path: Path, frames: tuple[int, int] | None) -> dict[tuple[str, str], Counter[str]]:
    """By lane and kind."""
    truth = read_truth(truth_path)
    first, last = (frames[0] - 1, frames[1] - 1) if frames else truth.span
    with closing(open_source(str(clip))) as source:
        size = source.info.size
    counts: dict[tuple[str, str], Counter[str]] = {}
    for lane in watch(clip, frames=last + 1):
        true, told = true_events(truth.boxes or {}, lane, size), told_events(truth.boxes or {}, lane)
        span_s = (lane.times_s[first], lane.times_s[min(last, len(lane.times_s) - 1)])
        counts |= {(lane.lane, kind): count(told[kind], true[kind], span_s) for kind in KINDS}
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path, nargs="?")
    parser.add_argument("truth", type=Path, nargs="?")
    parser.add_argument("--frames", help="A-B, from 1: only events in these are counted")
    parser.add_argument("--seeds", default="900-905")
    asked = parser.parse_args()
    first, last = (int(v) for v in (asked.frames or asked.seeds).split("-"))
    counts: Counter[tuple[str, str, str]] = Counter()

    def add(parts: dict[tuple[str, str], Counter[str]]) -> None:
        counts.update({(*key, name): n for key, part in parts.items() for name, n in part.items()})

    if asked.clip:
        add(examine(asked.clip, asked.truth, (first, last) if asked.frames else None))
    else:
        with tempfile.TemporaryDirectory() as folder:
            for seed in range(first, last + 1):
                name = Path(folder) / f"street{seed}"
                world = stream_world("street", WorldOrder(seed, frames=300))
                save_world(world, video=name.with_suffix(".mp4"), truth=name.with_suffix(".truth"))
                add(examine(name.with_suffix(".mp4"), name.with_suffix(".truth"), None))
    print_table(counts)


def print_table(counts: Mapping[tuple[str, str, str], int]) -> None:
    """A row by lane and kind."""
    print("lane   kind     told  right  precision    true  found  recall")
    for lane, kind in dict.fromkeys(key[:2] for key in counts):
        told, right, true, found = (counts[lane, kind, name] for name in ("told", "right", "true", "found"))
        ratios = (right / max(1, told), found / max(1, true))
        print(f"{lane:6} {kind:7} {told:5} {right:6} {ratios[0]:10.2f} {true:7} {found:6} {ratios[1]:7.2f}")


if __name__ == "__main__":
    main()
