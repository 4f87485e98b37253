"""MOTChallenge text: who was where, a row an object and frame."""

from __future__ import annotations

import configparser
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tracker.errors import SourceError
from tracker.timing import LEAST_FPS, MOST_FPS
from tracker.types import Box

Identified = tuple[int, Box]
"""An identity and its box, in pixels of the frame."""


@dataclass(frozen=True)
class TableRow:
    """One object in one frame of a table."""

    identity: int
    box: Box
    flag: float
    """column 7: in a truth 0 means not to be scored, in a result it is the confidence; 1 where it is missing"""
    kind: int
    """column 8: the object's class; -1 where it is missing"""

    @property
    def identified(self) -> Identified:
        """Who and where, without the rest."""
        return self.identity, self.box


Rows = Mapping[int, tuple[TableRow, ...]]
"""By frame number as in the file: from 1, or from 0 if its pictures count so."""

LARGEST = 1 << 53
"""of a number in a table, beyond which floating point does not tell whole numbers apart"""
LARGEST_WHOLE = (1 << 63) - 1
"""of a frame and an identity"""

MOST_FRAMES = 1_000_000_000


@dataclass(frozen=True)
class SequenceInfo:
    """What a MOTChallenge seqinfo.ini says; None where it does not."""

    fps: float | None = None
    frames: int | None = None
    folder: str | None = None
    """of the pictures"""


def read_rows(path: Path) -> Rows:
    """Read `frame,id,left,top,width,height[,flag[,class,...]]`, by commas or blanks; an empty file has no rows.

    Raises SourceError naming the file and line, also for a box without size and for boxes in shares of the picture.
    """
    rows: dict[int, list[TableRow]] = {}
    shares, first_share = True, None
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: not a readable MOT table; check the file") from error
    for number, line in enumerate(lines, 1):
        line = line.strip().rstrip(",")  # some programs end a row with one
        if not line:
            continue
        try:
            texts = (line.split(",") if "," in line else line.split())[:8]
            cells = [*map(_exactly, texts[:2]), *map(float, texts[2:])]
            frame, identity, x, y, width, height, *more = cells
            # nan is none of these either
            if not all(abs(cell) <= (LARGEST_WHOLE if isinstance(cell, int) else LARGEST) for cell in cells):
                raise ValueError
        except ValueError as error:
            raise SourceError(
                f"{path}, line {number}: wanted frame,id,left,top,width,height as numbers; check the file"
            ) from error
        if frame % 1 or identity % 1:
            raise SourceError(
                f"{path}, line {number}: frame {frame:g}, identity {identity:g}; both are whole numbers; check the file"
            )
        if frame < 0:
            raise SourceError(f"{path}, line {number}: frame {frame:g}; frames of a MOT table count from 1")
        if width <= 0 or height <= 0:
            raise SourceError(
                f"{path}, line {number}: a box of {width:g} x {height:g}; columns are left,top,width,height in pixels"
            )
        if identity < 0:
            raise SourceError(
                f"{path}, line {number}: identity {identity:g}: a detection; wanted tracks with identities"
            )
        corner = (x, y, width, height)
        shares = shares and all(0 <= value <= 1 for value in corner)
        if shares and first_share is None and any(value % 1 for value in corner):
            first_share = number
        flag, kind = more[0] if more else 1.0, int(more[1]) if len(more) > 1 else -1
        rows.setdefault(int(frame), []).append(TableRow(int(identity), Box(x, y, x + width, y + height), flag, kind))
    if shares and first_share is not None:
        raise SourceError(
            f"{path}, line {first_share}: boxes in shares of the picture, as in all lines; wanted pixels: multiply by its "
            "width and height"
        )
    return {frame: tuple(found) for frame, found in rows.items()}


def _exactly(cell: str) -> float:
    """A number; a whole one as it is written, also where floating point does not hold it."""
    try:
        return int(cell)
    except ValueError:
        return float(cell)


def asked(rows: Rows, *, classes: Collection[int], origin: Path) -> dict[int, tuple[Identified, ...]]:
    """The rows of a truth that are to be scored: flag not 0 and, where classes are named, of one of these.

    Raises SourceError if the table has rows, but none of these classes, or an identity twice in a frame.
    """
    there = {row.kind for found in rows.values() for row in found}
    if classes and there and not there & set(classes):
        raise SourceError(f"{origin}: no row of class {_listed(classes)}; its classes are {_listed(there)}")
    kept = {
        frame: [row for row in found if row.flag != 0 and (not classes or row.kind in classes)]
        for frame, found in rows.items()
    }
    return {frame: once_each(found, frame, origin=origin) for frame, found in kept.items() if found}


def once_each(rows: Sequence[TableRow], frame: int, *, origin: Path) -> tuple[Identified, ...]:
    """Who and where in one frame. Raises SourceError naming the identity that is there twice."""
    seen: set[int] = set()
    for row in rows:
        if row.identity in seen:
            raise SourceError(
                f"{origin}: identity {row.identity} twice in frame {frame}; each may have one box a frame"
            )
        seen.add(row.identity)
    return tuple(row.identified for row in rows)


def read_info(path: Path) -> SequenceInfo:
    """Read seqinfo.ini; nothing is known if there is none. Raises SourceError naming what cannot be read."""
    if not path.is_file():
        return SequenceInfo()
    parser = configparser.ConfigParser()
    try:
        parser.read(path, encoding="utf-8-sig")
        section = parser["Sequence"]
        fps, frames = section.getfloat("frameRate"), section.getint("seqLength")
        if not (fps is None or LEAST_FPS <= fps <= MOST_FPS) or not (frames is None or 0 <= frames <= MOST_FRAMES):
            raise ValueError
        return SequenceInfo(fps, frames, section.get("imDir"))
    except (configparser.Error, KeyError, ValueError) as error:
        raise SourceError(
            f"{path}: wanted [Sequence] with frameRate and seqLength as numbers; check the file"
        ) from error


def _listed(numbers: Collection[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))
