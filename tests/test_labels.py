"""Where each label is; labels grow for as long as a camera runs."""

import numpy as np
import pytest

from tracker.labels import FEW, find_windows


@pytest.mark.parametrize("first", [1, FEW + 1, 2**31 - 3])
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
