"""A run at one glance: pictures spread evenly over it, on one PNG."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from tracker.sinks.ours import marked_png
from tracker.sinks.outputs import Output, write_output
from tracker.types import Image, Moment, Outcome

TILE_WIDTH = 480


class ContactSheet:
    """About `count` pictures of the run, whose length nobody knows beforehand.

    Every 2^k-th picture is kept, small; when there are four times as many as wanted every other one goes and k grows.
    Memory and time per frame stay small however long the run is.

    render        the picture of a moment; called for the kept ones only
    pixel_aspect  width of a pixel over its height: the pictures are kept with square pixels
    arrange       pictures and their times in seconds to one picture, such as `tracker.draw.contact_sheet`
    """

    def __init__(
        self,
        output: Output,
        *,
        render: Callable[[Moment], Image],
        arrange: Callable[[Sequence[Image], Sequence[float]], Image],
        count: int = 12,
        pixel_aspect: float = 1.0,
    ) -> None:
        self._output = output
        self._render = render
        self._arrange = arrange
        self._count = count
        self._pixel_aspect = pixel_aspect
        self._kept: list[tuple[Image, float]] = []
        self._stride = 1
        self._seen = 0

    def write(self, moment: Moment) -> None:
        """Keep the moment's picture if it is its turn."""
        if self._seen % self._stride == 0:
            self._kept.append((_shrink(self._render(moment), self._pixel_aspect), moment.frame.time_s))
            if len(self._kept) == 4 * self._count:
                self._kept = self._kept[::2]
                self._stride *= 2
        self._seen += 1

    def close(self, outcome: Outcome) -> None:
        """Write the sheet. SinkError if it cannot be written."""
        if not self._kept:
            return
        chosen = np.linspace(0, len(self._kept) - 1, min(self._count, len(self._kept))).round().astype(int)
        images, times_s = zip(*(self._kept[index] for index in chosen), strict=True)
        self._kept = []
        sheet = self._arrange(images, times_s)
        _, data = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
        write_output(self._output, marked_png(data.tobytes()))


def _shrink(image: Image, pixel_aspect: float) -> Image:
    height, width = image.shape[:2]
    shown_width = width * pixel_aspect
    if pixel_aspect == 1 and width <= TILE_WIDTH:
        return image.copy()  # the render's own array may be a view of something larger
    scale = min(1, TILE_WIDTH / shown_width)
    size = (max(1, round(shown_width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
