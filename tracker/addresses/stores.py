"""The store of an address, and what is said of its errors: one line, without a secret."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tracker.addresses.names import STORES, is_local, local_path, scheme_of
from tracker.errors import MissingExtraError, SourceError, TrackerError

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


@contextmanager
def reading(address: str) -> Iterator[tuple[Any, str]]:
    """The store of an address and the place in it; of a local one None and the path. Errors become SourceError."""
    if not is_local(address):
        with opened(address, SourceError) as found:
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
def opened(address: str, kind: type[TrackerError]) -> Iterator[tuple[Any, str]]:
    """The file system of fsspec and the place in it. Whatever a store raises becomes one line of the kind."""
    scheme = scheme_of(address)
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
    if getattr(error, "errno", None) == errno.ENOSPC:
        return f"make room in {tempfile.gettempdir()}, or set TMPDIR to a folder with more"
    if isinstance(error, PermissionError) or "credential" in text or "denied" in text or "token" in text:
        where = {"s3": " (AWS_PROFILE, AWS_ACCESS_KEY_ID)", "gs": " (GOOGLE_APPLICATION_CREDENTIALS)"}.get(scheme, "")
        return f"check the credentials of the store{where} and their rights"
    if isinstance(error, (ConnectionError, TimeoutError)) or "connect" in text or "endpoint" in text:
        where = " and AWS_ENDPOINT_URL" if scheme == "s3" else ""
        return f"check the network{where}"
    return "check the address and the store, and try again"
