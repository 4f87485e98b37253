"""What is to be looked at first: the moment at which the video opens, and a sentence for each lane. Measured facts and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tracker.report.data import LaneRecord, ReportData
from tracker.types import INSIDE, Event

METHODS = {
    "gmm": "A Gaussian mixture for each pixel finds what moves, and a linker names its blobs (the baseline).",
    "slots": "A network parts objects from the scene, and slots (RNN-EM) follow each of them through meetings and occlusions.",
    "blobs": "The foreground of the network of lane slots, with the linker of lane gmm instead of slots.",
    "rigid": "The EM of lane slots in closed form: rigid shapes, nothing learned.",
}
"""Lanes, in a line each."""
CHANGES = {
    "gmm.mixture.method=mog2": "with OpenCV's mixture MOG2",
    "gmm.mixture.method=knn": "with OpenCV's nearest neighbours (KNN) for each pixel",
}
"""The one change of each variant that comes with the program, in words."""

CALM = "shows nothing that stands out: no object was lost inside the picture, no exchange of identities is suspected"


@dataclass(frozen=True)
class Opening:
    """Where the video opens, and what is to be seen there."""

    time_s: float
    why: str


@dataclass(frozen=True)
class Fact:
    """A clause about one lane."""

    text: str
    look_s: float | None = None
    """where to look"""


def opening(data: ReportData) -> Opening | None:
    """The moment at which the lanes disagree most, else the first one with most objects; None if nothing was found."""
    run = data.run
    if run.peaks:
        most = max(run.peaks, key=lambda peak: peak.share)
        return Opening(most.time_s, "the lanes disagree most")
    objects = [max(counts) for counts in zip(*(lane.objects for lane in run.lanes), strict=True)]
    if not objects or max(objects) <= 0:
        return None
    return Opening(run.times_s[objects.index(max(objects))], "most objects are seen")


def about_lane(name: str, settings: Mapping[str, Any]) -> str:
    """What a lane is; of a variant, which settings it changes."""
    variant = (settings.get("variants") or {}).get(name)
    if name in METHODS or not variant:
        return METHODS.get(name, "")
    changes = ", ".join(variant.get("changes") or ()) or "nothing"
    return f"As lane {variant['lane']}, {CHANGES.get(changes, f'changed: {changes}')}."


def facts(data: ReportData, lane: LaneRecord) -> list[Fact]:
    """What stands out in one lane, the most telling first; one fact says so where nothing does."""
    if not lane.identities:
        return [Fact("found no object")]
    found = [*_from_events(data, lane), *_from_truth(data, lane.name)]
    return found or [Fact(CALM)]


def _from_events(data: ReportData, lane: LaneRecord) -> Iterator[Fact]:
    events = [event for event in data.events if event.lane == lane.name]
    seen = {track.id: track.seen_frames for track in lane.tracks}
    lost = [event for event in events if event.kind == "death" and event.note.startswith(INSIDE)]
    if lost:  # the one that was seen longest is the surest object
        look = max(lost, key=lambda event: (seen.get(event.ids[0], 0), -event.time_s))
        some = _at_least(data, lane.name, "death", events)
        yield Fact(
            f"lost sight of {some}{len(lost):,} of {_count(lane.identities, 'object')} inside the picture", look.time_s
        )
    switches = [event for event in events if event.kind == "switch"]
    if switches:
        some = _at_least(data, lane.name, "switch", events)
        first = min(event.time_s for event in switches)
        yield Fact(f"may have exchanged identities {some}{_count(len(switches), 'time')}", first)


def _from_truth(data: ReportData, lane: str) -> Iterator[Fact]:
    """The worst moment of a lane that is scored."""
    errors = data.errors.get(lane)
    if errors is None:
        return
    wrong = [(m or 0.0) + (f or 0.0) for m, f in zip(errors.misses, errors.false_boxes, strict=True)]
    most = max(wrong, default=0.0)
    if most > 0:
        unit = f" box{'' if most == 1 else 'es'}" if errors.unit == "boxes" else " % of the pixels"
        yield Fact(f"errs most against the truth by {most:.3g}{unit} in a frame", data.run.times_s[wrong.index(most)])


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _at_least(data: ReportData, lane: str, kind: str, events: Sequence[Event]) -> str:
    """Where a page holds only some of the events of a kind, a count of them is a lower bound."""
    counted = (data.event_counts or {}).get((kind, lane), 0)
    return "at least " if counted > sum(event.kind == kind for event in events) else ""
