"""One contract for everything that takes moments, then what each of them owes on its own."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from outputs import RUN, Alone
from pycocotools import mask as coco

from tracker.errors import SinkError
from tracker.picture import Picture
from tracker.sinks import (
    ContactSheet,
    CsvTable,
    MaskFolder,
    MotTable,
    OverlayVideo,
    RleMasks,
    VideoSettings,
    Window,
    check_display,
    window_process,
)
from tracker.sinks.h264 import video_frame
from tracker.sinks.window_protocol import HEAD, PICTURE
from tracker.types import Box, Frame, Moment, Region, Segmentation, Track, View
from tracker.yuv import BT601, ColourSpace, to_yuv

CODEC_TOLERANCE = 12
"""grey levels that H.264 at our quality may be off on flat areas"""


def moment(index, *tracks, time_s=None, width=32, height=24, lane="slots"):
    """A frame whose grey is its index, in which every track with a label owns its box."""
    image = np.full((height, width, 3), min(index, 255), np.uint8)
    labels = np.zeros((height, width), np.int32)
    regions = []
    for track in tracks:
        if track.label:
            x0, y0, x1, y1 = (int(side) for side in track.box)
            labels[y0:y1, x0:x1] = track.label
            regions.append(Region(track.label, track.box, float((x1 - x0) * (y1 - y0))))
    for array in (image, labels):
        array.flags.writeable = False  # nobody writes into an array it was handed
    view = View(lane, Segmentation(labels, tuple(regions), labels > 0), tuple(tracks))
    return Moment(Frame(index, index / 10 if time_s is None else time_s, Picture.of(image)), (view,))


def picture(moment):
    return moment.frame.image


def arrange(images, times_s):
    return np.concatenate(images, axis=1)


def video(path, *, render=picture, fps=10.0, pixel_aspect=1.0, notify=None, **settings):
    given = {"pixel_aspect": pixel_aspect} | ({"notify": notify} if notify else {})
    return Alone(
        lambda out: OverlayVideo(out, render=render, fps=fps, settings=VideoSettings(**settings), **given), path
    )


def mot(path, lane="slots", **options):
    return Alone(lambda out: MotTable(out, lane, **options), path)


def csv(path, lane="slots"):
    return Alone(lambda out: CsvTable(out, lane), path)


def rle(path):
    return Alone(lambda out: RleMasks(out, "slots"), path)


def sheet(path, render=picture, arrange=arrange, **options):
    return Alone(lambda out: ContactSheet(out, render=render, arrange=arrange, **options), path)


SINKS = {
    "out.slots.mot.txt": lambda path: mot(path),
    "out.slots.csv": lambda path: csv(path),
    "out.slots.masks": lambda path: Alone(lambda out: MaskFolder(out, "slots"), path),
    "out.slots.rle.json": lambda path: rle(path),
    "out.mp4": video,
    "out.png": lambda path: sheet(path),
}


@pytest.fixture(params=SINKS)
def output(request, tmp_path):
    return tmp_path / request.param


def make(path):
    return SINKS[path.name](path)


TRACK = Track(1, Box(2, 3, 10, 12), 0.9, 1)


# The contract


def test_closed_before_any_moment_it_leaves_nothing(output):
    make(output).close("complete")
    assert list(output.parent.iterdir()) == []


@pytest.mark.parametrize("outcome", ["complete", "interrupted", "failed"])
def test_it_writes_under_its_part_name_alone_and_says_when_it_is_whole(output, outcome):
    sink = make(output)
    for index in range(3):
        sink.write(moment(index, TRACK))
        assert not sink.output.whole
        assert {path.name for path in output.parent.iterdir()} <= {sink.part.name}
    sink.close(outcome)
    assert sink.output.whole
    assert list(output.parent.iterdir()) == [output]


def test_a_clip_of_one_frame_without_objects_is_written(output):
    sink = make(output)
    sink.write(moment(0))
    sink.close("complete")
    assert output.exists()


def test_a_folder_that_has_gone_is_one_line_that_names_the_output(output):
    in_a_file = output.parent / "file" / output.name
    in_a_file.parent.write_text("not a folder")
    sink = make(in_a_file)
    with pytest.raises(SinkError, match="file") as raised:  # noqa: PT012 (a sheet is written at the close)
        sink.write(moment(0, TRACK))
        sink.close("complete")
    assert str(in_a_file) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("name", ["out.slots.mot.txt", "out.slots.csv", "out.slots.rle.json", "out.mp4", "out.png"])
def test_a_full_disk_is_told_and_nothing_takes_the_final_name(name, tmp_path):
    output = tmp_path / name
    sink = make(output)
    sink.part.symlink_to("/dev/full")
    with pytest.raises(SinkError, match="No space left"):  # noqa: PT012 (buffered: when it shows is the system's affair)
        for index in range(20):
            sink.write(moment(index, TRACK))
        sink.close("complete")
    assert not output.exists()


# Tables

SEEN = Track(3, Box(1, 2, 11, 22.5), 0.875, 5)
BEHIND = Track(4, Box(-4, 2, 6, 12), 0.25, 0, hidden=True)


def written(sink, *moments):
    for m in moments:
        sink.write(m)
    sink.close("complete")
    return sink.path.read_text()


def test_mot_rows_count_frames_from_one_and_leave_hidden_objects_out(tmp_path):
    rows = written(mot(tmp_path / "a.txt"), moment(0, SEEN, BEHIND), moment(1), moment(2, SEEN))
    assert rows == "1,3,1.00,2.00,10.00,20.50,0.8750,-1,-1,-1\n3,3,1.00,2.00,10.00,20.50,0.8750,-1,-1,-1\n"


def test_csv_rows_tell_time_visibility_and_area(tmp_path):
    rows = written(csv(tmp_path / "a.csv"), moment(9, SEEN, BEHIND, time_s=1 / 3))
    assert rows.splitlines() == [
        "frame,time_s,id,x0,y0,x1,y1,confidence,hidden,area_px",
        "10,0.333333,3,1.00,2.00,11.00,22.50,0.8750,0,200",  # 10 x 20 whole pixels
        "10,0.333333,4,-4.00,2.00,6.00,12.00,0.2500,1,0",
    ]


def test_a_table_holds_its_own_lane_only(tmp_path):
    slots, gmm = moment(0, SEEN), moment(0, BEHIND, lane="gmm")
    both = Moment(slots.frame, slots.views + gmm.views)
    rows = written(csv(tmp_path / "a.csv", "gmm"), both).splitlines()[1:]
    assert [row.split(",")[2] for row in rows] == ["4"]


def test_a_killed_run_has_every_row_in_the_part_file(tmp_path):
    sink = mot(tmp_path / "a.txt")
    sink.write(moment(0, SEEN))
    assert sink.part.read_text().count("\n") == 1


# Masks


def test_masks_are_white_where_any_object_owns_the_pixel(tmp_path):
    sink = Alone(lambda out: MaskFolder(out, "slots"), tmp_path / "a.masks")
    sink.write(moment(0, Track(1, Box(2, 3, 10, 12), 1, 1), Track(2, Box(20, 3, 22, 5), 1, 9)))
    sink.write(moment(1))
    sink.close("complete")
    assert sorted(path.name for path in sink.path.iterdir()) == ["000001.png", "000002.png"]
    mask = cv2.imread(str(sink.path / "000001.png"), cv2.IMREAD_UNCHANGED)
    expected = np.zeros((24, 32), np.uint8)
    expected[3:12, 2:10] = expected[3:5, 20:22] = 255
    assert np.array_equal(mask, expected)


def test_a_mask_that_is_cut_has_no_masks_name(tmp_path, monkeypatch):
    sink = Alone(lambda out: MaskFolder(out, "slots"), tmp_path / "a.masks")
    sink.write(moment(0, TRACK))
    whole = Path.write_bytes
    monkeypatch.setattr(Path, "write_bytes", lambda path, data: whole(path, data[:20]) and 1 / 0)
    with pytest.raises(ZeroDivisionError):
        sink.write(moment(1, TRACK))
    assert [path.name for path in sink.part.iterdir() if path.suffix == ".png"] == ["000001.png"]


def test_run_lengths_decode_to_the_pixels_of_each_track(tmp_path):
    overlapping = moment(0, Track(7, Box(2, 3, 10, 12), 1, 1), Track(8, Box(5, 3, 12, 12), 1, 2), BEHIND)
    rows = json.loads(written(rle(tmp_path / "a.json"), overlapping, moment(1), moment(2, TRACK)))
    assert [(row["frame"], row["id"]) for row in rows] == [(1, 7), (1, 8), (3, 1)]
    labels = overlapping.view("slots").segmentation.labels
    assert np.array_equal(coco.decode(rows[0]["rle"]), labels == 1)
    assert np.array_equal(coco.decode(rows[1]["rle"]), labels == 2)
    assert coco.decode(rows[0]["rle"]).sum() == 3 * 9


def test_run_lengths_of_a_clip_without_objects_are_an_empty_list(tmp_path):
    assert json.loads(written(rle(tmp_path / "a.json"), moment(0))) == []


# Contact sheet


@pytest.mark.parametrize("frames", [1, 5, 12, 13, 48, 49, 1000, 5000])
def test_a_sheet_is_spread_over_a_run_of_any_length(tmp_path, frames):
    shown = []

    def note(images, times_s):
        shown.extend(times_s)
        return arrange(images, times_s)

    sink = sheet(tmp_path / "a.png", arrange=note, count=12)
    for index in range(frames):
        sink.write(moment(index, time_s=float(index), width=8, height=6))
        assert len(sink.sink._kept) < 4 * 12  # what it keeps is bounded
    sink.close("complete")
    assert len(shown) == min(frames, 12)
    assert shown == sorted(shown)
    assert shown[0] == 0
    assert shown[-1] >= 0.95 * (frames - 1)
    steps = np.diff(shown)
    assert frames < 13 or steps.max() <= 2 * steps.min()


def test_a_sheet_keeps_small_pictures_in_rgb(tmp_path):
    red = np.zeros((600, 960, 3), np.uint8)
    red[..., 0] = 255
    sink = sheet(tmp_path / "a.png", render=lambda _: red, arrange=lambda images, _: images[0])
    sink.write(moment(0))
    sink.close("complete")
    shown = cv2.imread(str(sink.path))
    assert shown.shape == (300, 480, 3)
    assert (shown == (0, 0, 255)).all()  # OpenCV reads BGR


# Video


def decoded(path):
    with av.open(str(path)) as container:
        return [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def test_a_video_has_every_frame_at_its_own_time(tmp_path):
    times_s = [0.0, 0.04, 0.05, 0.35, 1.0, 1.001, 7.5]
    sink = video(tmp_path / "a.mp4")
    for index, time_s in enumerate(times_s):
        sink.write(moment(30 * index, time_s=time_s))
    sink.close("complete")
    frames = decoded(sink.path)
    assert [time for time, _ in frames] == pytest.approx(times_s, abs=1e-4)
    for index, (_, image) in enumerate(frames):
        assert image.shape == (24, 32, 3)
        assert abs(int(image.mean()) - 30 * index) <= CODEC_TOLERANCE


def atoms(path):
    """Names of the outermost boxes of an MP4."""
    data, at, names = path.read_bytes(), 0, []
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        names.append(data[at + 4 : at + 8].decode())
        at += int.from_bytes(data[at + 8 : at + 16], "big") if size == 1 else size
    return names


@pytest.mark.parametrize("outcome", ["complete", "interrupted", "failed"])
def test_a_video_that_was_closed_has_one_index_and_no_fragments(tmp_path, outcome):
    sink = video(tmp_path / "a.mp4")
    for index in range(40):
        sink.write(moment(index))
    sink.close(outcome)
    assert set(atoms(sink.path)) - {"free"} == {"ftyp", "mdat", "moov"}
    assert len(decoded(sink.path)) == 40
    with av.open(str(sink.path)) as container:
        assert sum(packet.is_keyframe for packet in container.demux(video=0) if packet.size) == 3  # 0, 15, 30
        for wanted_s in (3.1, 0.4, 2.0):
            container.seek(round(wanted_s * av.time_base))
            frame = next(frame for frame in container.decode(video=0) if frame.time >= wanted_s - 1e-3)
            assert abs(int(frame.to_ndarray(format="rgb24").mean()) - 10 * wanted_s) <= 2


def test_a_video_is_of_the_kind_that_browsers_play(tmp_path):
    sink = video(tmp_path / "a.mp4")
    for index in range(40):
        sink.write(moment(index))
    sink.close("complete")
    with av.open(str(sink.path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.format.name == "yuv420p"
        assert "High" in stream.codec_context.profile or "Main" in stream.codec_context.profile
        duration_s = float(stream.duration * stream.time_base)
    assert duration_s == pytest.approx(4.0, abs=1e-3)  # the last of 40 pictures lasts a tenth too
    assert b"avc1" in sink.path.read_bytes()


def test_a_clip_that_is_taken_from_its_middle_starts_at_zero(tmp_path):
    sink = video(tmp_path / "a.mp4")
    for index in range(3):
        sink.write(moment(index, time_s=100 + index / 10))
    sink.close("complete")
    assert [time for time, _ in decoded(sink.path)] == pytest.approx([0, 0.1, 0.2], abs=1e-4)


def test_times_that_stand_still_or_go_back_lose_no_frame(tmp_path):
    sink = video(tmp_path / "a.mp4", fps=None)
    for index, time_s in enumerate([0.0, 0.1, 0.1, 0.05, 0.2]):
        sink.write(moment(index, time_s=time_s))
    sink.close("complete")
    times = [time for time, _ in decoded(sink.path)]
    assert len(times) == 5
    assert times == sorted(set(times))
    assert times[-1] == pytest.approx(0.2, abs=1e-4)


@pytest.mark.parametrize(("width", "height"), [(33, 24), (32, 25), (33, 25), (1, 1), (321, 17)])
def test_odd_sizes_are_padded_and_never_cropped(tmp_path, width, height):
    picture_ = np.full((height, width, 3), 40, np.uint8)
    picture_[-1:, -1:] = 200
    picture_[:, -1] = 200  # the edge that a crop would lose
    sink = video(tmp_path / "a.mp4", render=lambda _: picture_, crf=10)
    sink.write(moment(0))
    sink.close("complete")
    (_, image), *_ = decoded(sink.path)
    assert image.shape == (height + height % 2, width + width % 2, 3)
    assert (np.abs(image[:, width - 1 :].astype(int) - 200) < 40).all()  # the edge, and its copy where there is one


def test_a_frame_of_another_size_is_fitted_into_the_first(tmp_path):
    sink = video(tmp_path / "a.mp4")
    sink.write(moment(200, width=32, height=24, time_s=0))
    sink.write(
        moment(200, width=64, height=24, time_s=1)
    )  # twice as wide: 32 x 12 in the middle, black above and below
    sink.close("complete")
    _, (_, image) = decoded(sink.path)
    assert image.shape == (24, 32, 3)
    assert abs(int(image[12].mean()) - 200) <= CODEC_TOLERANCE
    assert image[0].mean() < 30


def test_a_thin_coloured_line_keeps_its_colour(tmp_path):
    image = np.full((64, 64, 3), 120, np.uint8)
    image[31] = (255, 0, 0)  # an odd row: taking one pixel of 2x2 for the colour would miss it
    sink = video(tmp_path / "a.mp4", render=lambda _: image)
    sink.write(moment(0))
    sink.close("complete")
    (_, out), *_ = decoded(sink.path)
    red, green, _ = out[31].astype(int).mean(axis=0)
    assert red - green > 60


SPACES = [BT601, ColourSpace(full_range=True), ColourSpace(1, False, 1, 1), ColourSpace(1, True, 1, 13)]


def coloured(width, height):
    """Three stripes."""
    image = np.zeros((height, width, 3), np.uint8)
    for index, colour in enumerate([(200, 40, 40), (40, 200, 40), (40, 40, 200)]):
        image[:, index * width // 3 :] = colour
    return image


@pytest.mark.parametrize("size", [(48, 32), (48, 34), (96, 66)])
@pytest.mark.parametrize("space", SPACES)
def test_a_picture_in_yuv_is_encoded_as_it_is_and_its_colour_space_is_said(tmp_path, space, size):
    given = to_yuv(coloured(*size), space)
    sink = video(tmp_path / "a.mp4", render=lambda _: given, crf=4)
    for index in range(3):
        sink.write(moment(index))
    sink.close("complete")
    with av.open(str(sink.path)) as container:
        *_, frame = container.decode(video=0)
    assert (frame.width, frame.height) == size
    assert (frame.colorspace, frame.color_primaries, frame.color_trc) == (space.matrix, space.primaries, space.transfer)
    assert frame.color_range == (2 if space.full_range else 1)
    assert (
        np.abs(frame.to_ndarray(format="yuvj420p" if space.full_range else "yuv420p").astype(int) - given.rows).max()
        <= 6
    )
    shown = frame.to_ndarray(format="rgb24")[size[1] // 2]
    for index, colour in enumerate([(200, 40, 40), (40, 200, 40), (40, 40, 200)]):
        assert np.abs(shown[(2 * index + 1) * size[0] // 6].astype(int) - colour).max() <= CODEC_TOLERANCE


def test_a_picture_of_another_size_or_colour_space_is_converted_to_those_of_the_first(tmp_path):
    hd = ColourSpace(1, False, 1, 1)
    given = iter(
        [to_yuv(coloured(48, 32), hd), to_yuv(coloured(48, 32)), coloured(48, 32), to_yuv(coloured(96, 64), hd)]
    )
    sink = video(tmp_path / "a.mp4", render=lambda _: next(given), crf=4)
    for index in range(4):
        sink.write(moment(index))
    sink.close("complete")
    frames = decoded(sink.path)
    assert len(frames) == 4
    for _, image in frames:
        assert image.shape == (32, 48, 3)
        for index, colour in enumerate([(200, 40, 40), (40, 200, 40), (40, 40, 200)]):
            assert np.abs(image[16, 16 * index + 8].astype(int) - colour).max() <= CODEC_TOLERANCE


def test_pictures_that_wait_for_the_encoder_are_not_copied():
    image = to_yuv(coloured(48, 32))
    frame = video_frame(image)
    assert frame.planes[0].buffer_ptr == image.rows.ctypes.data


def test_what_goes_wrong_in_the_encoder_is_raised_and_nobody_waits_for_it(tmp_path):
    sink = video(tmp_path / "a.mp4")
    sink.write(moment(0))
    sink.write(moment(1))
    encoder = sink.sink._encoder

    def broken(image, time_s):
        raise OSError(28, "No space left on device")

    encoder._encode = broken
    with pytest.raises(SinkError, match=r"a\.mp4: cannot be written \(No space left on device\); [0-9,]+ MB are free"):  # noqa: PT012
        for _ in range(50):  # more than the queue holds
            encoder.put(picture(moment(0)), 0.0)
            time.sleep(0.001)
        sink.close("complete")
    with pytest.raises(SinkError):
        sink.close("failed")
    assert not encoder._thread.is_alive()
    assert not sink.path.exists()


def test_no_thread_is_left_behind(tmp_path):
    before = set(threading.enumerate())
    for outcome in ("complete", "interrupted", "failed"):
        sink = video(tmp_path / "a.mp4")
        sink.write(moment(0))
        sink.close(outcome)
    assert not set(threading.enumerate()) - before


def test_a_name_that_looks_like_an_address_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sink = video(Path("http:12%d.mp4"))
    sink.write(moment(0))
    sink.close("complete")
    assert [path.name for path in tmp_path.iterdir()] == ["http:12%d.mp4"]


ENDLESS = """
import itertools, sys, time
from pathlib import Path
sys.path[:0] = {paths!r}
from test_sinks import moment, video
sink = video(Path({path!r}))
for index in itertools.count():
    sink.write(moment(index % 200, time_s=index / 10))
    if index == 300:
        print("far enough", flush=True)
    time.sleep(0.0005)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a way to kill without asking")
