"""Streams that do not answer: every wait ends, Ctrl+C is heard at once, and each failure is one line without passwords."""

import contextlib
import http.server
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from tracker.errors import SourceError
from tracker.sources import open_source
from tracker.sources.connect import in_steps


@pytest.fixture
def silent():
    """A server that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield server


@pytest.fixture
def refusing():
    """The address of a web server that answers /404 and /500 with that."""

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(int(self.path[1:]))

        def log_message(self, *words):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def refusal(address, **more):
    with pytest.raises(SourceError) as caught:
        open_source(address, **more)
    line = str(caught.value)
    assert "\n" not in line
    assert "secret" not in line
    return line


@pytest.mark.parametrize("kind", ["http", "https", "rtsp", "rtmp", "tcp"])
def test_a_server_that_accepts_and_is_silent_is_given_up_in_time(silent, kind):
    began = time.monotonic()
    line = refusal(f"{kind}://user:secret@127.0.0.1:{silent.getsockname()[1]}/live/x", timeout_s=0.4)
    assert time.monotonic() - began < 2
    assert f"{kind}://127.0.0.1" in line
    assert "no picture for 0.4 s" in line


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert "cannot be opened (Connection refused)" in refusal(f"http://user:secret@127.0.0.1:{port}/x", timeout_s=2)


def test_a_name_that_nobody_has():
    assert "cannot be opened" in refusal("rtsp://user:secret@no-such-host.invalid/x", timeout_s=2)


@pytest.mark.parametrize("code", ["404", "500"])
def test_a_web_server_that_refuses(refusing, code):
    assert "cannot be opened" in refusal(f"http://user:secret@{refusing}/{code}", timeout_s=2)


def test_a_call_in_steps_gives_its_result_and_its_error():
    assert in_steps(lambda: 3, limit_s=1) == 3
    with pytest.raises(ZeroDivisionError):
        in_steps(lambda: 1 / 0, limit_s=1)
    with pytest.raises(TimeoutError):
        in_steps(lambda: time.sleep(2), limit_s=0.2)


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_while_connecting_answers_within_a_second(silent, tmp_path):
    address = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
    command = [sys.executable, "-m", "tracker", "webcam", address, "--no-show", "--record", str(tmp_path / "o.mp4")]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    silent.settimeout(30)
    with contextlib.closing(silent.accept()[0]):
        time.sleep(0.3)
        sent = time.monotonic()
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=30)
    assert time.monotonic() - sent < 1.5  # the process ends too
    assert (run.returncode, said.strip()) == (130, "tracker: interrupted")
    assert list(tmp_path.iterdir()) == []
