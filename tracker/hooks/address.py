"""Where events go: `-`, a file, a web hook's URL or an MQTT topic. Imports nothing heavy: the command line reads these."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import SplitResult, unquote, urlsplit

Kind = Literal["stdout", "file", "web", "mqtt"]

KINDS: dict[str, Kind] = {"http": "web", "https": "web", "mqtt": "mqtt", "mqtts": "mqtt"}
"""by scheme"""
PORTS = {"mqtt": 1883, "mqtts": 8883}
MOST_TOPIC_BYTES = 60_000
"""MQTT has 65,535, of which topic/status needs seven more"""
LONGEST = 4096
"""characters of an address"""


@dataclass(frozen=True)
class Destination:
    """One place to which events go."""

    kind: Kind
    shown: str
    """as it may be printed: of a URL scheme, host and port, since the path of a web hook is often its secret; and the topic"""
    address: str = field(repr=False)
    """as it was given: a path, or a URL without user and password"""
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    host: str = ""
    port: int = 0
    topic: str = ""
    secure: bool = False


def read_destination(text: str) -> Destination:
    """What `--events-to` names. Raises ValueError with a line that shows no password.

    >>> read_destination("https://me:pw@hooks.example/T0/B0/secret").shown
    'https://hooks.example'
    """
    if text == "-":
        return Destination("stdout", "stdout", "-")
    if not text or "\0" in text or len(text) > LONGEST:
        raise ValueError(f"wanted -, a file or a URL of 1 to {LONGEST} characters")
    if not re.match("[A-Za-z][A-Za-z0-9+.-]+:/", text):
        return Destination("file", text, text)
    scheme = text.partition(":")[0].lower()
    if scheme not in KINDS:
        raise ValueError(f"{scheme}: events go to http, https, mqtt and mqtts addresses, to a file or to -")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or any(c.isspace() or not c.isprintable() for c in text):
        raise ValueError(
            # without the sign for "at" or its code: what stands before it is taken for a password and left out
            f"{scheme}: no host that can be read; wanted {scheme}://HOST/..., and / ? # inside a password as %2F %3F %23"
        )
    if KINDS[scheme] == "web":
        return _web(parts, host, port)
    topic = unquote(parts.path).strip("/")
    if not topic or set("+\0") & set(topic) or set("#?") & set(text) or len(topic.encode()) > MOST_TOPIC_BYTES:
        raise ValueError("mqtt: wanted a topic without + # ?, such as mqtt://host/cameras/door")
    return _mqtt(parts, host, port, topic)


def _web(parts: SplitResult, host: str, port: int | None) -> Destination:
    place = _place(host, port)
    address = parts._replace(netloc=place, fragment="").geturl()
    return Destination("web", f"{parts.scheme}://{place}", address, *_login(parts), host=host)


def _mqtt(parts: SplitResult, host: str, port: int | None, topic: str) -> Destination:
    shown = f"{parts.scheme}://{_place(host, port)}/{topic}"
    return Destination(
        "mqtt", shown, shown, *_login(parts),
        host=host, port=port or PORTS[parts.scheme], topic=topic, secure=parts.scheme == "mqtts",
    )  # fmt: skip


def _login(parts: SplitResult) -> tuple[str | None, str | None]:
    user, password = parts.username, parts.password
    return None if user is None else unquote(user), None if password is None else unquote(password)


def _place(host: str, port: int | None) -> str:
    name = f"[{host}]" if ":" in host else host
    return name if port is None else f"{name}:{port}"
