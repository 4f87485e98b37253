"""What the user of a window does, and what is shown because of it. For the window's process."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

import cv2

from tracker.sinks.window_protocol import ASK, ESCAPE, KEYS, STOP, Points, StatusText, zone_line
from tracker.sinks.window_text import (
    AMBER,
    LIGHT,
    Picture,
    TextPiece,
    draw_banner,
    draw_help,
    draw_sketch,
    sentence,
    with_strip,
)

NO_KEY = 255
ENTER, BACKSPACE = (10, 13), (8, 127)
NOTE_S = 5.0
HINT_S = 10.0
"""how long the strip says at first that there is a help"""
LEAST_CORNERS = 3
MOST_CORNERS = 100
"""as settings take them"""
HINT = "h: help"
DRAWING = "zone: click its corners; Enter ends, Backspace takes one back, Esc cancels"


class User:
    """Keys and mouse in; requests, and a picture with text, out.

    tell  given each request, a line of the protocol
    """

    def __init__(self, tell: Callable[[str], None], *, clock: Callable[[], float] = monotonic) -> None:
        self._tell, self._clock = tell, clock
        self._began_s = clock()
        self._status: StatusText | None = None
        self._note, self._noted_s = "", 0.0
        self._help = False
        self._corners: Points | None = None
        """of the zone that is being drawn"""
        self._mouse: tuple[float, float] | None = None
        self._size = (1, 1)
        """(width, height) of the picture that is shown, without the strip"""
        self._seen: object = None
        """what `changed` has compared last"""

    def see(self, status: StatusText) -> None:
        """How the run goes now. A window that is never told has no strip, and no keys but those that end it."""
        self._status = status

    def note(self, text: str) -> None:
        """Show this for NOTE_S."""
        self._note, self._noted_s = text, self._clock()

    def press(self, code: int) -> bool:
        """A key; returns whether it ends the run, of which `tell` was told."""
        drawing = self._corners is not None
        if code == ESCAPE and drawing:
            self._corners = None
        elif code == ESCAPE or chr(code).lower() == "q":
            self._tell(STOP)
            return True
        elif code in ENTER and drawing:
            self._finish()
        elif code in BACKSPACE and self._corners:
            self._corners = self._corners[:-1]
        elif self._status is not None:
            self._press_named(code)
        return False

    def _press_named(self, code: int) -> None:
        key = next((key for key in KEYS if key.code == ord(chr(code).lower())), None)
        if key is None:
            return
        if key.asks:
            self._tell(f"{ASK} {key.asks}")
        elif key.shown == "h":
            self._help = not self._help
        else:
            self._corners, self._help = (), False  # begins anew if one was being drawn

    def point(self, event: int, x: int, y: int, flags: int = 0, data: Any = None) -> None:
        """The mouse, in pixels of what is shown; the form of it is OpenCV's."""
        width, height = self._size
        if self._corners is None:
            return
        at = (min(1.0, max(0.0, x / max(1, width - 1))), min(1.0, max(0.0, y / max(1, height - 1))))
        self._mouse = at
        if event == cv2.EVENT_LBUTTONDBLCLK:  # its first click has set a corner
            self._finish()
        elif event == cv2.EVENT_LBUTTONDOWN and x < width and y < height and at not in self._corners[-1:]:
            self._corners = (*self._corners, at)[:MOST_CORNERS]

    def _finish(self) -> None:
        corners = self._corners or ()
        if len(corners) < LEAST_CORNERS:
            self.note(f"a zone has {LEAST_CORNERS} corners at least, this one {len(corners)}")
            return
        self._corners = self._mouse = None
        self._tell(zone_line(corners))

    @property
    def changed(self) -> bool:
        """Whether another picture would be composed now than the last time this was asked."""
        now = (self._status, self._strip_text(), self._hinting, self._help, self._corners, self._mouse)
        before, self._seen = self._seen, now
        return before != now

    def compose(self, picture: Picture) -> Picture:
        """The picture with all that is shown beside and over it."""
        height, width = picture.shape[:2]
        self._size = (width, height)
        if self._status is None:
            return picture
        picture = picture.copy()  # the same one may be composed again
        if self._corners is not None:
            draw_sketch(picture, self._corners, self._mouse)
        if self._status.banner:
            draw_banner(picture, self._status.banner)
        if self._help:
            draw_help(picture)
        return with_strip(picture, self._pieces(self._status))

    def _pieces(self, status: StatusText) -> list[TextPiece]:
        """What stands in the strip: a sentence takes the place of the numbers."""
        flags = [TextPiece(text, AMBER) for text in status.flags]
        if text := self._strip_text():
            return [*flags, *sentence(text, AMBER if text == DRAWING else LIGHT)]
        hint = [TextPiece(HINT, AMBER)] if self._hinting else []
        return [*hint, *(TextPiece(text, LIGHT) for text in status.numbers), *flags]

    @property
    def _hinting(self) -> bool:
        return self._clock() - self._began_s < HINT_S

    def _strip_text(self) -> str:
        """A sentence that stands in the strip for now instead of the status."""
        if self._note and self._clock() - self._noted_s < NOTE_S:
            return self._note
        return "" if self._corners is None else DRAWING
