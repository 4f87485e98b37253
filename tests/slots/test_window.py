"""A slot's window: what it shows, how it follows its object, and that OpenCV and torch see the same through it."""

import cv2
import numpy as np
import pytest
import torch

from tracker.slots import unroll
from tracker.slots.e_step import crop_frame, e_step
from tracker.slots.patches import Patches, windows_of
from tracker.slots.settings import MixtureModelSettings
from tracker.slots.window import (
    CANONICAL_SPREAD,
    LARGEST_LOG_SCALE,
    LARGEST_SHIFT,
    PAD,
    crop,
    fit_pose,
    moments,
    paste,
    warp,
)

HEIGHT, WIDTH, GRID = 60, 80, 24
PIXELS = MixtureModelSettings()
ONE = torch.ones(1)


def poses(*rows):
    return torch.tensor(rows, dtype=torch.float32)


def smooth_noise(shape, blur, seed=0):
    """Uniform noise in [0, 1] blurred and stretched again, float32."""
    noise = np.random.default_rng(seed).uniform(0, 1, shape).astype(np.float32)
    return np.clip((cv2.GaussianBlur(noise, (0, 0), blur) - 0.5) * 2 * blur + 0.5, 0, 1)


def bell(centre, spread, *, height=HEIGHT, width=WIDTH):
    """A frame (1, 1, H, W) with a Gaussian hill: centre and standard deviations (x, y) in pixels."""
    x, y = torch.arange(width) + 0.5, torch.arange(height) + 0.5
    return torch.exp(
        -((x - centre[0]) ** 2)[None] / (2 * spread[0] ** 2) - ((y - centre[1]) ** 2)[:, None] / (2 * spread[1] ** 2)
    )[None, None]


def logits(mask):
    return torch.logit(mask.clamp(1e-6, 1 - 1e-6))


# --- crop, paste, warp ----------------------------------------------------------------------------------------------


def test_a_window_as_wide_as_its_grid_shows_the_pixels_themselves():
    image = torch.from_numpy(smooth_noise((HEIGHT, WIDTH, 3), 1.0)).permute(2, 0, 1)[None]
    # 16 padded by 1.5 is 24 grid pixels: x from 30 - 12 to 30 + 12, y from 20 - 12
    seen = crop(image, poses([30, 20, 16, 16]), GRID)
    np.testing.assert_allclose(seen, image[:, :, 8:32, 18:42], atol=1e-5)


def test_a_canvas_as_wide_as_its_window_is_laid_down_pixel_by_pixel():
    canvas = torch.from_numpy(smooth_noise((GRID, GRID, 2), 1.0)).permute(2, 0, 1)[None]
    laid = paste(canvas, poses([30, 20, 16, 16]), HEIGHT, WIDTH)
    expected = torch.zeros(1, 2, HEIGHT, WIDTH)
    expected[:, :, 8:32, 18:42] = canvas
    np.testing.assert_allclose(laid, expected, atol=1e-5)


def test_beyond_the_frame_a_window_shows_nothing():
    seen = crop(torch.ones(2, 1, HEIGHT, WIDTH), poses([0, 20, 16, 16], [500, 20, 16, 16]), GRID)
    np.testing.assert_allclose(seen[0, 0, :, :12], 0, atol=1e-5)  # x from -12 to 0
    np.testing.assert_allclose(seen[0, 0, :, 12:], 1, atol=1e-5)
    assert not seen[1].any()


@pytest.mark.parametrize("pose", [(31.3, 24.6, 20.2, 25.7), (50.0, 33.3, 35.0, 28.0), (22.1, 30.9, 16.4, 30.0)])
def test_what_is_laid_down_is_seen_again(pose):
    canvas = torch.from_numpy(smooth_noise((GRID, GRID, 3), 2.0)).permute(2, 0, 1)[None]
    again = crop(paste(canvas, poses(pose), HEIGHT, WIDTH), poses(pose), GRID)
    assert (again - canvas)[:, :, 2:-2, 2:-2].abs().max() < 0.05  # twice resampled; the rim mixes with nothing


