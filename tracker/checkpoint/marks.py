"""Whether a run may go on from a checkpoint: what both are of must be the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import tracker
from tracker.errors import SourceError

DIGESTED_BYTES = 1_000_000
"""of an input's head and tail"""
DECIDING = ("numpy", "opencv-python", "av", "onnxruntime", "scipy")
"""distributions whose other version may give other results"""


def input_mark(source: Path) -> list[Any]:
    """What tells a file from others: size, time and a digest of its head and tail; of a folder its names, sizes and times.

    Raises SourceError for what cannot be read.
    """
    try:
        return _mark(source)
    except OSError as error:
        raise SourceError(f"{source}: cannot be read ({error.strerror or error}); check its permissions") from error


def _mark(source: Path) -> list[Any]:
    if source.is_dir():
        entries = sorted(source.iterdir())
        return [[path.name, *_size_and_time(path)] for path in entries]
    digest = hashlib.sha256()
    with open(source, "rb") as file:
        digest.update(file.read(DIGESTED_BYTES))
        file.seek(max(0, source.stat().st_size - DIGESTED_BYTES))
        digest.update(file.read(DIGESTED_BYTES))
    return [*_size_and_time(source), digest.hexdigest()]


def versions() -> dict[str, str]:
    """Of this package and of the libraries that decide a result."""
    found = {"tracker": tracker.__version__}
    for name in DECIDING:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # OpenCV has several distributions
            found[name] = "unknown"
    return found


def differing(before: Any, now: Any, name: str) -> Iterator[str]:
    """Names of what differs in two plain values; one inside the other by dots."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in before.keys() | now.keys():
            yield from differing(before.get(key), now.get(key), f"{name}.{key}" if name else str(key))
    elif before != now:
        yield name


def _size_and_time(path: Path) -> list[int]:
    found = path.stat() if path.exists() else path.lstat()  # a link may lead nowhere
    return [found.st_size, found.st_mtime_ns]
