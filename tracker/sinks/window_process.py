"""The process that has the window on the desktop. It is started by path (see `window`) and imports nothing of tracker.

PyAV must never be loaded here. On Linux its wheel and OpenCV's both bring a `libxcb-shm` of one and the same name, so
the loader takes whichever came first for both; PyAV's is bound to a libxcb of its own, while Qt connects through the
system's. Qt then waits, inside `cv2.namedWindow`, for a reply that the other copy has received: for ever.

Standard input carries pictures, each a HEAD followed by height x width x 3 bytes of RGB; its end is the end of the
window. Standard output carries one word a line: OPEN once the window stands, STOP when the user ends the run, or
FAILED and what OpenCV said.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import signal
import struct
import sys
import threading
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

HEAD = struct.Struct("<3I")
"""height, width, and the width at which it is shown; pixels"""
OPEN, STOP, FAILED = "open", "stop", "failed"
KEYS_TO_STOP = (ord("q"), ord("Q"), 27)  # 27 is Escape
TURN_MS = 20
"""one turn of the window's event loop"""
EXPOSING_TURNS = (10, 50, 250, 500, 1000)
"""a fifth of a second to twenty seconds after the window was opened: on a busy machine it may not be there after the first second"""
GRACE_S = 20.0
"""after the end of the input: a desktop under load may take long to open the window and to take it away"""


class Inbox:
    """The newest picture that has come, read by a thread of its own so that the sender never waits for the desktop."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._newest: NDArray[np.uint8] | None = None
        self._lock = threading.Lock()
        self.ended = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def take(self) -> NDArray[np.uint8] | None:
        """The newest picture (H, W, 3) uint8 BGR, stretched to square pixels; None if there is none since the last."""
        with self._lock:  # or a picture that comes in between is lost
            picture, self._newest = self._newest, None
        return picture

    def _read(self) -> None:
        while len(head := self._stream.read(HEAD.size)) == HEAD.size:
            height, width, shown_width = HEAD.unpack(head)
            data = self._stream.read(3 * height * width)
            if len(data) < 3 * height * width:
                break
            picture = cv2.cvtColor(np.frombuffer(data, np.uint8).reshape(height, width, 3), cv2.COLOR_RGB2BGR)
            if shown_width != width:
                picture = cv2.resize(picture, (shown_width, height), interpolation=cv2.INTER_LINEAR)
            with self._lock:
                self._newest = np.asarray(picture, np.uint8)
        self.ended.set()
        threading.Event().wait(GRACE_S)
        os._exit(1)  # the desktop does not answer, and whoever sent the pictures is gone


def show(title: str, inbox: Inbox, replies: int) -> None:
    """Show what comes until the input ends or the user closes the window or presses one of KEYS_TO_STOP."""
    while (picture := inbox.take()) is None and not inbox.ended.wait(TURN_MS / 1000):
        pass
    cv2.namedWindow(title, cv2.WINDOW_AUTOSIZE)
    _tell(replies, OPEN)
    seen = False
    for turn in itertools.count():
        if picture is not None:
            cv2.imshow(title, picture)
        pressed = cv2.waitKey(TURN_MS) & 0xFF
        visible = _is_visible(title)
        if pressed in KEYS_TO_STOP or (seen and not visible):  # some desktops never say that a window is visible
            _tell(replies, STOP)
            break
        if inbox.ended.is_set():
            break
        if turn in EXPOSING_TURNS:
            _expose(title)
        seen = seen or visible
        picture = inbox.take()
    cv2.destroyAllWindows()


def _is_visible(title: str) -> bool:
    try:
        return cv2.getWindowProperty(title, cv2.WND_PROP_VISIBLE) >= 1
    except cv2.error:  # OpenCV 5 does not know a closed window any more, OpenCV 4 says 0
        return False


def _expose(title: str) -> None:
    """Tell the toolkit that windows of this title lie open, as the X server does once after it has shown one.

    Of Qt's windows on an X server without a window manager about one in a hundred misses that and stays black, whatever
    is shown in it. Where a window manager has put the window into a frame, there is none at the top to be told.
    """
    try:
        x11 = ctypes.CDLL("libX11.so.6")
    except OSError:  # not an X server's machine
        return
    pointer, number = ctypes.c_void_p, ctypes.c_ulong
    x11.XOpenDisplay.restype = pointer
    x11.XDefaultRootWindow.restype = number
    display = pointer(x11.XOpenDisplay(None))
    if not display:
        return
    x11.XGrabServer(display)  # no window may vanish between its being found and being told
    root, parent, children, count = number(), number(), ctypes.POINTER(number)(), ctypes.c_uint()
    top = number(x11.XDefaultRootWindow(display))
    if x11.XQueryTree(
        display, top, ctypes.byref(root), ctypes.byref(parent), ctypes.byref(children), ctypes.byref(count)
    ):
        for window in map(number, children[: count.value]):
            name = ctypes.c_char_p()
            if x11.XFetchName(display, window, ctypes.byref(name)):
                if name.value == title.encode():
                    x11.XClearArea(display, window, 0, 0, 0, 0, 1)
                x11.XFree(name)
        x11.XFree(children)
    x11.XUngrabServer(display)
    x11.XCloseDisplay(display)


def _tell(replies: int, words: str) -> None:
    os.write(replies, f"{words}\n".encode())


def main() -> None:
    """Show standard input under the title given as the first argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run hears Ctrl+C, finishes its files and ends the input
    replies = os.dup(1)
    os.dup2(2, 1)  # what libraries print must not be read as a reply
    try:
        show(sys.argv[1], Inbox(sys.stdin.buffer), replies)
    except cv2.error as error:
        _tell(replies, f"{FAILED} {' '.join(str(error).split())}")


if __name__ == "__main__":
    main()
