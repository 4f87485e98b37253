"""Tracks and events of all clips as two Parquet data sets, each clip's part written whole when its clip is done.

DIR/tracks/clip-cam1%2Fmonday/tracks.parquet     pandas.read_parquet("DIR/tracks"), with a column `clip`
DIR/events/clip-cam1%2Fmonday/events.parquet

The clip is a column of the file. As a partition (clip=0001) it would be what its reader takes it for: the number 1.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tracker.exports.columns import NOTE

LONGEST = 200
"""bytes of a folder's name, of which file systems have 255; a longer name of a clip is cut, with a digest behind it"""


def tracks_part(clip: str) -> str:
    """Where a clip's tracks lie, in the batch's folder."""
    return f"tracks/{_part(clip)}/tracks.parquet"


def events_part(clip: str) -> str:
    """Where a clip's events lie, in the batch's folder."""
    return f"events/{_part(clip)}/events.parquet"


def write_tracks(path: Path, clip: str, lanes: Mapping[str, Path]) -> None:
    """Write the tracks of a clip's lanes. lanes: by lane, NAME.LANE of its tables.

    Columns: clip, lane, frame, time_s, id, x0, y0, x1, y1, confidence, hidden, area_px, as in a lane's CSV; no rows for gaps.
    """
    import pyarrow
    from pyarrow import compute, csv

    types = {"frame": pyarrow.int64(), "time_s": pyarrow.float64(), "id": pyarrow.int64()}
    types |= {name: pyarrow.float64() for name in ("x0", "y0", "x1", "y1", "confidence")}
    types |= {"hidden": pyarrow.int64(), "area_px": pyarrow.float64()}
    options = csv.ConvertOptions(column_types=types)
    schema = pyarrow.schema([("lane", pyarrow.string()), *types.items()])
    schema = schema.set(schema.get_field_index("hidden"), pyarrow.field("hidden", pyarrow.bool_()))
    parts = []
    for lane, stem in lanes.items():
        # in this thread: a worker has one core, and threads take longer to begin than most tables to be read
        alone = csv.ReadOptions(use_threads=False)
        table = csv.read_csv(stem.with_name(f"{stem.name}.csv"), read_options=alone, convert_options=options)
        table = table.filter(compute.greater(table["id"], 0))
        table = table.add_column(0, "lane", pyarrow.repeat(lane, len(table)))
        parts.append(table.cast(schema))
    _write(path, clip, pyarrow.concat_tables(parts))


def write_events(path: Path, clip: str, lanes: Mapping[str, Path]) -> None:
    """Write the events of a clip's lanes.

    Columns: clip, frame, time_s, kind, lane, ids, x0, y0, x1, y1, end_frame, end_s, note, as in a lane's events.
    """
    import pyarrow

    whole, real, text = pyarrow.int64(), pyarrow.float64(), pyarrow.string()
    schema = pyarrow.schema([
        ("frame", whole), ("time_s", real), ("kind", text), ("lane", text), ("ids", pyarrow.list_(whole)),
        ("x0", real), ("y0", real), ("x1", real), ("y1", real), ("end_frame", whole), ("end_s", real), ("note", text),
    ])  # fmt: skip
    rows: list[dict[str, Any]] = []
    for lane, stem in lanes.items():
        for line in stem.with_name(f"{stem.name}.events.jsonl").read_text(encoding="utf-8").splitlines():
            event = json.loads(line)
            sides = dict(zip(("x0", "y0", "x1", "y1"), event.pop("box"), strict=True))
            rows.append({**event, **sides, "lane": event["lane"] or lane})
    _write(path, clip, pyarrow.Table.from_pylist(rows, schema))


def _part(clip: str) -> str:
    """The folder of a clip's part. Its beginning keeps readers from leaving it out, as they do names with . or _ in front."""
    name = quote(os.fsencode(clip), safe=" ")
    if len(name) > LONGEST:
        name = f"{name[: LONGEST - 20].rpartition('%')[0] or name[: LONGEST - 20]}-{hashlib.sha256(os.fsencode(clip)).hexdigest()[:8]}"
    return f"clip-{name}"


def _write(path: Path, clip: str, table: Any) -> None:
    import pyarrow
    from pyarrow import parquet

    named = clip.encode("utf-8", "backslashreplace").decode()  # of a file whose name is not UTF-8
    table = table.add_column(0, "clip", pyarrow.repeat(pyarrow.scalar(named), len(table)))
    with path.open("wb") as file:
        # dictionaries for the columns of few words alone: of the others they cost a small table more than they save
        parquet.write_table(
            table.replace_schema_metadata({NOTE: b"1"}),
            file,
            compression="zstd",
            use_dictionary=["clip", "lane", "kind"],
        )
