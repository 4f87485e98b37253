"""Picture files as a clip: what is damaged, files of many pictures, and values of more than 8 bits."""

from __future__ import annotations

import contextlib
import struct
import zlib

import av
import clips
import cv2
import numpy as np
import pytest
from commands import call
from PIL import Image as Pillow
from PIL import TiffImagePlugin

from tracker.errors import SourceError
from tracker.sources import open_source
from tracker.sources.depth import find_stretch
from tracker.sources.pages import find_pages

SIZE = (64, 48)
FORMATS = ["png", "jpg", "bmp", "tif", "webp", "ppm", "jp2"]


def read(source):
    return list(source)


def save_pages(path, pictures, **options):
    first, *rest = [Pillow.fromarray(picture) for picture in pictures]
    first.save(path, save_all=True, append_images=rest, **options)
    return path


def numbers_of(source):
    return [frame.number for frame in source]


# Damage


def empty(path):
    path.write_bytes(b"")


def cut(path):
    clips.cut(path, keep=0.5)


def other_size(path):
    Pillow.fromarray(clips.draw(1, (48, 48))[0]).save(path)


def text(path):
    path.write_text("no picture\n" * 30)


def gone(path):
    path.unlink()


DAMAGE = {
    empty: "it is empty, 0 bytes",
    cut: "",
    other_size: "is 48x48, but the clip is 64x48",
    text: "not a picture, or of a kind that cannot be read",
    gone: "it is gone",
}


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("which", [0, 4, 11])
def test_one_broken_picture_is_left_out_counted_and_named(tmp_path, damage, which):
    folder = clips.write_pictures(tmp_path / "lapse", clips.draw_noise(12))
    if damage is gone:
        source = open_source(str(folder))
        damage(folder / f"frame{which}.png")
    else:
        damage(folder / f"frame{which}.png")
        source = open_source(str(folder))
    assert source.info.size == SIZE
    frames = read(source)
    assert [frame.number for frame in frames] == [n for n in range(12) if n != which]
    assert [frame.index for frame in frames] == list(range(11))
    assert [frame.place for frame in frames] == [frame.number for frame in frames]
    assert [frame.time_s for frame in frames] == [frame.number / 25 for frame in frames]
    assert source.problem.startswith(f"{'/'.join(folder.parts[-2:])}: 1 of 12 pictures left out: frame{which}.png: ")
    assert source.problem.endswith(DAMAGE[damage])
    assert len(source.sample(12)) == 11


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_cut_picture_of_any_format_loses_only_itself(tmp_path, suffix, capfd):
    folder = clips.write_pictures(tmp_path / "lapse", clips.draw_noise(4), name="{}." + suffix)
    clips.cut(folder / f"2.{suffix}", keep=0.3)
    source = open_source(str(folder))
    assert numbers_of(source) == [0, 1, 3]
    assert f"2.{suffix}" in source.problem
    assert capfd.readouterr() == ("", "")


def test_several_broken_pictures_name_the_first_and_count_all(tmp_path):
    folder = clips.write_pictures(tmp_path / "lapse", clips.draw(20))
    for n in (3, 5, 7, 11, 13):
        empty(folder / f"frame{n}.png")
    source = open_source(str(folder))
    assert len(read(source)) == 15
    assert "5 of 20 pictures left out: frame3.png: " in source.problem
    assert source.problem.endswith("frame7.png: it is empty, 0 bytes; and 2 more")
    assert "\n" not in source.problem


def test_all_broken_is_an_error_that_names_the_first(tmp_path):
    folder = clips.write_pictures(tmp_path / "lapse", clips.draw(3))
    for path in folder.iterdir():
        empty(path)
    with pytest.raises(SourceError, match=r"cannot be read: frame0.png: it is empty.*nor any of the other 2 pictures"):
        open_source(str(folder))
    sound = clips.write_pictures(tmp_path / "sound headers", clips.draw_noise(3), name="{}.jpg")
    for path in sound.iterdir():
        cut(path)
    with pytest.raises(SourceError, match=r"3 of 3 pictures left out: 0.jpg: .*; nothing is left"):
        read(open_source(str(sound)))


def test_a_few_good_pictures_among_many_broken_ones_are_found(tmp_path):
    folder = clips.write_pictures(tmp_path / "lapse", clips.draw(100))
    for n in range(100):
        if n not in (50, 51):
            empty(folder / f"frame{n}.png")
    assert numbers_of(open_source(str(folder))) == [50, 51]


