"""Numbers and times of a video's frames: counted and judged, not guessed. Clips are drawn so that each frame says
which picture of the clip it is."""

from __future__ import annotations

import functools
import http.server
import itertools
import math
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from fractions import Fraction
from pathlib import Path

import av
import clips
import numpy as np
import pytest

from tracker.errors import SourceError
from tracker.jobs import Job
from tracker.jobs.opening import frames_before
from tracker.sources import open_source, spread
from tracker.sources.clock import judge
from tracker.sources.packets import NO_TIME, Packets
from tracker.sources.timeline import build_timeline
from tracker.sources.times import arriving, numbered
from tracker.types import Frame, Image

SIZE = (96, 48)
BITS = 8
EVEN_MS = [40 * n for n in range(60)]
SLOWER_MS = [100 * n for n in range(30)] + [3000 + 20 * n for n in range(30)]


def draw(numbers: Sequence[int]) -> list[Image]:
    """Pictures that bear their numbers: one column a bit, white or black."""
    pictures = []
    for number in numbers:
        bits = [number >> bit & 1 for bit in range(BITS)]
        row = np.repeat(np.where(bits, 230, 20).astype(np.uint8), SIZE[0] // BITS)
        pictures.append(np.repeat(np.repeat(row[None], SIZE[1], axis=0)[..., None], 3, axis=2))
    return pictures


def read_off(image: Image) -> int:
    """The number that a picture bears."""
    columns = image[8:-8].mean(axis=(0, 2)).reshape(BITS, -1)[:, 3:-3].mean(axis=1)
    return sum(1 << bit for bit, level in enumerate(columns.tolist()) if level > 128)


def write(
    path: Path, times_ms: Sequence[int] = EVEN_MS, *, codec: str = "libx264", tick_ms: Fraction = Fraction(1), **more
):
    """A clip whose n-th picture bears n and is at `times_ms[n]`; x264 with B-frames unless told otherwise."""
    options = {"libx264": {"g": "12", "bf": "2", "sc_threshold": "0", "b_strategy": "0"}, "mpeg4": {"g": "12"}}
    with av.open(str(path), "w", options=more.get("container", {})) as container:
        stream = container.add_stream(
            codec, rate=more.get("rate", 25), options=more.get("options", options.get(codec, {}))
        )
        stream.width, stream.height = SIZE
        stream.pix_fmt = more.get("pix_fmt", "yuv420p")
        if not more.get("by_rate"):
            stream.codec_context.time_base = tick_ms / 1000
        for n, picture in enumerate(draw(range(len(times_ms)))):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            if not more.get("by_rate"):
                frame.pts, frame.time_base = round(times_ms[n] / tick_ms), tick_ms / 1000
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def retime(source: Path, target: Path, pts_of, *, dts_of=None, keep=lambda packet, n: True, rate=None) -> Path:
    """The same packets with other timestamps: `pts_of(packet, place in the order of decoding)` in the source's ticks."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        if rate is not None:
            stream.average_rate = rate
        for n, packet in enumerate(p for p in old.demux(video=0) if p.size):
            if keep(packet, n):
                packet.pts, packet.dts = pts_of(packet, n), (dts_of or pts_of)(packet, n)
                packet.stream = stream
                new.mux(packet)
    return target


def frames_of(path: Path, **span) -> list[Frame]:
    with closing(open_source(str(path), **span)) as source:
        return list(source)


def times_of(path: Path, **span) -> list[float]:
    return [frame.time_s for frame in frames_of(path, **span)]


CONTAINERS = {
    "mp4": {},
    "mkv": {},
    "avi": {"by_rate": True},
    "ts": {},
    "flv": {},
    "mov": {},
    "nut": {},
    "h264": {"by_rate": True},
}


class TestNumbers:
    @pytest.mark.parametrize("suffix", CONTAINERS)
    @pytest.mark.parametrize("start_s", [0.04, 0.5, 1.5, 2.3])
    def test_a_frame_has_the_same_number_with_a_start(self, tmp_path, suffix, start_s):
        path = write(tmp_path / f"clip.{suffix}", **CONTAINERS[suffix])
        whole, part = frames_of(path), frames_of(path, start_s=start_s)
        assert [read_off(frame.image) for frame in whole] == list(range(60))
        assert [frame.number for frame in whole] == list(range(1, 61))
        assert [frame.time_s for frame in whole] == pytest.approx([n / 25 for n in range(60)], abs=1e-6)
        assert [frame.number for frame in part] == list(range(math.ceil(start_s * 25) + 1, 61))
        assert all(read_off(frame.image) == frame.place == frame.number - 1 for frame in part)
        assert [frame.time_s for frame in part] == [frame.time_s for frame in whole[-len(part) :]]

    @pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "flv", "mov"])
    def test_a_clip_of_two_rates_is_counted(self, tmp_path, suffix):
        path = write(tmp_path / f"clip.{suffix}", SLOWER_MS)
        part = frames_of(path, start_s=3.3)
        assert [frame.number for frame in part] == list(range(46, 61))
        assert [frame.time_s for frame in part] == pytest.approx([ms / 1000 for ms in SLOWER_MS[45:]], abs=1e-6)
        assert [read_off(frame.image) for frame in part] == list(range(45, 60))

    @pytest.mark.parametrize("codec", ["mpeg4", "mjpeg", "rawvideo", "libx264"])
    def test_codecs_that_show_pictures_as_they_are_decoded(self, tmp_path, codec):
        pix_fmt = {"mjpeg": "yuvj420p", "rawvideo": "bgr24"}.get(codec, "yuv420p")
        options = {"g": "10", "bf": "0"} if codec == "libx264" else {}
        path = write(tmp_path / "clip.avi", codec=codec, pix_fmt=pix_fmt, options=options, by_rate=True)
        part = frames_of(path, start_s=1.5)
        assert [(frame.number, read_off(frame.image)) for frame in part] == [(n + 1, n) for n in range(38, 60)]

    @pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
    def test_interlaced_pictures_are_pictures(self, tmp_path, suffix):
        """Both fields in one packet, as x264 writes them."""
        options = {"g": "12", "bf": "2", "sc_threshold": "0", "b_strategy": "0", "x264-params": "tff=1"}
        path = write(tmp_path / f"clip.{suffix}", options=options)
        part = frames_of(path, start_s=1.5)
        assert [(frame.number, read_off(frame.image)) for frame in part] == [(n + 1, n) for n in range(38, 60)]

    @pytest.mark.parametrize("suffix", ["mp4", "mkv"])
    def test_the_truths_offset_is_the_number_of_frames_before(self, tmp_path, suffix):
        path = write(tmp_path / f"clip.{suffix}", SLOWER_MS)
        job = Job(str(path), start_s=3.3)
        with closing(open_source(str(path))) as source:
            assert frames_before(job, source.info) == 45

    @pytest.mark.parametrize(
        ("suffix", "broken"), [("mp4", 0), ("mkv", 0), *itertools.product(("mp4", "mkv", "avi"), (20, 24))]
    )
    def test_a_damaged_frame_leaves_the_others_their_numbers(self, tmp_path, suffix, broken):
        """Frame 0 and 24 are keys; without B-frames, so that one damaged packet is one picture."""
        path = write(
            tmp_path / f"clip.{suffix}",
            by_rate=True,
            options={"g": "12", "bf": "0", "sc_threshold": "0", "x264-params": "slices=1"},
        )
        _spoil(path, broken)
        for start_s in (0.0, 1.2):
            frames = frames_of(path, start_s=start_s)
            assert broken + 1 not in [frame.number for frame in frames]
            late = [frame for frame in frames if frame.place >= 36]
            assert [(f.number, read_off(f.image)) for f in late] == [(n + 1, n) for n in range(36, 60)]
            assert [f.time_s for f in late] == pytest.approx([n / 25 for n in range(36, 60)], abs=1e-6)

    def test_packets_without_a_picture_are_neither_damaged_nor_counted(self, tmp_path):
        """MPEG-4 has pictures that are "not coded": the last one stays."""
        clip = write(tmp_path / "clip.avi", codec="mpeg4", by_rate=True)
        path = tmp_path / "gaps.avi"
        with av.open(str(clip)) as old, av.open(str(path), "w") as new:
            stream = new.add_stream_from_template(old.streams.video[0])
            packets = [packet for packet in old.demux(video=0) if packet.size]
            for place in range(len(packets) + 2):
                if place in (20, 21):
                    packet = av.Packet(bytes.fromhex("000001b650cf"))
                    packet.time_base = packets[0].time_base
                else:
                    packet = packets[place - 2 if place > 20 else place]
                packet.pts = packet.dts = place
                packet.stream = stream
                new.mux(packet)
        source = open_source(str(path))
        frames = list(source)
        assert source.problem is None
        assert [(frame.number, read_off(frame.image)) for frame in frames] == [(n + 1, n) for n in range(60)]
        assert [frame.time_s for frame in frames] == pytest.approx([n / 25 for n in range(62) if n not in (20, 21)])
        part = frames_of(path, start_s=1.4)
        assert [(f.number, f.time_s) for f in part] == [(f.number, f.time_s) for f in frames[-len(part) :]]

    def test_damage_where_only_decoding_is_timed_is_counted_a_few_pictures_later(self, tmp_path):
        path = write(tmp_path / "clip.avi", by_rate=True)
        _spoil(path, 24)
        late = [frame for frame in frames_of(path) if frame.time_s > 1.5]
        assert len(late) > 15
        assert all(frame.place == read_off(frame.image) for frame in late)

    def test_dropped_and_doubled_pictures_are_pictures_of_the_file(self, tmp_path):
        times_ms = [ms for ms in EVEN_MS if ms not in (400, 440, 1200)]
        path = write(tmp_path / "clip.mp4", times_ms)
        part = frames_of(path, start_s=1.0)
        assert [frame.number for frame in part] == list(range(24, 58))
        assert [read_off(frame.image) for frame in part] == list(range(23, 57))

    def test_the_rest_of_a_clip_that_was_cut_at_its_front_begins_with_1(self, tmp_path):
        whole = write(tmp_path / "whole.ts")
        content = whole.read_bytes()
        path = tmp_path / "clip.ts"
        path.write_bytes(content[188 * (len(content) // 188 // 3) :])
        frames, part = frames_of(path), frames_of(path, start_s=0.6)
        assert frames[0].number == 1
        numbers = {read_off(frame.image): frame.number for frame in frames}
        assert all(numbers[read_off(frame.image)] == frame.number for frame in part)

    @pytest.mark.parametrize("start_s", [0.0, 0.9])
    def test_over_the_network_frames_are_counted_too(self, tmp_path, served, start_s):
        write(tmp_path / "clip.mp4", SLOWER_MS, container={"movflags": "faststart"})
        with closing(open_source(served + "/clip.mp4", start_s=start_s)) as source:
            assert all(frame.place == read_off(frame.image) for frame in source)


def packets_of(pts, *, keys=None, dts=None, tick_s=Fraction(1, 1000)) -> Packets:
    """Packets with these times in ticks."""
    given = [np.array([NO_TIME if t is None else t for t in times], np.int64) for times in (pts, dts or pts)]
    key = np.zeros(len(pts), np.bool_)
    key[[0] if keys is None else keys] = True
    return Packets(*given, key, tick_s, left_out=0, last=None, end_s=0.0, torn=False, holes=(), stopped=None)


class TestClock:
    """`judge` on times in ticks of a millisecond."""

    @staticmethod
    def times(ticks, rates=(25.0,), tick_s=Fraction(1, 1000)):
        times_s, fps, note = judge(np.array(ticks), len(ticks), tick_s=tick_s, rates=rates)
        assert (np.diff(times_s) > 0).all()
        return times_s, fps, note

    @pytest.mark.parametrize(
        "ticks", [EVEN_MS, SLOWER_MS, [0, 40, 140, 150, 183, 433], [33 * n // 1 for n in range(9)]]
    )
    def test_usable_times_are_believed(self, ticks):
        times_s, _, note = self.times(ticks)
        assert times_s.tolist() == [tick / 1000 for tick in ticks]
        assert note is None

    @pytest.mark.parametrize("rate", [240.0, 600.0, 1200.0, 2000.0, 3600.0])
    def test_a_constant_rate_rounded_to_milliseconds_is_restored(self, rate):
        ticks = [round(1000 * n / rate) for n in range(300)]
        times_s, fps, note = self.times(ticks, [rate, 1000.0])
        assert np.abs(times_s - np.arange(300) / rate).max() < 1.01e-3
        if rate > 250:
            assert times_s == pytest.approx(np.arange(300) / rate)
            assert f"{rate:g} pictures a second" in note
        assert fps == rate

    def test_whole_seconds_are_divided_among_the_pictures_in_them(self):
        times_s, fps, note = self.times([n // 25 for n in range(100)], tick_s=Fraction(1))
        assert times_s == pytest.approx(np.arange(100) / 25)
        assert fps == 25
        assert note is not None

    def test_pictures_that_share_a_time_at_an_uneven_rate_come_one_after_the_other_without_running_ahead(self):
        ticks = [0, 0, 1, 5, 5, 5, 6, 20, 20, 21]
        times_s, _, note = self.times(ticks)
        assert np.abs(times_s - np.array(ticks) / 1000).max() < 1e-3 * 3
        assert "4 pictures have the time of the one before" in note

    @pytest.mark.parametrize("ticks", [[7 - 7] * 50, None])
    def test_no_times_or_equal_ones_give_way_to_the_headers_rate(self, ticks):
        times_s, fps, note = judge(None if ticks is None else np.array(ticks), 50, tick_s=Fraction(1, 90), rates=[12.5])
        assert times_s == pytest.approx(np.arange(50) / 12.5)
        assert (fps, note.split("; ")[1]) == (12.5, "taken as 12.5 pictures a second")

    def test_a_clock_that_rises_by_a_millisecond_a_picture_gives_way_too(self):
        times_s, fps, note = self.times([*range(80), 80 + 40, 80 + 80], rates=[25.0])
        assert times_s == pytest.approx(np.arange(82) / 25)
        assert (fps, "rise by 1 ms only" in note) == (25.0, True)

    def test_a_thousand_pictures_a_second_are_believed_if_the_header_agrees(self):
        times_s, fps, note = self.times(list(range(80)), rates=[1000.0])
        assert times_s == pytest.approx(np.arange(80) / 1000)
        assert (fps, note) == (1000.0, None)

    @pytest.mark.parametrize("rate", [1000.0, 90_000.0])
    def test_a_rate_that_the_times_do_not_bear_out_is_not_reported(self, rate):
        assert self.times([40 * n for n in range(50)], rates=[rate])[1] == pytest.approx(25)

    def test_a_gap_of_hours_changes_neither_times_nor_rate(self):
        ticks = [*range(0, 2000, 40), *range(18_000_000, 18_002_000, 40)]
        times_s, fps, note = self.times(ticks)
        assert (times_s[-1], fps, note) == (18_001.96, 25.0, None)

    @pytest.mark.parametrize("step_ms", [40, 33, 20])
    def test_a_header_that_counts_a_gap_of_hours_in_its_mean_rate_is_not_believed(self, step_ms):
        """An MP4's rate is its pictures by its length; a gap of whole steps leaves no finer tick."""
        ticks = [step_ms * n for n in range(60)] + [200_000 * step_ms + step_ms * n for n in range(60)]
        times_s, fps, note = self.times(ticks, rates=[1000 * 120 / ticks[-1]])
        assert times_s.tolist() == [tick / 1000 for tick in ticks]
        assert (fps, note) == (pytest.approx(1000 / step_ms), None)

    @pytest.mark.parametrize("every", [2, 5, 10])
    def test_dropped_pictures_are_no_rounding(self, every):
        ticks = [n for n in range(100) if n % every != 1]
        times_s, _, note = self.times(ticks, rates=[25.0], tick_s=Fraction(1, 25))
        assert times_s == pytest.approx(np.array(ticks) / 25)
        assert note is None


class TestTimeline:
    """Orders of packets, drawn: I P B B is decoded 0 1 2 3 and shown 0 2 3 1."""

    PTS = [0, 120, 40, 80, 240, 160, 200]  # noqa: RUF012

    def test_the_order_of_showing_is_that_of_the_times(self):
        timeline = build_timeline(packets_of(self.PTS), [25.0], reorders=True, timeless=False)
        assert timeline.ranks.tolist() == [0, 3, 1, 2, 6, 4, 5]
        assert timeline.times_s.tolist() == [0, 0.04, 0.08, 0.12, 0.16, 0.2, 0.24]

    @pytest.mark.parametrize("pts", [[40 * n for n in range(7)], [None] * 7])
    def test_decoding_times_give_no_order_but_times_all_the_same(self, pts):
        timeline = build_timeline(packets_of(pts), [25.0], reorders=True, timeless=False)
        assert timeline.ranks is None
        assert timeline.times_s == pytest.approx([n / 25 for n in range(7)])

    def test_where_times_start_over_the_clock_and_the_numbers_go_on(self):
        timeline = build_timeline(packets_of(self.PTS * 2, keys=[0, 7]), [25.0], reorders=True, timeless=False)
        assert timeline.ranks.tolist() == [0, 3, 1, 2, 6, 4, 5, 7, 10, 8, 9, 13, 11, 12]
        assert timeline.times_s == pytest.approx([n / 25 for n in range(14)])

    def test_an_order_that_was_guessed_is_not_used(self):
        timeline = build_timeline(packets_of(self.PTS), [25.0], reorders=True, timeless=False, showing=False)
        assert timeline.ranks is None

    def test_packets_that_may_give_no_picture_number_nothing(self):
        timeline = build_timeline(packets_of(EVEN_MS), [25.0], reorders=False, timeless=False, one_each=False)
        assert (timeline.ranks, timeline.loose, timeline.begin_for(50)) == (None, 0, 0)

    def test_a_wild_time_gives_no_order(self):
        pts = [*self.PTS, *(t + 280 for t in self.PTS), *(t + 560 for t in self.PTS)] * 3
        pts[5] = 10**9
        assert build_timeline(packets_of(pts), [25.0], reorders=True, timeless=False).ranks is None

    def test_times_of_a_container_that_has_none_are_not_used(self):
        timeline = build_timeline(packets_of([25 * n for n in range(9)]), [10.0], reorders=False, timeless=True)
        assert timeline.times_s == pytest.approx([n / 10 for n in range(9)])
        assert "it holds no times" in timeline.note

    def test_pictures_that_others_are_decoded_from_are_those_decoded_ahead_of_their_place_and_the_last_shown(self):
        def referenced(pts, numbers):
            timeline = build_timeline(packets_of(pts), [25.0], reorders=True, timeless=False)
            return timeline.referenced(numbers)

        assert referenced(self.PTS, range(7)) == 3  # I P b b P b b
        assert referenced(self.PTS, range(1, 4)) == 1
        pyramid = [0, 160, 80, 40, 120]  # I P B b b
        assert referenced(pyramid, range(5)) == 3
        assert referenced([40 * n for n in range(7)], range(7)) == 0  # no order is known


class Given:
    """A picture of the packet `opaque`, and the decoder that gave it."""

    lost, corrupt = 1, 0

    def __init__(self, opaque):
        self.opaque = opaque


class TestNumbered:
    PTS = [0, 120, 40, 80, 240, 160, 200, 280]  # noqa: RUF012

    def test_after_damage_a_picture_out_of_its_order_shifts_no_other(self):
        timeline = build_timeline(packets_of(self.PTS), [25.0], reorders=True, timeless=False)
        given = numbered(Given(None), [Given(packet) for packet in (0, 6, 2, 4, 7)], timeline, begin=0)
        assert [number for number, _ in given] == [0, 5, 6, 7]

    def test_pictures_without_a_packet_are_counted(self):
        timeline = build_timeline(packets_of(self.PTS), [25.0], reorders=True, timeless=False)
        assert [n for n, _ in numbered(Given(None), [Given(None)] * 9, timeline, begin=0)] == list(range(9))

    def test_from_a_key_on_pictures_shown_before_the_next_key_are_counted_in(self):
        """Decoding times only; key 40 is decoded before two pictures that are shown before it."""
        timeline = build_timeline(packets_of(list(range(60)), keys=[0, 20, 40]), [25.0], reorders=True, timeless=False)
        begin = timeline.begin_for(59 + 20)
        assert begin == 20
        shown = [*range(20, 40), 41, 42, 40, 43, 44]
        given = numbered(Given(None), [Given(packet) for packet in shown], timeline, begin=begin)
        assert [number for number, _ in given] == [42, 43, 44]


class TestTimesOfFiles:
    @pytest.mark.parametrize("suffix", ["mkv", "mp4", "mov", "flv"])
    def test_two_thousand_pictures_a_second(self, tmp_path, suffix):
        path = write(tmp_path / f"clip.{suffix}", [0] * 100, rate=2000, by_rate=True)
        source = open_source(str(path))
        frames = list(source)
        assert [read_off(frame.image) for frame in frames] == list(range(100))
        assert [frame.time_s for frame in frames] == pytest.approx([n / 2000 for n in range(100)], abs=1e-6)
        assert source.info.fps == pytest.approx(2000, rel=0.02)
        part = frames_of(path, start_s=0.02)
        assert [frame.number for frame in part] == list(range(41, 101))
        assert all(read_off(frame.image) == frame.place for frame in part)

    @pytest.mark.parametrize("suffix", ["mkv", "mp4"])
    def test_showing_times_that_are_decoding_times(self, tmp_path, suffix):
        """As programs write them that copy an AVI."""
        avi = write(tmp_path / "clip.avi", by_rate=True)
        path = retime(avi, tmp_path / f"copy.{suffix}", lambda packet, n: n)
        frames = frames_of(path)
        assert [read_off(frame.image) for frame in frames] == list(range(60))
        assert [frame.time_s for frame in frames] == pytest.approx([n / 25 for n in range(60)], abs=1e-3)

    def test_equal_times_give_way_to_the_headers_rate_and_it_is_said(self, tmp_path):
        clip = write(tmp_path / "clip.mkv", codec="mjpeg", pix_fmt="yuvj420p")
        path = retime(clip, tmp_path / "equal.mkv", lambda packet, n: 0)
        source = open_source(str(path))
        assert any("times are all equal; taken as 25 pictures a second" in note for note in source.info.notes)
        assert [frame.time_s for frame in source] == pytest.approx([n / 25 for n in range(60)])

    def test_a_clock_that_runs_away_in_milliseconds(self, tmp_path):
        path = write(tmp_path / "stuck.mkv", list(range(60)), codec="mjpeg", pix_fmt="yuvj420p", rate=25)
        with closing(open_source(str(path))) as source:
            assert [frame.time_s for frame in source] == pytest.approx([n / 25 for n in range(60)])
            assert source.info.notes


class TestLength:
    @pytest.mark.parametrize("suffix", ["mkv", "ts", "nut", "flv", "mp4"])
    @pytest.mark.parametrize("late_ms", [5_000, 600_000])
    def test_a_clip_that_starts_late_is_whole(self, tmp_path, suffix, late_ms):
        path = write(tmp_path / f"clip.{suffix}", [late_ms + ms for ms in EVEN_MS])
        source = open_source(str(path), start_s=1.0)
        frames = list(source)
        assert (source.problem, source.info.frame_count, source.info.notes) == (None, 35, ())
        assert frames[0].time_s == pytest.approx(1.0)
        assert len(source.sample(20)) == 20
        source = open_source(str(path))
        assert [read_off(image) for image in source.sample(60)] == list(range(60))

    @pytest.mark.parametrize("suffix", ["mkv", "mp4", "ts", "avi", "mov"])
    def test_a_longer_sound_cuts_nothing_short(self, tmp_path, suffix):
        path = tmp_path / f"clip.{suffix}"
        with_sound(path, seconds=9)
        source = open_source(str(path))
        assert len(list(source)) == 60
        assert source.problem is None

    def test_an_edit_list_cuts_nothing_short(self, tmp_path):
        """Copied from the middle of a group of pictures: the first are decoded and not shown."""
        clip = write(tmp_path / "clip.mp4")
        path = retime(
            clip, tmp_path / "copy.mp4", lambda p, n: p.pts - 512 * 16, dts_of=lambda p, n: p.dts - 512 * 16,
            keep=lambda p, n: n >= 12,
        )  # fmt: skip
        source = open_source(str(path))
        frames = list(source)
        assert source.problem is None
        assert source.info.frame_count == len(frames)
        assert [frame.number for frame in frames] == list(range(1, len(frames) + 1))
        numbers = {read_off(frame.image): frame.number for frame in frames}
        assert [numbers[read_off(f.image)] for f in frames_of(path, start_s=1)] == list(range(26, len(frames) + 1))

    @pytest.mark.parametrize(
        ("name", "codec", "pix_fmt", "container"),
        [
            ("clip.ts", "libx264", "yuv420p", {}),
            ("clip.m2.ts", "mpeg2video", "yuv420p", {}),
            ("clip.gif", "gif", "rgb8", {}),
            ("clip.mjpeg", "mjpeg", "yuvj420p", {}),
            ("clip.y4m", "wrapped_avframe", "yuv420p", {}),
            ("clip.h264", "libx264", "yuv420p", {}),
            ("clip.mkv", "libx264", "yuv420p", {}),
            ("live.mkv", "libx264", "yuv420p", {"live": "1"}),
            ("clip.webm", "libvpx", "yuv420p", {}),
            ("clip.flv", "libx264", "yuv420p", {}),
            ("clip.mp4", "libx264", "yuv420p", {"movflags": "faststart"}),
            ("fragments.mp4", "libx264", "yuv420p", {"movflags": "frag_keyframe+empty_moov"}),
            ("clip.avi", "libx264", "yuv420p", {}),
            ("clip.mj.avi", "mjpeg", "yuvj420p", {}),
            ("clip.asf", "mpeg4", "yuv420p", {}),
            ("clip.ivf", "libvpx", "yuv420p", {}),
        ],
    )
    def test_whole_is_whole_and_cut_is_cut(self, tmp_path, name, codec, pix_fmt, container):
        path = tmp_path / name
        pictures = clips.draw_noise(40)
        options = {"g": "10"} if codec in ("libx264", "libvpx", "mpeg2video", "mpeg4") else {}
        if codec == "libx264":
            options["threads"] = "1"  # with several it does not write the same bytes twice, and the cut is elsewhere
        with av.open(str(path), "w", options=container) as file:
            stream = file.add_stream(codec, rate=25, options=options)
            stream.height, stream.width = pictures[0].shape[:2]
            stream.pix_fmt = pix_fmt
            for picture in pictures:
                file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            file.mux(stream.encode())
        source = open_source(str(path))
        assert len(list(source)) == 40
        assert source.problem is None
        content = path.read_bytes()
        for keep in (0.53, 0.77):
            path.write_bytes(content[: int(len(content) * keep) // 188 * 188 + 100])
            source = open_source(str(path))
            assert 10 < len(list(source)) < 40
            assert "cut short" in source.problem, keep

    def test_a_stream_that_lost_bytes_in_its_middle_is_not_cut(self, tmp_path):
        path = write(tmp_path / "clip.ts")
        content = path.read_bytes()
        path.write_bytes(content[:5000] + content[5100:])
        source = open_source(str(path))
        assert [frame.number for frame in source][-1] >= 55
        assert "cut short" not in (source.problem or "")

    @pytest.mark.parametrize("suffix", ["mkv", "webm"])
    def test_what_matroska_lost_with_its_frames_is_told(self, tmp_path, suffix):
        """Damage to the heads of blocks makes FFmpeg look for the next cluster; it says nothing of those before."""
        path = write(tmp_path / f"clip.{suffix}", codec="libx264" if suffix == "mkv" else "libvpx")
        whole = open_source(str(path))
        assert len(list(whole)) == 60
        assert whole.problem is None
        content = bytearray(path.read_bytes())
        begin = len(content) * 6 // 10
        content[begin : begin + len(content) // 6] = bytes([0x77]) * (len(content) // 6)
        path.write_bytes(content)
        source = open_source(str(path))
        assert len(list(source)) < 58
        assert source.problem is not None

    def test_a_cut_clip_that_started_late_is_cut(self, tmp_path):
        path = write(tmp_path / "clip.mkv", [600_000 + ms for ms in EVEN_MS])
        clips.cut(path, keep=0.6)
        source = open_source(str(path))
        count = len(list(source))
        assert source.problem.endswith(f"cut short, {count} of about 60 frames readable")


def with_sound(path: Path, *, seconds: int) -> None:
    """60 pictures at 25 a second and a longer silence."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        sound = container.add_stream("aac" if path.suffix != ".avi" else "mp2", rate=44100, layout="mono")
        for picture in draw(range(60)):
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode())
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1152), np.float32), format="fltp", layout="mono")
        if path.suffix == ".avi":
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1152), np.int16), format="s16p", layout="mono")
        silence.sample_rate = 44100
        for n in range(seconds * 44100 // 1152):
            silence.pts = n * 1152
            container.mux(sound.encode(silence))
        container.mux(sound.encode())


class TestPrescan:
    @pytest.mark.parametrize("gap_ms", [0, 60_000, 18_000_000])
    @pytest.mark.parametrize("long", [False, True])
    def test_pictures_are_spread_over_pictures_not_over_seconds(self, tmp_path, monkeypatch, gap_ms, long):
        if long:
            monkeypatch.setattr(spread, "THROUGH_PX", 0)
        path = write(tmp_path / "clip.mkv", [ms + (gap_ms if n >= 30 else 0) for n, ms in enumerate(EVEN_MS)])
        with closing(open_source(str(path))) as source:
            assert [read_off(image) for image in source.sample(20)] == list(range(0, 60, 3))

    def test_key_pictures_of_a_clip_that_only_says_when_to_decode(self, tmp_path, monkeypatch):
        monkeypatch.setattr(spread, "THROUGH_PX", 0)
        monkeypatch.setattr(spread, "ENOUGH", 3)
        path = write(tmp_path / "clip.avi", by_rate=True)
        with closing(open_source(str(path))) as source:
            assert [read_off(image) for image in source.sample(5)] == [0, 12, 24, 36, 48]

    @pytest.mark.parametrize("suffix", ["avi", "mp4", "ts"])
    def test_as_many_pictures_as_asked_for(self, tmp_path, suffix):
        path = write(tmp_path / f"clip.{suffix}", **CONTAINERS[suffix])
        with closing(open_source(str(path))) as source:
            assert [read_off(image) for image in source.sample(48)] == sorted({n * 60 // 48 for n in range(48)})

    @pytest.mark.parametrize("span", [{"max_frames": 5}, {"start_s": 1.2}, {"duration_s": 0.2}])
    def test_of_a_part_the_whole_is_seen_unless_asked_otherwise(self, tmp_path, span):
        path = write(tmp_path / "clip.mp4")
        with closing(open_source(str(path), **span)) as source:
            assert [read_off(image) for image in source.sample(6)] == [0, 10, 20, 30, 40, 50]
            inside = [read_off(image) for image in source.sample(6, whole=False)]
        assert set(inside) <= {read_off(frame.image) for frame in frames_of(path, **span)}


class Multipart(http.server.BaseHTTPRequestHandler):
    """JPEGs, twenty a second, without times; it closes the connection after `count` of them."""

    count = 30

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
        self.end_headers()
        for picture in draw(range(self.count)):
            data = clips.as_jpeg(picture)
            head = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            try:
                self.wfile.write(head.encode() + data + b"\r\n")
            except OSError:
                return
            time.sleep(0.05)

    def log_message(self, *_):
        pass


@contextmanager
def serving(handler) -> Iterator[str]:
    """http://127.0.0.1:port of a server that lasts as long as the block."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def camera() -> Iterator[str]:
    with serving(Multipart) as address:
        yield f"{address}/"


class TestLive:
    def test_a_stream_without_times_has_those_of_arrival(self, camera):
        with closing(open_source(camera, duration_s=0.5)) as source:
            began = time.monotonic()
            frames = list(source)
            took = time.monotonic() - began
            assert source.info.fps is None
            assert any("arrival" in note for note in source.info.notes)
            assert source.problem is None
        assert 0.3 < took < 1.2
        assert 4 <= len(frames) <= 20
        assert np.median(np.diff([frame.time_s for frame in frames])) == pytest.approx(0.05, abs=0.02)

    def test_a_stream_that_ends_by_itself_is_not_complete(self, tmp_path):
        content = write(tmp_path / "clip.ts").read_bytes()
        with socket.create_server(("127.0.0.1", 0)) as server:

            def send():
                connection, _ = server.accept()
                with connection:
                    connection.sendall(content)

            threading.Thread(target=send, daemon=True).start()
            with closing(open_source(f"tcp://127.0.0.1:{server.getsockname()[1]}")) as source:
                assert source.info.live
                assert source.problem is None
                frames = list(source)
                assert len(frames) == 60
                assert source.problem == f"{source.info.name}: the stream ended by itself, after 60 frames"

    def test_a_camera_that_goes_away_is_an_error(self, camera):
        with closing(open_source(camera)) as source, pytest.raises(SourceError, match="broke off"):
            list(source)

    def test_times_of_arrival_rise(self):
        clock = iter([5.0, 5.0, 5.2, 5.1, 6.0])
        assert [t for t, _ in arriving([None] * 5, lambda: next(clock))] == pytest.approx([0, 0.001, 0.2, 0.201, 1.0])


def _spoil(path: Path, packet: int) -> None:
    """Zeros in place of one packet, wherever its container keeps it."""
    with av.open(str(path)) as container:
        payload = [bytes(p) for p in container.demux(video=0) if p.size][packet]
    content = path.read_bytes()
    place = content.index(payload)
    path.write_bytes(content[:place] + bytes(len(payload)) + content[place + len(payload) :])


class Folder(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def served(tmp_path) -> Iterator[str]:
    """http://127.0.0.1:port, serving `tmp_path`."""
    with serving(functools.partial(Folder, directory=str(tmp_path))) as address:
        yield address


@pytest.mark.parametrize(
    ("text", "seconds"), [("00:01:02.500000000", 62.5), ("2.5", 2.5), ("", 0), ("::", 0), ("x:1", 0)]
)
def test_a_duration_of_matroska_that_is_damaged_is_none(text, seconds):
    from tracker.sources.streams import clock_seconds

    assert clock_seconds(text) == seconds
