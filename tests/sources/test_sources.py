"""Sources: one contract for all kinds, then the situations that clips get into."""

from __future__ import annotations

import _thread
import contextlib
import functools
import http.server
import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import clips
import numpy as np
import pytest
from PIL import Image as Pillow

from tracker.errors import SourceError
from tracker.picture import Picture
from tracker.sources import open_images, open_source, read_ahead, spread
from tracker.sources.address import shown
from tracker.sources.camera import Camera
from tracker.sources.decode import Decoder
from tracker.sources.pictures import natural
from tracker.sources.span import Span
from tracker.sources.times import timed
from tracker.types import Frame, Source, SourceInfo

COUNT = 12
SIZE = (64, 48)
FRAME_S = 1 / clips.FPS
EVEN_MS = [40 * index for index in range(COUNT)]
UNEVEN_MS = [0, 40, 140, 150, 183, 433, 473, 500, 520, 640, 641, 700]

Open = Callable[..., Source]


class FakeCapture:
    """What cv2.VideoCapture gives, from memory: BGR, then nothing."""

    def __init__(self, pictures, fps=25.0, opened=True):
        self.pictures = iter(pictures)
        self.fps = fps
        self.opened = opened
        self.released = False

    def isOpened(self):  # noqa: N802
        return self.opened

    def read(self):
        picture = next(self.pictures, None)
        return (False, None) if picture is None else (True, picture[..., ::-1].copy())

    def get(self, _):
        return self.fps

    def release(self):
        self.released = True


def fake_camera(pictures, **span) -> Camera:
    ticks = itertools.count()
    return Camera(
        3,
        span=Span(**span),
        timeout_s=1.0,
        open_capture=lambda _: FakeCapture(pictures),
        clock=lambda: next(ticks) * FRAME_S / 2,  # asked twice a picture
        sleep=lambda _: None,
    )


class Streams(http.server.SimpleHTTPRequestHandler):
    """Files of a folder; below /live/ without a length, and never ending: the connection stays open and silent."""

    hold = threading.Event()

    def do_GET(self):
        if not self.path.startswith("/live/"):
            return super().do_GET()
        self.send_response(200)
        self.end_headers()
        self.wfile.write((Path(self.directory) / self.path.removeprefix("/live/")).read_bytes())
        self.wfile.flush()
        self.hold.wait(20)
        return None

    def log_message(self, *_):
        pass


@pytest.fixture
def address_of(tmp_path) -> Iterator[str]:
    """http://127.0.0.1:port, serving `tmp_path`."""
    Streams.hold.clear()
    handler = functools.partial(Streams, directory=str(tmp_path))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    Streams.hold.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(
    params=[
        "mp4",
        "fragmented",
        "uneven",
        "mkv",
        "ts",
        "h264",
        "raw avi",
        "odd size",
        "folder",
        "glob",
        "http",
        "camera",
        "images",
    ]
)
def kind(request) -> str:
    return request.param


@pytest.fixture
def opened(kind, tmp_path, request) -> Open:
    """Opens a clip of that kind; all have COUNT pictures, and all but `uneven` 25 to the second."""
    pictures = clips.draw(COUNT, (47, 33) if kind == "odd size" else SIZE)
    if kind == "camera":
        return lambda **span: fake_camera(itertools.cycle(pictures), **{"max_frames": COUNT, **span})
    if kind == "images":
        return lambda **span: open_images(pictures, Span(**span), fps=clips.FPS)
    if kind in ("folder", "glob"):
        folder = clips.write_pictures(tmp_path / "frames", pictures)
        (folder / "notes.txt").write_text("not a picture")
        return functools.partial(open_source, str(folder if kind == "folder" else folder / "frame*.png"))
    write = clips.write_video
    if kind == "http":
        write(tmp_path / "clip.mp4", pictures, movflags="faststart")
        return functools.partial(open_source, request.getfixturevalue("address_of") + "/clip.mp4")
    path = {
        "mp4": lambda: write(tmp_path / "clip.mp4", pictures),
        "fragmented": lambda: write(tmp_path / "clip.mp4", pictures, movflags="frag_keyframe+empty_moov"),
        "uneven": lambda: write(tmp_path / "clip.mp4", pictures, times_ms=UNEVEN_MS),
        "mkv": lambda: write(tmp_path / "clip.mkv", pictures),
        "ts": lambda: write(tmp_path / "clip.ts", pictures),
        "h264": lambda: write(tmp_path / "clip.h264", pictures),
        "raw avi": lambda: clips.write_raw_avi(tmp_path / "clip.avi", pictures),
        "odd size": lambda: write(tmp_path / "clip.mp4", pictures, pix_fmt="yuv444p"),
    }[kind]()
    return functools.partial(open_source, str(path))


