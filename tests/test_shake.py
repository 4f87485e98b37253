"""A shaking camera's movement is measured and undone; a still clip is left as it is."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from tracker.build import build_lanes, build_prescan
from tracker.choosing import suit
from tracker.lanes import Lane
from tracker.picture import Picture
from tracker.pipeline import run
from tracker.prescan import Prescan
from tracker.settings import load_settings
from tracker.shake import Follower, farthest, measure_shake, undone
from tracker.smoothed import run_both_ways
from tracker.steadying import Steadying
from tracker.types import BACKGROUND, FOREGROUND, Box, Frame, Region, Segmentation, SourceInfo

SIZE = (320, 240)
MIDDLE = np.array(SIZE) / 2
NOTHING = Prescan(0)


def scene(seed=0):
    """(H, W, 3) lines and patches on a bare ground, larger than the picture by 40 pixels on each side."""
    rng, (w, h) = np.random.default_rng(seed), (SIZE[0] + 80, SIZE[1] + 80)
    drawn = np.full((h, w, 3), 110, np.uint8)
    for _ in range(25):
        corners = rng.integers(0, [w, h], (3, 2)).astype(np.int32)
        cv2.fillPoly(drawn, [corners], rng.integers(40, 200, 3).tolist())
    return cv2.GaussianBlur(drawn, (0, 0), 1.0)


def seen(ground, shift=(0.0, 0.0), zoom=1.0, noise=0, mover=None):
    """What a camera moved by `shift` and zoomed about the picture's middle sees of it; mover: a box of the scene with a pattern."""
    ground = ground.copy()
    if mover is not None:
        x0, y0, x1, y1 = (40 + each for each in mover)
        blocks = np.random.default_rng(0).integers(0, 255, (-(-(y1 - y0) // 16), -(-(x1 - x0) // 16), 3))
        ground[y0:y1, x0:x1] = blocks.repeat(16, 0).repeat(16, 1)[: y1 - y0, : x1 - x0]
    offset = MIDDLE + shift - zoom * (MIDDLE + 40) + 0.5 * zoom - 0.5
    image = cv2.warpAffine(ground, np.array([[zoom, 0, offset[0]], [0, zoom, offset[1]]]), SIZE, flags=cv2.INTER_CUBIC)
    grain = np.random.default_rng(noise).normal(0, 2, image.shape)
    return np.clip(image + grain, 0, 255).astype(np.uint8)


def shaken(count=20, spread=3.0, seed=1):
    rng = np.random.default_rng(seed)
    shifts = rng.normal(0, spread, (count, 2))
    return shifts, [seen(scene(), shift, noise=n) for n, shift in enumerate(shifts)]


@pytest.mark.parametrize(("shift", "zoom"), [((0, 0), 1.0), ((2.4, -1.3), 1.0), ((-7.6, 5.2), 1.0), ((1.5, 3.0), 1.01)])
def test_a_known_movement_is_found(shift, zoom):
    found = Follower(seen(scene())).movement(seen(scene(), shift, zoom, noise=1))
    for place in np.array([[20.0, 20], [300, 20], [160, 120], [20, 220], [300, 220]]):
        wanted = (place - MIDDLE) * zoom + MIDDLE + shift
        assert found[:, :2] @ place + found[:, 2] == pytest.approx(wanted, abs=0.3)


def test_a_large_object_that_moves_by_itself_does_not_drag_the_camera_with_it():
    ground = scene()
    still = seen(ground, mover=(60, 40, 130, 160))
    found = Follower(still).movement(seen(ground, (3.0, -2.0), noise=1, mover=(68, 44, 138, 164)))
    assert found[:, 2] + (found[:, :2] - np.eye(2)) @ MIDDLE == pytest.approx([3.0, -2.0], abs=0.3)


def test_another_light_is_no_movement():
    bright = np.clip(seen(scene()) * 1.2 + 8, 0, 255).astype(np.uint8)
    assert farthest(Follower(seen(scene())).movement(bright), SIZE) < 0.3


def test_nothing_is_said_of_a_bare_or_another_picture():
    bare = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
    assert Follower(bare).movement(seen(scene())) is None
    assert Follower(seen(scene())).movement(bare) is None
    assert Follower(seen(scene())).movement(seen(scene(9))) is None


def test_a_camera_that_shakes_is_told_from_one_that_stands():
    assert measure_shake([seen(scene(), noise=n) for n in range(20)]) is None
    assert measure_shake([seen(scene(), noise=n, mover=(9 * n, 60, 9 * n + 80, 160)) for n in range(20)]) is None
    shifts, images = shaken()
    shake = measure_shake(images)
    assert shake.moved_px == pytest.approx(np.median(np.hypot(*shifts.T)), rel=0.4)
    assert shake.calmer < 0.5


@pytest.mark.parametrize("images", [[], [np.zeros((6, 8, 3), np.uint8)] * 20, [np.zeros((240, 320, 3), np.uint8)] * 20])
def test_too_little_to_tell_is_no_shake(images):
    assert measure_shake(images) is None
    assert measure_shake(images, always=True) is None


def test_a_camera_that_turns_or_a_clip_of_two_scenes_is_not_steadied():
    assert measure_shake([seen(scene(), (3.9 * n - 39, 0), noise=n) for n in range(20)]) is None
    assert measure_shake([seen(scene(n % 2), (n % 3, 0), noise=n) for n in range(20)]) is None


def test_steadied_pictures_show_the_scene_unmoved():
    _, images = shaken()
    steadying = Steadying(measure_shake(images))
    steadied = [steadying.image(image) for image in images]
    inner = np.s_[15:-15, 15:-15]
    before = np.abs(np.diff([each[inner].astype(int) for each in images], axis=0)).mean()
    after = np.abs(np.diff([each[inner].astype(int) for each in steadied], axis=0)).mean()
    assert after < 3.5 < 4.5 < before  # of grain alone: 2.3
    frames = [steadying.frame(Frame(n, n / 10, Picture.of(image))) for n, image in enumerate(images)]
    np.testing.assert_array_equal(frames[3].image, steadied[3])


class Clip:
    """Frames of a source."""

    def __init__(self, images):
        self.images, self.problem = images, None
        self.info = SourceInfo("clip", SIZE, 10.0, len(images), False)

    def __iter__(self):
        for index, image in enumerate(self.images):
            yield Frame(index, index / 10, Picture.of(image))

    def sample(self, count, *, whole=True, width="full"):
        return list(self.images)

    def close(self):
        """Nothing is open."""


def test_a_still_clip_is_not_touched():
    clip, settings = Clip([seen(scene(), noise=n) for n in range(20)]), load_settings()
    suited = suit(settings, clip, build_prescan(settings))
    assert suited.steadying is None
    assert "steady" not in {change.name for change in suited.chosen.changes}
    assert all(given is taken for given, taken in zip(suited.prescan.pictures(clip), clip.images, strict=True))


def test_a_shaken_clip_is_steadied_with_its_reason_unless_the_user_says_no():
    clip, settings = Clip(shaken()[1]), load_settings()
    suited = suit(settings, clip, build_prescan(settings))
    assert suited.steadying is not None
    assert suited.chosen.changes[0].line.startswith("steady yes instead of no: the camera shakes by ")
    no = load_settings(overrides=["steady=no"])
    assert suit(no, clip, build_prescan(no)).steadying is None
    yes = load_settings(overrides=["steady=yes"])
    still = Clip([seen(scene(), noise=n) for n in range(20)])
    assert suit(yes, still, build_prescan(yes)).steadying is not None


class InOnePlace:
    """A segmenter that sees one object that stands in the scene, and keeps the pictures that it was shown."""

    box = (100, 80, 140, 160)

    def __init__(self):
        self.shown = []

    def prepare(self, images):
        pass

    def step(self, frame):
        self.shown.append(frame.image)
        labels = np.zeros((SIZE[1], SIZE[0]), np.int32)
        x0, y0, x1, y1 = self.box
        labels[y0:y1, x0:x1] = 70_001
        return Segmentation(labels, (Region(70_001, Box(*self.box), 3200.0),), labels > 0)


class Kept(list):
    def write(self, moment):
        self.append(moment)

    def close(self, outcome):
        pass


def test_boxes_and_labels_come_back_in_the_frames_pixels():
    shifts, images = shaken()
    lane, kept, steadying = InOnePlace(), Kept(), Steadying(measure_shake(images))
    run(Clip(images), [Lane("a", lane)], [kept], steadying=steadying)
    boxes = np.array([moment.views[0].tracks[0].box for moment in kept], float).reshape(-1, 4)
    moved = boxes - boxes[0]
    assert moved == pytest.approx(np.tile(shifts - shifts[0], 2), abs=0.4)
    for moment, image, box, shown in zip(kept, images, boxes, lane.shown, strict=True):
        np.testing.assert_array_equal(moment.frame.image, image)
        assert shown is not moment.frame.image
        segmentation = moment.views[0].segmentation
        ys, xs = np.nonzero(segmentation.labels == 70_001)
        assert [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1] == pytest.approx(box, abs=1.1)
        assert np.array_equal(segmentation.foreground, segmentation.labels > 0)
        assert segmentation.regions[0].box == moment.views[0].tracks[0].box


class SeenTwice(InOnePlace):
    """The same in both passes over a clip."""

    working_width = SIZE[0]

    def freeze(self, frozen):
        pass

    def reset(self):
        pass

    def judge(self, frame):
        return super().step(frame)

    def assign(self, frame, judged):
        return replace(judged, verdicts=np.where(judged.foreground, FOREGROUND, BACKGROUND).astype(np.uint8))

    def backwards(self):
        return self

    def step_judged(self, image, verdicts, *, time_s, scene, size):
        labels = np.where(verdicts == FOREGROUND, 1, 0).astype(np.int32)
        return Segmentation(labels, (Region(1, Box(*self.box), 3200.0),), labels > 0, size, verdicts)


def test_a_clip_seen_from_both_ends_gives_boxes_in_the_frames_pixels():
    shifts, images = shaken(30)
    kept, steadying = Kept(), Steadying(measure_shake(images))
    lane = Lane("a", SeenTwice())
    run_both_ways(
        Clip(images),
        [lane],
        [kept],
        again=lambda frames: Clip(images),
        online=False,
        prescan=NOTHING,
        steadying=steadying,
    )
    boxes = np.array([moment.views[0].tracks[0].box for moment in kept], float).reshape(-1, 4)
    assert boxes - boxes[0] == pytest.approx(np.tile(shifts - shifts[0], 2), abs=0.4)
    for moment, image, box in zip(kept, images, boxes, strict=True):
        np.testing.assert_array_equal(moment.frame.image, image)
        ys, xs = np.nonzero(moment.views[0].segmentation.labels)
        assert [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1] == pytest.approx(box, abs=1.1)


def test_what_lies_outside_the_frame_is_left_out():
    lane, kept = InOnePlace(), Kept()
    lane.box = (0, 80, 3, 160)
    images = [seen(scene(), (5 * (n % 3) - 5, 0), noise=n) for n in range(20)]
    run(Clip(images), [Lane("a", lane)], [kept], steadying=Steadying(measure_shake(images)))
    found = [len(moment.views[0].tracks) for moment in kept]
    assert 0 < sum(found) < 20
    for moment in kept:
        view = moment.views[0]
        assert len(view.segmentation.regions) == len(view.tracks)
        assert view.tracks or not view.segmentation.labels.any()
        for track in view.tracks:
            assert 0 <= track.box.x0 < track.box.x1 <= SIZE[0]


@pytest.mark.parametrize(("place", "axis"), [((0, 90, 30, 150), 0), ((290, 90, 320, 150), 0), ((100, 0, 160, 30), 1)])
def test_what_the_border_cuts_goes_on_to_the_border_of_the_steadied_picture(place, axis):
    ground, (x0, y0, x1, y1) = seen(scene()), place
    for shift in (-5.0, 5.0):
        matrix = np.column_stack([np.eye(2), np.eye(2)[axis] * shift])
        image = seen(scene(), np.eye(2)[axis] * shift)
        image[y0:y1, x0:x1] = (255, 0, 255)
        away = np.abs(undone(image, matrix, ground).astype(int) - ground).max(axis=2) > 40
        moved = np.zeros(SIZE[::-1], bool)
        a, b = (place[axis] - shift, place[2 + axis] - shift)
        # at the border of either picture it ends at the border of the other
        a, b = (-9 if place[axis] == 0 else int(a)), (SIZE[axis] + 9 if place[2 + axis] == SIZE[axis] else int(b))
        rows, columns = slice(y0, y1), slice(x0, x1)
        moved[(rows, slice(max(0, a), b)) if axis == 0 else (slice(max(0, a), b), columns)] = True
        assert (away & moved).sum() > 0.95 * moved.sum()
        assert (away & ~moved).sum() < 0.05 * moved.sum() + 30


def test_a_box_at_the_border_of_the_steadied_picture_is_at_that_of_the_frame():
    images = [seen(scene(), (5 * (n % 3) - 5, 0), noise=n) for n in range(20)]
    for box, side in (((0, 80, 40, 160), 0), ((280, 80, 320, 160), 2)):
        lane, kept = InOnePlace(), Kept()
        lane.box = box
        run(Clip(images), [Lane("a", lane)], [kept], steadying=Steadying(measure_shake(images)))
        tracks = [moment.views[0].tracks[0].box for moment in kept]
        assert {each[side] for each in tracks} == {box[side]}
        assert np.ptp([each[2 - side] for each in tracks]) > 8
        for moment in kept:
            assert moment.views[0].segmentation.labels[120, 0 if side == 0 else -1] == 70_001


def test_a_walker_under_a_shaking_camera_is_all_that_lane_gmm_sees():
    rng = np.random.default_rng(3)
    images = [
        seen(scene(), rng.normal(0, 3, 2), noise=n, mover=(10 * n, 90, 10 * n + 24, 150)) for n in range(24)
    ]  # fmt: skip

    def share(*overrides):
        made = load_settings(overrides=["lanes=[gmm]", *overrides])
        clip, kept = Clip(images), Kept()
        suited = suit(made, clip, build_prescan(made))
        run(clip, build_lanes(suited.chosen.settings), [kept], prescan=suited.prescan, steadying=suited.steadying)
        return np.mean([moment.views[0].segmentation.foreground.mean() for moment in kept[5:]])

    walker = 24 * 60 / (SIZE[0] * SIZE[1])
    assert share("steady=auto") < 1.5 * walker < 2 * walker < share("steady=no")
