"""The overlay in time: gaps of days, key frames by the clock, what a killed run leaves; and the shape of its pixels."""

import contextlib
import itertools
import json
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from clips import turn
from test_sinks import moment, video

from tracker.sinks import timeline
from tracker.sinks.timeline import LONGEST_STEP, SHORTENED_S, TICKS, VideoTimeline
from tracker.sources import open_source

DAY_S = 86_400.0


def write_at(path, times_s, **options):
    sink = video(path, **options)
    for index, time_s in enumerate(times_s):
        sink.write(moment(index, time_s=time_s))
    sink.close("complete")
    return path


def packets(path):
    """(seconds, seconds it lasts, whether it is a key frame) of every picture in the file, without decoding."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [
            (float(packet.pts * stream.time_base), float(packet.duration * stream.time_base), packet.is_keyframe)
            for packet in container.demux(stream)
            if packet.size
        ]


def shown_at(path, time_s):
    """The grey of the picture that a player shows at that time, found by seeking."""
    with av.open(str(path)) as container:
        container.seek(round(time_s * av.time_base))
        shown = None
        for frame in container.decode(video=0):
            if shown is not None and frame.time > time_s + 1e-3:
                break
            shown = frame
        return shown.to_ndarray(format="rgb24").mean()


# Gaps


@pytest.mark.parametrize("gap_s", [6 * 3600 - 1, 6 * 3600, 7 * 3600, DAY_S, 3 * DAY_S + 0.123, 40 * DAY_S])
def test_every_picture_is_at_its_own_time_whatever_the_gap(tmp_path, gap_s):
    times_s = [0.0, 0.04, 0.04 + gap_s, 0.08 + gap_s, 0.5 + 2 * gap_s]
    path = write_at(tmp_path / "a.mp4", times_s, fps=25.0)
    found = packets(path)
    at = [time_s for time_s, _, _ in found]
    assert all(np.abs(np.array(at) - time_s).min() < 1e-4 for time_s in times_s)
    assert at[-1] == pytest.approx(times_s[-1], abs=1e-4)
    # contiguous: each lasts until the next
    assert [time_s + lasts for time_s, lasts, _ in found[:-1]] == pytest.approx(at[1:], abs=1e-4)
    assert max(lasts for _, lasts, _ in found) * TICKS < 2**31
    for index, time_s in enumerate(times_s):
        assert shown_at(path, time_s) == pytest.approx(index, abs=4)


def test_a_gap_shows_the_picture_before_it(tmp_path):
    path = tmp_path / "a.mp4"
    sink = video(path)
    for grey, time_s in ((40, 0.0), (200, 2 * DAY_S)):
        sink.write(moment(grey, time_s=time_s))
    sink.close("complete")
    for time_s in (1.0, DAY_S, 2 * DAY_S - 1):
        assert shown_at(path, time_s) == pytest.approx(40, abs=6)
    assert shown_at(path, 2 * DAY_S) == pytest.approx(200, abs=6)


def test_a_picture_a_day_needs_no_repeats(tmp_path):
    times_s = [day * DAY_S for day in range(20)]
    found = packets(write_at(tmp_path / "a.mp4", times_s, fps=1 / DAY_S))
    assert [time_s for time_s, _, _ in found] == pytest.approx(times_s, abs=1e-2)
    assert found[-1][1] == pytest.approx(DAY_S, rel=1e-3)  # the last one lasts too


@pytest.mark.parametrize("fps", [2000.0, 240.0, 30000 / 1001, 1.0, 1 / 60, 1 / 3600, 1 / 20000, 1 / DAY_S, 1e-7])
def test_pictures_of_any_regular_rate_are_at_their_times(tmp_path, fps):
    times_s = [index / fps for index in range(6)]
    found = packets(write_at(tmp_path / "a.mp4", times_s, fps=fps))
    at = np.array([time_s for time_s, _, _ in found])
    for time_s in times_s:
        assert np.abs(at - time_s).min() < max(1 / TICKS, 1e-4 / fps)
    assert len(found) == 6 if fps >= 1 / DAY_S else len(found) > 6


def test_a_gap_that_cannot_be_filled_is_shortened_and_said(tmp_path, monkeypatch):
    monkeypatch.setattr(timeline, "MOST_REPEATS", 3)
    told = []
    sink = video(tmp_path / "a.mp4", notify=told.append)
    for index, time_s in enumerate([0.0, 0.1, 0.1 + 5 * DAY_S, 0.2 + 5 * DAY_S]):
        sink.write(moment(index, time_s=time_s))
    sink.close("complete")
    at = [time_s for time_s, _, _ in packets(tmp_path / "a.mp4")]
    assert at == pytest.approx([0, 0.1, 0.1 + SHORTENED_S, 0.2 + SHORTENED_S], abs=1e-3)
    assert len(told) == 1
    assert "432000 s" in told[0]


def test_repeats_never_exceed_their_number_however_wild_the_times_are():
    clock = VideoTimeline(ticks_per_s=TICKS)
    ticks = list(itertools.chain.from_iterable(clock.place(index * 30 * DAY_S) for index in range(1000)))
    assert len(ticks) <= 1000 + timeline.MOST_REPEATS
    steps = np.diff(ticks)
    assert steps.min() > 0
    assert steps.max() <= LONGEST_STEP


# Key frames and fragments


@pytest.mark.parametrize("step_s", [1 / 120, 0.04, 0.5, 1.0, 7.0])
def test_key_frames_come_by_the_clock_at_every_rate(tmp_path, step_s):
    found = packets(write_at(tmp_path / "a.mp4", [index * step_s for index in range(200)], fps=25.0))
    keys = [time_s for time_s, _, is_key in found if is_key]
    assert keys[0] == 0
    assert max(np.diff(keys), default=0) <= max(1.5 + step_s, step_s) + 1e-3
    assert min(np.diff(keys), default=1.5) >= min(1.5, step_s) - 2e-3


SLOW = """
import sys, time
from pathlib import Path
sys.path[:0] = {paths!r}
from test_sinks import moment, video
sink = video(Path({path!r}), fps={fps!r})
for index in range({count}):
    sink.write(moment(index, time_s=index * {step_s}))
    print(index, flush=True)
    time.sleep({wait_s})
