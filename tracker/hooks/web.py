"""A web hook: each event is posted as a JSON object of its own."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from tracker import __version__
from tracker.hooks.address import Destination
from tracker.hooks.channel import DeliveryRefusedError, UndeliveredError

AGAIN = (408, 425, 429)
"""answers after which the same event may be taken later, as after every 5xx"""
READ_BYTES = 1024
"""of an answer that are read; nobody needs them"""


class _NoRedirect(HTTPRedirectHandler):
    """A post that is redirected becomes a get without its body, and the password would go to another host."""

    def redirect_request(self, *_: Any) -> None:
        return None


class WebHook:
    """Posts to one URL. A user and password are sent as basic authentication."""

    most_at_once = 1

    def __init__(self, destination: Destination) -> None:
        self._url = destination.address
        self._headers = {"Content-Type": "application/json", "User-Agent": f"tracker/{__version__}"}
        if destination.user is not None:
            login = f"{destination.user}:{destination.password or ''}".encode()
            self._headers["Authorization"] = f"Basic {base64.b64encode(login).decode()}"
        self._opener = build_opener(_NoRedirect)

    def open(self) -> None:
        """Nothing to do: every event has a connection of its own."""

    def send(self, lines: Sequence[str], timeout_s: float) -> None:
        """Post the line. An answer 2xx: taken; 408, 425, 429 and 5xx: UndeliveredError; any other: DeliveryRefusedError."""
        request = Request(self._url, lines[0].encode(), self._headers, method="POST")
        try:
            with self._opener.open(request, timeout=timeout_s) as answer:
                answer.read(READ_BYTES)
        except HTTPError as error:
            error.close()
            said = f"the answer is {error.code}"
            raise (UndeliveredError if error.code in AGAIN or error.code >= 500 else DeliveryRefusedError)(
                said
            ) from None
        except URLError as error:
            raise UndeliveredError(_reason(error.reason)) from None
        except (OSError, HTTPException) as error:
            raise UndeliveredError(_reason(error)) from None
        except ValueError:
            raise DeliveryRefusedError("the address cannot be used") from None

    def close(self, timeout_s: float) -> None:
        """Nothing to do."""


def _reason(error: object) -> str:
    """A few words without the address."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or type(error).__name__
