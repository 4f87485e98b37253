import numpy as np
import pytest

from tracker.errors import ShapeError
from tracker.scores import MaskCounts, score_identities
from tracker.scores.bootstrap import Difference, difference
from tracker.types import Box

A, FAR = Box(0, 0, 10, 20), Box(300, 200, 310, 220)


def record(found, *, length=400, tracks=None):
    """One object that stands still; `found` by frame, by track 1 or as told."""
    truth = dict.fromkeys(range(length), ((1, A),))
    seen = {t: [(1 if tracks is None else tracks[t], A)] for t in range(length) if found[t]}
    return score_identities(truth, seen, frames=(0, length - 1))


def by_score(differences):
    return {d.score: d for d in differences}


def test_a_method_against_itself_differs_by_nothing():
    rng = np.random.default_rng(0)
    same = record(rng.random(400) < 0.7)
    found = by_score(difference(same, same))
    assert set(found) == {"hota", "idf1", "mota"}
    for d in found.values():
        assert (d.low, d.high) == (0, 0)
        assert d.a == d.b == pytest.approx(getattr(same.counts, d.score))
        assert not d.clear


def test_a_difference_that_is_everywhere_the_same_has_no_width():
    # b misses every fourth frame, a finds all: MOTA 1 and .75 in every segment of 40
    found = by_score(difference(record(np.ones(400)), record(np.arange(400) % 4 > 0), segments=10))
    assert found["mota"].b - found["mota"].a == -0.25
    assert (found["mota"].low, found["mota"].high) == pytest.approx((-0.25, -0.25), abs=1e-15)
    assert found["hota"].high - found["hota"].low == pytest.approx(0, abs=1e-12)
    assert found["mota"].clear


def test_noise_alone_leaves_zero_inside():
    """Two methods with the same chance of a miss: at most a few of forty intervals of 95 % may leave out 0."""
    rng = np.random.default_rng(1)
    pairs = [[record(rng.random(400) < 0.7) for _ in range(2)] for _ in range(40)]
    outside = sum(by_score(difference(*pair, segments=40, rounds=400))["mota"].clear for pair in pairs)
    assert outside <= 6


def test_the_width_is_that_of_the_mean_of_independent_segments():
    """Segments of 10 frames, all found or none, half of them by a and all by b: 1 - p has standard error .5 / sqrt(n)."""
    length, rng = 4000, np.random.default_rng(2)
    found = np.repeat(rng.permutation(np.arange(length // 10) % 2), 10)
    mota = by_score(difference(record(found, length=length), record(np.ones(length), length=length), segments=400))[
        "mota"
    ]
    assert mota.b - mota.a == pytest.approx(0.5)
    assert mota.high - mota.low == pytest.approx(2 * 1.96 * 0.5 / 400**0.5, rel=0.1)


def test_exchanging_the_methods_mirrors_the_interval():
    rng = np.random.default_rng(3)
    a, b = (record(rng.random(400) < p, tracks=rng.integers(1, 4, 400)) for p in (0.6, 0.9))
    for one, other in zip(difference(a, b), difference(b, a), strict=True):
        assert (one.a, one.b) == (other.b, other.a)
        assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-12)
        assert one.low < one.b - one.a < one.high


def test_the_same_seed_gives_the_same_interval_and_another_another():
    rng = np.random.default_rng(4)
    a, b = (record(rng.random(400) < p) for p in (0.6, 0.9))
    assert difference(a, b, seed=5) == difference(a, b, seed=5)
    assert difference(a, b, seed=5) != difference(a, b, seed=6)


def test_masks_are_compared_by_f():
    rng = np.random.default_rng(5)
    a = [MaskCounts(tp=int(n), fn=100 - int(n)) for n in rng.integers(40, 60, 30)]
    b = [MaskCounts(tp=counts.tp + 20, fn=counts.fn - 20) for counts in a]
    (f,) = difference(a, b)
    assert f == Difference("f_measure", sum(a, MaskCounts()).f_measure, sum(b, MaskCounts()).f_measure, f.low, f.high)
    assert 0 < f.low < f.b - f.a < f.high
    assert f.clear


def test_what_is_not_of_the_same_frames_is_refused():
    with pytest.raises(ShapeError, match="3 frames and 2"):
        difference([MaskCounts(tp=1)] * 3, [MaskCounts(tp=1)] * 2)
    with pytest.raises(ShapeError, match="same frames"):
        difference([MaskCounts(tp=1)] * 400, record(np.ones(400)))


def test_of_a_single_frame_or_none_nothing_is_drawn():
    assert difference([MaskCounts(tp=1)], [MaskCounts(tp=1)]) == ()
    assert difference([], []) == ()
    assert len(difference([MaskCounts(tp=1)] * 2, [MaskCounts(tp=1)] * 2)) == 1
