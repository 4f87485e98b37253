import warnings

import numpy as np
import pytest
from trackeval.metrics import CLEAR, HOTA, Identity

from tracker.errors import SettingsError, ShapeError
from tracker.scores import IdentityCounts, score_identities
from tracker.scores.overlap import Side, iou_matrix, overlapping
from tracker.types import Box

A, B, FAR = Box(0, 0, 10, 20), Box(100, 0, 110, 20), Box(300, 200, 310, 220)
SCORES = ("hota", "deta", "assa", "loca", "idf1", "idp", "idr", "mota", "motp", "precision", "recall")
QUIET = {"PRINT_CONFIG": False}


def metrics(iou=0.5):
    return HOTA(), CLEAR({"THRESHOLD": iou, **QUIET}), Identity({"THRESHOLD": iou, **QUIET})


def trackeval_data(truth, tracks, frames):
    """What TrackEval is fed with: identities numbered from 0, and an overlap matrix a frame."""
    sides = [[side.get(t, ()) for t in range(frames[0], frames[1] + 1)] for side in (truth, tracks)]
    numbers = [{i: n for n, i in enumerate(sorted({i for rows in side for i, _ in rows}))} for side in sides]
    ids = [[np.array([n[i] for i, _ in rows], int) for rows in side] for side, n in zip(sides, numbers, strict=True)]
    overlaps = [
        iou_matrix([box for _, box in wanted], [box for _, box in found]) for wanted, found in zip(*sides, strict=True)
    ]
    return {
        "gt_ids": ids[0],
        "tracker_ids": ids[1],
        "similarity_scores": overlaps,
        "num_timesteps": len(overlaps),
        "num_gt_ids": len(numbers[0]),
        "num_tracker_ids": len(numbers[1]),
        "num_gt_dets": sum(map(len, ids[0])),
        "num_tracker_dets": sum(map(len, ids[1])),
    }


def by_trackeval(results):
    """TrackEval's results under our names."""
    hota, clear, identity = results
    matched = np.any(hota["HOTA_TP"] > 0)
    return {
        **{name.lower(): np.mean(hota[name]) for name in ("HOTA", "DetA", "AssA")},
        "loca": np.mean(hota["LocA"]) if matched else 0,  # TrackEval says 1
        "idf1": identity["IDF1"],
        "idp": identity["IDP"],
        "idr": identity["IDR"],
        "mota": clear["MOTA"],
        "motp": clear["MOTP"],
        "precision": clear["CLR_Pr"],
        "recall": clear["CLR_Re"],
        "misses": clear["CLR_FN"],
        "false_boxes": clear["CLR_FP"],
        "switches": clear["IDSW"],
        "fragments": clear["Frag"],
        "mostly_tracked": clear["MT"],
        "partly_tracked": clear["PT"],
        "mostly_lost": clear["ML"],
        "idtp": identity["IDTP"],
    }


def random_case(seed):
    """A clip of walkers and of tracks that miss, invent, swap, overlap and come in any order.

    Corners lie on a coarse grid in half of the clips, so that many overlaps tie. Some have no truth, or no tracks.
    """
    rng = np.random.default_rng(seed)
    length, objects, grid = rng.integers(1, 14), rng.integers(0, 7), (1.0, 4.0)[seed % 2]
    place, size = rng.uniform(0, 25, (objects, 2)), rng.uniform(4, 16, (objects, 2))
    names = rng.permutation(40)[:objects]
    missed, invented, swapped, blank = rng.choice([0, 0.1, 0.3, 0.6], 4)
    truth, tracks = {}, {}

    def box(centre, extent):
        x0, y0 = np.round((centre - extent / 2) / grid) * grid if seed % 2 else centre - extent / 2
        width, height = np.maximum(grid, np.round(extent / grid) * grid) if seed % 2 else extent
        return Box(float(x0), float(y0), float(x0 + width), float(y0 + height))

    for t in range(length):
        place = place + rng.normal(0, 2, place.shape)
        if rng.random() < swapped and objects > 1:
            names[:2] = names[1::-1]
        present = rng.random(objects) > 0.15
        if rng.random() > blank / 3:
            truth[t] = [(7 + k, box(place[k], size[k])) for k in rng.permutation(objects) if present[k]]
        if rng.random() > blank:
            tracks[t] = [
                (int(names[k]), box(place[k] + rng.normal(0, 1.5, 2), size[k] * rng.uniform(0.8, 1.25)))
                for k in rng.permutation(objects)
                if rng.random() > missed
            ]
            for n in range(rng.binomial(3, invented)):
                tracks[t].append((50 + n, box(rng.uniform(0, 25, 2), rng.uniform(4, 16, 2))))
    if seed % 23 == 0:
        truth = {}
    if seed % 29 == 0:
        tracks = {}
    return truth, tracks, (0, int(length) - 1), (0.5, 0.3, 0.75)[seed % 3]


