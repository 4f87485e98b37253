"""What goes on without end: pictures as MJPEG, and status and events as server-sent events.

Each viewer takes the newest whenever its connection has room. Who takes nothing is left behind, then dropped.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from typing import Any

from starlette.types import Receive, Scope, Send

from tracker.web.connection import ViewerConnection
from tracker.web.page import Page
from tracker.web.screen import EncodedPicture, age_ms

BOUNDARY = b"picture"
STATUS_S = 0.5
"""how often the status is sent"""
STALLED_S = 20.0
"""after which a viewer that takes nothing is dropped"""
REPEAT_S = 5.0
"""after which the same picture is sent again: proxies drop what is silent"""


class Stream:
    """An answer whose parts are made while it is sent.

    parts  asked for the next one once the connection has room
    over   called at the end
    """

    def __init__(self, parts: AsyncGenerator[bytes, None], media_type: str, *, over: Callable[[], None]) -> None:
        self._parts, self._media_type, self._over = parts, media_type, over

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the parts end, the viewer goes, or it takes nothing for STALLED_S."""
        connection: ViewerConnection = scope["state"]["connection"]
        sending = asyncio.ensure_future(self._send(connection, send))
        leaving = asyncio.ensure_future(_gone(receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sending.cancel()
            leaving.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)
            await self._parts.aclose()
            if connection.flow.write_paused:  # a close would wait for a viewer that takes nothing
                connection.abort()
            self._over()

    async def _send(self, connection: ViewerConnection, send: Send) -> None:
        headers = [(b"content-type", self._media_type.encode()), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async for part in self._parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
            if not await connection.room(STALLED_S):
                return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def pictures(page: Page) -> AsyncGenerator[bytes, None]:
    """Parts of a multipart stream; the boundary ends a part, so that browsers show it at once."""
    number = 0
    page.screen.add_viewers(1)
    try:
        yield b"--" + BOUNDARY + b"\r\n"
        while not page.ended:
            shot = page.screen.shot
            if shot is None or shot.number == number:
                await page.pictures.wait(REPEAT_S)
                shot = page.screen.shot
            if shot is not None and not page.ended:
                number = shot.number
                yield _part(shot)
    finally:
        page.screen.add_viewers(-1)


def _part(shot: EncodedPicture) -> bytes:
    head = f"Content-Type: image/jpeg\r\nContent-Length: {len(shot.jpeg)}\r\nX-Age-Ms: {age_ms(shot):.1f}\r\n\r\n"
    return head.encode() + shot.jpeg + b"\r\n--" + BOUNDARY + b"\r\n"


async def news(page: Page, known: int) -> AsyncGenerator[bytes, None]:
    """Status twice a second, events as they happen; the first `known` events are not told again."""
    loop = asyncio.get_running_loop()
    yield _message("status", page.status())
    due = loop.time() + STATUS_S
    while True:
        ended = page.ended
        for number, event in page.events_after(known):
            known = number
            yield _message("event", event, number)
        if loop.time() >= due or ended:
            due = loop.time() + STATUS_S
            yield _message("status", page.status())
        if ended:
            return
        await page.happenings.wait(max(0.0, due - loop.time()))


def _message(kind: str, value: Any, number: int | None = None) -> bytes:
    numbered = "" if number is None else f"id: {number}\n"
    return f"event: {kind}\n{numbered}data: {json.dumps(value, allow_nan=False)}\n\n".encode()
