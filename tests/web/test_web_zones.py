"""The zones of a real run, read, checked, changed and saved through its page."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from commands import call, refused

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from live_run import SIZE, live_run, request, until

from tracker.jobs.page import in_shares
from tracker.jobs.zones import ZoneWatch
from tracker.settings import load_settings
from tracker.zones import Line, Zones

SQUARE = [[0.2, 0.2], [0.8, 0.2], [0.8, 0.9], [0.2, 0.9]]


def test_zones_of_the_page_are_used_counted_saved_and_given_back(tmp_path):
    file = tmp_path / "zones.yaml"

    def watch(run):
        run.live.watch(ZoneWatch(Zones(anchor="centre"), ("gmm", "slots"), SIZE), run.lines.append)

    with live_run(tmp_path, before_frames=watch, save_zones=file) as run:
        assert json.loads(request(run.port, "GET", "/zones")[2]) == {"anchor": "centre"}
        wanted = {"anchor": "centre", "areas": {"middle": SQUARE}, "lines": {"gate": {"points": [[0.5, 0], [0.5, 1]]}}}
        status, _, text = request(run.port, "POST", "/zones", wanted)
        assert (status, json.loads(text)) == (200, {"name": str(file)})
        assert load_settings([file]).zones.model_dump() == Zones.model_validate(wanted).model_dump()
        until(lambda: run.page.zone_counts.get("slots", {}).get("areas", {}).get("middle"), "the counting")
        until(lambda: run.page.zone_counts["slots"]["areas"]["middle"]["inside"] == 1, "somebody inside")
        assert set(run.page.zone_counts["slots"]["lines"]["gate"]) == {"in", "out"}
        assert json.loads(request(run.port, "GET", "/zones")[2])["areas"] == {"middle": SQUARE}
        crossed = {"areas": {"x": [[0.1, 0.1], [0.9, 0.9], [0.9, 0.1], [0.1, 0.9]]}}
        for wrong, words in ((crossed, "crosses itself"), ([], "by name"), ({"areas": {"x": [[0, 0]]}}, "3 points")):
            status, _, text = request(run.port, "POST", "/zones", wrong)
            assert (status, words in text) == (400, True), text
        assert json.loads(request(run.port, "GET", "/zones")[2])["areas"] == {"middle": SQUARE}


def test_of_many_zones_sent_quickly_one_after_the_other_none_is_lost(tmp_path):
    def watch(run):
        run.live.watch(ZoneWatch(Zones(), ("gmm", "slots"), SIZE), run.lines.append)

    def add(name):
        """As a program does that adds a zone to those that there are; others may be doing the same."""
        for _ in range(100):
            _, headers, text = request(run.port, "GET", "/zones")
            zones = json.loads(text)
            wanted = {**zones, "areas": {**zones.get("areas", {}), name: SQUARE}}
            status, after, said = request(run.port, "POST", "/zones", wanted, If_Match=headers["etag"])
            if status == 200:
                assert after["etag"] != headers["etag"]
                return
            assert (status, "somebody else" in said) == (412, True)
        raise AssertionError("always refused")

    file = tmp_path / "zones.yaml"
    with live_run(tmp_path, before_frames=watch, save_zones=file) as run:
        assert json.loads(request(run.port, "GET", "/status")[2])["run"] == run.live.mark.run  # as its events say
        run.live.controls.ask("pause", True)  # nothing is in use before all have been sent
        for number in range(10):
            add(f"one {number}")
        with ThreadPoolExecutor(5) as threads:
            list(threads.map(add, [f"other {number}" for number in range(10)]))
        wanted = {f"{which} {number}" for which in ("one", "other") for number in range(10)}
        assert set(json.loads(request(run.port, "GET", "/zones")[2])["areas"]) == wanted
        assert set(load_settings([file]).zones.areas) == wanted
        run.live.controls.ask("pause", False)
        until(lambda: set(run.live.zones.zones.areas) == wanted, "all zones")


def test_zones_in_pixels_are_shown_in_shares():
    zones = Zones(areas={"a": ((0, 0), (80, 0), (160, 60))}, lines={"l": Line(points=((0, 0), (0.5, 1)))})
    shown = in_shares(zones, SIZE)
    assert shown == {"areas": {"a": [[0, 0], [0.5, 0], [1, 0.5]]}, "lines": {"l": {"points": [[0, 0], [0.5, 1]]}}}


def test_a_file_for_zones_without_window_and_page_is_refused():
    result = call("webcam", "--no-show", "--record", "out.mp4", "--save-zones", "zones.yaml")
    assert (result.exit_code, "add --serve" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("option", "name", "said"),
    [
        ("--save-zones", "none/zones.yaml", "there is no folder"),
        ("--save-zones", "list.yaml", "wanted settings as `key: value`, got a list"),
        ("--snapshots", "list.yaml", "there is a file where the folder should be"),
    ],
)
def test_a_place_that_nothing_can_be_saved_in_is_refused_at_the_start(option, name, said, tmp_path):
    (tmp_path / "list.yaml").write_text("[1, 2]\n")
    wanted = tmp_path / name
    line = refused("webcam", "no-such.mp4", "--no-show", "--serve", "127.0.0.1:0", option, wanted)
    assert line.startswith(f"{wanted}: ")
    assert said in line


@pytest.mark.parametrize(("option", "name"), [("--save-zones", "z.yaml"), ("--snapshots", "kept"), ("--state", "s")])
def test_a_folder_that_is_read_only_is_refused_at_the_start(option, name, tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path)  # permissions bind no root
    line = refused("webcam", "no-such.mp4", "--no-show", "--serve", "127.0.0.1:0", option, tmp_path / name)
    assert f": {tmp_path} cannot be written; choose another folder" in line