def test_a_first_picture_of_another_size_does_not_decide_the_clips(tmp_path):
    folder = clips.write_pictures(tmp_path / "lapse", clips.draw(8))
    other_size(folder / "frame0.png")
    source = open_source(str(folder))
    assert source.info.size == SIZE
    assert any("of several sizes: those of 64x48 are read" in note for note in source.info.notes)
    assert numbers_of(source) == list(range(1, 8))


def test_a_picture_that_claims_to_be_huge_is_refused_unread(tmp_path):
    folder = clips.write_pictures(tmp_path / "lapse", clips.draw(3))
    path = folder / "frame1.png"
    content = bytearray(path.read_bytes())
    content[16:24] = struct.pack(">II", 60_000, 60_000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)
    source = open_source(str(folder))
    assert numbers_of(source) == [0, 2]
    assert "frame1.png: it is too large, more than" in source.problem


def test_the_command_goes_on_warns_and_keeps_the_problem(tmp_path):
    folder = clips.write_pictures(tmp_path / "lapse", clips.draw(6), name="{:03d}.jpg")
    empty(folder / "004.jpg")
    done = call("process", folder, "--lanes", "gmm", "--no-video", "-o", tmp_path / "a.mp4")
    assert done.exit_code == 0
    assert "tracker: warning: " in done.stderr
    assert "004.jpg" in done.stderr
    assert '"frames": 5' in (tmp_path / "a.summary.json").read_text()
    assert "004.jpg" in (tmp_path / "a.summary.json").read_text()


# Files of many pictures


def greys(count, step=20):
    return [np.full((48, 64, 3), step * n, np.uint8) for n in range(count)]


@pytest.mark.parametrize("name", ["stack.tif", "stack.tiff", "stack.png", "stack.webp"])
def test_every_page_of_a_file_is_a_frame(tmp_path, name):
    options = {"lossless": True} if name.endswith("webp") else {}
    path = save_pages(tmp_path / name, greys(7), **options)
    source = open_source(str(path))
    frames = read(source)
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [0, 20, 40, 60, 80, 100, 120]
    assert [frame.number for frame in frames] == list(range(1, 8))
    assert (source.info.frame_count, source.problem) == (7, None)
    assert [int(image[0, 0, 0]) for image in source.sample(4)] == [0, 20, 60, 100]


@pytest.mark.parametrize("name", ["a.png", "a.webp"])
def test_animations_have_their_own_times(tmp_path, name):
    options = {"lossless": True} if name.endswith("webp") else {}
    path = save_pages(tmp_path / name, greys(4), duration=[100, 250, 50, 600], **options)
    source = open_source(str(path))
    assert [frame.time_s for frame in read(source)] == pytest.approx([0, 0.1, 0.35, 0.4])
    assert source.info.fps == pytest.approx(4)
    assert source.info.notes == ()
    assert [frame.number for frame in open_source(str(path), start_s=0.3)] == [3, 4]
    with pytest.raises(SourceError, match=r"has times of its own; --fps is for pictures without times"):
        open_source(str(path), fps=10)


def test_a_delay_of_nothing_counts_as_the_others_and_none_at_all_as_unknown(tmp_path):
    some = save_pages(tmp_path / "some.png", greys(3), duration=[100, 0, 100])
    assert [frame.time_s for frame in open_source(str(some))] == pytest.approx([0, 0.1, 0.2])
    none = save_pages(tmp_path / "none.png", greys(3), duration=0)
    assert [frame.time_s for frame in open_source(str(none), fps=2)] == [0, 0.5, 1]


def test_the_still_of_an_animation_for_other_programs_is_left_out(tmp_path):
    path = save_pages(tmp_path / "a.png", greys(4), default_image=True, duration=100)
    source = open_source(str(path))
    assert [int(frame.image[0, 0, 0]) for frame in source] == [20, 40, 60]
    assert source.info.notes == ("the picture for programs without animation is left out",)


def test_a_folder_of_stacks_is_one_clip_page_by_page(tmp_path):
    for n in range(3):
        save_pages(tmp_path / f"stack{n}.tif", [picture + n for picture in greys(4)])
    source = open_source(str(tmp_path), fps=10)
    frames = read(source)
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [20 * page + n for n in range(3) for page in range(4)]
    assert [frame.number for frame in frames] == list(range(1, 13))
    assert frames[-1].time_s == pytest.approx(1.1)


