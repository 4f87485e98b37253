"""Files by address: on this machine, on a network drive or in an object store, all read and written alike.

    clips/a.mp4   file:///data/a.mp4   s3://bucket/clips/a.mp4   gs://bucket/clips/a.mp4   memory://clips/a.mp4

Stores are reached by fsspec (extra `remote`), which takes credentials from where the store's own programs do: the environment,
a profile, the machine's role. What lies on this machine needs no extra. Reading raises SourceError, writing SinkError.
"""

from __future__ import annotations

import glob
import hashlib
import os
import posixpath
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tracker.errors import MissingExtraError, SinkError, SourceError, TrackerError
from tracker.sinks.outputs import new_run_id, part_name, sync, writing

STORES = {"memory": "", "s3": "s3fs", "gs": "gcsfs", "abfs": "adlfs", "az": "adlfs"}
"""Schemes that fsspec reaches, and the distribution that each needs beside it. No http: those are streams, which FFmpeg opens."""

DIGEST_BYTES = 65_536
"""of the head and of the tail of a file, in its identity. A container's index stands in one of them, and they cost two requests."""
MOST_WORDS = 200
"""characters that are quoted of a store's error"""
SECRETS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AZURE_STORAGE_KEY",
    "AZURE_STORAGE_CONNECTION_STRING",
)
"""Variables whose values are never quoted."""


@dataclass(frozen=True)
class Identity:
    """What tells a file from another one, and from itself after a change."""

    size: int
    """bytes"""
    stamp: str
    """its ETag in a store that has one; else when it was last changed"""
    digest: str
    """sha256 of its first and last DIGEST_BYTES, 64 hexadecimal digits"""


def is_address(text: str) -> bool:
    """Whether the text has the form of an address: file:// or one of a store. A plain path and a stream are none."""
    return _scheme(text) in ("file", *STORES)


def is_local(address: str) -> bool:
    """Whether it lies on this machine or a drive of it: a plain path, or file://."""
    return _scheme(address) not in STORES


def local_path(address: str) -> Path:
    """The path of an address for which `is_local` holds.

    >>> local_path("file:///data/a%20b.mp4").as_posix()
    '/data/a b.mp4'
    """
    if _scheme(address) != "file":
        return Path(address)
    rest = unquote(address.partition("://")[2])
    return Path(re.sub("^/([A-Za-z]:)", r"\1", rest.removeprefix("localhost")))


def joined(address: str, *names: str) -> str:
    """The address of something inside a folder.

    >>> joined("s3://bucket/out/", "a", "a.csv")
    's3://bucket/out/a/a.csv'
    """
    if is_local(address):
        return str(local_path(address).joinpath(*names))
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{posixpath.join(rest, *names)}"


def name_of(address: str) -> str:
    """The last part of an address: the name of the file or folder."""
    return local_path(address).name if is_local(address) else posixpath.basename(address.rstrip("/"))


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
    with _reading(address) as (store, place):
        size = _file_info(address, store.info(place))["size"]
        store.get_file(place, str(path))
        arrived = path.stat().st_size
    if size is not None and arrived != size:
        raise SourceError(f"{address}: {arrived:,} of {size:,} bytes arrived; try again")


def read_bytes(address: str) -> bytes:
    """The whole file. Raises SourceError."""
    with _reading(address) as (store, place):
        data: bytes = Path(place).read_bytes() if store is None else store.cat_file(place)
    return data


def exists(address: str) -> bool:
    """Whether a file or folder lies there. Raises SourceError where the store does not tell."""
    if is_local(address):
        return os.path.lexists(local_path(address))
    with _reading(address) as (store, place):
        try:
            store.info(place)
        except FileNotFoundError:
            return False
    return True


def identity(address: str) -> Identity:
    """Size, time or ETag, and the digest of head and tail. Raises SourceError."""
    with _reading(address) as (store, place):
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
    return Identity(size, stamp, hashlib.sha256(head + tail).hexdigest())


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


def listing(address: str, *, recursive: bool = True, patterns: Sequence[str] = ("*",)) -> Iterator[str]:
    """The files in a folder, or those that a pattern names (`*`, `?`, `[...]`, `**`), one by one, sorted within their folder.

    recursive  folders in the folder too
    patterns   one of them fits the file's name, in whatever case

    Names that begin with a dot are left out. A file's own address is a list of itself. Raises SourceError where nothing lies
    there.
    """
    if is_local(address):
        found = _local_files(local_path(address), recursive)
    else:
        found = _stored_files(address, recursive)
    for each in found:
        name = name_of(each).lower()
        if not name.startswith(".") and any(fnmatch(name, pattern.lower()) for pattern in patterns):
            yield each


