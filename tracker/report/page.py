"""The page: one HTML file that holds all it shows, save the video beside it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracker.report.data import ErrorCurves, LaneRecord, ReportData
from tracker.report.verdict import about_lane, facts, opening
from tracker.report.words import (
    GROUPS,
    KINDS,
    LEVELS,
    difference_sentence,
    interval_rows,
    life,
    measure_text,
    score_tables,
    stage_bars,
    value_text,
)
from tracker.timing import clock
from tracker.types import Event
from tracker.zone_counts import AreaCount, ZoneCounts

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER = Path(__file__).parent
EVENTS_SHOWN = 1000
TIMES_SHOWN = 12
"""of a finding"""
TRACK_BYTES = 550_000
"""of all lanes' lives in the page: with every picture and curve at its largest it stays below 2 MB"""
TELLING = ("gap", "switch", "split", "merge", "occlusion", "death", "birth")
"""Kinds of events from the rarest and most telling to what every track has."""


def render_page(data: ReportData) -> str:
    """The page as HTML; opens from disk, asks nothing of any network, and is below 2 MB whatever the clip's length."""
    from markupsafe import Markup

    environment = page_environment()
    scripts = [
        (FOLDER / name).read_text(encoding="utf-8")
        for name in ("theme.js", "page.js", "timeline.js", "bars.js", "scene.js")
    ]
    return environment.get_template("page.html").render(
        data=data,
        run=data.run,
        lanes=[lane.name for lane in data.run.lanes],
        clock=partial(clock, long=data.run.end_s >= 3600),
        opening=opening(data),
        about={lane.name: about_lane(lane.name, data.settings) for lane in data.run.lanes},
        facts={lane.name: facts(data, lane) for lane in data.run.lanes},
        life=life,
        levels=LEVELS,
        zones=zone_tables(data),
        groups=GROUPS,
        kinds=KINDS,
        value_text=value_text,
        measure_text=measure_text,
        times_shown=TIMES_SHOWN,
        score_tables=score_tables(data.scores),
        intervals=interval_rows(data.differences),
        difference_sentence=difference_sentence,
        stages=stage_bars(data.stages_ms),
        settings=_as_yaml(data.settings),
        event_total=sum(counted_events(data).values()),
        payload=Markup(in_script(_payload(data))),
        script=Markup("\n".join(scripts)),
    )


def page_environment(*folders: Path) -> Environment:
    """Templates of these folders, which may include `page.css` and `theme.js`: pages of one style."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader([*folders, FOLDER]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@dataclass(frozen=True)
class ZoneTables:
    """The lanes' counts by zone."""

    areas: Mapping[str, list[tuple[str, AreaCount]]]
    """name: (lane, counts) each"""
    lines: Mapping[str, tuple[list[str], list[tuple[str, Mapping[str, int]]]]]
    """name: its ways, and (lane, counts by way) each"""
    files: tuple[str, ...]
    """beside the page"""


def zone_tables(data: ReportData) -> ZoneTables:
    """What the page says of zones."""
    lanes = list(data.zones.items())
    first = lanes[0][1] if lanes else ZoneCounts()
    return ZoneTables(
        {name: [(lane, counts.areas[name]) for lane, counts in lanes] for name in first.areas},
        {
            name: (list(ways), [(lane, counts.lines[name]) for lane, counts in lanes])
            for name, ways in first.lines.items()
        },
        tuple(file.name for file in data.files if file.name.endswith(".zones.csv")),
    )


def choose_events(events: Sequence[Event], most: int = EVENTS_SHOWN) -> list[Event]:
    """At most so many, by time: of every kind an equal part, spread evenly; what a rare kind leaves the next ones get."""
    chosen: list[Event] = []
    for index, kind in enumerate(TELLING):
        of_kind = sorted((event for event in events if event.kind == kind), key=lambda event: event.time_s)
        part = min(len(of_kind), (most - len(chosen)) // (len(TELLING) - index))
        chosen += [of_kind[(2 * place + 1) * len(of_kind) // (2 * part)] for place in range(part)]
    return sorted(chosen, key=lambda event: (event.time_s, event.lane, TELLING.index(event.kind), event.ids))


def counted_events(data: ReportData) -> Mapping[tuple[str, str], int]:
    """By (kind, lane), of the page's lanes."""
    lanes = {lane.name for lane in data.run.lanes}
    counts = data.event_counts
    if counts is None:
        counts = Counter((event.kind, event.lane) for event in data.events)
    return {key: count for key, count in counts.items() if key[1] in lanes}


def _payload(data: ReportData) -> dict[str, Any]:
    """What the page's script draws; lists rather than objects where there are thousands."""
    run = data.run
    names = [lane.name for lane in run.lanes]
    budget = TRACK_BYTES // len(names)
    events = [event for event in data.events if event.lane in names]
    counted = Counter[str | int]()
    for (kind, lane), count in counted_events(data).items():
        counted[kind] += count
        counted[names.index(lane)] += count
    return {
        "start": run.start_s,
        "end": run.end_s,
        "frames": run.frames,
        "times": run.times_s,
        "lanes": [_lane_payload(lane, budget) for lane in run.lanes],
        "disagreement": run.disagreement,
        "errors": [_errors_payload(data.errors.get(name)) for name in names],
        "background": run.background,
        "size": run.background_size,
        "aspect": data.pixel_aspect,
        "heat": run.heat,
        "events": [
            [
                list(KINDS).index(e.kind),
                names.index(e.lane),
                e.frame,
                round(e.time_s, 3),
                _rounded(e.end_s),
                e.ids,
                e.note,
            ]
            for e in choose_events(events)
        ],
        "counts": {str(key): count for key, count in counted.items()},
        "kinds": KINDS,
    }


def _lane_payload(lane: LaneRecord, budget: int) -> dict[str, Any]:
    """The longest seen tracks that fit the budget of bytes, by birth."""
    rows = {}
    for track in sorted(lane.tracks, key=lambda track: -track.seen_frames):
        spans = [number for start, end, hidden in track.spans for number in (start, end, int(hidden))]
        row = [track.id, track.colour, track.seen_frames, spans, [number for point in track.path for number in point]]
        budget -= len(json.dumps(row, separators=(",", ":"))) + 1
        if budget < 0:
            break
        rows[track.id] = row
    return {
        "name": lane.name,
        "identities": lane.identities,
        "objects": lane.objects,
        "tracks": [rows[track.id] for track in lane.tracks if track.id in rows],
    }


def _errors_payload(errors: ErrorCurves | None) -> dict[str, Any] | None:
    return None if errors is None else asdict(errors)


def _rounded(time_s: float | None) -> float | None:
    return None if time_s is None else round(time_s, 3)


def in_script(value: object) -> str:
    """JSON that cannot end the script element it stands in; the two separators end lines in old JavaScript."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _as_yaml(settings: object) -> str:
    import yaml

    return yaml.safe_dump(json.loads(json.dumps(settings)), sort_keys=False, allow_unicode=True) if settings else ""
