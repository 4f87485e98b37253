"""A manifest: clips in a table, each with settings of its own. CSV, JSON lines or Parquet."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from tracker.addresses import is_local, local_copy, local_path, name_of
from tracker.batch.clips import BatchClip, whole_source
from tracker.csv_text import numbered_csv_rows
from tracker.errors import SettingsError, SourceError
from tracker.naming import default_name, file_name
from tracker.settings import RunSettings, read_settings
from tracker.timing import LEAST_FPS, MOST_FPS

SOURCE, NAME, FPS = "source", "name", "fps"
OF_THE_CLIP = (SOURCE, NAME, FPS)
"""columns that are no setting"""
FORMS = (".csv", ".jsonl", ".ndjson", ".parquet")
MOST_BYTES = 180
"""of a part of a name, so that endings have room in the 255 of file systems"""
NAMES = re.compile(r"[^/\\\x00-\x1f]{1,180}(/[^/\\\x00-\x1f]{1,180}){0,8}")
"""of a clip: at most nine parts that file systems can have"""
DIVIDERS = {"semicolons": ";", "tabs": "\t"}
"""what some spreadsheets write in place of commas"""
MOST_CELLS = 1000
"""columns of a manifest"""
MOST_SETTINGS = 64
"""settings that are held at a time: rows with the same changes have one value"""

Row = tuple[int, Mapping[str, Any]]
"""Its line from 1, and its cells by column; those without a value left out."""


def read_manifest(address: str) -> Iterator[BatchClip]:
    """The clips of a manifest, row by row: columns `source`; `name` and `fps`, if wanted; any setting (`gmm.working_width`).

    Sources are named from the manifest's folder. An empty cell changes nothing. Raises SourceError with file, line and column.
    """
    suffix = Path(name_of(address)).suffix.lower()
    if suffix not in FORMS:
        raise SourceError(f"{address}: wanted a manifest that ends in {', '.join(FORMS)}")
    folder = local_path(address).parent if is_local(address) else Path()
    with local_copy(address) as path:
        rows = {".csv": _csv_rows, ".parquet": _parquet_rows}.get(suffix, _json_rows)(path, address)
        for line, row in rows:
            yield _clip(row, f"{address}, line {line}", folder)


def settings_of_clip(base: RunSettings) -> Callable[[BatchClip], RunSettings]:
    """A function that lays a clip's own changes over the batch's settings; it raises SettingsError, with the clip's place."""

    @lru_cache(MOST_SETTINGS)
    def changed(changes: tuple[str, ...]) -> RunSettings:
        settings = read_settings(RunSettings, overrides=changes, base=base, flag="")
        for lane in settings.lanes:
            settings.of_lane(lane)
        return settings

    def settings(clip: BatchClip) -> RunSettings:
        if not clip.changes:
            return base
        try:
            return changed(clip.changes)
        except SettingsError as error:
            raise SettingsError(f"{clip.place}: {str(error).strip()}") from None

    return settings


def _clip(row: Mapping[str, Any], place: str, folder: Path) -> BatchClip:
    source = row.get(SOURCE)
    if not isinstance(source, str) or not source.strip():
        raise SourceError(f"{place}, column {SOURCE}: empty; wanted a path or an address")
    try:
        whole = whole_source(source.strip(), folder)
    except SourceError as error:
        raise SourceError(f"{place}, column {SOURCE}: {error}") from None
    name = row.get(NAME)
    if name is None:
        name = default_name(whole) if is_local(whole) else file_name(name_of(whole))
    if not isinstance(name, str) or not _fit_for_files(name):
        raise SourceError(f"{place}, column {NAME}: {str(name)[:80]!r}: wanted a name for files, such as cam1/monday")
    changes = tuple(_change(key, value, place) for key, value in row.items() if key not in OF_THE_CLIP)
    return BatchClip(whole, name, changes, place, _rate(row.get(FPS), f"{place}, column {FPS}"))


