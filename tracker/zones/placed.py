"""Zones on pictures of a known size."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from tracker.errors import SettingsError
from tracker.types import Box
from tracker.zone_counts import Points
from tracker.zones.geometry import Point, area, contains, perimeter
from tracker.zones.settings import Zones

LEAST_AREA_PX = 4.0
"""pixels of a polygon: what is smaller was meant in shares, with a number above 1 among them"""
LEAST_LINE_PX = 2.0
"""length of a line, for the same reason"""
RIM_PX = 0.5
"""An anchor is kept so far inside the picture, at the centre of the last pixel: the foot of an object that the picture's
border cuts off lies beyond every polygon else."""


@dataclass(frozen=True)
class PlacedZones:
    """Zones in pixels of pictures of one size."""

    zones: Zones
    size: tuple[int, int]
    """(width, height)"""
    include: tuple[Points, ...]
    exclude: tuple[Points, ...]
    areas: Mapping[str, Points]
    """by name"""
    lines: Mapping[str, Points]
    """by name, two points each"""

    def at(self, size: tuple[int, int]) -> PlacedZones:
        """The same places in pictures of another size: a camera may come back with one."""
        if size == self.size:
            return self
        across, down = size[0] / self.size[0], size[1] / self.size[1]

        def scaled(points: Points) -> Points:
            return tuple((x * across, y * down) for x, y in points)

        return PlacedZones(
            self.zones,
            size,
            tuple(map(scaled, self.include)),
            tuple(map(scaled, self.exclude)),
            {name: scaled(points) for name, points in self.areas.items()},
            {name: scaled(points) for name, points in self.lines.items()},
        )

    def anchor(self, box: Box) -> Point:
        """The point of a box that is asked for, inside the picture."""
        x, y = box.centre
        y = box.y1 if self.zones.anchor == "foot" else y
        width, height = self.size
        return min(max(x, RIM_PX), width - RIM_PX), min(max(y, RIM_PX), height - RIM_PX)

    def reports(self, box: Box) -> bool:
        """Whether an object there is reported: inside an include polygon, if there is any, and in no exclude polygon."""
        at = self.anchor(box)
        included = not self.include or any(contains(polygon, at) for polygon in self.include)
        return included and not any(contains(polygon, at) for polygon in self.exclude)

    @cached_property
    def depths(self) -> Mapping[str, float]:
        """By area: how far inside counts as clear of the border at most, whatever an object's size.

        Half the area over the perimeter: a quarter of the width of a long strip, an eighth of a square's side. Without
        it nobody could enter an area that is narrow against the objects.
        """
        return {name: area(points) / 2 / perimeter(points) for name, points in self.areas.items()}


def place(zones: Zones, size: tuple[int, int]) -> PlacedZones:
    """Zones on pictures (width, height). Raises SettingsError, one line that names the polygon or line, if one lies outside."""
    placed = {where: _pixels(where, points, size) for where, points in _every(zones)}

    def of(kind: str) -> dict[str, Points]:
        return {where[1]: points for where, points in placed.items() if where[0] == kind}

    return PlacedZones(
        zones, size, tuple(of("include").values()), tuple(of("exclude").values()), of("areas"), of("lines")
    )


def _every(zones: Zones) -> Iterator[tuple[tuple[str, str], Points]]:
    """((kind, name), points) of all polygons and lines."""
    for kind in ("include", "exclude", "areas"):
        for name, points in getattr(zones, kind).items():
            yield (kind, name), points
    for name, line in zones.lines.items():
        yield ("lines", name), line.points


def _pixels(where: tuple[str, str], points: Points, size: tuple[int, int]) -> Points:
    width, height = size
    said = f"zones.{'.'.join(where)}"
    if all(number <= 1 for point in points for number in point):
        points = tuple((x * width, y * height) for x, y in points)
    for n, (x, y) in enumerate(points, 1):
        if x > width or y > height:
            raise SettingsError(
                f"{said}: point {n} ({x:g}, {y:g}) lies outside the picture of {width}x{height}; "
                f"move it inside, or give all points as shares from 0 to 1"
            )
    if where[0] == "lines":
        small = math.dist(*points) < LEAST_LINE_PX
    else:
        small = area(points) < LEAST_AREA_PX
    if small:
        raise SettingsError(
            f"{said}: is only a pixel or two large in the picture of {width}x{height}; shares go from 0 to 1"
        )
    return points