def times_of(kind: str) -> list[float]:
    return [ms / 1000 for ms in (UNEVEN_MS if kind == "uneven" else EVEN_MS)]


def read(source: Source) -> list[Frame]:
    with contextlib.closing(source):
        return list(source)


class TestContract:
    def test_every_frame_comes_once_in_order_at_its_time(self, kind, opened):
        frames = read(opened())
        assert [frame.index for frame in frames] == list(range(COUNT))
        assert [frame.time_s for frame in frames] == pytest.approx(times_of(kind), abs=1e-6)

    def test_pictures_are_the_ones_drawn(self, kind, opened):
        frames = read(opened())
        drawn = clips.draw(COUNT, (47, 33) if kind == "odd size" else SIZE)
        lossless = kind in ("raw avi", "folder", "glob", "camera", "images")
        for frame, picture in zip(frames, drawn, strict=True):
            error = np.abs(frame.image.astype(int) - picture).mean()
            assert error == 0 if lossless else error < 12

    def test_images_are_rgb_whole_and_not_to_be_written_to(self, opened):
        source = opened()
        width, height = source.info.size
        for frame in read(source):
            assert frame.image.shape == (height, width, 3)
            assert frame.image.dtype == np.uint8
            assert frame.image.flags.c_contiguous
            assert not frame.image.flags.writeable

    def test_a_part_begins_at_its_start_and_keeps_the_clips_time(self, kind, opened):
        frames = read(opened(start_s=0.2, duration_s=0.25, max_frames=5))
        wanted = [time_s for time_s in times_of(kind) if 0.2 <= time_s < 0.45][:5]
        assert [frame.time_s for frame in frames] == pytest.approx(wanted, abs=1e-6)
        assert [frame.index for frame in frames] == list(range(len(wanted)))

    @pytest.mark.parametrize(
        "span", [{}, {"max_frames": 3}, {"start_s": 0.2}, {"start_s": 0.1, "duration_s": 0.2}, {"duration_s": 99}]
    )
    def test_the_frames_announced_are_the_frames_that_come(self, opened, span):
        source = opened(**span)
        assert source.info.frame_count == len(read(source))

    def test_asking_for_samples_does_not_move_the_frames(self, opened):
        undisturbed = read(opened())
        source = opened()
        frames = []
        for frame in source:
            frames.append(frame)
            if frame.index in (0, 5):
                source.sample(3)
        source.close()
        assert len(frames) == len(undisturbed)
        for ours, theirs in zip(frames, undisturbed, strict=True):
            assert np.array_equal(ours.image, theirs.image)

    @pytest.mark.parametrize("count", [1, 4, COUNT, 50])
    def test_samples_are_frames_of_the_part_spread_over_it(self, opened, count):
        source = opened(start_s=0.1, duration_s=0.3)
        samples = source.sample(count, whole=False)
        if source.info.live:
            assert samples == []
            source.close()
            return
        frames = read(source)
        places = [[np.array_equal(sample, frame.image) for frame in frames].index(True) for sample in samples]
        assert places == sorted(set(places))
        assert len(samples) == min(count, len(frames))
        gaps = np.diff(places)
        assert len(gaps) == 0 or gaps.max() - gaps.min() <= 1

    def test_samples_are_of_the_whole_clip_unless_asked_otherwise(self, opened):
        source = opened(start_s=0.2, max_frames=1)
        if source.info.live:
            pytest.skip("what a camera will show is not known")
        with contextlib.closing(source):
            frames = read(opened())
            assert all(map(np.array_equal, source.sample(COUNT), [frame.image for frame in frames]))
            assert len(source.sample(COUNT)) == COUNT

    def test_a_thread_may_read_ahead(self, kind, opened):
        alone = read(opened())
        with contextlib.closing(opened()) as source, read_ahead(source, queue_frames=2) as frames:
            together = list(frames)
        if not source.info.live:
            assert [frame.time_s for frame in together] == [frame.time_s for frame in alone]
            assert frames.dropped == 0
        assert together[-1].index == COUNT - 1

    def test_all_is_well(self, opened):
        source = opened()
        assert source.problem is None
        read(source)
        assert source.problem is None

    def test_may_be_left_early_and_closed_twice(self, opened):
        source = opened()
        next(iter(source))
        source.close()
        source.close()


