"""Who owned which pixel, for later use: black and white pictures, or COCO run lengths."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tracker.errors import LostError
from tracker.sinks.ours import marked_png
from tracker.sinks.outputs import GONE, Output, PartText, write_inside, writing
from tracker.types import Moment, Outcome


class MaskFolder:
    """One PNG a frame, `000001.png` and on, by the frame's number: 255 where the lane holds a pixel to be object, else 0.

    That is its foreground, as it is scored; some of it may be nobody's yet.
    """

    def __init__(self, output: Output, lane: str) -> None:
        self._output = output
        self._lane = lane
        self._begun = False
        self._last, self._count = 0, 0
        """number of the latest picture, and how many there are"""

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Go on with the folder as it was then. Raises LostError if a picture of it is not there, or empty."""
        vars(self).update(state)
        with writing(self._output.path):
            if sum(path.stat().st_size > 0 for path in self._pictures()) != self._count:
                raise LostError(self._output.part, GONE)

    def _pictures(self) -> list[Path]:
        """Those up to the latest; behind it are some that a killed run has written since it was saved."""
        return [
            path for path in self._output.part.glob("*.png") if path.stem.isdecimal() and int(path.stem) <= self._last
        ]

    def write(self, moment: Moment) -> None:
        """Add one picture. SinkError if it cannot be written."""
        foreground = moment.view(self._lane).segmentation.full_foreground
        # Encoded in memory: cv2.imwrite says neither why it failed nor, on some systems, takes every file name.
        _, data = cv2.imencode(".png", foreground.view(np.uint8) * np.uint8(255), [cv2.IMWRITE_PNG_COMPRESSION, 3])
        if not self._begun:
            with writing(self._output.path):
                self._output.part.mkdir(exist_ok=True)  # a run that goes on may have begun it
            self._begun = True
        write_inside(self._output, f"{moment.frame.written:06d}.png", marked_png(data.tobytes()))
        self._last, self._count = moment.frame.written, self._count + 1

    def close(self, outcome: Outcome) -> None:
        """Say that the folder is whole."""
        if self._begun:
            self._output.finish()


class RleMasks:
    """The visible pixels of every track as COCO run lengths.

    A JSON list of `{"frame", "id", "rle": {"size", "counts"}}`; `frame` is the clip's number of it, and `rle` is what
    `pycocotools.mask.decode` takes. Written frame by frame: nothing is kept in memory.
    """

    def __init__(self, output: Output, lane: str) -> None:
        self._lane = lane
        self._text = PartText(output, head="[", tail="\n]\n")
        self._separator = "\n"

    def write(self, moment: Moment) -> None:
        """Add one frame's masks. SinkError if they cannot be written."""
        from pycocotools import mask as coco

        view = moment.view(self._lane)
        labels = np.asfortranarray(view.segmentation.full_labels)  # run lengths go down the columns
        self._text.write("")
        for track in view.tracks:
            owned = labels == track.label
            if track.label == 0 or not owned.any():
                continue
            rle = coco.encode(owned.view(np.uint8))
            value = {
                "frame": moment.frame.written,
                "id": track.id,
                "rle": {"size": list(rle["size"]), "counts": rle["counts"].decode("ascii")},
            }
            self._text.write(self._separator + json.dumps(value))
            self._separator = ",\n"

    def close(self, outcome: Outcome) -> None:
        """Finish the list."""
        self._text.close()
