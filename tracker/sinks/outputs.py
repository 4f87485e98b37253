"""Files that are whole or not there: refusals before the work, part names during it, the final name after it."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from tracker.errors import SinkError


def check_outputs(paths: Iterable[Path], *, overwrite: bool, folders: Iterable[Path] = ()) -> None:
    """Refuse what could not be written, before any work is done; make the missing folders above.

    paths    files that the run will write
    folders  folders that it will write, such as the one of a MaskFolder

    Raises SinkError if one of them exists and `overwrite` is false, if a folder stands where a file is to go or the
    reverse, or if the folder above cannot be made or written to.
    """
    files, folders = [Path(path) for path in paths], [Path(path) for path in folders]
    existing = [path for path in (*files, *folders) if path.exists()]
    if existing and not overwrite:
        others = f" (and {len(existing) - 1} more)" if len(existing) > 1 else ""
        raise SinkError(f"{existing[0]}: exists already{others}; use --overwrite to replace, or another name")
    for path in existing:
        if path.is_dir() != (path in folders):
            kind = "folder" if path.is_dir() else "file"
            raise SinkError(f"{path}: is a {kind} that cannot be replaced; use another name or move it away")
    for parent in dict.fromkeys(path.parent for path in (*files, *folders)):
        try:
            parent.mkdir(parents=True, exist_ok=True)
            # Only trying tells: mode bits say nothing on read-only mounts, to root, or on other systems.
            with tempfile.TemporaryFile(dir=parent):
                pass
        except OSError as error:
            raise SinkError(f"{parent}: cannot write here ({_reason(error)}); choose another folder") from error


def part_path(path: Path) -> Path:
    """The name until the output is whole: out.mp4 -> out.part.mp4, still of the same type to players."""
    return path.with_name(f"{path.stem}.part{path.suffix}")


def settle(path: Path) -> None:
    """Give a finished file or folder its final name, replacing what has that name."""
    part = part_path(path)
    with writing(path):
        if part.is_dir() and path.is_dir():
            shutil.rmtree(path)  # a folder cannot be replaced in one step; the new one is whole already
        os.replace(part, path)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError into a SinkError that names the output."""
    try:
        yield
    except OSError as error:
        raise SinkError(f"{path}: cannot be written ({_reason(error)}); check the folder and the room left") from error


def _reason(error: OSError) -> str:
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        return "there is a file where the folder should be"
    return error.strerror or type(error).__name__


def write_json_whole(path: Path, value: object) -> None:
    """Write JSON that is there whole or not at all.

    Raises SinkError if it cannot be written, ValueError for NaN and infinity, TypeError for what else JSON has not.
    """
    write_text_whole(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_text_whole(path: Path, text: str) -> None:
    """Write text that is there whole or not at all. Raises SinkError if it cannot be written."""
    with writing(path):
        part_path(path).write_text(text, encoding="utf-8")
    settle(path)


class PartText:
    """A text file that is opened at the first write and has its part name until it is settled."""

    def __init__(self, path: Path, *, head: str = "") -> None:
        self._path = path
        self._head = head
        self._file: TextIO | None = None

    def write(self, text: str) -> None:
        """Add text, through to the system: a killed run keeps every line. An empty text opens the file all the same."""
        with writing(self._path):
            if self._file is None:
                self._file = open(part_path(self._path), "w", encoding="utf-8", newline="\n")  # noqa: SIM115
                self._file.write(self._head)
            self._file.write(text)
            self._file.flush()

    def settle(self, *, tail: str = "") -> None:
        """Close it under its final name; nothing if nothing was ever written."""
        if self._file is None:
            return
        self.write(tail)
        with writing(self._path):
            self._file.close()
        self._file = None
        settle(self._path)
