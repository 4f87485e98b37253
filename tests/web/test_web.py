"""The page over real sockets of this machine: pictures, news, requests, and who is kept out."""

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from commands import call

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from live_run import SIZE, Stream, Viewer, events_of, live_run, request, until

from tracker.controls import Board, Controls
from tracker.errors import MissingExtraError, SettingsError, SinkError
from tracker.events import EventFinder, EventSettings
from tracker.picture import Picture
from tracker.types import Box, Frame, Gap, Moment, Segmentation, Track, View
from tracker.web import Address, ZoneDoor, address, check_extra, listen, streams
from tracker.web.guard import MOST_BODY_BYTES
from tracker.web.page import Page, PageSink
from tracker.web.screen import MOST_WIDTH, Screen, jpeg_of


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """One run for the tests that leave it as it is."""
    with live_run(tmp_path_factory.mktemp("snapshots")) as run:
        yield run


def decoded(jpeg):
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)


# Pictures


def test_the_picture_is_encoded_once_and_every_viewer_sees_it_go_on(running):
    viewers = [Viewer(running.port) for _ in range(3)]
    until(lambda: running.page.screen.viewers == 3, "three viewers")
    began = until(lambda: running.page.screen.shot, "the first picture").number
    seen = [[viewer.picture() for _ in range(8)] for viewer in viewers]
    encoded = running.page.screen.shot.number - began
    for pictures in seen:
        assert decoded(pictures[-1][0]).shape == (SIZE[1], SIZE[0], 3)
        assert len({jpeg for jpeg, _ in pictures}) > 4
        assert all(age >= 0 for _, age in pictures)
    assert encoded < 3 * 8 * 2
    for viewer in viewers:
        viewer.close()
    until(lambda: running.page.screen.viewers == 0, "the viewers' leaving")


def test_nothing_is_encoded_while_nobody_looks(running):
    until(lambda: running.page.screen.viewers == 0, "the viewers' leaving")
    before = running.page.screen.shot and running.page.screen.shot.number
    frames = running.page.counts
    until(lambda: running.page.counts is not frames, "another frame")
    time.sleep(0.2)
    assert (running.page.screen.shot and running.page.screen.shot.number) == before


def test_a_viewer_that_reads_nothing_slows_nobody_and_is_dropped(tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "STALLED_S", 1.0)
    with live_run(tmp_path, size=(640, 480)) as run:
        silent = socket.socket()
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        silent.connect(("127.0.0.1", run.port))
        silent.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        until(lambda: run.page.screen.viewers == 1, "the silent viewer")
        viewer = Viewer(run.port)
        numbers = []
        for _ in range(40):
            assert viewer.picture() is not None
            numbers.append(run.page.screen.shot.number)
        assert np.median(np.diff(numbers)) <= 2  # what is sent follows what is encoded
        until(lambda: run.page.screen.viewers == 1, "the silent viewer's end")
        assert viewer.picture() is not None
        silent.close()
        viewer.close()


@pytest.mark.slow
def test_of_twenty_viewers_one_reads_nothing_and_the_others_see_what_is_encoded(tmp_path):
    with live_run(tmp_path, size=(640, 480)) as run:
        readers = selectors.DefaultSelector()
        opened = [socket.create_connection(("127.0.0.1", run.port)) for _ in range(20)]
        for viewer in opened:
            viewer.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        until(lambda: run.page.screen.viewers == 20, "twenty viewers")
        for viewer in opened[1:]:
            readers.register(viewer, selectors.EVENT_READ)
        seen, began = Counter(), until(lambda: run.page.screen.shot, "the first picture").number
        while run.page.screen.shot.number < began + 100:
            for key, _ in readers.select(1):
                seen[key.fileobj] += key.fileobj.recv(1 << 20).count(b"Content-Type: image/jpeg")
        for viewer in opened:
            viewer.close()
    assert len(seen) == 19
    assert min(seen.values()) > 80


