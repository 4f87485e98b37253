"""Addresses of streams and cameras, and how they may be shown."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from urllib.parse import quote

from tracker.errors import OptionError
from tracker.passwords import without_passwords

SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "udp", "rtp", "tcp", "srt")
"""Streams that are read. Other protocols of FFmpeg (concat, subfile, ...) can reach files, so they are refused."""

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")

MOST_CAMERAS = 9999
"""No system numbers its cameras higher; from 100 on, OpenCV's hundreds choose the interface."""


def is_path(address: str) -> bool:
    """Whether something lies there; an address too long for a name is none."""
    try:
        return Path(address).exists()
    except ValueError:
        return False
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return False
        raise


def camera_number(address: str) -> int | None:
    """The camera that `address` names as `0` or `camera:0`; None if it names none."""
    match = re.fullmatch("(?:camera:)?([0-9]+)", address)
    return int(match[1]) if match and len(match[1]) < 1000 else None


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


def filled_in(address: str) -> str:
    """The URL with `${NAME}` replaced by that variable of the environment, with % in front of what a URL cannot hold.

    So a password stands neither in the list of processes nor in the shell's history. Only for what is never shown: the
    user and password before the @, and the query. Raises OptionError for a variable elsewhere, or that is not set.
    """
    named = VARIABLE.search(address)
    if named is None:
        return address
    shown_part = shown(address)
    if VARIABLE.search(shown_part):
        place = VARIABLE.sub("...", shown_part)
        raise OptionError(f"{place}: a variable is for user, password or query; write the rest of the address as it is")

    def value(found: re.Match[str]) -> str:
        if not os.environ.get(found[1]):
            raise OptionError(f"{shown_part}: the variable {found[1]} is not set; set it before: export {found[1]}=...")
        return quote(os.environ[found[1]], safe=":")  # user and password may be one variable

    return VARIABLE.sub(value, address)
