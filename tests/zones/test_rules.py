"""Rules of counting that hold for every movement."""

import math
from collections import Counter
from itertools import pairwise

import pytest
from test_counter import GATE, count

hypothesis = pytest.importorskip("hypothesis")
st = hypothesis.strategies
NEVER_S = {"clear_s": 1e6, "grace_s": 1e6}
"""only distance makes a passage certain, so that cutting a way in pieces changes nothing"""
steps = st.lists(st.integers(2, 198), min_size=2, max_size=30)
quick = hypothesis.settings(max_examples=60, deadline=None, database=None, derandomize=True)


@quick
@hypothesis.given(steps)
def test_crossings_balance_between_first_and_last_side(xs):
    feet = [x + 0.25 for x in xs]  # never on the line itself
    _, counts = count({"lines": GATE}, feet)
    ways = counts.lines["gate"]
    assert ways["east"] - ways["west"] == (feet[-1] > 100) - (feet[0] > 100)
    raw = sum((a > 100) != (b > 100) for a, b in pairwise(feet))
    assert ways["east"] + ways["west"] <= raw


@quick
@hypothesis.given(steps)
def test_whoever_keeps_clear_between_passages_is_counted_at_every_one(xs):
    feet = [x if abs(x - 100) >= 4 else 104 for x in xs]
    found, _ = count({"lines": GATE}, feet)
    raw = [n for n, (a, b) in enumerate(pairwise(feet)) if (a > 100) != (b > 100)]
    expected = [(n + (100 - feet[n]) / (feet[n + 1] - feet[n])) / 10 for n in raw]
    assert [p.time_s for p in found] == pytest.approx(expected)


@quick
@hypothesis.given(st.lists(st.floats(96.1, 103.9), min_size=2, max_size=30))
def test_wavering_within_the_clear_distance_counts_at_most_once(feet):
    found, _ = count({"lines": GATE, **NEVER_S}, feet)
    assert len(found) <= 1


@quick
@hypothesis.given(steps, st.integers(2, 4))
def test_cutting_a_way_in_pieces_changes_no_count_and_no_time(xs, pieces):
    feet = [x + 0.25 for x in xs]
    fine = [a + (b - a) * n / pieces for a, b in pairwise(feet) for n in range(pieces)] + feet[-1:]
    clear = [0.25 + (x if abs(x - 100) > 5 else 110) for x in xs]
    finer = [a + (b - a) * n / pieces for a, b in pairwise(clear) for n in range(pieces)]
    coarse, _ = count({"lines": GATE, **NEVER_S}, clear)
    cut, _ = count({"lines": GATE, **NEVER_S}, [*finer, clear[-1]], fps=10.0 * pieces)
    assert [p.direction for p in coarse] == [p.direction for p in cut]
    assert [p.time_s for p in coarse] == pytest.approx([p.time_s for p in cut])
    net = [Counter(p.direction for p in count({"lines": GATE, **NEVER_S}, way)[0]) for way in (feet, fine)]
    assert net[0]["east"] - net[0]["west"] == net[1]["east"] - net[1]["west"]


@quick
@hypothesis.given(st.lists(st.tuples(st.integers(2, 198), st.integers(20, 98)), min_size=2, max_size=20))
def test_a_turned_line_swaps_the_directions(path):
    feet = [(x + 0.25, y + 0.25) for x, y in path]
    points = ((60, 30), (140, 80))
    turned = [count({"lines": {"l": {"points": way}}}, feet)[1].lines["l"] for way in (points, points[::-1])]
    assert (turned[0]["in"], turned[0]["out"]) == (turned[1]["out"], turned[1]["in"])


@quick
@hypothesis.given(st.lists(st.tuples(st.integers(2, 198), st.integers(20, 98)), min_size=1, max_size=20))
def test_an_area_balances_and_its_time_is_between_first_and_last(path):
    feet = [(x + 0.25, y + 0.25) for x, y in path]
    corners = ((60, 30), (150, 25), (140, 90), (100, 50), (55, 85))
    found, counts = count({"areas": {"a": corners}}, feet)
    area = counts.areas["a"]
    assert area.entries - area.exits == area.inside
    assert area.inside in (0, 1)
    assert [p.kind for p in found] == (["entry", "exit"] * len(found))[: len(found)]
    assert all(b.time_s >= a.time_s for a, b in pairwise(found))
    assert area.seconds <= (len(feet) - 1) / 10 + 1e-9
    assert math.isclose(area.seconds, sum(p.seconds or 0 for p in found), abs_tol=1e-9) or area.inside
