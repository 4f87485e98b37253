"""Tracks as annotations: COCO's JSON with `track_id`, and MOTS text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tracker.errors import SourceError
from tracker.exports.table import Table

KIND = 1
"""the only category: kinds are not known"""
MOTS_CLASS = 2
"""MOTS has no objects without a class; this is its pedestrian, the only one that MOTSChallenge scores"""
MOTS_IDS = 1000
"""identities of a class, in MOTS: class * 1000 + number"""


class FrameMask(NamedTuple):
    """Who owned which pixels in one frame."""

    frame: int
    id: int
    size: tuple[int, int]
    """(height, width)"""
    counts: str
    """COCO's compressed run lengths"""


def read_masks(path: Path) -> Iterator[FrameMask]:
    """The masks of NAME.LANE.masks.json in its order, without holding the whole file. Raises SourceError by the line."""
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                text = line.strip().rstrip(",")
                if text in ("", "[", "]", "[]"):
                    continue
                try:
                    value = json.loads(text.removeprefix("["))
                    height, width = map(int, value["rle"]["size"])
                    mask = FrameMask(
                        int(value["frame"]), int(value["id"]), (height, width), str(value["rle"]["counts"])
                    )
                except (ValueError, KeyError, TypeError, RecursionError):
                    raise SourceError(f"{path}, line {number}: wanted one mask a line, as --masks rle writes") from None
                yield mask
    except (OSError, UnicodeDecodeError):
        raise SourceError(f"{path}: not readable masks; wanted NAME.LANE.masks.json") from None


def coco_document(
    table: Table, *, size: tuple[int, int], masks: Mapping[tuple[int, int], FrameMask] | None = None
) -> dict[str, Any]:
    """COCO's object annotations of what was seen, with `track_id` and `score`; hidden objects are left out.

    size   (width, height) of the frames
    masks  by (frame, id); without one an annotation has its box only

    `images` are the frames with a row, by their numbers: nothing else is known of the others. `file_name` is the frame's number.
    """
    seen = table.seen
    frames, at = np.unique(seen.frame, return_index=True)
    times = seen.time_s[at]
    images = [
        {"id": frame, "file_name": f"{frame:06d}.png", "width": size[0], "height": size[1], "time_s": _known(time_s)}
        for frame, time_s in zip(frames.tolist(), times.tolist(), strict=True)
    ]
    annotations = [
        _annotation(seen, n, None if masks is None else masks.get((int(seen.frame[n]), int(seen.id[n]))))
        for n in range(len(seen))
    ]
    return {
        "tracker_export": {"format": "coco", "boxes": "x, y, width, height in pixels"},
        "info": {"description": "tracks without labels; kinds are not known"},
        "images": images,
        "annotations": annotations,
        "categories": [{"id": KIND, "name": "object"}],
    }


def _known(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 6)


def _annotation(table: Table, n: int, mask: FrameMask | None) -> dict[str, Any]:
    x0, y0, x1, y1 = table.box[n].tolist()
    area = (x1 - x0) * (y1 - y0)
    segmentation: Any = []
    if mask is not None:
        from pycocotools import mask as coco

        segmentation = {"size": list(mask.size), "counts": mask.counts}
        area = float(coco.area({"size": list(mask.size), "counts": mask.counts.encode()}))
    return {
        "id": n + 1,
        "image_id": int(table.frame[n]),
        "category_id": KIND,
        "bbox": [round(x0, 2), round(y0, 2), round(x1 - x0, 2), round(y1 - y0, 2)],
        "area": round(area, 2),
        "iscrowd": 0,
        "segmentation": segmentation,
        "track_id": int(table.id[n]),
        "score": round(float(table.confidence[n]), 4),
    }


def mots_lines(masks: Iterator[FrameMask]) -> Iterator[str]:
    """`frame id class height width rle`, a line a mask (Voigtlaender et al. 2019, MOTS: Multi-Object Tracking and Segmentation).

    Frames have six digits at least, by which this program knows its own files; readers take them for the same numbers.
    """
    for frame, identity, (height, width), counts in masks:
        yield f"{frame:06d} {MOTS_CLASS * MOTS_IDS + identity} {MOTS_CLASS} {height} {width} {counts}\n"