def test_the_video_of_a_killed_run_plays(tmp_path):
    path = tmp_path / "a.mp4"
    here = Path(__file__).parent
    code = ENDLESS.format(paths=[str(here), str(here.parent), str(here.parents[1])], path=str(path))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"far enough\n"
        process.send_signal(signal.SIGKILL)
    assert not path.exists()
    part = path.with_name(f"a.part-{RUN}.mp4")
    frames = decoded(part)
    assert "moof" in atoms(part)
    assert len(frames) >= 300 - 2 * 15 - 40  # two key frame distances, and what the encoder held
    assert [time for time, _ in frames] == pytest.approx(np.arange(len(frames)) / 10, abs=1e-3)


# Window: how it takes what happens on a desktop; tests/sinks/test_real_window.py has a real one


class Desktop:
    """Stands in for the desktop: the keys that will be pressed, and whether the window is still there."""

    def __init__(self, monkeypatch, keys=(), visible=()):
        self.shown, self.keys, self.visible, self.windows = [], list(keys), list(visible), []
        monkeypatch.setattr(cv2, "namedWindow", lambda title, flags: self.windows.append(title))
        monkeypatch.setattr(cv2, "setMouseCallback", lambda title, called: None)
        monkeypatch.setattr(cv2, "imshow", lambda title, image: self.shown.append(int(image[0, 0, 0])))
        monkeypatch.setattr(cv2, "waitKey", lambda _: self.keys.pop(0) if self.keys else -1)
        monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: self.visible.pop(0) if self.visible else 1.0)
        monkeypatch.setattr(cv2, "destroyAllWindows", self.windows.clear)

    def show(self, *greys, turns=10):
        """What the window's process says while these come, one a turn; the input ends after so many turns."""
        inbox = Arrivals([np.full((4, 6, 3), grey, np.uint8) for grey in greys], turns)
        reading, writing = os.pipe()
        with os.fdopen(reading) as said:
            window_process.show("clip", inbox, writing)
            os.close(writing)
            return said.read().split()


