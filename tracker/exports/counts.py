"""What was counted of zones, by the minute."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tracker.csv_text import read_csv_rows
from tracker.errors import SourceError
from tracker.exports.workbook import Columns
from tracker.sinks.tables import ZoneRows
from tracker.zone_counts import REDRAWN

HEAD = ZoneRows.head.strip()
MINUTE_S = 60
MOST_MINUTES = 366 * 24 * 60
"""a year; times beyond are damage, and would be as many rows"""

What = tuple[str, str, str]
"""zone, kind, direction; an area's entries and exits have no direction"""


class Passing(NamedTuple):
    """One row of NAME.LANE.zones.csv, as far as it is counted."""

    time_s: float
    what: What


def read_passings(path: Path) -> list[Passing]:
    """Entries, exits and crossings; not those that came of redrawing an area. Raises SourceError by the row."""
    found = []
    for number, row in enumerate(_rows(path), 2):
        try:
            _, time_s, kind, zone, direction, *_ = row
            if kind not in ("entry", "exit", "crossing") or not 0 <= float(time_s) < MOST_MINUTES * MINUTE_S:
                raise ValueError
        except ValueError:
            raise SourceError(f"{path}, row {number}: wanted {HEAD}; check the file") from None
        if direction != REDRAWN:
            found.append(Passing(float(time_s), (zone, kind, direction if kind == "crossing" else "")))
    return found


def zone_columns(path: Path) -> Columns:
    """The table as it stands, its numbers as numbers. Raises SourceError."""
    names = HEAD.split(",")
    rows = _rows(path)
    if wrong := next((number for number, row in enumerate(rows, 2) if len(row) != len(names)), None):
        raise SourceError(f"{path}, row {wrong}: wanted {HEAD}; check the file")
    return {name: [_value(name, row[n]) for row in rows] for n, name in enumerate(names)}


def _value(name: str, cell: str) -> str | float | None:
    if name not in ("frame", "time_s", "id", "seconds"):
        return cell
    try:
        return float(cell)
    except ValueError:
        return cell or None


def _rows(path: Path) -> list[list[str]]:
    """Below the head."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = read_csv_rows(file)
    except (OSError, ValueError):
        raise SourceError(f"{path}: not a readable table of zones; wanted NAME.LANE.zones.csv") from None
    if not rows or ",".join(rows[0]) != HEAD:
        raise SourceError(f"{path}: not a table of zones, which begins with {HEAD}")
    return rows[1:]


def span_of(summary: Mapping[str, Any]) -> tuple[float, float]:
    """Times of the first frame and the last of the run, or of the segment of a recording; 0 where an older summary does not say."""
    said = {**(summary.get("recording") or {}), **summary}
    first, last = (value if isinstance(value := said.get(name), int | float) else 0.0 for name in ("first_s", "last_s"))
    return float(first), float(last)


def known_zones(lane: Mapping[str, Any]) -> list[What]:
    """What a lane's part of a summary counts, in its order: also what never was passed."""
    zones = lane.get("zones")
    if not isinstance(zones, dict):
        return []
    areas = [(name, kind, "") for name in zones.get("areas", {}) for kind in ("entry", "exit")]
    return areas + [(name, "crossing", way) for name, ways in zones.get("lines", {}).items() for way in ways]


def counts_by_minute(passings: list[Passing], *, known: list[What], begin_s: float, end_s: float) -> Columns:
    """A row a minute, zone, kind and direction, with 0 where nobody passed; minutes from that of `begin_s` to that of `end_s`."""
    counted = Counter((int(each.time_s // MINUTE_S), each.what) for each in passings)
    asked = list(dict.fromkeys([*known, *sorted({each.what for each in passings})]))
    last = int(max([min(end_s, (MOST_MINUTES - 1) * MINUTE_S), *(each.time_s for each in passings)]) // MINUTE_S)
    first = int(max(0.0, min([begin_s, *(each.time_s for each in passings)])) // MINUTE_S)
    rows = [(minute, what) for minute in range(first, last + 1) for what in asked]
    return {
        "minute": [minute for minute, _ in rows],
        "begins": [_clock(minute) for minute, _ in rows],
        "zone": [what[0] for _, what in rows],
        "kind": [what[1] for _, what in rows],
        "direction": [what[2] for _, what in rows],
        "count": [counted[row] for row in rows],
    }


def _clock(minute: int) -> str:
    """When a minute of the run begins, as H:MM."""
    return f"{minute // 60}:{minute % 60:02d}"
