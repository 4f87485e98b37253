"""The routes of the page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from tracker.web.guard import MOST_BODY_BYTES
from tracker.web.page import Page, version_of
from tracker.web.requests import RequestRefusedError, change_zones, control
from tracker.web.streams import BOUNDARY, Stream, news, pictures

STATIC = Path(__file__).parent / "static"
FILES = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
    "/zones.js": ("zones.js", "text/javascript"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
MOST_VIEWERS = 64
"""of pictures, and as many of news"""
BODY_S = 10.0
"""for a body to be complete"""
MOST_DIGITS = 16
"""of an event's number"""


def build_app(page: Page) -> ASGIApp:
    """The page's application, not yet guarded."""
    open_streams = {"pictures": 0, "news": 0}

    def stream(request: Request, kind: str, parts: AsyncGenerator[bytes, None], media_type: str) -> Any:
        if request.method == "HEAD":
            return Response(media_type=media_type)
        if open_streams[kind] >= MOST_VIEWERS:
            return PlainTextResponse(f"{MOST_VIEWERS} viewers are here already; close one, or try later\n", 503)
        open_streams[kind] += 1

        def over() -> None:
            open_streams[kind] -= 1

        return Stream(parts, media_type, over=over)

    async def show(request: Request) -> Any:
        return stream(request, "pictures", pictures(page), f"multipart/x-mixed-replace; boundary={BOUNDARY.decode()}")

    async def tell(request: Request) -> Any:
        after = request.query_params.get("after", "")
        same_run = request.query_params.get("run") == page.run
        known = int(after) if same_run and after.isdecimal() and len(after) < MOST_DIGITS else 0
        return stream(request, "news", news(page, known), "text/event-stream")

    async def status(request: Request) -> Response:
        return _json(page.status())

    async def ask(request: Request) -> Response:
        return await _answer(request, partial(control, page))

    async def zones(request: Request) -> Response:
        if request.method == "POST":
            answer = await _answer(request, partial(change_zones, page, _version(request)))
        elif page.zones is None or not page.controls.can("zones"):
            return _json({"error": "this run has no zones"}, 404)
        else:
            answer = _json(page.zones.now())
        if answer.status_code == 200 and page.zones is not None:
            answer.headers["ETag"] = f'"{version_of(page.zones.now())}"'
        return answer

    return Starlette(
        routes=[
            *(_file(path, STATIC / name, kind) for path, (name, kind) in FILES.items()),
            Route("/stream.mjpg", show),
            Route("/news", tell),
            Route("/status", status),
            Route("/controls", ask, methods=["POST"]),
            Route("/zones", zones, methods=["GET", "POST"]),
        ]
    )


def _file(path: str, file: Path, kind: str) -> Route:
    data = file.read_bytes()

    async def give(request: Request) -> Response:
        return Response(data, media_type=kind)

    return Route(path, give)


def _version(request: Request) -> str | None:
    """What the client takes the zones to be, if it says so."""
    said = request.headers.get("if-match")
    return None if said is None or said == "*" else said.strip().strip('"')


def _json(value: Any, status: int = 200) -> Response:
    """In ASCII: a file's name need not be UTF-8, and its odd characters are escaped."""
    return Response(json.dumps(value, allow_nan=False), status, media_type="application/json")


async def _answer(request: Request, act: Callable[[Any], Awaitable[dict[str, Any]]]) -> Response:
    """Read the body as JSON, act on it, and answer with JSON: {} or what there is to say, or {"error": LINE}."""
    try:
        body = await asyncio.wait_for(_body(request), BODY_S)
        return _json(await act(body))
    except asyncio.TimeoutError:
        return _json({"error": f"the body was not complete after {BODY_S:g} s"}, 408)
    except ClientDisconnect:
        return Response(status_code=400)
    except RequestRefusedError as refused:
        return _json({"error": str(refused)}, refused.status)


async def _body(request: Request) -> Any:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise RequestRefusedError("wanted a body of type application/json", 415)
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > MOST_BODY_BYTES:
            raise RequestRefusedError(f"the body is larger than {MOST_BODY_BYTES // 1024} kB", 413)
    try:
        return json.loads(data, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise RequestRefusedError("the body is no JSON") from None


def _no_number(name: str) -> Any:
    raise ValueError(name)