def test_who_comes_while_no_picture_arrives_sees_the_last_one(tmp_path):
    with live_run(tmp_path) as run:
        run.stream.silent.set()
        viewer = Viewer(run.port)
        assert decoded(viewer.picture()[0]).shape == (SIZE[1], SIZE[0], 3)
        viewer.close()


def test_a_wide_picture_is_made_smaller_and_pixels_are_square():
    assert decoded(jpeg_of(np.zeros((100, 4000, 3), np.uint8))).shape == (48, MOST_WIDTH, 3)
    assert decoded(jpeg_of(np.zeros((60, 80, 3), np.uint8), 2.0)).shape == (60, 160, 3)
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 255
    assert decoded(jpeg_of(red))[8, 8, 2] > 200


def test_asking_for_the_head_of_a_stream_makes_no_viewer(running):
    status, headers, text = request(running.port, "HEAD", "/stream.mjpg")
    assert (status, text) == (200, "")
    assert headers["content-type"].startswith("multipart/x-mixed-replace")


def test_of_pictures_that_wait_only_the_newest_is_encoded():
    screen = Screen(lambda: None)
    for value in range(0, 250, 10):
        screen.put(np.full((16, 16, 3), value, np.uint8))
    screen.add_viewers(1)
    shot = until(lambda: screen.shot, "a picture")
    assert (shot.number, decoded(shot.jpeg)[8, 8, 0]) == (1, 240)
    screen.close()


# News


def test_a_gap_is_told_once_and_events_have_their_own_times(monkeypatch):
    page = Page(Controls(), Board())
    finders = {lane: EventFinder(EventSettings(), lane) for lane in ("gmm", "slots")}
    sink = PageSink(page, render=lambda moment: moment.frame.image, finders=finders)
    monkeypatch.setattr("tracker.web.page.time.time", lambda: 1000.0)  # when the last moment is written
    picture = Picture.of(np.zeros((8, 8, 3), np.uint8))
    seen = Segmentation(np.zeros((8, 8), np.int32), (), np.zeros((8, 8), bool))
    track = Track(1, Box(0, 0, 8, 8), 1.0, 0)
    for index, time_s in enumerate((0.0, 0.04, 9.0, 9.04, 12.0)):
        gap = Gap(0.04, 9.0, "the stream ended") if time_s == 9.0 else None
        tracks = (track,) if index in (2, 3) else ()
        views = tuple(View(lane, seen, tracks) for lane in finders)
        sink.write(Moment(Frame(index, time_s, picture, gap=gap), views))
    sink.close("complete")
    told = [event for _, event in page.events_after(0)]
    assert [(event["lane"], event["ids"]) for event in told if event["kind"] == "gap"] == [("gmm", [])]
    deaths = [event for event in told if event["kind"] == "death"]
    assert len(deaths) == 2
    assert all(event["at"] == pytest.approx(1000 - 12.0 + 9.04) for event in deaths)


def test_a_lane_that_was_given_up_has_no_count_of_objects():
    page = Page(Controls(), Board())
    view = View("gmm", Segmentation(np.zeros((8, 8), np.int32), (), np.zeros((8, 8), bool)), (), off=True)
    PageSink(page, render=lambda moment: moment.frame.image, finders={}).write(
        Moment(Frame(0, 0.0, Picture.of(np.zeros((8, 8, 3), np.uint8))), (view,))
    )
    assert page.counts == {"gmm": {"objects": None, "identities": 0}}


def test_status_comes_again_and_again_with_counts_by_lane(running):
    seen = [value for kind, _, value in zip_first(events_of(running.port), 40) if kind == "status"][-1]
    assert seen["state"] == "live"
    assert seen["all_lanes"] == ["slots", "gmm"]
    assert seen["counts"]["gmm"] == {"objects": 1, "identities": 1}
    assert {"pause", "freeze", "reset", "snapshot", "lanes"} <= set(seen["can"])
    assert not {"record", "zones"} & set(seen["can"])


