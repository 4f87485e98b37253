"""Where objects are reported and counted: the `zones:` of a run's settings."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from tracker.types import Seconds, Settings
from tracker.zone_counts import Points
from tracker.zones.geometry import crossing_edges, side

MOST_PX = 65_536
"""pixels, beyond any picture's side"""
MOST_POINTS = 100
"""corners of a polygon: every pair of edges is compared, every corner is drawn in every frame"""
MOST_SHAPES = 100
"""polygons or lines of a kind: each is asked of every object in every frame"""
MOST_NAME = 40
"""characters: a name is a label on the picture"""
NAME = re.compile(r"\w[\w -]*")
"""of a zone or direction: it stands in tables, on the picture, on pages and behind --set"""


def _name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise ValueError(f"the name {text!r}: wanted letters, digits, spaces, - and _")
    return text


def _points(value: Any) -> Any:
    """Raises ValueError unless these are points that may lie in some picture."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ValueError("wanted points as [[x, y], [x, y], ...], without a name before them")
    if len(value) > MOST_POINTS:
        raise ValueError(f"{len(value)} points are too many; at most {MOST_POINTS} can be given")
    for n, point in enumerate(value, 1):
        if not isinstance(point, Sequence) or len(point) != 2 or not all(map(_is_number, point)):
            raise ValueError(f"point {n}: wanted [x, y], two numbers")
        if not all(0 <= number <= MOST_PX for number in point):
            raise ValueError(f"point {n} lies outside the picture: wanted pixels or shares of it, from 0 on")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _polygon(points: Points) -> Points:
    """Raises ValueError for what is no polygon; a last point that repeats the first is left out."""
    if len(points) > 1 and points[0] == points[-1]:
        points = points[:-1]
    if len(points) < 3:
        raise ValueError(f"a polygon needs 3 points, got {len(points)}")
    if any(a == b for a, b in pairwise(points)):
        raise ValueError("two points that follow each other are the same; leave one out")
    if all(side(points[0], points[1], point) == 0 for point in points):
        raise ValueError("the polygon has no area; its points are in one line")
    if (crossing := crossing_edges(points)) is not None:
        first, second = (f"{_said(a)} to {_said(b)}" for a, b in crossing)
        raise ValueError(f"the polygon crosses itself: {first} meets {second}; give its corners in order")
    return points


def _said(point: tuple[float, float]) -> str:
    return f"({point[0]:g}, {point[1]:g})"


def _ends(value: Any) -> Any:
    if isinstance(value, Sequence) and len(value) != 2:
        raise ValueError(f"a line has two ends, [[x, y], [x, y]], got {len(value)}")
    return _points(value)


def _line(points: Points) -> Points:
    if points[0] == points[1]:
        raise ValueError("the line has no length; its two points are the same")
    return points


Name = Annotated[str, Field(max_length=MOST_NAME), AfterValidator(_name)]
Coordinate = Annotated[float, Field(ge=0, le=MOST_PX)]
Corner = tuple[Coordinate, Coordinate]
Polygon = Annotated[
    tuple[Corner, ...], Field(max_length=MOST_POINTS), BeforeValidator(_points), AfterValidator(_polygon)
]


class Line(Settings):
    """A line at which crossings are counted, each way by itself."""

    points: Annotated[tuple[Corner, Corner], BeforeValidator(_ends), AfterValidator(_line)]
    """its two ends, [[x, y], [x, y]]"""
    forward: Name = "in"
    """name of the way from the left to the right of someone who goes from the first end to the second"""
    backward: Name = "out"
    """name of the other way"""

    @model_validator(mode="after")
    def _two_ways(self) -> Line:
        if self.forward == self.backward:
            raise ValueError(f"both ways are called {self.forward}; give forward and backward names of their own")
        return self


class Zones(Settings):
    """Where objects are reported and counted.

    Polygons are [[x, y], ...] by name, of three corners at least, which do not cross themselves. A polygon or line all of
    whose numbers are from 0 to 1 is in shares of the picture's width and height; any other is in pixels.
    """

    anchor: Literal["foot", "centre"] = "foot"
    """the point of an object that is asked for: foot is the middle of its box's lower side"""
    include: dict[Name, Polygon] = Field({}, max_length=MOST_SHAPES)
    """polygons by name, [[x, y], ...]; with any, only objects whose anchor lies in one of them are reported. All numbers from
    0 to 1: shares of the picture's width and height; else pixels"""
    exclude: dict[Name, Polygon] = Field({}, max_length=MOST_SHAPES)
    """polygons by name; an object whose anchor lies in one of them is not reported"""
    areas: dict[Name, Polygon] = Field({}, max_length=MOST_SHAPES)
    """polygons by name, in which entries, exits and time are counted"""
    lines: dict[Name, Line] = Field({}, max_length=MOST_SHAPES)
    """counting lines by name: {points: [[x, y], [x, y]], forward: in, backward: out}"""
    clear_sizes: float = Field(0.25, ge=0, le=100)
    """how far beyond a line or border an object must get to have passed it, in sizes (square root of its box's area)"""
    clear_s: Seconds = 1.0
    """or how long it must stay beyond it, from the first frame in which it is seen there"""
    grace_s: Seconds = 0.5
    """seconds an identity may be missing from the tracks and return; longer, and it has ended"""

    @property
    def count(self) -> bool:
        """Whether anything is counted."""
        return bool(self.areas or self.lines)

    @property
    def limit(self) -> bool:
        """Whether some objects are not reported."""
        return bool(self.include or self.exclude)

    @model_validator(mode="after")
    def _names_of_their_own(self) -> Zones:
        if twice := sorted(self.areas.keys() & self.lines.keys()):
            raise ValueError(f"{twice[0]} is the name of an area and of a line; call one of them something else")
        return self
