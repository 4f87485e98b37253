"""Which files lie at an address."""

from __future__ import annotations

import glob
import os
import posixpath
import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

from tracker.addresses.names import is_local, local_path, name_of, scheme_of
from tracker.addresses.stores import reading
from tracker.errors import SourceError


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


def _local_files(path: Path, recursive: bool, *, may_be_gone: bool = False) -> Iterator[str]:
    if path.is_file():
        yield str(path)
    elif glob.has_magic(str(path)) and not path.exists():
        yield from (each for each in sorted(_matching(path)) if os.path.isfile(each))
    else:
        try:
            with reading(str(path)):
                entries = sorted(os.scandir(path), key=lambda entry: entry.name)
        except SourceError:
            if may_be_gone and not path.exists():
                return
            raise
        yield from (entry.path for entry in entries if entry.is_file())
        folders = [entry.path for entry in entries if recursive and entry.is_dir(follow_symlinks=False)]
        for folder in (each for each in folders if not Path(each).name.startswith(".")):
            yield from _local_files(Path(folder), recursive, may_be_gone=True)


def _matching(pattern: Path) -> set[str]:
    """What a pattern names. `**` follows no links to folders, of which two that lead upwards would make paths without end."""
    parts = pattern.parts
    if "**" not in parts:
        return set(glob.glob(str(pattern)))
    first = parts.index("**")
    above, below = Path(*parts[:first]), parts[first + 1 :] or ("*",)
    found: set[str] = set()
    for begin in glob.glob(str(above)) if glob.has_magic(str(above)) else [str(above)]:
        for folder, folders, _ in os.walk(begin):
            folders[:] = [name for name in folders if not name.startswith(".")]
            found |= _matching(Path(glob.escape(str(Path(folder))), *below))
    return found


def _stored_files(address: str, recursive: bool) -> Iterator[str]:
    scheme = scheme_of(address)
    with reading(address) as (store, place):
        if glob.has_magic(place):
            found = store.glob(place, detail=True)
            fixed = posixpath.dirname(place[: re.search(r"[*?[]", place).start()])  # type: ignore[union-attr]
            seen = (each for each in sorted(found) if "/." not in each[len(fixed) :])  # as patterns have it on a drive
            yield from (_address(scheme, each) for each in seen if found[each]["type"] == "file")
            return
        if store.info(place)["type"] == "file":
            yield _address(scheme, place)
            return
        for folder, folders, files in store.walk(place, maxdepth=None if recursive else 1, on_error="raise"):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            yield from (_address(scheme, posixpath.join(folder, name)) for name in sorted(files) if name)


def _address(scheme: str, place: str) -> str:
    return f"{scheme}://{place.lstrip('/')}"
