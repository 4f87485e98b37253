"""A camera of this machine, through OpenCV."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import cv2

from tracker.errors import SizeChangedError, SourceError
from tracker.picture import Picture
from tracker.sources.camera_probe import MOST_CAMERA_FPS
from tracker.sources.span import Span
from tracker.types import Frame, Image, SourceInfo, Working

RETRY_S = 0.01
"""A camera without a picture is asked again after this long."""


class Camera:
    """A live Source. Times are those at which the pictures arrived.

    open_capture    what opens a camera, `cv2.VideoCapture` but for tests
    clock, sleep    likewise

    Raises SourceError if the camera cannot be opened, or has given no picture for `timeout_s`.
    """

    problem: str | None = None

    def __init__(
        self,
        number: int,
        *,
        span: Span,
        timeout_s: float,
        open_capture: Callable[[int], Any] = cv2.VideoCapture,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._name = f"camera {number}"
        self._span = span
        self._timeout_s = timeout_s
        self._clock = clock
        self._sleep = sleep
        silence_opencv()
        self._capture = open_capture(number)
        if not self._capture.isOpened():
            self._capture.release()
            raise SourceError(f"{self._name}: cannot be opened; check its number and that nothing else uses it")
        try:
            self._first = self._read()
        except SourceError:
            self.close()
            raise
        height, width = self._first[0].shape[:2]
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        fps = rate if 0 < rate < MOST_CAMERA_FPS else None
        self.info = SourceInfo(self._name, (width, height), fps, span.count(frames=None, fps=fps), live=True)

    def _read(self) -> tuple[Image, float]:
        """The next picture, waiting for it, and when it came."""
        began = self._clock()
        while True:
            try:
                ok, picture = self._capture.read()
            except cv2.error as error:
                raise SourceError(f"{self._name}: cannot be read ({error.err})") from None
            if ok:
                arrived = self._clock()
                image: Image = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
                image.flags.writeable = False
                return image, arrived
            if self._clock() - began >= self._timeout_s:
                raise SourceError(f"{self._name}: no picture for {self._timeout_s:g} s; check the camera")
            self._sleep(RETRY_S)

    def _pictures(self) -> Iterator[tuple[float, tuple[Image, float]]]:
        began = self._first[1]
        yield 0.0, self._first
        while True:
            image, arrived = self._read()
            if (image.shape[1], image.shape[0]) != self.info.size:
                size = "{1}x{0}".format(*image.shape)
                raise SizeChangedError(f"{self._name}: changed its size to {size}; start again")
            yield arrived - began, (image, arrived)

    def __iter__(self) -> Iterator[Frame]:
        for index, (time_s, (image, arrived)) in enumerate(self._span.cut(self._pictures())):
            yield Frame(index, time_s, Picture.of(image), arrived_s=arrived)

    def sample(self, count: int, *, whole: bool = True, width: Working = "full") -> list[Image]:
        """Nothing: what a camera will show is not known."""
        return []

    def close(self) -> None:
        """Give the camera back."""
        self._capture.release()

    def __enter__(self) -> Camera:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def silence_opencv() -> None:
    """OpenCV prints its own warnings beside our one line. The switch moved between OpenCV 4 and 5."""
    logging: Any = getattr(cv2.utils, "logging", None)
    set_level = logging.setLogLevel if logging else cv2.setLogLevel  # type: ignore[attr-defined]
    set_level(0)