class TestTimes:
    @pytest.mark.parametrize("suffix", ["mp4", "mkv"])
    def test_uneven_times_are_those_written(self, tmp_path, suffix):
        path = clips.write_video(tmp_path / f"clip.{suffix}", clips.draw(COUNT), times_ms=UNEVEN_MS)
        assert [frame.time_s for frame in read(open_source(str(path)))] == [ms / 1000 for ms in UNEVEN_MS]

    def test_a_late_start_is_the_same_as_leaving_frames_out(self, tmp_path):
        path = clips.write_video(tmp_path / "clip.mp4", clips.draw(60), options={"g": "10"})
        whole = read(open_source(str(path)))
        part = read(open_source(str(path), start_s=1.32))
        assert [frame.time_s for frame in part] == [frame.time_s for frame in whole[33:]]
        assert np.array_equal(part[0].image, whole[33].image)

    def test_joined_recordings_go_on_in_time(self, tmp_path):
        part = clips.write_video(tmp_path / "part.ts", clips.draw(60))
        joined = clips.join(tmp_path / "joined.ts", [part, part])
        times = [frame.time_s for frame in read(open_source(str(joined)))]
        assert np.diff(times) == pytest.approx(np.full(119, FRAME_S))

    def test_times_never_fall_whatever_the_container_says(self):
        class Timed:
            def __init__(self, time):
                self.time = time

        said = [5.0, 5.1, 5.1, 5.05, None, 5.5, 0.0, 0.1]
        times = [time_s for time_s, _ in timed([Timed(time) for time in said], origin_s=5.0, fps=10)]
        assert times == pytest.approx([0.0, 0.1, 0.101, 0.102, 0.202, 0.5, 0.6, 0.7])

    def test_start_after_the_end(self, tmp_path):
        path = clips.write_video(tmp_path / "clip.mp4", clips.draw(COUNT))
        folder = clips.write_pictures(tmp_path / "frames", clips.draw(3))
        with pytest.raises(SourceError, match=r"start is at 0:09\.0, but it lasts 0:00\.4"):
            open_source(str(path), start_s=9)
        with pytest.raises(SourceError, match=r"start is at 0:09\.0, but it lasts 0:00\.1"):
            open_source(str(folder), start_s=9)

    @pytest.mark.parametrize("span", [{"start_s": -1}, {"duration_s": 0}, {"max_frames": 0}])
    def test_impossible_part(self, tmp_path, span):
        path = clips.write_video(tmp_path / "clip.mp4", clips.draw(2))
        with pytest.raises(SourceError, match="expected"):
            open_source(str(path), **span)


def test_a_clip_gives_its_frames_once(tmp_path):
    source = open_source(str(clips.write_video(tmp_path / "clip.mp4", clips.draw(2))))
    assert len(read(source)) == 2
    with pytest.raises(RuntimeError, match="once"):
        next(iter(source))


