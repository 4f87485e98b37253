"""What is counted of zones: one passage of one identity, the totals of a lane, and the shapes as they are drawn.

A zone is an area (a named polygon) or a line. Times are seconds from the clip's first frame, places pixels of the frame.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

PassageKind = Literal["entry", "exit", "crossing"]

ACROSS = "across"
APPEARED = "appeared"
VANISHED = "vanished"
REDRAWN = "redrawn"
"""How an area is entered or left: over its border; by an identity that begins or ends inside it; because the area was
changed while the run went on."""


@dataclass(frozen=True)
class Passage:
    """One identity entered or left an area, or crossed a line."""

    kind: PassageKind
    lane: str
    zone: str
    """name of the area or line"""
    direction: str
    """of a crossing: the line's name for that way; else ACROSS, APPEARED, VANISHED or REDRAWN"""
    id: int
    frame: int
    """as tables write it: the first frame in which it is on the other side; of VANISHED, the last in which it was seen"""
    time_s: float
    """interpolated between the two frames around the border or line"""
    seconds: float | None = None
    """of an exit: the time in the area"""


@dataclass(frozen=True)
class AreaCount:
    """Totals of an area. entries - exits = inside."""

    entries: int = 0
    exits: int = 0
    seconds: float = 0.0
    """sum over all stays; who is still inside is counted up to now"""
    longest_s: float = 0.0

    @property
    def inside(self) -> int:
        """Identities inside now."""
        return self.entries - self.exits

    @property
    def mean_s(self) -> float:
        """Mean length of a stay; 0 without one."""
        return self.seconds / max(1, self.entries)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for a summary."""
        return {
            "entries": self.entries,
            "exits": self.exits,
            "inside": self.inside,
            "mean_s": round(self.mean_s, 3),
            "longest_s": round(self.longest_s, 3),
        }


@dataclass(frozen=True)
class ZoneCounts:
    """Totals of one lane."""

    areas: Mapping[str, AreaCount] = field(default_factory=dict)
    """by name"""
    lines: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """crossings by the line's name and the direction's"""

    def as_dict(self) -> dict[str, Any]:
        """Plain values for a summary."""
        return {
            "areas": {name: count.as_dict() for name, count in self.areas.items()},
            "lines": {name: dict(ways) for name, ways in self.lines.items()},
        }


Points = tuple[tuple[float, float], ...]
"""(x, y) each"""


@dataclass(frozen=True)
class Shape:
    """A polygon or line as it is drawn on the picture."""

    kind: Literal["include", "exclude", "area", "line"]
    points: Points
    """pixels of the frame; two of a line"""
    label: str = ""
    """name and counts"""


Shapes = Callable[[str, Any], tuple[Shape, ...]]
"""The lane's name and the moment to what is drawn over it."""
