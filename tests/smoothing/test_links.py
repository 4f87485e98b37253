"""Which stretches of two passes are of one object, and how they are put together."""

import numpy as np
import pytest

from tracker.smoothing import fuse as fusion
from tracker.smoothing.fuse import visible
from tracker.smoothing.groups import grouped, meet
from tracker.smoothing.links import NAMES, OTHER, SHARED, Links
from tracker.smoothing.looks import evidence
from tracker.smoothing.pairs import pair
from tracker.smoothing.rows import ClipTimes, PassRows
from tracker.smoothing.stretches import stretches
from tracker.smoothing.table import in_ranges

RED, BLUE = 0.8, 0.2


def fuse(forward, backward, clip):
    """Two passes fused; the third has seen what the forward one has."""
    return fusion.fuse(forward, forward, backward, clip)


def seen(name, frames, left, *, colour=RED):
    """Rows of one identity in frames: its box of 20 x 50 has its left side at left(t)."""
    frames = np.array(list(frames), np.int32)
    x, n = np.array([left(t) for t in frames], np.float32), len(frames)
    boxes = np.stack([x, np.full(n, 80), x + 20, np.full(n, 130)], axis=1).astype(np.float32)
    isolated, colours = np.ones(n, bool), np.full((n, 3, 3), colour, np.float32)
    return PassRows(
        frames, np.full(n, name, np.int32), boxes, np.full(n, 0.9, np.float32), ~isolated, isolated, colours
    )


def one_pass(*parts):
    rows = PassRows._make(np.concatenate(column) for column in zip(*parts, strict=True))
    return rows.at(np.argsort(rows.frames, kind="stable"))


def clip(frames=120):
    return ClipTimes(np.arange(frames) / 25, (500, 200))


def walk(t):
    return 20.0 + 3 * t


def identities(*, gap=20, colour=RED, left=walk):
    """How many there are, of one who is seen to frame 45 and one from 45 + gap on, whom both passes call otherwise."""
    before, after = range(10, 45), range(45 + gap, 110)
    forward = one_pass(seen(1, before, walk), seen(2, after, left, colour=colour))
    backward = one_pass(seen(7, before, walk), seen(6, after, left, colour=colour))
    return len(np.unique(fuse(forward, backward, clip()).ids))


def test_who_gets_new_names_from_both_passes_is_one_by_the_way_and_the_looks():
    assert identities() == 1


@pytest.mark.parametrize(
    "other",
    [
        {"colour": BLUE},
        {"left": lambda t: 460.0 - 3 * t},
        {"colour": np.nan, "gap": 40, "left": lambda t: 270.0 - 2.5 * t},
    ],
)
def test_who_looks_otherwise_or_is_out_of_the_way_is_another(other):
    assert identities(**other) == 2


def test_what_is_hidden_between_new_names_has_its_predicted_boxes():
    forward = one_pass(seen(1, range(10, 45), walk), seen(2, range(65, 110), walk))
    fused = fuse(forward, forward, clip())
    assert fused.frames[fused.hidden].tolist() == list(range(45, 65))
    np.testing.assert_allclose(fused.boxes[:, 0], walk(fused.frames), atol=0.5)


def test_passes_that_lose_an_object_one_after_the_other_do_not_part_it():
    def a(t):
        return walk(t)

    forward = one_pass(seen(1, range(10, 60), a), seen(1, range(64, 110), a))
    backward = one_pass(seen(5, range(10, 56), a), seen(6, range(60, 110), a))
    fused = fuse(forward, backward, clip())
    assert np.unique(fused.ids).tolist() == [1]
    assert fused.frames.tolist() == list(range(10, 110))


