"""Recording in segments: nothing lost or doubled between two, nothing deleted but what may go, events with what was before."""

import errno
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import replace
from datetime import datetime

import av
import numpy as np
import pytest
from test_sinks import moment

from tracker.controls import Board
from tracker.errors import SinkError
from tracker.sinks import CsvRows, MotRows, Recorder, RecordPlan, VideoSettings, written_here
from tracker.sinks.recorder import recorder as recorder_file
from tracker.sinks.recorder import writer as writer_file
from tracker.sinks.recorder.encoder import Encoder
from tracker.sinks.recorder.keep import RecordingPruner, Room, finished_segments
from tracker.sinks.recorder.motion import HOLD_S, MotionDetector
from tracker.sinks.recorder.samples import ROW_BYTES, RecordedMoment, Sample, Waiting
from tracker.sinks.recorder.writer import Writer
from tracker.types import Box, Gap, Track

FPS = 10
ABOUT = {"schema_version": 2, "settings": {}, "versions": {}}
START = datetime(2026, 11, 28, 18, 40, 0, 250_000).timestamp()
GB = 10**9


class Bench:
    """A recording without its threads: shots of small pictures whose grey is their number, at times of a fake clock."""

    def __init__(self, folder, *, free=None, fps=FPS, spare=(), **plan):
        self.plan = RecordPlan(folder, **plan)
        self.said, self.told, self.wall = [], [], START
        self.frames = 0
        self.fps, self.begins = fps, True
        self.encoder = None
        self.table = CsvRows("slots")
        self.writer = Writer(
            self.plan,
            heads={"slots.csv": self.table.head},
            about=ABOUT,
            keeper=RecordingPruner(self.plan, spare=spare, notify=self.said.append),
            room=Room(self.plan.min_free_bytes, free or (lambda: 10**15)),
            notify=self.said.append,
            now=lambda: self.wall,
            tell=self.told.append,
        )

    def shoot(self, count=1, *, moves=True, size=(32, 24), skip_s=0.0, gap=None):
        """Record so many frames; returns self."""
        for _ in range(count):
            self.wall += skip_s
            given = moment(self.frames, Track(1, Box(2, 3, 10, 12), 0.9, 0), width=size[0], height=size[1])
            time_s = self.wall - START
            frame = replace(given.frame, time_s=time_s)
            rows = {"slots.csv": self.table.rows(replace(given, frame=replace(frame, gap=gap)))}
            shot = RecordedMoment(given.frame.image, frame.written, time_s, self.wall, rows, moves, gap)
            if self.encoder is None or not self.encoder.fits(shot):
                self.encoder = Encoder(shot, fps=self.fps, settings=VideoSettings(), pixel_aspect=1.0)
            if self.writer.armed:
                self.writer.take(self.encoder.encode(shot, key=self.begins, lost=0))
                self.begins = False
            else:
                self.writer.look()
                self.begins = True
            self.frames += 1
            self.wall += 1 / self.fps
        return self

    def end(self):
        self.writer.close({}, "the run ended")
        return segments(self.plan.folder)


class Found:
    """A segment as a user finds it."""

    def __init__(self, path):
        self.name = path.name.removesuffix(".mp4")
        about = json.loads(path.with_name(f"{self.name}.summary.json").read_text())["recording"]
        self.reason, self.first_s, self.lost, self.gaps = (
            about[key] for key in ("ended_because", "first_s", "lost", "gaps")
        )
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            packets = [packet for packet in container.demux(stream) if packet.size]
            self.begins_at_key = packets[0].is_keyframe
            at = [float(packet.pts * stream.time_base) for packet in packets]
            self.end_s = self.first_s + at[-1] + float(packets[-1].duration * stream.time_base)
        with av.open(str(path)) as container:
            shown = list(container.decode(video=0))
        self.size = shown[0].width, shown[0].height
        self.times_s = [self.first_s + frame.time for frame in shown]
        self.greys = [frame.to_ndarray(format="rgb24").mean() for frame in shown]
        rows = path.with_name(f"{self.name}.slots.csv").read_text().splitlines()
        assert rows[0] + "\n" == CsvRows.head
        self.numbers = [int(row.split(",")[0]) for row in rows[1:] if row.split(",")[2] == "1"]
        self.gap_rows = [row for row in rows[1:] if row.split(",")[2] == "0"]
        assert (about["frames"], about["first_frame"], about["last_frame"]) == (
            len(shown),
            self.numbers[0],
            self.numbers[-1],
        )
        assert len(self.numbers) == len(shown)