def zip_first(stream, most):
    """Until three statuses or `most` values have come."""
    statuses = 0
    for value in stream:
        yield value
        statuses += value[0] == "status"
        most -= 1
        if statuses == 3 or not most:
            stream.close()
            return


def test_events_are_told_once_and_those_that_a_viewer_knows_are_left_out(running):
    told = [(number, value) for kind, number, value in zip_first(events_of(running.port), 40) if kind == "event"]
    assert {value["kind"] for _, value in told} == {"birth"}
    assert {value["lane"] for _, value in told} == {"gmm", "slots"}
    assert abs(told[0][1]["at"] - time.time()) < 300
    again = zip_first(events_of(running.port, f"/news?run={running.page.run}&after={told[-1][0]}"), 40)
    assert [kind for kind, _, _ in again] == ["status"] * 3
    other_run = zip_first(events_of(running.port, f"/news?run=other&after={told[-1][0]}"), 40)
    assert [kind for kind, _, _ in other_run].count("event") == 2


def test_the_page_is_there_before_the_first_frame(tmp_path):
    states = []

    def look(run):
        kind, _, value = next(events_of(run.port))
        states.append((kind, value["state"], value["all_lanes"]))
        assert request(run.port, "GET", "/")[0] == 200

    with live_run(tmp_path, before_frames=look):
        pass
    assert states == [("status", "starting", [])]


def test_the_end_of_the_run_ends_open_streams_at_once(tmp_path):
    news = []
    with live_run(tmp_path) as run:
        viewer = Viewer(run.port)
        viewer.picture()
        reader = threading.Thread(target=lambda: news.extend(events_of(run.port)))
        reader.start()
        run.live.controls.ask("stop")
        assert run.ended.wait(20)
        began = time.monotonic()
    assert time.monotonic() - began < 4
    while viewer.picture() is not None:
        pass
    reader.join(20)
    assert news[-1][0] == "status"
    assert news[-1][2]["state"] == "ended"


def test_pictures_of_another_size_go_on_on_the_same_page(tmp_path):
    with live_run(tmp_path) as run:
        viewer = Viewer(run.port)
        viewer.picture()
        before = until(lambda: run.page.counts["gmm"]["identities"], "an identity")
        run.stream.ended.set()
        assert run.ended.wait(20)
        run.stream = Stream(size=(200, 120))
        following = threading.Thread(target=run.loop)
        following.start()
        while decoded(viewer.picture()[0]).shape != (120, 200, 3):
            pass
        assert run.page.counts["gmm"]["identities"] >= before
        assert request(run.port, "GET", "/status")[0] == 200
        run.stream.ended.set()
        following.join(20)
        viewer.close()


# Requests


def test_buttons_reach_the_run(tmp_path):
    with live_run(tmp_path) as run:
        port = run.port
        assert request(port, "POST", "/controls", {"action": "freeze", "value": True})[0] == 200
        until(lambda: run.status.frozen and run.segmenter.frozen == [True], "the freezing")
        request(port, "POST", "/controls", {"action": "freeze", "value": False})
        request(port, "POST", "/controls", {"action": "reset"})
        until(lambda: run.segmenter.resets == 1, "the reset")
        request(port, "POST", "/controls", {"action": "pause", "value": True})
        until(lambda: run.status.state == "paused", "the pause")
        request(port, "POST", "/controls", {"action": "pause", "value": False})
        until(lambda: run.status.state == "live", "the end of the pause")


def test_the_lanes_shown_are_changed_for_all_viewers(running):
    viewer = Viewer(running.port)
    viewer.picture()
    request(running.port, "POST", "/controls", {"action": "lanes", "value": ["gmm", "slots"]})
    until(lambda: running.status.lanes == ("slots", "gmm"), "both lanes")
    wide = (SIZE[1], 2 * SIZE[0] + 2, 3)
    until(lambda: decoded(viewer.picture()[0]).shape == wide, "the wide picture")
    request(running.port, "POST", "/controls", {"action": "lanes", "value": ["slots"]})
    until(lambda: decoded(viewer.picture()[0]).shape == (SIZE[1], SIZE[0], 3), "one lane")
    viewer.close()


