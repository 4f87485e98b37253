"""Known answers for one clip: who was where in which frame, and which pixels were object."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from tracker.errors import OptionError, ShapeError, SourceError
from tracker.scores.numbering import RowsCount, rows_count
from tracker.scores.pictures import (
    Asked,
    MaskKind,
    boxes_round,
    mask_kind,
    numbered,
    read_labels,
    read_values,
)
from tracker.scores.tables import Identified, asked, read_info, read_rows
from tracker.types import Box, Labels, Mask

__all__ = ["Choice", "Identified", "Layout", "Truth", "read_truth"]

Layout = Literal["auto", "cdnet", "masks", "mot", "identities"]
"""How a data set lies on disk: CDnet's labels, foreground masks, a MOTChallenge table, masks of identities."""

MASK_FOLDERS = ("groundtruth", "gt", "masks", "instances", "labels")
REGIONS = ("ROI.bmp", "ROI.png", "ROI.jpg")
"""CDnet has the first and the last of each; the last has noise."""


@dataclass(frozen=True)
class Choice:
    """What of a truth is wanted."""

    layout: Layout = "auto"
    classes: tuple[int, ...] = ()
    """rows of a table that are scored, by column 8; none: all whose column 7 is not 0"""
    ignore_classes: tuple[int, ...] = ()
    """what is found on objects of these is neither right nor wrong"""
    frames: tuple[int, int] | None = None
    """first and last number, as in the data set's own files; None: all that the truth speaks of"""
    rows: RowsCount | None = None
    """what a table's rows count, where pictures are not numbered from 1; None: their numbers, or an error if in doubt"""

    def __post_init__(self) -> None:
        both = sorted({*self.classes} & {*self.ignore_classes})
        if both:
            raise OptionError(
                f"class {both[0]} is to be scored and to be ignored: name it in --classes or in --ignore-classes"
            )


@dataclass(frozen=True)
class Truth:
    """The right answer for one clip. Frames are positions in the clip, from 0."""

    boxes: Mapping[int, tuple[Identified, ...]] | None = None
    """by frame, from a table; a frame without objects may be missing; None: there is no table"""
    mask_files: Mapping[int, Path] = field(default_factory=dict)
    """by frame"""
    mask_kind: MaskKind = "identities"
    roi: Mask | None = None
    """(H, W) bool: where labels are scored; None: everywhere"""
    span: tuple[int, int] = (0, -1)
    """(first, last) frame to score, both included"""
    claims: Mapping[int, tuple[tuple[Box, bool], ...]] = field(default_factory=dict)
    """by frame, every box of the table in its order, and whether what is found on it is to be dropped"""
    rows_count: RowsCount = "numbers"
    """what the first column of the table is"""

    @property
    def has_identities(self) -> bool:
        """Whether masks say who owns a pixel."""
        return bool(self.mask_files) and self.mask_kind == "identities"

    def identities(self, frame: int) -> Labels | None:
        """(H, W) int32, who owns every pixel, 0 nobody; None if no mask of that frame says so."""
        if not self.has_identities or frame not in self.mask_files:
            return None
        return read_values(self.mask_files[frame]).values

    def asked(self, frame: int, identities: Labels | None) -> Asked | None:
        """Foreground, pixels that are not scored, and shadow; None if there is no mask of that frame.

        identities  what `identities` says of it

        Raises SourceError for a value that is no label, ShapeError if the region of interest has another size.
        """
        if identities is not None:
            none = np.zeros(identities.shape, bool)
            return Asked(identities > 0, none, none)
        path = self.mask_files.get(frame)
        if path is None:
            return None
        labels = read_labels(path)
        if self.roi is None:
            return labels
        if self.roi.shape != labels.foreground.shape:
            raise ShapeError(
                f"{path}: mask is {labels.foreground.shape}, the ROI {self.roi.shape}; they need to be of one size"
            )
        return labels._replace(ignore=labels.ignore | ~self.roi)


