"""Which steps no object can have made: boxes on paper."""

import pytest

from tracker.steps import FORGOTTEN_S, JumpCounter, LastSeen
from tracker.types import Box, Track

FRAME_S = 0.04


def box(x, y=0.0, width=10.0, height=20.0):
    return Box(x, y, x + width, y + height)


def track(x, *, number=1, hidden=False):
    return Track(number, box(x), 1.0, number, hidden)


@pytest.mark.parametrize(("x", "reaches"), [(20, True), (21, False)])
def test_an_object_that_stands_reaches_its_own_length(x, reaches):
    assert LastSeen(box(0)).reaches(box(x), FRAME_S) == reaches


@pytest.mark.parametrize(("x", "reaches"), [(120, True), (121, False)])
def test_one_that_moves_reaches_what_its_speed_explains_beyond(x, reaches):
    """100 pixels a second, unseen for a second: it may have turned aside."""
    place = LastSeen(box(0), (0.0, -100.0)).later(1.0 - FRAME_S)
    assert place.reaches(box(x), FRAME_S) == reaches


@pytest.mark.parametrize(("x", "reaches"), [(120, True), (-20, True), (-21, False)])
def test_one_that_moves_does_not_come_back_from_behind(x, reaches):
    place = LastSeen(box(0), (100.0, 0.0)).later(1.0 - FRAME_S)
    assert place.reaches(box(x), FRAME_S)
    assert place.left_behind(box(x)) != reaches


def test_the_longer_of_both_boxes_counts():
    assert LastSeen(box(0)).reaches(box(20, width=30.0), FRAME_S)


def test_the_speed_is_measured_over_the_time_in_which_it_was_not_seen():
    place = LastSeen(box(0)).later(0.96).moved(box(50), FRAME_S)
    assert place.velocity == pytest.approx((50.0, 0.0))
    assert place.unseen_s == 0


def test_jumps_are_counted_and_what_comes_after_one_begins_anew():
    counter = JumpCounter()
    found = [counter.add([track(x), track(7.0 * n, number=2)], FRAME_S * n) for n, x in enumerate([0, 2, 90, 92, 0])]
    assert found == [0, 0, 1, 0, 1]
    assert counter.count == 2


def test_a_box_that_is_only_predicted_is_no_step():
    counter = JumpCounter()
    for n, (x, hidden) in enumerate([(0, False), (90, True), (2, False)]):
        counter.add([track(x, hidden=hidden)], FRAME_S * n)
    assert counter.count == 0


def test_who_is_not_seen_for_long_is_forgotten():
    counter = JumpCounter()
    for n in range(50):
        counter.add([track(0, number=n)], 2 * FORGOTTEN_S * n)
    assert len(counter._places) < 5
