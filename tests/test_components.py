"""Connected pieces."""

import cv2
import numpy as np

from tracker.components import components


def test_pieces_counted_by_hand():
    mask = np.zeros((5, 8), np.uint8)
    mask[0, 0] = mask[1, 1] = 255  # joined at a corner
    mask[3:5, 4:7] = 1
    found = components(mask)
    np.testing.assert_array_equal(found.areas, [40 - 8, 2, 6])
    np.testing.assert_array_equal(found.boxes[1:], [[0, 0, 2, 2], [4, 3, 3, 2]])
    assert found.labels[1, 1] == 1
    assert found.labels[4, 6] == 2


def test_the_numbers_are_those_of_opencv():
    rng = np.random.default_rng(0)
    for share in (0.01, 0.2, 0.5, 0.9):
        mask = rng.random((67, 91)) < share
        count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
        found = components(mask)
        assert len(found.areas) == count
        np.testing.assert_array_equal(found.labels, labels)
        np.testing.assert_array_equal(found.boxes, stats[:, :4])


def test_more_pieces_than_16_bits_can_number():
    mask = np.zeros((600, 600), bool)
    mask[::2, ::2] = True
    assert len(components(mask).areas) == 300 * 300 + 1