def segments(folder):
    found = [Found(path) for path in sorted(folder.glob("*.mp4")) if "part" not in path.name]
    assert all(segment.begins_at_key for segment in found)
    return sorted(found, key=lambda segment: segment.first_s)


def frames_of(found):
    return list(itertools.chain.from_iterable(segment.numbers for segment in found))


# Segments


def test_segments_follow_each_other_without_a_frame_lost_or_doubled(tmp_path):
    found = Bench(tmp_path / "r", segment_s=2.0).shoot(75).end()
    assert [segment.numbers for segment in found] == [
        list(range(first + 1, min(75, first + 20) + 1)) for first in range(0, 75, 20)
    ]
    times_s = list(itertools.chain.from_iterable(segment.times_s for segment in found))
    assert times_s == pytest.approx([n / FPS for n in range(75)], abs=1e-4)
    greys = list(itertools.chain.from_iterable(segment.greys for segment in found))
    assert greys == pytest.approx(list(range(75)), abs=4)
    for segment, following in itertools.pairwise(found):
        assert segment.end_s == pytest.approx(following.first_s, abs=1e-4)
    assert [segment.reason for segment in found] == ["it is full"] * 3 + ["the run ended"]
    assert [segment.name for segment in found] == [f"2026-11-28T18-40-{second:02}" for second in (0, 2, 4, 6)]
    assert not [path.name for path in (tmp_path / "r").iterdir() if "part" in path.name]
    assert all(written_here(path) for path in (tmp_path / "r").iterdir())


def test_pictures_at_uneven_times_keep_them(tmp_path):
    bench, random = Bench(tmp_path, segment_s=1.5, fps=25), np.random.default_rng(3)
    wanted = []
    for _ in range(80):
        skip_s = float(random.uniform(0, 0.2))
        wanted.append(bench.wall + skip_s - START)
        bench.shoot(skip_s=skip_s)
    found = bench.end()
    assert len(found) > 4
    assert list(itertools.chain.from_iterable(segment.times_s for segment in found)) == pytest.approx(wanted, abs=1e-4)
    assert frames_of(found) == list(range(1, 81))


def test_a_finished_segment_has_its_names_while_the_next_is_written(tmp_path):
    bench = Bench(tmp_path, segment_s=1.0).shoot(15)
    assert [segment.numbers for segment in segments(tmp_path)] == [list(range(1, 11))]
    assert len(list(tmp_path.glob("2026-11-28T18-40-01.part-*.mp4"))) == 1
    bench.end()


def test_a_segment_ends_at_the_first_key_frame_after_its_size(tmp_path):
    found = Bench(tmp_path, segment_s=None, segment_bytes=3000).shoot(60).end()
    assert len(found) > 1
    assert {segment.numbers[0] % 10 for segment in found} == {1}  # key frames are a second apart
    assert frames_of(found) == list(range(1, 61))


def test_a_name_that_is_there_gets_a_number(tmp_path):
    (tmp_path / "2026-11-28T18-40-00.slots.csv").write_text("mine")
    (tmp_path / "2026-11-28T18-40-00-2.mp4").write_text("mine too")
    Bench(tmp_path).shoot(3).writer.close({}, "the run ended")
    assert (tmp_path / "2026-11-28T18-40-00.slots.csv").read_text() == "mine"
    assert (tmp_path / "2026-11-28T18-40-00-2.mp4").read_text() == "mine too"
    assert written_here(tmp_path / "2026-11-28T18-40-00-3.mp4")


