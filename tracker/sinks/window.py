"""The run as it happens, in a window of the desktop."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

import cv2

from tracker.errors import SinkError
from tracker.types import Image, Moment, Outcome

INSTEAD = "leave the window out with --no-show; --record out.mp4 writes a video"
KEYS_TO_STOP = (ord("q"), ord("Q"), 27)  # 27 is Escape
PROBE = "import cv2; cv2.namedWindow('tracker'); cv2.waitKey(1); cv2.destroyAllWindows()"


def check_display() -> None:
    """Raise SinkError where no window can be opened, with what to do instead.

    Where OpenCV's window library finds no screen it aborts the whole process, so a process of its own tries first.
    """
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise SinkError(f"no display for a window (DISPLAY is not set); {INSTEAD}")
    try:
        tried = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SinkError(f"no window could be opened ({type(error).__name__}); {INSTEAD}") from error
    if tried.returncode:
        headless = b"not implemented" in tried.stderr
        why = (
            "this OpenCV is built without windows: install opencv-python" if headless else "the display does not answer"
        )
        raise SinkError(f"no window could be opened ({why}); {INSTEAD}")


class Window:
    """A live window. Call `check_display` first. The user ends the run with q, Escape or by closing the window."""

    def __init__(self, title: str, *, render: Callable[[Moment], Image]) -> None:
        self._title = title
        self._render = render
        self._open = False
        self._seen = False
        self._wants_stop = False

    @property
    def wants_stop(self) -> bool:
        """The user has asked to end the run: whoever drives it stops after this moment."""
        return self._wants_stop

    def write(self, moment: Moment) -> None:
        """Show the moment, and see whether a key was pressed. Call from the main thread."""
        try:
            if not self._open:
                cv2.namedWindow(self._title, cv2.WINDOW_AUTOSIZE)
                self._open = True
            cv2.imshow(self._title, cv2.cvtColor(self._render(moment), cv2.COLOR_RGB2BGR))
            pressed = cv2.waitKey(1) & 0xFF
            visible = cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error as error:
            raise SinkError(f"the window cannot be shown ({str(error).splitlines()[0]}); {INSTEAD}") from error
        closed = self._seen and not visible  # some window systems never say that a window is visible
        self._seen = self._seen or visible
        self._wants_stop = self._wants_stop or pressed in KEYS_TO_STOP or closed

    def close(self, outcome: Outcome) -> None:
        """Take the window away."""
        if self._open:
            self._open = False
            with suppress(cv2.error):  # the user may have closed it
                cv2.destroyWindow(self._title)