def test_a_canvas_is_warped_by_whole_grid_pixels_exactly():
    canvas = torch.from_numpy(smooth_noise((GRID, GRID, 2), 1.0)).permute(2, 0, 1)[None]
    three = 3 * 2 / GRID  # in window coordinates
    moved = warp(canvas, torch.tensor([[[1, three], [1, -three]]]))  # new x looks at old x + 3
    np.testing.assert_allclose(moved[:, :, 3:, :-3], canvas[:, :, :-3, 3:], atol=1e-5)
    np.testing.assert_allclose(moved[:, :, :3], 0, atol=1e-5)


# --- the pose step --------------------------------------------------------------------------------------------------


def test_moments_of_a_rectangle_by_hand():
    mask = torch.zeros(1, GRID, GRID)
    mask[:, 4:10, 6:24] = 1  # 18 wide about x = 15, 6 high about y = 7, on a grid of 24 that spans 2
    (mean_x, mean_y), (spread_x, spread_y) = (of[0].tolist() for of in moments(mask))
    assert mean_x == pytest.approx(15 * 2 / 24 - 1, abs=1e-4)
    assert mean_y == pytest.approx(7 * 2 / 24 - 1, abs=1e-4)
    # variance of n equal pixels: (n^2 - 1) / 12
    assert spread_x == pytest.approx(((18**2 - 1) / 12) ** 0.5 / 12, abs=1e-4)
    assert spread_y == pytest.approx(((6**2 - 1) / 12) ** 0.5 / 12, abs=1e-4)


@pytest.mark.parametrize(("away_x", "away_y"), [(4, 0), (-4, 0), (0, 3), (0, -3), (3, -3)])
def test_a_window_moves_towards_its_object_and_not_beyond(away_x, away_y):
    hill, pose = bell((40 + away_x, 30 + away_y), (5, 5)), poses([40, 30, 20, 20])
    fitted, _ = fit_pose(logits(crop(hill, pose, GRID)), pose, ONE)
    moved = (fitted - pose)[0, :2].tolist()
    for step, away in zip(moved, (away_x, away_y), strict=True):
        assert step == pytest.approx(0, abs=0.02) if away == 0 else 0 < step / away < 1


@pytest.mark.parametrize(("spread", "grows"), [((7.0, 3.5), (True, False)), ((3.5, 7.0), (False, True))])
def test_a_window_grows_and_shrinks_with_its_object(spread, grows):
    pose = poses([40, 30, 20, 20])  # fits spreads of .34 * 15 = 5.1 and .37 * 15 = 5.55
    fitted, _ = fit_pose(logits(crop(bell((40, 30), spread), pose, GRID)), pose, ONE)
    assert ((fitted[0, 2:] > 20).tolist()) == list(grows)


@pytest.mark.parametrize("start", [(36, 33, 24, 16), (44, 27, 16, 26), (40, 30, 20, 20)])
def test_pose_steps_end_where_the_mask_has_the_canonical_moments(start):
    hill, pose = bell((40, 30), (4.2, 6.1)), poses(start)
    for _ in range(60):
        pose, _ = fit_pose(logits(crop(hill, pose, GRID)), pose, ONE)
    came = torch.cat(moments(crop(hill, pose, GRID)[:, 0]), 1)[0].tolist()
    assert came == pytest.approx([0, 0, *CANONICAL_SPREAD], abs=2e-3)
    # a hill cut off at the window's edge spreads a little less than it would; so the window is a little large
    assert pose[0].tolist() == pytest.approx([40, 30, 4.2 / 0.34 / (PAD / 2), 6.1 / 0.37 / (PAD / 2)], rel=0.06)
    assert pose[0, :2].tolist() == pytest.approx([40, 30], abs=0.05)


