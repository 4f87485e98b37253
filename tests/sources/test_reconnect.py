"""Cable out: a camera or stream that fails is opened again, with real streams on the loopback."""

import contextlib
import itertools
import os
import socket
import threading
import time

import av
import numpy as np
import pytest
from streams import LoopbackCamera, number_of, numbered_picture

from tracker.errors import OptionError, SizeChangedError, SourceError
from tracker.picture import Picture
from tracker.sources import Patience, Watching, open_live, open_source, read_ahead
from tracker.sources.ahead import ReadAhead
from tracker.sources.camera import Camera
from tracker.sources.connection import LEAVE_S
from tracker.sources.frozen import LOOK_S, NOISY_LOOKS, Frozen
from tracker.sources.reconnect import AHEAD_S, Reconnecting, RunClock, period, reason_of, wait_s
from tracker.sources.span import Span
from tracker.types import Frame, Gap, SourceInfo

LIMIT_S = 30
"""beyond it a test has failed; machines are busy"""
TIMEOUT_S = 0.8


@pytest.fixture
def quick(monkeypatch):
    """The first tries come after a tenth of their time."""
    monkeypatch.setattr("tracker.sources.reconnect.FIRST_WAIT_S", 0.1)


class Viewer:
    """Reads a source in a thread, as a run does; notes what came."""

    def __init__(self, source):
        self.source, self.frames, self.numbers, self.error = source, [], [], None
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        try:
            for frame in self.source:
                self.numbers.append(number_of(frame.image))
                self.frames.append(frame)
        except Exception as error:
            self.error = error

    def wait_for(self, count):
        """Until so many more frames have come."""
        wanted = len(self.frames) + count
        wait_until(lambda: len(self.frames) >= wanted)

    def end(self):
        self.source.stop()
        self.thread.join(LIMIT_S)
        assert not self.thread.is_alive()
        self.source.close()


def wait_until(asked):
    end = time.monotonic() + LIMIT_S
    while not asked():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


def watch(address, **patience):
    said = []
    source = open_live(address, Watching(Patience(**{"timeout_s": TIMEOUT_S, **patience})), tell=said.append)
    return source, said


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("kind", ["mjpeg", "ts"])
def test_a_stream_that_is_cut_and_restored_three_times_goes_on_each_time(kind):
    with LoopbackCamera(kind) as camera:
        source, said = watch(camera.address)
        viewer = Viewer(source)
        for _ in range(3):
            viewer.wait_for(5)
            camera.cut()
            wait_until(lambda: said and said[-1] is not None)
            camera.restore()
            wait_until(lambda: said[-1] is None)
        viewer.wait_for(5)
        viewer.end()
    gaps = [frame for frame in viewer.frames if frame.gap is not None]
    times = [frame.time_s for frame in viewer.frames]
    assert viewer.error is None
    assert len(gaps) == 3
    assert (np.diff(times) > 0).all()
    assert [frame.index for frame in viewer.frames] == list(range(len(times)))
    for frame in gaps:
        assert frame.gap.to_s == frame.time_s
        assert frame.gap.from_s == times[frame.index - 1]
        assert frame.gap.reason
    # the run's clock goes on: pictures are as far apart as when they were sent
    sent_s = (viewer.numbers[-1] - viewer.numbers[0]) / camera.fps
    assert times[-1] - times[0] == pytest.approx(sent_s, abs=1.0)
    assert "3 times without pictures" in source.problem
    assert "secret" not in source.problem + "".join(filter(None, said))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mjpeg", "ts"])
def test_the_picture_is_back_soon_after_the_streams_return(kind):
    with LoopbackCamera(kind, fps=25) as camera:
        source, said = watch(camera.address)
        viewer = Viewer(source)
        viewer.wait_for(3)
        camera.cut()
        wait_until(lambda: said and said[-1] is not None)
        camera.restore()
        back, count = time.monotonic(), len(viewer.frames)
        wait_until(lambda: len(viewer.frames) > count)
        took_s = time.monotonic() - back
        viewer.end()
    assert took_s < 4  # 1 s to the next try, and the opening; twice that on a busy machine


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("mode", ["silent", "drip"])
def test_a_stream_that_falls_silent_or_drips_is_opened_again(mode):
    with LoopbackCamera() as camera:
        source, said = watch(camera.address)
        viewer = Viewer(source)
        viewer.wait_for(3)
        camera.mode = mode
        wait_until(lambda: any(said))
        seen = len(viewer.frames)
        camera.mode = "on"
        camera.drop()
        viewer.wait_for(3)
        viewer.end()
    assert "no picture for" in next(filter(None, said))
    assert viewer.frames[seen].gap is not None
    assert viewer.frames[seen].gap.to_s - viewer.frames[seen].gap.from_s >= TIMEOUT_S / 2
    assert camera.connections >= 2


