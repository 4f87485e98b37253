"""The run as it happens, in a window of the desktop.

The window is another process (`window_process`), for two reasons. This one has PyAV loaded, whose libxcb makes
OpenCV's window hang for ever; the order of imports decides it, and any module, plugin or caller could change that
order. And a desktop that answers slowly or not at all must not hold up or end a run: pictures are handed over, never
waited for, and only the newest is kept.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tracker.controls import Status
from tracker.errors import SinkError
from tracker.sinks.window_protocol import FAILED, HEAD, NOTE, OPEN, PICTURE, STATUS, STOP, StatusText
from tracker.sinks.window_requests import Requests, WindowRun, status_text
from tracker.types import Image, Moment, Outcome

INSTEAD = "go without a window: --no-show with --serve shows it in a browser, with --record out.mp4 it writes a video"
PROBE_TIMEOUT_S = 20.0
CLOSE_TIMEOUT_S = 2.0
NUMBERS_S = 0.5
"""how often numbers change, so that they can be read"""
NOTES_KEPT = 8
"""for a window that does not take them"""
# The package's own start would import PyAV, so an empty package takes its place. The same places are searched as here.
START = (
    "import sys, types; sys.path[:] = {path!r}; sinks = types.ModuleType('tracker.sinks'); "
    "sinks.__path__ = [{folder!r}]; sys.modules['tracker.sinks'] = sinks; "
    "from tracker.sinks import window_process; window_process.main()"
)


def display_problem() -> str | None:
    """Why no window can be opened here, as a few words with their cure; None if one can be.

    Where OpenCV's window library finds no display it aborts its process, so the window's own process is tried.
    """
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "there is no display: DISPLAY is not set"
    try:
        tried = subprocess.run(
            _command("tracker"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=PROBE_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"the display has not answered for {PROBE_TIMEOUT_S:g} s"
    except OSError as error:
        return error.strerror or type(error).__name__
    said = tried.stdout.decode(errors="replace")
    return None if said.startswith(OPEN) else _reason(said)


def check_display() -> None:
    """Raise SinkError where no window can be opened, with what to do instead."""
    problem = display_problem()
    if problem is not None:
        raise SinkError(f"no window can be opened ({problem}); {INSTEAD}")


_Message = tuple[int, tuple[int, int, int], bytes]
"""kind, the numbers of its head, what follows"""


class Window:
    """A live window. The user ends the run with q, Escape or by closing the window.

    render        the picture of a moment, (H, W, 3) uint8 RGB
    pixel_aspect  width of a pixel over its height: shown stretched to square pixels
    when_lost     told in one line if the window ends by itself, and the run goes on; None: `write` raises SinkError
    run           what the window tells of, below the picture, and controls; None: the picture alone
    """

    def __init__(
        self,
        title: str,
        *,
        render: Callable[[Moment], Image],
        pixel_aspect: float = 1.0,
        when_lost: Callable[[str], None] | None = None,
        run: WindowRun | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._title = title
        self._render = render
        self._pixel_aspect = pixel_aspect
        self._when_lost = when_lost
        self._run, self._clock = run, clock
        self._requests = None if run is None else Requests(run, self._answer)
        self._told, self._told_s = StatusText(), -NUMBERS_S
        self._screen: _Screen | None = None
        self._lost = False

    @property
    def wants_stop(self) -> bool:
        """The user has asked to end the run: whoever drives it stops after this moment."""
        return self._screen is not None and self._screen.wants_stop

    def write(self, moment: Moment) -> None:
        """Hand the moment's picture to the window. SinkError if the window is gone and `when_lost` is None."""
        if self._lost:
            return
        if self._screen is None:
            self._open()
        assert self._screen is not None
        problem = self._screen.problem
        if problem is None:
            self._screen.put(self._render(moment), self._pixel_aspect)
            return
        self._lost = True
        if self._when_lost is None:
            raise SinkError(f"the window is gone ({problem}); {INSTEAD}")
        self._when_lost(f"tracker: the window is gone ({problem}); the recording goes on")

    def close(self, outcome: Outcome) -> None:
        """Take the window away: within CLOSE_TIMEOUT_S, whatever state the desktop is in."""
        if self._screen is not None:
            if self._run is not None:
                self._run.board.unwatch(self._see)
            screen, self._screen = self._screen, None
            screen.close()

    def _open(self) -> None:
        self._screen = _Screen(self._title, self._requests)
        if self._run is not None:
            self._run.board.watch(self._see)
            self._see(self._run.board.status)

    def _see(self, status: Status) -> None:
        """Tell the window how the run goes; numbers alone not each time."""
        screen, now = self._screen, self._clock()
        if screen is None or self._run is None or self._requests is None:
            return
        self._requests.see(status)
        text = status_text(status, paused=self._run.controls.paused)
        same = (text.flags, text.banner) == (self._told.flags, self._told.banner)
        if text != self._told and (not same or now - self._told_s >= NUMBERS_S):
            self._told, self._told_s = text, now
            screen.tell(text)

    def _answer(self, text: str) -> None:
        if self._screen is not None:
            self._screen.note(text)


