"""Whether this program wrote a file: only such files are ever replaced.

Told by the content, not by a list kept elsewhere: a list says nothing of a file that somebody has put in the place since.
"""

from __future__ import annotations

import json
import os
import re
import struct
import zlib
from pathlib import Path

from tracker.mot_text import RESULT_ROW, TRUTH_ROW

MARK = "tracker"
"""stands in the comment of a video, the Software note of a picture and the generator of a page"""
HEAD_BYTES = 4096

NUMBERED = re.compile(r"[0-9]{6,}(?:-[0-9]{6,})?\.(?:png|mp4)")
"""of masks by frame, and of a track's pictures and video by id, or by id and frame"""
CSV_HEADS = (
    b"frame,time_s,id,x0,y0,x1,y1,confidence,hidden,area_px\n",
    b"frame,time_s,kind,zone,direction,id,seconds\n",
    b"scope,category,sequence,method,sequences,",
    b"minute,begins,zone,kind,direction,count\n",
    b"id,begins_s,ends_s,distance_m,mean_m_s,max_m_s,mean_km_h,max_km_h\n",
)
"""of CsvTable, of ZoneTable, of `tracker evaluate --csv`, of exported counts and speeds"""
MOTS_ROW = re.compile(rb"[0-9]{6,} [0-9]{4,} 2 [0-9]+ [0-9]+ [^ \n]+")
"""of an export: nobody else writes frames with six digits"""
WORKBOOK = b"<dc:creator>tracker</dc:creator>"
PARQUET, PARQUET_NOTE, PARQUET_TAIL_BYTES = b"PAR1", b"tracker_export", 65_536
"""how such a file begins, and the key in its footer, at the file's end"""
RLE_ENTRY = re.compile(rb'\[(?:\s*\]|\s*\{"frame": [0-9]+, "id": [0-9]+, "rle":)')
JSON_KEYS = (
    {"schema_version", "settings", "versions"},
    {"experiment", "recipe", "networks", "table"},
    {"updates", "weights", "seed", "clips", "tests"},
    {"tracker_profile", "traceEvents"},
    {"tracker_export", "annotations"},
)
"""of a summary or an evaluation, of an experiment's report, of its scores, of a profile's trace, of exported annotations"""
GENERATORS = (f'<meta name="generator" content="{MARK}'.encode(), f"<!-- generator: {MARK} ".encode())
"""of a page, and of an SVG"""
GIF_HEAD, GIF_NOTE = b"GIF8", MARK.encode()
"""how such a file begins, and its comment"""
PNG_HEAD = b"\x89PNG\r\n\x1a\n"
PNG_HEADER_BYTES = 33
"""signature and IHDR chunk, behind which text may stand"""


def written_here(path: Path) -> bool:
    """Whether the file or folder is a result of this program, or an empty file. A link, a pipe or a device never is."""
    if path.is_symlink():
        return False
    if path.is_dir():
        return _folder_written_here(path)
    try:
        if not path.is_file():
            return False
        if path.stat().st_size == 0:
            return True
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return False
    if path.suffix.lower() == ".mp4":
        return _video_written_here(path)
    return _is_ours(head, path)


def _is_ours(head: bytes, path: Path) -> bool:
    if head.startswith(PNG_HEAD):
        return _png_text() in head
    if head.startswith(GIF_HEAD):
        return b"\x21\xfe" + bytes([len(GIF_NOTE)]) + GIF_NOTE in head
    if head.startswith(CSV_HEADS) or any(row.match(head) for row in (RESULT_ROW, TRUTH_ROW, MOTS_ROW, RLE_ENTRY)):
        return True
    if head.startswith(PARQUET):
        return PARQUET_NOTE in _tail(path, PARQUET_TAIL_BYTES)
    if path.suffix == ".jsonl":
        return keys_of(head.split(b"\n")[0]) >= {"frame", "time_s", "kind", "lane", "ids"}
    if path.suffix == ".json" and head.startswith(b"{"):
        keys = keys_of(path.read_bytes())
        return any(known <= keys for known in JSON_KEYS)
    return any(mark in head for mark in (*GENERATORS, WORKBOOK))


def _tail(path: Path, count: int) -> bytes:
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - count))
        return file.read()


def keys_of(text: bytes) -> set[str]:
    """Of the JSON object that the text is; none of anything else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return set()
    return set(value) if isinstance(value, dict) else set()


def _video_written_here(path: Path) -> bool:
    import av

    try:
        with av.open(f"file:{path}", metadata_errors="ignore") as container:
            return container.metadata.get("comment", "").split(" ")[0] == MARK
    except (av.error.FFmpegError, OSError, ValueError):
        return False


def _folder_written_here(folder: Path) -> bool:
    """Numbered pictures alone, or a drawn world's gt.txt with masks/ of them; every picture has the mark."""
    entries = sorted(folder.iterdir())
    if {entry.name for entry in entries} == {"gt.txt", "masks"} and not any(map(os.path.islink, entries)):
        return written_here(folder / "gt.txt") and _folder_written_here(folder / "masks")
    pictures = [entry for entry in entries if NUMBERED.fullmatch(entry.name) and not entry.is_symlink()]
    return len(pictures) == len(entries) and all(map(written_here, pictures))


def marked_png(data: bytes) -> bytes:
    """A PNG file with a note of who made it."""
    return data[:PNG_HEADER_BYTES] + _png_text() + data[PNG_HEADER_BYTES:]


def _png_text() -> bytes:
    """The tEXt chunk: Software tracker."""
    body = b"tEXt" + b"Software\0" + MARK.encode("latin-1")
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
