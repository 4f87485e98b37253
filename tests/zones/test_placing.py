"""Polygons and lines: what is refused, where they lie, and who is inside."""

from itertools import combinations

import cv2
import numpy as np
import pytest

from tracker.errors import SettingsError
from tracker.settings import load_settings
from tracker.types import Box
from tracker.zones import Zones, place
from tracker.zones.geometry import area, border_distance, contains, crossing_edges, edges

SIZE = (640, 480)


def complaint(override):
    with pytest.raises(SettingsError) as caught:
        place(load_settings(overrides=[override]).zones, SIZE)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ("areas.door=[[0,0],[1,1]]", "needs 3 points, got 2"),
        ("areas.door=[]", "needs 3 points, got 0"),
        ("areas.door=[[0,0],[1,1],[1,0],[0,1]]", "crosses itself: (0, 0) to (1, 1) meets (1, 0) to (0, 1)"),
        ("exclude.door=[[0,0],[9,0],[9,9],[4,0],[0,9]]", "crosses itself"),
        ("include.door=[[0,0],[9,0],[4,0],[4,9]]", "crosses itself"),
        ("areas.door=[[0,0],[10,10],[20,20]]", "in one line"),
        ("areas.door=[[0,0],[9,0],[9,0],[0,9]]", "are the same"),
        ("areas.door=[[0,0],[100,0],[900,100]]", "point 3 (900, 100) lies outside the picture of 640x480"),
        ("areas.door=[[0,0],[100,0],[100,481]]", "point 3 (100, 481) lies outside"),
        ("areas.door=[[0,0],[-1,0],[1,1]]", "point 2 lies outside the picture"),
        ("areas.door=[[0,0],[1e9,0],[1,1]]", "point 2 lies outside the picture"),
        ("areas.door=[[0,0],[0.1,0],[1.2,1]]", "only a pixel or two large"),
        ("areas.door=[[0,0],[.nan,0],[1,1]]", "point 2: wanted [x, y]"),
        ("areas.door=[[0,0],[true,0],[1,1]]", "wanted [x, y]"),
        ("areas.door=[[0,0],[1,0,3],[1,1]]", "wanted [x, y]"),
        ("areas.door=7", "wanted points as [[x, y]"),
        ("areas.door=[" + ",".join(["[0, 1]"] * 101) + "]", "101 points are too many"),
        ("lines.door.points=[[5,5],[5,5]]", "no length"),
        ("lines.door.points=[[5,5],[5,5],[6,6]]", "two ends, [[x, y], [x, y]], got 3"),
        ("lines.door.points=[[5,5],[5.5,5]]", "only a pixel or two large"),
        ("lines.door.points=[[5,5],[700,5]]", "point 2 (700, 5) lies outside"),
        ("lines.door={points: [[0,0],[1,1]], forward: a, backward: a}", "both ways are called a"),
        ("lines.door={points: [[0,0],[1,1]], forward: 'a,b'}", "wanted letters, digits"),
        ("areas={'door,x': [[0,0],[1,0],[1,1]]}", "wanted letters, digits"),
        ("areas={door: [[0,0],[1,0],[1,1]], '=door': [[0,0],[1,0],[1,1]]}", "wanted letters, digits"),
    ],
)
def test_what_is_no_zone_gets_one_line_that_names_it(shape, words):
    said = complaint(f"zones.{shape}")
    assert words in said
    assert "door" in said


def test_a_name_stands_for_one_zone():
    both = "zones={areas: {door: [[0,0],[1,0],[1,1]]}, lines: {door: {points: [[0,0],[1,1]]}}}"
    assert "door is the name of an area and of a line" in complaint(both)


def test_a_polygon_may_be_closed_and_give_its_corners_in_either_order():
    closed = Zones.model_validate({"areas": {"a": [[0, 0], [50, 0], [50, 50], [0, 0]], "b": [[0, 0], [0, 9], [9, 9]]}})
    assert closed.areas["a"] == ((0, 0), (50, 0), (50, 50))


