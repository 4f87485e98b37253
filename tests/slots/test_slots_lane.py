"""What every lane's segmenter promises, and what the slots promise beyond: identities that last. No trained network."""

import numpy as np
import pytest
import torch

from tracker.background import (
    BlobSettings,
    GmmSegmenter,
    GmmSettings,
    Mixture,
    MixtureScene,
    MixtureSettings,
    SceneBlobs,
)
from tracker.picture import Picture
from tracker.slots.cell import WindowCell
from tracker.slots.report import visible_boxes
from tracker.slots.segmenter import SlotsSegmenter
from tracker.slots.settings import CellSettings, NetworkSettings, SlotsSettings
from tracker.slots.state import TorchCell
from tracker.slots.weights import Network
from tracker.slots.window import EMPTY_LOGIT, fit_pose, warp
from tracker.types import FOREGROUND, RIM, Box, Frame, Region

HEIGHT, WIDTH = 72, 96
SIDE = 14
RED, BLUE = (230, 40, 30), (30, 50, 230)
LANES = ["gmm", "blobs", "slots"]


class RunningAverage(WindowCell):
    """A stand-in for training: mask and colour are running averages of what the slot owned, its speed what it was."""

    def forward(self, state, sight, visible, fit=None):
        rate = 0.3 * visible[:, None, None, None]
        mask = torch.sigmoid(state.mask_logit)
        logit = torch.logit((mask + rate * (sight.responsibility - mask)).clamp(0.01, 0.99))
        colour = state.colour + rate * sight.responsibility * (sight.colour - state.colour)
        pose, to_old = fit_pose(logit, state.pose, visible if fit is None else visible * fit)
        pose = torch.cat([pose[:, :2] + state.velocity, pose[:, 2:]], 1)
        warped = warp(torch.cat([logit - EMPTY_LOGIT, colour], 1), to_old)
        return state._replace(mask_logit=warped[:, :1] + EMPTY_LOGIT, colour=warped[:, 1:], pose=pose)


def build(lane, *, cell=WindowCell, working_width="full", **settings):
    """A segmenter; an untrained cell is what a seed made it."""
    mixture = MixtureSettings(**settings)
    if lane == "gmm":
        return GmmSegmenter(GmmSettings(working_width=working_width, mixture=mixture))
    if lane == "blobs":
        return SceneBlobs(MixtureScene(Mixture(mixture)), BlobSettings(), width=working_width, flood=0.1)
    torch.manual_seed(0)
    network = NetworkSettings(cell=CellSettings(grid_px=12, features=8, hidden=4, motion=8))
    return SlotsSegmenter(
        SlotsSettings(working_width=working_width),
        network=Network(TorchCell(cell(network.cell)), network, "untrained"),
        scene=MixtureScene(Mixture(mixture)),
    )


def paint(*squares, seed=0, height=HEIGHT, width=WIDTH):
    """A grey slope with camera noise; squares are (x, y, colour), the later in front."""
    ramp = np.linspace(60, 160, width)[None, :, None] + np.linspace(0, 30, height)[:, None, None]
    picture = np.broadcast_to(ramp, (height, width, 3)).copy()
    for x, y, colour in squares:
        picture[max(0, y) : max(0, y + SIDE), max(0, x) : max(0, x + SIDE)] = colour
    noise = np.random.default_rng(seed).normal(0, 2, picture.shape)
    picture = np.clip(picture + noise, 0, 255).astype(np.uint8)
    picture.flags.writeable = False  # nobody writes into an array it was handed
    return picture


def empty(count=20, **size):
    return [paint(seed=1000 + n, **size) for n in range(count)]


def frames(pictures):
    return [Frame(n, n / 25, Picture.of(picture)) for n, picture in enumerate(pictures)]


def crossing(count=36, *, y=30, step=3):
    """A red square that comes in at the left and leaves at the right."""
    return [paint((-SIDE + step * n, y, RED), seed=n) for n in range(count)]


