"""A camera on the loopback: MJPEG or MPEG-TS over HTTP, which can be cut, restored, silenced, frozen and slowed down."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
import time
from fractions import Fraction

import av
import numpy as np
from clips import as_jpeg

BITS, BLOCK = 16, 16
BEEP_EVERY, AAC_SAMPLES = 20, 1024


def numbered_picture(number, size=(256, 64), *, noise=True):
    """A noisy picture whose lower edge has its number, as blocks of black and white."""
    width, height = size
    random = np.random.default_rng(number)
    level = random.integers(90, 130, (height, width, 1)) if noise else np.full((height, width, 1), 110)
    picture = np.repeat(level, 3, axis=2).astype(np.uint8)
    for bit in range(BITS):
        picture[-BLOCK:, bit * BLOCK : (bit + 1) * BLOCK] = 255 if number >> bit & 1 else 0
    return picture


def number_of(image):
    """The number that stands in such a picture."""
    row = image[-BLOCK // 2, BLOCK // 2 : BITS * BLOCK : BLOCK, 1]
    return int(sum(1 << bit for bit, level in enumerate(row) if level > 127))


class LoopbackCamera:
    """Numbered pictures, `fps` a second, to everybody who connects; number n is that of the n-th tick since the start.

    mode    "on", "silent" (connected, but nothing comes), "frozen" (the same picture again and again), "drip" (a few bytes a second)
    sent    numbers sent to anybody, in order
    sound   of MPEG-TS: AAC, with a beep as long as every picture whose number is a multiple of BEEP_EVERY
    """

    def __init__(self, kind="mjpeg", *, fps=25, size=(256, 64), noise=True, sound=False):
        self.sound = sound
        self.kind, self.fps, self.size, self.noise = kind, fps, size, noise
        self.mode = "on"
        self.sent, self.connections = [], 0
        self._began = time.monotonic()
        self._server = None
        self._sockets = set()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.address = f"http://me:secret@127.0.0.1:{self.port}/live"
        self.restore()

    def restore(self):
        camera = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                camera.connections += 1
                camera._sockets.add(self.connection)
                try:
                    camera._serve(self)
                except (OSError, ValueError, av.error.FFmpegError):
                    pass
                finally:
                    camera._sockets.discard(self.connection)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            allow_reuse_address = daemon_threads = True

            def handle_error(self, *_):
                pass

        self.mode = "on"
        self._server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def cut(self):
        """The cable is out: nobody listens any more."""
        self._server.shutdown()
        self._server.server_close()
        self._server = None
        self.drop()

    def drop(self):
        """Every connection ends; new ones are taken."""
        for each in list(self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self):
        if self._server is not None:
            self.cut()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _ticks(self):
        """Numbers of the pictures, when it is their time."""
        number = 0
        while self._server is not None:
            now = time.monotonic() - self._began
            number = max(number, int(now * self.fps)) + 1  # a sleep may end a little early
            time.sleep(max(0.0, number / self.fps - now))
            if self.mode != "silent":
                yield number

    def _picture(self, number):
        if self.mode == "frozen":
            number = self.sent[-1]
        else:
            self.sent.append(number)
        return numbered_picture(number, self.size, noise=self.noise)

    def _serve(self, handler):
        handler.send_response(200)
        if self.kind == "mjpeg":
            handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
            handler.end_headers()
            self._serve_mjpeg(handler.wfile)
        else:
            handler.send_header("Content-Type", "video/mp2t")
            handler.end_headers()
            self._serve_ts(handler.wfile)

    def _serve_mjpeg(self, out):
        for number in self._ticks():
            if self.mode == "drip":
                out.write(b"\0")
                time.sleep(0.2)
                continue
            jpeg = as_jpeg(self._picture(number))
            out.write(b"--next\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg) + jpeg + b"\r\n")

    def _serve_ts(self, out):
        with av.open(out, "w", format="mpegts", options={"flush_packets": "1"}) as container:
            stream = container.add_stream(
                "libx264", rate=self.fps, options={"tune": "zerolatency", "preset": "ultrafast", "g": "10"}
            )
            stream.width, stream.height = self.size
            stream.pix_fmt = "yuv420p"
            stream.codec_context.time_base = Fraction(1, self.fps)
            heard = container.add_stream("aac", rate=48000) if self.sound else None
            if heard is not None:
                heard.layout = "stereo"
            first, given = None, 0
            for number in self._ticks():
                first = number if first is None else first
                while heard is not None and given < (number + 1 - first) * 48000 / self.fps:
                    container.mux(heard.encode(self._beeps(given, AAC_SAMPLES, first)))
                    given += AAC_SAMPLES
                frame = av.VideoFrame.from_ndarray(self._picture(number), format="rgb24")
                frame.pts, frame.time_base = number - first, stream.codec_context.time_base
                container.mux(stream.encode(frame))
                out.flush()

    def _beeps(self, begin, count, first):
        """Samples of the sound, that of picture `first` at 0."""
        at = np.arange(begin, begin + count)
        on = (first + at * self.fps // 48000) % BEEP_EVERY == 0
        values = (on * 12000 * np.sin(at * 2 * np.pi * 1000 / 48000)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.repeat(values[None], 2, axis=1), format="s16", layout="stereo")
        frame.sample_rate, frame.time_base, frame.pts = 48000, Fraction(1, 48000), begin
        return frame
