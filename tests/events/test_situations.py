"""Drawn situations: each holds what its name says, its truth is what was drawn, and a lane's score on it does not fall."""

import functools
import itertools

import cv2
import numpy as np
import pytest
from commands import call, refused

from tracker.evaluation.task import LaneTask
from tracker.evaluation.workers import score_lane
from tracker.scores import Choice, find_sequences
from tracker.settings import load_settings
from tracker.synth import WorldOrder, save_world, stream_world
from tracker.worlds import SITUATIONS, draw_situation, stream_situation, street

SIZE = (160, 120)
SEEDS = (0, 1)
LEAST = (120, 90)
INSIDE = ("crowd", "stood", "parked", "arena")
"""begin with somebody in the picture"""

FLOORS = {
    "crossing": (0.85, 0.75),
    "parallel": (0.15, 0.75),
    "group": (0.20, 0.70),
    "stop": (0.85, 0.80),
    "pillar": (0.70, 0.75),
    "inside": (0.45, 0.85),
    "sizes": (0.70, 0.80),
    "crowd": (0.45, 0.65),
    "light-switch": (0.45, 0.50),
    "drift": (0.85, 0.80),
    "shadow": (0.70, 0.55),
    "jitter": (0.65, 0.65),
    "sway": (0.85, 0.75),
    "low-contrast": (0.55, 0.65),
    "stands": (0.95, 0.85),
    "stood": (0.95, 0.80),
    "parked": (0.95, 0.88),
    "arena": (0.05, 0.10),
    "shake": (0.85, 0.75),
    "big": (0.90, 0.85),
}
"""IDF1 and F that lane slots reaches at least, seed 40, 320x240 and the fewest frames in which all of it happens.

A little below what was measured when a situation was added: what is reached, no goal."""


@functools.cache
def clip(name, seed, size=SIZE):
    return draw_situation(name, seed=seed, size=size, frames=80 if name == "crowd" else None)


def each(*names):
    return pytest.mark.parametrize(("name", "seed"), [(name, seed) for name in names for seed in SEEDS])


def box_of(clip, identity):
    """Its box in each frame, None where it is not in the picture."""
    return [next((item.box for item in boxes if item.id == identity), None) for boxes in clip.boxes]


def overlap(one, two):
    """Share of the smaller box that lies inside the other."""
    width = min(one.x1, two.x1) - max(one.x0, two.x0)
    height = min(one.y1, two.y1) - max(one.y0, two.y0)
    return max(0, width) * max(0, height) / min(one.width * one.height, two.width * two.height)


def identities(clip):
    return sorted({item.id for boxes in clip.boxes for item in boxes})


def islands(labels):
    """How many groups of people that touch each other, a gap of two pixels being none."""
    closed = cv2.dilate((labels > 0).astype(np.uint8), np.ones((3, 3), np.uint8))
    return cv2.connectedComponents(closed)[0] - 1


def longest_run(flags):
    """(first, length) of the longest run of true ones."""
    best, first = (0, 0), None
    for t, flag in enumerate([*flags, False]):
        if flag and first is None:
            first = t
        elif not flag and first is not None:
            best, first = max(best, (first, t - first), key=lambda run: run[1]), None
    return best


def ground_light(clip):
    """Mean of the picture over that of the empty scene, where nobody is, frame by frame."""
    light = []
    for image, labels in zip(clip.images, clip.labels, strict=True):
        light.append(image[labels == 0].mean() / clip.background[labels == 0].mean())
    return np.array(light)


# --- all of them ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_seed_is_one_clip_whole_or_streamed_and_another_seed_another(name):
    asked = {"size": LEAST, "frames": SITUATIONS[name].least}
    whole = draw_situation(name, seed=5, **asked)
    assert whole.images.shape == (asked["frames"], LEAST[1], LEAST[0], 3)
    count = 0
    for t, drawn in enumerate(stream_situation(name, seed=5, **asked)):
        assert np.array_equal(drawn.image, whole.images[t])
        assert np.array_equal(drawn.labels, whole.labels[t])
        assert drawn.boxes == whole.boxes[t]
        count += 1
    assert count == asked["frames"]
    assert not np.array_equal(next(stream_situation(name, seed=6, **asked)).image, whole.images[0])


