"""Addresses of streams, and how they may be shown."""

from __future__ import annotations

import re

from tracker.passwords import without_passwords

SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "udp", "rtp", "tcp", "srt")
"""Streams that are read. Other protocols of FFmpeg (concat, subfile, ...) can reach files, so they are refused."""


def is_url(address: str) -> bool:
    """Whether `address` has the form scheme://rest."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", address) is not None


def scheme(address: str) -> str:
    """The part of a URL before ://, in small letters."""
    return address.partition("://")[0].lower()


def shown(address: str) -> str:
    """The address as it may be printed: a URL without user, password and query; see `without_passwords` for mistyped ones.

    >>> shown("rtsp://admin:pa#ss@cam-3/main?key=1")
    'rtsp://cam-3/main'

    Not by `urlsplit`: users do not escape their passwords, and it would show the half before a `#`.
    """
    if not is_url(address):
        return without_passwords(address)
    rest = address.partition("://")[2].rpartition("@")[2]
    return without_passwords(f"{scheme(address)}://{re.split('[?#]', rest)[0]}")