def _rate(value: Any, place: str) -> float | None:
    """Frames a second of a cell; None: an empty one."""
    if value is None:
        return None
    try:
        rate = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        rate = math.nan
    if not LEAST_FPS <= rate <= MOST_FPS:
        raise SourceError(f"{place}: {str(value)[:80]!r}: wanted frames a second, {LEAST_FPS:g} to {MOST_FPS:g}")
    return rate


def _fit_for_files(name: str) -> bool:
    if not NAMES.fullmatch(name):
        return False
    try:
        return all(len(os.fsencode(part)) <= MOST_BYTES and part not in (".", "..") for part in name.split("/"))
    except UnicodeEncodeError:  # half a character, as JSON can have it
        return False


def _change(key: str, value: Any, place: str) -> str:
    """As --set takes it."""
    try:
        return f"{key}={value if isinstance(value, str) else json.dumps(value)}"
    except (TypeError, ValueError, RecursionError):
        raise SettingsError(f"{place}, column {key}: a {type(value).__name__}; wanted a number or a text") from None


def _csv_rows(path: Path, address: str) -> Iterator[Row]:
    with _readable(address), path.open(encoding="utf-8-sig", newline="") as file:
        head: list[str] | None = None
        try:
            for number, cells in numbered_csv_rows(file):
                if head is None:
                    head = [cell.strip() for cell in cells]
                    _check_columns(head, f"{address}, line {number}")
                    continue
                if len(cells) > len(head):
                    raise SourceError(f"{address}, line {number}: {len(cells)} cells, and {len(head)} columns")
                filled = {name: cell.strip() for name, cell in zip(head, cells, strict=False) if cell.strip()}
                if filled:
                    yield number, filled
        except UnicodeDecodeError:
            raise
        except ValueError as error:
            line, _, why = str(error).partition(": ")
            raise SourceError(f"{address}, {line}: not CSV ({why}); check its quotes") from None
        if head is None:
            _check_columns([], f"{address}, line 1")


def _json_rows(path: Path, address: str) -> Iterator[Row]:
    known: set[str] = {SOURCE}
    with _readable(address), path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                row = None
            if not isinstance(row, dict):
                raise SourceError(f'{address}, line {number}: wanted an object, such as {{"source": "clip.mp4"}}')
            if not row.keys() <= known:
                _check_columns([*row, *({SOURCE} - row.keys())], f"{address}, line {number}")
                known |= row.keys()
            yield number, {name: value for name, value in row.items() if value is not None}


def _parquet_rows(path: Path, address: str) -> Iterator[Row]:
    from tracker.exports.columns import check_parquet

    check_parquet()
    from pyarrow import ArrowException, parquet

    try:
        file = parquet.ParquetFile(path)
        _check_columns(file.schema_arrow.names, address)
        number = 0
        for batch in file.iter_batches(1000):
            for row in batch.to_pylist():
                number += 1
                yield number, {name: value for name, value in row.items() if value is not None}
    except (ArrowException, OSError) as error:
        raise SourceError(f"{address}: not a Parquet file that can be read ({str(error)[:100]})") from None


def _check_columns(columns: list[str], place: str) -> None:
    """Refuse a column that is neither the source, nor the name, nor a setting."""
    if SOURCE not in columns:
        other = next((name for name, sign in DIVIDERS.items() if any(sign in column for column in columns)), None)
        raise SourceError(
            f"{place}: no column {SOURCE}; "
            + ("it names the clips" if other is None else f"columns are divided by {other} there, wanted commas")
        )
    if len(columns) > MOST_CELLS or len(set(columns)) < len(columns):
        raise SourceError(f"{place}: columns with one name, or more than {MOST_CELLS}; each needs a name of its own")
    for column in columns:
        if column not in OF_THE_CLIP and column.split(".")[0] not in RunSettings.model_fields:
            raise SourceError(f"{place}, column {column[:80]!r}: no setting; wanted one such as gmm.working_width")


@contextmanager
def _readable(address: str) -> Iterator[None]:
    """Errors of reading a text as SourceError."""
    try:
        yield
    except FileNotFoundError:
        raise SourceError(f"{address}: no such file; check the path") from None
    except (OSError, UnicodeDecodeError):
        raise SourceError(f"{address}: cannot be read as a table of text; check the file") from None