def read_truth(path: Path, *, numbers: Sequence[int] | None = None, choice: Choice | None = None) -> Truth:
    """Read a MOT table, a folder of masks, or a folder that holds either or both.

        gt.txt                                              frame,id,left,top,width,height,flag,class
        FOLDER/gt/gt.txt  FOLDER/gt.txt                     the same; seqinfo.ini beside tells the length
        FOLDER/masks/000001.png                             masks of identities, or of 0 and 255
        FOLDER/groundtruth/gt000001.png                     CDnet's labels, with ROI.bmp and temporalROI.txt
        FOLDER/000001.png                                   masks without more ado

    With table and masks of identities, boxes are the table's: it may know what is hidden.

    numbers  the number of every frame of the clip, in its order, by which masks and rows find their frame; None: 1, 2,
             ... as in a video. Rows may count places from 1 instead: see `numbering`

    Raises SourceError if there is neither, if something cannot be read, or if the numbers do not meet.
    """
    choice = choice or Choice()
    path = Path(path)
    if not path.exists():
        raise SourceError(f"{path}: no such truth; give a MOT table or a folder with gt.txt or masks/")
    table = path if path.is_file() else find_table(path)
    folder = None if path.is_file() else find_masks(path) or (path if numbered(path) else None)
    if choice.layout == "mot":
        folder = None
    elif choice.layout in ("cdnet", "masks"):
        table = None
    if table is None and folder is None:
        raise SourceError(f"{path}: {_wanted(choice.layout)} in it; check the truth folder, or --layout")
    if table is None and (choice.classes or choice.ignore_classes):
        raise SourceError(f"{folder}: masks know no classes; leave out --classes and --ignore-classes")
    truth = _with_masks(Truth(), folder, numbers, choice) if folder is not None else Truth()
    return truth if table is None else _with_table(truth, table, numbers, choice)


def find_table(folder: Path) -> Path | None:
    """gt/gt.txt, gt.txt, or the one gt*.txt. Raises SourceError if there are several."""
    for path in (folder / "gt" / "gt.txt", folder / "gt.txt"):
        if path.is_file():
            return path
    tables = sorted(path for path in folder.glob("gt*.txt") if path.is_file())
    if len(tables) > 1:
        raise SourceError(
            f"{folder}: {', '.join(path.name for path in tables)}: which is the truth? name it by --truth"
        )
    return tables[0] if tables else None


def find_masks(folder: Path) -> Path | None:
    """The folder of masks below this one, by a usual name; None if there is none."""
    return next((f for f in (folder / name for name in MASK_FOLDERS) if f.is_dir() and numbered(f)), None)


def _wanted(layout: Layout) -> str:
    tables, masks = "no gt.txt", f"no masks ({', '.join(f'{name}/' for name in MASK_FOLDERS)} with 000001.png)"
    return tables if layout == "mot" else masks if layout in ("cdnet", "masks") else f"neither gt.txt nor {masks[3:]}"


def _with_masks(truth: Truth, folder: Path, numbers: Sequence[int] | None, choice: Choice) -> Truth:
    files = numbered(folder)
    kind = _kind(folder, files, choice.layout)
    first, last = choice.frames or (min(files), max(files))
    around = next((f for f in (folder, folder.parent) if (f / "temporalROI.txt").is_file()), None)
    if kind == "labels" and around is not None:
        begin, end = _temporal_roi(around / "temporalROI.txt")
        first, last = max(first, begin), min(last, end)
    files = {number: path for number, path in files.items() if first <= number <= last}
    if not files:
        raise SourceError(f"{folder}: no mask among frames {first} to {last}; check temporalROI.txt or --frames")
    at = _positions(files, numbers, f"{folder}: masks")
    region = next((f for f in (p / name for p in (folder, folder.parent) for name in REGIONS) if f.is_file()), None)
    roi = None
    if kind == "labels" and region is not None:
        roi = read_values(region).values >= (128 if region.suffix == ".jpg" else 1)
    masks = {at[number]: path for number, path in files.items()}
    return Truth(None, masks, kind, roi, (min(masks), max(masks)))


