"""Who owned which pixel, for later use: black and white pictures, or COCO run lengths."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.errors import LostError
from tracker.sinks.ours import marked_png
from tracker.sinks.outputs import GONE, Output, PartText, write_inside, writing
from tracker.types import Labels, Moment, Outcome


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
        labels = view.segmentation.full_labels
        runs = _Runs.of(labels)
        self._text.write("")
        for track in view.tracks:
            if track.label == 0:
                continue
            counts = runs.counts(track.label)
            if len(counts) == 1:
                continue
            rle = coco.frPyObjects({"size": list(labels.shape), "counts": counts}, *labels.shape)
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


class _Runs(NamedTuple):
    """Pixels of one label in a row, down the columns as COCO's run lengths go; all labels of a frame at once."""

    labels: Labels
    """(R,)"""
    starts: NDArray[np.intp]
    """(R,) the first pixel, and (R,) the pixel behind the last one"""
    ends: NDArray[np.intp]

    @classmethod
    def of(cls, labels: Labels) -> _Runs:
        """Of labels (H, W)."""
        flat = labels.T.ravel()
        starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
        return cls(flat[starts], starts, np.append(starts[1:], flat.size))

    def counts(self, label: int) -> list[int]:
        """Pixels of others, of the label, of others and so on; one number where the label has none."""
        mine = self.labels == label
        edges = np.stack([self.starts[mine], self.ends[mine]], 1).ravel()
        lengths = np.diff(edges, prepend=0, append=self.ends[-1])
        return (lengths if lengths[-1] else lengths[:-1]).tolist()