def test_a_snapshot_is_a_png_whose_name_is_told_and_replaces_nothing(running):
    answers = [request(running.port, "POST", "/controls", {"action": "snapshot"}) for _ in range(3)]
    names = {json.loads(text)["name"] for status, _, text in answers if status == 200}
    assert len(names) == 3
    for name in names:
        assert cv2.imread(name).shape == (SIZE[1], SIZE[0], 3)
        assert Path(name).name.startswith(f"snapshot-{datetime.now():%Y-%m}")
    assert {path.suffix for path in Path(name).parent.iterdir()} == {".png"}


def test_a_snapshot_that_cannot_be_written_is_one_line_and_the_run_goes_on(tmp_path):
    (tmp_path / "file").write_text("")
    with live_run(tmp_path / "file" / "snapshots") as run:
        status, _, text = request(run.port, "POST", "/controls", {"action": "snapshot"})
        assert (status, "cannot be written" in text) == (500, True)
        counts = run.page.counts
        until(lambda: run.page.counts is not counts, "another frame")


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({"action": "freeze", "value": "yes"}, 400, "true or false"),
        ({"action": "lanes", "value": ["gmm", "other"]}, 400, "slots, gmm"),
        ({"action": "lanes", "value": []}, 400, "slots, gmm"),
        ({"action": "lanes", "value": {"gmm": 1}}, 400, "slots, gmm"),
        ({"action": "stop"}, 400, "no such action"),
        ({"action": ["a"]}, 400, "wanted"),
        ([1], 400, "wanted"),
        ({"action": "record", "value": True}, 409, "record: cannot be done"),
        (b"{", 400, "no JSON"),
        (b'{"action": NaN}', 400, "no JSON"),
        (b"[" * 100_000, 400, "no JSON"),
        (b"\xff\xfe", 400, "no JSON"),
    ],
    ids=str,
)
def test_a_request_that_makes_no_sense_is_refused_in_one_line(running, body, status, word):
    got, _, text = request(running.port, "POST", "/controls", body)
    assert got == status
    assert word in text
    assert "\n" not in text.strip()


def test_zones_go_to_the_run_once_they_are_read_and_an_error_comes_back(tmp_path):
    asked = []

    def change(body, version):
        if "areas" not in body:
            raise SettingsError("zones: wanted areas")
        run.live.controls.ask("zones", ("read", body))

    door = ZoneDoor(change=change, now=lambda: asked[-1][1] if asked else {})
    with live_run(tmp_path, zones=door) as run:
        assert request(run.port, "GET", "/zones")[0] == 404  # nobody carries it out
        assert request(run.port, "POST", "/zones", {"areas": {}})[0] == 409
        run.live.controls.on("zones", asked.append)
        assert request(run.port, "GET", "/zones")[2] == "{}"
        sent = {"areas": {"door": [[0.1, 0.2], [0.3, 0.2], [0.3, 0.5]]}}
        assert request(run.port, "POST", "/zones", sent)[0] == 200
        until(lambda: asked == [("read", sent)], "the change")
        status, _, text = request(run.port, "POST", "/zones", {"lines": {}})
        assert (status, text) == (400, '{"error": "zones: wanted areas"}')


# Who is kept out


