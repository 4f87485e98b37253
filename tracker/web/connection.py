"""A connection with limits: how long a request may take to arrive, how much may wait to be sent."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 10.0
"""for the head of a request to be complete; who sends it byte by byte is dropped"""


class ViewerConnection(H11Protocol):
    """uvicorn's connection; a route finds it in `request.state.connection`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.app_state = {**self.app_state, "connection": self}
        self._waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # a picture is chosen when there is room for it, not before
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:  # the head of the next request has begun
            self._wait_for_head()
        else:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    async def room(self, limit_s: float) -> bool:
        """Wait until all that was sent has gone to the system; False if the other side takes nothing for so long."""
        if not self.flow.write_paused:
            return True
        try:
            await asyncio.wait_for(self.flow.drain(), limit_s)
        except asyncio.TimeoutError:
            return False
        return True

    def abort(self) -> None:
        """Drop the connection, with whatever waits to be sent."""
        self.transport.abort()

    def _wait_for_head(self) -> None:
        if self._waiting is None:
            self._waiting = self.loop.call_later(HEAD_S, self.abort)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
