"""How late and how steady is live mode, as a viewer of its page sees it?

python benchmarks/live.py                          all parts; 10 minutes of the first
python benchmarks/live.py --parts steady --minutes 20
python benchmarks/live.py --short                  a small picture and a few seconds of each part: does it run?

A drawn street is served as MJPEG over HTTP on the loopback, `--fps` pictures a second by the clock, whether the reader keeps
up or not; the time at which each begins to be sent is kept. Its number stands in the picture: bits as small squares along the
left edge, from the lower corner up, and their complement beside them, so that a number that is drawn over is noticed.
`tracker webcam` runs as a process of its own with both lanes, and its page's stream is read as a browser reads it. The clip
is walked to and fro, so that nothing ever jumps.

steady   delay from the first byte sent by the camera to the last byte received by the viewer; pictures shown a second;
         memory (RSS) and processor time of the process, each by minute. Dropped pictures: those that the run counts, against
         the truth, which is the pictures sent from the first shown on less the frames that the run says it looked at.
cuts     the server is away for 2 to 3, 5 to 6 and 20 to 21 s, three times each: from its return to a picture sent since at the viewer
viewers  pictures a second of 19 viewers, before and after a twentieth comes that reads nothing
"""

from __future__ import annotations

import argparse
import json
import os
import re
import selectors
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import psutil

from tracker.synth import WorldOrder, stream_world

SQUARE, PITCH = 8, 20
"""pixels: a square is smaller than any object that is looked for, and far from the next"""
SEED = 7
READY_S, STOP_S = 60.0, 30.0
"""time limits for a busy machine"""
WARM_UP_S = 300.0
"""left out where it is said what memory grows by: it takes minutes until all there is has been in use once"""
SOUND_S = 12.0
"""between two cuts: after 10 s a connection counts as sound, and tries begin with the shortest wait again"""


# The camera


def numbered(image: np.ndarray, number: int, bits: int) -> np.ndarray:
    """The picture with its number along the left edge, the lowest bit below."""
    image = image.copy()
    for bit in range(bits):
        top, on = len(image) - (bit + 1) * PITCH, number >> bit & 1
        image[top : top + SQUARE, SQUARE : 2 * SQUARE] = 255 * on
        image[top : top + SQUARE, SQUARE + PITCH : 2 * SQUARE + PITCH] = 255 * (1 - on)
    return image