class Arrivals:
    """Stands in for the inbox: one picture a turn."""

    def __init__(self, pictures, turns):
        self.pictures, self.turns, self.ended = list(pictures), turns, threading.Event()

    def take(self):
        self.turns -= 1
        if self.turns == 0:
            self.ended.set()
        return window_process.WindowNews(self.pictures.pop(0) if self.pictures else None, None)


@pytest.mark.parametrize("key", [ord("q"), ord("Q"), 27])
def test_a_key_ends_the_run_and_the_window_goes_away(monkeypatch, key):
    desktop = Desktop(monkeypatch, keys=[-1, ord("x"), key])
    assert desktop.show(1, 2, 3, 4, 5) == ["open", "stop"]
    assert desktop.shown == [1, 2, 3]
    assert desktop.windows == []


def test_closing_the_window_ends_the_run(monkeypatch):
    desktop = Desktop(monkeypatch, visible=[0.0, 1.0, 0.0])  # not yet there, there, gone
    assert desktop.show(1, 2, 3, 4, 5) == ["open", "stop"]
    assert desktop.shown == [1, 2, 3]


def test_the_end_of_the_pictures_is_no_wish_of_the_user(monkeypatch):
    desktop = Desktop(monkeypatch)
    assert desktop.show(1, turns=3) == ["open"]
    assert desktop.windows == []


