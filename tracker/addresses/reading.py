"""Files that are read: whole, as a copy, or only told from one another."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracker.addresses.names import is_local, local_path, name_of
from tracker.addresses.stores import reading
from tracker.errors import SourceError

DIGEST_BYTES = 65_536
"""of the head and of the tail of a file, in its identity. A container's index stands in one of them, and they cost two requests."""


@dataclass(frozen=True)
class FileIdentity:
    """What tells a file from another one, and from itself after a change."""

    size: int
    """bytes"""
    stamp: str
    """its ETag in a store that has one; else when it was last changed"""
    digest: str
    """sha256 of its first and last DIGEST_BYTES, 64 hexadecimal digits"""


@contextmanager
def local_copy(address: str) -> Iterator[Path]:
    """A path under which the file can be read: its own, or that of a copy, which is removed in the end.

    Raises SourceError for a file that is not there or does not arrive whole.
    """
    if is_local(address):
        yield local_path(address)
        return
    with tempfile.TemporaryDirectory(prefix="tracker-copy-") as scratch:
        path = Path(scratch) / name_of(address)
        _download(address, path)
        yield path


def _download(address: str, path: Path) -> None:
    with reading(address) as (store, place):
        size = _file_info(address, store.info(place))["size"]
        store.get_file(place, str(path))
        arrived = path.stat().st_size
    if size is not None and arrived != size:
        raise SourceError(f"{address}: {arrived:,} of {size:,} bytes arrived; try again")


def read_bytes(address: str) -> bytes:
    """The whole file. Raises SourceError."""
    with reading(address) as (store, place):
        data: bytes = Path(place).read_bytes() if store is None else store.cat_file(place)
    return data


def exists(address: str) -> bool:
    """Whether a file or folder lies there. Raises SourceError where the store does not tell."""
    if is_local(address):
        return os.path.lexists(local_path(address))
    with reading(address) as (store, place):
        try:
            store.info(place)
        except FileNotFoundError:
            return False
    return True


def identity(address: str) -> FileIdentity:
    """Size, time or ETag, and the digest of head and tail. Raises SourceError."""
    with reading(address) as (store, place):
        if store is None:
            with open(place, "rb") as file:
                found = os.fstat(file.fileno())
                head = file.read(DIGEST_BYTES)
                file.seek(max(0, found.st_size - DIGEST_BYTES))
                tail = file.read(DIGEST_BYTES)
            size, stamp = found.st_size, str(found.st_mtime_ns)
        else:
            info = _file_info(address, store.info(place))
            size, stamp = int(info["size"]), _stamp(info)
            head = store.cat_file(place, start=0, end=min(size, DIGEST_BYTES)) if size else b""
            tail = store.cat_file(place, start=max(0, size - DIGEST_BYTES), end=size) if size else b""
    return FileIdentity(size, stamp, hashlib.sha256(head + tail).hexdigest())


def _stamp(info: dict[str, Any]) -> str:
    """Of what a store tells of a file: the names differ from store to store."""
    found = next(
        (info[key] for key in ("ETag", "etag", "LastModified", "updated", "last_modified", "created") if info.get(key)),
        "",
    )
    return str(found).strip('"')


def _file_info(address: str, info: dict[str, Any]) -> dict[str, Any]:
    if info["type"] == "directory":
        raise SourceError(f"{address}: is a folder; name a file in it")
    return info