time.sleep(1000)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a way to kill without asking")
@pytest.mark.parametrize(
    ("fps", "step_s", "count"), [(25.0, 0.5, 21), (None, 3.0, 5), (25.0, 0.04, 26), (10.0, 0.1, 2)]
)
def test_a_killed_run_has_every_picture_but_the_last_at_any_rate(tmp_path, fps, step_s, count):
    """The header says 25 a second and what comes is slower, or the clip is shorter than the distance of key frames."""
    here = Path(__file__).parent
    code = SLOW.format(
        paths=[str(here), str(here.parent), str(here.parents[1])], path=str(tmp_path / "a.mp4"), fps=fps, step_s=step_s, count=count,
        wait_s=0.01,
    )  # fmt: skip
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        try:
            while process.stdout.readline().strip() != str(count - 1):
                assert process.poll() is None
            end, written = time.monotonic() + 30, 0
            while written < count - 1 and time.monotonic() < end:  # until the encoder has had its time
                time.sleep(0.05)
                with contextlib.suppress(av.error.FFmpegError, IndexError):
                    written = sum(len(packets(path)) for path in tmp_path.glob("a*part*.mp4"))
        finally:
            process.send_signal(signal.SIGKILL)  # or it would be waited for, and it waits long
    (left,) = tmp_path.glob("a*part*.mp4")
    found = packets(left)
    last_s = (count - 1) * step_s
    time_s, lasts_s, _ = found[-1]
    assert time_s + lasts_s == pytest.approx(
        last_s, abs=1e-3
    )  # all but the last picture, which nobody knows the length of
    assert len(found) == count - 1
    with av.open(str(left)) as container:
        assert sum(1 for _ in container.decode(video=0)) == len(found)


# The shape of pixels


def write_oblong(path, ratio, *, size=(64, 48), codec="libx264", count=4):
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        if ratio:
            stream.codec_context.sample_aspect_ratio = ratio
        for index in range(count):
            picture = np.full((size[1], size[0], 3), 20 * index, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".ts", ".avi"])
@pytest.mark.parametrize("ratio", [Fraction(16, 9), Fraction(8, 9), Fraction(16, 15), Fraction(1, 2)])
def test_the_shape_of_pixels_is_read_from_container_or_codec(tmp_path, ending, ratio):
    codec = "mpeg4" if ending == ".avi" else "libx264"
    with open_source(str(write_oblong(tmp_path / f"a{ending}", ratio, codec=codec))) as source:
        assert source.info.pixel_aspect == pytest.approx(float(ratio), rel=1e-3)


@pytest.mark.parametrize("ratio", [None, Fraction(1, 1), Fraction(200, 1), Fraction(1, 99)])
def test_pixels_are_square_where_nothing_sensible_is_said(tmp_path, ratio):
    with open_source(str(write_oblong(tmp_path / "a.mp4", ratio))) as source:
        assert source.info.pixel_aspect == 1


def test_a_turned_clip_has_turned_pixels(tmp_path):
    path = turn(write_oblong(tmp_path / "a.mp4", Fraction(16, 9)), a=0, b=1, c=-1, d=0)
    with open_source(str(path)) as source:
        assert source.info.size == (48, 64)
        assert source.info.pixel_aspect == pytest.approx(9 / 16, rel=1e-3)


@pytest.mark.parametrize("ratio", [Fraction(16, 9), Fraction(8, 9), Fraction(59, 54), Fraction(1, 2)])
def test_the_overlay_has_the_shape_of_pixels_that_it_is_given(tmp_path, ratio):
    path = write_at(tmp_path / "a.mp4", [0, 0.1], pixel_aspect=float(ratio))
    with av.open(str(path)) as container:
        assert container.streams.video[0].sample_aspect_ratio == ratio
    assert b"pasp" in path.read_bytes()


@pytest.mark.parametrize("command", [("process", "-o", "o.mp4"), ("compare", "-o", ".")])
def test_a_clip_of_oblong_pixels_gives_an_overlay_of_the_same(tmp_path, monkeypatch, command):
    from click.testing import CliRunner

    from tracker.cli import cli

    monkeypatch.chdir(tmp_path)
    write_oblong(tmp_path / "wide.mp4", Fraction(16, 9), count=12)
    name, *words = command
    result = CliRunner().invoke(cli, [name, "wide.mp4", "--lanes", "gmm", *words])
    assert result.exit_code == 0, result.output
    out = tmp_path / ("o.mp4" if name == "process" else "compare.mp4")
    with av.open(str(out)) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(16, 9)
    if name == "compare":
        sheet = cv2.imread(str(tmp_path / "compare.png"))
        assert json.loads((tmp_path / "compare.json").read_text())["source"]["width"] == 64
        assert sheet.shape[1] / sheet.shape[0] > 1.2 * (4 * 64) / (3 * 48)  # twelve tiles in rows of four