@pytest.mark.parametrize("seeds", [range(at, at + 60) for at in range(0, 600, 60)], ids=str)
def test_random_clips_score_as_in_trackeval(seeds):
    for seed in seeds:
        truth, tracks, frames, iou = random_case(seed)
        data = trackeval_data(truth, tracks, frames)
        expected = by_trackeval([metric.eval_sequence(data) for metric in metrics(iou)])
        counts = score_identities(truth, tracks, frames=frames, iou=iou).counts
        ours = {name: getattr(counts, name) for name in expected}
        assert ours == pytest.approx(expected, rel=1e-12, abs=1e-12), f"seed {seed}"
        assert (counts.truth_ids, counts.track_ids) == (data["num_gt_ids"], data["num_tracker_ids"])


@pytest.mark.parametrize("iou", [0.3, 0.5])
def test_clips_pool_by_adding_as_trackeval_combines_sequences(iou):
    cases = [random_case(seed)[:3] for seed in range(1000, 1040)]
    data = [trackeval_data(*case) for case in cases]
    expected = by_trackeval(
        [
            metric.combine_sequences({n: metric.eval_sequence(clip) for n, clip in enumerate(data)})
            for metric in metrics(iou)
        ]
    )
    clips = [score_identities(truth, tracks, frames=frames, iou=iou).counts for truth, tracks, frames in cases]
    total = sum(clips, IdentityCounts())
    assert {name: getattr(total, name) for name in expected} == pytest.approx(expected, rel=1e-12)
    assert total.frames == sum(clip["num_timesteps"] for clip in data)


