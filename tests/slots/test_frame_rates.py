"""Seconds are seconds at every frame rate, and nobody lives on over a gap: drawn scenes, and times counted by hand."""

import cv2
import numpy as np
import pytest
import torch
from clips import draw, write_video
from commands import call
from test_slots_lane import RunningAverage

from tracker.background import GmmSegmenter, GmmSettings, Mixture, MixtureScene, MixtureSettings
from tracker.errors import SettingsError
from tracker.health import Health
from tracker.lanes import Lane
from tracker.picture import Picture
from tracker.rigid.segmenter import RigidSegmenter
from tracker.rigid.settings import RigidSettings
from tracker.settings import RENAMED, load_settings
from tracker.slots.confidence import ConfidenceEstimator
from tracker.slots.segmenter import SlotsSegmenter
from tracker.slots.settings import CellSettings, LifeSettings, NetworkSettings, SlotsSettings
from tracker.slots.state import TorchCell
from tracker.slots.weights import Network
from tracker.timing import FrameTimer, WarmUp, rate_over
from tracker.tracks import Linker, LinkerSettings
from tracker.types import FOREGROUND, Box, Frame, Moment, Region, View

RATES = [10, 25, 30, 60, 120]
WIDTH, HEIGHT, SIDE = 96, 72, 14
RED, BLUE = (230, 40, 30), (30, 50, 230)
DAY_S = 86_400.0


# --- the rule ---------------------------------------------------------------------------------------------------------


def intervals(times, gap_s=1.0):
    timer = FrameTimer(gap_s)
    return [timer.step(time_s) for time_s in times]


@pytest.mark.parametrize("fps", RATES)
def test_at_a_steady_rate_intervals_add_up_to_the_time(fps):
    found = intervals([n / fps for n in range(4 * fps + 1)])
    assert sum(one.dt_s for one in found[1:]) == pytest.approx(4, abs=1e-3)
    assert not any(one.gap for one in found)


def test_hours_are_a_gap_and_count_as_one_usual_interval():
    found = intervals([0, 0.1, 0.2, 0.3, 7200.3, 7200.4])
    assert [one.gap for one in found] == [False] * 4 + [True, False]
    assert found[4].dt_s == pytest.approx(0.1)
    assert found[5].dt_s == pytest.approx(0.1)


def test_what_is_no_longer_than_the_setting_is_no_gap_however_fast_the_clip():
    found = intervals([n / 120 for n in range(20)] + [1.1], gap_s=1.0)
    assert not found[-1].gap
    assert found[-1].dt_s == pytest.approx(1.1 - 19 / 120)


def test_a_picture_a_day_is_a_time_lapse_without_gaps_and_a_week_without_any_is_one():
    found = intervals([DAY_S * day for day in (0, 1, 2, 3, 4, 5, 12, 13)])
    assert [one.gap for one in found] == [False] * 6 + [True, False]
    assert {one.dt_s for one in found[1:]} == {0.5}
    assert intervals([0, 2, 4, 6])[-1].dt_s == 0.5


def test_a_time_lapse_that_drops_a_picture_counts_it():
    assert intervals([0, 60, 120, 180, 300])[-1].dt_s == pytest.approx(1.0)


def test_a_clip_that_slows_down_for_good_is_followed_again_once_it_is_usual():
    times = [n / 25 for n in range(30)] + [100 + DAY_S * day for day in range(12)]
    gaps = [one.gap for one in intervals(times)]
    assert not any(gaps[:30])
    assert all(gaps[30:34])
    assert not any(gaps[36:])


@pytest.mark.parametrize("times", [[0.0, 0.0, 0.0], [5.0, 4.0, 3.0]])
def test_times_that_stand_still_or_run_back_give_intervals_above_nought(times):
    assert all(0 < one.dt_s < 0.05 and not one.gap for one in intervals(times))


@pytest.mark.parametrize("fps", RATES)
def test_a_rate_takes_the_same_way_in_a_second_at_every_frame_rate(fps):
    left = 1.0
    for _ in range(fps):
        left *= 1 - rate_over(0.1, 1 / fps)
    assert left == pytest.approx(0.9**25)