def test_a_truth_for_a_folder_of_stacks_is_refused(tmp_path):
    (tmp_path / "gt.txt").write_text("1,1,0,0,5,5\n")
    (tmp_path / "frames").mkdir()
    save_pages(tmp_path / "frames" / "1.tif", greys(3))
    done = call("compare", tmp_path / "frames", "--truth", tmp_path / "gt.txt", "--lanes", "gmm", "-o", tmp_path / "o")
    assert done.exit_code == 1
    assert "1.tif: holds 3 pictures; a truth finds frames by their file's number" in done.stderr


def test_a_page_of_another_size_is_left_out(tmp_path):
    pictures = greys(5)
    pictures[3] = pictures[3][:24, :32]
    source = open_source(str(save_pages(tmp_path / "stack.tif", pictures)))
    assert numbers_of(source) == [1, 2, 3, 5]
    assert "1 of 5 pictures left out: stack.tif, page 4: is 32x24, but the clip is 64x48" in source.problem


def test_a_stack_that_was_cut_short_gives_its_whole_pages(tmp_path):
    path = clips.cut(save_pages(tmp_path / "stack.tif", clips.draw_noise(10)), keep=0.55)
    source = open_source(str(path))
    assert len(read(source)) == 5
    assert "stack.tif is cut short" in source.problem


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.tif"])
@pytest.mark.parametrize("keep", [0.02, 0.2, 0.5, 0.9, 0.99])
def test_a_cut_file_of_pages_is_an_error_or_a_problem_never_silence(tmp_path, name, keep, capfd):
    path = clips.cut(save_pages(tmp_path / name, clips.draw_noise(6)), keep=keep)
    with contextlib.suppress(SourceError):
        source = open_source(str(path))
        assert len(read(source)) < 6
        assert source.problem is not None
    assert capfd.readouterr() == ("", "")


def test_smaller_copies_and_masks_in_a_tiff_are_no_frames(tmp_path):
    pages = [Pillow.fromarray(picture) for picture in greys(3)]
    small = pages[0].resize((32, 24))
    with TiffImagePlugin.AppendingTiffWriter(str(tmp_path / "a.tif"), True) as file:
        for page, kind in ((pages[0], 0), (small, 1), (pages[1], 0), (small, 1), (pages[2], 0)):
            info = TiffImagePlugin.ImageFileDirectory_v2()
            info[254] = kind
            page.save(file, format="TIFF", tiffinfo=info)
            file.newFrame()
    source = open_source(str(tmp_path / "a.tif"))
    assert [int(frame.image[0, 0, 0]) for frame in source] == [0, 20, 40]
    assert source.info.notes[0] == "2 smaller copies or masks of a page are left out"
    assert source.problem is None


@pytest.mark.parametrize(
    ("description", "indices", "step_s", "note"),
    [
        ("images=6\nslices=6\nfinterval=0.5", (0, 1, 2, 3, 4, 5), 0.5, None),
        ("images=6\nchannels=2\nframes=3", (0, 2, 4), None, "2 channels: the first of each is read"),
        ("images=6\nslices=3\nframes=2", (0, 3), None, "3 slices: the first of each is read"),
        ("images=6\nslices=6\nfinterval=2\ntunit=min", (0, 1, 2, 3, 4, 5), 120.0, None),
        ("images=6\nslices=6\nfinterval=500\ntunit=ms", (0, 1, 2, 3, 4, 5), 0.5, None),
        ("images=6\nfinterval=2\ntunit=\\u00B5s", (0, 1, 2, 3, 4, 5), 2e-6, None),
        (
            "images=6\nslices=6\nfinterval=3\ntunit=beats",
            (0, 1, 2, 3, 4, 5),
            3.0,
            "the unit of its time step, 'beats', is not known: taken for seconds",
        ),
        ("images=6\nfinterval=nan", (0, 1, 2, 3, 4, 5), None, None),
    ],
)
def test_imagejs_stacks_by_their_description(tmp_path, description, indices, step_s, note):
    path = save_pages(tmp_path / "a.tif", greys(6), tiffinfo={270: f"ImageJ=1.54f\n{description}\n"})
    pages = find_pages(path)
    assert pages.indices == indices
    assert pages.durations_s == (None if step_s is None else (step_s,) * len(indices))
    assert pages.notes == (() if note is None else (note,))