def two(count=30):
    """Two that walk towards each other on separate ways."""
    return [paint((4 + 2 * n, 8, RED), (WIDTH - 20 - 2 * n, 46, BLUE), seed=n) for n in range(count)]


def meeting(count=36):
    """Two of one row who walk into each other; red passes in front."""
    return [paint((WIDTH - 18 - 2 * n, 32, BLUE), (4 + 2 * n, 30, RED), seed=n) for n in range(count)]


def watch(segmenter, pictures, samples=None):
    segmenter.prepare(empty() if samples is None else samples)
    return [segmenter.step(frame) for frame in frames(pictures)]


def check_contract(made, picture):
    """What a segmentation is, whoever made it."""
    height, width = picture.shape[:2]
    assert made.full_labels.shape == (height, width)
    assert made.labels.dtype == np.int32
    assert made.labels.min() >= 0
    assert made.foreground.dtype == bool
    assert made.foreground.shape == made.labels.shape
    assert made.foreground[made.labels > 0].all()  # and what nobody owns yet
    labels = [region.label for region in made.regions]
    assert len(set(labels)) == len(labels)
    assert min(labels, default=1) > 0
    assert set(np.unique(made.labels)) - {0} <= set(labels)
    for region in made.regions:
        assert np.isfinite(region.box).all()
        assert region.box.x0 < region.box.x1
        assert region.box.y0 < region.box.y1
        assert 0 <= region.confidence <= 1
        if region.hidden:
            assert (region.area_px, (made.full_labels == region.label).any()) == (0, False)
        else:
            of_working = int((made.labels == region.label).sum())
            assert region.area_px == pytest.approx(of_working * height * width / made.labels.size)


def overlap(box, x, y):
    """Intersection over union with a square at (x, y)."""
    w = min(box.x1, x + SIDE) - max(box.x0, x)
    h = min(box.y1, y + SIDE) - max(box.y0, y)
    common = max(0, w) * max(0, h)
    return common / (box.width * box.height + SIDE**2 - common)


def test_no_mask_has_the_rim_of_an_object():
    first = build("slots", cell=RunningAverage)
    first.expect_more_passes()
    later = first.later_pass(first.step(frames(empty(1))[0]).learned)
    for n, picture in enumerate(crossing(20)):
        verdicts = np.zeros((HEIGHT, WIDTH), np.uint8)
        x = max(0, -SIDE + 3 * n)
        verdicts[28 : 32 + SIDE, max(0, x - 2) : -SIDE + 3 * n + SIDE + 2] = RIM
        verdicts[30 : 30 + SIDE, x : max(0, 3 * n)] = FOREGROUND
        made = later.step_judged(picture, verdicts, time_s=n / 25, scene=0, size=(WIDTH, HEIGHT))
    assert (made.labels > 0).sum() > 0.9 * SIDE**2
    assert not (made.labels[verdicts == RIM] > 0).any()
    assert not made.foreground[verdicts == RIM].any()
    assert made.regions[0].area_px == (made.labels > 0).sum()


# --- both lanes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("working_width", ["full", 48])
@pytest.mark.parametrize("clip", [crossing, two, meeting])
@pytest.mark.parametrize("lane", LANES)
def test_every_frame_keeps_the_contract(lane, clip, working_width):
    pictures = clip()
    made = watch(build(lane, working_width=working_width), pictures)
    for segmentation, picture in zip(made, pictures, strict=True):
        check_contract(segmentation, picture)
    assert sum(len(segmentation.regions) for segmentation in made) >= 15


@pytest.mark.parametrize("lane", LANES)
def test_an_empty_scene_gives_nothing(lane):
    made = watch(build(lane), empty(15))
    assert all(segmentation.regions == () and not segmentation.labels.any() for segmentation in made)


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("prescan", [True, False])
def test_black_frames_give_nothing(lane, prescan):
    black = [np.zeros((HEIGHT, WIDTH, 3), np.uint8)] * 8
    made = watch(build(lane, warm_up_s=0.08), black, samples=black if prescan else [])
    for segmentation in made:
        check_contract(segmentation, black[0])
        assert segmentation.regions == ()


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("prescan", [True, False])
def test_a_clip_of_one_frame_is_a_clip(lane, prescan):
    picture = paint((30, 20, RED))
    (made,) = watch(build(lane), [picture], samples=[picture] if prescan else [])
    check_contract(made, picture)
    assert made.regions == ()  # whatever is in the only picture is scene


