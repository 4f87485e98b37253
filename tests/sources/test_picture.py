"""A frame's picture: the whole of it and small ones, from an array and from a decoder's planes."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tracker.picture import Picture
from tracker.sources import open_source
from tracker.types import SMALL_PX, Frame, Working
from tracker.yuv import ColourSpace, YuvImage, to_rgb


def blocks(width: int, height: int) -> np.ndarray:
    """A picture whose colours change slowly, so that shrinking it by other rules changes little."""
    y, x = np.mgrid[:height, :width]
    return np.stack([255 * x / width, 255 * y / height, 255 * (x + y) / (width + height)], 2).astype(np.uint8)


def write_video(path: Path, images: list[np.ndarray], *, pix_fmt: str = "yuv420p", **tags: str) -> Path:
    height, width = images[0].shape[:2]
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25, options={"qp": "0" if pix_fmt == "yuv444p" else "4", **tags})
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        for image in images:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        file.mux(stream.encode(None))
    return path


def frames(path: Path) -> list[Frame]:
    with open_source(str(path)) as source:
        return list(source)


def test_an_array_is_its_own_whole_picture_and_is_made_smaller_once() -> None:
    image = blocks(1280, 720)
    picture = Picture.of(image)
    assert np.shares_memory(picture.at("full"), image)
    assert picture.at(640).shape == (360, 640, 3)
    assert picture.at(640) is picture.at(640)
    np.testing.assert_array_equal(picture.at(2000), image)
    assert image.flags.writeable  # the caller's array stays the caller's
    with pytest.raises(ValueError, match="read-only"):
        picture.at("full")[0, 0, 0] = 1


def test_the_tiny_picture_is_made_of_the_small_one_once() -> None:
    picture = Picture.of(blocks(1280, 720))
    tiny = picture.tiny()
    np.testing.assert_array_equal(tiny, cv2.resize(picture.at(640), (160, 90), interpolation=cv2.INTER_AREA))
    assert picture.tiny() is tiny
    assert not tiny.flags.writeable
    assert np.shares_memory(Picture.of(small := blocks(96, 54)).tiny(), small)


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p"])
def test_a_small_picture_of_a_video_is_that_of_the_whole_one(tmp_path: Path, pix_fmt: str) -> None:
    (frame,) = frames(write_video(tmp_path / "clip.mp4", [blocks(1280, 720)], pix_fmt=pix_fmt))
    assert frame.size == (1280, 720)
    small, whole = frame.small, frame.image
    assert small.shape == (360, SMALL_PX, 3)
    assert whole.shape == (720, 1280, 3)
    averaged = Picture.of(whole).at(SMALL_PX)
    apart = np.abs(small.astype(int) - averaged)
    assert apart.mean() < 1.5  # of whole pictures FFmpeg rounds down
    assert apart.max() <= 6  # where colours are clipped


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (1024, 1024)])
def test_a_small_picture_is_the_mean_of_the_planes_rounded_once(tmp_path: Path, size: tuple[int, int]) -> None:
    (frame,) = frames(write_video(tmp_path / "clip.mp4", [blocks(*size)]))
    planes, small = frame.picture.planes(), frame.picture.at(640)
    assert planes is not None
    shape = small.shape[1::-1]
    means = [cv2.resize(plane.astype(np.float32), shape, interpolation=cv2.INTER_AREA) for plane in planes.arrays]
    light, blue, red = means[0] - 16, means[1] - 128, means[2] - 128
    exact = 255 / 219 * light[..., None] + 255 / 224 * np.stack(
        [1.402 * red, -0.344136 * blue - 0.714136 * red, 1.772 * blue], 2
    )
    apart = small - np.clip(exact, 0, 255)
    assert np.abs(apart.mean((0, 1))).max() < 0.1
    assert np.abs(apart).mean() < 0.4  # a quarter is what rounding costs


def test_a_small_picture_has_a_colour_for_each_of_its_pixels(tmp_path: Path) -> None:
    striped = np.zeros((720, 1280, 3), np.uint8)
    striped[:, 0::4] = striped[:, 1::4] = (200, 0, 0)
    striped[:, 2::4] = striped[:, 3::4] = (0, 0, 200)
    (frame,) = frames(write_video(tmp_path / "clip.mp4", [striped]))
    red, _, blue = cv2.split(frame.picture.at(640).astype(int))
    # not 200: colour is stored at the left of the two pixels that share it, so half of it is their neighbours'
    assert (red[:, 0::2] - blue[:, 0::2]).mean() > 50
    assert (blue[:, 1::2] - red[:, 1::2]).mean() > 50


def test_a_thinned_picture_keeps_the_noise(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noisy = np.clip(128 + rng.normal(0, 20, (720, 1280, 1)), 0, 255).astype(np.uint8).repeat(3, 2)
    (frame,) = frames(write_video(tmp_path / "clip.mp4", [noisy]))
    assert frame.picture.thinned(8).shape == (90, 160, 3)
    assert frame.picture.thinned(8)[..., 1].std() > 15
    assert frame.picture.at(160)[..., 1].std() < 6


@pytest.mark.parametrize("step", [1, 3, 8])
def test_a_thinned_picture_has_pixels_of_the_whole_one(tmp_path: Path, step: int) -> None:
    (frame,) = frames(write_video(tmp_path / "clip.mp4", [blocks(1280, 720)], colorspace="bt709"))
    apart = np.abs(frame.picture.thinned(step).astype(int) - frame.image[::step, ::step])
    assert apart.mean() < 1.5
    assert apart.max() <= 6  # where colours are clipped


def test_planes_are_what_the_decoder_stores(tmp_path: Path) -> None:
    (frame,) = frames(write_video(tmp_path / "clip.mp4", [blocks(646, 358)]))
    planes = frame.picture.planes()
    assert planes is not None
    assert [plane.shape for plane in planes.arrays] == [(358, 646), (179, 323), (179, 323)]
    with av.open(str(tmp_path / "clip.mp4")) as file:
        (decoded,) = file.decode(video=0)
    flat = np.concatenate([plane.ravel() for plane in planes.arrays])
    np.testing.assert_array_equal(flat, decoded.to_ndarray(format="yuv420p").ravel())


def test_other_formats_have_no_planes(tmp_path: Path) -> None:
    (frame,) = frames(write_video(tmp_path / "clip.mp4", [blocks(640, 360)], pix_fmt="yuv444p"))
    assert frame.picture.planes() is None
    assert Picture.of(blocks(64, 36)).planes() is None


@pytest.mark.parametrize(
    ("pix_fmt", "tags", "space"),
    [
        ("yuv420p", {}, ColourSpace(6, False, 6, 6)),  # nothing is said: BT.601, as FFmpeg converts it
        ("yuv420p", {"colorspace": "bt709"}, ColourSpace(1, False, 1, 1)),
        ("yuv420p", {"colorspace": "bt709", "color_range": "pc"}, ColourSpace(1, True, 1, 1)),
        ("yuvj420p", {"colorspace": "smpte170m"}, ColourSpace(6, True, 6, 6)),
        ("yuv420p", {"colorspace": "bt470bg", "color_primaries": "bt709"}, ColourSpace(5, False, 1, 6)),
        ("yuv420p", {"colorspace": "bt709", "color_trc": "iec61966-2-1"}, ColourSpace(1, False, 1, 13)),
    ],
)
def test_planes_say_how_they_stand_for_colours(
    tmp_path: Path, pix_fmt: str, tags: dict[str, str], space: ColourSpace
) -> None:
    (frame,) = frames(write_video(tmp_path / "clip.mp4", [blocks(640, 360)], pix_fmt=pix_fmt, **tags))
    planes = frame.picture.planes()
    assert planes is not None
    assert planes.space == space
    # and by that they become the picture that everybody else is given
    assert np.abs(to_rgb(YuvImage.of(planes)).astype(int) - frame.image).mean() < 1.5


@pytest.mark.parametrize("tags", [{"colorspace": "bt2020nc"}, {"colorspace": "bt709", "color_trc": "smpte2084"}])
def test_colours_that_cannot_be_drawn_in_have_no_planes(tmp_path: Path, tags: dict[str, str]) -> None:
    (frame,) = frames(write_video(tmp_path / "clip.mp4", [blocks(640, 360)], **tags))
    assert frame.picture.planes() is None


@pytest.mark.parametrize("width", [640, 16_384, "full"])
def test_a_sampled_picture_is_the_frame_at_that_width(tmp_path: Path, width: Working) -> None:
    path = write_video(tmp_path / "clip.mp4", [np.roll(blocks(1280, 720), 40 * n, axis=1) for n in range(4)])
    with open_source(str(path)) as source:
        sampled = source.sample(2, width=width)
    expected = [frame.picture.at(width) for frame in frames(path)[::2]]
    assert len(sampled) == 2
    assert all(map(np.array_equal, sampled, expected))


def test_pictures_of_a_folder_are_sampled_at_a_width_too(tmp_path: Path) -> None:
    for n in range(2):
        cv2.imwrite(str(tmp_path / f"{n}.png"), blocks(128, 64))
    with open_source(str(tmp_path)) as source:
        sampled = source.sample(2, width=32)
        expected = [frame.picture.at(32) for frame in source]
    assert [image.shape for image in sampled] == [(16, 32, 3)] * 2
    assert all(map(np.array_equal, sampled, expected))


@pytest.mark.parametrize("suffix", [".mp4", ""])
def test_a_closed_source_is_sampled_no_further(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"clip{suffix}"
    if suffix:
        write_video(path, [blocks(64, 48)] * 3)
    else:
        path.mkdir()
        cv2.imwrite(str(path / "1.png"), blocks(64, 48))
    source = open_source(str(path))
    assert source.sample(1)
    source.close()
    assert source.sample(1) == []
