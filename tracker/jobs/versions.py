"""Versions of this package and of the libraries that decide a result."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

import tracker
from tracker.words import OPENCVS

DISTRIBUTIONS = {"opencv": OPENCVS}
"""of a library whose distribution has another name than itself; the first one that is installed counts"""
UNKNOWN = "unknown"


def versions_of(libraries: Iterable[str]) -> dict[str, str]:
    """Of `tracker` and of these libraries, by name; UNKNOWN for one that no distribution has."""
    return {"tracker": tracker.__version__} | {name: _version(name) for name in libraries}


def _version(library: str) -> str:
    for distribution in DISTRIBUTIONS.get(library, (library,)):
        try:
            return version(distribution)
        except PackageNotFoundError:
            pass
    return UNKNOWN
