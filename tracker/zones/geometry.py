"""Points, segments and polygons in the plane of the picture: x to the right, y down.

A polygon is its corners in order, without the first one again; its inside is that of the even-odd rule.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations

from tracker.zone_counts import Points

Point = tuple[float, float]
Edge = tuple[Point, Point]


def side(a: Point, b: Point, p: Point) -> float:
    """Twice the area of the triangle a b p: above 0 where p lies to the right of someone who goes from a to b."""
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])


def edges(polygon: Points) -> Iterator[Edge]:
    """Its edges, the closing one last."""
    return zip(polygon, (*polygon[1:], polygon[0]), strict=True)


def area(polygon: Points) -> float:
    """Of a simple polygon, by the shoelace formula."""
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in edges(polygon))) / 2


def perimeter(polygon: Points) -> float:
    """Sum of the edges' lengths."""
    return sum(math.dist(a, b) for a, b in edges(polygon))


def contains(polygon: Points, p: Point) -> bool:
    """Whether the point lies inside. Two polygons that share an edge never both hold a point of it."""
    x, y = p
    inside = False
    for (ax, ay), (bx, by) in edges(polygon):
        if (ay > y) != (by > y) and x < ax + (y - ay) * (bx - ax) / (by - ay):
            inside = not inside
    return inside


def distance(a: Point, b: Point, p: Point) -> float:
    """From a point to a segment."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    along = ((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / (dx * dx + dy * dy)
    along = min(1.0, max(0.0, along))
    return math.dist(p, (a[0] + along * dx, a[1] + along * dy))


def border_distance(polygon: Points, p: Point) -> float:
    """From a point to the nearest edge."""
    return min(distance(a, b, p) for a, b in edges(polygon))


def passage(a: Point, b: Point, p: Point, q: Point) -> tuple[float, bool] | None:
    """Where the straight way from p to q passes the segment a b.

    returns  (share of the way done, whether from the left to the right of a to b); None if it does not

    A point on the line itself counts as right of it, so that a way cut in two passes as often as the whole.
    """
    of_p, of_q = side(a, b, p), side(a, b, q)
    if (of_p >= 0) == (of_q >= 0):
        return None
    share = of_p / (of_p - of_q)
    at = (p[0] + share * (q[0] - p[0]), p[1] + share * (q[1] - p[1]))
    dx, dy = b[0] - a[0], b[1] - a[1]
    along = (at[0] - a[0]) * dx + (at[1] - a[1]) * dy
    return (share, of_q >= 0) if 0 <= along <= dx * dx + dy * dy else None


def last_passage(polygon: Points, p: Point, q: Point) -> float:
    """Share of the straight way from p to q at which it passes the polygon's border last; 1 if it only touches it."""
    met = [found[0] for a, b in edges(polygon) if (found := passage(a, b, p, q)) is not None]
    return max(met, default=1.0)


def crossing_edges(polygon: Points) -> tuple[Edge, Edge] | None:
    """Two edges that have a point in common beside the corner between neighbours; None of a simple polygon."""
    numbered = list(edges(polygon))
    for (i, first), (j, second) in combinations(enumerate(numbered), 2):
        if j - i == 1 or (i == 0 and j == len(numbered) - 1):
            if _fold_back(first, second):
                return first, second
        elif _touch(first, second):
            return first, second
    return None


def _fold_back(first: Edge, second: Edge) -> bool:
    """Whether two edges with a common corner lie upon each other."""
    if first[0] == second[1]:
        first, second = second, first
    (a, b), c = first, second[1]
    ahead = (b[0] - a[0]) * (c[0] - b[0]) + (b[1] - a[1]) * (c[1] - b[1])
    return side(a, b, c) == 0 and ahead < 0


def _touch(first: Edge, second: Edge) -> bool:
    (a, b), (c, d) = first, second
    turns = side(a, b, c), side(a, b, d), side(c, d, a), side(c, d, b)
    if turns[0] * turns[1] < 0 and turns[2] * turns[3] < 0:
        return True
    ends = ((a, b, c), (a, b, d), (c, d, a), (c, d, b))
    return any(turn == 0 and _in_box(*end) for turn, end in zip(turns, ends, strict=True))


def _in_box(a: Point, b: Point, p: Point) -> bool:
    return min(a[0], b[0]) <= p[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= p[1] <= max(a[1], b[1])
