"""The process that has the window on the desktop. Of tracker it imports nothing but its neighbours `window_*`.

PyAV must never be loaded here. On Linux its wheel and OpenCV's both bring a `libxcb-shm` of one and the same name, so
the loader takes whichever came first for both; PyAV's is bound to a libxcb of its own, while Qt connects through the
system's. Qt then waits, inside `cv2.namedWindow`, for a reply that the other copy has received: for ever. So whoever starts
this keeps the package `tracker.sinks`, which brings PyAV, from being imported with it (see `window`).

What comes in and goes out is in `window_protocol`.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
from typing import BinaryIO, NamedTuple

import cv2
import numpy as np

from tracker.sinks.window_desktop import expose, screen_size
from tracker.sinks.window_protocol import FAILED, HEAD, NOTE, OPEN, PICTURE, STATUS, STOP, StatusText
from tracker.sinks.window_text import Picture
from tracker.sinks.window_user import NO_KEY, User

TURN_MS = 20
"""one turn of the window's event loop"""
EXPOSING_TURNS = (10, 50, 250, 500, 1000)
"""a fifth of a second to twenty seconds after the window was opened: on a busy machine it may not be there after the first second"""
GRACE_S = 20.0
"""after the end of the input: a desktop under load may take long to open the window and to take it away"""
AROUND_PX = 140
"""rows of the screen that a picture leaves to its strip, the window's title and a panel of the desktop"""


class WindowNews(NamedTuple):
    """What has come since the last news."""

    picture: Picture | None
    """the newest, stretched to square pixels"""
    status: StatusText | None
    notes: tuple[str, ...] = ()


class Inbox:
    """What has come, read by a thread of its own so that the sender never waits for the desktop."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._news = WindowNews(None, None)
        self._lock = threading.Lock()
        self.ended = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def take(self) -> WindowNews:
        """What has come since it was asked last."""
        with self._lock:  # or what comes in between is lost
            news, self._news = self._news, WindowNews(None, None)
        return news

    def _read(self) -> None:
        while len(head := self._stream.read(HEAD.size)) == HEAD.size:
            kind, *numbers = HEAD.unpack(head)
            size = 3 * numbers[0] * numbers[1] if kind == PICTURE else numbers[0]
            data = self._stream.read(size)
            if len(data) < size:
                break
            if kind == PICTURE:
                self._add(picture=_picture(data, *numbers))
            elif kind == STATUS:
                self._add(status=StatusText.decoded(data))
            elif kind == NOTE:
                self._add(note=data.decode(errors="replace"))
        self.ended.set()
        threading.Event().wait(GRACE_S)
        os._exit(1)  # the desktop does not answer, and whoever sent the pictures is gone

    def _add(
        self, *, picture: Picture | None = None, status: StatusText | None = None, note: str | None = None
    ) -> None:
        with self._lock:
            before = self._news
            self._news = WindowNews(
                before.picture if picture is None else picture,
                before.status if status is None else status,
                before.notes if note is None else (*before.notes, note),
            )


def _picture(data: bytes, height: int, width: int, shown_width: int) -> Picture:
    picture = cv2.cvtColor(np.frombuffer(data, np.uint8).reshape(height, width, 3), cv2.COLOR_RGB2BGR)
    if shown_width != width:
        picture = cv2.resize(picture, (shown_width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(picture, np.uint8)


def show(title: str, inbox: Inbox, replies: int) -> None:
    """Show what comes until the input ends or the user closes the window or presses one of the keys that end it."""
    user = User(lambda line: _tell(replies, line))
    picture = None
    while picture is None and not inbox.ended.wait(TURN_MS / 1000):
        picture = _take(inbox, user)
    cv2.namedWindow(title, cv2.WINDOW_AUTOSIZE | cv2.WINDOW_GUI_NORMAL)  # no toolbar, whose keys are not ours
    cv2.setMouseCallback(title, user.point)
    _tell(replies, OPEN)
    room, seen, newest = screen_size(), False, picture
    for turn in itertools.count():
        changed = user.changed
        if newest is not None and (picture is not None or changed):
            cv2.imshow(title, user.compose(_fitted(newest, room)))
        pressed = cv2.waitKey(TURN_MS) & 0xFF
        visible = _is_visible(title)
        if seen and not visible:  # some desktops never say that a window is visible
            _tell(replies, STOP)
            break
        if (pressed != NO_KEY and user.press(pressed)) or inbox.ended.is_set():
            break
        if turn in EXPOSING_TURNS:
            expose(title)
        seen = seen or visible
        picture = _take(inbox, user)
        newest = newest if picture is None else picture
    cv2.destroyAllWindows()


def _take(inbox: Inbox, user: User) -> Picture | None:
    """Hand the user what has come; returns the picture."""
    news = inbox.take()
    if news.status is not None:
        user.see(news.status)
    for note in news.notes:
        user.note(note)
    return news.picture


def _fitted(picture: Picture, room: tuple[int, int]) -> Picture:
    """The picture, made smaller where the screen is too small for it and its strip."""
    height, width = picture.shape[:2]
    share = min(1.0, room[0] / width, max(1, room[1] - AROUND_PX) / height)
    if share == 1:
        return picture
    size = (max(1, round(width * share)), max(1, round(height * share)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _is_visible(title: str) -> bool:
    try:
        return cv2.getWindowProperty(title, cv2.WND_PROP_VISIBLE) >= 1
    except cv2.error:  # OpenCV 5 does not know a closed window any more, OpenCV 4 says 0
        return False


def _tell(replies: int, words: str) -> None:
    os.write(replies, f"{words}\n".encode())


def main() -> None:
    """Show standard input under the title given as the last argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run hears Ctrl+C, finishes its files and ends the input
    replies = os.dup(1)
    os.dup2(2, 1)  # what libraries print must not be read as a reply
    try:
        show(sys.argv[1], Inbox(sys.stdin.buffer), replies)
    except cv2.error as error:
        _tell(replies, f"{FAILED} {' '.join(str(error).split())}")