@pytest.fixture
def berlin(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_the_hour_that_comes_twice_is_recorded_twice(berlin, tmp_path):
    bench = Bench(tmp_path, segment_s=1800.0, fps=1 / 600)
    bench.wall = 1792886400.0  # 2026-10-25 02:00:00, for the first time
    bench.shoot(13)
    bench.writer.close({}, "the run ended")
    names = sorted(path.name for path in tmp_path.glob("*.mp4"))
    assert names == [
        "2026-10-25T02-00-00-2.mp4",
        "2026-10-25T02-00-00.mp4",
        "2026-10-25T02-30-00-2.mp4",
        "2026-10-25T02-30-00.mp4",
        "2026-10-25T03-00-00.mp4",
    ]
    began = json.loads((tmp_path / "2026-10-25T02-00-00-2.summary.json").read_text())["recording"]["began"]
    assert began == "2026-10-25T02:00:00.000+01:00"


def test_a_camera_that_changes_its_size_begins_a_new_segment(tmp_path):
    found = Bench(tmp_path).shoot(5).shoot(7, size=(64, 48)).end()
    assert [segment.size for segment in found] == [(32, 24), (64, 48)]
    assert [len(segment.numbers) for segment in found] == [5, 7]
    assert found[0].reason == "the size of the picture changed"


def test_a_gap_is_told_and_a_long_one_ends_the_segment(tmp_path):
    bench = Bench(tmp_path).shoot(5)
    bench.shoot(skip_s=30, gap=Gap(0.4, 30.5, "the stream ended")).shoot(4).shoot(skip_s=4000)
    found = bench.end()
    assert [segment.numbers for segment in found] == [list(range(1, 11)), [11]]
    assert len(found[0].gap_rows) == 1
    assert found[0].gaps == [{"from_s": 0.4, "to_s": 30.5, "reason": "the stream ended"}]


def test_a_segment_is_finished_while_no_picture_comes(tmp_path):
    bench = Bench(tmp_path, segment_s=10.0).shoot(5)
    bench.wall += 11
    bench.writer.look()
    assert [segment.numbers for segment in segments(tmp_path)] == [[1, 2, 3, 4, 5]]


def test_recording_is_switched_off_and_on_again(tmp_path):
    bench = Bench(tmp_path).shoot(12)
    bench.writer.switch(False)
    bench.shoot(7)
    assert [segment.reason for segment in segments(tmp_path)] == ["switched off"]
    bench.writer.switch(True)
    bench.shoot(5)
    assert [segment.numbers for segment in bench.end()] == [list(range(1, 13)), list(range(20, 25))]
    assert bench.told == [True, False, True, False]


# What may go


def old(folder, name, *, age_s, size, now=START):
    """A finished segment as this program leaves it, of about a size and age."""
    if not folder.exists() or not any(folder.glob("*.mp4")):
        Bench(folder).shoot(2).writer.close({}, "the run ended")
    made = sorted(folder.glob("*.mp4"))[0].name.removesuffix(".mp4")
    for path in [path for path in folder.iterdir() if path.name.startswith(f"{made}.")]:
        copy = path.with_name(f"{name}{path.name[len(made) :]}")
        copy.write_bytes(path.read_bytes())
        if copy.suffix == ".mp4":
            os.truncate(copy, size)  # zeros behind the end, which the size counts
        os.utime(copy, (now - age_s, now - age_s))


@pytest.fixture
def folder(tmp_path):
    """Five segments of a megabyte, an hour apart, the oldest five hours old; and what is not ours."""
    folder = tmp_path / "r"
    for hour in range(5):
        old(folder, f"2026-11-28T{13 + hour}-40-00", age_s=(5 - hour) * 3600, size=10**6)
    for path in folder.glob("2026-11-28T18*"):
        path.unlink()
    (folder / "holiday.mp4").write_bytes(bytes(5 * 10**6))
    (folder / "2026-11-01T00-00-00.mp4").write_bytes(b"somebody's" * 100)
    (folder / "2026-11-28T13-40-00.notes.txt").write_text("mine")
    (folder / "2026-11-28T12-40-00.gmm.csv").symlink_to(folder / "holiday.mp4")
    return folder


def ours(folder):
    return sorted(path.name[:16] for path in folder.glob("2026-11-28*.summary.json"))


FOREIGN = ("holiday.mp4", "2026-11-01T00-00-00.mp4", "2026-11-28T13-40-00.notes.txt", "2026-11-28T12-40-00.gmm.csv")


def test_the_oldest_go_with_their_tables_past_a_size(folder):
    bench = Bench(folder, keep_bytes=3_100_000).shoot(3)
    bench.writer.close({}, "the run ended")
    assert ours(folder) == [f"2026-11-28T{hour}-40" for hour in (15, 16, 17, 18)]
    assert not list(folder.glob("2026-11-28T14*"))
    assert all(os.path.lexists(folder / name) for name in FOREIGN)
    assert [re.sub("^.*: ", "", line) for line in bench.said] == [
        "the oldest recordings are deleted from now on (more than is kept); the first is 2026-11-28T13-40-00"
    ]


def test_the_oldest_go_with_their_tables_past_an_age(folder):
    bench = Bench(folder, keep_s=2.5 * 3600).shoot(3)
    assert ours(folder) == [f"2026-11-28T{hour}-40" for hour in (16, 17)]
    bench.wall += 3600
    bench.shoot(1)
    assert ours(folder) == ["2026-11-28T17-40", "2026-11-28T18-40"]  # the running one's first part was finished
    assert all(os.path.lexists(folder / name) for name in FOREIGN)
    assert len(bench.said) == 1


def test_the_oldest_go_while_recording_is_switched_off_too(folder):
    bench = Bench(folder, keep_s=2.5 * 3600).shoot(3)
    bench.writer.switch(False)
    bench.wall += 3600
    bench.writer.look()
    assert ours(folder) == ["2026-11-28T17-40", "2026-11-28T18-40"]


def test_the_running_segment_never_goes(tmp_path):
    found = Bench(tmp_path, segment_s=2.0, keep_bytes=1).shoot(45).end()
    assert found == []  # each went once it was finished, the last at the end
    assert list(tmp_path.iterdir()) == []


def test_without_keep_nothing_is_deleted(folder):
    before = {path.name for path in folder.iterdir()}
    Bench(folder, free=lambda: 0).shoot(3)
    assert {path.name for path in folder.iterdir()} == before


def test_the_source_of_the_run_is_not_deleted(folder):
    source = folder / "2026-11-28T13-40-00.mp4"
    Bench(folder, keep_bytes=1, spare=[source]).shoot(3).writer.close({}, "the run ended")
    assert source.exists()
    assert not (folder / "2026-11-28T14-40-00.mp4").exists()


def test_what_a_killed_recording_left_counts_and_goes_too(folder):
    for path in list(folder.glob("2026-11-28T13-40-00.*[!t]")):
        path.rename(folder / path.name.replace(".", ".recovered-1.", 1))
    assert finished_segments(folder)[0].name in ("2026-11-01T00-00-00", "2026-11-28T13-40-00.recovered-1")
    Bench(folder, keep_bytes=4_100_000).shoot(1).writer.close({}, "the run ended")
    assert not list(folder.glob("*recovered*.mp4"))


def test_old_segments_make_room_where_they_may(folder):
    def free():
        return int(2 * GB + (5 - len(ours(folder))) * GB / 3)

    bench = Bench(folder, keep_s=1e6, min_free_bytes=int(2.2 * GB), free=free)
    bench.shoot(3)
    # a quarter more than the floor, so that it does not begin again at once: 2.75 GB
    assert ours(folder) == ["2026-11-28T16-40", "2026-11-28T17-40"]
    assert bench.writer.armed
    assert "too little room on the disk" in bench.said[0]


def test_below_the_floor_it_stops_cleanly_and_begins_again_with_a_margin(tmp_path):
    room = [3 * GB]
    bench = Bench(tmp_path, min_free_bytes=2 * GB, free=lambda: room[0]).shoot(30)
    room[0] = 2 * GB - 1
    bench.shoot(50)
    (stopped,) = segments(tmp_path)
    assert stopped.reason == "too little room on the disk"
    assert 30 <= len(stopped.numbers) <= 52  # it looks every two seconds
    room[0] = int(2.4 * GB)
    bench.shoot(50)
    assert len(segments(tmp_path)) == 1
    room[0] = int(2.6 * GB)
    bench.shoot(50)
    assert len(bench.end()) == 2
    assert bench.told == [True, False, True, False]
    assert [re.sub("^.*?: .*?: ", "", line) for line in bench.said] == [
        "less than 2 GB are free; nothing is recorded until there is room",
        "there is room again; recording goes on",
    ]


def test_a_disk_that_refuses_is_said_once_and_tried_again(tmp_path, monkeypatch):
    bench = Bench(tmp_path).shoot(5)
    broken = [True]
    fsync = os.fsync

    def refuse(descriptor):
        if broken[0]:
            raise OSError(errno.EIO, "Input/output error")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)
    bench.writer.switch(False)
    bench.writer.switch(True)
    assert len(bench.said) == 2
    assert "Input/output error" in bench.said[0]
    assert "recovered-1.mp4" in bench.said[1]
    bench.shoot(20)
    broken[0] = False
    bench.shoot(100)
    assert [segment.reason for segment in bench.end()] == [
        "switched off",
        "the run ended",
    ]  # the first is the recovered one
    assert len(bench.said) == 3
    assert "goes on" in bench.said[2]