@pytest.mark.parametrize(("name", "seed"), [(name, n % 2) for n, name in enumerate(SITUATIONS)])
def test_boxes_agree_with_labels(name, seed):
    drawn = clip(name, seed)
    near = 1.01 if name == "jitter" else 0  # a shaken label is that of the nearest pixel
    for labels, boxes in zip(drawn.labels[::3], drawn.boxes[::3], strict=True):
        assert set(np.unique(labels)) - {0} <= {item.id for item in boxes}
        for item in boxes:
            x0, y0, x1, y1 = item.box
            assert 0 <= x0 < x1 <= SIZE[0]
            assert 0 <= y0 < y1 <= SIZE[1]
            ys, xs = np.nonzero(labels == item.id)
            assert (len(ys) == 0) == (item.visible == 0) or name == "jitter"
            if len(ys):
                seen = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
                out = np.array([x0, y0, -x1, -y1]) - seen * (1, 1, -1, -1)
                assert (out <= near).all()
                cut = name == "jitter" and (x0 == 0 or x1 == SIZE[0])  # what comes in is drawn as what was at the edge
                assert item.visible < 1 or cut or (np.abs(out) <= near).all()


@each(*(name for name in SITUATIONS if name not in INSIDE))
def test_everybody_enters_at_a_border(name, seed):
    drawn = clip(name, seed)
    assert not drawn.labels[0].any()
    for identity in identities(drawn):
        first = next(box for box in box_of(drawn, identity) if box is not None)
        assert first.x0 == 0 or first.x1 == SIZE[0]
        assert first.width < 0.1 * SIZE[0]


@pytest.mark.parametrize("name", SITUATIONS)
def test_who_is_plain_differs_from_the_ground(name):
    # at 160x120 half of a walker is rim, mixed with black, and who stands is most of what is seen
    drawn = clip(name, 0, (320, 240) if name in ("stands", "stood") else SIZE)
    owned = drawn.labels[::8] > 0
    off = np.abs(drawn.images[::8].astype(np.int16) - drawn.background).mean(-1)
    assert np.median(off[owned]) > (10 if name == "low-contrast" else 25)


# --- who meets whom -------------------------------------------------------------------------------------------------


@each("crossing")
def test_two_cross_and_cover_each_other(name, seed):
    one, two = (box_of(clip(name, seed), identity) for identity in (1, 2))
    both = [t for t in range(len(one)) if one[t] and two[t]]
    shares = [overlap(one[t], two[t]) for t in both]
    assert max(shares) > 0.9
    assert shares[0] == shares[-1] == 0
    assert one[both[0]].x1 < two[both[0]].x0
    assert two[both[-1]].x1 < one[both[-1]].x0
    at = both[int(np.argmax(shares))]
    assert min(item.visible for item in clip(name, seed).boxes[at]) < 0.5


@each("parallel")
def test_two_walk_side_by_side_and_part(name, seed):
    drawn = clip(name, seed)
    assert identities(drawn) == [1, 2]
    apart = [islands(labels) if len(boxes) == 2 else 0 for labels, boxes in zip(drawn.labels, drawn.boxes, strict=True)]
    first, length = longest_run([count == 1 for count in apart])
    assert length > 80
    assert all(count >= 2 for count in apart[-60:] if count)  # a foot may look like a third
    assert 2 in apart[first + length :]
    # neither hides the other: they are side by side
    assert min(item.visible for boxes in drawn.boxes for item in boxes) > 0.6


@each("group")
def test_three_enter_as_a_group_and_spread(name, seed):
    drawn = clip(name, seed)
    assert identities(drawn) == [1, 2, 3]
    count = [islands(labels) if len(boxes) == 3 else 0 for labels, boxes in zip(drawn.labels, drawn.boxes, strict=True)]
    first, length = longest_run([n == 1 for n in count])
    assert length > 50
    assert first < 40
    assert longest_run([n >= 3 for n in count])[1] > 20


@each("stop")
def test_one_stops_for_300_frames_and_goes_on(name, seed):
    boxes = box_of(clip(name, seed), 1)
    still = [b is not None and a == b for a, b in itertools.pairwise(boxes)]
    first, length = longest_run(still)
    assert 300 <= length <= 330
    assert boxes[first] is not None
    after = [box for box in boxes[first + length + 1 :] if box is not None]
    assert abs(after[-1].x0 - boxes[first].x0) > 3 * boxes[first].width
    assert boxes[first - 20] != boxes[first]


@each("pillar")
def test_one_is_hidden_by_a_pillar_for_forty_frames(name, seed):
    drawn = clip(name, seed)
    visible = [next((item.visible for item in boxes if item.id == 1), None) for boxes in drawn.boxes]
    first, length = longest_run([share == 0 for share in visible])
    assert 30 <= length <= 65
    assert visible[first - 20] == visible[first + length + 20] == 1
    boxes = box_of(drawn, 1)
    before, after = boxes[first - 20], boxes[first + length + 20]
    assert (before.x0 - boxes[first].x0) * (after.x0 - boxes[first].x0) < 0


