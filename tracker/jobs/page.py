"""A live run and its page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from tracker.draw import Overlay
from tracker.events import EventFinder
from tracker.jobs.live import Live
from tracker.types import Sink, SourceInfo
from tracker.web import Address, Page, PageSink, check_extra, listen


@contextmanager
def serve_page(live: Live, address: tuple[str, int | None], *, notify: Callable[[str], None]) -> Iterator[Page]:
    """Serve the page of a run from now to the end of `with`; `notify` is told its address.

    address  (host, port); None: the usual port, or the next one that is free

    Raises MissingExtraError without the extra `web`, SinkError if the address cannot be had.
    """
    check_extra()
    from tracker.web.server import Server

    page = Page(live.controls, live.board)

    def build(overlay: Overlay, finders: Mapping[str, EventFinder], info: SourceInfo) -> Sequence[Sink]:
        page.title, page.lanes = info.name, overlay.lanes
        return [PageSink(page, render=overlay, finders=finders, pixel_aspect=info.pixel_aspect)]

    host, port = address
    listener = listen(Address(host) if port is None else Address(host, port, search=False))
    with Server(page, listener):
        notify(f"tracker: the page is at {listener.url}")
        live.also.append(build)
        try:
            yield page
        finally:
            live.board.change(state="ended")  # also of a run that never began