def _local_files(path: Path, recursive: bool) -> Iterator[str]:
    if path.is_file():
        yield str(path)
    elif glob.has_magic(str(path)) and not path.exists():
        yield from (each for each in sorted(glob.iglob(str(path), recursive=True)) if os.path.isfile(each))
    else:
        with _reading(str(path)):
            entries = sorted(os.scandir(path), key=lambda entry: entry.name)
        yield from (entry.path for entry in entries if entry.is_file())
        folders = [entry.path for entry in entries if recursive and entry.is_dir(follow_symlinks=False)]
        for folder in (each for each in folders if not Path(each).name.startswith(".")):
            yield from _local_files(Path(folder), recursive)


def _stored_files(address: str, recursive: bool) -> Iterator[str]:
    scheme = _scheme(address)
    with _reading(address) as (store, place):
        if glob.has_magic(place):
            found = store.glob(place, detail=True)
            yield from (_address(scheme, each) for each in sorted(found) if found[each]["type"] == "file")
            return
        if store.info(place)["type"] == "file":
            yield _address(scheme, place)
            return
        for folder, _, files in store.walk(place, maxdepth=None if recursive else 1, on_error="raise"):
            yield from (_address(scheme, posixpath.join(folder, name)) for name in sorted(files) if name)


def _address(scheme: str, place: str) -> str:
    return f"{scheme}://{place.lstrip('/')}"


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
    with _store(address, SinkError) as (store, place):
        try:
            store.put_file(str(path), place)
            arrived, size = store.info(place)["size"], path.stat().st_size
            if arrived != size:
                raise SinkError(f"{address}: {arrived:,} of {size:,} bytes arrived; try again")
        except BaseException:
            with suppress(Exception):  # the first error is the one to tell
                store.rm_file(place)
            raise


def _copy(path: Path, target: Path) -> None:
    part = target.with_name(part_name(target.name, new_run_id()))
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(path, part)
            sync(part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)


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
    with _store(address, SinkError) as (store, place), suppress(FileNotFoundError):
        store.rm_file(place)


def _scheme(address: str) -> str:
    found = re.match("([A-Za-z][A-Za-z0-9+.-]*)://", address)
    return found[1].lower() if found else ""


@contextmanager
def _reading(address: str) -> Iterator[tuple[Any, str]]:
    """The store of an address and the place in it; of a local one None and the path. Errors become SourceError."""
    if not is_local(address):
        with _store(address, SourceError) as found:
            yield found
        return
    try:
        yield None, str(local_path(address))
    except FileNotFoundError:
        raise SourceError(f"{address}: no such file or folder; check the path") from None
    except OSError as error:
        raise SourceError(
            f"{address}: cannot be read ({error.strerror or error}); check the path and its rights"
        ) from error


@contextmanager
def _store(address: str, kind: type[TrackerError]) -> Iterator[tuple[Any, str]]:
    """The file system of fsspec and the place in it. Whatever a store raises becomes one line of the kind."""
    scheme = _scheme(address)
    try:
        from fsspec.core import url_to_fs

        # what others write meanwhile is seen: no listing is kept
        found = url_to_fs(address, use_listings_cache=False)
    except ImportError:
        missing = STORES[scheme] or "fsspec"
        extra = "" if missing in ("gcsfs", "adlfs") else "pip install 'rnnem-tracker[remote]'"
        raise MissingExtraError(
            f"{scheme}:// needs {missing}; install it: {extra or f'pip install {missing}'}"
        ) from None
    except Exception as error:
        raise kind(f"{address}: {_said(error)}; check the address") from error
    try:
        yield found
    except TrackerError:
        raise
    except FileNotFoundError as error:
        raise kind(f"{address}: no such file, folder or bucket; check the address") from error
    except Exception as error:
        raise kind(f"{address}: {_said(error)}; {_cure(error, scheme)}") from error


def _said(error: Exception) -> str:
    """The words of a store's error, one line, without the values of secret variables."""
    words = " ".join((str(error) or type(error).__name__).split())
    for name in SECRETS:
        if value := os.environ.get(name):
            words = words.replace(value, "***")
    return words[:MOST_WORDS]


def _cure(error: Exception, scheme: str) -> str:
    text = f"{type(error).__name__} {error}".lower()
    if isinstance(error, PermissionError) or "credential" in text or "denied" in text or "token" in text:
        where = {"s3": " (AWS_PROFILE, AWS_ACCESS_KEY_ID)", "gs": " (GOOGLE_APPLICATION_CREDENTIALS)"}.get(scheme, "")
        return f"check the credentials of the store{where} and their rights"
    if isinstance(error, (ConnectionError, TimeoutError)) or "connect" in text or "endpoint" in text:
        where = " and AWS_ENDPOINT_URL" if scheme == "s3" else ""
        return f"check the network{where}"
    return "check the address and the store, and try again"