@pytest.mark.usefixtures("quick")
def test_a_camera_whose_picture_stands_still_is_opened_again_and_none_of_it_is_looked_at(monkeypatch):
    monkeypatch.setattr("tracker.sources.frozen.NOISY_LOOKS", 5)
    with LoopbackCamera() as camera:
        source, said = watch(camera.address)
        viewer = Viewer(source)
        viewer.wait_for(30)
        camera.mode = "frozen"
        wait_until(lambda: any(said))
        camera.mode = "on"
        viewer.wait_for(5)
        viewer.end()
    assert "the picture stands still" in next(filter(None, said))
    repeats = [a for a, b in itertools.pairwise(viewer.numbers) if a == b]
    assert len(repeats) <= 2 * LOOK_S * camera.fps  # those before it was looked at again


def test_what_was_never_noisy_is_not_taken_for_frozen():
    frozen, still = Frozen(1.0), Frame(0, 0.0, Picture.of(numbered_picture(1, noise=False)))
    assert not any(frozen(still, n / 10) for n in range(1000))
    moving = Frozen(1.0)
    for n in range(300):  # a drawn scene in which something moves, and then nothing does
        picture = Picture.of(numbered_picture(min(n, 150), noise=False))
        assert not moving(Frame(n, n / 10, picture), n / 10)


def test_noise_that_ends_is_a_picture_that_stands_also_under_a_running_clock():
    frozen = Frozen(1.0)
    for n in range(NOISY_LOOKS + 2):
        assert not frozen(Frame(n, n / 10, Picture.of(numbered_picture(n, (640, 480)))), 0.11 * n)
    said = []
    for n in range(60, 80):
        picture = numbered_picture(60, (640, 480))
        picture[:8, :20] = n  # the camera writes its time
        said.append(frozen(Frame(n, n / 10, Picture.of(picture)), 0.11 * n))
    assert said.index(True) in (10, 11)
    dark = Frozen(1.0)
    for n in range(NOISY_LOOKS + 2):
        dark(Frame(n, n / 10, Picture.of(numbered_picture(n))), n / 10)
    black = Picture.of(np.zeros((64, 256, 3), np.uint8))
    assert not any(dark(Frame(n, n / 10, black), n / 10) for n in range(60, 90))


def test_newest_wins_and_the_count_of_dropped_frames_is_the_truth():
    with LoopbackCamera(fps=50) as camera:
        source, _ = watch(camera.address)
        seen = []
        with contextlib.closing(source), read_ahead(source) as frames:
            for frame in frames:
                seen.append((frame.index, number_of(frame.image)))
                time.sleep(0.1)  # slower than the stream
                if len(seen) == 15:
                    break
            dropped = frames.dropped
        sent = list(camera.sent)
    (first, first_sent), (last, last_sent) = seen[0], seen[-1]
    # every picture that was sent between the two was either seen or counted
    passed = sent.index(last_sent) - sent.index(first_sent)
    assert last - first == passed > 30
    # and those behind the last one may have been replaced before the count was read
    assert last + 1 <= dropped + len(seen) <= last + 1 + len(sent) - 1 - sent.index(last_sent)


class Fake:
    """A live source of so many pictures, which then does what it is told."""

    problem = None

    def __init__(self, count=3, size=(256, 64), then=None, wait=None, times=None):
        self.info = SourceInfo("fake", size, 25.0, None, live=True)
        self.count, self.size, self.then, self.wait, self.times = count, size, then, wait, times
        self.closed = False

    def __iter__(self):
        for n in range(self.count):
            time.sleep(0.005)
            time_s = n / 25 if self.times is None else self.times[n]
            yield Frame(n, time_s, Picture.of(numbered_picture(n, self.size)))
        if self.wait is not None:
            self.wait.wait(LIMIT_S)
        if self.then is not None:
            raise self.then

    def sample(self, count, *, whole=True, width="full"):
        return []

    def close(self):
        self.closed = True