def test_a_window_that_the_library_does_not_know_any_more_was_closed(monkeypatch):
    desktop = Desktop(monkeypatch)
    seen = iter([1.0])

    def forgotten(*_):
        for answer in seen:
            return answer
        raise cv2.error("NULL window: 'clip'")

    monkeypatch.setattr(cv2, "getWindowProperty", forgotten)
    assert desktop.show(1, 2, 3) == ["open", "stop"]


def test_a_window_shows_red_as_red_and_pixels_as_square():
    red = np.zeros((4, 6, 3), np.uint8)
    red[..., 0] = 255
    inbox = window_process.Inbox(Endless(HEAD.pack(PICTURE, 4, 6, 12) + red.tobytes()))
    while (shown := inbox.take().picture) is None:
        time.sleep(0.001)
    assert shown.shape == (4, 12, 3)
    assert (shown == (0, 0, 255)).all()  # OpenCV shows BGR


class Endless:
    """A stream that has these bytes and does not end, for at its end the process of the window ends."""

    def __init__(self, data):
        self._data = io.BytesIO(data)

    def read(self, count):
        return self._data.read(count) or threading.Event().wait()


def test_closed_before_any_moment_no_window_was_opened(monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    Window("clip", render=picture).close("complete")


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (
            "print('failed The function is not implemented. Rebuild the library')",
            "pip install --force-reinstall opencv-python",
        ),
        ("raise SystemExit(3)", "the display does not answer"),
        ("print('failed something odd')", "something odd"),
    ],
)
def test_a_window_that_fails_is_one_line_that_says_what_to_do(monkeypatch, program, words):
    monkeypatch.setattr("tracker.sinks.window.START", program)
    window = Window("clip", render=picture)
    with pytest.raises(SinkError, match="--record") as raised:  # noqa: PT012
        for _ in range(1000):
            window.write(moment(0))
            time.sleep(0.01)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)
    window.close("failed")