class TestSamplesOfShortClips:
    @pytest.mark.parametrize(("count", "every"), [(20, 1), (80, 1), (10, 2)])
    def test_pictures_that_no_other_needs_are_left_out_where_enough_are_left(self, tmp_path, monkeypatch, count, every):
        monkeypatch.setattr(spread, "SPARING_PX", 0)  # any clip is large
        options = {"bf": "3", "b-pyramid": "normal", "b_strategy": "0", "sc_threshold": "0"}
        path = clips.write_video(tmp_path / "clip.mp4", clips.draw_noise(120), options=options)
        source = open_source(str(path), max_frames=120 // every)
        skipping = []
        skip = Decoder.skip_unreferenced
        monkeypatch.setattr(Decoder, "skip_unreferenced", lambda decoder: (skipping.append(1), skip(decoder)))
        samples = source.sample(count, whole=every == 1)
        frames = [frame.image for frame in read(source)]
        assert bool(skipping) == (count <= 60)  # of I b B b P b B b P every second one is needed
        assert len(samples) == count
        places = [next(n for n, image in enumerate(frames) if np.array_equal(sample, image)) for sample in samples]
        wanted = [index * len(frames) // count for index in range(count)]
        assert all(0 <= place - at <= 1 for place, at in zip(places, wanted, strict=True))


class TestSamplesOfLongClips:
    @pytest.mark.parametrize("every", [10, 250])
    def test_key_pictures_where_there_are_enough_and_all_else_where_not(self, tmp_path, monkeypatch, every):
        monkeypatch.setattr(spread, "THROUGH_PX", 0)  # any clip is long
        options = {"g": str(every), "sc_threshold": "0"}
        path = clips.write_video(tmp_path / "clip.mp4", clips.draw_noise(200), options=options)
        source = open_source(str(path))
        samples = source.sample(20)
        frames = read(source)
        assert len(samples) == 20
        assert all(np.array_equal(sample, frames[10 * index].image) for index, sample in enumerate(samples))

    def test_the_same_key_picture_is_not_taken_twice(self, tmp_path, monkeypatch):
        monkeypatch.setattr(spread, "THROUGH_PX", 0)
        options = {"g": "10", "sc_threshold": "0"}
        path = clips.write_video(tmp_path / "clip.mp4", clips.draw_noise(200), options=options)
        source = open_source(str(path), start_s=1.0)  # 1.2, 1.6, ... 7.6 are key pictures
        samples = source.sample(100, whole=False)
        source.close()
        assert len(samples) == 17
        assert len({sample.tobytes() for sample in samples}) == 17

    def test_a_recording_without_a_length_is_counted(self, tmp_path):
        path = clips.write_video(tmp_path / "clip.h264", clips.draw_noise(50))
        source = open_source(str(path))
        assert source.info.frame_count == 50
        samples = source.sample(5)
        frames = read(source)
        assert all(np.array_equal(sample, frames[10 * index].image) for index, sample in enumerate(samples))
        assert len(samples) == 5


class TestSizes:
    # (a b, c d) puts pixel (x, y) at (a x + c y, b x + d y): the red corner, drawn top left, goes to (right, bottom)
    @pytest.mark.parametrize(
        ("matrix", "size", "right", "bottom"),
        [
            ({"a": 1, "b": 0, "c": 0, "d": 1}, (64, 48), False, False),
            ({"a": 0, "b": 1, "c": -1, "d": 0}, (48, 64), True, False),  # a quarter clockwise
            ({"a": -1, "b": 0, "c": 0, "d": -1}, (64, 48), True, True),
            ({"a": 0, "b": -1, "c": 1, "d": 0}, (48, 64), False, True),
            ({"a": -1, "b": 0, "c": 0, "d": 1}, (64, 48), True, False),  # a mirror
        ],
    )
    def test_a_turned_phone_gives_upright_pictures(self, tmp_path, matrix, size, right, bottom):
        path = clips.turn(clips.write_video(tmp_path / "clip.mp4", clips.draw(3)), **matrix)
        source = open_source(str(path))
        for image in [*source.sample(2), *(frame.image for frame in read(source))]:
            corner = image[-5 if bottom else 5, -5 if right else 5].astype(int)
            assert image.shape == (size[1], size[0], 3)
            assert corner[0] - corner[1] > 100
        assert source.info.size == size

    def test_one_frame_clip(self, tmp_path):
        source = open_source(str(clips.write_video(tmp_path / "clip.mp4", clips.draw(1))))
        assert source.info.frame_count == 1
        assert len(source.sample(10)) == 1
        assert [frame.time_s for frame in read(source)] == [0.0]

    def test_size_change_in_a_file(self, tmp_path):
        first = clips.write_video(tmp_path / "a.h264", clips.draw(5))
        second = clips.write_video(tmp_path / "b.h264", clips.draw(5, (48, 48)))
        source = open_source(str(clips.join(tmp_path / "clip.h264", [first, second])))
        frames = []
        with pytest.raises(SourceError, match="from 64x48 to 48x48 at frame 6"):
            frames.extend(source)
        assert len(frames) == 5
        assert {image.shape for image in source.sample(10)} == {(48, 64, 3)}
        source.close()

    def test_size_change_in_a_folder(self, tmp_path):
        folder = clips.write_pictures(tmp_path, clips.draw(4))
        Pillow.fromarray(clips.draw(1, (48, 48))[0]).save(folder / "frame2.png")
        source = open_source(str(folder))
        assert [frame.number for frame in read(source)] == [0, 1, 3]
        assert source.problem.endswith("1 of 4 pictures left out: frame2.png: is 48x48, but the clip is 64x48")


class TestPictures:
    def test_numbers_that_no_table_holds_are_not_taken_and_that_is_said(self, tmp_path):
        for n, picture in enumerate(clips.draw(3)):
            Pillow.fromarray(picture).save(tmp_path / f"{2**63 + n}.png")
        source = open_source(str(tmp_path))
        assert [frame.number for frame in read(source)] == [1, 2, 3]
        assert any("too large for a table: frames count from 1" in note for note in source.info.notes)

    def test_natural_order(self):
        names = ["frame10", "frame2", "Frame1", "frame", "a2b10", "a2b9", "x007", "x8"]
        assert sorted(names, key=natural)[:3] == ["Frame1", "a2b9", "a2b10"]
        assert sorted(["frame10", "frame2", "frame"], key=natural) == ["frame", "frame2", "frame10"]
        assert sorted(["x8", "x007"], key=natural) == ["x007", "x8"]

    def test_sixteen_bits_grey_and_alpha_become_rgb(self, tmp_path):
        values = np.array([[0, 255, 256, 65535]], np.uint16)
        Pillow.fromarray(values).save(tmp_path / "a.png")
        Pillow.fromarray(values).save(tmp_path / "b.tif")
        Pillow.fromarray(np.array([[0, 0, 1, 255]], np.uint8)).save(tmp_path / "c.png")
        alpha = np.zeros((1, 4, 4), np.uint8)
        alpha[0, :, 1] = [0, 0, 1, 255]
        Pillow.fromarray(alpha).save(tmp_path / "d.png")
        frames = read(open_source(str(tmp_path)))
        for frame in frames:
            assert frame.image[0, :, 1].tolist() == [0, 0, 1, 255]
        assert len(frames) == 4

    @pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tif", "webp"])
    def test_a_damaged_picture_is_named(self, tmp_path, suffix, capfd):
        folder = clips.write_pictures(tmp_path, clips.draw_noise(3), name="frame{}." + suffix)
        clips.cut(folder / f"frame1.{suffix}", keep=0.5)
        source = open_source(str(folder))
        assert len(source.sample(3)) == 2
        assert [frame.number for frame in read(source)] == [0, 2]
        assert f"1 of 3 pictures left out: frame1.{suffix}: " in source.problem
        assert "\n" not in source.problem
        assert capfd.readouterr() == ("", "")

    def test_a_rate_of_ones_own(self, tmp_path):
        folder = clips.write_pictures(tmp_path, clips.draw(5))
        assert [frame.time_s for frame in read(open_source(str(folder), fps=2, start_s=1))] == [1.0, 1.5, 2.0]

    def test_a_folder_without_pictures_and_one_with_them_inside(self, tmp_path):
        with pytest.raises(SourceError, match=r"no pictures in this folder \(\.png"):
            open_source(str(tmp_path))
        inner = clips.write_pictures(tmp_path / "img1", clips.draw(1))
        with pytest.raises(SourceError) as caught:
            open_source(str(tmp_path))
        assert str(caught.value).endswith(f"did you mean {inner}?")

    def test_a_picture_beside_what_a_folder_is_about_is_not_taken_for_the_clip(self, tmp_path):
        clips.write_pictures(tmp_path, clips.draw(2), name="ROI{}.bmp")
        assert len(list(read(open_source(str(tmp_path))))) == 2
        (tmp_path / "ROI.frames.tracked.mp4").touch()  # of the run before
        assert len(list(read(open_source(str(tmp_path))))) == 2
        (tmp_path / "clip.mp4").touch()
        with pytest.raises(SourceError, match=r"a folder of one video; give it by its name: .*clip\.mp4"):
            open_source(str(tmp_path))
        inner = clips.write_pictures(tmp_path / "input", clips.draw(3))
        with pytest.raises(SourceError, match=f"only 2 pictures in this folder; did you mean {inner}"):
            open_source(str(tmp_path))

    def test_a_link_to_nothing_and_an_empty_name(self, tmp_path):
        (tmp_path / "clip.mp4").symlink_to("gone.mp4")
        with pytest.raises(SourceError, match=r"clip\.mp4: a link to gone\.mp4, which is not there"):
            open_source(str(tmp_path / "clip.mp4"))
        with pytest.raises(SourceError, match="an empty source"):
            open_source("")

    def test_patterns_that_match_nothing_or_no_picture(self, tmp_path):
        (tmp_path / "clip.mp4").write_text("")
        with pytest.raises(SourceError, match="no file matches"):
            open_source(str(tmp_path / "*.png"))
        with pytest.raises(SourceError, match="one video; give it by its name"):
            open_source(str(tmp_path / "*.mp4"))


class TestDamage:
    @pytest.mark.parametrize(
        ("suffix", "movflags", "codec"),
        [
            ("mp4", "faststart", "libx264"),
            ("mp4", "frag_keyframe+empty_moov", "libx264"),
            ("avi", "", "mpeg4"),
            ("mkv", "", "libx264"),
        ],
    )
    def test_a_clip_cut_short_gives_what_is_readable_and_says_so(self, tmp_path, suffix, movflags, codec):
        path = tmp_path / f"clip.{suffix}"
        clips.write_video(path, clips.draw_noise(100), movflags=movflags, codec=codec, options={"g": "10"})
        pieces = clips.pieces(path)
        kept = len(clips.cut(path, keep=0.6).read_bytes())
        whole = sum(position + size <= kept for position, size in pieces)
        source = open_source(str(path))
        assert len(source.sample(10)) == 10
        frames = read(source)
        # Matroska does not tell where a piece begins within its block, so the last one may be counted wrong
        assert len(frames) in ([whole - 1, whole] if suffix == "mkv" else [whole])
        assert 40 < len(frames) < 80
        assert f"clip.{suffix}: cut short, {len(frames)} of about " in source.problem
        assert source.problem.endswith(" frames readable")

    def test_a_clip_cut_short_seen_from_a_later_start(self, tmp_path):
        path = clips.write_video(
            tmp_path / "clip.mp4", clips.draw_noise(100), movflags="faststart", options={"g": "10", "bf": "0"}
        )
        clips.cut(path, keep=0.6)
        source = open_source(str(path), start_s=1)
        last = read(source)[-1]
        assert f"cut short, readable to {last.time_s + FRAME_S:.1f} of about 4.0 s" in source.problem
        inside = open_source(str(path), start_s=1, duration_s=0.5)
        assert len(read(inside)) == 13  # 1.00, 1.04, ... 1.48
        assert inside.problem is None

    def test_a_recording_without_its_index(self, tmp_path):
        path = clips.cut(clips.write_video(tmp_path / "clip.mp4", clips.draw_noise(30)), keep=0.7)
        with pytest.raises(SourceError, match="nothing in it is readable: it was cut short"):
            open_source(str(path))

    def test_a_spoilt_frame_is_passed_over_and_counted(self, tmp_path):
        path = clips.write_video(tmp_path / "clip.mp4", clips.draw_noise(30), options={"bf": "0"})
        source = open_source(str(clips.spoil(path, piece=12)))
        times = [frame.time_s for frame in read(source)]
        assert times == pytest.approx([index * FRAME_S for index in range(30) if index != 12])
        assert source.problem.endswith("clip.mp4: 1 damaged frame")

    def test_text_named_as_a_video(self, tmp_path):
        (tmp_path / "clip.mp4").write_text("a shopping list\n" * 100)
        (tmp_path / "clip.txt").write_text("a shopping list\n" * 100)
        with pytest.raises(SourceError, match=r"clip\.mp4: not a video"):
            open_source(str(tmp_path / "clip.mp4"))
        with pytest.raises(SourceError, match=r"clip\.txt: is a text file, not a video"):
            open_source(str(tmp_path / "clip.txt"))

    def test_empty_file(self, tmp_path):
        (tmp_path / "clip.mp4").touch()
        with pytest.raises(SourceError, match=r"clip\.mp4: the file is empty"):
            open_source(str(tmp_path / "clip.mp4"))

    def test_sound_only(self, tmp_path):
        with pytest.raises(SourceError, match=r"sound\.wav: there is only sound in it"):
            open_source(str(clips.write_sound(tmp_path / "sound.wav")))

    def test_missing_file_names_the_nearest(self, tmp_path):
        clips.write_video(tmp_path / "street.mp4", clips.draw(1))
        with pytest.raises(SourceError, match=r"no such file; did you mean .*street\.mp4\?"):
            open_source(str(tmp_path / "stret.mp4"))
        with pytest.raises(SourceError, match="no such file; check the path"):
            open_source(str(tmp_path / "quite different"))
        with pytest.raises(SourceError, match="there is no folder"):
            open_source(str(tmp_path / "nowhere" / "street.mp4"))

    @pytest.mark.skipif(sys.platform == "win32", reason="no such names there")
    def test_a_name_that_looks_like_a_protocol(self, tmp_path):
        path = clips.write_video(tmp_path / "clip.mp4", clips.draw(2)).rename(tmp_path / "concat:a|b.mp4")
        assert len(read(open_source(str(path)))) == 2

    def test_nothing_but_our_own_line_is_printed(self, tmp_path):
        """Neither FFmpeg nor OpenCV writes past Python to the terminal."""
        cut = clips.write_video(tmp_path / "cut.mp4", clips.draw_noise(30), movflags="faststart")
        clips.cut(cut, keep=0.6)
        (tmp_path / "text.mp4").write_text("text")
        program = (
            "import sys\nfrom tracker.errors import SourceError\nfrom tracker.sources import open_source\n"
            "for address in sys.argv[1:]:\n"
            "    try: list(open_source(address))\n"
            "    except SourceError as error: print(error)\n"
        )
        addresses = [str(cut), str(tmp_path / "text.mp4"), "97"]
        done = subprocess.run(
            [sys.executable, "-c", program, *addresses],
            capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        assert done.stderr == ""
        assert [line.split(": ")[1] for line in done.stdout.splitlines()] == [
            "not a video, or of a kind that cannot be read (Invalid data found when processing input)",
            "cannot be opened; check its number and that nothing else uses it",
        ]


class TestStreams:
    @pytest.mark.parametrize(
        ("address", "safe"),
        [
            ("rtsp://admin:secret@cam-3/main", "rtsp://cam-3/main"),
            ("rtsp://admin:se#cr@et@cam-3/main", "rtsp://cam-3/main"),
            ("RTSP://admin:se/cr?et@cam-3:554/main", "rtsp://cam-3:554/main"),
            ("http://cam/video.mjpg?user=admin&pwd=secret", "http://cam/video.mjpg"),
            ("a folder/clip@home.mp4", "a folder/clip@home.mp4"),
        ],
    )
    def test_a_password_is_never_shown(self, address, safe):
        assert shown(address) == safe

    def test_unreachable_address(self):
        began = time.monotonic()
        with pytest.raises(SourceError, match=r"^rtsp://127\.0\.0\.1:9/main: cannot be opened") as caught:
            open_source("rtsp://admin:secret@127.0.0.1:9/main", timeout_s=2)
        assert time.monotonic() - began < 3
        assert "secret" not in str(caught.value)
        assert caught.value.__suppress_context__

    def test_a_silent_address_is_given_up(self):
        with pytest.raises(SourceError, match=r"no picture for 0\.5 s"):
            open_source("udp://127.0.0.1:59997", timeout_s=0.5)

    def test_a_scheme_in_capitals(self, tmp_path, address_of):
        clips.write_video(tmp_path / "clip.mp4", clips.draw(5))
        assert len(list(open_source(address_of.replace("http", "HTTP") + "/clip.mp4", timeout_s=5))) == 5

    def test_missing_at_the_server(self, address_of):
        with pytest.raises(SourceError, match=r"cannot be opened .*check the address"):
            open_source(address_of + "/nothing.mp4", timeout_s=2)

    @pytest.mark.parametrize("address", ["concat://a", "gopher://x/y", "file:///etc/hostname"])
    def test_kinds_of_address_that_are_not_read(self, address):
        with pytest.raises(SourceError, match="not a kind of stream"):
            open_source(address)

    def test_a_stream_that_falls_silent(self, tmp_path, address_of):
        clips.write_video(tmp_path / "clip.ts", clips.draw(200), options={"g": "10"})
        source = open_source(address_of + "/live/clip.ts", timeout_s=1)
        assert source.info.live
        assert source.info.frame_count is None
        frames = []
        with pytest.raises(SourceError, match=r"no picture for 1 s"):
            frames.extend(source)
        assert len(frames) > 150
        source.close()


class TestCamera:
    def test_a_camera_that_is_not_there(self, capfd):
        with pytest.raises(SourceError, match=r"^camera 97: cannot be opened"):
            open_source("97")
        assert capfd.readouterr().err == ""

    def test_pictures_arrive_in_rgb(self):
        drawn = clips.draw(3)
        frames = read(fake_camera(drawn, max_frames=3))
        assert all(np.array_equal(frame.image, picture) for frame, picture in zip(frames, drawn, strict=True))

    def test_an_unplugged_camera(self):
        camera = fake_camera(clips.draw(3))
        assert camera.info == SourceInfo("camera 3", SIZE, 25.0, None, live=True)
        frames = iter(camera)
        assert [next(frames).index for _ in range(3)] == [0, 1, 2]
        with pytest.raises(SourceError, match="camera 3: no picture for 1 s"):
            next(frames)

    def test_a_camera_that_gives_nothing_is_given_back(self):
        capture = FakeCapture([])
        ticks = itertools.count()
        with pytest.raises(SourceError, match="no picture"):
            Camera(
                0, span=Span(), timeout_s=1.0, open_capture=lambda _: capture, clock=lambda: next(ticks), sleep=id
            )  # fmt: skip
        assert capture.released


class Counted:
    """A source that counts how far it was read; may fail at a frame, may be slow, may be live."""

    problem = None

    def __init__(self, count, *, live=False, fail_at=None, gate=None):
        self.info = SourceInfo("counted", (2, 2), 25.0, count, live)
        self.count, self.fail_at, self.gate = count, fail_at, gate
        self.given = 0
        self.finished = threading.Event()

    def __iter__(self):
        try:
            for index in range(self.count):
                if index == self.fail_at:
                    raise SourceError(f"broke at frame {index}")
                if self.gate is not None:
                    self.gate(index)
                self.given += 1
                yield Frame(index, index / 25, Picture.of(np.zeros((2, 2, 3), np.uint8)))
        finally:
            self.finished.set()

    def sample(self, count, *, whole=True, width="full"):
        return []

    def close(self):
        pass


def wait_until(condition) -> None:
    deadline = time.monotonic() + 5
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.002)
    assert condition()


class TestReadAhead:
    def test_a_clip_is_read_ahead_by_the_queue_and_no_further(self):
        source = Counted(100)
        with read_ahead(source, queue_frames=4) as frames:
            wait_until(lambda: source.given == 5)  # 4 queued, one in hand
            time.sleep(0.05)
            assert source.given == 5
            assert [frame.index for frame in frames] == list(range(100))
        assert frames.dropped == 0

    def test_a_live_source_keeps_the_newest(self):
        taken = threading.Event()
        source = Counted(21, live=True, gate=lambda index: taken.wait(5) if index == 20 else None)
        with read_ahead(source) as frames:
            wait_until(lambda: frames.dropped == 19)
            assert next(frames).index == 19
            taken.set()
            assert next(frames).index == 20
            assert list(frames) == []
            assert frames.dropped == 19

    def test_an_error_comes_after_the_frames_before_it(self):
        seen = []
        with read_ahead(Counted(10, fail_at=3)) as frames, pytest.raises(SourceError, match="broke at frame 3"):
            seen.extend(frames)
        assert [frame.index for frame in seen] == [0, 1, 2]

    def test_leaving_early_ends_the_reader(self):
        source = Counted(10**9)
        with read_ahead(source, queue_frames=2) as frames:
            for frame in frames:
                if frame.index == 3:
                    break
        assert source.finished.is_set()
        assert not [thread for thread in threading.enumerate() if thread.name == "read ahead"]

    @pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
    def test_an_interrupted_caller_leaves_no_thread(self, error):
        source = Counted(10**9)
        with pytest.raises(error), read_ahead(source) as frames:  # noqa: PT012
            next(frames)
            raise error
        assert source.finished.is_set()

    def test_ctrl_c_reaches_a_caller_that_waits(self):
        pressed = threading.Event()
        source = Counted(1, gate=lambda _: pressed.wait(5))

        def press():
            _thread.interrupt_main()
            time.sleep(0.05)
            pressed.set()

        with pytest.raises(KeyboardInterrupt), read_ahead(source) as frames:  # noqa: PT012
            threading.Timer(0.05, press).start()
            next(frames)
        assert source.finished.is_set()

    def test_an_empty_source(self):
        with read_ahead(Counted(0)) as frames:
            assert list(frames) == []

    def test_frames_outside_the_block_are_refused(self):
        with pytest.raises(RuntimeError, match="inside"):
            next(read_ahead(Counted(1)))


@pytest.mark.data
class TestRealClips:
    def test_samples_of_people_walking_are_spread(self, data_dir):
        path = str(data_dir / "pets09_s2l1" / "vtest_480x360.mp4")
        source = open_source(path, max_frames=400)
        began = time.process_time()
        samples = source.sample(40, whole=False)
        assert time.process_time() - began < 3
        frames = [frame.image for frame in read(source)]
        assert len(samples) == 40
        for index, sample in enumerate(samples):  # the next picture that others are decoded from
            assert any(np.array_equal(sample, frame) for frame in frames[10 * index : 10 * index + 4])
