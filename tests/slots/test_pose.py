"""Where an object is held to be, counted by hand."""

import numpy as np
import pytest

from tracker.slots.pose import (
    NOWHERE,
    PoseFit,
    boxes_about,
    centres_of,
    coast,
    follow,
    mask_boxes,
    measure,
    pushed_into,
    touch_border,
)
from tracker.slots.settings import LifeSettings
from tracker.slots.slot import Geometries, Geometry

SETTINGS = LifeSettings()


def grown(**changes):
    """One slot that is known."""
    return Geometry(**{"size": (10.0, 20.0), "window": (10.0, 20.0), "isolated_s": 1.2} | changes)


def row(*values):
    """One row, as of one slot."""
    return np.array([values], float)


def fit(*pose, mask, velocity=(0.0, 0.0)):
    """What the M-step gives of a slot that was predicted where it is."""
    at = np.array([pose], np.float32)
    return PoseFit(at, at, at, np.array([velocity], np.float32), row(*mask))


def measured(before, seen, fitted, visible):
    placed = measure(Geometries.of([before]), row(*seen), fitted, np.array([visible]), (200, 200), SETTINGS)
    return placed, placed.geometry.each()[0]


def coasting(before, blob, fitted, *, hidden=False):
    placed = coast(Geometries.of([before]), row(*blob), fitted, (200, 200), SETTINGS, hidden=np.array([hidden]))
    return placed, placed.geometry.each()[0]


def test_a_whole_object_is_in_the_middle_of_what_is_seen():
    assert centres_of(row(0, 0, 10, 20), row(10, 20), row(99, 99)).tolist() == [[5, 10]]


def test_legs_hidden_by_a_wall_leave_the_head_where_it_was_expected():
    # 10 of 20 rows show, the upper edge where the object should begin: its middle is ten below that edge
    assert centres_of(row(0, 40, 10, 50), row(10, 20), row(5, 51)).tolist() == [[5, 50]]


def test_a_head_hidden_by_a_sign_leaves_the_feet_where_they_were_expected():
    assert centres_of(row(0, 50, 10, 60), row(10, 20), row(5, 49)).tolist() == [[5, 50]]


def test_a_box_is_pushed_no_farther_than_it_must_be():
    centres = np.array([(2, 50), (50, 99), (50, 50)], float)
    blobs = np.array([(0, 0, 100, 100), (0, 0, 100, 100), (0, 0, 8, 100)], float)
    # the last does not fit: in the middle
    assert pushed_into(centres, np.tile((10.0, 20.0), (3, 1)), blobs).tolist() == [[5, 50], [50, 90], [4, 50]]


def test_a_mask_box_is_drawn_half_way_between_in_and_out():
    mask = np.zeros((2, 12, 12), np.float32)
    mask[0, 3:9, 4:8] = 0.8  # falls to 0 over one pixel, so it crosses .4 half a pixel outside the last centre
    poses = np.array([[6.0, 6.0, 8.0, 8.0]] * 2, np.float32)  # a window of 12 pixels: one a grid pixel
    boxes = mask_boxes(mask, poses)
    assert boxes[0] == pytest.approx((4, 3, 8, 9), abs=1e-5)
    assert boxes[1] == pytest.approx((2, 2, 10, 10))  # nothing in it: the pose


def test_a_mask_that_fills_its_window_has_a_box_half_a_pixel_within():
    (box,) = mask_boxes(np.ones((1, 12, 12), np.float32), np.array([[6.0, 6.0, 8.0, 8.0]], np.float32))
    assert box == pytest.approx((0, 0, 12, 12))


def test_a_box_about_a_centre():
    assert boxes_about(row(5, 5), row(4, 2)).tolist() == [[3, 4, 7, 6]]


def test_the_border_cuts_what_is_within_two_pixels_of_it():
    boxes = np.array([(2, 2, 98, 48), (1, 9, 9, 19), (9, 1, 19, 9), (9, 9, 99, 19), (9, 9, 19, 49)], float)
    assert touch_border(boxes, (100, 50)).tolist() == [False, True, True, True, True]


def test_geometry_is_the_same_one_by_one_and_as_arrays():
    slots = [grown(), grown(velocity=(1.0, 2.0), centre=(3.0, 4.0), complete=True)]
    assert Geometries.of(slots).each() == slots


def test_an_isolated_slot_learns_its_speed_and_a_hidden_half_does_not_shrink_it():
    before = grown(centre=(50.0, 50.0))
    placed, after = measured(before, (47, 40, 57, 50), fit(52, 50, 10, 20, mask=(47, 40, 57, 60)), 0.5)
    assert after.centre == (52, 50)  # the upper half shows, and the head is where it was expected
    assert after.velocity == pytest.approx((0.5, 0))  # a quarter of the way to two pixels a frame
    assert after.size[1] == pytest.approx(20 - 0.005 * 10)
    assert placed.velocity[0] == pytest.approx((0.5, 0))