def test_a_foreign_origin_a_foreign_site_and_a_foreign_name_are_refused(running):
    port, body = running.port, {"action": "pause", "value": False}
    assert request(port, "POST", "/controls", body, Origin="http://evil.example")[0] == 403
    assert request(port, "POST", "/controls", body, Origin=f"http://localhost:{port}")[0] == 403
    assert request(port, "POST", "/controls", body, Origin="null")[0] == 403
    assert request(port, "POST", "/controls", body, Origin="https://evil.example")[0] == 403
    for scheme in ("http", "https"):  # a server with TLS may stand before it
        assert request(port, "POST", "/controls", body, Origin=f"{scheme}://127.0.0.1:{port}")[0] in (200, 204)
    assert request(port, "POST", "/controls", body, Origin=None)[0] == 403
    assert request(port, "POST", "/controls", body, Content_Type="text/plain")[0] == 415
    assert request(port, "GET", "/stream.mjpg", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors")[0] == 403
    for name in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "", "[::1", "a b"):
        assert request(port, "GET", "/status", Host=name)[0] in (400, 421), name
    for name in ("localhost", f"127.0.0.1:{port}", "[::1]:9"):
        assert request(port, "GET", "/status", Host=name)[0] == 200, name
    assert request(port, "DELETE", "/status", Origin=f"http://127.0.0.1:{port}")[0] == 405


def test_a_name_that_is_no_text_is_shown_with_escapes(running):
    title, running.page.title = running.page.title, "clip-\udcff.mp4"
    try:
        assert json.loads(request(running.port, "GET", "/status")[2])["title"] == "clip-\udcff.mp4"
        assert next(events_of(running.port))[2]["title"] == "clip-\udcff.mp4"
    finally:
        running.page.title = title


def test_every_answer_tells_browsers_to_be_strict(running):
    for path in ("/", "/page.js", "/status", "/no-such"):
        headers = request(running.port, "GET", path)[1]
        assert headers["content-security-policy"].startswith("default-src 'self'")
        assert headers["x-frame-options"] == "DENY"
        assert "server" not in headers
        assert "set-cookie" not in headers


