"""A live run and its page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tracker.controls import Controls
from tracker.draw import Overlay
from tracker.errors import SettingsError, SinkError, TrackerError
from tracker.events import EventFinder
from tracker.jobs.live import Live
from tracker.jobs.zones import ZoneWatch, read_zones, write_zones
from tracker.types import Sink, SourceInfo
from tracker.web import Address, OutdatedError, Page, PageSink, ZoneDoor, check_extra, listen, version_of
from tracker.zones import Zones


@contextmanager
def serve_page(
    live: Live,
    address: tuple[str, int | None],
    *,
    notify: Callable[[str], None],
    save_zones: Path | None = None,
) -> Iterator[Page]:
    """Serve the page of a run from now to the end of `with`; `notify` is told its address.

    address     (host, port); None: the usual port, or the next one that is free
    save_zones  settings file for zones that are changed on the page

    Raises MissingExtraError without the extra `web`, SinkError if the address cannot be had.
    """
    check_extra()
    from tracker.web.server import Server

    page = Page(live.controls, live.board, run=live.mark.run)

    def build(overlay: Overlay, finders: Mapping[str, EventFinder], info: SourceInfo) -> Sequence[Sink]:
        page.title, page.lanes = info.name, overlay.lanes
        zones = live.zones
        if zones is None:
            return [PageSink(page, render=overlay, finders=finders, pixel_aspect=info.pixel_aspect)]
        page.zones = zone_door(zones, live.controls, save_zones)

        def count_zones() -> dict[str, Any]:
            return {lane: counts.as_dict() for lane, counts in zones.counts().items()} if zones.zones.count else {}

        return [
            PageSink(page, render=overlay, finders=finders, pixel_aspect=info.pixel_aspect, count_zones=count_zones)
        ]

    host, port = address
    listener = listen(Address(host) if port is None else Address(host, port, search=False))
    with Server(page, listener):
        notify(f"tracker: the page is at {listener.url}")
        live.also.append(build)
        live.served = True
        try:
            yield page
        finally:
            live.board.change(state="ended")  # also of a run that never began


def zone_door(watch: ZoneWatch, controls: Controls, file: Path | None) -> ZoneDoor:
    """How the page changes and saves a run's zones: the `zones:` of a settings file, in shares of the picture."""

    def now() -> dict[str, Any]:
        return in_shares(watch.asked, watch.size)

    def change(body: Any, version: str | None) -> str | None:
        if not isinstance(body, Mapping):
            raise SettingsError("zones: wanted areas, lines, include and exclude by name")
        with watch.changing:
            if version not in (None, version_of(now())):
                raise OutdatedError("zones: somebody else has changed them; discard yours to see what is in force")
            zones = read_zones(body, "zones")
            watch.ask(zones, controls)
            if file is None:
                return None
            try:
                write_zones(file, zones)
            except TrackerError as error:
                raise SinkError(f"the zones are in use, but not saved: {error}") from None
            return str(file)

    return ZoneDoor(change, now)


def in_shares(zones: Zones, size: tuple[int, int]) -> dict[str, Any]:
    """The zones for JSON, with places in pixels of a picture (width, height) made shares of it."""
    plain: dict[str, Any] = zones.model_dump(mode="json", exclude_defaults=True)
    for kind in ("include", "exclude", "areas"):
        for name, points in plain.get(kind, {}).items():
            plain[kind][name] = _shares(points, size)
    for line in plain.get("lines", {}).values():
        line["points"] = _shares(line["points"], size)
    return plain


def _shares(points: list[list[float]], size: tuple[int, int]) -> list[list[float]]:
    if all(0 <= number <= 1 for point in points for number in point):
        return points
    return [[round(min(1.0, number / side), 4) for number, side in zip(point, size, strict=True)] for point in points]
