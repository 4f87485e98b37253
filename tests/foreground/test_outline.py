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
    rim = soft_rim(image, SMALL, wide)
    assert np.array_equal(wide & ~rim.unsure, there)
    assert np.array_equal(rim.scene, rim.unsure)


def test_of_a_soft_edge_the_outer_part_goes():
    image, there = _square(220, blur=1.0)
    rim = soft_rim(image, SMALL, _wide(there))
    for part in rim:
        kept = _wide(there) & ~part
        assert (there & ~kept).mean() < 0.001
        assert (kept & ~there).sum() < 0.6 * (_wide(there, 1) & ~there).sum()


def test_a_dull_edge_beside_a_bright_spot_is_unsure_and_not_the_scene():
    image, there = _square(160)
    image[20:24, 40:44] = 250
    wide = _wide(there, 1)
    rim = soft_rim(image, SMALL, wide)
    assert (rim.unsure & there).any()
    assert np.array_equal(wide & ~rim.scene, there)


def test_a_part_of_another_colour_at_the_rim_is_not_the_scene():
    """A dark head on bright shoulders, before grey."""
    image, there = _square(220)
    image[20:22, 40:50] = 60
    assert not (soft_rim(image, SMALL, _wide(there, 1)).scene & there).any()


def test_what_is_like_the_scene_inside_an_object_is_no_rim():
    image, there = _square(220)
    image[28:32, 40:50] = 120
    assert not soft_rim(image, SMALL, there).unsure[25:35, 37:53].any()


def test_where_nothing_may_be_an_object_there_is_no_rim():
    rim = soft_rim(SCENE, SMALL, np.zeros((60, 90), bool))
    assert not any(part.any() for part in rim)


@pytest.mark.parametrize("thick", [1, 3])
def test_an_object_that_is_all_rim_is_not_lost(thick):
    image, there = SCENE.copy(), np.zeros((60, 90), bool)
    there[10:50, 44 : 44 + thick] = True
    image[there] = (200, 90, 120)
    rim = soft_rim(image, SMALL, _wide(there, 1))
    assert np.array_equal(_wide(there, 1) & ~rim.unsure, there)
    assert not (rim.scene & there).any()


def test_an_object_that_looks_like_the_scene_has_no_rim():
    _, there = _square(120)
    rim = soft_rim(SCENE, SMALL, there)
    assert not any(part.any() for part in rim)


def test_an_object_at_the_border_of_the_picture_has_no_rim_there():
    image, there = SCENE.copy(), np.zeros((60, 90), bool)
    there[:20, 30:60] = True
    image[there] = 220
    image[:2, 30:60] = 120  # as dull as the scene, but inside
    assert not soft_rim(image, SMALL, there).unsure[:18, 32:58].any()


def test_a_small_picture_in_a_large_one_is_the_same():
    """Only the window round what may be an object is looked at."""
    image, there = _square(220, blur=1.0)
    wide = _wide(there)
    apart = wide.copy()
    apart[1, 1] = apart[58, 88] = True
    near, far = soft_rim(image, SMALL, wide), soft_rim(image, SMALL, apart)
    assert all(np.array_equal(a[4:56, 4:86], b[4:56, 4:86]) for a, b in zip(near, far, strict=True))


@pytest.mark.parametrize("reach", [3, 8])
def test_white_pictures_do_not_overflow(reach):
    """Sums of squares longer than 16 bits hold, where a picture is much larger than the network's."""
    size = (40 * reach, 60 * reach)
    image, there = np.full((*size, 3), 0, np.uint8), np.zeros(size, bool)
    there[size[0] // 4 : -size[0] // 4, size[1] // 4 : -size[1] // 4] = True
    image[there] = 255
    wide = _wide(there, reach)
    rim = soft_rim(image, np.zeros((40, 60, 3), np.uint8), wide)
    assert np.array_equal(wide & ~rim.scene, there)


def test_labels_end_where_the_object_ends():
    image, there = _square(220)
    wide = _wide(there)
    labels = wide.astype(np.int32) * 7
    nothing = np.zeros((60, 90), np.uint8)
    rim = soft_rim(image, SMALL, wide).unsure
    assert np.array_equal(ForegroundJudgement(nothing, SMALL, None, wide, rim).complete(labels) > 0, there)
    assert np.array_equal(ForegroundJudgement(nothing, SMALL, None, wide).complete(labels) > 0, wide)
