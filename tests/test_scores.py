import cv2
import numpy as np
import pytest

from tracker.errors import ShapeError, SourceError
from tracker.scores import MaskCounts, Truth, identity_scores, read_truth
from tracker.scores.identity import iou_matrix
from tracker.types import Box, Track

A, B, FAR = Box(0, 0, 10, 20), Box(100, 0, 110, 20), Box(300, 200, 310, 220)


def test_one_object_that_changes_its_track_once():
    """Three boxes, all found, one switch.

    MOTA = 1 - (0 + 0 + 1) / 3. IDF1 pairs the object with track 7: 2 right, 1 box of track 8 too many, 1 missed:
    2 * 2 / (2 * 2 + 1 + 1). HOTA: every box is found, and the association of each of the three is |both| / |either|:
    2/3, 2/3 and 1/3; the root of their mean.
    """
    truth = Truth(dict.fromkeys(range(3), ((1, A),)))
    scores = identity_scores(truth, {0: [(7, A)], 1: [(7, A)], 2: [(8, A)]})
    assert scores.switches == 1
    assert scores.mota == pytest.approx(2 / 3)
    assert scores.idf1 == pytest.approx(2 / 3)
    assert (scores.deta, scores.assa, scores.hota) == pytest.approx((1, 5 / 9, (5 / 9) ** 0.5))


def test_two_objects_with_a_miss_and_a_false_box():
    """Four truth boxes in two frames; B is missed in the first, where something else is claimed.

    3 found, 1 missed, 1 false: MOTA = 1 - 2/4. IDF1: 2 of A and 1 of B right, 1 too many, 1 missed: 6 / (6 + 1 + 1).
    """
    truth = Truth({0: ((1, A), (2, B)), 1: ((1, A), (2, B))})
    scores = identity_scores(truth, {0: [(1, A), (9, FAR)], 1: [(1, A), (2, B)]})
    assert (scores.mota, scores.idf1, scores.switches) == pytest.approx((0.5, 0.75, 0))
    assert (scores.precision, scores.recall) == (0.75, 0.75)
    assert (scores.frames, scores.truth_boxes, scores.track_boxes) == (2, 4, 4)


def test_two_who_swap_identities_cost_two_switches():
    """Six boxes, all found; 1 - 2/6; each object's best track is right in 2 of 3 frames: 8 / (8 + 2 + 2)."""
    truth = Truth(dict.fromkeys(range(3), ((1, A), (2, B))))
    scores = identity_scores(truth, {0: [(1, A), (2, B)], 1: [(1, A), (2, B)], 2: [(2, A), (1, B)]})
    assert (scores.mota, scores.idf1, scores.switches) == pytest.approx((2 / 3, 2 / 3, 2))


def test_the_truth_against_itself_is_perfect():
    truth = Truth({0: ((5, A),), 2: ((5, A), (6, B))})
    scores = identity_scores(truth, truth.boxes)
    assert (scores.hota, scores.deta, scores.assa, scores.idf1, scores.mota) == pytest.approx((1, 1, 1, 1, 1))
    assert scores.frames == 3


@pytest.mark.parametrize("truth", [{}, {0: ((1, A),)}])
@pytest.mark.parametrize("tracks", [{}, {0: [(1, A)]}])
def test_nothing_found_or_nothing_there_is_zero_and_no_crash(truth, tracks, capfd):
    scores = identity_scores(Truth(truth), tracks, frames=(0, 3))
    expected = 1 if truth and tracks else 0
    assert (scores.hota, scores.idf1, scores.mota) == pytest.approx((expected,) * 3)
    assert capfd.readouterr() == ("", "")


def test_a_box_counts_as_found_from_the_given_overlap_on():
    # shifted by a quarter: 75 shared of 125
    truth, found = Truth({0: ((1, Box(0, 0, 10, 10)),)}), {0: [(1, Box(2.5, 0, 12.5, 10))]}
    assert identity_scores(truth, found, iou=0.5).recall == 1
    assert identity_scores(truth, found, iou=0.7).recall == 0


def test_frames_outside_the_range_are_not_looked_at():
    truth = Truth(dict.fromkeys(range(10), ((1, A),)))
    tracks = {t: [(1, A if t < 5 else FAR)] for t in range(20)}
    assert identity_scores(truth, tracks, frames=(0, 4)).mota == 1
    assert identity_scores(truth, tracks, frames=(5, 9)).recall == 0
    assert identity_scores(truth, tracks).frames == 10


def test_tracks_of_the_linker_are_scored_as_they_are():
    truth = Truth({0: ((1, A),)})
    assert identity_scores(truth, {0: [Track(3, A, 1.0, 1)]}).idf1 == 1


