"""What an address names, told by its form alone."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from urllib.parse import unquote

STORES = {"memory": "", "s3": "s3fs", "gs": "gcsfs", "abfs": "adlfs", "az": "adlfs"}
"""Schemes that fsspec reaches, and the distribution that each needs beside it. No http: those are streams, which FFmpeg opens."""


def is_address(text: str) -> bool:
    """Whether the text has the form of an address: file:// or one of a store. A plain path and a stream are none."""
    return scheme_of(text) in ("file", *STORES)


def is_local(address: str) -> bool:
    """Whether it lies on this machine or a drive of it: a plain path, or file://."""
    return scheme_of(address) not in STORES


def local_path(address: str) -> Path:
    """The path of an address for which `is_local` holds.

    >>> local_path("file:///data/a%20b.mp4").as_posix()
    '/data/a b.mp4'
    """
    if scheme_of(address) != "file":
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


def scheme_of(address: str) -> str:
    """What stands before ://, in small letters; nothing of a plain path."""
    found = re.match("([A-Za-z][A-Za-z0-9+.-]*)://", address)
    return found[1].lower() if found else ""
