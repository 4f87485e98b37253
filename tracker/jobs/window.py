"""A run and its window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tracker.draw import Overlay, columns_of
from tracker.jobs.live import Live
from tracker.jobs.zones import ZoneWatch, read_zones, write_zones
from tracker.settings import RunSettings
from tracker.sinks import Window, WindowRun
from tracker.types import SourceInfo
from tracker.zone_counts import Points
from tracker.zones import Zones

NAME = "zone-{}"
"""of areas that are drawn in the window"""


def build_window(
    settings: RunSettings,
    info: SourceInfo,
    overlay: Overlay,
    live: Live | None,
    when_lost: Callable[[str], None] | None,
) -> Window:
    """The window of a run, which tells how a live one goes and controls it. `when_lost` as in `Window`."""
    run = None
    if live is not None:
        zones = live.zones
        add_zone = None if zones is None else zone_adder(live, zones, overlay)
        run = WindowRun(live.controls, live.board, _lanes_by_key(settings, overlay.lanes), add_zone)
    return Window("tracker", render=overlay, pixel_aspect=info.pixel_aspect, when_lost=when_lost, run=run)


def _lanes_by_key(settings: RunSettings, lanes: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """What the keys g, n and b show: lanes of one method, variants too, or all in the order of the settings."""
    kinds = {lane: settings.of_lane(lane)[0] for lane in settings.lanes if lane in lanes}
    by_kind = {kind: tuple(lane for lane in kinds if kinds[lane] == kind) for kind in ("gmm", "slots")}
    return {**by_kind, "both": tuple(kinds)}


def zone_adder(live: Live, watch: ZoneWatch, overlay: Overlay) -> Callable[[Points], str]:
    """What makes a polygon that was drawn in the window an area of the run, and saves the zones if there is a file for them.

    The polygon is in shares of the picture; where that shows several lanes side by side, of the lane's in which it begins. The
    function returns one line that says so. It raises SettingsError for a polygon that cannot be an area, SinkError if
    the zones are in use and could not be saved.
    """

    def add(corners: Points) -> str:
        with watch.changing:
            name = _free_name(watch.asked)
            plain = watch.asked.model_dump(mode="json", exclude_defaults=True)
            points = [list(corner) for corner in in_one_panel(corners, len(overlay.shown))]
            zones = read_zones({**plain, "areas": {**plain.get("areas", {}), name: points}}, "zones")
            watch.ask(zones, live.controls)
            return _saved(live.save_zones, zones, name)

    return add


def _saved(file: Path | None, zones: Zones, name: str) -> str:
    if file is None:
        return f"{name} is an area now"
    write_zones(file, zones)
    return f"{name} is an area now, saved in {file}"


def _free_name(zones: Zones) -> str:
    taken = {*zones.areas, *zones.lines}
    return next(name for n in range(1, len(taken) + 2) if (name := NAME.format(n)) not in taken)


def in_one_panel(corners: Points, panels: int) -> Points:
    """Corners in shares of one lane's picture, from shares of a picture with so many lanes as `draw.side_by_side` puts them.

    Those outside the panel of the first corner are moved to its border. The gaps of two pixels are left out of the account.
    """
    columns = columns_of(panels)
    rows = -(-panels // columns)
    x0, y0 = corners[0]
    column, row = min(int(x0 * columns), columns - 1), min(int(y0 * rows), rows - 1)
    return tuple((_share(x * columns - column), _share(y * rows - row)) for x, y in corners)


def _share(number: float) -> float:
    return round(min(1.0, max(0.0, number)), 4)
