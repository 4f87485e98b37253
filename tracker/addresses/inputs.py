"""What tells an input of a run from another one: a file, a folder or pattern of pictures, an object of a store."""

from __future__ import annotations

import glob
import hashlib
import os
from pathlib import Path

from tracker.addresses.names import is_local, local_path
from tracker.addresses.reading import identity
from tracker.addresses.stores import reading
from tracker.errors import SourceError


def input_digest(source: str) -> str:
    """Another text for another input, and for the same one after a change.

    Of a file its size, time of change (in a store its ETag) and digest of head and tail; of a folder or pattern of pictures
    sha256 of all names, sizes and times. Raises SourceError where there is nothing, or it cannot be read.
    """
    path = local_path(source) if is_local(source) else None
    if path is not None and (path.is_dir() or (glob.has_magic(str(path)) and not path.exists())):
        with reading(source):
            files = sorted(path.iterdir()) if path.is_dir() else map(Path, sorted(glob.glob(str(path))))
            listed = [(each.name, found.st_size, found.st_mtime_ns) for each in files for found in (_stat(each),)]
        if not listed:
            raise SourceError(f"{source}: nothing there; check the path")
        return hashlib.sha256(repr(listed).encode(errors="surrogateescape")).hexdigest()
    file = identity(source)
    return f"{file.size} {file.stamp} {file.digest}"


def _stat(path: Path) -> os.stat_result:
    """Of the file; of a link that leads nowhere, of the link."""
    return path.stat() if path.exists() else path.lstat()