def around(*sources, patience=None, span=None, said=None):
    """A reconnecting source around these, one after the other; the last may be an error, raised from then on."""
    left = list(sources)

    def connect():
        following = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(following, Exception):
            raise following
        return following

    tell = (lambda line: None) if said is None else said.append
    return Reconnecting(connect, span=span or Span(), patience=patience or Patience(TIMEOUT_S), tell=tell)


NOTHING = SourceError("fake: cannot be opened (gone); check it")


def test_what_cannot_be_opened_fails_at_once_and_with_wait_is_waited_for(monkeypatch):
    monkeypatch.setattr("tracker.sources.reconnect.FIRST_WAIT_S", 0.05)
    with pytest.raises(SourceError, match="cannot be opened"):
        around(NOTHING)
    said = []
    source = around(
        NOTHING, NOTHING, Fake(), patience=Patience(TIMEOUT_S, wait=True), span=Span(max_frames=2), said=said
    )
    assert [frame.gap for frame in source] == [None, None]
    assert "cannot be opened (gone); no picture for" in said[0]
    assert said[-1] is None
    with pytest.raises(SourceError, match=r"cannot be opened .*; no picture for 1 s, given up"):
        around(NOTHING, patience=Patience(TIMEOUT_S, give_up_s=0.6, wait=True))


@pytest.mark.usefixtures("quick")
def test_after_give_up_the_run_ends_in_good_order_and_says_so():
    source = around(Fake(), NOTHING, patience=Patience(TIMEOUT_S, give_up_s=0.5))
    began = time.monotonic()
    assert len(list(source)) <= 3
    assert time.monotonic() - began < 5
    assert "given up" in source.problem
    assert source.renewed is None


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("waiting", ["for a try", "while it is opened", "for a picture"])
def test_a_stop_while_waiting_is_heard_within_half_a_second(waiting):
    hold = threading.Event()

    class Hanging:
        def __call__(self):
            hold.wait(LIMIT_S)
            raise NOTHING

    then = {"for a try": NOTHING, "while it is opened": Hanging(), "for a picture": None}[waiting]
    wait = hold if waiting == "for a picture" else None
    first, sources = Fake(wait=wait), []

    def connect():
        sources.append(1)
        if len(sources) == 1:
            return first
        if isinstance(then, Exception):
            raise then
        return then()

    source = Reconnecting(connect, span=Span(), patience=Patience(LIMIT_S))
    viewer = Viewer(source)
    wait_until(lambda: viewer.frames)
    time.sleep(0.3)
    began = time.monotonic()
    viewer.end()
    took_s = time.monotonic() - began
    hold.set()
    assert took_s < 0.5 + 2 * LEAVE_S + 0.5  # half a second, and a busy machine
    assert viewer.error is None


def test_a_driver_that_hangs_does_not_collect_threads(monkeypatch):
    monkeypatch.setattr("tracker.sources.reconnect.FIRST_WAIT_S", 0.02)
    monkeypatch.setattr("tracker.sources.connection.LEAVE_S", 0.01)
    hold, opened = threading.Event(), []

    def connect():
        opened.append(1)
        if len(opened) > 1:
            hold.wait(LIMIT_S)
        return Fake()

    source = Reconnecting(connect, span=Span(), patience=Patience(0.05, give_up_s=1.5))
    list(source)
    hold.set()
    assert len(opened) == 1 + 3


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("at_once", [True, False])
def test_another_size_ends_it_and_offers_what_goes_on(at_once):
    then = SizeChangedError("fake: changed its size") if at_once else NOTHING
    source = around(Fake(then=then), Fake(9, (320, 64)), span=Span(max_frames=5))
    first = list(source)
    following = source.renewed
    assert (source.info.size, following.info.size) == ((256, 64), (320, 64))
    second = list(following)
    assert second[0].gap is not None
    assert second[0].gap.from_s == first[-1].time_s
    assert [frame.index for frame in second] == list(range(len(second)))
    assert second[0].time_s > first[-1].time_s
    assert len(first) + len(second) == 5  # the part that was asked for is that of the run
    assert following.renewed is None