def test_a_large_body_is_refused_whether_its_length_is_told_or_not(running):
    assert request(running.port, "POST", "/zones", b"[" * (MOST_BODY_BYTES + 1))[0] == 413
    with socket.create_connection(("127.0.0.1", running.port), timeout=20) as raw:
        origin = f"http://localhost:{running.port}"
        head = f"POST /controls HTTP/1.1\r\nHost: localhost:{running.port}\r\nOrigin: {origin}\r\n"
        raw.sendall((head + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n").encode())
        with pytest.raises((ConnectionError, StopIteration)):  # noqa: PT012 (the server may answer while this sends)
            for _ in range(40):
                raw.sendall(b"4000\r\n" + b"[" * 0x4000 + b"\r\n")
            assert b" 413 " in raw.recv(4096).splitlines()[0]
            raise StopIteration


def test_a_head_that_never_ends_is_dropped(running, monkeypatch):
    from tracker.web import connection

    monkeypatch.setattr(connection, "HEAD_S", 0.3)
    with socket.create_connection(("127.0.0.1", running.port), timeout=20) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\nHost: local")
        with suppress(ConnectionError):
            assert raw.recv(100) == b""  # no answer: the end


def test_more_viewers_than_allowed_are_sent_away(running, monkeypatch):
    from tracker.web import app

    monkeypatch.setattr(app, "MOST_VIEWERS", 2)
    viewers = [Viewer(running.port) for _ in range(2)]
    assert request(running.port, "GET", "/stream.mjpg")[0] == 503
    viewers.pop().close()
    until(lambda: running.page.screen.viewers == 1, "a viewer's leaving")
    again = until(lambda: request_ok(running.port), "a free place")
    again.close()
    viewers.pop().close()


def request_ok(port):
    try:
        return Viewer(port)
    except AssertionError:
        return None


def test_elsewhere_than_on_loopback_a_token_is_asked_for(tmp_path, caplog, capfd):
    with live_run(tmp_path, host="0.0.0.0") as run:
        token = run.url.partition("?token=")[2]
        assert len(token) >= 32
        assert request(run.port, "GET", "/status")[0] == 401
        assert request(run.port, "GET", "/")[0] == 401
        for wrong in ("", "x", token[:-1], token + "x", "é"):
            assert request(run.port, "GET", f"/?token={wrong.encode().hex() if wrong == 'é' else wrong}")[0] == 401
            assert (
                request(
                    run.port, "GET", "/status", Cookie=f"tracker-{run.port}={wrong.encode('utf-8').decode('latin-1')}"
                )[0]
                == 401
            )
        status, headers, _ = request(run.port, "GET", f"/?token={token}")
        cookie = headers["set-cookie"]
        assert status == 200
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        plain = cookie.partition(";")[0]
        assert request(run.port, "GET", "/status", Cookie=plain)[0] == 200
        assert request(run.port, "POST", "/controls", {"action": "reset"}, Cookie=plain)[0] == 200
        assert request(run.port, "POST", "/controls", {"action": "reset"})[0] == 401
    said = capfd.readouterr()
    assert token not in caplog.text + said.out + said.err


def test_loopback_has_no_token(running):
    assert running.url == f"http://127.0.0.1:{running.port}/"


# The address


def test_a_port_in_use_gives_way_to_the_next_unless_it_was_asked_for():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SinkError, match=f"127.0.0.1:{port}: the page cannot be served there") as caught:
            listen(Address("127.0.0.1", port, search=False))
        assert "\n" not in str(caught.value)
        found = listen(Address("127.0.0.1", port))
        assert port < found.port < port + address.PORTS_TRIED
        found.socket.close()
    with pytest.raises(SinkError, match="no such host"):
        listen(Address("no such host", 1, search=False))


def test_the_missing_extra_is_named(monkeypatch):
    from tracker.web import needs

    monkeypatch.setattr(needs, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'rnnem-tracker\[web\]'"):
        check_extra()


def test_an_address_that_is_none_is_refused_before_anything_is_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for wrong in ("0", "clip.mp4", "host:99999", "host:-1", "a b:80", "rtsp://cam/main"):
        result = call("webcam", "--no-show", "--serve", wrong)
        assert (result.exit_code, "wanted HOST:PORT" in result.stderr) == (2, True), wrong
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_ends_a_run_within_seconds_though_viewers_look(running):
    """The run's camera is the page of another run."""
    source = f"http://127.0.0.1:{running.port}/stream.mjpg"
    command = [
        sys.executable,
        "-m",
        "tracker",
        "webcam",
        source,
        "--no-show",
        "--lanes",
        "gmm",
        "--serve",
        "127.0.0.1:0",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        line = next(line for line in process.stderr if "the page is at" in line)
        port = int(line.strip().rstrip("/").rpartition(":")[2])
        until(lambda: json.loads(request(port, "GET", "/status")[2])["state"] == "live", "the first frame")
        viewer, silent = Viewer(port), socket.create_connection(("127.0.0.1", port))
        silent.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert decoded(viewer.picture()[0]).shape == (SIZE[1], SIZE[0], 3)
        sent = time.monotonic()
        process.send_signal(signal.SIGINT)
        while viewer.picture() is not None:
            pass
        _, said = process.communicate(timeout=60)
        assert time.monotonic() - sent < 8
        assert (process.returncode, said.strip().splitlines()[-1]) == (130, "tracker: interrupted")
        silent.close()
    finally:
        process.kill()


def test_webcam_serves_a_page_without_window_and_recording(tmp_path):
    for n in range(3):
        cv2.imwrite(str(tmp_path / f"{n}.png"), np.full((48, 64, 3), 90, np.uint8))
    command = [sys.executable, "-m", "tracker", "webcam", str(tmp_path), "--no-show", "--lanes", "gmm"]
    done = subprocess.run([*command, "--serve", "127.0.0.1:0"], capture_output=True, text=True, timeout=60, check=True)
    assert "the page is at http://127.0.0.1:" in done.stderr
    assert "3 frames" in done.stdout