def test_whoever_records_goes_on_without_the_window_and_is_told_once(monkeypatch):
    monkeypatch.setattr("tracker.sinks.window.START", "raise SystemExit(3)")
    told = []
    window = Window("clip", render=picture, when_lost=told.append)
    for _ in range(1000):
        window.write(moment(0))
        if told:
            break
        time.sleep(0.01)
    window.write(moment(1))
    assert len(told) == 1
    assert not window.wants_stop
    window.close("complete")


def test_a_window_that_hangs_holds_up_neither_the_run_nor_its_end(monkeypatch):
    monkeypatch.setattr("tracker.sinks.window.START", "import time; time.sleep(1000)")
    monkeypatch.setattr("tracker.sinks.window.CLOSE_TIMEOUT_S", 0.3)
    window = Window("clip", render=picture)
    began = time.monotonic()
    for index in range(20):
        window.write(moment(index, width=640, height=480))  # more than a pipe holds
    window.close("complete")
    assert time.monotonic() - began < 10
    assert not any(thread.name.startswith("window ") for thread in threading.enumerate())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only here a display is announced by a variable")
@pytest.mark.parametrize("display", [None, ":987"])
def test_no_display_is_an_error_that_says_what_to_use(monkeypatch, display):
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("QT_QPA_PLATFORM", raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)
    if display:
        monkeypatch.setitem(os.environ, "DISPLAY", display)
    with pytest.raises(SinkError, match=r"--no-show.*--record out\.mp4"):
        check_display()