def _kind(folder: Path, files: Mapping[int, Path], layout: Layout) -> MaskKind:
    if layout != "auto":
        return "identities" if layout == "identities" else "labels"
    if folder.name in ("groundtruth", "instances"):
        return "labels" if folder.name == "groundtruth" else "identities"
    beside = any((place / "gt.txt").is_file() for place in (folder, folder.parent))
    return mask_kind((files[number] for number in sorted(files)), of_one="identities" if beside else "labels")


def _with_table(truth: Truth, table: Path, numbers: Sequence[int] | None, choice: Choice) -> Truth:
    rows = read_rows(table)
    scored = asked(rows, classes=choice.classes, origin=table)
    length = next((n for n in (read_info(f / "seqinfo.ini").frames for f in table.parents[:2]) if n), None)
    count: RowsCount = "numbers"
    if numbers is not None:
        first, last = choice.frames or (min(rows, default=0), max(rows, default=0))
        count = rows_count([n for n in rows if first <= n <= last], numbers, asked=choice.rows, origin=table)
        numbers = numbers if count == "numbers" else range(1, len(numbers) + 1)
    elif choice.rows is not None:
        raise SourceError(f"{table}: of a video, whose frames count from 1; --rows is for pictures, leave it out")
    if choice.frames is not None:
        first, last = choice.frames
        if numbers is None and first < 1:
            raise SourceError(f"{table}: of a video, whose frames count from 1; --frames {first}-{last} begins before")
        if numbers is not None:  # as with masks: what the clip has of them
            first, last = max(first, min(numbers)), min(last, max(numbers))
        if first > last:
            raise SourceError(f"{table}: no frame among {choice.frames[0]} to {choice.frames[1]}; check --frames")
    elif length is not None:
        first = 0 if numbers is not None and 0 in rows else 1
        last = first + length - 1
    elif scored:
        first, last = min(scored), max(scored)
    else:
        raise SourceError(f"{table}: no box to score in it; check the file, or --classes")
    rows = {number: found for number, found in rows.items() if first <= number <= last}
    at = _positions({*rows, first, last}, numbers, f"{table}: rows")
    boxes = {at[number]: found for number, found in scored.items() if number in rows}
    dropped = set(choice.ignore_classes)
    claims = {at[n]: tuple((row.box, row.kind in dropped) for row in found) for n, found in rows.items()}
    begin, end = at[first], at[last]
    if truth.mask_files:
        begin, end = min(begin, truth.span[0]), max(end, truth.span[1])
    return replace(truth, boxes=boxes, span=(begin, end), claims=claims if dropped else {}, rows_count=count)


def _positions(asked_for: Collection[int], numbers: Sequence[int] | None, what: str) -> Mapping[int, int]:
    """Number -> place in the clip, for every number asked for."""
    if numbers is None:
        if min(asked_for) < 1:
            raise SourceError(
                f"{what} begin with number {min(asked_for)}, but a video's frames count from 1; add 1 to every number"
            )
        return {number: number - 1 for number in asked_for}
    at = {number: position for position, number in enumerate(numbers)}
    missing = [number for number in sorted(asked_for) if number not in at]
    if missing:
        advice = "numbers need to meet, or use --frames"
        if missing[0] == 0:
            advice = f"if number 0 is the first picture, add {min(numbers)} to every number"
        raise SourceError(
            f"{what} speak of frame {missing[0]}{f' and {len(missing) - 1} more' if len(missing) > 1 else ''}, but frames "
            f"are {min(numbers)} to {max(numbers)} ({len(numbers)} pictures); {advice}"
        )
    return at


def _temporal_roi(path: Path) -> tuple[int, int]:
    try:
        first, last = (int(word) for word in path.read_text(encoding="utf-8-sig").split())
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: wanted two frame numbers, the first and last scored; check the file") from error
    return first, last


def boxes_in(truth: Truth, frame: int, identities: Labels | None) -> tuple[Identified, ...] | None:
    """The frame's boxes: the table's, else those round `identities`; None if nothing says who is where."""
    if truth.boxes is not None:
        return truth.boxes.get(frame, ())
    return None if identities is None else boxes_round(identities)