def test_two_whom_both_passes_exchange_keep_their_looks():
    def other(t):
        return 350.0 - 3 * t

    parted, met = range(10, 50), range(62, 110)
    table = one_pass(
        seen(1, parted, walk, colour=RED), seen(2, parted, other, colour=BLUE),
        seen(1, met, other, colour=BLUE), seen(2, met, walk, colour=RED),
    )  # fmt: skip
    fused = fuse(table, table, clip())
    assert len(np.unique(fused.ids)) == 2
    for number in np.unique(fused.ids):
        mine = (fused.ids == number) & ~fused.hidden
        steps = np.diff(fused.boxes[mine, 0]) / np.diff(fused.frames[mine])
        assert np.abs(steps - np.median(steps)).max() < 0.5


def links(*edges):
    a, b, gain = zip(*edges, strict=True)
    return Links(np.array(a), np.array(b), np.array(gain, float))


def test_nobody_is_in_two_places_in_one_frame():
    first, last = np.array([0, 0, 10, 5]), np.array([9, 9, 20, 12])
    groups = grouped(first, last, links((0, 2, 3.0), (1, 2, 2.0), (0, 3, 9.0)))
    assert len(np.unique(groups)) == 3
    assert groups[0] == groups[2]


def test_what_the_parts_of_a_group_say_of_another_adds_up():
    first = np.array([0, 10, 20])
    groups = grouped(first, first + 9, links((0, 1, 5.0), (1, 2, 2.0), (0, 2, -3.0)))
    assert groups[0] == groups[1] != groups[2]
    groups = grouped(first, first + 9, links((0, 1, 5.0), (1, 2, -1.0), (0, 2, 2.0)))
    assert len(np.unique(groups)) == 1


def test_stretches_without_links_stay_apart():
    none = np.zeros(0, np.intp)
    assert len(np.unique(grouped(np.arange(3), np.arange(3), Links(none, none, none.astype(float))))) == 3
    assert len(grouped(none, none, Links(none, none, none.astype(float)))) == 0


@pytest.mark.parametrize(
    ("other", "shared"), [([(4, 6)], False), ([(3, 4)], True), ([(0, 1), (7, 9)], True), ([], False)]
)
def test_spans_share_a_frame_or_not(other, shared):
    spans = [(0, 3), (7, 8)]
    assert meet(spans, other) == meet(other, spans) == shared


def test_pairs_of_ranges_come_in_parts_and_all(monkeypatch):
    monkeypatch.setattr("tracker.smoothing.table.AT_ONCE", 3)
    low, high = np.array([0, 2, 5, 1]), np.array([2, 2, 9, 3])
    parts = list(in_ranges(low, high))
    assert len(parts) > 1
    pairs = [(int(p), int(q)) for i, j in parts for p, q in zip(i, j, strict=True)]
    assert pairs == [(0, 0), (0, 1), (2, 5), (2, 6), (2, 7), (2, 8), (3, 1), (3, 2)]


def test_every_measure_has_its_weights():
    assert len(SHARED) == len(OTHER) == len(NAMES)


def crowd(differ):
    """Five who walk in one direction, each in a lane, and are given new names by both passes; `differ` parts their colours."""
    parts = []
    for k in range(5):
        colour = 0.3 + differ * k
        early, late = range(5, 60), range(85, 118)
        for number, frames in ((k + 1, early), (k + 11, late)):
            rows = seen(number, frames, lambda t: 20.0 + 2 * t, colour=colour)
            parts.append(rows._replace(boxes=rows.boxes + np.array([0, 60 * k, 0, 60 * k], np.float32)))
    return one_pass(*parts)


@pytest.mark.parametrize(("differ", "least", "most"), [(0.15, 3.0, np.inf), (0.0, -np.inf, 0.5)])
def test_colours_say_much_where_objects_differ_and_nothing_where_all_look_alike(differ, least, most):
    table = crowd(differ)
    cells = visible(pair(table, table, clip()), table, table)
    parts, which = stretches(cells, table, table, clip())
    before, after = np.flatnonzero(parts.forward == 1), np.flatnonzero(parts.forward == 11)
    ratio, known = evidence(parts, before, after, cells, which, table, table, clip())
    assert known.tolist() == [1.0]
    assert least <= ratio[0] <= most
