"""Known answers: who was where in which frame, read from a MOTChallenge table or a folder of identity masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.errors import ShapeError, SourceError
from tracker.types import Box, Mask

Identified = tuple[int, Box]
"""An identity and its box, in pixels of the frame."""


@dataclass(frozen=True)
class Truth:
    """The right answer for one clip."""

    boxes: Mapping[int, tuple[Identified, ...]]
    """by frame, counted from 0; a frame without objects may be missing"""
    mask_files: Mapping[int, Path] = field(default_factory=dict)
    """by frame, counted from 0: PNG whose pixel value is the identity, 0 background"""

    @property
    def frames(self) -> tuple[int, int]:
        """(first, last) frame that says anything, both included; (0, -1) if none does."""
        said = [*self.boxes, *self.mask_files]
        return (min(said), max(said)) if said else (0, -1)

    def identities(self, frame: int) -> NDArray[np.uint16] | None:
        """(H, W) uint16, the identity of every pixel, 0 background; None if there is no mask of that frame."""
        path = self.mask_files.get(frame)
        return None if path is None else _read_mask(path)

    def foreground(self, frame: int) -> Mask | None:
        """(H, W) bool: pixels of any object; None if there is no mask of that frame."""
        identities = self.identities(frame)
        return None if identities is None else identities > 0


def read_truth(path: Path) -> Truth:
    """Read a MOT table `gt.txt`, or a folder with `gt.txt`, `masks/000001.png`, or both.

    With both, the boxes are the table's (it may know what is hidden); with masks alone, each identity's box is the one
    round its visible pixels. Raises SourceError if there is neither, or a line or picture cannot be read.
    """
    path = Path(path)
    if path.is_file():
        return Truth(_read_table(path))
    if not path.is_dir():
        raise SourceError(f"{path}: no such truth; give a MOT table or a folder with gt.txt or masks/")
    # the stem is a MOT frame number, from 1
    masks = {int(p.stem) - 1: p for p in sorted((path / "masks").glob("*.png")) if p.stem.isdecimal()}
    if (path / "gt.txt").is_file():
        return Truth(_read_table(path / "gt.txt"), masks)
    if not masks:
        raise SourceError(f"{path}: neither gt.txt nor masks/000001.png in it; check the truth folder")
    return Truth({frame: _boxes_round(_read_mask(mask)) for frame, mask in masks.items()}, masks)


def _read_table(path: Path) -> dict[int, tuple[Identified, ...]]:
    """`frame,id,left,top,width,height,confidence,...`: frames count from 1, confidence 0 means not to be scored."""
    boxes: dict[int, list[Identified]] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: not a readable MOT table; check the file") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            frame, identity, x, y, width, height, *rest = (float(cell) for cell in line.split(",")[:7])
        except ValueError as error:
            raise SourceError(
                f"{path}, line {number}: wanted frame,id,left,top,width,height as numbers; check the file"
            ) from error
        if not rest or rest[0] != 0:
            boxes.setdefault(int(frame) - 1, []).append((int(identity), Box(x, y, x + width, y + height)))
    return {frame: tuple(found) for frame, found in boxes.items()}


def _read_mask(path: Path) -> NDArray[np.uint16]:
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise SourceError(f"{path}: not a readable picture; check the file")
    if picture.ndim != 2:
        raise ShapeError(f"{path}: mask is {picture.shape}, wanted one channel whose value is the identity")
    return picture.astype(np.uint16)


def _boxes_round(identities: NDArray[np.uint16]) -> tuple[Identified, ...]:
    found = []
    for identity in np.unique(identities[identities > 0]).tolist():
        ys, xs = np.nonzero(identities == identity)
        box = Box(float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1))
        found.append((identity, box))
    return tuple(found)