@pytest.mark.parametrize(
    ("said", "indices", "step_s", "note"),
    [
        ('DimensionOrder="XYCZT" SizeC="2" SizeZ="1" SizeT="3" TimeIncrement="10"', (0, 2, 4), 10.0, "2 channels: the first of each"),
        ('DimensionOrder="XYTCZ" SizeC="2" SizeZ="1" SizeT="3"', (0, 1, 2), None, "2 channels: the first of each"),
        (
            'DimensionOrder="XYZTC" SizeC="1" SizeZ="3" SizeT="2" TimeIncrement="2" TimeIncrementUnit="min"', (0, 3), 120.0,
            "3 slices: the first of each",
        ),
        ('DimensionOrder="XYCZT" SizeC="1" SizeZ="6" SizeT="1"', (0, 1, 2, 3, 4, 5), None, None),
        ('DimensionOrder="XYCZT" SizeC="3" SizeZ="1" SizeT="6"', (0, 1, 2, 3, 4, 5), None, None),  # colours of one page
        (
            'DimensionOrder="XYCZT" SizeC="2" SizeZ="1" SizeT="30"', (0, 1, 2, 3, 4, 5), None,
            "its OME text does not fit its 6 pages (2 channels, 1 slices, 30 times): read page by page",
        ),
        ('DimensionOrder="XYCZT" SizeC="6" SizeZ="1" SizeT="1"', (0, 1, 2, 3, 4, 5), None, None),
        (
            'DimensionOrder="XYZCT" SizeC="1" SizeZ="1" SizeT="6" TimeIncrement="100" TimeIncrementUnit="XXs"', (0, 1, 2, 3, 4, 5),
            1e-4, None,
        ),
        (
            'DimensionOrder="XYZCT" SizeC="1" SizeZ="1" SizeT="4" TimeIncrement="1"/></Image><Image><Pixels SizeC="2" SizeZ="1" SizeT="1"',
            (0, 1, 2, 3), 1.0, "2 images: the first is read",
        ),
        ('DimensionOrder="nonsense" SizeT="3"', (0, 1, 2, 3, 4, 5), None, None),
    ],
)  # fmt: skip
def test_ome_stacks_by_their_description(tmp_path, said, indices, step_s, note):
    text = f'<?xml version="1.0"?><OME xmlns="ome"><Image ID="Image:0"><Pixels ID="Pixels:0" {said}/></Image></OME>'
    path = save_pages(tmp_path / "a.ome.tif", greys(6), tiffinfo={270: text})
    path.write_bytes(path.read_bytes().replace(b"XXs", "\u00b5s".encode()))  # Pillow writes ASCII, OME UTF-8
    pages = find_pages(path)
    assert pages.indices == indices
    assert pages.durations_s == (None if step_s is None else pytest.approx((step_s,) * len(indices)))
    assert len(pages.notes) == (note is not None)
    assert note is None or note in pages.notes[0]
    one = find_pages(save_pages(tmp_path / "one.ome.tif", greys(1), tiffinfo={270: text}))
    assert (one.indices, one.notes) == ((0,), ())


def test_a_stack_of_which_only_the_first_page_can_be_found_is_said(tmp_path):
    path = tmp_path / "a.tif"
    Pillow.fromarray(greys(1)[0]).save(path, tiffinfo={270: "ImageJ=1.54f\nimages=900\nslices=900\n"})
    assert "holds 900 pictures, of which only the first can be found" in open_source(str(path)).info.notes[0]


def test_a_tiff_whose_directories_go_in_circles_ends(tmp_path):
    entry = struct.pack("<HHI4s", 256, 3, 1, b"\x01\0\0\0")
    (tmp_path / "a.tif").write_bytes(b"II*\0" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 8))
    assert find_pages(tmp_path / "a.tif").indices == (0,)
    with pytest.raises(SourceError):
        read(open_source(str(tmp_path / "a.tif")))


