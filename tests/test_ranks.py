"""Medians of many samples a pixel, against a sort."""

import numpy as np
import pytest

from tracker.ranks import ranked


@pytest.mark.parametrize("count", [1, 2, 5, 80, 300])
def test_theranked_sample_is_that_of_a_sort(count):
    samples = np.random.default_rng(count).integers(0, 256, (count, 4, 5, 3)).astype(np.uint8)
    for rank in {0, count // 2, count - 1}:
        assert np.array_equal(ranked(samples, rank), np.sort(samples, axis=0)[rank])


def test_only_the_counted_samples_areranked():
    rng = np.random.default_rng(0)
    samples, counted = rng.integers(0, 256, (40, 30, 3)).astype(np.uint8), rng.random((40, 30)) < 0.4
    rank = counted.sum(axis=0) // 2
    expected = [np.sort(samples[counted[:, n], n], axis=0)[rank[n]] for n in range(30)]
    assert np.array_equal(ranked(samples, rank[:, None], counted[..., None]), expected)
