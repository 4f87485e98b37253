"""Zones in a run: who is reported, what the files say, and zones that change and are saved while it goes on."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from clips import write_pictures

from tracker.controls import Controls
from tracker.errors import SettingsError, SinkError
from tracker.jobs import Job, Live, ZoneWatch, process, read_zones, write_zones
from tracker.picture import Picture
from tracker.settings import load_settings
from tracker.types import Box, Frame, Moment, Segmentation, Track, View
from tracker.zones import Line, Zones

LEFT = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
ZONES = Zones(areas={"left": LEFT}, lines={"gate": Line(points=((0.5, 0), (0.5, 1)), forward="west", backward="east")})


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A bright block that walks from the left to the right over a noisy grey wall."""
    random = np.random.default_rng(0)
    pictures = []
    for n in range(60):
        picture = random.normal(90, 2, (96, 128, 3))
        x = -20 + 3 * n
        picture[40:70, max(0, x) : max(0, x + 14)] = (240, 200, 40)
        pictures.append(picture.clip(0, 255).astype(np.uint8))
    return write_pictures(tmp_path_factory.mktemp("walk") / "frames", pictures, name="frame{:03d}.png")


def settings_of(*overrides):
    zones = "zones={areas: {left: [[0,0],[0.5,0],[0.5,1],[0,1]]}, lines: {gate: {points: [[64,0],[64,96]], forward: west, backward: east}}}"
    return load_settings(overrides=["lanes=[gmm]", "device=cpu", zones, *overrides])


def rows(path):
    lines = path.read_text().splitlines()
    assert lines[0] == "frame,time_s,kind,zone,direction,id,seconds"
    return [line.split(",") for line in lines[1:]]


def test_a_run_writes_passages_and_totals(clip, tmp_path):
    result = process(Job(str(clip), tmp_path / "out.mp4", overwrite=True), settings_of())
    table = tmp_path / "out.gmm.zones.csv"
    assert table in result.files
    kinds = [(row[2], row[3], row[4]) for row in rows(table)]
    assert kinds == [("entry", "left", "appeared"), ("exit", "left", "across"), ("crossing", "gate", "east")]
    leaving, crossing = rows(table)[1:]
    assert leaving[0] == crossing[0]
    assert leaving[1] == crossing[1]
    assert float(crossing[1]) == pytest.approx((64 + 20 - 7) / 3 / 25, abs=0.04)  # the block's middle is at -13 + 3 n
    counts = json.loads((tmp_path / "out.summary.json").read_text())["lanes"]["gmm"]["zones"]
    assert counts["lines"] == {"gate": {"west": 0, "east": 1}}
    assert counts["areas"]["left"]["entries"] == counts["areas"]["left"]["exits"] == 1
    assert counts["areas"]["left"]["longest_s"] == pytest.approx(float(leaving[6]), abs=1e-3)
    process(Job(str(clip), tmp_path / "out.mp4", overwrite=True), load_settings(overrides=["lanes=[gmm]"]))
    assert not table.exists()  # an earlier run's, of the same name
    assert "zones" not in json.loads((tmp_path / "out.summary.json").read_text())["lanes"]["gmm"]


def test_who_lies_in_an_excluded_polygon_stands_in_no_file(clip, tmp_path):
    right = "zones.exclude.right=[[0.5,0],[1,0],[1,1],[0.5,1]]"
    process(Job(str(clip), tmp_path / "out.mp4", video=False), settings_of(right))
    places = [line.split(",") for line in (tmp_path / "out.gmm.csv").read_text().splitlines()[1:]]
    assert places
    assert all((float(row[3]) + float(row[5])) / 2 < 64 for row in places)
    process(Job(str(clip), tmp_path / "all.mp4", video=False), settings_of())
    everywhere = [line.split(",") for line in (tmp_path / "all.gmm.csv").read_text().splitlines()[1:]]
    assert [row for row in everywhere if (float(row[3]) + float(row[5])) / 2 < 64] == places


def test_a_polygon_outside_the_picture_is_refused_before_anything_is_written(clip, tmp_path):
    with pytest.raises(
        SettingsError, match=r"zones\.areas\.far: point 2 \(500, 0\) lies outside the picture of 128x96"
    ):
        process(Job(str(clip), tmp_path / "new" / "out.mp4"), settings_of("zones.areas.far=[[0,0],[500,0],[500,9]]"))
    assert list(tmp_path.iterdir()) == []


def test_a_comparison_shows_every_lane_by_zone(clip, tmp_path):
    process(Job(str(clip), tmp_path / "compare.mp4", compare=True, max_frames=12), settings_of("lanes=[gmm, mog2]"))
    page = (tmp_path / "report.html").read_text()
    assert "<th>Line gate</th><th>west</th><th>east</th>" in page
    assert "<th>Area left</th>" in page
    assert '<a href="compare.mog2.zones.csv">' in page
    assert page.count('<th scope="row"><span class="lane" data-lane="1">mog2</span></th>') == 2


# What changes while a run goes on


def moment(index, x, size=(100, 50)):
    empty = np.zeros((size[1], size[0]), np.int32)
    view = View("a", Segmentation(empty, (), empty > 0), (Track(1, Box(x - 5, 20, x + 5, 40), 1.0, 0),))
    return Moment(Frame(index, index / 10, Picture.of(np.zeros((size[1], size[0], 3), np.uint8))), (view,))