def test_a_disk_that_refuses_to_the_end_is_an_error(tmp_path, monkeypatch):
    bench = Bench(tmp_path).shoot(5)

    def refuse(descriptor):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(SinkError, match="Input/output error"):
        bench.writer.close({}, "the run ended")
    assert len(list(tmp_path.glob("*.recovered-1.mp4"))) == 1


# Events


def test_an_event_has_what_was_before_and_after_it(tmp_path):
    bench = Bench(tmp_path, events=True, before_s=2.0, after_s=1.5)
    bench.shoot(55, moves=False).shoot(10).shoot(80, moves=False)
    (event,) = bench.end()
    # the last key frame two seconds before frame 55, at 5.5 s: that of 3.0 s; 1.5 s after frame 64
    assert event.numbers == list(range(30 + 1, 64 + 15 + 1 + 1))
    assert event.reason == "nothing moves"
    assert event.times_s == pytest.approx([n / FPS for n in range(30, 80)], abs=1e-4)
    assert event.greys == pytest.approx(list(range(30, 80)), abs=4)


def test_an_event_at_the_start_has_what_there_was(tmp_path):
    (event,) = Bench(tmp_path, events=True).shoot(7, moves=False).shoot(2).end()
    assert event.numbers == list(range(1, 10))


@pytest.mark.parametrize(("quiet", "files"), [(20, 1), (34, 1), (70, 2)])
def test_events_that_touch_are_one_file(tmp_path, quiet, files):
    bench = Bench(tmp_path, events=True, before_s=2.0, after_s=1.0)
    bench.shoot(40, moves=False).shoot(5).shoot(quiet, moves=False).shoot(5).shoot(60, moves=False)
    found = bench.end()
    assert len(found) == files
    numbers = frames_of(found)
    assert len(numbers) == len(set(numbers))
    if files == 1:
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
    else:
        assert found[1].numbers[0] > found[0].numbers[-1] + 1  # there was something between to leave out


