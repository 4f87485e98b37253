"""Where the page is served: the socket, the token, the address that is shown."""

from __future__ import annotations

import ipaddress
import secrets
import socket
import sys
from dataclasses import dataclass

from tracker.errors import SinkError

TOKEN_BYTES = 24
"""192 random bits: nobody guesses them"""
PORTS_TRIED = 20
"""ports from the usual one on, if nobody has asked for one"""
SEND_BUFFER_BYTES = 128 * 1024
"""of the system, for each viewer: two or three pictures. By itself it grows to megabytes, which is seconds of old pictures"""
BACKLOG = 64


@dataclass(frozen=True)
class Address:
    """Where to listen."""

    host: str = "127.0.0.1"
    port: int = 8765
    """0: any free one"""
    search: bool = True
    """take the next free port if this one is in use"""

    def __str__(self) -> str:
        return f"{_bracketed(self.host)}:{self.port}"


@dataclass(frozen=True)
class Listener:
    """A socket that listens, and what opens the page."""

    socket: socket.socket
    host: str
    port: int
    token: str | None
    """None: only this machine can connect, and nothing is asked for"""

    @property
    def url(self) -> str:
        """The page's address, with the token."""
        query = "" if self.token is None else f"?token={self.token}"
        return f"http://{_bracketed(_reached_at(self.host))}:{self.port}/{query}"


def listen(address: Address) -> Listener:
    """Open the socket; a token is made unless it is of the loopback device. Raises SinkError if it cannot be opened."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise SinkError(f"--serve {address}: there is no such host; give an address of this machine") from None
    family, _, _, _, place = found[0]
    ports = range(address.port, min(address.port + (PORTS_TRIED if address.search else 1), 65536))
    for port in ports:
        opened = _open(family, (place[0], port, *place[2:]), address, last=port == ports[-1])
        if opened is not None:
            local = ipaddress.ip_address(str(place[0]).partition("%")[0]).is_loopback
            token = None if local else secrets.token_urlsafe(TOKEN_BYTES)
            return Listener(opened, address.host, opened.getsockname()[1], token)
    raise AssertionError("the last port is taken or refused")


def _open(family: int, place: tuple[object, ...], address: Address, *, last: bool) -> socket.socket | None:
    """None: in use, and there are others to try."""
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":  # there it would let two programs have one port
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        opened.bind(place)
        opened.listen(BACKLOG)
    except OSError as error:
        opened.close()
        if not last:
            return None
        reason = error.strerror or str(error)
        cure = "end the program that has this port, or choose another address: --serve HOST:PORT"
        raise SinkError(f"--serve {address}: the page cannot be served there ({reason}); {cure}") from None
    opened.setblocking(False)
    return opened


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _reached_at(host: str) -> str:
    """Under which address others reach a socket that listens on all of them."""
    if host not in ("", "0.0.0.0", "::"):
        return host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it asks the system for the way out
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()
