"""A slot inside an older one: a second one for its object, or an object that overtakes it."""

import numpy as np
import pytest

from tracker.slots.lifecycle import find_duplicates
from tracker.slots.settings import LifeSettings
from tracker.slots.slot import Geometry, Slot, SlotIdentity

SETTINGS = LifeSettings()
LORRY, DOG = (100.0, 60.0), (24.0, 16.0)


def slot(size, *, age_s, velocity, isolated_s=1.2):
    geometry = Geometry(size, size, velocity=velocity, isolated_s=isolated_s)
    return Slot((0.0, 0.0), size[0] * size[1], geometry, identity=SlotIdentity(1), age_s=age_s)


@pytest.mark.parametrize(
    ("velocity", "isolated_s", "ends"),
    [((-4.0, 0.0), 0.3, False), ((-2.1, 0.0), 0.3, True), ((-4.0, 0.0), 0.08, True)],
    ids=["overtakes", "moves with it", "was never seen apart"],
)
def test_a_young_slot_inside_an_older_one_ends_if_it_is_no_object(velocity, isolated_s, ends):
    slots = [
        slot(LORRY, age_s=4.0, velocity=(-2.0, 0.0)),
        slot(DOG, age_s=0.4, velocity=velocity, isolated_s=isolated_s),
    ]
    poses = np.array([[100, 50, *LORRY], [110, 60, *DOG]], np.float32)
    found = find_duplicates(poses, slots, SETTINGS, causal=False)
    assert found == (({1}, {1}) if ends else (set(), set()))
    assert find_duplicates(poses, slots, SETTINGS, causal=True) == ({1}, {1})