def test_a_long_event_is_cut_like_everything_else(tmp_path):
    found = Bench(tmp_path, events=True, segment_s=3.0).shoot(80).end()
    assert [len(segment.numbers) for segment in found] == [30, 30, 20]
    assert frames_of(found) == list(range(1, 81))


def test_nothing_is_recorded_where_nothing_moves_and_little_is_held(tmp_path, monkeypatch):
    bench = Bench(tmp_path, events=True, before_s=3.0)
    held = []
    for _ in range(200):
        bench.shoot(moves=False)
        held.append(len(bench.writer._before))
    assert max(held) <= 10 * (3 + 1) + 1  # and up to a key frame more
    monkeypatch.setattr(writer_file, "MOST_BEFORE_BYTES", 1)
    bench.shoot(50, moves=False)
    assert len(bench.writer._before) <= 10  # what large pictures take is bounded too
    assert bench.end() == []
    assert bench.told == [True, False]


def test_an_event_does_not_begin_before_a_long_gap(tmp_path):
    bench = Bench(tmp_path, events=True).shoot(30, moves=False).shoot(5, moves=False, skip_s=100).shoot(5)
    (event,) = bench.end()
    assert event.first_s > 100


def walker(index, x, *, hidden=False, identity=1):
    return moment(index, Track(identity, Box(x, 0, x + 20, 20), 0.9, 0, hidden=hidden))