def test_an_identity_twice_in_a_frame_is_refused():
    with pytest.raises(ShapeError, match="tracks: an identity occurs twice in frame 4"):
        identity_scores(Truth({4: ((1, A),)}), {4: [(1, A), (1, B)]})


def test_overlap_equals_pixels_counted():
    rng = np.random.default_rng(0)
    corners = rng.integers(0, 12, (2, 6, 2, 2))
    first, second = ([Box(*c.min(0), *(c.max(0) + 1)) for c in side] for side in corners)

    def painted(box):
        mask = np.zeros((14, 14), bool)
        mask[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)] = True
        return mask

    counted = [[(painted(a) & painted(b)).sum() / (painted(a) | painted(b)).sum() for b in second] for a in first]
    np.testing.assert_allclose(iou_matrix(first, second), counted)
    assert iou_matrix([], second).shape == (0, 6)


def test_a_mot_table_counts_frames_from_one_and_confidence_zero_is_not_scored(tmp_path):
    table = tmp_path / "gt.txt"
    table.write_text("1,4,10,20,5,8,1,-1,-1,-1\n\n3,4,11,20,5,8\n3,5,0,0,5,8,0,-1,-1,-1\n")
    truth = read_truth(table)
    assert truth.boxes == {0: ((4, Box(10, 20, 15, 28)),), 2: ((4, Box(11, 20, 16, 28)),)}
    assert truth.frames == (0, 2)
    assert read_truth(tmp_path).boxes == truth.boxes


def test_masks_give_boxes_round_their_identities(tmp_path):
    (tmp_path / "masks").mkdir()
    mask = np.zeros((30, 40), np.uint16)
    mask[5:10, 6:16] = 3
    mask[20:30, 30:40] = 300
    cv2.imwrite(str(tmp_path / "masks" / "000002.png"), mask)
    truth = read_truth(tmp_path)
    assert truth.boxes == {1: ((3, Box(6, 5, 16, 10)), (300, Box(30, 20, 40, 30)))}
    np.testing.assert_array_equal(truth.identities(1), mask)
    assert truth.foreground(1).sum() == 150
    assert truth.foreground(0) is None


@pytest.mark.parametrize(
    ("content", "says"),
    [("1,2,three,4,5,6\n", "line 1"), ("1,2,3,4,5,6\n1,2\n", "line 2"), (b"\xff\xfe\x00", "not a readable")],
)
def test_a_damaged_table_is_one_line_that_says_where(tmp_path, content, says):
    table = tmp_path / "gt.txt"
    table.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SourceError, match=says) as raised:
        read_truth(table)
    assert "\n" not in str(raised.value)


def test_a_truth_that_is_not_there_or_empty_is_refused(tmp_path):
    with pytest.raises(SourceError, match="no such truth"):
        read_truth(tmp_path / "none")
    with pytest.raises(SourceError, match="neither gt"):
        read_truth(tmp_path)


def test_pixels_are_counted_without_the_ignored_ones():
    found = np.array([[1, 1, 1, 0, 0, 0]], bool)
    truth = np.array([[1, 1, 0, 1, 0, 0]], bool)
    counts = MaskCounts.of(found, truth)
    assert counts == MaskCounts(tp=2, fp=1, fn=1, tn=2)
    assert (counts.precision, counts.recall, counts.f_measure) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    ignore = np.array([[0, 0, 1, 0, 0, 1]], bool)
    assert MaskCounts.of(found, truth, ignore=ignore) == MaskCounts(tp=2, fp=0, fn=1, tn=1)


def test_counts_add_before_ratios_are_taken():
    # precision of the sum is 11/20, not the mean of 1/1 and 10/19
    total = MaskCounts(tp=1) + MaskCounts(tp=10, fp=9)
    assert total.precision == 11 / 20
    assert sum([MaskCounts(tn=2), MaskCounts(tn=3)], MaskCounts()) == MaskCounts(tn=5)


def test_no_object_and_none_found_is_zero_and_no_crash():
    empty = MaskCounts.of(np.zeros((2, 2), bool), np.zeros((2, 2), bool))
    assert (empty.precision, empty.recall, empty.f_measure) == (0, 0, 0)


def test_masks_of_two_sizes_are_refused():
    with pytest.raises(ShapeError, match="truth mask"):
        MaskCounts.of(np.zeros((2, 2), bool), np.zeros((2, 3), bool))


@pytest.mark.data
def test_pets_truth_against_itself(data_dir):
    # 2396 boxes by the note that comes with the data
    folder = data_dir / "pets09_s2l1"
    truth = read_truth(folder / "gt_1-400.txt")
    scores = identity_scores(truth, truth.boxes)
    assert (scores.truth_boxes, scores.frames) == (2396, 400)
    assert (scores.hota, scores.idf1, scores.mota) == pytest.approx((1, 1, 1))
