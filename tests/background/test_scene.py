"""The prescan's medians, against a sort."""

import numpy as np
import pytest

from tracker.background.scene import _ranked, without_visitors


@pytest.mark.parametrize("count", [1, 2, 5, 80, 300])
def test_the_ranked_sample_is_that_of_a_sort(count):
    samples = np.random.default_rng(count).integers(0, 256, (count, 4, 5, 3)).astype(np.uint8)
    for rank in {0, count // 2, count - 1}:
        assert np.array_equal(_ranked(samples, rank), np.sort(samples, axis=0)[rank])


def test_only_the_counted_samples_are_ranked():
    rng = np.random.default_rng(0)
    samples, counted = rng.integers(0, 256, (40, 30, 3)).astype(np.uint8), rng.random((40, 30)) < 0.4
    rank = counted.sum(axis=0) // 2
    expected = [np.sort(samples[counted[:, n], n], axis=0)[rank[n]] for n in range(30)]
    assert np.array_equal(_ranked(samples, rank[:, None], counted[..., None]), expected)


def test_a_visitor_is_painted_over_and_the_pictures_handed_in_are_not():
    empty = np.full((40, 48, 3), 90, np.uint8)
    pictures = [empty.copy() for _ in range(9)]
    pictures[4][10:30, 10:30] = (200, 20, 20)
    kept = [picture.copy() for picture in pictures]
    assert (without_visitors(pictures) == 90).all()
    assert all(map(np.array_equal, pictures, kept))