def test_what_stands_still_does_not_move():
    motion = MotionDetector()
    assert motion.step(walker(0, 0.0))  # it has come
    moved = [motion.step(walker(n, 0.5 * (n % 2))) for n in range(1, 40)]
    assert moved == [n / 10 <= HOLD_S for n in range(1, 40)]
    assert motion.step(walker(40, 3.0))
    assert not MotionDetector().step(walker(0, 0.0, hidden=True))
    assert not MotionDetector().step(moment(0))


def test_what_creeps_moves_at_times():
    motion = MotionDetector()
    moved = [motion.step(walker(n, 0.1 * n)) for n in range(100)]
    assert sum(moved) > 50


def test_the_video_is_what_players_expect(tmp_path):
    Bench(tmp_path).shoot(12).writer.close({}, "the run ended")
    (path,) = tmp_path.glob("*.mp4")
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.extradata[0] == 1  # headers in the manner of an MP4
        for packet in container.demux(stream):
            data, at = bytes(packet), 0
            while at < len(data):  # each unit behind its length, to the last byte; start codes would be lengths of 1
                length = int.from_bytes(data[at : at + 4], "big")
                assert length > 1
                at += 4 + length
            assert at == len(data)


# The threads


def make(folder, *, render=lambda moment: moment.frame.image, **options):
    plan = {key: options.pop(key) for key in list(options) if key in RecordPlan.__dataclass_fields__}
    recorder = Recorder(
        RecordPlan(folder, **plan),
        tables={"slots.csv": CsvRows("slots"), "slots.mot.txt": MotRows("slots")},
        render=render,
        fps=10.0,
        settings=VideoSettings(),
        about=ABOUT,
        **options,
    )
    recorder.claim()
    return recorder


TRACK = Track(1, Box(2, 3, 10, 12), 0.9, 0)


def test_moments_become_segments(tmp_path):
    board = Board()
    recorder = make(tmp_path, segment_s=2.0, tell=lambda on: board.change(recording=on))
    for index in range(45):
        recorder.write(moment(index, TRACK))
    until = time.monotonic() + 10
    while not board.status.recording and time.monotonic() < until:
        time.sleep(0.01)
    assert board.status.recording
    recorder.close("complete")
    assert not board.status.recording
    found = segments(tmp_path)
    assert [len(segment.numbers) for segment in found] == [20, 20, 5]
    assert recorder.segments == 3
    assert frames_of(found) == list(range(1, 46))
    assert len((tmp_path / f"{found[0].name}.slots.mot.txt").read_text().splitlines()) == 20
    assert {path.name.split(".", 1)[1] for path in tmp_path.iterdir()} == {
        "mp4", "slots.csv", "slots.mot.txt", "summary.json",
    }  # fmt: skip


def test_closed_before_any_moment_it_leaves_an_empty_folder(tmp_path):
    make(tmp_path / "r").close("complete")
    assert list((tmp_path / "r").iterdir()) == []


def test_switching_ends_a_segment_and_begins_another(tmp_path):
    recorder = make(tmp_path)
    for index in range(10):
        recorder.write(moment(index, TRACK))
    recorder.switch(False)
    wait_for(lambda: len(list(tmp_path.glob("*.summary.json"))) == 1)
    for index in range(10, 15):
        recorder.write(moment(index, TRACK))
    recorder.switch(True)
    wait_for(lambda: recorder._writer.armed)
    for index in range(15, 20):
        recorder.write(moment(index, TRACK))
    recorder.close("complete")
    assert [segment.numbers for segment in segments(tmp_path)] == [list(range(1, 11)), list(range(16, 21))]


def wait_for(holds, within_s=20):
    until = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_another_disk_in_the_place_of_the_one_that_was_is_not_filled(tmp_path, monkeypatch):
    said = []
    recorder = make(tmp_path, notify=said.append)
    recorder._device += 1  # as if what was mounted there were gone
    for index in range(5):
        recorder.write(moment(index, TRACK))
    with pytest.raises(SinkError, match="not on the disk on which it was"):
        recorder.close("complete")
    assert list(tmp_path.iterdir()) == []
    assert len(said) == 1


def test_a_summary_says_how_the_run_ended(tmp_path):
    recorder = make(tmp_path)
    recorder.write(moment(0, TRACK))
    recorder.close("interrupted")
    assert [segment.reason for segment in segments(tmp_path)] == ["the run was interrupted"]