def test_who_turns_shows_as_much_as_before_and_has_another_size():
    """A long animal that turns towards the camera: half as wide, and as large."""
    seen = (46, 42, 54, 58)
    before = grown(centre=(50.0, 50.0), size=(20.0, 10.0))
    placed, after = measured(before, seen, fit(50, 50, 20, 10, mask=seen), 0.9)
    assert placed.box[0] == pytest.approx(seen)
    assert after.size == pytest.approx((20 - 0.1 * 12, 10 + 0.1 * 6))


def test_who_leaves_over_the_border_only_grows():
    seen = (0, 40, 5, 64)
    _, after = measured(grown(centre=(5.0, 52.0), complete=True), seen, fit(5, 52, 10, 20, mask=seen), 1.0)
    assert after.size == pytest.approx((10, 20 + 0.5 * 2))  # a tenth more at once, and half the way to that


def test_who_comes_in_is_as_large_as_what_is_seen_of_it_and_as_fast_as_its_inner_edge():
    """At the right border a strip of 10 pixels becomes 14 wide: its middle went by 2, and it goes by 4."""
    before = grown(size=(10.0, 20.0), centre=(195.0, 50.0))
    placed, after = measured(before, (186, 40, 200, 60), fit(195, 50, 10, 20, mask=(190, 40, 200, 60)), 1.0)
    assert after.size == (13, 20)  # by three tenths in a frame, at most
    assert after.window == (14, 20)
    assert placed.pose[0] == pytest.approx((192, 50, 14, 20))
    assert after.velocity == pytest.approx((0.25 * -4, 0))
    assert not after.complete


@pytest.mark.parametrize(("visible", "complete"), [(1.0, True), (0.4, False)], ids=["all of it", "a piece"])
def test_who_has_come_in_is_known_once_all_of_it_is_seen_inside(visible, complete):
    _, after = measured(grown(), (150, 40, 160, 60), fit(155, 50, 10, 20, mask=(150, 40, 160, 60)), visible)
    assert after.complete == complete


def test_a_large_slot_in_company_goes_on_at_the_speed_that_was_measured():
    """A pixel of its grid is 12 of the picture: the network cannot tell how far it went."""
    before = grown(size=(192.0, 192.0), window=(192.0, 192.0), velocity=(2.0, 0.0))
    at = fit(100, 100, 192, 192, mask=(4, 4, 196, 196), velocity=(12.0, 0.0))
    placed, _ = coasting(before, (0, 0, 200, 200), at)
    share = 0.6 * (48 / 192) ** 2
    assert placed.velocity[0] == pytest.approx((share * 12 + (1 - share) * 2, 0))


def test_who_was_found_by_its_colours_is_there_and_goes_on_so():
    before = Geometries.of([grown(centre=(50.0, 50.0)), grown(velocity=(1.0, 0.0))])
    at = np.array([[52, 50, 10, 20], [90, 50, 10, 20]], np.float32)
    still = PoseFit(
        at, at, at, np.zeros((2, 2), np.float32), boxes_about(at[:, :2].astype(float), at[:, 2:].astype(float))
    )
    placed = follow(before, np.array([(54.0, 50.0), (92.0, 50.0)]), still, (200, 200))
    assert placed.box.tolist() == [[49, 40, 59, 60], [87, 40, 97, 60]]
    assert placed.velocity[:, 0] == pytest.approx((0.1 * 4, 1.0))  # of one that was not seen the frame before as it was
    assert placed.pose[:, 0] == pytest.approx((54.4, 93))
    assert placed.geometry.each()[0].size == (10, 20)


def test_a_merged_slot_keeps_its_size_and_stays_inside_its_blob():
    before, mask = grown(velocity=(4.0, 0.0)), (45, 40, 55, 60)
    placed, after = coasting(before, (0, 0, 50, 100), fit(60, 50, 30, 20, mask=mask))
    assert placed.box.tolist() == [[40, 40, 50, 60]]  # a box ten wide cannot be farther right in a blob that ends at 50
    assert placed.pose[0, 2] == pytest.approx(11)  # a tenth more than while isolated, however wide the torn mask
    assert placed.velocity[0] == pytest.approx((1.6, 0))  # 0.6 of the network's 0 and 0.4 of the measured 4
    assert (after.size, after.centre) == ((10, 20), None)


def test_a_hidden_slot_slows_down_and_is_where_its_mask_is():
    placed, after = coasting(
        grown(), NOWHERE, fit(60, 50, 10, 20, mask=(45, 40, 55, 60), velocity=(2.0, 0.0)), hidden=True
    )
    assert placed.box.tolist() == [[45, 40, 55, 60]]
    assert placed.velocity[0] == pytest.approx((1.8, 0))
    assert after.size == (10, 20)