def test_evidence_of_a_slow_clip_counts_looks_and_of_a_fast_one_seconds():
    assert intervals([0, 0.1, 0.2])[-1].look_s == pytest.approx(0.04)
    assert intervals([0, 1 / 120, 2 / 120])[-1].look_s == pytest.approx(1 / 120, abs=1e-5)


@pytest.mark.parametrize(("fps", "pictures"), [(10, 20), (25, 50), (120, 240), (1, 20)])
def test_a_warm_up_lasts_its_seconds_and_never_takes_few_pictures(fps, pictures):
    warm_up, count = WarmUp(2.0), 0
    while not warm_up.done:
        warm_up.add(1 / fps)
        count += 1
    assert count == pictures


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("old", RENAMED)
def test_the_old_name_of_a_setting_is_taken_with_a_warning_that_names_the_new_one(old):
    *group, name = new = (*old.split(".")[:-1], RENAMED[old])
    with pytest.warns(FutureWarning) as warned:
        settings = load_settings(overrides=[f"{old}=30"])
    (said,) = {str(each.message) for each in warned}
    assert said == f"--set {old}=30: {old} is now {'.'.join(new)}, in seconds; 30 frames are taken for 1.2 s"
    for part in group:
        settings = getattr(settings, part)
    assert getattr(settings, name) == 1.2
    with pytest.raises(SettingsError, match="is now"):
        load_settings(overrides=[f"{old}=soon"])


def test_an_old_name_is_one_line_on_stderr(tmp_path):
    write_video(tmp_path / "clip.mp4", draw(5))
    result = call(
        "process", tmp_path / "clip.mp4", "--lanes", "gmm", "-o", tmp_path / "o.mp4", "--set", "linker.confirm_frames=1"
    )
    assert result.exit_code == 0
    assert [line for line in result.stderr.splitlines() if "confirm_s" in line] == [
        "tracker: warning: --set linker.confirm_frames=1: linker.confirm_frames is now linker.confirm_s, in seconds; "
        "1 frames are taken for 0.04 s"
    ]


@pytest.mark.parametrize(("fps", "counted_s"), [(2000, 0.04), (300, 0.04), (250, 0.004), (120, 1 / 120)])
def test_slow_motion_counts_as_a_clip_of_25_frames_a_second(fps, counted_s):
    timer = FrameTimer(1.0)
    intervals = [timer.step(n / fps) for n in range(5)]
    assert [each.dt_s for each in intervals[1:]] == pytest.approx([counted_s] * 4, rel=1e-3)


# --- the background ---------------------------------------------------------------------------------------------------