def test_a_folder_has_one_recorder(tmp_path):
    first = make(tmp_path)
    with pytest.raises(SinkError, match="another run"):
        make(tmp_path)
    first.close("complete")
    make(tmp_path).close("complete")


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "r").write_text("mine")
    with pytest.raises(SinkError, match="there is a file where the folder should be"):
        make(tmp_path / "r")


def test_a_disk_that_stalls_holds_up_nobody_and_what_is_lost_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(recorder_file, "MOST_WAITING_BYTES", 20 * ROW_BYTES)
    may_write = threading.Event()
    take = Writer.take

    def stalled(self, sample):
        assert may_write.wait(30)
        take(self, sample)

    monkeypatch.setattr(Writer, "take", stalled)
    said = []
    recorder = make(tmp_path, notify=said.append)
    for index in range(200):
        recorder.write(moment(index, TRACK))  # none of these waits for the disk
    wait_for(lambda: recorder._shots.empty())
    may_write.set()
    wait_for(lambda: recorder._waiting.has_room and not recorder._waiting._items)
    for index in range(200, 210):
        recorder.write(moment(index, TRACK))
    recorder.close("complete")
    (found,) = segments(tmp_path)
    assert len(found.numbers) + found.lost == 210
    assert found.lost > 100
    assert found.numbers[-10:] == list(range(201, 211))
    assert found.greys[-10:] == pytest.approx([min(n, 255) for n in range(200, 210)], abs=4)  # it begins at a key frame
    assert [line for line in said if f"{found.lost} pictures were not recorded" in line] == said


def test_what_waits_for_the_disk_is_bounded():
    waiting = Waiting(10 * (ROW_BYTES + 100))
    shot = RecordedMoment(np.zeros((0, 0, 3), np.uint8), 1, 0.0, 0.0, {}, False, None)
    sample = Sample(bytes(100), True, shot, None, 0)
    count = 0
    while waiting.has_room:
        waiting.put(sample)
        count += 1
    assert count == 10
    waiting.take(1)
    assert not waiting.has_room  # not before half has gone: otherwise every second picture would be lost
    for _ in range(5):
        waiting.take(1)
    assert waiting.has_room


def test_a_failure_in_a_thread_is_raised_and_holds_up_nobody(tmp_path):
    def spoil(given):
        return given.frame.image if given.frame.index < 3 else np.zeros((0, 0, 3), np.uint8)

    recorder = make(tmp_path, render=spoil)
    many = (moment(index, TRACK) for index in range(200))
    with pytest.raises(Exception, match=r"."):
        deque(map(recorder.write, many), maxlen=0)
    with pytest.raises(Exception, match=r"."):
        recorder.close("failed")
    make(tmp_path).close("complete")  # the folder is free again


KILLED = """
import sys, time
from pathlib import Path
sys.path[:0] = {paths!r}
from test_recorder import TRACK, make, moment
recorder = make(Path({folder!r}), segment_s=1.0)
for index in range(10_000):
    recorder.write(moment(index, TRACK))
    if index == 45:
        while recorder.segments < 4:
            time.sleep(0.01)
        print("go", flush=True)
        time.sleep(1000)
    time.sleep(0.01)
"""


def test_a_killed_recording_leaves_whole_segments_and_its_last_one_is_recovered(tmp_path):
    folder = tmp_path / "r"
    code = KILLED.format(paths=sys.path, folder=str(folder))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "go\n"
        process.send_signal(signal.SIGKILL)
    assert len(list(folder.glob("*part-*.mp4"))) == 1
    found = segments(folder)
    assert len(found) >= 4
    assert frames_of(found) == list(range(1, 10 * len(found) + 1))
    said = []
    make(folder, notify=said.append).close("complete")
    assert [path.name for path in folder.iterdir() if "part" in path.name] == []
    (left,) = folder.glob("*.recovered-1.mp4")
    assert str(left) in said[0]
    with av.open(str(left)) as container:
        shown = len(list(container.decode(video=0)))
    table = left.with_name(left.name.replace(".mp4", ".slots.csv")).read_text().splitlines()
    assert shown >= len(table) - 1 - 3  # it loses the last pictures only
    assert written_here(left)