def test_the_map_that_comes_with_a_pose_step_keeps_the_state_on_the_object():
    hill, pose = bell((43, 28), (6, 4)), poses([40, 30, 20, 20])
    canvas = crop(hill, pose, GRID)
    fitted, to_old = fit_pose(logits(canvas), pose, ONE)
    assert (warp(canvas, to_old) - crop(hill, fitted, GRID))[..., 2:-2, 2:-2].abs().max() < 0.03


def test_a_pose_step_is_bounded():
    pose = poses([40, 30, 20, 20])
    torn = torch.full((1, 1, GRID, GRID), -8.0)
    torn[..., 17:, 17:] = 8  # all that is left is in a corner
    fitted, _ = fit_pose(torn, pose, ONE)
    assert (fitted - pose)[0, :2].tolist() == pytest.approx([LARGEST_SHIFT * 15] * 2, rel=1e-4)
    assert (fitted / pose)[0, 2:].log().tolist() == pytest.approx([-LARGEST_LOG_SCALE] * 2, rel=1e-4)


def test_a_held_window_and_one_with_hardly_a_mask_stay():
    mask = logits(crop(bell((45, 30), (5, 5)), poses([40, 30, 20, 20]), GRID))
    speck = torch.full((1, 1, GRID, GRID), -8.0)
    speck[..., 20:22, 20:22] = 8
    pose = poses([40, 30, 20, 20], [40, 30, 20, 20])
    fitted, to_old = fit_pose(torch.cat([mask, speck]), pose, torch.tensor([0.0, 1.0]))
    torch.testing.assert_close(fitted, pose, rtol=0, atol=0)
    torch.testing.assert_close(to_old, torch.tensor([1.0, 0]).expand(2, 2, 2), rtol=0, atol=0)


def test_no_gradient_flows_through_a_pose_step():
    mask = logits(crop(bell((43, 30), (5, 5)), poses([40, 30, 20, 20]), GRID)).requires_grad_()
    assert not any(part.requires_grad for part in fit_pose(mask, poses([40, 30, 20, 20]), ONE))


# --- windows in OpenCV against whole frames in torch ----------------------------------------------------------------

LARGE = ((30.3, 24.6, 20.2, 22.7), (41.8, 28.1, 17.3, 22.4), (2.5, 50.2, 19.1, 22.7), (-60.0, 20.0, 15.0, 15.0))
"""two that overlap, one that is half outside, one that is wholly so; all at less than 1.5 frame pixels a grid pixel"""
SMALL = ((30.3, 24.6, 11.2, 15.7), (41.8, 28.1, 7.3, 12.4), (2.65, 55.1, 9.0, 9.0))
"""less than a frame pixel a grid pixel"""
RESAMPLED = 1 / 32
"""OpenCV 4 interpolates between pixels in steps of 1/32; OpenCV 5 is exact"""


class Seen:
    """One frame and the slots that look at it, judged by both."""

    def __init__(self, rows):
        self.poses = np.array(rows, np.float32)
        self.slots = len(rows)
        self.image = (smooth_noise((HEIGHT, WIDTH, 3), 1.5) * 255).astype(np.uint8)
        self.verdict = np.zeros((HEIGHT, WIDTH), np.uint8)
        self.verdict[10:40, 15:50], self.verdict[36:44, 20:60], self.verdict[45:58, :12] = 255, 127, 255
        colour = smooth_noise((GRID, GRID, 3 * self.slots), 2.0, seed=1).reshape(GRID, GRID, self.slots, 3)
        axis = (np.arange(GRID) + 0.5) * 2 / GRID - 1
        mask = 0.95 * np.exp(-(axis[None] ** 2 / 0.3**2 + axis[:, None] ** 2 / 0.35**2) / 2)
        mask = np.broadcast_to(mask[..., None, None], (GRID, GRID, self.slots, 1))
        self.canvases = np.ascontiguousarray(np.concatenate([colour, mask], -1).transpose(2, 0, 1, 3), np.float32)
        self.responsibilities = e_step(self.image, self.verdict, self.canvases, self.poses, PIXELS)
        self.frame = torch.from_numpy(self.image).permute(2, 0, 1)[None].float() / 255
        self.judged = torch.from_numpy(np.round(self.verdict / 127.5) / 2).float()[None, None]

    def in_torch(self):
        """gamma (K + 1, H, W) and the masks as laid down (K, H, W)."""
        laid = paste(torch.from_numpy(self.canvases).permute(0, 3, 1, 2), torch.from_numpy(self.poses), HEIGHT, WIDTH)[
            None
        ]
        psi = unroll.Prediction(laid[:, :, 3:], laid[:, :, :3])
        gamma = unroll.e_step(psi, self.frame, self.judged, torch.ones(1, self.slots), PIXELS)
        return gamma[0, :, 0].numpy(), laid[0, :, 3].numpy()

    def owned(self):
        """(K, H, W): what OpenCV gave each slot, nought beyond its window."""
        whole = np.zeros((self.slots, HEIGHT, WIDTH), np.float32)
        patches = self.responsibilities.patches
        for k, gamma in enumerate(patches.views(self.responsibilities.gamma)):
            if (window := patches.windows[k]) is not None:
                whole[k][window] = gamma
        return whole


