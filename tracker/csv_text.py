"""Text in a CSV, so that no spreadsheet takes it for a formula, and the text again.

A name that begins with = + - @ would be run when the table is opened (OWASP: CSV injection). It is written behind an
apostrophe, which spreadsheets take for "this is text". A plain number such as -1.5 is written as it is.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator

FORMULA = re.compile(r"['\s]*[=+\-@\uff1d\uff0b\uff0d\uff20]|'*[\t\r\n]")
"""how what a spreadsheet would run begins: blanks before it are skipped by some, signs of full width are read as usual ones.
Apostrophes before it are those of `guarded`, or must be told from them"""
QUOTED = re.compile('[,"\r\n]')
NUMBER = re.compile(r"[+-]?[0-9]+(?:[.][0-9]+)?(?:[eE][+-]?[0-9]+)?")


def guarded(text: str) -> str:
    """The text as a cell that no spreadsheet runs.

    >>> guarded("=1+1"), guarded("-1.5"), guarded("door")
    ("'=1+1", '-1.5', 'door')
    """
    return f"'{text}" if FORMULA.match(text) and not NUMBER.fullmatch(text) else text


def unguarded(cell: str) -> str:
    """The text that `guarded` was given.

    >>> unguarded("'=1+1"), unguarded("-1.5"), unguarded("'tis")
    ('=1+1', '-1.5', "'tis")
    """
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell


def csv_line(values: Iterable[object]) -> str:
    """One row with its line end; None is an empty cell, text is `guarded`, and quoted where it must be."""
    return ",".join(_cell(value) for value in values) + "\n"


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = guarded(value) if isinstance(value, str) else str(value)
    # Python's writer leaves a carriage return bare where lines end with \n, and its reader takes that for a line end
    return '"' + text.replace('"', '""') + '"' if QUOTED.search(text) else text


def numbered_csv_rows(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Of every row its last line's number, from 1, and its cells as the text that was written. Raises ValueError for what is no CSV."""
    reader = csv.reader(lines, strict=True)
    try:
        for row in reader:
            yield reader.line_num, [unguarded(cell) for cell in row]
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}") from None


def read_csv_rows(lines: Iterable[str]) -> list[list[str]]:
    """The cells of every row. Raises ValueError for what is no CSV."""
    return [cells for _, cells in numbered_csv_rows(lines)]
