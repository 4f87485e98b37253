"""One file or folder that a run leaves: written under a part name, under its own name once it is whole."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from tracker.errors import LostError, SinkError

GONE = "what a killed run had written of it is gone"


class Output:
    """A file or folder and the name that it has until it is whole.

    path   its final name
    part   where it is written; unique to the run (`part_name`)
    whole  whether the sink has finished it; `Results.commit` refuses one that is not
    aside  folder for what a sink needs of a run that was killed, of which it goes on; None: there is no such run
    """

    def __init__(self, path: Path, part: Path) -> None:
        self.path, self.part = path, part
        self.whole = False
        self.aside: Path | None = None

    def finish(self) -> None:
        """Every byte was handed to the system: the output may take its final name."""
        self.whole = True


def new_run_id() -> str:
    """Eight hexadecimal digits that no other run has."""
    return secrets.token_hex(4)


def part_name(name: str, run_id: str) -> str:
    """The name until the output is whole, still of the same type to players and editors.

    >>> part_name("out.gmm.csv", "1f9c03aa")
    'out.gmm.part-1f9c03aa.csv'
    """
    stem = Path(name).stem
    return f"{stem}.part-{run_id}{name[len(stem) :]}"


def recovered_name(name: str, number: int, *, base: str) -> str:
    """What an output that never was whole is called once its run is over.

    base  the common beginning of the run's names; the mark stands behind it, so that they sort together

    >>> recovered_name("out.gmm.csv", 2, base="out")
    'out.recovered-2.gmm.csv'
    """
    stem = base if name.startswith(f"{base}.") else Path(name).stem
    return f"{stem}.recovered-{number}{name[len(stem) :]}"


def cannot_write(path: Path, error: BaseException) -> SinkError:
    """What failed, where, and how much room is left there."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        reason = "there is a file where the folder should be"
    whole = path.absolute()
    folder = next((place for place in (whole, *whole.parents) if place.is_dir()), Path.cwd())
    try:
        room = f"; {shutil.disk_usage(folder).free / 1e6:,.0f} MB are free in {folder}"
    except OSError:
        room = ""
    return SinkError(f"{path}: cannot be written ({reason}){room}; check the folder and the room left")


def check_writable(path: Path) -> None:
    """Raise SinkError now for a file that could not be written later, as far as can be told without writing: its folder is read-only.

    Of folders that are not there yet the first one above that is decides.
    """
    folder = next(place for place in path.absolute().parents if place.exists())
    if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK):
        raise SinkError(f"{path}: {folder} cannot be written; choose another folder, or change its permissions")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError into a SinkError that names the output."""
    try:
        yield
    except OSError as error:
        raise cannot_write(path, error) from error


def sync(path: Path) -> None:
    """Have the system put a file on the disk, so that a power cut after the renaming leaves no empty file."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def replace_synced(path: Path, data: bytes) -> None:
    """Replace a file by these bytes in one step, once they are on the disk. After an OSError it is what it was."""
    part = path.with_name(f"{path.name}.part")
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A file to write that takes the place of `path` in one step, once the block has ended and it is on the disk.

    After an error `path` is what it was; an OSError becomes a SinkError that names it.
    """
    part = path.with_name(part_name(path.name, new_run_id()))
    with writing(path):
        try:
            yield part
            sync(part)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)


def json_text(value: object) -> str:
    """JSON for people, without NaN and infinity (ValueError)."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_output(output: Output, data: bytes) -> None:
    """Write an output in one go. Raises SinkError that names it."""
    with writing(output.path):
        output.part.write_bytes(data)
    output.finish()


def write_inside(output: Output, name: str, data: bytes) -> None:
    """Write one file of an output that is a folder; a killed run leaves no half a file under its name. Raises SinkError."""
    with writing(output.path):
        part = output.part / f"{name}.part"
        part.write_bytes(data)
        part.replace(output.part / name)


def encoded(text: str) -> bytes:
    """UTF-8. A file name that is not UTF-8 (a lone surrogate in Python) is escaped, which JSON reads as it was."""
    return text.encode("utf-8", "backslashreplace")


TEXT: Any = {"encoding": "utf-8", "newline": "\n", "errors": "backslashreplace"}
"""how tables are written"""


class PartText:
    r"""A text file that is opened at the first write and finished by `close`.

    head  what it begins with
    tail  what ends it. It is written after every text and written over by the next, so that the file of a killed run is
          whole too: a JSON list has its closing bracket at any time
    sparse  an empty text opens nothing: without any other there is no file
    """

    def __init__(self, output: Output, *, head: str = "", tail: str = "", sparse: bool = False) -> None:
        self._output, self._sparse = output, sparse
        self._head, self._tail = head, tail
        self._file: TextIO | None = None

    def __getstate__(self) -> dict[str, Any]:
        """With how much of the file there is, which is on the disk then."""
        place = None
        if self._file is not None:
            with writing(self._output.path):
                os.fsync(self._file.fileno())
                place = self._file.tell()
        return vars(self) | {"_file": place}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Go on with the file as it was then. Raises LostError if less of it is there."""
        vars(self).update(state)
        place, self._file = state["_file"], None
        if place is not None:
            with writing(self._output.path):
                if not self._output.part.is_file() or self._output.part.stat().st_size < place:
                    raise LostError(self._output.part, GONE)
                self._file = open(self._output.part, "r+", **TEXT)  # noqa: SIM115
                self._file.truncate(place)
                self._file.seek(place)

    def write(self, text: str) -> None:
        """Add text, through to the system: a killed run keeps every line. An empty text opens the file all the same."""
        if self._sparse and not text:
            return
        with writing(self._output.path):
            if self._file is None:
                self._file = open(self._output.part, "w", **TEXT)  # noqa: SIM115
                text = self._head + text
            elif self._tail and text:
                self._file.seek(self._file.tell() - len(self._tail))  # ASCII: characters are bytes
            elif not text:
                return
            self._file.write(text + self._tail)
            self._file.flush()

    def close(self) -> None:
        """Finish it; nothing if nothing was ever written."""
        if self._file is None:
            return
        with writing(self._output.path):
            self._file.close()
        self._file = None
        self._output.finish()
