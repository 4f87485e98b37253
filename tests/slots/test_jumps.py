"""An identity makes no step that no object makes: slots of a few numbers."""

import numpy as np
import pytest

from tracker.slots.blobs import Birth
from tracker.slots.identity import find_stolen, swap_identities
from tracker.slots.lifecycle import find_returning, part_jumps
from tracker.slots.settings import LifeSettings
from tracker.slots.slot import Geometry, Slot, SlotIdentity
from tracker.steps import LastSeen
from tracker.types import Box

SETTINGS = LifeSettings()
FRAME_S = 0.04
RED, BLUE = np.full((3, 3), 0.2, np.float32), np.full((3, 3), 0.8, np.float32)


def box(x):
    return Box(x, 40.0, x + 20.0, 80.0)


def slot(x, number=1, *, hidden_s=0.0, speed=0.0, appearance=None):
    """One that was last seen at x, `hidden_s` seconds ago."""
    place = LastSeen(box(x), (speed, 0.0), 10, hidden_s)
    geometry = Geometry((20.0, 40.0), (20.0, 40.0), isolated_s=2.0)
    identity = SlotIdentity(number, appearance, place=place)
    return Slot((x, 60.0), 800.0, geometry, identity=identity, hidden_s=hidden_s, age_s=2.0)


def numbers_after(slots, boxes):
    part_jumps(slots, boxes, FRAME_S, iter(range(7, 99)).__next__)
    return [one.number for one in slots]


def test_a_slot_that_would_jump_becomes_two():
    stays, jumps = slot(0), slot(100, 2)
    assert numbers_after([stays, jumps], [box(5), box(250)]) == [1, 7]
    assert jumps.identity.place == LastSeen(box(250))


def test_its_speed_explains_where_a_hidden_slot_comes_out():
    assert numbers_after([slot(0, hidden_s=0.0, speed=100.0)], [box(60)]) == [7]
    unseen = slot(0, speed=100.0)
    unseen.identity.place = unseen.identity.place.later(1.0)
    assert numbers_after([unseen], [box(60)]) == [1]


def test_where_a_hidden_slot_is_predicted_is_no_step():
    hidden = slot(0, hidden_s=0.08)
    assert numbers_after([hidden], [box(200)]) == [1]
    assert hidden.identity.place.box == box(0)
    assert hidden.identity.place.unseen_s == pytest.approx(0.12)


@pytest.mark.parametrize(("x", "returns"), [(30, 0), (90, None)])
def test_a_hidden_slot_does_not_come_back_where_it_cannot_have_gone(x, returns):
    """The reach of a hidden slot grows with time, but one that stood has not gone far."""
    gone = slot(0, hidden_s=2.0)
    pose = np.array([[10, 60, 20, 40]], np.float32)
    birth = Birth(box(x), np.ones((40, 20), bool), 800.0, np.zeros(3, np.float32))
    assert find_returning(birth, pose, [gone], SETTINGS) == returns


@pytest.mark.parametrize(("apart", "swapped"), [(30, [(0, 1)]), (200, [])])
def test_identities_are_exchanged_only_over_steps_that_objects_make(apart, swapped):
    one, two = slot(0, 1, appearance=RED), slot(apart, 2, appearance=BLUE)
    for each, other, looks in ((one, two, BLUE), (two, one, RED)):
        each.identity.met, each.recent, each.recent_s = {other.number}, looks, 0.4
    assert swap_identities([one, two]) == swapped


@pytest.mark.parametrize(("apart", "holder"), [(30, 0), (200, None)])
def test_a_stolen_identity_is_given_back_only_near_by(apart, holder):
    thief, owner = slot(0, 1, appearance=RED), slot(apart, None, appearance=RED)
    thief.recent, thief.recent_s = BLUE, 0.4
    assert find_stolen(owner, [thief]) == holder