@pytest.mark.parametrize("rows", [LARGE, SMALL])
def test_the_e_step_by_windows_is_that_of_the_whole_frame(rows):
    seen = Seen(rows)
    gamma, masks = seen.in_torch()
    # beyond its window a slot of the whole frame keeps PROBABILITY_FLOOR, which is worth less than .004 of a pixel
    np.testing.assert_allclose(seen.owned(), gamma[1:], atol=RESAMPLED / 2)
    np.testing.assert_allclose(seen.responsibilities.background, gamma[0], atol=RESAMPLED / 2)
    np.testing.assert_allclose(seen.responsibilities.expected, masks.sum((1, 2)), rtol=0.01)
    first, second = np.sort(gamma, 0)[[-1, -2]]
    sure = first - second > RESAMPLED
    np.testing.assert_array_equal(seen.responsibilities.labels[sure], gamma.argmax(0)[sure])
    assert set(np.unique(seen.responsibilities.labels)) >= {0, 1, 2}
    assert sure.mean() > 0.9


@pytest.mark.parametrize("rows", [LARGE, SMALL])
def test_the_windows_share_out_every_pixel_whole(rows):
    seen = Seen(rows)
    np.testing.assert_allclose(seen.responsibilities.background + seen.owned().sum(0), 1, atol=1e-5)


def assert_looks_as_cropped(rows, inner=np.s_[:]):
    seen = Seen(rows)
    came = crop_frame(seen.image, seen.verdict, seen.responsibilities, seen.poses, GRID)
    owned = torch.from_numpy(seen.owned())[:, None]
    others = 1 - torch.from_numpy(seen.responsibilities.background)[None, None] - owned
    stack = torch.cat([owned, others, *(part.expand(seen.slots, -1, -1, -1) for part in (seen.judged, seen.frame))], 1)
    wanted = crop(stack, torch.from_numpy(seen.poses), GRID).numpy()
    assert came.shape == (seen.slots, 6, GRID, GRID)
    inside = [k for k, window in enumerate(seen.responsibilities.patches.windows) if window is not None]
    np.testing.assert_allclose(came[inside][..., inner, inner], wanted[inside][..., inner, inner], atol=RESAMPLED)
    assert not came[[k for k in range(seen.slots) if k not in inside]].any()


@pytest.mark.parametrize("rows", [LARGE, SMALL])
def test_a_slot_sees_through_opencv_what_it_sees_through_torch(rows):
    assert_looks_as_cropped(rows)


ON_A_PIXEL_EDGE = ((42.0, 28.0, 8.0, 12.0), (30.0, 25.0, 12.0, 8.0))
"""windows that magnify and begin where a pixel begins: the first grid pixel lies before that pixel's centre"""


def test_a_magnified_window_on_a_pixel_edge_shows_the_same_inside():
    assert_looks_as_cropped(ON_A_PIXEL_EDGE, inner=slice(2, -2))


