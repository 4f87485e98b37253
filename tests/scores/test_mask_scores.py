import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from tracker.errors import ShapeError
from tracker.scores import MaskCounts
from tracker.scores.masks import MEASURES, cdnet_means


def test_pixels_are_counted_without_the_ignored_ones():
    found = np.array([[1, 1, 1, 0, 0, 0]], bool)
    truth = np.array([[1, 1, 0, 1, 0, 0]], bool)
    counts = MaskCounts.of(found, truth)
    assert counts == MaskCounts(tp=2, fp=1, fn=1, tn=2)
    assert (counts.precision, counts.recall, counts.f_measure) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    ignore = np.array([[0, 0, 1, 0, 0, 1]], bool)
    assert MaskCounts.of(found, truth, ignore=ignore) == MaskCounts(tp=2, fp=0, fn=1, tn=1)


def test_shadow_is_background_and_counted_apart():
    """Six pixels of background, four of them in shadow, of which one is not looked at and one is called foreground."""
    found = np.array([[1, 1, 0, 1, 0, 0, 1]], bool)
    truth = np.array([[1, 0, 0, 0, 0, 0, 0]], bool)
    shadow = np.array([[0, 1, 1, 1, 1, 0, 0]], bool)
    ignore = np.array([[0, 0, 0, 1, 0, 0, 0]], bool)
    counts = MaskCounts.of(found, truth, ignore=ignore, shadow=shadow)
    assert counts == MaskCounts(tp=1, fp=2, fn=0, tn=3, shadow_fp=1, shadow=3)
    assert counts.fpr_shadow == 1 / 3
    assert (counts + counts).fpr_shadow == 1 / 3


def test_the_seven_measures_as_cdnet_defines_them():
    # FNR over what is there to find, PWC in percent
    counts = MaskCounts(tp=6, fp=3, fn=2, tn=9)
    assert [getattr(counts, name) for name in MEASURES] == pytest.approx(
        [6 / 8, 9 / 12, 3 / 12, 2 / 8, 25, 6 / 9, 12 / 17]
    )


def test_random_masks_score_as_in_scikit_learn():
    rng = np.random.default_rng(0)
    for _ in range(20):
        found, truth, ignore = (rng.random((3, 20, 30)) < rng.uniform(0.1, 0.9, (3, 1, 1))).astype(bool)
        counts = MaskCounts.of(found, truth, ignore=ignore)
        tn, fp, fn, tp = confusion_matrix(truth[~ignore], found[~ignore]).ravel()
        assert counts == MaskCounts(tp=tp, fp=fp, fn=fn, tn=tn)
        expected = precision_recall_fscore_support(truth[~ignore], found[~ignore], average="binary")[:3]
        assert (counts.precision, counts.recall, counts.f_measure) == pytest.approx(expected)


def test_counts_add_before_ratios_are_taken():
    # precision of the sum is 11/20, not the mean of 1/1 and 10/19
    total = MaskCounts(tp=1) + MaskCounts(tp=10, fp=9)
    assert total.precision == 11 / 20
    assert sum([MaskCounts(tn=2, shadow=1), MaskCounts(tn=3)], MaskCounts()) == MaskCounts(tn=5, shadow=1)


def test_the_truth_against_itself_is_exactly_one():
    truth = np.random.default_rng(0).random((30, 40)) < 0.3
    counts = MaskCounts.of(truth, truth)
    assert [getattr(counts, name) for name in MEASURES] == [1, 1, 0, 0, 0, 1, 1]


def test_an_empty_result_is_zero_and_no_crash():
    counts = MaskCounts.of(np.zeros((2, 2), bool), np.ones((2, 2), bool))
    assert [getattr(counts, name) for name in MEASURES] == [0, 0, 0, 1, 100, 0, 0]
    empty = MaskCounts.of(np.zeros((2, 2), bool), np.zeros((2, 2), bool))
    assert (empty.precision, empty.recall, empty.f_measure) == (0, 0, 0)
    assert [getattr(MaskCounts(), name) for name in (*MEASURES, "fpr_shadow")] == [0] * 8


def test_masks_of_two_sizes_are_refused():
    square, wide = np.zeros((2, 2), bool), np.zeros((2, 3), bool)
    for name, masks in {
        "truth": (wide, None, None),
        "ignore": (square, wide, None),
        "shadow": (square, None, wide),
    }.items():
        with pytest.raises(ShapeError, match=f"{name} mask"):
            MaskCounts.of(square, masks[0], ignore=masks[1], shadow=masks[2])


def test_cdnet_averages_sequences_then_categories():
    """F of the sequences: 1 and 0 in one category, 2/3 in the other; .5 and 2/3; their mean, whatever the lengths."""
    means = cdnet_means(
        {
            "baseline": {"highway": MaskCounts(tp=1000, tn=1), "office": MaskCounts(fp=1, fn=1)},
            "shadow": {"bus": MaskCounts(tp=1, fp=1, tn=3)},
            "thermal": {},
        }
    )
    assert means.categories["baseline"]["f_measure"] == 0.5
    assert means.categories["shadow"]["f_measure"] == pytest.approx(2 / 3)
    assert set(means.categories) == {"baseline", "shadow"}
    assert means.overall["f_measure"] == pytest.approx(7 / 12)
    assert means.overall["pwc"] == pytest.approx((50 + 20) / 2)
    assert tuple(means.overall) == MEASURES
    assert cdnet_means({}).overall["recall"] == 0