def test_a_picture_behind_a_jpeg_is_left_out_and_said(tmp_path):
    for n in range(2):
        save_pages(tmp_path / f"{n}.jpg", greys(2), format="MPO")
    source = open_source(str(tmp_path), fps=25)
    assert len(read(source)) == 2
    assert source.info.notes == (
        "only the first picture of each JPEG is read; others, such as a depth map, are left out",
    )


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_a_turned_camera_gives_upright_pictures(tmp_path, suffix):
    exif = Pillow.Exif()
    exif[0x0112] = 6  # a quarter clockwise
    for n, picture in enumerate(clips.draw(3)):
        Pillow.fromarray(picture).save(tmp_path / f"{n}.{suffix}", exif=exif)
    source = open_source(str(tmp_path))
    assert source.info.size == (48, 64)
    frames = read(source)
    assert len(frames) == 3
    assert int(frames[0].image[5, -5, 0]) - int(frames[0].image[5, -5, 1]) > 100  # the red corner, drawn top left


def test_pictures_without_times_say_what_is_assumed(tmp_path):
    folder = clips.write_pictures(tmp_path, clips.draw(3))
    assert "25 a second are assumed" in open_source(str(folder)).info.notes[0]
    assert open_source(str(folder), fps=25).info.notes == ()


# Depth


def scene(count=12, *, low=60, high=200):
    """(H, W) float pictures of a soft ground with a square that walks, in 8-bit grey levels."""
    ground = np.linspace(low, high, 64)[None].repeat(48, axis=0)
    pictures = []
    for n in range(count):
        picture = ground.copy()
        picture[20:30, 4 * n : 4 * n + 8] = 20
        pictures.append(picture)
    return pictures


def write(folder, pictures, suffix="png"):
    folder.mkdir()
    for n, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"{n:03d}.{suffix}"), picture)
    return str(folder)


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_a_scene_of_more_bits_is_shown_as_the_same_scene_in_eight(tmp_path, bits, suffix):
    pictures = scene()
    eight = read(open_source(write(tmp_path / "eight", [p.astype(np.uint8) for p in pictures])))
    source = open_source(write(tmp_path / "deep", [(p * 2 ** (bits - 8)).astype(np.uint16) for p in pictures], suffix))
    for shown, wanted in zip(read(source), eight, strict=True):
        np.testing.assert_array_equal(shown.image, wanted.image)
    said = [note for note in source.info.notes if "values" in note]
    assert said == ([] if bits == 16 else [f"its values are taken to run from 0, black, to {2**bits - 1}, white"])


def test_colours_of_sixteen_bits_are_not_cut_to_their_high_byte(tmp_path):
    pictures = [np.dstack([p, p / 2, p / 4]) for p in scene()]
    for suffix in ("png", "tif", "ppm"):
        source = open_source(write(tmp_path / suffix, [(p * 16).astype(np.uint16) for p in pictures], suffix))
        for frame, picture in zip(read(source), pictures, strict=True):
            np.testing.assert_array_equal(frame.image[..., ::-1], picture.astype(np.uint8))


def test_pages_of_sixteen_bits(tmp_path):
    pages = [(p * 16).astype(np.uint16) for p in scene()]
    cv2.imwritemulti(str(tmp_path / "grey.tif"), pages)
    cv2.imwritemulti(str(tmp_path / "colour.tif"), [np.dstack([page] * 3) for page in pages])
    for name in ("grey.tif", "colour.tif"):
        frames = read(open_source(str(tmp_path / name)))
        assert len(frames) == len(pages)
        for frame, page in zip(frames, pages, strict=True):
            np.testing.assert_array_equal(frame.image[..., 1], page >> 4)


def test_temperatures_are_stretched_once_for_the_whole_clip(tmp_path):
    pictures = [(29500 + 2 * p).astype(np.uint16) for p in scene(20)]
    pictures[7][:] = 0  # a loss of signal
    for picture in pictures:
        picture[0, 0], picture[0, 1] = 65535, 0  # a hot pixel and a dead one
    folder = write(tmp_path / "thermal", pictures)
    source = open_source(folder)
    frames = read(source)
    images = [frame.image[..., 0].astype(int) for frame in frames]
    assert images[3][40, 60] - images[3][40, 4] > 100
    assert images[3][40, 60] == images[15][40, 60]
    assert images[3][40, 30] - images[3][25, 14] > 40  # the square that walks
    assert any("its values differ little: 29" in note for note in source.info.notes)
    part = read(open_source(folder, start_s=0.4))
    np.testing.assert_array_equal(part[0].image, frames[10].image)


