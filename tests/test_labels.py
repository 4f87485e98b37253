"""Where each label is; labels grow for as long as a camera runs."""

import numpy as np
import pytest

from tracker.labels import find_windows


@pytest.mark.parametrize("first", [1, 1001, 2**31 - 3])
def test_windows_whatever_the_numbers(first):
    labels = np.zeros((40, 50), np.int32)
    labels[3:9, 10:20] = first
    labels[30:40, 0:1] = first + 2
    labels[20, 25], labels[22, 28] = first, first  # a label may be in pieces
    assert find_windows(labels) == {
        first: (slice(3, 23), slice(10, 29)),
        first + 2: (slice(30, 40), slice(0, 1)),
    }


def test_no_label_no_window():
    assert find_windows(np.zeros((4, 5), np.int32)) == {}


def test_a_label_that_goes_on_from_one_border_to_the_other_has_both():
    labels = np.zeros((3, 6), np.int32)
    labels[0, 5] = labels[1, 0] = 4  # one run in memory, two places in the picture
    assert find_windows(labels) == {4: (slice(0, 2), slice(0, 6))}


def test_windows_are_those_of_a_search_by_label():
    rng = np.random.default_rng(0)
    labels = (rng.integers(0, 9, (30, 40)) * (rng.random((30, 40)) < 0.1)).astype(np.int32)
    expected = {}
    for label in range(1, 9):
        y, x = np.nonzero(labels == label)
        expected[label] = slice(y.min(), y.max() + 1), slice(x.min(), x.max() + 1)
    assert find_windows(labels) == expected
    assert find_windows(labels[::2, ::3]).keys() <= expected.keys()  # and of a view


def test_no_picture_no_window():
    assert find_windows(np.zeros((0, 5), np.int32)) == {}
