"""The shown picture as JPEG: made once for all viewers, and only if somebody looks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import cv2
import numpy as np

from tracker.types import Image

QUALITY = 80
"""of the JPEG, in percent: outlines of one pixel stay clean"""
MOST_WIDTH = 1920
"""pixels: what is wider is made smaller, it costs every viewer"""


@dataclass(frozen=True)
class EncodedPicture:
    """One encoded picture."""

    number: int
    """counts from 1"""
    jpeg: bytes
    arrived_s: float | None
    """by time.monotonic, when the frame came from its source"""


class Screen:
    """Takes pictures from the run, encodes the newest in a thread of its own, and tells when one is ready.

    tell  called in that thread after each
    """

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell
        self._waiting: tuple[Image, float, float | None] | None = None
        self._changed = threading.Condition()
        self._viewers, self._closing = 0, False
        self.shot: EncodedPicture | None = None
        self._thread = threading.Thread(target=self._encode, name="page jpeg", daemon=True)
        self._thread.start()

    @property
    def viewers(self) -> int:
        """How many look."""
        return self._viewers

    def add_viewers(self, change: int) -> None:
        """Somebody has come (1) or gone (-1)."""
        with self._changed:
            self._viewers += change
            self._changed.notify()

    def put(self, image: Image, *, pixel_aspect: float = 1.0, arrived_s: float | None = None) -> None:
        """Show this next; one that still waits is dropped. Nobody writes into an image that was handed over."""
        with self._changed:
            self._waiting = (image, pixel_aspect, arrived_s)
            self._changed.notify()

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _encode(self) -> None:
        while True:
            with self._changed:
                while not self._closing and (self._waiting is None or self._viewers == 0):
                    self._changed.wait()
                if self._closing or self._waiting is None:
                    return
                (image, pixel_aspect, arrived_s), self._waiting = self._waiting, None
            with suppress(cv2.error, MemoryError):  # short of memory: the next picture may fit
                number = 1 if self.shot is None else self.shot.number + 1
                self.shot = EncodedPicture(number, jpeg_of(image, pixel_aspect), arrived_s)
                self._tell()


def jpeg_of(image: Image, pixel_aspect: float = 1.0) -> bytes:
    """The picture with square pixels, at most MOST_WIDTH wide, as JPEG."""
    height, width = image.shape[:2]
    shown = min(MOST_WIDTH, max(1, round(width * pixel_aspect)))
    size = (shown, max(1, round(height * shown / (width * pixel_aspect))))
    if size != (width, height):
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return data.tobytes()


def age_ms(shot: EncodedPicture) -> float:
    """Milliseconds since the frame came from its source; 0 if that is not known."""
    return 0.0 if shot.arrived_s is None else 1000 * (time.monotonic() - shot.arrived_s)