@each("inside")
def test_a_dog_walks_inside_the_box_of_a_vehicle(name, seed):
    drawn = clip(name, seed)
    vehicle, dog = box_of(drawn, 1), box_of(drawn, 2)
    share = [overlap(a, b) if a and b else None for a, b in zip(vehicle, dog, strict=True)]
    _, length = longest_run([s == 1 for s in share])
    assert length > 50
    at = share.index(1)
    assert vehicle[at].width * vehicle[at].height > 10 * dog[at].width * dog[at].height
    assert min(item.visible for boxes in drawn.boxes for item in boxes if item.id == 2) == 1
    assert share[next(t for t, s in enumerate(share) if s is not None) + 8] is not None
    assert [s for s in share if s is not None][-1] < 1 or dog[-1] is None


@each("sizes")
def test_sizes_reach_from_eight_pixels_to_half_of_the_frame(name, seed):
    drawn = clip(name, seed)
    widths, heights = {}, {}
    for identity in identities(drawn):
        boxes = [box for box in box_of(drawn, identity) if box is not None]
        widths[identity] = max(box.width for box in boxes)
        heights[identity] = max(box.height for box in boxes)
    assert 6 <= min(widths.values()) <= 9
    assert max(widths.values()) == pytest.approx(SIZE[0] / 2, abs=3)
    assert max(heights.values()) == pytest.approx(SIZE[1] / 2, abs=3)


def test_a_crowd_is_forty_people():
    count = [len(boxes) for boxes in clip("crowd", 0).boxes]
    assert 35 <= np.median(count) <= 42
    assert count[0] >= 30


def test_a_crowd_can_be_made_smaller():
    count = [len(boxes) for boxes in draw_situation("crowd", seed=0, size=SIZE, frames=60, objects=12).boxes]
    assert 9 <= np.median(count) <= 13


# --- what befalls the picture ---------------------------------------------------------------------------------------


@each("light-switch")
def test_the_light_jumps_and_comes_back_while_four_walk(name, seed):
    drawn = clip(name, seed)
    light = ground_light(drawn)
    jumps = np.flatnonzero(np.abs(np.diff(np.log(light))) > 0.1)
    assert len(jumps) == 2
    change = light[jumps[0] + 1] / light[jumps[0]]
    assert abs(change - 1) == pytest.approx(0.35, abs=0.05)
    assert light[jumps[1] + 1] / light[jumps[1]] == pytest.approx(1 / change, abs=0.08)
    assert [len(drawn.boxes[t]) for t in jumps] == [4, 4]


@each("drift")
def test_the_light_drifts_far_and_never_jumps(name, seed):
    light = ground_light(clip(name, seed))
    assert light.max() - light.min() > 0.4
    assert np.abs(np.diff(light)).max() < 0.02


@each("shadow")
def test_clouds_drift_and_take_light(name, seed):
    drawn = clip(name, seed)
    ratio = np.stack([cv2.blur(image, (9, 9)) for image in drawn.images[::10]]) / cv2.blur(drawn.background, (9, 9))
    dark = (ratio.mean(-1) / np.median(ratio) < 0.85) & (drawn.labels[::10] == 0)
    assert dark.any(0).mean() > 0.2
    assert (dark.any(0) & ~dark.all(0)).mean() > 0.1  # they move


def test_bodies_cast_shadows_of_their_shape_that_are_nobodys(monkeypatch):
    asked = {"seed": 0, "size": SIZE, "frames": 120}
    images, labels = (getattr(draw_situation("shadow", **asked), name)[-1] for name in ("images", "labels"))
    monkeypatch.setattr(street, "cast_body_shadow", lambda *args, **more: None)
    bare = draw_situation("shadow", **asked)
    darker = (bare.images[-1].mean(-1) - images.mean(-1) > 0.12 * bare.images[-1].mean(-1)) & (labels == 0)
    assert len(bare.boxes[-1]) == 4
    assert np.array_equal(bare.labels[-1], labels)
    assert 0.2 * (labels > 0).sum() < darker.sum() < 2 * (labels > 0).sum()