def test_a_magnified_window_on_a_pixel_edge_shows_the_same_at_its_rim():
    assert_looks_as_cropped(ON_A_PIXEL_EDGE)


def test_a_large_object_is_averaged_down_and_loses_none_of_its_colour():
    image = np.zeros((200, 300, 3), np.uint8)
    image[:, ::4] = 200  # one column in four: every fourth grid pixel, or none, would see it by sampling alone
    pose = np.array([[150, 100, 130, 100]], np.float32)
    canvas = np.zeros((1, GRID, GRID, 4), np.float32)
    verdict = np.zeros(image.shape[:2], np.uint8)
    responsibilities = e_step(image, verdict, canvas, pose, PIXELS)
    colour = crop_frame(image, verdict, responsibilities, pose, GRID)[0, 3:, 1:-1, 1:-1]
    np.testing.assert_allclose(colour, 50 / 255, atol=0.07)
    assert colour.mean() == pytest.approx(50 / 255, abs=0.01)


def test_an_object_that_is_averaged_down_is_not_shifted():
    ramp = np.zeros((200, 250, 3), np.uint8)
    ramp[..., 0], ramp[..., 1] = np.arange(250), np.arange(200)[:, None]
    pose = np.array([[131.3, 97.6, 130, 90]], np.float32)
    verdict = np.zeros(ramp.shape[:2], np.uint8)
    responsibilities = e_step(ramp, verdict, np.zeros((1, GRID, GRID, 4), np.float32), pose, PIXELS)
    colour = crop_frame(ramp, verdict, responsibilities, pose, GRID)[0, 3:] * 255
    # the value of a pixel is its index, so half a pixel less than where its centre is
    axis = ((np.arange(GRID) + 0.5) / GRID - 0.5) * PAD
    inner = np.s_[1:-1, 1:-1]
    np.testing.assert_allclose(
        colour[0][inner], np.broadcast_to(131.3 + 130 * axis - 0.5, (GRID, GRID))[inner], atol=1.2
    )
    np.testing.assert_allclose(
        colour[1][inner], np.broadcast_to(97.6 + 90 * axis - 0.5, (GRID, GRID)).T[inner], atol=1.2
    )
    assert abs((colour[0][inner] - (131.3 + 130 * axis - 0.5)[1:-1]).mean()) < 0.3


def test_a_window_outside_the_frame_or_a_sliver_of_it_is_none():
    # the second reaches y up to .2: one row; then 20 +- 7.5 across, 30 +- 13.5 down; and the left half of one that leaves at the right
    poses = np.array([(-30, 20, 15, 15), (30, -11.05, 15, 15), (20, 30, 10, 18), (80, 30, 10, 18)], np.float32)
    assert windows_of(poses, (60, 80)) == [None, None, np.s_[16:44, 12:28], np.s_[16:44, 72:80]]


def test_the_pixels_of_all_windows_lie_one_after_the_other():
    picture = np.arange(20).reshape(4, 5)
    patches = Patches([np.s_[0:2, 1:4], None, np.s_[3:4, 0:2]])
    assert patches.gather(picture).tolist() == [1, 2, 3, 6, 7, 8, 15, 16]
    assert [part.tolist() for part in patches.views(patches.gather(picture))] == [
        [[1, 2, 3], [6, 7, 8]],
        [],
        [[15, 16]],
    ]
    assert patches.slots.tolist() == [0] * 6 + [2] * 2


def test_pixels_of_a_picture_are_found_among_the_rows():
    patches = Patches([np.s_[0:2, 1:4], None, np.s_[3:4, 0:2]])
    indices, slots = np.array([1, 8, 9, 16, 16, 7]), np.array([0, 0, 0, 2, 0, 1])
    inside, rows = patches.rows_at(indices, slots, 5)
    assert inside.tolist() == [True, True, False, True, False, False]
    assert patches.gather(np.arange(20).reshape(4, 5))[rows].tolist() == [1, 8, 16]
