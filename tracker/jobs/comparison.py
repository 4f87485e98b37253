"""Several lanes over one clip, told as a page: what is gathered while the run goes, and what is said at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from tracker.choosing import ChosenSetting
from tracker.draw import Overlay, colour_of
from tracker.events import EventFinder
from tracker.health import Health
from tracker.jobs.tally import RunTally
from tracker.jobs.zones import ZoneWatch
from tracker.numbering import Numbering
from tracker.report import DifferenceRow, ErrorCurves, EventSample, FileLink, Record, ReportData, render_page
from tracker.types import Event, Moment, Outcome

DESCRIPTIONS = {
    "video": "the lanes side by side",
    "sheet": "the run at one glance",
    "mot": "MOTChallenge table",
    "csv": "everything known of the tracks",
    "events": "events as JSON lines",
    "zones": "entries, exits and crossings",
    "masks": "every frame's foreground",
    "summary": "all numbers",
}
"""Role of a file: what the page says it is."""


class Comparison:
    """A sink that gathers what the page needs; then adds its numbers to the summary and writes the page.

    finders  the lanes' events, shared with their tables
    overlay  draws the frames in which the lanes disagree most
    health   another sink of the same run, which comes before this one
    zones    what is counted where
    """

    def __init__(
        self,
        lanes: Sequence[str],
        *,
        finders: Mapping[str, EventFinder],
        overlay: Overlay,
        health: Health,
        zones: ZoneWatch | None = None,
    ) -> None:
        self.record = Record(lanes, render=overlay, colour=_hex)
        self.health = health
        self.events = EventSample()
        self._finders, self._zones = finders, zones
        self._numbering = Numbering()

    def write(self, moment: Moment) -> None:
        """Take note of one moment."""
        self.record.write(moment)
        self._numbering.add(moment.frame)
        for finder in self._finders.values():
            self._keep(finder(moment))

    def close(self, outcome: Outcome) -> None:
        """Take note of what the end makes certain."""
        self.record.close(outcome)
        for finder in self._finders.values():
            self._keep(finder.finish())

    def _keep(self, events: tuple[Event, ...]) -> None:
        for event in events:
            self.events.add(replace(event, frame=self._numbering.written(event.frame)))  # as the tables have it

    def numbers(self, tally: RunTally, seed: int) -> dict[str, Any]:
        """What the comparison adds to a summary, as plain values."""
        counted = {
            lane: {kind: count for (kind, of), count in self.events.counts.items() if of == lane}
            for lane in self._finders
        }
        return {
            "events": {lane: dict(sorted(kinds.items())) for lane, kinds in counted.items()},
            "differences": [asdict(row) for row in differences(tally, seed=seed)],
        }

    def page(self, summary: Mapping[str, Any], tally: RunTally, planned: Mapping[str, Path]) -> str:
        """The page of a run that had frames, as HTML; it links the files by their final names."""
        return render_page(self._report(summary, tally, planned))

    def _report(self, summary: Mapping[str, Any], tally: RunTally, planned: Mapping[str, Path]) -> ReportData:
        run, source = self.record.result(), summary["source"]
        return ReportData(
            title=source["name"],
            size=(source["width"], source["height"]),
            fps=source["fps"],
            outcome=summary["outcome"],
            run=run,
            problem=summary["problem"],
            pixel_aspect=source["pixel_aspect"],
            video=planned["video"].name if "video" in planned else None,
            events=self.events.events,
            event_counts=dict(self.events.counts),
            events_files=tuple(path.name for role, path in planned.items() if role.startswith("events ")),
            findings=self.health.findings(),
            zones={} if self._zones is None or not self._zones.zones.count else self._zones.counts(),
            scores={name: lane["scores"] for name, lane in summary["lanes"].items() if "scores" in lane},
            differences=tuple(DifferenceRow(**row) for row in summary["differences"]),
            errors={
                lane: ErrorCurves.binned(run, times_s, **counts) for lane, (times_s, counts) in _errors(tally).items()
            },
            stages_ms=summary["ms_per_frame"],
            once_s=summary["once_s"],
            settings=summary["settings"],
            chosen=tuple(ChosenSetting(**change).line for change in summary["chosen"]),
            seed=summary["seed"],
            versions=summary["versions"],
            weights={name: lane["weights_sha256"] for name, lane in summary["lanes"].items()},
            files=tuple(_links(planned)),
        )


def differences(tally: RunTally, *, seed: int) -> tuple[DifferenceRow, ...]:
    """Every two lanes on every score that has an interval; none without a truth."""
    from tracker.scores import difference

    rows: list[DifferenceRow] = []
    for a, b in combinations(tally.lanes, 2):
        of_a, of_b = tally.scores(a), tally.scores(b)
        if of_a is None or of_b is None:
            continue
        groups = []
        if of_a.identity is not None and of_b.identity is not None:
            groups.append(difference(of_a.identity, of_b.identity, seed=seed))
        if of_a.pixels is not None and of_b.pixels is not None:
            groups.append(difference(of_a.pixels.counts, of_b.pixels.counts, seed=seed))
        rows += [DifferenceRow(d.score, a, b, d.a, d.b, d.low, d.high) for group in groups for d in group]
    return tuple(rows)


def _errors(tally: RunTally) -> dict[str, tuple[list[float], dict[str, Any]]]:
    """By lane: times of the scored frames, and the mistakes in each; of pixels where the truth knows of no boxes."""
    found: dict[str, tuple[list[float], dict[str, Any]]] = {}
    for lane in tally.lanes:
        scores = tally.scores(lane)
        if scores is not None and (boxes := scores.identity) is not None:
            times_s = [tally.time_s(boxes.first + place) for place in range(len(boxes.misses))]
            found[lane] = times_s, {name: getattr(boxes, name) for name in ("misses", "false_boxes", "switches")}
        elif scores is not None and (pixels := scores.pixels) is not None:
            known = [max(1, c.tp + c.fp + c.fn + c.tn) for c in pixels.counts]
            found[lane] = (
                [tally.time_s(frame) for frame in pixels.frames],
                {
                    "misses": [100 * c.fn / n for c, n in zip(pixels.counts, known, strict=True)],
                    "false_boxes": [100 * c.fp / n for c, n in zip(pixels.counts, known, strict=True)],
                    "switches": [0] * len(known),
                    "unit": "pixels",
                },
            )
    return found


def _links(planned: Mapping[str, Path]) -> list[FileLink]:
    links = []
    for role, path in planned.items():
        kind, _, lane = role.partition(" ")
        if kind in DESCRIPTIONS:
            links.append(FileLink(path.name, f"{DESCRIPTIONS[kind]}, {lane}" if lane else DESCRIPTIONS[kind]))
    return links


def _hex(identity: int) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour_of(identity))
