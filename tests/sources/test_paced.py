"""A file played at its own speed as a live source."""

import contextlib
import threading
import time

import clips
import numpy as np
import pytest

from tracker.errors import OptionError, SourceError
from tracker.sources import Watching, open_live, read_ahead

COUNT = 12
LOOP = Watching(loop=True)


@pytest.fixture
def clip(tmp_path):
    return str(clips.write_video(tmp_path / "clip.mp4", clips.draw(COUNT)))


def played(address, watching=None, **part):
    """Frames, and when each came, in seconds since the first."""
    with contextlib.closing(open_live(address, watching or Watching(), **part)) as source:
        frames, came = [], []
        for frame in source:
            frames.append(frame)
            came.append(time.monotonic())
    return frames, np.subtract(came, came[0])


def test_frames_come_when_their_times_come(clip):
    frames, came = played(clip)
    times = np.array([frame.time_s for frame in frames])
    assert times == pytest.approx(np.arange(COUNT) / clips.FPS)
    assert (came >= times - 0.005).all()
    assert np.median(came - times) < 0.1  # a busy machine is late
    arrived = np.array([frame.arrived_s for frame in frames])
    assert np.median(np.abs(arrived - arrived[0] - came)) < 0.05
    assert [(frame.number, frame.place, frame.gap) for frame in frames] == [(None, None, None)] * COUNT


def test_uneven_times_are_kept(tmp_path):
    clip = clips.write_video(tmp_path / "clip.mp4", clips.draw(4), times_ms=[0, 40, 340, 360])
    _, came = played(str(clip))
    assert 0.2 < came[2] - came[1] < 3


def test_it_is_live_and_not_looked_at_before(clip):
    with open_live(clip, Watching()) as source:
        assert source.info.live
        assert source.info.frame_count == COUNT
        assert source.sample(5) == []
    for start_s, count in ((0.0, 3), (2 / clips.FPS, 3), ((COUNT - 2) / clips.FPS, 2)):
        with open_live(clip, Watching(), start_s=start_s, duration_s=3 / clips.FPS) as source:
            assert source.info.frame_count == count == sum(1 for _ in source)
    with open_live(clip, LOOP) as source:
        assert source.info.frame_count is None


def test_a_loop_goes_on_in_time_without_a_gap(clip):
    frames, _ = played(clip, LOOP, max_frames=2 * COUNT + 3)
    assert np.diff([frame.time_s for frame in frames]) == pytest.approx(np.full(2 * COUNT + 2, 1 / clips.FPS))
    assert [frame.index for frame in frames] == list(range(2 * COUNT + 3))
    assert all(frame.gap is None for frame in frames)
    assert np.array_equal(frames[1].image, frames[1 + COUNT].image)


def test_a_part_is_looped_from_its_start(clip):
    frames, _ = played(clip, LOOP, start_s=0.2, duration_s=0.6)
    assert [frame.time_s for frame in frames] == pytest.approx(np.arange(0.2, 0.8 - 1e-9, 0.04))
    assert np.array_equal(frames[0].image, frames[COUNT - 5].image)


def test_a_folder_of_pictures_is_played_at_the_rate_given(tmp_path):
    folder = clips.write_pictures(tmp_path / "frames", clips.draw(5))
    frames, came = played(str(folder), fps=20)
    assert len(frames) == 5
    assert 0.15 < came[-1] < 3


def test_newest_wins_and_what_is_dropped_is_counted(clip):
    with contextlib.closing(open_live(clip, Watching())) as source, read_ahead(source) as frames:
        seen = []
        for frame in frames:
            seen.append(frame.index)
            time.sleep(0.1)
    assert seen[-1] == COUNT - 1
    assert frames.dropped + len(seen) == COUNT
    assert frames.dropped >= 4


def test_stop_ends_a_wait_for_the_next_picture(tmp_path):
    clip = clips.write_video(tmp_path / "clip.mp4", clips.draw(2), times_ms=[0, 60_000])
    with contextlib.closing(open_live(str(clip), Watching())) as source:
        threading.Timer(0.2, source.stop).start()
        began = time.monotonic()
        assert len(list(source)) == 1
    assert time.monotonic() - began < 5


def test_a_missing_file_and_a_camera_in_a_loop_are_refused(tmp_path):
    with pytest.raises(SourceError, match="no such file"):
        open_live(str(tmp_path / "missing.mp4"), Watching())
    with pytest.raises((OptionError, SourceError)):
        open_live("camera:97", LOOP)


def test_a_file_at_a_web_address_is_played_too(clip, tmp_path):
    import functools
    import http.server

    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    handler.log_message = None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        frames, came = played(f"http://127.0.0.1:{server.server_port}/clip.mp4")
        server.shutdown()
    assert len(frames) == COUNT
    assert came[-1] > 0.4