def test_all_numbers_up_to_one_are_shares_and_any_other_pixels():
    zones = {
        "shares": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]],
        "pixels": [[0, 0], [320, 0], [320, 480], [0, 480]],
        "corner": [[0, 0], [1, 0], [1, 8], [0, 8]],
    }
    placed = place(Zones.model_validate({"areas": zones}), SIZE)
    assert placed.areas["shares"] == placed.areas["pixels"] == ((0, 0), (320, 0), (320, 480), (0, 480))
    assert placed.areas["corner"] == ((0, 0), (1, 0), (1, 8), (0, 8))


def test_pixels_and_shares_move_with_the_size_of_the_picture():
    zones = Zones.model_validate(
        {"areas": {"a": [[64, 48], [320, 48], [320, 480]]}, "lines": {"l": {"points": [[0, 0], [1, 1]]}}}
    )
    other = place(zones, SIZE).at((1280, 240))
    assert other.areas["a"] == ((128, 24), (640, 24), (640, 240))
    assert other.lines["l"] == ((0, 0), (1280, 240))


def star(random, corners=9):
    """A polygon round (50, 50) that does not cross itself, and is not convex."""
    angles = (np.arange(corners) + random.uniform(0, 0.9, corners)) * 2 * np.pi / corners
    reach = random.uniform(5, 45, corners)
    return tuple((50 + r * np.cos(a), 50 + r * np.sin(a)) for a, r in zip(angles, reach, strict=True))


def test_inside_and_distance_are_what_opencv_says():
    random = np.random.default_rng(1)
    for _ in range(20):
        polygon = star(random)
        corners = np.array(polygon, np.float32)
        for x, y in random.uniform(0, 100, (50, 2)).tolist():
            signed = cv2.pointPolygonTest(corners, (x, y), True)
            assert contains(polygon, (x, y)) == (signed > 0)
            assert border_distance(polygon, (x, y)) == pytest.approx(abs(signed), abs=1e-3)
        assert area(polygon) == pytest.approx(cv2.contourArea(corners), rel=1e-4)


def test_a_polygon_crosses_itself_where_two_of_its_edges_have_a_point_in_common():
    def crosses(polygon):  # brute force: a fine comb along every edge against every other
        numbered = list(enumerate(edges(polygon)))
        for (i, (a, b)), (j, (c, d)) in combinations(numbered, 2):
            if j - i in (1, len(numbered) - 1):
                continue
            matrix = np.array([[b[0] - a[0], c[0] - d[0]], [b[1] - a[1], c[1] - d[1]]])
            if abs(np.linalg.det(matrix)) > 1e-12:
                s, t = np.linalg.solve(matrix, [c[0] - a[0], c[1] - a[1]])
                if 0 <= s <= 1 and 0 <= t <= 1:
                    return True
        return False

    random = np.random.default_rng(2)
    seen = set()
    for _ in range(200):
        polygon = tuple(map(tuple, random.uniform(0, 100, (5, 2)).tolist()))
        assert (crossing_edges(polygon) is not None) == crosses(polygon)
        seen.add(crosses(polygon))
    assert seen == {True, False}
    assert all(crossing_edges(star(random)) is None for _ in range(50))


def test_polygons_that_share_an_edge_never_both_hold_a_point():
    left, right = ((0, 0), (50, 0), (50, 100), (0, 100)), ((50, 0), (100, 0), (100, 100), (50, 100))
    for y in range(100):
        assert contains(left, (50, y)) + contains(right, (50, y)) == 1


def test_included_is_what_lies_in_a_polygon_and_excluded_wins():
    zones = Zones.model_validate(
        {"include": {"a": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}, "exclude": {"b": [[0, 0.5], [1, 0.5], [1, 1], [0, 1]]}}
    )
    placed = place(zones, (100, 100))

    def reports(x, y):
        return placed.reports(Box(x - 5, y - 10, x + 5, y))

    assert [reports(20, 20), reports(80, 20), reports(20, 80), reports(80, 80)] == [True, False, False, False]
    assert place(Zones(), (100, 100)).reports(Box(500, 500, 600, 600))


def test_an_object_that_the_lower_border_cuts_off_lies_inside_a_polygon_that_reaches_it():
    whole = place(Zones.model_validate({"include": {"all": [[0, 0], [1, 0], [1, 1], [0, 1]]}}), (100, 100))
    assert whole.reports(Box(40, 60, 60, 100))
    assert whole.reports(Box(90, 60, 130, 140))