def paint(*squares, seed=0, side=SIDE):
    """A grey slope with camera noise; squares are (x, y, colour), the later in front. Places are in pixels and fractions."""
    picture = np.broadcast_to(np.linspace(60, 160, WIDTH)[None, :, None], (HEIGHT, WIDTH, 3)).astype(np.float32)
    for x, y, colour in squares:
        shown = np.zeros((HEIGHT, WIDTH), np.float32)
        corners = np.array([[x, y], [x + side, y + side]]) * 16
        cv2.rectangle(shown, *corners.round().astype(int).tolist(), 1.0, -1, cv2.LINE_AA, 4)
        picture = picture + (np.array(colour, np.float32) - picture) * shown[..., None]
    noise = np.random.default_rng(seed).normal(0, 2, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


EMPTY = [paint(seed=1000 + n) for n in range(12)]


@pytest.mark.parametrize("fps", [10, 25, 120])
def test_what_stands_still_is_background_after_the_same_time(fps):
    mixture = Mixture(MixtureSettings(history_s=10))
    mixture.prepare(EMPTY)
    here = np.s_[30:36, 40:46]
    gone_s = next(
        n / fps for n in range(4 * fps)
        if (mixture.step(paint((36, 26, RED), seed=n % 7), dt_s=1 / fps)[here] != FOREGROUND).all()
    )  # fmt: skip
    assert gone_s == pytest.approx(1.0, abs=0.25)  # a tenth of the history


@pytest.mark.parametrize(("fps", "count"), [(10, 21), (25, 50), (120, 236)])
def test_a_camera_and_its_page_warm_up_for_the_same_seconds(fps, count):
    """2 s; the first frame, of which no interval is known, counts as one of 25 a second."""
    segmenter, health = GmmSegmenter(GmmSettings()), Health(["gmm"], warm_up_s=2.0)
    blind = 0
    for n in range(3 * fps):
        frame = Frame(n, n / fps, Picture.of(paint((n % 80, 20, RED), seed=n % 7)))
        made = segmenter.step(frame)
        blind += not made.foreground.any() and blind == n
        health.write(Moment(frame, (View("gmm", made, ()),)))
    assert blind == pytest.approx(count, abs=1)
    told = next(finding for finding in health.findings() if finding.name == "warm_up")
    assert told.value == blind


# --- identities -------------------------------------------------------------------------------------------------------


def build(kind, **mixture):
    """A lane; the network of `slots` is untrained, its mask and colour are running averages."""
    if kind == "gmm":
        return Lane("gmm", GmmSegmenter(GmmSettings(mixture=MixtureSettings(**mixture))), Linker(LinkerSettings()))
    torch.manual_seed(0)
    network = NetworkSettings(cell=CellSettings(grid_px=12, features=8, hidden=4, motion=8))
    cell = TorchCell(RunningAverage(network.cell))
    scene = MixtureScene(Mixture(MixtureSettings(**mixture)))
    return Lane("slots", SlotsSegmenter(SlotsSettings(), network=Network(cell, network, "untrained"), scene=scene))


def watch(kind, pictures, times):
    """The tracks of every frame."""
    lane = build(kind)
    lane.segmenter.prepare(EMPTY)
    return [
        lane.step(Frame(n, time_s, Picture.of(picture))).tracks
        for n, (time_s, picture) in enumerate(zip(times, pictures, strict=True))
    ]


def passing(time_s):
    """Two who walk past each other on separate ways, and cannot be seen from 0.9 s to 1.1 s."""
    return () if 0.9 <= time_s < 1.1 else ((2 + 30 * time_s, 8, RED), (78 - 30 * time_s, 46, BLUE))


@pytest.mark.parametrize("kind", ["gmm", "slots"])
def test_the_same_scene_gives_the_same_tracks_at_every_frame_rate(kind):
    """Places every tenth of a second, from the time at which a slow clip, too, has confirmed them."""
    found = {}
    for fps in (10, 30, 120):
        times = [n / fps for n in range(int(2.2 * fps))]
        run = watch(kind, [paint(*passing(time_s), seed=n) for n, time_s in enumerate(times)], times)
        found[fps] = [[(t.id, *t.box.centre) for t in run[tenth * fps // 10] if not t.hidden] for tenth in range(3, 22)]
        assert {t.id for tracks in run for t in tracks} == {1, 2}
    for fps in (10, 120):
        for ours, theirs in zip(found[fps], found[30], strict=True):
            assert [one[0] for one in ours] == [one[0] for one in theirs]
            assert np.array(ours).ravel() == pytest.approx(np.array(theirs).ravel(), abs=2.5)


@pytest.mark.parametrize("kind", ["gmm", "slots"])
@pytest.mark.parametrize("fps", [10, 25, 120])
def test_an_identity_is_given_after_the_same_time_but_never_for_less_than_three_looks(kind, fps):
    times = [n / fps for n in range(fps)]
    run = watch(kind, [paint((30 + 20 * time_s, 30, RED), seed=n) for n, time_s in enumerate(times)], times)
    first = next(n for n, tracks in enumerate(run) if tracks)
    assert first >= 2
    assert first / fps == pytest.approx(max(0.1, 3 / fps), abs=0.1)


@pytest.mark.parametrize("kind", ["gmm", "slots"])
@pytest.mark.parametrize("fps", [10, 25, 120])
def test_who_is_not_seen_any_more_lives_on_for_the_same_time(kind, fps):
    times = [n / fps for n in range(5 * fps)]
    pictures = [paint(*[(40, 30, RED)] * (time_s < 1), seed=n) for n, time_s in enumerate(times)]
    run = watch(kind, pictures, times)
    last_s = max(time_s for time_s, tracks in zip(times, run, strict=True) if tracks)
    lives_s = LinkerSettings().max_gap_s if kind == "gmm" else LifeSettings().hidden_s
    assert last_s == pytest.approx(1 + lives_s, abs=0.15)


@pytest.mark.parametrize("kind", ["gmm", "slots"])
@pytest.mark.parametrize("gap_s", [3600.0, 3 * DAY_S])
def test_nobody_lives_on_over_a_gap_even_if_somebody_stands_in_the_same_place(kind, gap_s):
    times = [n / 25 + (gap_s if n >= 20 else 0) for n in range(40)]
    run = watch(kind, [paint((40, 30, RED), seed=n) for n in range(40)], times)
    before, after = ({t.id for tracks in part for t in tracks} for part in (run[:20], run[20:]))
    assert (before, after) == ({1}, {2})


@pytest.mark.parametrize("kind", ["gmm", "slots"])
@pytest.mark.parametrize("interval_s", [1.0, 60.0, DAY_S])
def test_a_time_lapse_keeps_its_identities(kind, interval_s):
    pictures = [paint((8 + 4 * n, 30, RED), seed=n) for n in range(16)]
    run = watch(kind, pictures, [interval_s * n for n in range(16)])
    assert [[t.id for t in tracks] for tracks in run[4:]] == [[1]] * 12


@pytest.mark.parametrize("kind", ["gmm", "slots"])
def test_frames_that_were_dropped_do_not_break_an_identity(kind):
    """Twelve frames of 25 a second are missing: the one who walks is looked for where it must be by now."""
    kept = [*range(20), *range(32, 45)]
    run = watch(kind, [paint((4 + 1.6 * n, 30, RED), seed=n) for n in kept], [n / 25 for n in kept])
    assert {t.id for tracks in run for t in tracks} == {1}
    assert not run[20][0].hidden


def test_nobody_lives_on_over_a_gap_among_rigid_slots_either():
    def digit(x):
        picture = np.zeros((40, 60, 3), np.uint8)
        picture[12:24, x : x + 8] = 255
        return picture

    slots = RigidSegmenter(RigidSettings())
    times = [n / 25 + (3600 if n >= 8 else 0) for n in range(16)]
    made = [slots.step(Frame(n, time_s, Picture.of(digit(20)))) for n, time_s in enumerate(times)]
    assert [[region.label for region in one.regions] for one in (made[7], made[15])] == [[1], [2]]


def test_a_walker_is_linked_at_ten_frames_a_second_as_at_a_hundred_and_twenty():
    """Accelerating by 20 pixels a second squared, without noise: the same belief within a pixel."""
    ends = []
    for fps in (10, 30, 120):
        linker = Linker(LinkerSettings())
        for n in range(2 * fps + 1):
            x = 50 + 40 * n / fps + 10 * (n / fps) ** 2
            tracks = linker.step([Region(1, Box(x, 40, x + 20, 90), 1000.0)], time_s=n / fps, size=(400, 200))
        ends.append(tracks[0].box.centre[0])
    assert ends == pytest.approx([180] * 3, abs=1.5)


def test_the_confidence_of_a_box_counts_time_and_not_frames():
    """Two frame rates, one second after a slot was last seen."""
    found = []
    for fps in (25, 100):
        times = [n / fps for n in range(2 * fps)]
        lane = build("slots")
        lane.segmenter.prepare(EMPTY)
        for n, time_s in enumerate(times):
            lane.step(Frame(n, time_s, Picture.of(paint(*[(40, 30, RED)] * (time_s < 1), seed=n))))
        assert isinstance(lane.segmenter, SlotsSegmenter)
        witness: ConfidenceEstimator = lane.segmenter.estimator
        found.append(witness.evidence[1])
    assert found[0].hidden == pytest.approx(25, abs=1)
    assert found[1].hidden == pytest.approx(found[0].hidden, abs=1)
    assert found[1].age == pytest.approx(found[0].age, abs=2)
