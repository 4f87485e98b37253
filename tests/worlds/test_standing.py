"""Who stands, stands when the script says, to the pixel; who is big is half as high as the picture; a shaken truth is the picture's."""

import itertools

import cv2
import numpy as np
import pytest

from tracker.worlds import draw_situation
from tracker.worlds.shaking import ShakingCamera

SIZE = (160, 120)


def drawn(name, seed, **asked):
    return draw_situation(name, seed=seed, **{"size": SIZE, "frames": 400, **asked})


def box_of(clip, identity):
    return [next((item.box for item in boxes if item.id == identity), None) for boxes in clip.boxes]


def still_from(boxes):
    """The first frame from which on the box is the same to the end."""
    return next(t for t in range(len(boxes)) if all(box == boxes[-1] for box in boxes[t:]))


def set_out(boxes):
    """The first frame in which the box is another than in the first."""
    return next(t for t, box in enumerate(boxes) if box != boxes[0])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ["stands", "parked"])
def test_who_comes_at_a_tenth_is_still_from_a_fifth_to_the_end(name, seed):
    boxes = box_of(drawn(name, seed), 1)
    assert boxes[-1] is not None
    assert boxes[-1].x0 > 0
    assert boxes[-1].x1 < SIZE[0]
    enters = next(t for t, box in enumerate(boxes) if box is not None)
    assert 0.095 * 400 <= enters <= 0.13 * 400
    assert 0.12 * 400 < still_from(boxes) <= 0.2 * 400 + 6


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("name", "identity"), [("stood", 1), ("parked", 2)])
def test_who_stands_from_the_first_frame_leaves_at_nine_tenths(name, identity, seed):
    clip = drawn(name, seed, frames=440)
    boxes = box_of(clip, identity)
    assert boxes[0] is not None
    assert 0.89 * 440 <= set_out(boxes) <= 0.93 * 440
    moved = [box for box in boxes[set_out(boxes) :] if box is not None]
    assert boxes[-1] is None or moved[-1].width < boxes[0].width or abs(moved[-1].x0 - boxes[0].x0) > boxes[0].width / 2
    # it does not turn on the spot as it sets out
    area = np.s_[:, int(boxes[0].y0) : int(boxes[0].y1), int(boxes[0].x0) : int(boxes[0].x1)]
    if all(item.visible == 1 for items in clip.boxes[:5] for item in items if item.id == identity):
        assert (clip.labels[area][:5] == clip.labels[area][0]).all()


@pytest.mark.parametrize("name", ["stands", "stood", "parked"])
def test_at_least_three_walkers_pass_who_stands(name):
    clip = drawn(name, 2)
    standing = 2 if name == "parked" else 1
    passers = {item.id for boxes in clip.boxes for item in boxes if item.id > standing}
    assert len(passers) >= 3
    for identity in passers:
        boxes = [box for box in box_of(clip, identity) if box is not None]
        assert sum(one == other for one, other in itertools.pairwise(boxes)) < 0.9 * len(boxes)


@pytest.mark.parametrize("seed", range(3))
def test_big_people_are_half_as_high_as_the_picture(seed):
    clip = drawn("big", seed, frames=300)
    heights = [item.box.height for boxes in clip.boxes for item in boxes if item.box.x0 > 0 and item.box.x1 < SIZE[0]]
    assert 0.4 * SIZE[1] < np.median(heights) < 0.6 * SIZE[1]
    assert max(len(boxes) for boxes in clip.boxes) == 2


def test_a_view_shows_the_ground_where_it_shows_the_bodies():
    still = np.zeros((90, 120, 3), np.float32)
    still[30:34, 80:84] = 255
    rng, camera = np.random.default_rng(0), ShakingCamera((120, 90), shift_px=3, zoom=0.02)
    for _ in range(20):
        view = camera.next_view(rng)
        light = view.picture(still)[..., 0]
        ys, xs = np.mgrid[:90, :120] + 0.5
        middle = np.array([(xs * light).sum(), (ys * light).sum()]) / light.sum()
        assert np.abs(middle - view.places(np.array([82.0, 32.0]))).max() < 0.06


def test_the_camera_shakes_by_a_few_pixels_and_its_zoom_flutters():
    rng, camera = np.random.default_rng(0), ShakingCamera((720, 480), shift_px=2.5, zoom=0.003)
    views = [camera.next_view(rng) for _ in range(3000)]
    assert np.std([view.shift for view in views], axis=0) == pytest.approx([2.5, 2.5], rel=0.1)
    assert np.std([view.zoom for view in views]) == pytest.approx(0.003, rel=0.1)
    swing = np.array([view.shift[0] for view in views])
    assert 0.5 < np.corrcoef(swing[1:], swing[:-1])[0, 1] < 0.7


def seen_motion(clip, t):
    """Shift in x and y and zoom of a picture against the empty scene, by least squares where nobody is."""
    ground, image = (
        cv2.GaussianBlur(v.astype(np.float32).mean(-1), (0, 0), 2) for v in (clip.background, clip.images[t])
    )
    free = cv2.dilate((clip.labels[t] > 0).astype(np.uint8), np.ones((25, 25))) == 0
    dy, dx = np.gradient(ground)
    y, x = np.mgrid[: ground.shape[0], : ground.shape[1]] - np.array(ground.shape)[:, None, None] / 2
    columns = [-dx, -dy, -(dx * x + dy * y), ground, np.ones_like(ground)]  # the last two are the light's
    columns = np.stack([column[free] for column in columns], 1)[::3]
    return np.linalg.lstsq(columns, (image - ground)[free][::3], rcond=None)[0]


def test_the_picture_shakes_and_the_truth_with_it():
    clip = drawn("shake", 1, size=(480, 320), frames=120)
    motion = np.array([seen_motion(clip, t) for t in range(len(clip.images))])
    assert np.std(motion[:, :2], axis=0) == pytest.approx([0.0035 * 480] * 2, rel=0.4)
    assert np.std(motion[:, 2]) == pytest.approx(0.003, rel=0.4)
    checked = 0
    for identity in {item.id for boxes in clip.boxes for item in boxes}:
        whole = [(t, box.y1) for t, box in enumerate(box_of(clip, identity)) if box and box.x0 > 0 and box.x1 < 480]
        if len(whole) < 50:
            continue
        t, y = np.array(whole).T
        off = y - np.polyval(np.polyfit(t, y, 2), t)
        assert np.corrcoef(off, motion[t.astype(int), 1])[0, 1] > 0.6
        checked += 1
    assert checked >= 2
