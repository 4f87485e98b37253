"""The server: a thread of the run's process with a loop of its own. Signals stay with the run."""

from __future__ import annotations

import asyncio
import logging
import threading
from types import TracebackType

import uvicorn

from tracker.errors import SinkError
from tracker.web.address import Listener
from tracker.web.app import MOST_VIEWERS, build_app
from tracker.web.connection import ViewerConnection
from tracker.web.guard import Guard, own_names
from tracker.web.page import Page

MOST_CONNECTIONS = 3 * MOST_VIEWERS
"""each viewer has one for pictures and one for news, and some for requests"""
MOST_HEAD_BYTES = 16 * 1024
"""of a request's head"""
IDLE_S = 5
"""a connection without a request is closed after this"""
START_S = 10.0
"""for the server to begin to listen"""
GRACE_S = 1
"""for streams to end by themselves at the end of the run; whole seconds, as uvicorn wants"""
JOIN_S = 3.0
"""for the thread to end; it holds up no exit of the process after that"""


class Server:
    """Serves the page from `with` to its end, also while the run has not begun."""

    def __init__(self, page: Page, listener: Listener) -> None:
        self._page, self._listener = page, listener
        guarded = Guard(build_app(page), token=listener.token, names=own_names(listener.host), port=listener.port)
        # uvicorn logs addresses, and so the token; nothing of it is wanted
        logging.getLogger("uvicorn").setLevel(logging.CRITICAL + 1)
        self._server = uvicorn.Server(
            uvicorn.Config(
                guarded,
                http=ViewerConnection,
                ws="none",
                loop="asyncio",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                limit_concurrency=MOST_CONNECTIONS,
                h11_max_incomplete_event_size=MOST_HEAD_BYTES,
                timeout_keep_alive=IDLE_S,
                timeout_graceful_shutdown=GRACE_S,
            )
        )
        self._serving = threading.Event()
        self._thread = threading.Thread(target=self._run, name="page server", daemon=True)

    def __enter__(self) -> Server:
        self._thread.start()
        if not self._serving.wait(START_S) or not self._thread.is_alive():
            raise SinkError(f"the page could not be served within {START_S:g} s; leave --serve out, or try again")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End streams and server, within JOIN_S whatever the viewers do."""
        self._page.end()
        self._server.should_exit = True
        self._thread.join(JOIN_S)
        self._page.screen.close()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            self._listener.socket.close()
            self._serving.set()

    async def _serve(self) -> None:
        self._page.pictures.begin()
        self._page.happenings.begin()
        telling = asyncio.ensure_future(self._tell_when_started())
        try:
            await self._server.serve(sockets=[self._listener.socket])
        finally:
            telling.cancel()
            self._page.pictures.end()
            self._page.happenings.end()

    async def _tell_when_started(self) -> None:
        while not self._server.started:
            await asyncio.sleep(0.01)
        self._serving.set()
