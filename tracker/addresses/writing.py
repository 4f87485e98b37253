"""Files that are written: whole or not at all, and a folder with a file that says that all others are there."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from tracker.addresses.names import is_local, joined, local_path
from tracker.addresses.stores import opened
from tracker.errors import SinkError
from tracker.sinks.outputs import beside, writing


def write_whole(address: str, data: bytes) -> None:
    """Write a file: afterwards it is whole, or, after a SinkError, what it was before."""
    with tempfile.TemporaryDirectory(prefix="tracker-copy-") as scratch:
        path = Path(scratch) / "data"
        path.write_bytes(data)
        put_file(path, address)


def put_file(path: Path, address: str) -> None:
    """Copy a file of this machine: afterwards it is whole there, or not there (SinkError).

    On a drive it is written under another name first. An object of a store takes its name when all of it has arrived; one that
    has not is removed where the store shows it all the same.
    """
    if is_local(address):
        _copy(path, local_path(address))
        return
    with opened(address, SinkError) as (store, place):
        size, before = path.stat().st_size, _size(store, place)
        try:
            store.put_file(str(path), place)
            arrived = store.info(place)["size"]
            if arrived != size:
                raise SinkError(f"{address}: {arrived:,} of {size:,} bytes arrived; try again")
        except BaseException:
            with suppress(Exception):  # the first error is the one to tell
                if _size(store, place) not in (before, size):  # else it is what it was, or whole
                    store.rm_file(place)
            raise


def _size(store: Any, place: str) -> int | None:
    """Bytes of what lies there; None if nothing does."""
    try:
        size: int = store.info(place)["size"]
    except FileNotFoundError:
        return None
    return size


def _copy(path: Path, target: Path) -> None:
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    with beside(target) as part:
        shutil.copyfile(path, part)


def put_folder(folder: Path, address: str, *, last: str) -> list[str]:
    """Copy the files of a folder of this machine, with those of the folders in it; returns their names, `last` at the end.

    last  the file that says that all others are there: the one there is removed first, and written when all others are whole.
          Where it is not, the set is not whole, whatever else lies there.

    After a SinkError none of the files is there that this call has written.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    names = [name for path in files if (name := path.relative_to(folder).as_posix()) != last]
    if len(names) == len(files):
        raise SinkError(f"{folder / last}: no such file; it has to say that the others are there")
    remove(joined(address, last))
    written: list[str] = []
    try:
        for name in (*names, last):
            put_file(folder / name, joined(address, *name.split("/")))
            written.append(name)
    except BaseException:
        for name in written:
            with suppress(Exception):  # the first error is the one to tell
                remove(joined(address, *name.split("/")))
        raise
    return written


def remove(address: str) -> None:
    """Remove a file; one that is not there is no error. Raises SinkError."""
    if is_local(address):
        with writing(local_path(address)):
            local_path(address).unlink(missing_ok=True)
        return
    with opened(address, SinkError) as (store, place), suppress(FileNotFoundError):
        store.rm_file(place)
