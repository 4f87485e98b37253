"""RGB to YUV and back, against FFmpeg's conversion."""

import av
import cv2
import numpy as np
import pytest

from tracker.yuv import BT601, ColourSpace, Planes, YuvImage, to_rgb, to_yuv, yuv_of

SPACES = {
    "BT.601": BT601,
    "BT.601 full": ColourSpace(full_range=True),
    "BT.709": ColourSpace(1, False, 1, 1),
    "BT.709 full": ColourSpace(1, True, 1, 1),
}
each_space = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES.keys())


def soft(width, height):
    """A picture of many colours without hard edges."""
    coarse = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


@each_space
def test_planes_are_those_that_ffmpeg_makes(space):
    image = soft(96, 64)
    theirs = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(
        format="yuv420p",
        interpolation="AREA",
        dst_colorspace="ITU709" if space.matrix == 1 else "ITU601",
        dst_color_range="JPEG" if space.full_range else "MPEG",
    )
    apart = np.abs(to_yuv(image, space).rows.astype(int) - theirs.to_ndarray())
    assert apart.max() <= 2
    assert apart.mean() < 0.3


@each_space
def test_there_and_back_is_the_same_picture(space):
    image = soft(96, 64)
    apart = np.abs(to_rgb(to_yuv(image, space)).astype(int) - image)
    assert apart.mean() < 2.5
    assert np.percentile(apart, 99) < 16


@each_space
@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 200, 30), (10, 20, 255)])
def test_a_colour_is_what_a_picture_of_it_becomes(space, colour):
    y, u, v, _ = to_yuv(np.full((4, 4, 3), colour, np.uint8), space).planes
    assert np.abs(np.array(yuv_of(colour, space)) - [y[1, 1], u[1, 1], v[1, 1]]).max() <= 1


def test_the_ends_of_the_ranges():
    assert yuv_of((0, 0, 0), BT601) == (16, 128, 128)
    assert yuv_of((255, 255, 255), BT601) == (235, 128, 128)
    assert yuv_of((255, 255, 255), ColourSpace(full_range=True)) == (255, 128, 128)
    assert yuv_of((0, 0, 255), ColourSpace(1, False, 1, 1)) == (32, 240, 118)


@pytest.mark.parametrize("row", [10, 11])
def test_a_line_of_one_pixel_gives_its_block_half_its_colour(row):
    image = np.full((32, 32, 3), 128, np.uint8)
    image[row] = (255, 0, 0)
    _, _, v, _ = to_yuv(image).planes
    full = yuv_of((255, 0, 0), BT601)[2]
    assert abs(int(v[5, 5]) - (128 + full) / 2) <= 3


@pytest.mark.parametrize("size", [(8, 4), (8, 6), (2, 2), (34, 18)])
def test_planes_and_rows_are_two_views_of_one_picture(size):
    width, height = size
    rng = np.random.default_rng(1)
    planes = Planes(
        rng.integers(0, 256, (height, width + 5), np.uint8)[:, :width],  # as a decoder has them, with padded rows
        *rng.integers(0, 256, (2, height // 2, width // 2), np.uint8),
    )
    made = YuvImage.of(planes)
    assert made.size == size
    assert all(np.array_equal(a, b) for a, b in zip(made.planes.arrays, planes.arrays, strict=True))
    assert np.array_equal(made.rows.ravel(), np.concatenate([plane.ravel() for plane in planes.arrays]))
    made.planes.v[:] = 7
    assert (made.rows.ravel()[-planes.v.size :] == 7).all()
