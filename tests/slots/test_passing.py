"""Where the colours of a slot are in a drawn picture."""

import numpy as np
import pytest

from tracker.slots.passing import REACH, find_place
from tracker.slots.state import PAD

SIDE, GRID = 24, 24  # of the object in pixels, and of a slot's grid


def picture(x, y):
    """A grey square before a red ground with a black wheel, its middle at (x, y)."""
    image = np.full((100, 160, 3), (150, 40, 30), np.uint8)
    image[40:90, 40:70] = 10
    x0, y0 = x - SIDE // 2, y - SIDE // 2
    image[max(0, y0) : y0 + SIDE, max(0, x0) : x0 + SIDE] = 120
    return image


def psi():
    """Of the square: grey where its mask is, and what was round it elsewhere."""
    canvas = np.zeros((GRID, GRID, 4), np.float32)
    edge = round(GRID * (1 - 1 / PAD) / 2)
    canvas[edge:-edge, edge:-edge] = (120 / 255, 120 / 255, 120 / 255, 0.9)
    return canvas


def expected(x, y):
    return np.array([x, y, SIDE, SIDE], np.float32)


@pytest.mark.parametrize("away", [(0, 0), (3, -2), (-2, 1)])
def test_an_object_is_found_where_its_colours_are(away):
    at = (80 + away[0], 60 + away[1])
    assert find_place(picture(*at), psi(), expected(80, 60)) == at


def test_it_is_found_where_the_border_cuts_it():
    assert find_place(picture(2, 60), psi(), expected(4, 60))[1] == 60
    assert 0 <= find_place(picture(2, 60), psi(), expected(4, 60))[0] <= 4


def test_it_is_looked_for_no_farther_than_it_can_have_gone():
    x, y = find_place(picture(100, 60), psi(), expected(70, 60))
    assert abs(x - 70) <= np.ceil(REACH * SIDE)
    assert abs(y - 60) <= np.ceil(REACH * SIDE)


def test_a_slot_without_a_mask_stays_where_it_is_expected():
    assert find_place(picture(80, 60), np.zeros((GRID, GRID, 4), np.float32), expected(70, 50)) == (70, 50)