class _Screen:
    """The window's process, a thread that sends it pictures and text, and one that reads what it says.

    requests  given each line that the process says
    """

    def __init__(self, title: str, requests: Requests | None = None) -> None:
        self.wants_stop = False
        self._said = ""
        self._requests = requests
        self._newest: tuple[Image, float] | None = None
        self._status: StatusText | None = None
        self._notes: deque[str] = deque(maxlen=NOTES_KEPT)
        self._changed = threading.Condition()
        self._closing = False
        try:
            # A session of its own: Ctrl+C in the terminal is for the run, which ends the window in its turn.
            self._process = subprocess.Popen(
                _command(title),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise SinkError(f"no window can be opened ({error.strerror}); {INSTEAD}") from error
        self._sender = threading.Thread(target=self._send, name="window sender", daemon=True)
        self._listener = threading.Thread(target=self._listen, name="window listener", daemon=True)
        self._sender.start()
        self._listener.start()

    @property
    def problem(self) -> str | None:
        """Why the process has ended although nobody asked for it; None while it runs or if the user closed it."""
        if self._process.poll() is None:
            return None
        self._listener.join()  # all that it has said is read
        return None if self.wants_stop else _reason(self._said)

    def put(self, image: Image, pixel_aspect: float) -> None:
        """Show this next; what is still waiting is dropped. Nobody writes into an image that was handed over."""
        with self._changed:
            self._newest = (image, pixel_aspect)
            self._changed.notify()

    def tell(self, status: StatusText) -> None:
        """Show this beside the pictures from now on."""
        with self._changed:
            self._status = status
            self._changed.notify()

    def note(self, text: str) -> None:
        """Show this for some seconds."""
        with self._changed:
            self._notes.append(text)
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify()
        try:
            self._process.wait(CLOSE_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._sender.join()
        self._listener.join()

    def _send(self) -> None:
        stream = self._process.stdin
        assert stream is not None
        with suppress(OSError), stream:  # OSError: the window is gone; `problem` says so
            while messages := self._next():
                for kind, numbers, data in messages:
                    stream.write(HEAD.pack(kind, *numbers))
                    stream.write(data)
                stream.flush()

    def _next(self) -> list[_Message]:
        """What is to be sent, once there is something; nothing: it is over."""
        with self._changed:
            while self._newest is None and self._status is None and not self._notes and not self._closing:
                self._changed.wait()
            messages = [] if self._status is None else [_text(STATUS, self._status.encoded())]
            messages += [_text(NOTE, note.encode()) for note in self._notes]
            newest, self._newest, self._status = self._newest, None, None
            self._notes.clear()
        if newest is not None:
            image, pixel_aspect = newest
            height, width = image.shape[:2]
            messages.append((PICTURE, (height, width, max(1, round(width * pixel_aspect))), image.tobytes()))
        return messages

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for line in stream:
                self._said = line.decode(errors="replace")
                self.wants_stop = self.wants_stop or self._said.startswith(STOP)
                if self._requests is not None:
                    self._requests.hear(self._said)
        if self._requests is not None and not self._closing:
            self._requests.go_on()


def _text(kind: int, data: bytes) -> _Message:
    return kind, (len(data), 0, 0), data


def _command(title: str) -> list[str]:
    folder = str(Path(__file__).parent)
    return [sys.executable, "-c", START.format(path=sys.path, folder=folder), title]


def _reason(said: str) -> str:
    """What the window's process said last, as a few words with their cure."""
    if "not implemented" in said:
        return (
            "this OpenCV is built without windows: `pip uninstall opencv-python-headless`, then "
            "`pip install --force-reinstall opencv-python`"
        )
    if said.startswith(FAILED):
        return said.removeprefix(FAILED).strip()
    return "the display does not answer"