@each("jitter")
def test_the_camera_shakes_and_the_truth_with_it(name, seed):
    drawn = clip(name, seed)
    rows = slice(0, SIZE[1] // 9)  # nobody gets there
    assert not drawn.labels[:, rows].any()
    ground = cv2.GaussianBlur(drawn.background.astype(np.float32).mean(-1), (0, 0), 2)
    slope = np.stack([np.gradient(ground, axis=1)[rows].ravel(), np.gradient(ground, axis=0)[rows].ravel()], 1)
    shifts = []
    for image in drawn.images:
        change = cv2.GaussianBlur(image.astype(np.float32).mean(-1), (0, 0), 2)[rows] - ground[rows]
        change -= change.mean()  # the light's
        shifts.append(-np.linalg.lstsq(slope, change.ravel(), rcond=None)[0])
    assert 1.0 < np.std(shifts, axis=0).mean() < 2.0
    feet = {}
    for t, boxes in enumerate(drawn.boxes):
        for item in boxes:
            feet.setdefault(item.id, []).append((t, item.box.y1))
    for places in feet.values():
        if len(places) > 60:
            t, y = np.array(places).T
            off = y - np.polyval(np.polyfit(t, y, 2), t)
            assert 1.0 < off.std() < 2.0
            assert np.corrcoef(off, np.array(shifts)[t.astype(int), 1])[0, 1] > 0.5


@each("sway")
def test_the_ground_moves_and_stays_nobodys(name, seed):
    drawn = clip(name, seed)
    empty = [t for t, boxes in enumerate(drawn.boxes) if not boxes][:8]
    assert not drawn.labels[empty].any()
    owned = np.stack([cv2.dilate(labels.astype(np.uint8), np.ones((7, 7))) for labels in drawn.labels]) > 0
    swing = np.ma.masked_array(drawn.images.astype(np.float32).mean(-1), owned).std(0)
    assert (swing > 8).mean() > 0.05
    assert (swing < 7).mean() > 0.2  # parts of the picture, not all of it


@each("low-contrast")
def test_who_is_faint_is_near_the_ground(name, seed):
    drawn = clip(name, seed)
    looked_at = 0
    for identity in identities(drawn):
        owned = np.stack([cv2.erode((labels == identity).astype(np.uint8), np.ones((3, 3))) for labels in drawn.labels])
        if owned.sum() < 1000:  # no more of it than comes in at the border
            continue
        ground = np.broadcast_to(drawn.background, drawn.images.shape)[owned > 0].mean(0)
        assert 10 < np.abs(drawn.images[owned > 0].mean(0) - ground).mean() < 22
        looked_at += 1
    assert looked_at >= 3


# --- on the command line --------------------------------------------------------------------------------------------


def test_synth_draws_a_situation_of_its_own_length(tmp_path):
    video, truth = tmp_path / "c.mp4", tmp_path / "c.truth"
    done = call("synth", "crossing", "-o", video, "--truth", truth, "--size", "160x120", "--seed", 1)
    assert done.exit_code == 0, done.output
    assert "220 frames" in done.output
    assert len(list((truth / "masks").iterdir())) == 220


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("crossing", "--objects", 3), "leave --objects out"),
        (("crossing", "--frames", 30), "at least 140"),
        (("sway", "--size", "60x40"), "120x90"),
        (("sway", "--size", "9000x90"), "4096x4096"),
        (("arena", "--frames", 100), "at least 300"),
        (("stands", "--objects", 1), "leave --objects out"),
        (("crowd", "--objects", 0), "choose 1 to 200"),
        (("crowd", "--objects", 900), "choose 1 to 200"),
    ],
)
def test_what_a_situation_cannot_be_is_refused(tmp_path, arguments, words):
    assert words in refused("synth", *arguments, "-o", tmp_path / "x.mp4")
    assert not list(tmp_path.iterdir())


# --- scores ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", SITUATIONS)
def test_lane_slots_does_not_fall_below_its_floor(name, tmp_path):
    world = stream_world(name, WorldOrder(40, SITUATIONS[name].least, (320, 240)))
    save_world(world, video=tmp_path / "s.mp4", truth=tmp_path / "s.truth")
    (sequence,) = find_sequences(tmp_path / "s.mp4").sequences
    task = LaneTask(sequence, sequence.read_truth(Choice()), "slots", load_settings())
    scores = score_lane(task).scores.as_dict()
    idf1, f = scores["identity"]["idf1"], scores["foreground"]["f_measure"]
    print(f'    "{name}": ({idf1:.3f}, {f:.3f}),')
    assert idf1 >= FLOORS[name][0]
    assert f >= FLOORS[name][1]