@pytest.mark.parametrize("lane", LANES)
def test_after_a_reset_the_same_clip_gives_the_same_answer(lane):
    segmenter, pictures = build(lane), two(20)
    first = watch(segmenter, pictures)
    segmenter.reset()
    second = watch(segmenter, pictures)
    third = watch(build(lane), pictures)
    for a, b, c in zip(first, second, third, strict=True):
        np.testing.assert_array_equal(a.labels, b.labels)
        np.testing.assert_array_equal(a.labels, c.labels)
        assert a.regions == b.regions == c.regions
    assert any(segmentation.regions for segmentation in first)


@pytest.mark.parametrize("lane", LANES)
def test_after_a_reset_a_camera_warms_up_again(lane):
    segmenter, runs = build(lane, warm_up_s=0.4), []
    for _ in range(2):
        runs.append(watch(segmenter, [*empty(12), *two(12)], samples=[]))
        segmenter.reset()
    assert not any(segmentation.regions for segmentation in runs[0][:10])
    assert runs[0][-1].regions
    for a, b in zip(*runs, strict=True):
        np.testing.assert_array_equal(a.labels, b.labels)


@pytest.mark.parametrize("lane", LANES)
def test_a_reset_takes_a_clip_of_another_size(lane):
    segmenter = build(lane)
    watch(segmenter, two(4))
    segmenter.reset()
    small = [paint((n, 10, RED), seed=n, height=40, width=50) for n in range(8)]
    assert watch(segmenter, small, samples=empty(height=40, width=50))[-1].regions


def test_judging_a_frame_while_the_one_before_is_assigned_changes_nothing():
    """What was found in a frame is learned two frames later, whichever order the stages run in."""
    one, other, pictures = build("slots"), build("slots"), frames(two(24))
    one.prepare(empty())
    other.prepare(empty())
    expected = [one.step(frame) for frame in pictures]
    judged = [other.judge(pictures[0])]
    for n, frame in enumerate(pictures):
        judged += [other.judge(following) for following in pictures[n + 1 : n + 2]]
        made = other.assign(frame, judged[n])
        np.testing.assert_array_equal(made.labels, expected[n].labels)
        assert made.regions == expected[n].regions
    assert made.regions


def test_a_frame_is_not_judged_before_the_lesson_it_needs():
    segmenter, pictures = build("slots"), frames(two(3))
    segmenter.prepare(empty())
    segmenter.judge(pictures[0])
    segmenter.judge(pictures[1])
    with pytest.raises(RuntimeError, match="before frame 0 was assigned"):
        segmenter.judge(pictures[2])


@pytest.mark.parametrize("lane", LANES)
def test_an_answer_once_given_is_not_changed_by_later_frames(lane):
    segmenter, pictures = build(lane), frames(two(16))
    segmenter.prepare(empty())
    kept = []
    for frame in pictures:
        made = segmenter.step(frame)
        kept.append((made, made.labels.copy(), made.regions))
    for made, labels, regions in kept:
        np.testing.assert_array_equal(made.labels, labels)
        assert made.regions == regions


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize(("height", "width"), [(71, 97), (40, 33), (200, 31)])
def test_odd_sizes_and_a_frame_narrower_than_the_working_width(lane, height, width):
    pictures = [paint((2 + n, 8 + n, RED), seed=n, height=height, width=width) for n in range(12)]
    made = watch(build(lane, working_width=64), pictures, samples=empty(height=height, width=width))
    for segmentation, picture in zip(made, pictures, strict=True):
        check_contract(segmentation, picture)
    assert made[-1].regions


