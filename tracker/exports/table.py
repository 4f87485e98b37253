"""The table of one lane, read again: the one reader of what `process` and `compare` write of tracks."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tracker.errors import MissingExtraError, SourceError
from tracker.scores.tables import read_rows
from tracker.sinks.tables import CsvRows

if TYPE_CHECKING:
    import pandas

HEAD = CsvRows.head.strip()
COLUMNS = len(HEAD.split(","))
GAP = ",0,,,,,"
"""an id that nobody has, and no box: a live source gave no picture"""
BORDER_PX = 1.0
"""a box that comes this near to the picture's border may be cut"""
LARGEST = 1 << 53
"""of a number with a point: beyond it whole numbers are no longer told apart as floating point"""
WHOLE = [0, 2]
"""columns of whole numbers: frame and id"""


@dataclass(frozen=True, eq=False)
class Table:
    """One lane's tracks: a row an object and frame, N rows in the order of the file.

    Frames are called as the file calls them: from 1, or by their pictures' numbers. MOT text knows neither times, areas nor hidden
    objects: `time_s` and `area_px` are NaN then, `hidden` is false.
    """

    frame: NDArray[np.int64]
    """(N,)"""
    time_s: NDArray[np.float64]
    """(N,) seconds from the clip's first frame"""
    id: NDArray[np.int64]
    """(N,) from 1"""
    box: NDArray[np.float64]
    """(N, 4) x0, y0, x1, y1 in pixels of the frame, half open"""
    confidence: NDArray[np.float64]
    """(N,) in [0, 1]"""
    hidden: NDArray[np.bool_]
    """(N,) the box is predicted, not seen"""
    area_px: NDArray[np.float64]
    """(N,) visible pixels"""
    gaps: NDArray[np.float64]
    """(G, 2) where a live source gave no picture: number of the first frame after it, time of the last picture before"""

    def __repr__(self) -> str:
        span = f", frames {self.frame.min()} to {self.frame.max()}" if len(self.frame) else ""
        return f"<Table: {len(self.frame)} rows, {len(np.unique(self.id))} identities{span}>"

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def seen(self) -> Table:
        """Its rows without those of hidden objects."""
        return self.rows(~self.hidden)

    @property
    def foot(self) -> NDArray[np.float64]:
        """(N, 2) x, y of the middle of each box's lower side: where an object stands."""
        return np.stack([(self.box[:, 0] + self.box[:, 2]) / 2, self.box[:, 3]], axis=1)

    @property
    def centre(self) -> NDArray[np.float64]:
        """(N, 2) x, y of the middle of each box."""
        return (self.box[:, :2] + self.box[:, 2:]) / 2

    def whole(self, size: tuple[int, int]) -> NDArray[np.bool_]:
        """(N,) whether the left, right and lower borders of pictures (width, height) leave a row's box as it is: of an object that is cut
        only a part shows, whose foot is elsewhere."""
        x0, _, x1, y1 = self.box.T
        return (x0 > BORDER_PX) & (x1 < size[0] - BORDER_PX) & (y1 < size[1] - BORDER_PX)

    def rows(self, which: NDArray[Any]) -> Table:
        """Some rows, by a mask (N,) or by their places; the gaps stay."""
        chosen = {field.name: getattr(self, field.name)[which] for field in fields(self) if field.name != "gaps"}
        return Table(**chosen, gaps=self.gaps)

    def tracks(self) -> Iterator[tuple[int, Table]]:
        """Each id with its own rows in the order of frames, ids rising."""
        order = np.lexsort((self.frame, self.id))
        ids, begins = np.unique(self.id[order], return_index=True)
        for identity, places in zip(ids.tolist(), np.split(order, begins[1:]), strict=False):
            yield identity, self.rows(places)

    def columns(self) -> dict[str, NDArray[Any]]:
        """The columns of the CSV by name, each (N,)."""
        sides = {name: self.box[:, n] for n, name in enumerate(("x0", "y0", "x1", "y1"))}
        return {
            "frame": self.frame, "time_s": self.time_s, "id": self.id, **sides,
            "confidence": self.confidence, "hidden": self.hidden, "area_px": self.area_px,
        }  # fmt: skip

    def to_pandas(self) -> pandas.DataFrame:
        """The columns as a DataFrame. Raises MissingExtraError without pandas."""
        try:
            import pandas
        except ImportError:
            raise MissingExtraError(
                "pandas is not installed; install it: pip install 'rnnem-tracker[pandas]'"
            ) from None
        return pandas.DataFrame(self.columns())


def read_table(path: str | Path) -> Table:
    """Read NAME.LANE.csv, or MOT text such as NAME.LANE.mot.txt.

    Raises SourceError: not there, not such a table, or a row that is none, by its line.
    """
    if not isinstance(path, str | os.PathLike):
        raise SourceError(f"wanted the path of a table of tracks, not {path!r}")
    path = Path(path)
    try:
        with path.open(encoding="utf-8-sig") as file:
            head = file.readline().strip()
            rest = file.read() if head == HEAD else ""
    except FileNotFoundError:
        raise SourceError(f"{path}: no such file; check the path") from None
    except (OSError, UnicodeDecodeError):
        raise SourceError(f"{path}: not a readable table; wanted NAME.LANE.csv or NAME.LANE.mot.txt of a run") from None
    if head == HEAD:
        return _checked(path, _of_csv(path, rest))
    if path.suffix.lower() == ".txt":
        return _checked(path, _of_mot(path))
    raise SourceError(f"{path}: not a table of tracks; wanted NAME.LANE.csv, which begins with {HEAD}")


