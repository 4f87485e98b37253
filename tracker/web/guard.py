"""Who may ask for what: checked before any route sees a request.

Host      a name that other sites can point at this machine is refused (DNS rebinding)
token     in the address once, then in a cookie that no script can read
origin    what changes the run must come from the page itself
body      at most MOST_BODY_BYTES
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
from collections.abc import Callable, Iterable
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BODY_BYTES = 256 * 1024
"""zones of hundreds of corners take a tenth of it"""

MOST_FIELDS = 20
"""of a query"""

HEADERS = {
    "content-security-policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Lets good requests through to `app`, and gives every answer the headers that keep browsers strict.

    token  None: nothing is asked for
    names  hosts by which the page may be asked for, beside addresses in numbers and localhost
    port   of the server: cookies know no ports, so it is part of the cookie's name
    """

    def __init__(self, app: ASGIApp, *, token: str | None, names: Iterable[str], port: int) -> None:
        self._app, self._token = app, token
        self._names = {"localhost", *(name.lower() for name in names if name)}
        self._cookie = f"tracker-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the app answer."""
        if scope["type"] != "http":
            return  # no other protocol is offered
        headers = Headers(scope=scope)
        fresh = self._token is not None and self._known(_token_of(scope))
        refusal = self._refusal(scope, headers, fresh=fresh)
        cookie = f"{self._cookie}={self._token}; Path=/; HttpOnly; SameSite=Strict" if fresh else None
        answer: ASGIApp = self._app if refusal is None else refusal
        await answer(scope, receive, _with_headers(send, cookie if refusal is None else None))

    def _refusal(self, scope: Scope, headers: Headers, *, fresh: bool) -> PlainTextResponse | None:
        host = headers.get("host", "")
        if not self._is_ours(host):
            return _refused(421, "this page is not served under that name; open the address that the program printed")
        if headers.get("sec-fetch-site", "none") in ("cross-site", "same-site") and (
            headers.get("sec-fetch-mode") != "navigate" or scope["method"] != "GET"
        ):
            return _refused(403, "another site has asked for this; open the page itself")
        if not fresh and self._token is not None and not self._known(_cookie_of(headers, self._cookie)):
            return _refused(401, "the token is missing or wrong; open the address that the program printed")
        if scope["method"] in ("GET", "HEAD"):
            return None
        if headers.get("origin", "").lower() not in (f"http://{host}".lower(), f"https://{host}".lower()):
            return _refused(403, f"requests come from the page itself, with the header Origin: http://{host}")
        length = headers.get("content-length", "0")
        if not (length.isdecimal() and len(length) < 10 and int(length) <= MOST_BODY_BYTES):
            return _refused(413, f"the body is larger than {MOST_BODY_BYTES // 1024} kB")
        return None

    def _is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return name.rstrip(".") in self._names or _is_number(name)

    def _known(self, given: str) -> bool:
        return self._token is not None and secrets.compare_digest(given.encode(), self._token.encode())


def own_names(host: str) -> set[str]:
    """The names of this machine, and the one under which it was asked to serve."""
    name = socket.gethostname()
    return {host, name, name.partition(".")[0], f"{name.partition('.')[0]}.local"}


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


def _token_of(scope: Scope) -> str:
    try:
        query = parse_qs(scope["query_string"].decode("ascii", "replace"), max_num_fields=MOST_FIELDS)
    except ValueError:
        return ""
    return query.get("token", [""])[0]


def _cookie_of(headers: Headers, name: str) -> str:
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return ""
    return cookies[name].value if name in cookies else ""


def _refused(status: int, line: str) -> PlainTextResponse:
    return PlainTextResponse(f"{line}\n", status, headers={"connection": "close"})


def _with_headers(send: Send, cookie: str | None) -> Callable[[Message], Any]:
    async def send_guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            if cookie is not None:
                headers.append("set-cookie", cookie)
        await send(message)

    return send_guarded