def number_of(gray: np.ndarray, bits: int) -> int | None:
    """The number in a picture of half the size; None if it cannot be read."""
    rows = [len(gray) - ((bit + 1) * PITCH - SQUARE // 2) // 2 for bit in range(bits)]
    column, other = (SQUARE + SQUARE // 2) // 2, (SQUARE + PITCH + SQUARE // 2) // 2
    number = 0
    for bit, row in enumerate(rows):
        level, opposite = (float(gray[row - 1 : row + 1, at - 1 : at + 1].mean()) for at in (column, other))
        if abs(level - opposite) < 60:
            return None
        number |= (level > opposite) << bit
    return number


class Camera:
    """MJPEG over HTTP on a port that stays the same; `cut` and `restore`.

    sent  when each picture began to be sent, by number since the start; only those that were sent
    """

    def __init__(self, size: tuple[int, int], fps: float, bits: int) -> None:
        self.fps, self.bits, self.period = fps, bits, 1 << bits
        self.parts = list(self._draw(size))
        self.sent: dict[int, float] = {}
        self._began = time.monotonic()
        self._server: socket.socket | None = None
        self._reader: socket.socket | None = None
        self._port = 0
        self.restore()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}/live"

    def _draw(self, size: tuple[int, int]) -> Iterator[bytes]:
        count = self.period // 2 + 1
        drawn = [
            f.image for f in stream_world("street", WorldOrder(SEED, frames=count, size=size, fps=self.fps)).frames
        ]
        for number, image in enumerate(drawn + drawn[-2:0:-1]):
            bgr = cv2.cvtColor(numbered(image, number, self.bits), cv2.COLOR_RGB2BGR)
            jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
            yield b"--next\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg) + jpeg + b"\r\n"

    def restore(self) -> None:
        self._server = socket.create_server(("127.0.0.1", self._port))
        self._port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._server,), daemon=True).start()

    def cut(self) -> None:
        """Nobody listens any more, and the connection ends."""
        server, self._server = self._server, None
        for each in (server, self._reader):
            if each is not None:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()

    def _accept(self, server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                reader, _ = server.accept()
                self._reader = reader
                with suppress(OSError), reader:
                    self._serve(reader)

    def _serve(self, reader: socket.socket) -> None:
        reader.recv(65536)
        reader.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=next\r\n\r\n")
        number = int((time.monotonic() - self._began) * self.fps)
        while True:
            number += 1
            time.sleep(max(0.0, self._began + number / self.fps - time.monotonic()))
            self.sent[number] = time.monotonic()
            reader.sendall(self.parts[number % self.period])

    def latest(self, marker: int, now: float) -> int | None:
        """The number of the latest picture with this marker that was sent before `now`; None if there is none."""
        number = int((now - self._began) * self.fps) + 1
        number -= (number - marker) % self.period
        return number if number in self.sent and self.sent[number] <= now else None


# The program


class Tracker:
    """`tracker webcam` as a process, and its page."""

    def __init__(self, camera: Camera, *options: str) -> None:
        asked = [sys.executable, "-m", "tracker", "webcam", camera.address, "--no-show", "--serve", "127.0.0.1:0"]
        self.process = subprocess.Popen(
            [*asked, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]
        )
        assert self.process.stderr is not None
        self.lines: list[str] = []
        found = None
        while found is None:
            line = self.process.stderr.readline()
            if not line:
                raise SystemExit("tracker ended: " + " | ".join(self.lines))
            self.lines.append(line.strip())
            found = re.search(r"http://127\.0\.0\.1:([0-9]+)/$", line.strip())
        self.port = int(found[1])
        self.usage = psutil.Process(self.process.pid)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        self.lines.extend(line.strip() for line in self.process.stderr)

    def status(self) -> dict[str, object]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/status", timeout=READY_S) as answer:
            return json.load(answer)

    def connect(self) -> socket.socket:
        """A viewer's connection, whose answer has not been read."""
        viewer = socket.create_connection(("127.0.0.1", self.port), timeout=READY_S)
        viewer.sendall(b"GET /stream.mjpg HTTP/1.0\r\nHost: 127.0.0.1:%d\r\n\r\n" % self.port)
        return viewer

    def stop(self) -> tuple[int, int]:
        """End it in good order; how many frames it says it looked at, and how many it dropped."""
        self.process.send_signal(signal.SIGTERM)  # a shell lets what runs in its background ignore SIGINT
        self.process.wait(STOP_S)
        assert self.process.stdout is not None
        said = self.process.stdout.read()
        found = re.search("^([0-9]+) frames, .* fps, ([0-9]+) dropped$", said, re.MULTILINE)
        if found is None:
            raise SystemExit(f"tracker said: {said} {' | '.join(self.lines)}")
        return int(found[1]), int(found[2])


@contextmanager
def tracking(camera: Camera, *options: str) -> Iterator[Tracker]:
    tracker = Tracker(camera, *options)
    try:
        yield tracker
    finally:
        tracker.process.kill()
        tracker.process.wait()


@dataclass
class Viewer:
    """Reads the page's stream in a thread. `seen`: when a picture was complete, and its number (None: unreadable)."""

    tracker: Tracker
    camera: Camera
    seen: list[tuple[float, int | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stream = self.tracker.connect().makefile("rb")
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with suppress(OSError, ValueError):
            for line in self._stream:
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
                    while self._stream.readline().strip():
                        pass
                    jpeg = self._stream.read(length)
                    self._take(jpeg, time.monotonic())

    def _take(self, jpeg: bytes, now: float) -> None:
        gray = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_2)
        marker = None if gray is None else number_of(gray, self.camera.bits)
        self.seen.append((now, None if marker is None else self.camera.latest(marker, now)))

    def wait_for(
        self, condition: Callable[[tuple[float, int | None]], bool], limit_s: float
    ) -> tuple[float, int | None]:
        """The first picture from now on that fulfils it."""
        at, end = len(self.seen), time.monotonic() + limit_s
        while time.monotonic() < end:
            while at < len(self.seen):
                if condition(self.seen[at]):
                    return self.seen[at]
                at += 1
            time.sleep(0.005)
        raise SystemExit(f"no picture within {limit_s:g} s: {' | '.join(self.tracker.lines[-3:])}")

    def delays_ms(self, begin: float, end: float) -> list[float]:
        """Of the pictures that came between two times."""
        first, last = (bisect_right(self.seen, at, key=lambda each: each[0]) for at in (begin, end))
        return [1000 * (at - self.camera.sent[n]) for at, n in self.seen[first:last] if n is not None]


class Crowd:
    """Viewers who read and count, all in one thread."""

    MARK = b"Content-Length:"

    def __init__(self, tracker: Tracker, count: int) -> None:
        self.counts = [0] * count
        self._selector = selectors.DefaultSelector()
        for index in range(count):
            viewer = tracker.connect()
            viewer.setblocking(False)
            self._selector.register(viewer, selectors.EVENT_READ, index)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        tails = [b""] * len(self.counts)
        while self._selector.get_map():
            for key, _ in self._selector.select(1.0):
                index, viewer = key.data, key.fileobj
                try:
                    came = viewer.recv(1 << 18)  # type: ignore[union-attr]
                except OSError:
                    came = b""
                if not came:
                    self._selector.unregister(viewer)
                    continue
                data = tails[index] + came
                self.counts[index] += data.count(self.MARK)
                tails[index] = data[-len(self.MARK) + 1 :]

    def rates(self, seconds: float) -> list[float]:
        """Pictures a second of each, over so long from now."""
        before, began = list(self.counts), time.monotonic()
        time.sleep(seconds)
        spent = time.monotonic() - began
        return [(now - then) / spent for now, then in zip(self.counts, before, strict=True)]


# The parts


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else float("nan")


def load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


def steady(camera: Camera, minutes: float, folder: Path) -> None:
    step_s = min(60.0, 60 * minutes / 2)
    with tracking(camera, *week_options(folder)) as tracker:
        viewer = Viewer(tracker, camera)
        began, first = viewer.wait_for(lambda each: each[1] is not None, READY_S)
        assert first is not None
        print("minute  median ms  95 % ms  shown/s  dropped  RSS MB  CPU %  load  effort")
        memory: list[tuple[float, float]] = []
        for minute in range(round(60 * minutes / step_s)):
            used, start = sum(tracker.usage.cpu_times()[:2]), time.monotonic()
            while (left := began + (minute + 1) * step_s - time.monotonic()) > 0:
                time.sleep(min(left, 5.0))
                memory.append((time.monotonic() - began, tracker.usage.memory_info().rss / 1e6))
            now = time.monotonic()
            delays, status = viewer.delays_ms(start, now), tracker.status()
            shown = sum(start < at <= now for at, _ in viewer.seen) / (now - start)
            cpu = 100 * (sum(tracker.usage.cpu_times()[:2]) - used) / (now - start)
            print(
                f"{minute + 1:6}  {quantile(delays, 0.5):9.0f}  {quantile(delays, 0.95):7.0f}  {shown:7.1f}"
                f"  {status['dropped']:7}  {memory[-1][1]:6.0f}  {cpu:5.0f}  {load():>4}  {status['effort'] or '-'}"
            )
        ended = time.monotonic()
        frames, dropped = tracker.stop()
    delays = viewer.delays_ms(began, ended)
    sent = sum(number >= first and at <= ended for number, at in camera.sent.items())
    unread = sum(number is None for _, number in viewer.seen)
    print(
        f"all: median {quantile(delays, 0.5):.0f} ms, 95 % {quantile(delays, 0.95):.0f} ms, 99 % {quantile(delays, 0.99):.0f} ms;"
        f" numbers not read: {unread} of {len(viewer.seen)}"
    )
    print(f"sent {sent}, looked at {frames}, so dropped {sent - frames}; the run says {dropped}")
    settled = [mb for at, mb in memory if at >= min(WARM_UP_S, 30 * minutes)]
    grown = statistics.median(settled[-10:]) - statistics.median(settled[:10])
    print(
        f"memory after warm-up: {settled[0]:.0f} MB, at the end {settled[-1]:.0f} MB, grown by {grown:+.1f} MB (medians)"
    )


def week_options(folder: Path) -> list[str]:
    """Options of a run that does what it can do for weeks: records, keeps its state, tells its events."""
    return [
        "--record", str(folder / "rec"), "--segment", "30s", "--keep", "50MB", "--min-free", "0MB",
        "--state", str(folder / "state"), "--events-to", str(folder / "events.jsonl"),
    ]  # fmt: skip


def cuts(camera: Camera, away_s: list[float], times: int) -> None:
    with tracking(camera) as tracker:
        viewer = Viewer(tracker, camera)
        viewer.wait_for(lambda each: each[1] is not None, READY_S)
        for seconds in away_s:
            backs = []
            for index in range(times):
                time.sleep(SOUND_S if seconds > 1 else 3.0)
                camera.cut()
                time.sleep(seconds + (index + 0.5) / times)  # tries come a second apart: not always just before one
                returned = time.monotonic()
                camera.restore()
                seen = viewer.wait_for(_sent_after(camera, returned), READY_S)
                backs.append(seen[0] - returned)
            print(
                f"away {seconds:g} s and more: back after {', '.join(f'{back:.2f}' for back in backs)} s (load {load()})"
            )
        print(
            "said:", *sorted({re.sub("[0-9]+ s", "N s", line.partition(": ")[2]) for line in tracker.lines}), sep="\n  "
        )


def _sent_after(camera: Camera, returned: float) -> Callable[[tuple[float, int | None]], bool]:
    return lambda each: each[1] is not None and camera.sent[each[1]] >= returned


def viewers(camera: Camera, count: int, seconds: float) -> None:
    with tracking(camera) as tracker:
        crowd = Crowd(tracker, count - 1)
        time.sleep(5.0)
        for _ in range(2):
            before = crowd.rates(seconds)
            stuck = tracker.connect()
            after = crowd.rates(seconds)
            stuck.close()
            told = tracker.status()
            print(
                f"{count - 1} viewers: {statistics.mean(before):.1f} pictures a second (worst {min(before):.1f}); beside one that"
                f" reads nothing: {statistics.mean(after):.1f} (worst {min(after):.1f}); the lanes {told['fps']:.1f}, load {load()}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default="steady,cuts,viewers", help="by comma")
    parser.add_argument("--minutes", type=float, default=10.0, help="of the part steady")
    parser.add_argument("--fps", type=float, default=30.0)
    parser.add_argument("--short", action="store_true")
    asked = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # also into a file: each line as it is known
    size, bits = ((320, 240), 6) if asked.short else ((640, 480), 10)
    camera = Camera(size, asked.fps, bits)
    print(f"{size[0]}x{size[1]}, {asked.fps:g} pictures a second, {os.cpu_count()} processors, load {load()}")
    parts = asked.parts.split(",")
    with tempfile.TemporaryDirectory() as folder:
        if "steady" in parts:
            steady(camera, 0.06 if asked.short else asked.minutes, Path(folder))
    if "cuts" in parts:
        cuts(camera, *(([0.5], 1) if asked.short else ([2.0, 5.0, 20.0], 3)))
    if "viewers" in parts:
        viewers(camera, 20, 1.5 if asked.short else 15.0)


if __name__ == "__main__":
    main()
