"""By which number the rows of a table find their frame: the picture's own, or its place from 1.

MOTChallenge numbers frames by place: row 1 is the first picture. Its pictures are called 000001.jpg, 000002.jpg, ..., so
that both are the same; but other programs write the pictures from 000000. Then the two differ, and which is meant has to
follow from the rows, from seqinfo.ini, or from the user.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from tracker.errors import SourceError
from tracker.scores.tables import read_info


def counts_places(rows: Collection[int], numbers: Sequence[int], *, length: int | None, origin: Path) -> bool:
    """Whether a truth's rows count the pictures' places from 1, rather than name their numbers.

    rows     the frame numbers of the table, not empty
    numbers  of the pictures, rising
    length   by seqinfo.ini, which makes the table one of MOTChallenge's; None if there is none

    Raises SourceError if pictures count from 0 and the rows would fit either way.
    """
    own, places = set(rows) <= set(numbers), _fit_places(rows, numbers)
    if not places or is_same(numbers):
        return False
    if length == len(numbers):
        return True
    if numbers[0] != 0:
        return False
    if own:
        raise SourceError(
            f"{origin}: rows {min(rows)} to {max(rows)}, and pictures numbered from 0: is row 1 the first picture or the "
            f"second? if the first, write seqLength={len(numbers)} into a seqinfo.ini beside, or number the pictures from "
            "1; if the second, add a row 0,1,0,0,1,1,0"
        )
    return _without_gaps(numbers)


def result_counts_places(rows: Collection[int], numbers: Sequence[int], *, table: Path, as_truth: bool) -> bool:
    """The same of a result. Where its rows fit either way, they count as the truth's do, `as_truth`.

    NAME.mot.txt are this program's tables, which name the pictures' numbers.
    """
    if not rows or is_same(numbers) or 0 in rows or table.name.endswith(".mot.txt"):
        return False
    if numbers[0] == 0 and _without_gaps(numbers) and max(rows) == len(numbers):
        return True
    return as_truth


def positions(numbers: Sequence[int], *, by_place: bool) -> Mapping[int, int]:
    """A row's number to the place of its picture in the clip, from 0."""
    return {number: place for place, number in enumerate(range(1, len(numbers) + 1) if by_place else numbers)}


def is_same(numbers: Sequence[int]) -> bool:
    """Whether numbers and places are the same: 1, 2, 3, ..."""
    return numbers[0] == 1 and _without_gaps(numbers)


def announced_length(table: Path) -> int | None:
    """Frames by the seqinfo.ini of a table's sequence; None if there is none. Raises SourceError if it is damaged."""
    return next((n for n in (read_info(folder / "seqinfo.ini").frames for folder in table.parents[:2]) if n), None)


def _fit_places(rows: Collection[int], numbers: Sequence[int]) -> bool:
    return min(rows) >= 1 and max(rows) <= len(numbers)


def _without_gaps(numbers: Sequence[int]) -> bool:
    return numbers[-1] - numbers[0] + 1 == len(numbers)
