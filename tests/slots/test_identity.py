"""Who is who after a merge, and who comes out of a group: slots filled in by hand."""

import numpy as np
import pytest

from tracker.slots.association import Association
from tracker.slots.blobs import Birth
from tracker.slots.identity import (
    CERTAIN_S,
    RECENT_S,
    find_stolen,
    merge,
    part_colours,
    succeed,
    swap_identities,
    take_identity,
    update_appearance,
    update_appearances,
)
from tracker.slots.lifecycle import confirm, find_predecessor, find_returning
from tracker.slots.settings import LifeSettings
from tracker.slots.slot import Geometry, Slot, SlotIdentity
from tracker.timing import REFERENCE_S
from tracker.types import Box

SETTINGS = LifeSettings()
RECENT, CERTAIN = (round(seconds / REFERENCE_S) for seconds in (RECENT_S, CERTAIN_S))  # in frames of 25 a second
RED, BLUE, GREEN = (
    np.tile(np.array(colour, np.float32), (3, 1)) for colour in ((0.8, 0.1, 0.1), (0.1, 0.1, 0.8), (0.1, 0.8, 0.1))
)


def slot(number, appearance, **changes):
    geometry = Geometry((10.0, 20.0), (10.0, 20.0), isolated_s=1.2)
    one = Slot((50.0, 50.0), 200.0, geometry, age_s=2.4, identity=SlotIdentity(number))
    one.colour = appearance.mean(0)
    for _ in range(3):
        update_appearance(one, appearance)
    for name, value in changes.items():
        setattr(one, name, value)
    return one


def after_merge(first, second, appearances, frames=RECENT):
    merge(first, {second.number})
    merge(second, {first.number})
    for _ in range(frames):
        for one, appearance in zip((first, second), appearances, strict=True):
            update_appearance(one, appearance)


def test_the_parts_of_a_body_from_top_to_bottom():
    image = np.zeros((20, 20, 3), np.uint8)
    image[2:5, 3:8], image[5:8, 3:8], image[8:11, 3:8] = (255, 0, 0), (0, 255, 0), (0, 0, 51)
    labels = np.zeros((20, 20), np.int32)
    labels[2:11, 3:8] = 7
    box = Box(3, 2, 8, 11)
    wanted = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 0.2]])
    assert part_colours(image, labels, {6: box})[0] == pytest.approx(wanted, abs=1e-6)
    labels[8:11, 3:8] = 1
    (nobody, body) = part_colours(image, labels, {2: Box(0, 0, 2, 2), 6: box})
    assert np.isnan(nobody).all()
    assert body[:2] == pytest.approx(wanted[:2], abs=1e-6)
    assert np.isnan(body[2]).all()


def test_the_part_of_a_body_outside_the_picture_does_not_count():
    image, labels = np.full((10, 10, 3), 51, np.uint8), np.ones((10, 10), np.int32)
    assert part_colours(image, labels, {0: Box(-4, -4, 4, 6)})[0] == pytest.approx(np.full((3, 3), 0.2))
    assert np.isnan(part_colours(image, labels, {0: Box(20, 20, 24, 26)})).all()


def test_many_appearances_are_taken_in_as_one_by_one():
    def slots():
        met = slot(3, RED)
        merge(met, {1})
        return [slot(1, RED), met, slot(2, BLUE, identity=SlotIdentity(2))]

    bulk, single = slots(), slots()
    update_appearances(bulk, np.stack([GREEN] * 3), look_s=REFERENCE_S)
    for one in single:
        update_appearance(one, GREEN, look_s=REFERENCE_S)
    for a, b in zip(bulk, single, strict=True):
        assert np.array_equal(a.identity.appearance, b.identity.appearance)
        assert a.recent_s == b.recent_s
        assert (a.recent is None and b.recent is None) or np.array_equal(a.recent, b.recent)


def test_two_that_left_with_each_others_object_exchange_their_identities():
    red, blue = slot(1, RED), slot(2, BLUE)
    after_merge(red, blue, (BLUE, RED))
    assert swap_identities([red, blue]) == [(0, 1)]
    assert (red.number, blue.number) == (2, 1)
    assert np.allclose(red.identity.appearance, BLUE)
    assert (red.identity.met, blue.identity.met) == (set(), set())
    assert swap_identities([red, blue]) == []


def test_two_that_left_as_they_came_keep_their_identities():
    red, blue = slot(1, RED), slot(2, BLUE)
    after_merge(red, blue, (RED, BLUE))
    assert swap_identities([red, blue]) == []
    assert (red.number, blue.number, red.identity.met) == (1, 2, set())


