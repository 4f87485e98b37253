import numpy as np
import pytest
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score
from sklearn.metrics.cluster import contingency_matrix

from tracker.errors import ShapeError
from tracker.scores.clusters import ClusterCounts, adjusted_information, adjusted_rand

RANDOM_SIZES = [(2, 1, 1), (3, 3, 3), (10, 2, 5), (60, 4, 3), (400, 1, 4), (400, 6, 1), (900, 8, 8), (20_000, 5, 9)]


def labels(rng, size, classes, clusters):
    truth = rng.integers(1, classes + 1, size)
    found = np.where(rng.random(size) < rng.random(), truth % clusters, rng.integers(0, clusters, size))
    return truth, found


@pytest.mark.parametrize("sizes", RANDOM_SIZES, ids=str)
def test_random_groupings_score_as_in_scikit_learn(sizes):
    rng = np.random.default_rng(0)
    for _ in range(20 if sizes[0] < 1000 else 2):
        truth, found = labels(rng, *sizes)
        table = contingency_matrix(truth, found)
        assert adjusted_rand(table) == pytest.approx(adjusted_rand_score(truth, found), rel=1e-11, abs=1e-11)
        for average in ("arithmetic", "max"):
            expected = adjusted_mutual_info_score(truth, found, average_method=average)
            assert adjusted_information(table, average=average) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_groups_of_very_different_sizes_score_as_in_scikit_learn():
    # one pixel beside a hundred thousand: cells far from the mean of their law
    rng = np.random.default_rng(1)
    truth = np.repeat([1, 2, 3, 4], [100_000, 3000, 40, 1])
    found = np.where(rng.random(len(truth)) < 0.99, truth, rng.integers(0, 5, len(truth)))
    table = contingency_matrix(truth, found)
    assert adjusted_rand(table) == pytest.approx(adjusted_rand_score(truth, found), rel=1e-10)
    assert adjusted_information(table) == pytest.approx(adjusted_mutual_info_score(truth, found), rel=1e-8)


def test_pixels_of_a_long_clip_are_more_than_their_pairs_fit_in_64_bits():
    table = np.array([[6, 1], [2, 5]])
    long = table * 2_000_000_000  # an hour of large pictures; of so many, the score no longer depends on how many
    assert adjusted_rand(long) == pytest.approx(adjusted_rand(table * 10_000), abs=1e-4)
    assert adjusted_rand(np.diag([7_000_000_000, 3_000_000_000])) == 1


def test_frames_of_a_clip_add_to_the_score_of_all_their_foreground():
    """Against scikit-learn on all labels at once; sparse numbers, so that both ways of counting are used."""
    rng = np.random.default_rng(2)
    names, clip, truths, founds = np.array([0, 3, 70_000]), [], [], []
    for _ in range(5):
        truth = names[rng.integers(0, 3, (12, 17))]
        found = np.where(rng.random(truth.shape) < 0.7, truth // 3, rng.integers(0, 4, truth.shape))
        clip.append(ClusterCounts.of(found.astype(np.int32), truth.astype(np.int32)))
        truths.append(truth[truth > 0])
        founds.append(found[truth > 0])
    total = ClusterCounts.joined(clip)
    together = np.concatenate(truths), np.concatenate(founds)
    assert total.fg_ari == pytest.approx(adjusted_rand_score(*together))
    assert total.ami == pytest.approx(adjusted_mutual_info_score(*together))
    each = list(zip(truths, founds, strict=True))
    assert total.fg_ari_frames == pytest.approx(np.mean([adjusted_rand_score(*frame) for frame in each]))
    assert total.ami_frames == pytest.approx(np.mean([adjusted_mutual_info_score(*frame) for frame in each]))
    assert total.frames == 5


def test_few_and_many_numbers_are_counted_alike():
    rng = np.random.default_rng(3)
    truth, found = rng.integers(0, 4, (2, 30, 30))
    far = ClusterCounts.of(found * 1_000_000, truth)
    assert far.tables == ({(t, f * 1_000_000): n for (t, f), n in ClusterCounts.of(found, truth).tables[0].items()},)


def test_background_is_asked_of_nobody_but_background_on_an_object_is_a_cluster():
    truth = np.array([[0, 0, 1, 1, 2, 2]])
    perfect = ClusterCounts.of(np.array([[9, 8, 5, 5, 6, 6]]), truth)
    assert perfect.tables == ({(1, 5): 2, (2, 6): 2},)
    # object 2 taken for background is still apart from object 1
    assert ClusterCounts.of(np.array([[0, 0, 5, 5, 0, 0]]), truth).fg_ari == 1
    # half of each: no better than chance
    assert ClusterCounts.of(np.array([[0, 0, 5, 0, 5, 0]]), truth).fg_ari == pytest.approx(-0.5)


def test_perfect_agreement_is_exactly_one():
    rng = np.random.default_rng(4)
    frames = rng.integers(0, 7, (6, 40, 50))
    total = ClusterCounts.joined(ClusterCounts.of(frame * 11 % 13, frame) for frame in frames)
    assert (total.fg_ari, total.ami, total.fg_ari_frames, total.ami_frames) == (1, 1, 1, 1)


def test_an_exchange_of_identities_costs_the_clip_but_no_frame():
    a, b = np.array([[1, 1, 2, 2]]), np.array([[2, 2, 1, 1]])
    swapped = ClusterCounts.joined([ClusterCounts.of(a, a), ClusterCounts.of(b, a)])
    assert (swapped.fg_ari_frames, swapped.ami_frames) == (1, 1)
    # 2 of each object in each cluster, of 8: pairs together 4 of C(8, 2) = 28, in each grouping 12
    assert swapped.fg_ari == pytest.approx((4 - 144 / 28) / (12 - 144 / 28))
    assert swapped.ami < 0


@pytest.mark.parametrize("objects", [1, 2])
def test_nothing_found_is_zero(objects):
    truth = np.zeros((4, 4), np.uint16)
    truth[0], truth[1] = 1, objects
    empty = ClusterCounts.of(np.zeros((4, 4), np.int32), truth)
    assert (empty.fg_ari, empty.ami, empty.fg_ari_frames, empty.ami_frames, empty.frames) == (0, 0, 0, 0, 1)


def test_a_frame_without_objects_is_no_frame_to_score():
    nothing = ClusterCounts.of(np.ones((4, 4), int), np.zeros((4, 4), int))
    assert nothing == ClusterCounts()
    assert (nothing.fg_ari, nothing.ami, nothing.fg_ari_frames, nothing.ami_frames) == (0, 0, 0, 0)


def test_the_same_number_in_two_clips_is_not_the_same_object():
    a, b = np.array([[1, 1, 2, 2]]), np.array([[2, 2, 1, 1]])
    twice = ClusterCounts.joined([ClusterCounts.of(b, a)] * 2)
    clips = [ClusterCounts.of(a, a), twice, ClusterCounts.of(a * 0, a)]
    both = ClusterCounts.pooled(clips)
    assert (both.fg_ari, both.frames, both.fg_ari_frames) == (2 / 3, 4, 3 / 4)
    with pytest.raises(ValueError, match="pooled"):
        ClusterCounts.joined([both, clips[0]])


def test_pictures_of_two_sizes_are_refused():
    with pytest.raises(ShapeError, match=r"\(2, 3\), wanted \(2, 2\)"):
        ClusterCounts.of(np.zeros((2, 3), int), np.zeros((2, 2), int))