@pytest.mark.parametrize(
    ("kind", "scale", "note"),
    [
        (np.float32, 1 / 256, "from 0, black, to 1, white"),
        (np.float64, 1 / 256, "from 0, black, to 1, white"),
        (np.float32, 1, "from 0, black, to 255, white"),
        (np.float32, -3.0, "differ little"),
        (np.int32, 50_000, "from 0, black, to 16777215, white"),
        (np.int16, -3, "differ little"),
    ],
)
def test_floating_point_and_signed_values(tmp_path, kind, scale, note):
    source = open_source(write(tmp_path / "a", [(p * scale).astype(kind) for p in scene()], "tif"))
    image = read(source)[0].image[..., 0].astype(int)
    assert abs(image[40, 60] - image[40, 4]) > 40
    assert any(note in line for line in source.info.notes)


@pytest.mark.parametrize(("kind", "bits"), [("gray16le", 12), ("gbrp16le", 14), ("gray16le", 16), ("gray12le", 16)])
def test_a_video_of_more_bits_than_it_uses_is_shown_as_the_same_scene_in_eight(tmp_path, kind, bits):
    pictures = scene()
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, kind
        for n, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray((picture * 2 ** (bits - 8)).astype(np.uint16), format="gray16le")
            frame.pts = n
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    source = open_source(str(tmp_path / "a.mkv"))
    frames = read(source)
    for frame, picture in zip(frames, pictures, strict=True):
        assert np.abs(frame.image[..., 1].astype(int) - picture).max() <= 2
    assert np.array_equal(source.sample(12)[5], frames[5].image)
    assert any("values" in note for note in source.info.notes) == (bits < 16)


def test_nothing_measured_is_black_and_disturbs_no_other_value():
    values = np.linspace(0, 1, 100, dtype=np.float32).reshape(10, 10)
    holed = values.copy()
    holed[0, :3] = np.nan, np.inf, -np.inf
    stretch = find_stretch([holed])
    assert (stretch.low, stretch.high) == (0, 1)
    assert stretch(holed)[0, :3].tolist() == [0, 255, 0]
    np.testing.assert_array_equal(stretch(holed)[1:], stretch(values)[1:])


@pytest.mark.parametrize("value", [0, 7, 40_000])
def test_pictures_of_one_value_are_no_reason_to_fail(value):
    stretch = find_stretch([np.full((4, 4), value, np.uint16)])
    assert stretch(np.full((4, 4), value, np.uint16)).dtype == np.uint8


def test_bits_that_are_used_are_left_as_they_are():
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    stretch = find_stretch([values])
    np.testing.assert_array_equal(stretch(values), values >> 8)
    assert stretch.note is None


def test_what_is_transparent_is_one_ground_and_not_what_its_colours_say(tmp_path):
    rng = np.random.default_rng(0)
    for n in range(6):
        alpha = np.zeros((48, 64), np.uint8)
        alpha[10:30, 5 * n : 5 * n + 20] = 255
        colours = rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)  # noise where nothing is to be seen
        colours[alpha > 0] = 180
        Pillow.fromarray(np.dstack([colours, alpha])).save(tmp_path / f"{n}.png")
    source = open_source(str(tmp_path))
    for n, frame in enumerate(source):
        shown = frame.image[..., 0] == 180
        assert shown.sum() == 400
        assert shown[15, 5 * n + 10]
        assert (frame.image[~shown] == 0).all()
    assert "transparent pixels are shown black" in source.info.notes


def test_a_dark_object_on_nothing_is_shown_before_white(tmp_path):
    alpha = np.zeros((48, 64), np.uint8)
    alpha[10:30, 10:30] = 255
    for n in range(3):
        Pillow.fromarray(np.dstack([np.zeros((48, 64, 3), np.uint8), np.roll(alpha, n, 1)])).save(tmp_path / f"{n}.png")
    source = open_source(str(tmp_path))
    assert read(source)[0].image[0, 0, 0] == 255
    assert "transparent pixels are shown white" in source.info.notes


def test_transparency_that_is_the_same_everywhere_is_left_out_and_said(tmp_path):
    for n in range(3):
        Pillow.fromarray(np.dstack([clips.draw(3)[n], np.full((48, 64), 128, np.uint8)])).save(tmp_path / f"{n}.png")
    source = open_source(str(tmp_path), fps=25)
    assert np.array_equal(read(source)[2].image, clips.draw(3)[2])
    assert source.info.notes == ("its transparency is the same everywhere and is left out",)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "F"])
