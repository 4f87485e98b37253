"""Speeds and distances whose answers are told on paper."""

from dataclasses import replace

import numpy as np
import pytest
from made_run import table

from tracker.errors import OptionError
from tracker.exports.ground import ground_of_points, ground_of_scale
from tracker.exports.motion import distance, smooth
from tracker.exports.speed import speeds_of

TIMES = np.arange(0, 4, 0.04)
SQUARE = [((0, 0), (0, 0)), ((100, 0), (2, 0)), ((100, 100), (2, 2)), ((0, 100), (0, 2))]


def test_a_constant_speed_is_told_to_the_ends_of_the_path():
    path = smooth(TIMES, np.stack([3 * TIMES, -4 * TIMES], axis=1))
    assert path.speeds == pytest.approx(np.full(len(TIMES), 5.0))
    assert path.positions[[0, -1]] == pytest.approx(np.array([[0, 0], [3 * TIMES[-1], -4 * TIMES[-1]]]))
    assert distance(TIMES, path.positions) == pytest.approx(5 * TIMES[-1])


def test_a_track_of_days_is_as_exact_as_one_of_seconds():
    times = (np.arange(20)[:, None] * 1e5 + np.arange(0, 200, 0.1)).ravel()
    path = smooth(times, np.stack([1e4 + np.sin(times), 5 + 0 * times], axis=1))
    assert np.abs(path.speeds - np.abs(np.cos(times))).max() < 0.12  # the curve within half a window, at the ends
    assert np.abs(path.positions[:, 0] - 1e4 - np.sin(times)).max() < 0.02


def test_rows_that_are_seconds_apart_have_speeds_too():
    times = np.arange(0, 40, 2.0)
    path = smooth(times, np.stack([3 * times, 0 * times], axis=1))
    assert path.speeds == pytest.approx(np.full(20, 3.0))
    assert path.positions[:, 0] == pytest.approx(3 * times)


def test_who_trembles_on_the_spot_does_not_walk():
    points = np.random.default_rng(0).normal(0, 1, (len(TIMES), 2))
    raw = np.linalg.norm(np.diff(points, axis=0), axis=1).sum()
    path = smooth(TIMES, points)
    assert distance(TIMES, path.positions) < 0.05 * raw
    assert np.median(path.speeds) < 5


def test_paths_of_two_points_have_no_speed():
    assert smooth(np.empty(0), np.empty((0, 2))).speeds.shape == (0,)
    assert np.isnan(smooth(TIMES[:2], np.ones((2, 2))).speeds).all()
    assert distance(TIMES[:1], np.ones((1, 2))) == 0


def test_the_walker_goes_a_pixel_a_frame_also_where_it_is_hidden(tmp_path):
    rows, cut, beyond = speeds_of(table(tmp_path), ground_of_scale(40))
    assert (cut, beyond) == (0, 0)
    assert rows["id"] == [1, 2]
    assert rows["distance_m"] == pytest.approx([49 * 0.04, 0], abs=1e-6)
    assert rows["mean_m_s"] == pytest.approx([1, 0], abs=1e-6)
    assert rows["max_m_s"] == pytest.approx([1, 0], abs=1e-6)
    assert rows["mean_km_h"] == pytest.approx([3.6, 0], abs=1e-6)


def test_pixels_that_are_not_square_are_as_wide_as_they_are_shown(tmp_path):
    found = speeds_of(table(tmp_path), ground_of_scale(40, pixel_aspect=1.5))
    assert found.columns["mean_m_s"][0] == pytest.approx(1.5)


def test_who_is_cut_by_the_border_is_measured_where_it_is_whole(tmp_path):
    found = table(tmp_path)
    cut = replace(found, box=found.box - np.array([20, 0, 20, 0]))  # in the first 17 frames it comes in from the left
    cut.box[:, (0, 2)] = np.maximum(cut.box[:, (0, 2)], 0)
    assert speeds_of(cut, ground_of_scale(40)).columns["mean_m_s"][0] < 0.9
    right = speeds_of(cut, ground_of_scale(40), size=(96, 64))
    assert right.columns["mean_m_s"][0] == pytest.approx(1)
    assert right.cut == 18


def test_four_points_of_the_ground():
    flat = ground_of_points(SQUARE)
    assert flat.metres(np.array([[50.0, 25.0]])) == pytest.approx(np.array([[1.0, 0.5]]))
    # a road that narrows: parallel edges meet at y = 0
    road = ground_of_points([((40, 100), (0, 10)), ((60, 100), (4, 10)), ((80, 200), (4, 0)), ((20, 200), (0, 0))])
    assert road.metres(np.array([[50.0, 200.0], [50.0, 100.0]])) == pytest.approx(np.array([[2.0, 0.0], [2.0, 10.0]]))
    beyond = road.metres(np.array([[50.0, 20.0], [50.0, 199.0]]))
    assert np.isnan(beyond[0]).all()
    assert np.isfinite(beyond[1]).all()


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        (SQUARE[:3], "wanted four points, got 3"),
        ([SQUARE[0]] * 4, "on a line in the picture"),
        ([((0, 0), (0, 0)), ((50, 0.2), (1, 0)), ((100, 0), (2, 2)), ((0, 100), (0, 2))], "on a line in the picture"),
        ([*SQUARE[:2], ((100, 100), (4, 0)), SQUARE[3]], "on a line on the ground"),
        ([SQUARE[0], ((100, 0), (2, 2)), ((100, 100), (2, 0)), SQUARE[3]], "another order on the ground"),
    ],
)
def test_points_that_are_no_plane_are_refused(pairs, said):
    with pytest.raises(OptionError, match=said):
        ground_of_points(pairs)
