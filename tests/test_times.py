"""Numbers and times of a video's frames: counted and judged, not guessed. Clips are drawn so that each frame says
which picture of the clip it is."""

from __future__ import annotations

import functools
import http.server
import math
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import av
import clips
import numpy as np
import pytest

from tracker.errors import SourceError
from tracker.jobs import Job, _frames_before
from tracker.sources import open_source, spread
from tracker.sources.clock import judge
from tracker.sources.packets import NO_TIME, Packets
from tracker.sources.timeline import build_timeline
from tracker.sources.times import arriving
from tracker.types import Frame, Image, Source

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


def write(path: Path, times_ms: Sequence[int] = EVEN_MS, *, codec: str = "libx264", tick_ms: Fraction = Fraction(1), **more):
    """A clip whose n-th picture bears n and is at `times_ms[n]`; x264 with B-frames unless told otherwise."""
    options = {"libx264": {"g": "12", "bf": "2", "sc_threshold": "0", "b_strategy": "0"}, "mpeg4": {"g": "12"}}
    with av.open(str(path), "w", options=more.get("container", {})) as container:
        stream = container.add_stream(codec, rate=more.get("rate", 25), options=more.get("options", options.get(codec, {})))
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

    @pytest.mark.parametrize("suffix", ["mp4", "mkv"])
    def test_the_truths_offset_is_the_number_of_frames_before(self, tmp_path, suffix):
        path = write(tmp_path / f"clip.{suffix}", SLOWER_MS)
        job = Job(str(path), start_s=3.3)
        with closing(open_source(str(path))) as source:
            assert _frames_before(job, source.info) == 45

    @pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
    @pytest.mark.parametrize("broken", [0, 20, 24])
    def test_a_damaged_frame_leaves_the_others_their_numbers(self, tmp_path, suffix, broken):
        """Frame 0 and 24 are keys; without B-frames, so that one damaged packet is one picture."""
        path = write(
            tmp_path / f"clip.{suffix}", by_rate=True, options={"g": "12", "bf": "0", "sc_threshold": "0", "x264-params": "slices=1"}
        )
        _spoil(path, broken)
        for start_s in (0.0, 1.2):
            frames = frames_of(path, start_s=start_s)
            assert broken + 1 not in [frame.number for frame in frames]
            late = [frame for frame in frames if frame.place >= 36]
            assert [(f.number, read_off(f.image)) for f in late] == [(n + 1, n) for n in range(36, 60)]
            assert [f.time_s for f in late] == pytest.approx([n / 25 for n in range(36, 60)], abs=1e-6)

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
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Folder, directory=str(tmp_path)))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