# --- identities -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("working_width", ["full", 48])
def test_a_square_that_crosses_has_one_identity(working_width):
    made = watch(build("slots", cell=RunningAverage, working_width=working_width), crossing())
    seen = [segmentation.regions for segmentation in made]
    assert {region.label for regions in seen for region in regions} == {1}
    here = [n for n, regions in enumerate(seen) if regions]
    assert here == list(range(here[0], here[-1] + 1))  # found once, and not lost on the way
    assert len(here) >= 18
    for n in here:
        x = -SIDE + 3 * n
        if 0 <= x <= WIDTH - SIDE:
            assert overlap(seen[n][0].box, x, 30) > 0.5, n
            inside = made[n].full_labels[30 : 30 + SIDE, x : x + SIDE]
            assert (inside == 1).mean() > 0.6, n
    assert seen[-1] == () or seen[-1][0].box.x1 > WIDTH - SIDE


def test_two_that_pass_at_a_distance_keep_their_names():
    made = watch(build("slots", cell=RunningAverage), two())
    owners = {}
    for n, segmentation in enumerate(made):
        for region in segmentation.regions:
            red = overlap(region.box, 4 + 2 * n, 8)
            blue = overlap(region.box, WIDTH - 20 - 2 * n, 46)
            assert max(red, blue) > 0.4
            owners.setdefault(region.label, set()).add("red" if red > blue else "blue")
    assert sorted(map(sorted, owners.values())) == [["blue"], ["red"]]
    assert len(made[-1].regions) == 2


def test_an_identity_is_given_once_in_a_run():
    """One square crosses, and when it has left another: the second is somebody new."""
    pictures = [*crossing(38), *empty(12), *crossing(24, y=10)]
    made = watch(build("slots", cell=RunningAverage), pictures)
    first = {region.label for segmentation in made[:38] for region in segmentation.regions}
    second = {region.label for segmentation in made[50:] for region in segmentation.regions}
    assert (first, second) == ({1}, {2})


def test_one_that_stops_neither_fades_nor_leaves_a_ghost():
    def place(n):
        return min(6 + 3 * n, 42) if n < 60 else 42 + 3 * (n - 60)

    pictures = [paint((place(n), 30, RED), seed=n) for n in range(74)]
    made = watch(build("slots", cell=RunningAverage, history_s=2.4), pictures)
    assert {region.label for segmentation in made[8:] for region in segmentation.regions} == {1}
    assert all(
        overlap(segmentation.regions[0].box, place(n), 30) > 0.5 for n, segmentation in enumerate(made) if n >= 10
    )
    assert not made[-1].labels[30 : 30 + SIDE, 42 : 42 + SIDE].any()


def test_a_new_run_counts_identities_from_one_again():
    segmenter = build("slots", cell=RunningAverage)
    for _ in range(2):
        labels = {region.label for segmentation in watch(segmenter, crossing(20)) for region in segmentation.regions}
        assert labels == {1}
        segmenter.reset()


def test_where_objects_were_seen_is_known_of_their_own_scene_alone():
    segmenter = build("slots", cell=RunningAverage, warm_up_s=0.08)
    watch(segmenter, crossing(20))
    assert segmenter._visited.any()
    segmenter.step(Frame(20, 0.8, Picture.of(paint(seed=20)), scene=None))  # no signal: nothing is said of any scene
    assert segmenter._visited.any()
    segmenter.step(Frame(21, 0.84, Picture.of(255 - paint(seed=21)), scene=1))
    assert not segmenter._visited.any()


def test_visible_boxes_lie_round_the_pixels_and_who_has_none_keeps_its_place():
    labels = np.zeros((20, 30), np.int32)
    labels[4:9, 10:14] = 2
    there, hidden = Region(2, Box(0, 0, 30, 20), 20.0), Region(5, Box(1, 2, 3, 4), 0.0, hidden=True)
    assert [region.box for region in visible_boxes([there, hidden], labels)] == [Box(10, 4, 14, 9), Box(1, 2, 3, 4)]
