"""A live run with a page, for tests: a drawn picture many times a second, two lanes that see one moving square."""

from __future__ import annotations

import http.client
import json
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tracker.draw import Overlay, OverlaySettings
from tracker.events import EventFinder, EventSettings
from tracker.jobs import Live, Screens
from tracker.jobs.page import serve_page
from tracker.lanes import Lane
from tracker.picture import Picture
from tracker.pipeline import run
from tracker.types import Box, Frame, Region, Segmentation, SourceInfo
from tracker.web import streams

SIZE = (160, 120)
LIMIT_S = 20.0
"""for anything to happen, on a busy machine"""


class Stream:
    """A live source: a grey picture with a square, until it is closed. `silent` holds pictures back."""

    problem = None

    def __init__(self, rate=40.0, size=SIZE):
        self.ended, self.silent, self.rate, self.size = threading.Event(), threading.Event(), rate, size
        self.info = SourceInfo("rtsp://cam-3/main", size, rate, None, live=True)

    def __iter__(self):
        n = 0
        width, height = self.size
        while not self.ended.wait(1 / self.rate):
            if self.silent.is_set():
                continue
            image = np.full((height, width, 3), 90, np.uint8)
            image[40:80, 20 + n % 80 : 50 + n % 80] = (200, 60, 40)
            yield Frame(n, n / self.rate, Picture.of(image), arrived_s=time.monotonic())
            n += 1

    def sample(self, count, *, whole=True, width="full"):
        return []


class Square:
    """A segmenter that finds the square; notes what was asked of it."""

    def __init__(self):
        self.resets, self.frozen = 0, []

    def step(self, frame):
        x = 20 + frame.index % 80
        labels = np.zeros(frame.image.shape[:2], np.int32)
        labels[40:80, x : x + 30] = 1
        return Segmentation(labels, (Region(1, Box(x, 40, x + 30, 80), 1200),), labels > 0)

    def freeze(self, frozen):
        self.frozen.append(frozen)

    def reset(self):
        self.resets += 1


class LiveRun:
    """What a test may look at and change."""

    def __init__(self, snapshots: Path, size=SIZE):
        self.live, self.stream, self.segmenter = Live(), Stream(size=size), Square()
        self.live.lead([Lane("gmm", self.segmenter)])
        self.live.also.append(Screens(self.live, snapshots))
        self.lines: list[str] = []
        self.zones = None
        self.page = None
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        return self.lines[0].removeprefix("tracker: the page is at ")

    @property
    def port(self) -> int:
        return int(self.url.split("/")[2].rpartition(":")[2])

    @property
    def status(self):
        return self.live.board.status

    def loop(self):
        try:
            lanes = [Lane("gmm", self.segmenter), Lane("slots", Square())]
            overlay = Overlay(OverlaySettings(), lanes=("slots", "gmm"))
            finders = {lane.name: EventFinder(EventSettings(), lane.name) for lane in lanes}
            sinks = self.live.sinks(overlay, finders, self.stream.info)
            keep = None if self.live.zones is None else self.live.zones.step
            run(self.stream, lanes, sinks, controls=self.live.controls, keep=keep)
        finally:
            self.ended.set()


streams.STATUS_S = 0.1  # tests wait for the next status again and again


@contextmanager
def live_run(
    folder: Path, *, host="127.0.0.1", port=0, size=SIZE, zones=None, before_frames=lambda run: None, save_zones=None
):
    """A run in a thread, its page served; both are over at the end."""
    run = LiveRun(folder, size)
    with serve_page(run.live, (host, port), notify=run.lines.append, save_zones=save_zones) as page:
        run.page, page.zones = page, zones
        before_frames(run)
        thread = threading.Thread(target=run.loop)
        thread.start()
        try:
            until(lambda: page.counts, "the first frame")
            yield run
        finally:
            run.live.controls.ask("stop")
            run.stream.ended.set()
            thread.join(LIMIT_S)


def until(happens, what="it"):
    """Wait for something; AssertionError if it does not come about."""
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        value = happens()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what} has not happened in {LIMIT_S:g} s")


def request(port, method, path, body=None, *, host="127.0.0.1", **headers):
    """One request; returns (status, headers, body as text)."""
    connection = http.client.HTTPConnection(host, port, timeout=LIMIT_S)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if method == "POST":
        sent = {"Origin": f"http://{host}:{port}", "Content-Type": "application/json", **sent}
    data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
    connection.request(method, path, data, {name: value for name, value in sent.items() if value is not None})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, text


class Viewer:
    """Reads the MJPEG stream."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
        self.connection.request("GET", "/stream.mjpg")
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200
        assert self.answer.readline() == b"--picture\r\n"

    def picture(self):
        """(JPEG, age in ms) of the next part; None at the end."""
        headers = {}
        while line := self.answer.readline():
            if line == b"\r\n":
                data = self.answer.read(int(headers["content-length"]))
                assert self.answer.readline() == b"\r\n"
                assert self.answer.readline() == b"--picture\r\n"
                return data, float(headers["x-age-ms"])
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        return None

    def close(self):
        self.answer.close()
        self.connection.close()


def events_of(port, path="/news"):
    """Server-sent events as (kind, id or None, value), until the stream ends."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.getheader("content-type") == "text/event-stream"
    fields = {}
    try:
        while line := answer.readline():
            if line == b"\n":
                yield fields["event"], fields.get("id"), json.loads(fields["data"])
                fields = {}
            else:
                name, _, value = line.decode().strip().partition(": ")
                fields[name] = value
    finally:
        answer.close()
        connection.close()
