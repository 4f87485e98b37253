"""An outline that the network saw in a smaller picture is as sharp as the frame."""

import cv2
import numpy as np
import pytest

from tracker.foreground.outline import soft_rim
from tracker.foreground.scene import ForegroundJudgement

SCENE = np.full((60, 90, 3), 120, np.uint8)
SMALL = np.full((40, 60, 3), 120, np.uint8)


def _square(grey: int, blur: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """A picture with a square, and where that is."""
    there = np.zeros((60, 90), bool)
    there[20:40, 30:60] = True
    soft = cv2.GaussianBlur(there.astype(np.float32), (0, 0), blur) if blur else there.astype(np.float32)
    return np.uint8(SCENE + soft[..., None] * (grey - 120.0)), there


def _wide(there: np.ndarray, by: int = 2) -> np.ndarray:
    return cv2.dilate(there.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=by) > 0


@pytest.mark.parametrize("grey", [20, 220])
def test_what_is_found_too_wide_ends_where_the_object_ends(grey):
    image, there = _square(grey)
    wide = _wide(there)
    assert np.array_equal(wide & ~soft_rim(image, SMALL, wide), there)


def test_of_a_soft_edge_the_outer_part_goes():
    image, there = _square(220, blur=1.0)
    kept = _wide(there) & ~soft_rim(image, SMALL, _wide(there))
    assert (there & ~kept).mean() < 0.001
    assert (kept & ~there).sum() < 0.6 * (_wide(there, 1) & ~there).sum()


def test_what_is_like_the_scene_inside_an_object_is_no_rim():
    image, there = _square(220)
    image[28:32, 40:50] = 120
    assert not soft_rim(image, SMALL, there)[25:35, 37:53].any()


def test_where_nothing_may_be_an_object_there_is_no_rim():
    assert not soft_rim(SCENE, SMALL, np.zeros((60, 90), bool)).any()


def test_labels_end_where_the_object_ends():
    image, there = _square(220)
    wide = _wide(there)
    labels = wide.astype(np.int32) * 7
    nothing = np.zeros((60, 90), np.uint8)
    rim = soft_rim(image, SMALL, wide)
    assert np.array_equal(ForegroundJudgement(nothing, SMALL, None, wide, rim).complete(labels) > 0, there)
    assert np.array_equal(ForegroundJudgement(nothing, SMALL, None, wide).complete(labels) > 0, wide)