def test_zones_are_replaced_by_a_control_and_bad_ones_leave_the_old():
    live, said = Live(), []
    watch = ZoneWatch(ZONES, ["a"], (100, 50))
    live.watch(watch, said.append)
    assert live.zones is watch
    for n, x in enumerate((30, 70, 90)):
        watch.step(moment(n, x))
    live.controls.ask("zones", Zones(lines=ZONES.lines, exclude={"left": LEFT}))
    live.controls.attend()
    assert watch.step(moment(3, 60)).views[0].tracks != ()
    assert watch.step(moment(4, 40)).views[0].tracks == ()
    assert watch.counts()["a"].lines == {"gate": {"west": 0, "east": 1}}
    live.controls.ask("zones", Zones(areas={"far": ((0, 0), (900, 0), (9, 9))}))
    live.controls.attend()
    assert said == [
        "tracker: zones.areas.far: point 2 (900, 0) lies outside the picture of 100x50; "
        "move it inside, or give all points as shares from 0 to 1"
    ]
    assert watch.zones.exclude == {"left": LEFT}
    with pytest.raises(SettingsError, match="far"):
        watch.check(Zones(areas={"far": ((0, 0), (900, 0), (9, 9))}))


def test_all_that_is_reported_stays_as_it_was():
    watch = ZoneWatch(Zones(exclude={"left": LEFT}), ["a"], (100, 50))
    before = moment(0, 80)
    after = watch.step(before)
    assert after.views[0].tracks[0] is before.views[0].tracks[0]
    assert after.views[0].segmentation is before.views[0].segmentation
    assert ZoneWatch(Zones(), ["a"], (100, 50)).step(before) is before


def test_zones_of_a_page_are_checked_as_those_of_a_file():
    sent = {"lines": {"gate": {"points": [[0.5, 0], [0.5, 1]], "forward": "west", "backward": "east"}}}
    assert read_zones(sent, "the page").lines == ZONES.lines
    with pytest.raises(SettingsError, match=r"^the page: areas\.a = .*needs 3 points"):
        read_zones({"areas": {"a": [[0, 0], [1, 1]]}}, "the page")
    with pytest.raises(SettingsError, match=r"^the page: unknown setting area"):
        read_zones({"area": {}}, "the page")
    assert Controls().can("zones") is False


# Saving


def test_saved_zones_are_read_back(tmp_path):
    path = tmp_path / "cam.yaml"
    write_zones(path, ZONES)
    assert load_settings([path]).zones == ZONES
    assert load_settings([path]).lanes == ("gmm", "slots")
    write_zones(path, Zones())
    assert load_settings([path]).zones == Zones()


@pytest.mark.parametrize(
    "text",
    [
        "# my camera\nlanes: [gmm]\nzones:\n  areas:\n    old: [[0, 0], [1, 0], [1, 1]] # x\n\n# how it looks\noverlay: {tint: 0.2}\n",
        "# my camera\nlanes: [gmm]\noverlay: {tint: 0.2}\nzones: {areas: {old: [[0, 0], [1, 0], [1, 1]]}}",
        "# my camera\nlanes: [gmm]\noverlay: {tint: 0.2}",
        "# my camera\nlanes: [gmm]\nzones:\noverlay: {tint: 0.2}\n",
    ],
)
def test_all_else_in_the_file_stays(text, tmp_path):
    path = tmp_path / "cam.yaml"
    path.write_text(text)
    path.chmod(0o640)
    write_zones(path, ZONES)
    read = load_settings([path])
    assert (read.zones, read.lanes, read.overlay.tint) == (ZONES, ("gmm",), 0.2)
    assert path.read_text().startswith("# my camera\nlanes: [gmm]\n")
    assert ("# how it looks" in text) == ("# how it looks" in path.read_text())
    assert path.stat().st_mode & 0o777 == 0o640
    assert [p.name for p in tmp_path.iterdir()] == ["cam.yaml"]


@pytest.mark.parametrize("text", ["{lanes: [gmm], zones: {}}\n", "{lanes: [gmm]}", "---\nlanes: [gmm]\n...\n", ""])
def test_a_file_of_another_form_is_read_back_too(text, tmp_path):
    path = tmp_path / "cam.yaml"
    path.write_text(text)
    write_zones(path, ZONES)
    assert load_settings([path]).zones == ZONES
    assert load_settings([path]).lanes == (("gmm",) if text else ("gmm", "slots"))


def test_what_is_no_settings_file_is_left_alone(tmp_path):
    path = tmp_path / "notes"
    path.write_text("- milk\n")
    with pytest.raises(SettingsError, match="wanted settings"):
        write_zones(path, ZONES)
    assert path.read_text() == "- milk\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_gets_one_line(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(SinkError, match=r"cam\.yaml: cannot be written"):
        write_zones(Path(tmp_path / "cam.yaml"), ZONES)
    tmp_path.chmod(0o700)


def test_totals_go_on_over_a_restart_with_nobody_inside():
    before = ZoneWatch(ZONES, ["a"], (100, 50))
    for index, x in enumerate((20, 30, 40, 60, 70, 80, 40, 30, 20)):
        before.step(moment(index, x))
    after = ZoneWatch(ZONES, ["a", "b"], (100, 50))
    after.restore(json.loads(json.dumps(before.saved())))
    area, told = after.counts()["a"].areas["left"], before.counts()["a"]
    assert (area.entries, area.inside) == (told.areas["left"].entries, 0)
    assert area.entries == 2
    assert after.counts()["a"].lines == told.lines == {"gate": {"west": 1, "east": 1}}
    assert after.counts()["b"].areas["left"].entries == 0


@pytest.mark.parametrize("value", [[], 3, {"a": []}, {"a": {"areas": {"left": {"entry": 1}}, "lines": {}}}, {"a": {}}])
def test_totals_of_another_form_are_refused(value):
    with pytest.raises(TypeError):
        ZoneWatch(ZONES, ["a"], (100, 50)).restore(value)
