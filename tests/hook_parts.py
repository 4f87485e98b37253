"""Receivers on loopback, and moments with events."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from tracker.picture import Picture
from tracker.types import Box, Event, Frame, Moment

BIRTH = Event("birth", "slots", 2, 0.2, (3,), Box(0, 1.5, 10, 22.26), note="at the border")
DEATH = Event("death", "slots", 5, 0.5, (3,), Box(9, 1, 19, 21))


class Told:
    """A finder that was told what to find, by frame."""

    def __init__(self, by_frame=None, last=()):
        self.by_frame, self.last = by_frame or {}, last

    def __call__(self, moment):
        return tuple(self.by_frame.get(moment.frame.index, ()))

    def finish(self):
        return tuple(self.last)


def moment(index, **more):
    return Moment(Frame(index, index / 10, Picture.of(np.zeros((4, 4, 3), np.uint8)), **more), ())


class Receiver:
    """A web server that keeps what is posted, with an answer for each; `with Receiver() as url`."""

    def __init__(self, *, answers=(), delay_s=0.0, port=0):
        self.bodies, self.headers, self.paths, self.answers, self.delay_s = [], [], [], list(answers), delay_s
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                time.sleep(receiver.delay_s)
                answer = receiver.answers.pop(0) if receiver.answers else 204
                if 200 <= answer < 300:
                    receiver.bodies.append(json.loads(body))
                    receiver.headers.append(dict(self.headers))
                    receiver.paths.append(self.path)
                self.send_response(answer)
                if 300 <= answer < 400:
                    self.send_header("Location", receiver.url + "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def until(holds, within_s=20.0):
    """Wait until something holds."""
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