@pytest.mark.usefixtures("quick")
def test_times_go_on_where_a_stream_counts_from_nought_again_or_jumps():
    times = [1e6, 1e6 + 0.04, 1e6 + 0.08, 5e6, 5e6 + 0.04]
    source = around(
        Fake(5, times=times), Fake(2, times=[7.0, 7.04]), NOTHING, patience=Patience(TIMEOUT_S, give_up_s=1)
    )
    frames = list(source)
    steps = np.diff([frame.time_s for frame in frames])
    assert (steps > 0).all()
    assert steps.max() < 3
    clock = RunClock()
    assert [clock(5.0, 100.0), clock(5.04, 100.0), clock(5.04 + AHEAD_S + 1, 100.1)] == pytest.approx([0.0, 0.04, 0.1])
    assert clock(0.0, 100.2) == pytest.approx(0.101)  # never back


def test_what_had_piled_up_before_the_first_picture_does_not_add_up_over_connections():
    clock, at = RunClock(), 0.0
    for _ in range(
        5
    ):  # each connection: the first second comes at once, then 9 s as they happen; then a second of nothing
        clock.begin()
        times = [clock(n / 10, at + max(0.0, n / 10 - 1)) for n in range(100)]
        at += 10
    assert times[-1] == pytest.approx(4 * 10 + 9.9, abs=0.2)


def test_the_wait_doubles_from_one_second_to_thirty():
    waits = [wait_s(tries) for tries in range(70)]
    assert waits == sorted(waits)
    assert waits[::10] == waits[9::10] == [1, 2, 4, 8, 16, 30, 30]
    assert wait_s(10**6) == 30


@pytest.mark.usefixtures("quick")
def test_a_connection_that_ends_at_once_again_and_again_is_tried_less_and_less(monkeypatch):
    monkeypatch.setattr("tracker.sources.reconnect.SAME_TRIES", 1)
    source = Reconnecting(lambda: Fake(1), span=Span(), patience=Patience(TIMEOUT_S, give_up_s=None))
    viewer = Viewer(source)
    began = time.monotonic()
    wait_until(lambda: len(viewer.frames) >= 4)
    viewer.end()
    assert time.monotonic() - began > 0.1 + 0.2 + 0.4


def test_words_of_reasons_and_lengths():
    assert reason_of(SourceError("rtsp://cam: no picture for 10 s; check the address")) == "no picture for 10 s"
    assert [period(s) for s in (0.4, 12, 119, 180, 7300)] == ["0 s", "12 s", "119 s", "3 min", "2.0 h"]


def test_a_gap_is_not_lost_with_the_frame_that_carried_it():
    picture = Picture.of(numbered_picture(0))

    class Burst(Fake):
        def __iter__(self):
            for n in range(4):
                gap = {1: Gap(0.0, 5.0, "a"), 2: Gap(5.0, 9.0, "b")}.get(n)
                yield Frame(n, 5.0 * n, picture, gap=gap)

    with ReadAhead(Burst(), queue_frames=1, step=lambda frame: frame) as frames:
        wait_until(lambda: frames._ended)
        left = list(frames)
    assert [(frame.index, frame.gap) for frame in left] == [(3, Gap(0.0, 9.0, "b"))]
    assert frames.dropped == 3


class FakeCapture:
    """What cv2.VideoCapture gives: numbered pictures, BGR; nothing while it is `unplugged`; the third opened is larger."""

    opened, unplugged = 0, threading.Event()

    def __init__(self, number):
        self.there = not self.unplugged.is_set()
        type(self).opened += self.there
        self.count, self.size = 0, (256, 64) if self.opened < 3 else (320, 64)

    def isOpened(self):  # noqa: N802
        return self.there

    def read(self):
        time.sleep(0.01)
        if self.unplugged.is_set():
            return False, None
        self.count += 1
        return True, numbered_picture(self.count, self.size)[..., ::-1].copy()

    def get(self, _):
        return 25.0

    def release(self):
        self.there = False


@pytest.mark.usefixtures("quick")
def test_a_camera_that_is_unplugged_comes_back_and_with_another_size_begins_anew(monkeypatch):
    monkeypatch.setattr(FakeCapture, "opened", 0)
    FakeCapture.unplugged.clear()

    def connect():
        return Camera(0, span=Span(), timeout_s=0.2, open_capture=FakeCapture)

    said = []
    source = Reconnecting(connect, span=Span(), patience=Patience(0.3), tell=said.append)
    viewer = Viewer(source)
    for opened in (2, 3):
        viewer.wait_for(5)
        FakeCapture.unplugged.set()
        wait_until(lambda: said and said[-1] is not None)
        FakeCapture.unplugged.clear()
        wait_until(lambda opened=opened: FakeCapture.opened >= opened)
    viewer.thread.join(LIMIT_S)
    source.renewed.close()
    assert viewer.error is None
    assert [frame.gap.reason for frame in viewer.frames if frame.gap] == ["no picture for 0.2 s"]
    assert all(frame.arrived_s is not None for frame in viewer.frames)
    assert source.renewed.info.size == (320, 64)


