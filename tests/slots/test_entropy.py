"""How sure the slots are whose a pixel is."""

import numpy as np
import pytest

from tracker.slots.confidence import entropies
from tracker.slots.e_step import Responsibilities, e_step
from tracker.slots.patches import Patches
from tracker.slots.settings import MixtureModelSettings

HEIGHT, WIDTH, GRID = 60, 100, 24
RED, BLUE = (0.9, 0.1, 0.1), (0.1, 0.1, 0.9)


def canvas(colour):
    """A slot that predicts a disc of one colour and is sure of it."""
    y, x = (np.mgrid[:GRID, :GRID] + 0.5 - GRID / 2) / (GRID / 2)
    mask = (np.hypot(x, y) < 0.6).astype(np.float32)
    return np.dstack([*(np.full((GRID, GRID), level, np.float32) for level in colour), mask])


def shared(*slots):
    """Responsibilities in a frame that shows what every slot (x, colour) predicted, the later in front."""
    poses = np.array([(x, 30, 30, 30) for x, _ in slots], np.float32)
    canvases = np.stack([canvas(colour) for _, colour in slots])
    picture = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    verdict = np.zeros((HEIGHT, WIDTH), np.uint8)
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    for centre, colour in slots:
        inside = np.hypot(x - centre, y - 30) < 12
        picture[inside], verdict[inside] = np.array(colour) * 255, 255
    return e_step(picture, verdict, canvases, poses, MixtureModelSettings())


def test_a_lone_clear_object_has_little_entropy_and_two_alike_on_one_place_a_bit_more_for_each():
    (alone,) = entropies(shared((30, RED)))
    both = entropies(shared((30, RED), (33, RED)))
    assert alone < 0.45
    # where both are predicted they share evenly: one bit, over most of the disc
    assert (both > alone + 0.4).all()


def test_two_of_different_colour_on_one_place_are_told_apart():
    alike, apart = entropies(shared((30, RED), (33, RED))), entropies(shared((30, RED), (33, BLUE)))
    assert apart[1] < alike[1] - 0.3


def test_the_entropy_is_that_of_three_owners_counted_by_hand():
    """One slot of 2 x 2 pixels seen at one: a half its own, a quarter the background's, a quarter another's."""
    window = (slice(0, 2), slice(0, 2))
    half, quarter = np.full((2, 2), 0.5, np.float32), np.full((2, 2), 0.25, np.float32)
    responsibilities = Responsibilities(
        Patches([window]), half.ravel(), quarter, np.ones((2, 2), np.int32), np.ones(1, np.float32)
    )
    assert entropies(responsibilities)[0] == pytest.approx(1.5)


def test_certainty_is_nought_and_a_slot_that_owns_nothing_has_none():
    window = (slice(0, 4), slice(0, 4))
    one, none = np.ones((4, 4), np.float32), np.zeros((4, 4), np.float32)
    responsibilities = Responsibilities(
        Patches([window, window, None]),
        np.concatenate([one.ravel(), none.ravel()]),
        none,
        np.ones((4, 4), np.int32),
        np.ones(3, np.float32),
    )
    found = entropies(responsibilities)
    assert found[0] == 0
    assert np.isnan(found[1:]).all()


def test_without_slots_there_are_no_entropies():
    nothing = np.zeros((4, 4), np.float32)
    assert entropies(
        Responsibilities(
            Patches([]), np.zeros(0, np.float32), nothing, nothing.astype(np.int32), np.zeros(0, np.float32)
        )
    ).shape == (0,)
