"""The prescan's medians, against a sort."""

import numpy as np
import pytest

from tracker.background.scene import DIFFERS, DIFFERS_SIGMAS, ROBUST_SIGMAS, _threshold, without_visitors


def test_a_visitor_is_painted_over_and_the_pictures_handed_in_are_not():
    empty = np.full((40, 48, 3), 90, np.uint8)
    pictures = [empty.copy() for _ in range(9)]
    pictures[4][10:30, 10:30] = (200, 20, 20)
    kept = [picture.copy() for picture in pictures]
    assert (without_visitors(pictures) == 90).all()
    assert all(map(np.array_equal, pictures, kept))


@pytest.mark.parametrize("noise", [0.5, 3.0, 12.0])
def test_the_threshold_is_four_sigmas_or_the_least(noise):
    away = np.abs(np.random.default_rng(0).normal(0, noise, (41, 20, 30, 3))).astype(np.uint8)
    expected = np.clip(DIFFERS_SIGMAS * ROBUST_SIGMAS * np.sort(away, axis=0)[20], DIFFERS, 255).astype(np.uint8)
    assert np.array_equal(_threshold(away), expected)
