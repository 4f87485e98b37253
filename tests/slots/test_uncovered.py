"""A slot that is the place of something that left is told to the scene, and only such a slot."""

import numpy as np
import pytest

from tracker.slots.lifecycle import HOLE_S, find_ended, find_uncovered
from tracker.slots.settings import LifeSettings
from tracker.slots.slot import Geometry, Slot, SlotIdentity
from tracker.timing import REFERENCE_S

FRAMES = round(HOLE_S / REFERENCE_S)
TIMES = {"usual_s": REFERENCE_S, "look_s": REFERENCE_S}


class Scenery:
    """A judgement in which the picture shows the empty scene on the left, where an object was learned."""

    def uncovers(self, place):
        return bool(place[:, :20].any())


def slot(number, *, speed=0.0, hidden_s=0.0):
    geometry = Geometry((10.0, 10.0), (10.0, 10.0), velocity=(speed, 0.0), isolated_s=1.0)
    return Slot((0.0, 0.0), 100.0, geometry, identity=SlotIdentity(number), hidden_s=hidden_s)


def labels():
    drawn = np.zeros((30, 40), np.int32)
    drawn[5:15, 5:15], drawn[5:15, 25:35] = 1, 2
    return drawn


def uncovered(slots, frames):
    return [find_uncovered(slots, labels(), Scenery(), **TIMES) for _ in range(frames)]


def test_the_place_of_what_left_is_told_once_it_was_seen_for_long_enough():
    found = uncovered([slot(1), slot(2)], FRAMES + 1)
    assert found[: FRAMES - 1] == [None] * (FRAMES - 1)
    np.testing.assert_array_equal(found[-1], labels() == 1)


@pytest.mark.parametrize("changes", [{"speed": 2.0}, {"hidden_s": 0.04}])
def test_what_moves_or_is_hidden_is_no_such_place(changes):
    assert uncovered([slot(1, **changes), slot(2)], 2 * FRAMES) == [None] * (2 * FRAMES)


def test_it_is_told_only_of_an_unbroken_time():
    one = slot(1)
    assert uncovered([one], FRAMES - 1)[-1] is None
    assert find_uncovered([one], np.zeros((30, 40), np.int32), Scenery(), **TIMES) is None
    assert uncovered([one], FRAMES - 1)[-1] is None


def test_a_slot_on_an_uncovered_place_ends():
    slots = [slot(1), slot(2)]
    uncovered(slots, FRAMES + 1)
    poses = np.array([[10, 10, 10, 10], [30, 10, 10, 10]], np.float32)
    assert find_ended(poses, slots, (40, 30), LifeSettings()) == {0}
