"""What viewers ask of the run, checked before it is handed on: the run's thread meets nothing unexpected."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from tracker.errors import SinkError, TrackerError
from tracker.web.page import OutdatedError, Page

ANSWER_S = 10.0
"""for the run to answer: longer than its slowest frame"""
SWITCHES = ("pause", "freeze", "record")
MOST_LANES = 16


class RequestRefusedError(Exception):
    """A request that is not carried out; its text is one line."""

    def __init__(self, line: str, status: int = 400) -> None:
        super().__init__(line)
        self.status = status


async def control(page: Page, body: Any) -> dict[str, Any]:
    """{"action": "freeze", "value": true}: ask the run; returns the answer. Raises RequestRefusedError."""
    if not isinstance(body, dict) or not isinstance(body.get("action"), str):
        raise RequestRefusedError('wanted {"action": NAME, "value": VALUE}')
    action, value = body["action"], body.get("value")
    if action in SWITCHES:
        if not isinstance(value, bool):
            raise RequestRefusedError(f"{action}: wanted true or false")
        _ask(page, action, value)
    elif action == "reset":
        _ask(page, action, None)
    elif action == "lanes":
        _ask(page, action, _lanes(page, value))
    elif action == "snapshot":
        return {"name": str(await _snapshot(page))}
    else:
        raise RequestRefusedError(
            f"{action[:40]}: there is no such action; known are pause, freeze, record, reset, lanes, snapshot"
        )
    return {}


async def change_zones(page: Page, version: str | None, body: Any) -> dict[str, Any]:
    """Hand zones to the run; saved if there is a file for them: {"name": FILE}. Raises RequestRefusedError with what is wrong.

    version  of the zones that they were made of, if that is known: refused if somebody else has changed them since
    """
    if page.zones is None or not page.controls.can("zones"):
        raise RequestRefusedError("zones: cannot be changed in this run", 409)
    try:
        name = await asyncio.to_thread(page.zones.change, body, version)
    except TrackerError as error:
        status = {OutdatedError: 412, SinkError: 500}.get(type(error), 400)
        raise RequestRefusedError(str(error), status) from None
    return {} if name is None else {"name": name}


def _ask(page: Page, action: Any, value: Any) -> None:
    try:
        page.controls.ask(action, value)
    except TrackerError as error:
        raise RequestRefusedError(str(error), 409) from None


def _lanes(page: Page, value: Any) -> tuple[str, ...]:
    names = value if isinstance(value, list) and len(value) <= MOST_LANES else []
    chosen = tuple(lane for lane in page.lanes if lane in names)
    if not chosen or len(chosen) != len(names):
        raise RequestRefusedError(f"lanes: wanted a list of some of {', '.join(page.lanes) or 'none yet'}")
    return chosen


async def _snapshot(page: Page) -> Path:
    answer: Future[Path] = Future()
    _ask(page, "snapshot", answer)
    try:
        return await asyncio.wait_for(asyncio.wrap_future(answer), ANSWER_S)
    except asyncio.TimeoutError:
        raise RequestRefusedError(f"snapshot: no answer for {ANSWER_S:g} s; the run is busy", 503) from None
    except TrackerError as error:
        raise RequestRefusedError(str(error), 500) from None