def test_every_kind_of_pixel_becomes_rgb(tmp_path, mode):
    if mode == "YCbCr" and int(Pillow.__version__.partition(".")[0]) < 13:
        pytest.skip("Pillow 12, the last for Python 3.10, cannot read the TIFF that it writes")
    grey = Pillow.fromarray(np.linspace(0, 255, 64 * 48).reshape(48, 64).astype(np.uint8))
    suffix = "png" if mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16") else "tif"
    values = np.asarray(grey)
    if mode == "I;16":
        picture = Pillow.fromarray(values.astype(np.uint16) * 256)
    elif mode == "F":
        picture = Pillow.fromarray(values.astype(np.float32))
    else:
        picture = grey.convert("RGB").convert(mode) if mode in ("CMYK", "YCbCr") else grey.convert(mode)
    picture.save(tmp_path / f"a.{suffix}")
    image = read(open_source(str(tmp_path / f"a.{suffix}")))[0].image
    assert image.shape == (48, 64, 3)
    expected = 255.0 * (values > 127) if mode == "1" else values
    assert np.abs(image.mean(axis=2) - expected).mean() < (90 if mode == "1" else 3)


def test_a_deep_clip_is_tracked_like_its_eight_bit_twin(tmp_path):
    pictures = scene(12)
    write(tmp_path / "eight", [p.astype(np.uint8) for p in pictures])
    write(tmp_path / "twelve", [(p * 16).astype(np.uint16) for p in pictures])
    for name in ("eight", "twelve"):
        path = tmp_path / name
        assert call("process", path, "--lanes", "gmm", "--no-video", "-o", tmp_path / f"{name}.mp4").exit_code == 0
    table = (tmp_path / "eight.gmm.mot.txt").read_text()
    assert table == (tmp_path / "twelve.gmm.mot.txt").read_text()
    assert table


@pytest.mark.parametrize("deep", [range(1, 30, 2), [20]])
def test_pictures_of_8_and_of_16_bits_have_one_scale(tmp_path, deep):
    grey = [picture.mean(axis=2) // 4 + 90 for picture in clips.draw(30)]
    for n, values in enumerate(grey):
        wide = (values * 257).astype(np.uint16) if n in deep else values.astype(np.uint8)
        Pillow.fromarray(wide).save(tmp_path / f"{n}.png")
    source = open_source(str(tmp_path))
    for frame, values in zip(source, grey, strict=True):
        np.testing.assert_allclose(frame.image[..., 0], values, atol=1)
    if len(deep) > 1:
        assert any("some pictures have 8 bits a value and some more" in note for note in source.info.notes)


@pytest.mark.parametrize("lone", [0, 17])
def test_a_lone_picture_of_8_bits_among_deeper_ones_that_were_stretched_is_left_out(tmp_path, lone):
    for n in range(40):
        values = 20000 + 10 * n + np.arange(48 * 64).reshape(48, 64) % 900
        Pillow.fromarray((values / 256).astype(np.uint8) if n == lone else values.astype(np.uint16)).save(
            tmp_path / f"{n:03}.png"
        )
    source = open_source(str(tmp_path))
    assert [frame.number for frame in source] == [n for n in range(40) if n != lone]
    assert f"{lone:03}.png: has 8 bits a value, where the clip's pictures have more" in source.problem


@pytest.mark.parametrize(
    "content",
    [
        b"RIFF\x1a\0\0\0WEBPVP8X\x0a\0\0\0",
        b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 1 << 60),
        b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 1 << 35),
        b"II+\0\x08\0\0\0" + struct.pack("<Q", (1 << 64) - 8),
        b"II*\0" + struct.pack("<IHHHII", 8, 1, 270, 2, 1 << 30, (1 << 32) - 1) + b"\0\0\0\0",
    ],
    ids=["webp cut behind its header", "count", "count that memory has not", "place", "place of the text"],
)
def test_a_picture_with_a_damaged_structure_is_refused_as_one(tmp_path, content):
    path = tmp_path / ("a.webp" if content[:4] == b"RIFF" else "a.tif")
    path.write_bytes(content)
    assert find_pages(path).indices == (0,)
    with pytest.raises(SourceError, match=path.name):
        read(open_source(str(path)))