def _checked(path: Path, table: Table) -> Table:
    """The table, if its frames have rising times and no identity is twice in one."""
    order = np.lexsort((table.id, table.frame))
    frame, identity, time_s = table.frame[order], table.id[order], table.time_s[order]
    same = np.diff(frame) == 0
    twice = np.flatnonzero(same & (np.diff(identity) == 0))
    if twice.size:
        raise SourceError(f"{path}: identity {identity[twice[0]]} twice in frame {frame[twice[0]]}; check the file")
    passed_s = np.diff(time_s)
    wrong = np.flatnonzero((passed_s < 0) | (same & (passed_s > 0)))
    if wrong.size:
        at = wrong[0] + 1
        raise SourceError(
            f"{path}: time_s {time_s[at]:g} in frame {frame[at]} does not go on from {time_s[at - 1]:g} in frame "
            f"{frame[at - 1]}; check the file"
        )
    return table


def is_table(path: Path) -> bool:
    """Whether a file begins as a lane's CSV does."""
    try:
        with path.open("rb") as file:
            return file.read(len(CsvRows.head)) == CsvRows.head.encode()
    except OSError:
        return False


def empty_table() -> Table:
    """A table without rows."""
    return table_of(np.empty((0, 2), np.int64), np.empty((0, COLUMNS)))


def _of_csv(path: Path, text: str) -> Table:
    if not text.strip():
        return empty_table()
    try:
        filled = text.replace(GAP, ",0,nan,nan,nan,nan,")
        values = np.loadtxt(io.StringIO(filled), delimiter=",", ndmin=2, comments=None)
    except ValueError as error:
        raise SourceError(f"{path}, {_first_wrong(text)}: wanted {HEAD} as numbers; check the file") from error
    if values.shape[1] != COLUMNS:
        raise SourceError(f"{path}: rows of {values.shape[1]} numbers, wanted {HEAD}; check the file")
    whole = _whole(filled, values)
    wrong = ~(np.abs(values) <= LARGEST)
    wrong[values[:, 2] == 0, 3:7] = False  # the empty boxes of gaps
    wrong[:, WHOLE] = whole < 0
    wrong[:, 5:7] |= values[:, 5:7] < values[:, 3:5]
    if wrong.any():
        line = int(np.flatnonzero(wrong.any(axis=1))[0]) + 2
        raise SourceError(f"{path}, line {line}: numbers that no track has; wanted {HEAD}; check the file")
    if not text.endswith("\n"):  # every row ends with one: a number of which digits are missing is one too
        last = text.count("\n") + 2
        raise SourceError(
            f"{path}, line {last}: the file ends within this row; it is cut: make it anew, or end the row"
        )
    gap = whole[:, 1] == 0
    return table_of(whole[~gap], values[~gap], gaps=values[gap, :2])


def _whole(text: str, values: NDArray[np.float64]) -> NDArray[np.int64]:
    """(N, 2) frames and ids of the rows, exactly; -1 for what is none."""
    found = values[:, WHOLE]
    rounded = np.where((found % 1 == 0) & (np.abs(found) <= LARGEST), found, -1).astype(np.int64)
    if (rounded == found).all():
        return rounded
    try:  # a number that floating point does not hold; older versions of numpy cut 6.5 to 6 here, with a warning
        exact = np.loadtxt(io.StringIO(text), delimiter=",", ndmin=2, comments=None, usecols=WHOLE, dtype=np.int64)
    except (ValueError, OverflowError, DeprecationWarning):
        return rounded
    return np.where(np.abs(found) > LARGEST, exact, rounded)


def _first_wrong(text: str) -> str:
    """Where a row is none: `line 7`; the text follows the head of its file."""
    for number, line in enumerate(text.replace(GAP, ",0,0,0,0,0,").splitlines(), 2):
        cells = line.split(",")
        try:
            list(map(float, cells))
        except ValueError:
            return f"line {number}"
        if len(cells) != COLUMNS:
            return f"line {number}"
    return "some line"


def table_of(whole: NDArray[np.int64], values: NDArray[np.float64], gaps: NDArray[np.float64] | None = None) -> Table:
    """The table of N rows and of gaps (G, 2).

    whole (N, 2) frames and ids; values (N, 10) the columns of the CSV, of which frames and ids are not read
    """
    gaps = np.empty((0, 2)) if gaps is None else gaps
    return Table(
        frame=whole[:, 0], time_s=values[:, 1], id=whole[:, 1], box=values[:, 3:7],
        confidence=values[:, 7], hidden=values[:, 8] != 0, area_px=values[:, 9], gaps=gaps,
    )  # fmt: skip


def _of_mot(path: Path) -> Table:
    """MOT text has no times, no hidden objects and no areas."""
    found = [(frame, row) for frame, rows in read_rows(path).items() for row in rows]
    whole = np.array([(frame, row.identity) for frame, row in found], np.int64).reshape(-1, 2)
    values = np.full((len(found), COLUMNS), np.nan)
    for at, (_, row) in zip(values, found, strict=True):
        at[[7, 8]] = row.flag, 0
        at[3:7] = row.box
    return table_of(whole, values)
