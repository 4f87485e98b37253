"""Who is who after a meeting, and who comes out of a group: lives filled in by hand."""

import numpy as np
import pytest

from tracker.slots.identity import ENOUGH_S, SIGHTS_S, body_of, exchange_names, find_usurper, meet, part_colours, see
from tracker.slots.lifecycle import Birth, Life, find_known, find_returning
from tracker.slots.settings import LifeSettings
from tracker.timing import REFERENCE_S
from tracker.types import Box

SETTINGS = LifeSettings()
SIGHTS, ENOUGH = (round(seconds / REFERENCE_S) for seconds in (SIGHTS_S, ENOUGH_S))  # in frames of 25 a second
RED, BLUE, GREEN = (
    np.tile(np.array(colour, np.float32), (3, 1)) for colour in ((0.8, 0.1, 0.1), (0.1, 0.1, 0.8), (0.1, 0.8, 0.1))
)


def life(identity, look, **changes):
    one = Life((50.0, 50.0), 200.0, (10.0, 20.0), (10.0, 20.0), alone_s=1.2, age_s=2.4, id=identity)
    one.colour = look.mean(0)
    for _ in range(3):
        see(one, look)
    for name, value in changes.items():
        setattr(one, name, value)
    return one


def after_meeting(first, second, looks, frames=SIGHTS):
    meet(first, {second.id})
    meet(second, {first.id})
    for _ in range(frames):
        for one, look in zip((first, second), looks, strict=True):
            see(one, look)


def test_the_parts_of_a_body_from_top_to_bottom():
    image = np.zeros((20, 20, 3), np.uint8)
    image[2:5, 3:8], image[5:8, 3:8], image[8:11, 3:8] = (255, 0, 0), (0, 255, 0), (0, 0, 51)
    labels = np.zeros((20, 20), np.int32)
    labels[2:11, 3:8] = 7
    mask, corner = body_of(labels, 7, Box(3, 2, 8, 11))
    assert (mask.shape, corner) == ((9, 5), (3, 2))
    assert part_colours(image, mask, corner) == pytest.approx(np.array([[1, 0, 0], [0, 1, 0], [0, 0, 0.2]]), abs=1e-6)
    mask[6:] = False
    assert np.isnan(part_colours(image, mask, corner)[2]).all()


def test_two_that_left_with_each_others_object_exchange_their_names():
    red, blue = life(1, RED), life(2, BLUE)
    after_meeting(red, blue, (BLUE, RED))
    assert exchange_names([red, blue]) == [(0, 1)]
    assert (red.id, blue.id) == (2, 1)
    assert np.allclose(red.look, BLUE)
    assert (red.met, blue.met) == (set(), set())
    assert exchange_names([red, blue]) == []


def test_two_that_left_as_they_came_keep_their_names():
    red, blue = life(1, RED), life(2, BLUE)
    after_meeting(red, blue, (RED, BLUE))
    assert exchange_names([red, blue]) == []
    assert (red.id, blue.id, red.met) == (1, 2, set())


def test_two_of_like_looks_and_two_that_never_met_keep_their_names():
    one, two = life(1, RED), life(2, RED + np.float32(0.01))
    after_meeting(one, two, (two.look, one.look))
    assert exchange_names([one, two]) == []
    red, blue = life(1, RED), life(2, BLUE)
    for _ in range(SIGHTS):
        see(red, BLUE)
        see(blue, RED)
    assert exchange_names([red, blue]) == []


def test_it_is_asked_after_some_frames_alone_and_not_before():
    red, blue = life(1, RED), life(2, BLUE)
    after_meeting(red, blue, (BLUE, RED), frames=SIGHTS - 1)
    assert exchange_names([red, blue]) == []


def test_who_looks_like_neither_has_left_with_a_thirds_object_and_its_name_is_given_back_when_the_owner_comes_out():
    white, black = life(1, RED), life(2, BLUE)
    after_meeting(white, black, (GREEN, BLUE))
    assert exchange_names([white, black]) == []
    newborn = life(None, RED)
    assert find_usurper(newborn, [white, black]) == 0
    assert find_usurper(life(None, BLUE), [white, black]) is None
    for _ in range(ENOUGH):
        see(white, GREEN)
    assert find_usurper(newborn, [white, black]) is None  # after so long it is what it is
    assert np.allclose(white.look, GREEN)


def test_who_comes_out_of_a_group_is_the_one_of_it_that_is_least_seen():
    size = (200, 100)
    group = [life(1, RED), life(2, RED)]
    newborn = life(None, RED, age_s=0.12, born_at=(60.0, 50.0))
    poses = np.array([[50, 50, 10, 20], [52, 50, 10, 20], [66, 50, 10, 20]], np.float32)
    support = np.array([0.5, 0.1, 1.0], np.float32)
    assert find_known(2, poses, [*group, newborn], support, size, SETTINGS) == 1
    assert find_known(2, poses, [*group, newborn], np.ones(3, np.float32), size, SETTINGS) is None  # all are seen whole
    newborn.born_at = (4.0, 50.0)
    assert find_known(2, poses, [*group, newborn], support, size, SETTINGS) is None  # it came in over the border
    newborn.born_at, newborn.colour = (60.0, 50.0), BLUE[0]
    assert find_known(2, poses, [*group, newborn], support, size, SETTINGS) is None  # of another colour


def test_a_slot_returns_by_the_colour_of_a_part_of_it():
    look = np.stack([RED[0], BLUE[0], BLUE[0]])
    hidden = life(1, look, hidden_s=0.12)
    pose = np.array([[50, 50, 10, 20]], np.float32)

    def born(colour):
        return Birth(Box(46, 40, 54, 50), np.ones((10, 8), bool), 80.0, colour)

    assert find_returning(born(RED[0]), pose, [hidden], SETTINGS) == 0
    assert find_returning(born(GREEN[0]), pose, [hidden], SETTINGS) is None