def test_two_of_like_appearance_and_two_that_never_met_keep_their_identities():
    one, two = slot(1, RED), slot(2, RED + np.float32(0.01))
    after_merge(one, two, (two.identity.appearance, one.identity.appearance))
    assert swap_identities([one, two]) == []
    red, blue = slot(1, RED), slot(2, BLUE)
    for _ in range(RECENT):
        update_appearance(red, BLUE)
        update_appearance(blue, RED)
    assert swap_identities([red, blue]) == []


def test_it_is_asked_after_some_isolated_frames_and_not_before():
    red, blue = slot(1, RED), slot(2, BLUE)
    after_merge(red, blue, (BLUE, RED), frames=RECENT - 1)
    assert swap_identities([red, blue]) == []


def test_who_is_like_neither_has_left_with_a_thirds_object_and_its_identity_is_given_back_when_the_owner_comes_out():
    white, black = slot(1, RED), slot(2, BLUE)
    after_merge(white, black, (GREEN, BLUE))
    assert swap_identities([white, black]) == []
    newborn = slot(None, RED)
    assert find_stolen(newborn, [white, black]) == 0
    assert find_stolen(slot(None, BLUE), [white, black]) is None
    for _ in range(CERTAIN):
        update_appearance(white, GREEN)
    assert find_stolen(newborn, [white, black]) is None  # after so long it is what it is
    assert np.allclose(white.identity.appearance, GREEN)


def test_who_comes_out_of_a_group_is_the_one_of_it_that_is_least_seen():
    size = (200, 100)
    group = [slot(1, RED), slot(2, RED)]
    newborn = slot(None, RED, age_s=0.12, birthplace=(60.0, 50.0))
    poses = np.array([[50, 50, 10, 20], [52, 50, 10, 20], [66, 50, 10, 20]], np.float32)
    support = np.array([0.5, 0.1, 1.0], np.float32)
    assert find_predecessor(2, poses, [*group, newborn], support, size, SETTINGS) == 1
    assert (
        find_predecessor(2, poses, [*group, newborn], np.ones(3, np.float32), size, SETTINGS) is None
    )  # all are seen whole
    newborn.birthplace = (4.0, 50.0)
    assert find_predecessor(2, poses, [*group, newborn], support, size, SETTINGS) is None  # it came in over the border
    newborn.birthplace, newborn.colour = (60.0, 50.0), BLUE[0]
    assert find_predecessor(2, poses, [*group, newborn], support, size, SETTINGS) is None  # of another colour


def test_a_slot_whose_identity_has_gone_to_its_successor_is_given_no_new_one():
    """The old slot comes later in the order, and is still seen a little."""
    newborn = slot(None, RED, age_s=0.12, seen_s=0.12, birthplace=(60.0, 50.0))
    old = slot(7, RED, seen_s=2.0)
    poses = np.array([[62, 50, 10, 20], [60, 50, 10, 20]], np.float32)
    seen = Association(isolated={0: Box(57, 40, 67, 60)})
    support = np.array([1.0, 0.1], np.float32)
    ended = confirm([newborn, old], poses, seen, support, (200, 100), SETTINGS, lambda: pytest.fail("a new number"))
    assert (ended, newborn.number, old.number) == ({1}, 7, None)


def test_a_slot_returns_by_the_colour_of_a_part_of_it():
    appearance = np.stack([RED[0], BLUE[0], BLUE[0]])
    hidden = slot(1, appearance, hidden_s=0.12)
    pose = np.array([[50, 50, 10, 20]], np.float32)

    def born(colour):
        return Birth(Box(46, 40, 54, 50), np.ones((10, 8), bool), 80.0, colour)

    assert find_returning(born(RED[0]), pose, [hidden], SETTINGS) == 0
    assert find_returning(born(GREEN[0]), pose, [hidden], SETTINGS) is None


def test_an_identity_is_given_back_whole_and_the_other_slot_is_asked_anew():
    white, black = slot(1, RED), slot(2, BLUE)
    after_merge(white, black, (GREEN, BLUE))
    newborn = slot(None, RED, geometry=Geometry((10.0, 20.0), (10.0, 20.0)))
    take_identity(newborn, white, (70.0, 40.0))
    assert (newborn.number, newborn.geometry.isolated_s, newborn.moved) == (1, 1.2, True)
    assert (white.number, white.birthplace) == (None, (70.0, 40.0))
    assert np.allclose(white.identity.appearance, GREEN)


def test_who_was_another_slot_all_along_has_its_number_size_and_age():
    old, newborn = slot(4, RED, area_px=150.0), slot(None, BLUE, geometry=Geometry((3.0, 3.0), (3.0, 3.0)), age_s=0.2)
    succeed(newborn, old)
    assert (newborn.number, old.number) == (4, None)
    assert (newborn.geometry.size, newborn.area_px, newborn.age_s) == ((10.0, 20.0), 150.0, 2.4)
