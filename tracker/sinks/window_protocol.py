"""What a run and the process of its window say to each other. Both import this; it imports the standard library alone.

To the window, on its standard input: messages, each a HEAD and what the head announces; the end of the input is the end of
the window. From the window, on its standard output: one request a line.

    open                  the window stands
    failed WORDS          it does not, and what OpenCV said
    stop                  the user ends the run
    ask NAME              a key of KEYS was pressed
    zone X,Y X,Y X,Y ...  a polygon was drawn, in shares of the picture
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass
from typing import NamedTuple

HEAD = struct.Struct("<4I")
"""the kind of a message and three numbers

PICTURE  height, width, and the width at which it is shown, pixels; height x width x 3 bytes of RGB follow
STATUS   length, 0, 0; so many bytes of JSON follow, the fields of `StatusText`
NOTE     length, 0, 0; so many bytes of UTF-8 follow, a text that is shown for some seconds
"""
PICTURE, STATUS, NOTE = 1, 2, 3
OPEN, FAILED, STOP, ASK, ZONE = "open", "failed", "stop", "ask", "zone"

Points = tuple[tuple[float, float], ...]


class KeyBinding(NamedTuple):
    """What a key is for."""

    code: int
    """as OpenCV gives it, of the small letter"""
    shown: str
    does: str
    asks: str = ""
    """the name after ASK; empty: the window's process does it"""


ESCAPE = 27
KEYS = (
    KeyBinding(ord("q"), "q, Esc", "quit"),
    KeyBinding(ord(" "), "space", "pause, go on", "pause"),
    KeyBinding(ord("s"), "s", "keep a snapshot", "snapshot"),
    KeyBinding(ord("g"), "g", "show lane gmm", "gmm"),
    KeyBinding(ord("n"), "n", "show lane slots", "slots"),
    KeyBinding(ord("b"), "b", "show both lanes", "both"),
    KeyBinding(ord("r"), "r", "reset background", "reset"),
    KeyBinding(ord("f"), "f", "freeze background", "freeze"),
    KeyBinding(ord("v"), "v", "record, or stop it", "record"),
    KeyBinding(ord("z"), "z", "draw a zone"),
    KeyBinding(ord("h"), "h", "this help"),
)


@dataclass(frozen=True)
class StatusText:
    """What is told of the run beside the picture.

    numbers  such as "25.0 fps"
    flags    what is not as usual, such as "paused"
    banner   why there is no picture; empty: there is one
    """

    numbers: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    banner: str = ""

    def encoded(self) -> bytes:
        """As JSON."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def decoded(cls, data: bytes) -> StatusText:
        """From what `encoded` gives."""
        plain = json.loads(data)
        return cls(tuple(plain["numbers"]), tuple(plain["flags"]), plain["banner"])


def zone_line(corners: Points) -> str:
    """A polygon as a request."""
    return " ".join([ZONE, *(f"{x:.4f},{y:.4f}" for x, y in corners)])


def read_corners(text: str) -> Points:
    """The corners of a request ZONE. Raises ValueError for anything else."""
    corners = []
    for word in text.split():
        x, y = map(float, word.split(","))
        corners.append((x, y))
    return tuple(corners)
