"""Where an object is held to be, counted by hand."""

from dataclasses import replace

import numpy as np
import pytest

from tracker.slots.pose import Fit, box_about, centre_of, coast, mask_box, measure, pushed_into
from tracker.slots.settings import LifeSettings
from tracker.slots.slot import Geometry
from tracker.types import Box

SETTINGS = LifeSettings()


def grown(**changes):
    return replace(Geometry((10.0, 20.0), (10.0, 20.0), isolated_s=1.2), **changes)


def fit(*pose, mask, velocity=(0.0, 0.0)):
    """What the M-step gives of a slot that was predicted where it is."""
    at = np.array(pose, np.float32)
    return Fit(at, at, at, np.array(velocity, np.float32), mask)


def test_a_whole_object_is_in_the_middle_of_what_is_seen():
    assert centre_of(Box(0, 0, 10, 20), (10, 20), (99, 99)) == (5, 10)


def test_legs_hidden_by_a_wall_leave_the_head_where_it_was_expected():
    # 10 of 20 rows show, the upper edge where the object should begin: its middle is ten below that edge
    assert centre_of(Box(0, 40, 10, 50), (10, 20), (5, 51)) == (5, 50)


def test_a_head_hidden_by_a_sign_leaves_the_feet_where_they_were_expected():
    assert centre_of(Box(0, 50, 10, 60), (10, 20), (5, 49)) == (5, 50)


def test_a_box_is_pushed_no_farther_than_it_must_be():
    assert pushed_into((2, 50), (10, 20), Box(0, 0, 100, 100)) == (5, 50)
    assert pushed_into((50, 99), (10, 20), Box(0, 0, 100, 100)) == (50, 90)
    assert pushed_into((50, 50), (10, 20), Box(0, 0, 8, 100)) == (4, 50)  # it does not fit: in the middle


def test_a_mask_box_is_drawn_half_way_between_in_and_out():
    mask = np.zeros((12, 12), np.float32)
    mask[3:9, 4:8] = 0.8  # falls to 0 over one pixel, so it crosses .4 half a pixel outside the last centre
    box = mask_box(mask, np.array([6.0, 6.0, 8.0, 8.0], np.float32))  # a window of 12 pixels: one a grid pixel
    assert box == pytest.approx((4, 3, 8, 9), abs=1e-5)


def test_a_box_about_a_centre():
    assert box_about((5, 5), (4, 2)) == (3, 4, 7, 6)


def test_an_isolated_slot_learns_its_speed_and_a_hidden_half_does_not_shrink_it():
    before = grown(centre=(50.0, 50.0))
    placed = measure(
        before, Box(47, 40, 57, 50), fit(52, 50, 10, 20, mask=Box(47, 40, 57, 60)), 0.5, (200, 200), SETTINGS
    )
    assert placed.geometry.centre == (52, 50)  # the upper half shows, and the head is where it was expected
    assert placed.geometry.velocity == pytest.approx((0.5, 0))  # a quarter of the way to two pixels a frame
    assert placed.geometry.size[1] == pytest.approx(20 - 0.005 * 10)
    assert placed.velocity == pytest.approx((0.5, 0))
    assert before == grown(centre=(50.0, 50.0))


def test_who_turns_shows_as_much_as_before_and_has_another_size():
    """A long animal that turns towards the camera: half as wide, and as large."""
    seen = Box(46, 42, 54, 58)
    before = grown(centre=(50.0, 50.0), size=(20.0, 10.0))
    placed = measure(before, seen, fit(50, 50, 20, 10, mask=seen), 0.9, (200, 200), SETTINGS)
    assert placed.box == seen
    assert placed.geometry.size == pytest.approx((20 - 0.1 * 12, 10 + 0.1 * 6))


def test_a_merged_slot_keeps_its_size_and_stays_inside_its_blob():
    before, mask = grown(velocity=(4.0, 0.0)), Box(45, 40, 55, 60)
    placed = coast(before, Box(0, 0, 50, 100), fit(60, 50, 30, 20, mask=mask), (200, 200), SETTINGS, hidden=False)
    assert placed.box == (40, 40, 50, 60)  # a box ten wide cannot be farther right in a blob that ends at 50
    assert placed.pose[2] == pytest.approx(11)  # a tenth more than while isolated, however wide the torn mask
    assert placed.velocity == pytest.approx((1.6, 0))  # 0.6 of the network's 0 and 0.4 of the measured 4
    assert (placed.geometry.size, placed.geometry.centre) == ((10, 20), None)
