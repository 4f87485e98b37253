"""A run's zones as they are drawn in its window, and the lanes that its keys show."""

import numpy as np
import pytest

from tracker.draw import Overlay
from tracker.draw.settings import OverlaySettings
from tracker.errors import SettingsError
from tracker.jobs import Live, ZoneWatch
from tracker.jobs.window import build_window, in_one_panel, zone_adder
from tracker.settings import RunSettings, Variant, read_settings
from tracker.types import SourceInfo
from tracker.zones import Line, Zones

SIZE = (320, 240)
SQUARE = ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75))


def drawing(zones=None, file=None, lanes=("slots", "gmm")):
    live, watch = Live(save_zones=file), ZoneWatch(zones or Zones(), lanes, SIZE)
    live.watch(watch, lambda line: pytest.fail(line))
    overlay = Overlay(OverlaySettings(), lanes=lanes)
    return live, watch, overlay, zone_adder(live, watch, overlay)


def test_a_zone_that_is_drawn_is_an_area_from_the_next_frame_on_beside_those_that_are_there():
    line = Line(points=((0, 0), (300, 200)))
    live, watch, _, add = drawing(Zones(areas={"door": ((0, 0), (80, 0), (80, 60))}, lines={"zone-1": line}))
    assert add(SQUARE) == "zone-2 is an area now"
    assert list(watch.zones.areas) == ["door"]
    live.controls.attend()
    assert watch.zones.areas == {"door": ((0, 0), (80, 0), (80, 60)), "zone-2": SQUARE}
    assert watch.zones.lines == {"zone-1": line}
    assert add(SQUARE) == "zone-3 is an area now"


def test_zones_that_are_drawn_are_saved_where_settings_can_be_read(tmp_path):
    file = tmp_path / "door.yaml"
    live, watch, _, add = drawing(file=file)
    assert add(SQUARE) == f"zone-1 is an area now, saved in {file}"
    live.controls.attend()
    assert read_settings(RunSettings, [file]).zones == watch.zones


def test_a_polygon_that_crosses_itself_is_refused_and_the_zones_stay(tmp_path):
    live, watch, _, add = drawing(file=tmp_path / "door.yaml")
    with pytest.raises(SettingsError, match="crosses itself") as raised:
        add((SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3]))
    assert "\n" not in str(raised.value)
    live.controls.attend()
    assert watch.zones == Zones()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("count", "columns", "rows"), [(1, 1, 1), (2, 2, 1), (3, 3, 1), (4, 2, 2), (5, 3, 2)])
def test_a_zone_in_any_of_several_pictures_is_one_in_each(count, columns, rows):
    for panel in range(count):
        row, column = divmod(panel, columns)
        drawn = tuple(((x + column) / columns, (y + row) / rows) for x, y in SQUARE)
        assert np.allclose(in_one_panel(drawn, count), SQUARE, atol=1e-3)
    assert in_one_panel(((0.9, 0.5), (0.1, 0.5), (1.0, 1.0)), 2) == ((0.8, 0.5), (0.0, 0.5), (1.0, 1.0))


def test_a_zone_drawn_where_two_lanes_are_shown_is_in_shares_of_one():
    live, watch, overlay, add = drawing()
    overlay.show(("gmm", "slots"))
    add(tuple((0.5 + x / 2, y) for x, y in SQUARE))
    live.controls.attend()
    assert watch.zones.areas["zone-1"] == SQUARE


def test_keys_show_lanes_of_their_method_variants_too():
    settings = RunSettings(
        lanes=("gmm", "slots", "slow"), variants={"slow": Variant(lane="slots", changes=("slots.working_width=160",))}
    )
    overlay = Overlay(OverlaySettings(), lanes=("slots", "slow", "gmm"))
    window = build_window(settings, SourceInfo("clip", SIZE, 25.0, None, live=True), overlay, Live(), None)
    lanes = window._run.lanes
    assert lanes == {"gmm": ("gmm",), "slots": ("slots", "slow"), "both": ("gmm", "slots", "slow")}
    assert window._run.add_zone is None  # nobody watches zones yet
