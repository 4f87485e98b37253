"""By which number the rows of a table find their frame: the picture's own, or its place from 1.

MOTChallenge numbers frames by place: row 1 is the first picture. Its pictures are called 000001.jpg, 000002.jpg, ..., so
that both are the same. But other programs write pictures from 000000. Then row 1 is the first picture if its table keeps to
the format, and the second if it names the pictures' numbers, as this program's own tables do. Scored the wrong way, every
box is compared with the picture beside its own; so who scores is asked.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Literal

from tracker.errors import SourceError

RowsCount = Literal["numbers", "places"]
"""A table's first column is the picture's own number, or its place in the clip from 1."""


def rows_count(rows: Collection[int], numbers: Sequence[int], *, asked: RowsCount | None, origin: Path) -> RowsCount:
    """What a table's rows count, by what the user `asked` for or by the rows.

    rows     the frame numbers of the table
    numbers  of the pictures, rising

    Raises SourceError if pictures count from 0 and the rows do not, unless it was said what they count.
    """
    if asked is not None:
        return asked
    if rows and numbers[0] == 0 and 0 not in rows:
        raise SourceError(
            f"{origin}: pictures are numbered from 0, rows are {min(rows)} to {max(rows)}: is row 1 the first picture "
            "(then give --rows places) or the one with number 1 (--rows numbers)?"
        )
    return "numbers"


def positions(numbers: Sequence[int], *, count: RowsCount) -> Mapping[int, int]:
    """A row's number to the place of its picture in the clip, from 0."""
    named = numbers if count == "numbers" else range(1, len(numbers) + 1)
    return {number: place for place, number in enumerate(named)}