def test_pictures_of_cameras_streams_and_played_files_know_when_they_came(tmp_path):
    before = time.monotonic()
    with LoopbackCamera("ts") as camera, contextlib.closing(open_source(camera.address)) as source:
        frames = list(itertools.islice(iter(source), 10))
    now = time.monotonic()
    arrived = [frame.arrived_s for frame in frames]
    assert all(before < when < now for when in arrived)
    assert arrived == sorted(arrived)


def test_a_stream_has_no_loop():
    with LoopbackCamera() as camera, pytest.raises(OptionError, match="--loop"):
        open_live(camera.address, Watching(loop=True))


@pytest.mark.skipif(os.name != "posix", reason="counts threads of this process")
def test_what_is_left_behind_ends():
    before = {thread.ident for thread in threading.enumerate()}
    for _ in range(3):
        source = around(Fake(10**6))
        next(iter(source))
        source.close()
    wait_until(lambda: not [t for t in threading.enumerate() if t.name == "connection" and t.ident not in before])


class UdpCamera:
    """Numbered pictures and silence as MPEG-TS to a port of this machine, until it is switched off."""

    def __init__(self):
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"udp://127.0.0.1:{free.getsockname()[1]}"
        self.on, self.number = threading.Event(), 0

    def switch_on(self):
        self.on.set()
        self.thread = threading.Thread(target=self._send, daemon=True)
        self.thread.start()

    def switch_off(self):
        self.on.clear()
        self.thread.join(LIMIT_S)

    def _send(self):
        with av.open(f"{self.address}?pkt_size=1316", "w", format="mpegts") as out:
            pictures = out.add_stream(
                "libx264", rate=25, options={"tune": "zerolatency", "preset": "ultrafast", "g": "10"}
            )
            pictures.width, pictures.height, pictures.pix_fmt = 256, 64, "yuv420p"
            sound = out.add_stream("aac", rate=48000)
            sound.layout = "mono"
            began, first, given = time.monotonic(), self.number, 0
            while self.on.is_set():
                frame = av.VideoFrame.from_ndarray(numbered_picture(self.number), format="rgb24")
                frame.pts = self.number - first
                out.mux(pictures.encode(frame))
                while given < (self.number - first) * 1920:
                    silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
                    silence.sample_rate, silence.pts, given = 48000, given, given + 1024
                    out.mux(sound.encode(silence))
                self.number += 1
                time.sleep(max(0.0, began + (self.number - first) / 25 - time.monotonic()))


def test_a_transport_stream_over_udp_is_read_with_its_sound_and_is_back_after_it_was_away(quick):
    camera = UdpCamera()
    camera.switch_on()
    watching = Watching(Patience(timeout_s=3), sound=True)
    viewer = Viewer(open_live(camera.address, watching))
    viewer.wait_for(20)
    camera.switch_off()
    last = camera.number - 1
    time.sleep(0.5)
    camera.switch_on()
    wait_until(lambda: viewer.numbers[-1] > last + 20 or viewer.error)
    viewer.end()
    camera.switch_off()
    assert viewer.error is None
    assert (np.diff(viewer.numbers) > 0).all()
    heard = [packet for frame in viewer.frames for packet in frame.sound.packets]
    assert len(heard) > 40
    assert max(abs(packet.after_s) for packet in heard) < 1.5
    assert (np.diff([frame.time_s for frame in viewer.frames]) > 0).all()


def test_rtsp_is_asked_for_over_tcp_first(monkeypatch):
    asked = []

    def refuse(where, *, options, **how):
        asked.append(options)
        raise OSError(111, "Connection refused")

    monkeypatch.setattr(av, "open", refuse)
    with pytest.raises(SourceError, match="cannot be opened"):
        open_source("rtsp://127.0.0.1:9/main")
    assert asked == [{"rtsp_flags": "prefer_tcp"}]
