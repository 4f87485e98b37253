"""Columns of plain values as a file: CSV, Parquet or a workbook, by the name's ending."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tracker.csv_text import csv_line
from tracker.errors import MissingExtraError
from tracker.exports.table import Table
from tracker.exports.workbook import Columns, rounded, write_workbook
from tracker.sinks import Output, encoded, write_output
from tracker.sinks.outputs import writing

ENDINGS = (".csv", ".xlsx", ".parquet")
NOTE = b"tracker_export"
"""key of the note in a Parquet file, by which this program knows its own"""


def write_columns(output: Output, sheets: Mapping[str, Columns]) -> None:
    """Write one table; a workbook has all of them. Raises SinkError, MissingExtraError without pyarrow."""
    first = next(iter(sheets.values()))
    ending = output.path.suffix.lower()
    if ending == ".csv":
        write_output(output, encoded(csv_of(first)))
        return
    with writing(output.path):
        write_workbook(output.part, sheets) if ending == ".xlsx" else _write_parquet(output.part, first)
    output.finish()


def csv_of(columns: Columns) -> str:
    """A head and a line a row; numbers that are not known are empty cells."""
    rows = zip(*(np.asarray(v).tolist() if not isinstance(v, list) else v for v in columns.values()), strict=True)
    return csv_line(columns) + "".join(csv_line(map(_told, row)) for row in rows)


def _told(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float):
        return rounded(value) if math.isfinite(value) else None
    return value


def check_parquet() -> None:
    """Raises MissingExtraError without pyarrow."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise MissingExtraError(
            "Parquet needs pyarrow, which is not installed; install it: pip install 'rnnem-tracker[export]'"
        ) from None


def _write_parquet(path: Path, columns: Columns) -> None:
    check_parquet()
    import pyarrow
    from pyarrow import parquet

    # from_pandas: NaN is a missing value
    arrays = {name: pyarrow.array(values, from_pandas=True) for name, values in columns.items()}
    table = pyarrow.table(arrays).replace_schema_metadata({NOTE: b"1"})
    with path.open("wb") as file:
        parquet.write_table(table, file, compression="zstd")


def objects_of(table: Table) -> Columns:
    """A row an identity: from when to when, in how many frames it was seen and hidden, and how sure its boxes are."""
    found: dict[str, list[Any]] = {
        name: [] for name in ("id", "first_frame", "last_frame", "begins_s", "ends_s", "seen", "hidden", "confidence")
    }
    for identity, rows in table.tracks():
        values = (
            identity, int(rows.frame[0]), int(rows.frame[-1]), float(rows.time_s[0]), float(rows.time_s[-1]),
            int((~rows.hidden).sum()), int(rows.hidden.sum()), float(rows.confidence.mean()),
        )  # fmt: skip
        for name, value in zip(found, values, strict=True):
            found[name].append(value)
    return found