def test_a_crowd_scores_as_in_trackeval():
    # boxes overlap many others, rows are longer than numpy sums in order, and there are hundreds of short identities
    rng = np.random.default_rng(0)
    place, truth, tracks = rng.uniform(0, 120, (40, 2)), {}, {}
    for t in range(60):
        place = place + rng.normal(0, 1, place.shape)
        boxes = [Box(x, y, x + 20, y + 30) for x, y in place.tolist()]
        truth[t] = [(k + 40 * (t // (3 + k % 7)), boxes[k]) for k in range(40)]
        noisy = np.array(boxes) + rng.normal(0, 3, (40, 4))
        tracks[t] = [
            (k + 40 * (t // (2 + k % 9)), Box(*noisy[k].tolist())) for k in rng.permutation(40) if rng.random() < 0.9
        ]
    data = trackeval_data(truth, tracks, (0, 59))
    expected = by_trackeval([metric.eval_sequence(data) for metric in metrics()])
    counts = score_identities(truth, tracks, frames=(0, 59)).counts
    assert counts.truth_ids > 300
    assert {name: getattr(counts, name) for name in expected} == pytest.approx(expected, rel=1e-12)


def test_overlaps_measured_elsewhere_take_the_place_of_boxes():
    """Random matrices instead of boxes, half of them 0, scored as TrackEval scores the same matrices."""
    rng = np.random.default_rng(4)
    for _ in range(50):
        n, m = rng.integers(1, 6, 2)
        truth, tracks = ({t: [(k, A) for k in range(size)] for t in range(6)} for size in (n, m))
        overlaps = {t: np.clip(rng.uniform(-1, 1, (n, m)), 0, None) for t in range(6)}
        data = {**trackeval_data(truth, tracks, (0, 5)), "similarity_scores": list(overlaps.values())}
        expected = by_trackeval([metric.eval_sequence(data) for metric in metrics()])
        counts = score_identities(truth, tracks, frames=(0, 5), overlaps=overlaps).counts
        assert {name: getattr(counts, name) for name in expected} == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("wrong", [{}, {3: np.ones((2, 1))}])
def test_overlaps_that_do_not_fit_the_boxes_are_refused(wrong):
    with pytest.raises(ShapeError, match=r"overlaps of frame 3.*wanted \(1, 2\)"):
        score_identities({3: [(1, A)]}, {3: [(1, A), (2, B)], 4: [(1, A)]}, frames=(3, 4), overlaps=wrong)


def test_one_object_that_changes_its_track_once():
    """Three boxes, all found, one switch.

    MOTA = 1 - (0 + 0 + 1) / 3. IDF1 pairs the object with track 7: 2 right, 1 box of track 8 too many, 1 missed:
    2 * 2 / (2 * 2 + 1 + 1). HOTA: every box is found, and the association of each of the three is |both| / |either|:
    2/3, 2/3 and 1/3; the root of their mean.
    """
    record = score_identities(
        dict.fromkeys(range(3), ((1, A),)), {0: [(7, A)], 1: [(7, A)], 2: [(8, A)]}, frames=(0, 2)
    )
    counts = record.counts
    assert (counts.switches, counts.fragments) == (1, 0)
    assert (counts.mota, counts.idf1) == pytest.approx((2 / 3, 2 / 3))
    assert (counts.deta, counts.assa, counts.hota) == pytest.approx((1, 5 / 9, (5 / 9) ** 0.5))
    np.testing.assert_array_equal(record.switches, [0, 0, 1])
    np.testing.assert_array_equal(record.idtp, [1, 1, 0])
    np.testing.assert_allclose(record.association[:, 0], [2 / 3, 2 / 3, 1 / 3])


def test_two_objects_with_a_miss_and_a_false_box():
    """Four truth boxes in two frames; B is missed in the first, where something else is claimed.

    3 found, 1 missed, 1 false: MOTA = 1 - 2/4. IDF1: 2 of A and 1 of B right, 1 too many, 1 missed: 6 / (6 + 1 + 1).
    A is found always: mostly tracked; B in half of its frames: partly.
    """
    truth = dict.fromkeys((10, 11), ((1, A), (2, B)))
    record = score_identities(truth, {10: [(1, A), (9, FAR)], 11: [(1, A), (2, B)]}, frames=(10, 11))
    counts = record.counts
    assert (counts.mota, counts.idf1, counts.switches) == pytest.approx((0.5, 0.75, 0))
    assert (counts.precision, counts.recall) == (0.75, 0.75)
    assert (counts.frames, counts.truth_boxes, counts.track_boxes) == (2, 4, 4)
    assert (counts.mostly_tracked, counts.partly_tracked, counts.mostly_lost) == (1, 1, 0)
    assert (record.first, record.misses.tolist(), record.false_boxes.tolist()) == (10, [1, 0], [1, 0])


def test_two_who_swap_identities_cost_two_switches():
    """Six boxes, all found; 1 - 2/6; each object's best track is right in 2 of 3 frames: 8 / (8 + 2 + 2)."""
    truth = dict.fromkeys(range(3), ((1, A), (2, B)))
    tracks = {0: [(1, A), (2, B)], 1: [(1, A), (2, B)], 2: [(2, A), (1, B)]}
    counts = score_identities(truth, tracks, frames=(0, 2)).counts
    assert (counts.mota, counts.idf1, counts.switches) == pytest.approx((2 / 3, 2 / 3, 2))


def test_one_who_is_lost_and_found_again_is_a_fragment_at_the_frame_of_return():
    truth = dict.fromkeys(range(5), ((1, A), (2, B)))
    tracks = {t: [(1, A), (2, B)] if t != 2 else [(2, B)] for t in range(5)}
    record = score_identities(truth, tracks, frames=(0, 4))
    assert record.fragments.tolist() == [0, 0, 0, 1, 0]
    assert record.counts.switches == 0


def test_the_truth_against_itself_is_exactly_one():
    rng = np.random.default_rng(1)
    truth = {}
    for t in range(0, 60, 2):
        corners = rng.uniform(0, 90, (12, 2))
        truth[t] = [
            (k, Box(x, y, x + 31.7, y + 52.3)) for k, (x, y) in enumerate(corners.tolist()) if rng.random() < 0.8
        ]
    counts = score_identities(truth, truth, frames=(0, 70)).counts
    assert {name: getattr(counts, name) for name in SCORES} == dict.fromkeys(SCORES, 1.0)
    assert (counts.frames, counts.switches, counts.mostly_tracked) == (71, 0, 12)
    both = counts + counts
    assert {name: getattr(both, name) for name in SCORES} == dict.fromkeys(SCORES, 1.0)


@pytest.mark.parametrize("truth", [{}, {0: [(1, A)]}])
@pytest.mark.parametrize("tracks", [{}, {0: [(1, A)]}])
@pytest.mark.parametrize("frames", [(0, 3), (0, -1)])
def test_nothing_found_or_nothing_there_is_zero_and_no_warning(truth, tracks, frames, capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        counts = score_identities(truth, tracks, frames=frames).counts
        scores = {name: getattr(counts, name) for name in SCORES}
    assert scores == dict.fromkeys(SCORES, 1.0 if truth and tracks and frames[1] == 3 else 0.0)
    assert capfd.readouterr() == ("", "")
    assert IdentityCounts().hota == 0


def test_a_box_counts_as_found_from_the_given_overlap_on():
    # shifted by a quarter: 75 shared of 125
    truth, found = {0: [(1, Box(0, 0, 10, 10))]}, {0: [(1, Box(2.5, 0, 12.5, 10))]}
    assert score_identities(truth, found, frames=(0, 0), iou=0.6).counts.recall == 1
    assert score_identities(truth, found, frames=(0, 0), iou=0.61).counts.recall == 0
    with pytest.raises(SettingsError, match="above 0 and at most 1"):
        score_identities(truth, found, frames=(0, 0), iou=50)


def test_frames_outside_the_range_are_not_looked_at():
    truth = dict.fromkeys(range(10), ((1, A),))
    tracks = {t: [(1, A if t < 5 else FAR)] for t in range(20)}
    assert score_identities(truth, tracks, frames=(0, 4)).counts.mota == 1
    assert score_identities(truth, tracks, frames=(5, 9)).counts.recall == 0


def test_parts_of_a_clip_add_up_to_it():
    truth, tracks, frames, iou = random_case(17)
    shifted = [{t + 100: rows for t, rows in side.items()} for side in (truth, tracks)]
    record = score_identities(*shifted, frames=(100, 100 + frames[1]), iou=iou)
    pieces = [record.part(0, 102), record.part(103, 105), record.part(106, 10_000)]
    total = sum(pieces, IdentityCounts())
    assert [piece.frames for piece in pieces] == [3, 3, frames[1] - 5]
    assert {name: getattr(total, name) for name in SCORES} == pytest.approx(
        {name: getattr(record.counts, name) for name in SCORES}
    )
    assert 0 < pieces[1].hota < 1


@pytest.mark.parametrize("side", ["truth", "tracks"])
def test_an_identity_twice_in_a_frame_is_refused(side):
    sides = {"truth": {4: [(1, A)]}, "tracks": {4: [(1, A)]}, side: {2: [(3, A)], 4: [(3, A), (1, A), (1, B)]}}
    with pytest.raises(ShapeError, match=f"{side}: an identity occurs twice in frame 4"):
        score_identities(sides["truth"], sides["tracks"], frames=(1, 5))


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


def test_boxes_without_an_area_overlap_nothing():
    line = Box(0, 0, 0, 20)
    assert iou_matrix([line], [line, A]).tolist() == [[0, 0]]


def test_overlaps_of_many_frames_are_those_of_each(monkeypatch):
    # in pieces of seven pairs, so that frames and boxes are cut anywhere
    monkeypatch.setattr("tracker.scores.overlap.PAIRS_AT_ONCE", 7)
    truth, tracks, frames, _ = random_case(501)
    wanted, found = Side.of(truth, frames=frames, name="truth"), Side.of(tracks, frames=frames, name="tracks")
    pairs = overlapping(wanted, found)
    for t in range(frames[1] + 1):
        matrix = np.zeros((wanted.counts[t], found.counts[t]))
        there = pairs.frame == t
        matrix[pairs.truth[there] - wanted.starts[t], pairs.track[there] - found.starts[t]] = pairs.overlap[there]
        a, b = ([box for _, box in side.get(t, ())] for side in (truth, tracks))
        np.testing.assert_array_equal(matrix, iou_matrix(a, b))
    assert len(pairs.overlap) > 50


@pytest.mark.data
def test_pets_truth_against_itself(data_dir):
    # 2396 boxes by the note that comes with the data
    rows = np.loadtxt(data_dir / "pets09_s2l1" / "gt_1-400.txt", delimiter=",")
    truth = {}
    for frame, identity, x, y, width, height in rows[:, :6].tolist():
        truth.setdefault(int(frame) - 1, []).append((int(identity), Box(x, y, x + width, y + height)))
    counts = score_identities(truth, truth, frames=(0, 399)).counts
    assert counts.truth_boxes == 2396
    assert {name: getattr(counts, name) for name in SCORES} == dict.fromkeys(SCORES, 1.0)
