"""Each form of `tracker export`, on a run whose answers are known."""

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
import zipfile
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import clips
import cv2
import numpy as np
import pytest
from commands import call, refused
from made_run import BROWN, FPS, FRAMES, HEIGHT, HIDDEN, SIDE, STANDER, WIDTH, table, walker, write_run
from PIL import Image
from pycocotools import mask as coco
from pycocotools.coco import COCO

from tracker.cli import measure
from tracker.draw import colour_of
from tracker.errors import SourceError
from tracker.exports import film
from tracker.exports.command import FORMS
from tracker.exports.counts import Passing, counts_by_minute, span_of
from tracker.exports.heat import draw_heat, ends_of, seconds_by_cell, ticks_of
from tracker.exports.trails import dashes, draw_trails, stretches_of, svg_of
from tracker.exports.workbook import write_workbook
from tracker.picture import Picture
from tracker.sinks import written_here
from tracker.sources import open_source
from tracker.types import Frame


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The table of a run, in the working folder."""
    monkeypatch.chdir(tmp_path)
    return write_run(tmp_path).relative_to(tmp_path)


def export(*arguments):
    done = call("export", *arguments, "-q")
    assert done.exit_code == 0, done.output
    assert done.output == ""


def test_the_command_line_knows_the_forms():
    assert tuple(FORMS) == measure.FORMS


def test_the_names_of_forms_are_completed():
    (to,) = [option for option in measure.export.params if option.name == "form"]
    assert [item.value for item in to.type.shell_complete(None, to, "c")] == ["coco", "crops", "clips", "counts"]


FREE = [form for form in FORMS if form != "parquet"]
"""that need no library beyond the base install"""


@pytest.mark.parametrize("form", FREE)
def test_every_form_is_whole_ours_and_replaced_only_if_asked(run, tmp_path, form):
    before = set(tmp_path.iterdir())
    more = ["--mm-per-px", "40"] if form == "speed" else []
    export(run, "--to", form, *more)
    (made,) = set(tmp_path.iterdir()) - before
    assert made.name == f"out.slots{FORMS[form].endings[0]}"
    assert written_here(made)
    assert "exists already; use --overwrite" in refused("export", run, "--to", form, *more)
    export(run, "--to", form, *more, "--overwrite")
    assert set(tmp_path.iterdir()) - before == {made}
    if made.is_dir():
        (made / "notes.txt").write_text("mine")
    else:
        made.write_bytes(b"mine")
    assert "tracker did not write" in refused("export", run, "--to", form, *more, "--overwrite")


def cells(path, sheet=1):
    """Every row of a sheet, as text and numbers."""
    with zipfile.ZipFile(path) as file:
        root = ET.fromstring(file.read(f"xl/worksheets/sheet{sheet}.xml"))
    name = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    return [
        [cell.findtext(f"{name}is/{name}t") if cell.get("t") else cell.findtext(f"{name}v") for cell in row]
        for row in root.iter(f"{name}row")
    ]


def test_a_workbook_has_the_table_and_sheets_of_objects_and_zones(run):
    export(run, "--to", "xlsx")
    tracks = cells("out.slots.xlsx")
    assert tracks[0] == ["frame", "time_s", "id", "x0", "y0", "x1", "y1", "confidence", "hidden", "area_px"]
    assert list(map(float, tracks[1])) == [1, 0, 1, *walker(0), 0.9, 0, SIDE**2]
    assert len(tracks) == 1 + 2 * FRAMES - 10
    objects = cells("out.slots.xlsx", 2)
    assert objects[2][:7] == ["2", "11", str(FRAMES), "0.4", str((FRAMES - 1) / FPS), str(FRAMES - 10), "0"]
    assert cells("out.slots.xlsx", 3)[1] == ["26.0", "1.0", "crossing", "mid", "east", "1.0", None]


def test_a_workbook_opens_with_openpyxl_and_its_text_is_no_formula(tmp_path):
    values = {"name": ["=1+1", "a<b & \x01", None], "n": np.array([1.5, np.nan, -3])}
    write_workbook(tmp_path / "a.xlsx", {"first": values, 'so "called"': {"b": np.array([True, False])}})
    assert cells(tmp_path / "a.xlsx")[1:] == [["=1+1", "1.5"], ["a<b & \ufffd", None], [None, "-3.0"]]
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    assert book.sheetnames == ["first", 'so "called"']
    assert book["first"]["A2"].value == "=1+1"
    assert book["first"]["A2"].data_type in ("s", "inlineStr")


def test_a_long_table_goes_on_in_another_sheet(tmp_path, monkeypatch):
    monkeypatch.setattr("tracker.exports.workbook.MOST_ROWS", 2)
    write_workbook(tmp_path / "a.xlsx", {"t": {"n": np.arange(5)}})
    assert [len(cells(tmp_path / "a.xlsx", n)) for n in (1, 2, 3)] == [3, 3, 2]


def test_parquet_holds_the_columns_and_is_known_as_ours(run):
    parquet = pytest.importorskip("pyarrow.parquet")
    export(run, "--to", "parquet")
    read = parquet.read_table("out.slots.parquet")
    assert read.column("id").to_pylist()[-1] == 2
    assert read.column("hidden").to_pylist().count(True) == len(HIDDEN)
    export(run, "--to", "parquet", "--overwrite")
    export("out.slots.mot.txt", "--to", "parquet", "-o", "mot.parquet")
    assert parquet.read_table("mot.parquet").column("time_s").null_count == 2 * FRAMES - 10 - len(HIDDEN)


def test_without_pyarrow_the_extra_is_named_before_any_work(run, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    assert "rnnem-tracker[export]" in refused("export", run, "--to", "parquet")
    assert not list(tmp_path.glob("*parquet*"))


def test_coco_has_the_masks_of_what_was_seen_and_who_it_was(run):
    export(run, "--to", "coco")
    made = json.loads(Path("out.slots.coco.json").read_text())
    assert [image["id"] for image in made["images"]] == list(range(1, FRAMES + 1))
    assert made["images"][0] | {"id": 1} == {
        "id": 1,
        "file_name": "000001.png",
        "width": WIDTH,
        "height": HEIGHT,
        "time_s": 0.0,
    }
    assert len(made["annotations"]) == 2 * FRAMES - 10 - len(HIDDEN)
    last = made["annotations"][-1]
    x0, y0, x1, y1 = STANDER
    assert (last["image_id"], last["track_id"], last["bbox"], last["area"]) == (
        FRAMES,
        2,
        [x0, y0, SIDE, SIDE],
        SIDE**2,
    )
    owned = coco.decode({**last["segmentation"], "counts": last["segmentation"]["counts"].encode()})
    assert owned[y0:y1, x0:x1].all()
    assert owned.sum() == SIDE**2
    assert len({each["id"] for each in made["annotations"]}) == len(made["annotations"])


def test_pycocotools_takes_the_annotations(run, capsys):
    export(run, "--to", "coco")
    read = COCO("out.slots.coco.json")
    capsys.readouterr()
    (last,) = [each for each in read.loadAnns(read.getAnnIds(imgIds=[FRAMES])) if each["track_id"] == 2]
    assert read.annToMask(last).sum() == SIDE**2


def test_coco_without_masks_has_boxes_and_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = write_run(tmp_path, masks=False, video=False)
    done = call("export", run, "--to", "coco")
    assert "boxes only; process with --masks rle" in done.stderr
    assert json.loads(Path("out.slots.coco.json").read_text())["annotations"][0]["segmentation"] == []


def test_mots_is_a_line_a_mask(run):
    export(run, "--to", "mots")
    lines = [line.split(" ") for line in Path("out.slots.mots.txt").read_text().splitlines()]
    assert len(lines) == 2 * FRAMES - 10 - len(HIDDEN)
    assert [int(cell) for cell in lines[-1][:5]] == [FRAMES, 2002, 2, HEIGHT, WIDTH]
    assert coco.area({"size": [HEIGHT, WIDTH], "counts": lines[-1][5].encode()}) == SIDE**2


def test_trackeval_takes_mots_text(run, tmp_path, capsys):
    trackeval = pytest.importorskip("trackeval")
    export(run, "--to", "mots")
    truth, result = tmp_path / "gt" / "MOTS-train" / "S", tmp_path / "res" / "MOTS-train" / "T" / "data"
    (truth / "gt").mkdir(parents=True)
    result.mkdir(parents=True)
    (truth / "seqinfo.ini").write_text(f"[Sequence]\nname=S\nseqLength={FRAMES}\nimWidth={WIDTH}\nimHeight={HEIGHT}\n")
    for place in (truth / "gt" / "gt.txt", result / "S.txt"):
        place.write_text(Path("out.slots.mots.txt").read_text())
    (tmp_path / "gt" / "seqmaps").mkdir()
    (tmp_path / "gt" / "seqmaps" / "MOTS-train.txt").write_text("name\nS\n")
    folders = {"GT_FOLDER": str(tmp_path / "gt"), "TRACKERS_FOLDER": str(tmp_path / "res"), "PRINT_CONFIG": False}
    data = trackeval.datasets.MOTSChallenge({**folders, "SPLIT_TO_EVAL": "train"})
    raw = data.get_raw_seq_data("T", "S")
    scored = trackeval.metrics.HOTA().eval_sequence(data.get_preprocessed_seq_data(raw, "pedestrian"))
    capsys.readouterr()
    assert scored["HOTA"].mean() == pytest.approx(1)


def test_mots_without_masks_is_refused_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = write_run(tmp_path, masks=False, video=False)
    assert "process the source with --masks rle" in refused("export", run, "--to", "mots")
    (tmp_path / "out.slots.masks.json").write_text('[\n{"frame": 1}\n]\n')
    assert "masks.json, line 2" in refused("export", run, "--to", "mots")
    assert not list(tmp_path.glob("*mots*"))


def read_png(path):
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def test_a_crop_shows_its_object(run, tmp_path):
    export(run, "--to", "crops")
    assert sorted(path.name for path in (tmp_path / "out.slots.crops").iterdir()) == ["000001.png", "000002.png"]
    picture = read_png("out.slots.crops/000001.png")
    assert picture.shape[:2] == (SIDE + 2, SIDE + 2)  # a margin of a tenth
    assert np.abs(picture[3:-3, 3:-3].astype(int) - BROWN).max() < 20
    export(run, "--to", "crops", "--every", "1s", "-o", "often")
    names = sorted(path.name for path in (tmp_path / "often").iterdir())
    # hidden ones are no pictures: track 1 at 0 s, and at the first frame after a second in which it is seen
    assert names == ["000001-000001.png", f"000001-{HIDDEN.stop + 1:06d}.png", "000002-000011.png", "000002-000036.png"]


def test_a_clip_follows_its_object(run, tmp_path):
    export(run, "--to", "clips")
    with av.open("out.slots.clips/000002.mp4") as clip:
        frames = [frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)]
    assert len(frames) == FRAMES - 10
    with av.open("out.slots.clips/000001.mp4") as clip:
        frames = [frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)]
    assert len(frames) == FRAMES
    middle = [frame[frame.shape[0] // 2, frame.shape[1] // 2].astype(int) for frame in frames[15:]]
    assert np.abs(np.array(middle) - BROWN).max() < 40


def test_pictures_are_those_of_the_run(run, tmp_path):
    assert "pictures are those of clip.mp4" in call("export", run, "--to", "crops").stderr
    (tmp_path / "clip.mp4").rename(tmp_path / "other.mp4")
    assert "give the run's source by --source" in refused("export", run, "--to", "clips")
    export(run, "--to", "clips", "--source", "other.mp4")
    write_run(tmp_path / "b")
    cut = [cv2.resize(np.zeros((HEIGHT, WIDTH, 3), np.uint8), (64, 48))] * 3
    cv2.imwrite("small.png", cut[0])
    message = refused("export", run, "--to", "clips", "--source", "small.png", "-o", "d")
    assert "pictures of 64x48, but the run had 96x64" in message
    assert not (tmp_path / "d").exists()
    assert "the scene is not drawn" in call("export", run, "--to", "trails").stderr


def test_a_way_is_dashed_where_nobody_was_seen(tmp_path):
    found = table(tmp_path)
    (_, walk), (_, stand) = found.tracks()
    places = walk.frame - 1
    stretches = stretches_of(walk, places)
    assert [stretch.hidden for stretch in stretches] == [False, True, False]
    assert stretches[1].points.tolist() == [[29.0, 32.0], [40.0, 32.0]]  # from the last row that was seen to the next
    fewer = places % 40 != 7  # a row that is missing is not seen either
    found = stretches_of(walk.rows(fewer), places[fewer])
    assert [each.hidden for each in found] == [False, True, False, True, False, True, False]
    assert [len(each.points) for each in stretches_of(stand, stand.frame)] == [2]
    assert stretches_of(stand.rows(np.array([0])), np.array([0])) == []
    assert [piece[[0, -1], 0].tolist() for piece in dashes(np.array([[0.0, 0], [10, 0]]), 3)] == [[0, 3], [6, 9]]


def test_trails_have_the_colours_of_the_overlay(tmp_path):
    found = table(tmp_path)
    scene = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture = draw_trails(found, scene)
    assert tuple(picture[32, 15]) == colour_of(1)
    assert not scene.any()
    svg = ET.fromstring(svg_of(found, scene))
    name = "{http://www.w3.org/2000/svg}"
    groups = {group.get("id"): group for group in svg.iter(f"{name}g") if group.get("id")}
    assert set(groups) == {"track-1", "track-2"}
    assert groups["track-1"].findtext(f"{name}title") == "1: 0:00.0 to 0:01.9"
    lines = groups["track-1"].findall(f"{name}polyline")
    assert [line.get("stroke-dasharray") is not None for line in lines] == [False, False, True, True, False, False]
    assert lines[1].get("stroke") == "#{:02x}{:02x}{:02x}".format(*colour_of(1))
    assert re.match("data:image/jpeg;base64,", next(svg.iter(f"{name}image")).get("href"))


def test_a_way_begins_and_ends_where_the_border_does_not_cut_the_object(tmp_path):
    found = table(tmp_path).rows(np.arange(20))
    cut = np.array([[0.0, 20, 5, 24], [0, 20, 9, 28]])  # comes in over the left border, its feet last
    entering = replace(found, box=np.concatenate([cut, found.box[2:]]))
    svg = ET.fromstring(svg_of(entering, np.zeros((HEIGHT, WIDTH, 3), np.uint8)))
    name = "{http://www.w3.org/2000/svg}"
    way = next(group for group in svg.iter(f"{name}g") if group.get("id") == "track-1").find(f"{name}polyline")
    assert {point.split(",")[1] for point in way.get("points").split()} == {"32.0"}


def test_the_heat_is_the_seconds_of_all_feet(tmp_path):
    found = table(tmp_path)
    seconds = seconds_by_cell(found, size=(WIDTH, HEIGHT), cell_px=8)
    assert seconds.shape == (8, 12)
    assert seconds.sum() == pytest.approx((2 * FRAMES - 10 - len(HIDDEN)) / FPS)
    assert seconds[7, 9] == pytest.approx((FRAMES - 10) / FPS)  # who stands: its foot is at 76, 56
    assert seconds[4, 1] == pytest.approx(6 / FPS)  # who walks, from x = 10 on: six frames until 16
    picture = draw_heat(seconds, np.full((HEIGHT, WIDTH, 3), 100, np.uint8), cell_px=8)
    assert picture.shape[0] == HEIGHT
    assert picture.shape[1] > WIDTH
    assert picture[60, 76].sum() > picture[36, 10].sum() > picture[4, 4].sum()


def test_frames_without_a_row_are_time_without_objects(tmp_path):
    found = table(tmp_path)
    some = found.rows((found.frame < 5) | (found.frame > 40))
    assert seconds_by_cell(some, size=(WIDTH, HEIGHT), cell_px=8).sum() == pytest.approx((4 + 20) / FPS)


def test_the_scale_has_round_numbers():
    assert ticks_of(0.04, 1.6) == pytest.approx([0.05, 0.1, 0.2, 0.5, 1])
    assert ends_of(np.zeros((2, 2))) == (1, 10)
    assert ends_of(np.array([[0, 5.0]])) == (0.5, 5)
    assert ends_of(np.array([[1e-9, 1000.0]])) == (1, 1000)
    assert draw_heat(np.zeros((2, 2)), np.zeros((16, 16, 3), np.uint8), cell_px=8).shape[0] == 16


def test_counts_by_the_minute_with_those_that_are_none(run):
    export(run, "--to", "counts")
    rows = list(csv.reader(io.StringIO(Path("out.slots.counts.csv").read_text())))
    assert rows[0] == ["minute", "begins", "zone", "kind", "direction", "count"]
    assert rows[1:] == [
        ["0", "0:00", "bench", "entry", "", "0"],
        ["0", "0:00", "bench", "exit", "", "0"],
        ["0", "0:00", "mid", "crossing", "east", "1"],
        ["0", "0:00", "mid", "crossing", "west", "0"],
        ["1", "0:01", "bench", "entry", "", "1"],
        ["1", "0:01", "bench", "exit", "", "0"],
        ["1", "0:01", "mid", "crossing", "east", "0"],
        ["1", "0:01", "mid", "crossing", "west", "0"],
    ]
    export(run, "--to", "counts", "-o", "counts.xlsx")
    assert cells("counts.xlsx")[3] == ["0", "0:00", "mid", "crossing", "east", "1"]


@pytest.mark.parametrize("row", ["1,x,entry,a,across,1,", "1,1e300,entry,a,across,1,", "1,1,birth,a,across,1,", "1,1"])
def test_a_damaged_table_of_zones_is_told_by_its_row(run, tmp_path, row):
    with open("out.slots.zones.csv", "a") as file:
        file.write(f"{row}\n")
    assert "out.slots.zones.csv, row 4" in refused("export", run, "--to", "counts")


def test_speeds_of_cells_are_told_to_the_digits_that_count(run):
    export(run, "--to", "speed", "--mm-per-px", "0.00065")
    told = [float(row["mean_m_s"]) for row in csv.DictReader(io.StringIO(Path("out.slots.speed.csv").read_text()))]
    Path("out.slots.speed.csv").unlink()
    export(run, "--to", "speed", "--mm-per-px", "650")
    large = [float(row["mean_m_s"]) for row in csv.DictReader(io.StringIO(Path("out.slots.speed.csv").read_text()))]
    assert max(told) > 0
    assert told == pytest.approx([value * 1e-6 for value in large], rel=1e-4)


def test_speeds_as_a_table(run):
    export(run, "--to", "speed", "--mm-per-px", "40")
    rows = list(csv.DictReader(io.StringIO(Path("out.slots.speed.csv").read_text())))
    assert [float(row["mean_km_h"]) for row in rows] == pytest.approx([3.6, 0], abs=1e-5)
    ground = [f"--ground={x},{y}:{x * 0.08},{y * 0.08}" for x, y in ((0, 0), (90, 0), (90, 60), (0, 60))]
    export(run, "--to", "speed", *ground, "-o", "g.csv")
    rows = list(csv.DictReader(io.StringIO(Path("g.csv").read_text())))
    assert float(rows[0]["mean_km_h"]) == pytest.approx(7.2, abs=1e-4)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--to", "crop"], 2, "'crop': did you mean crops?"),
        (["--to", "banana"], 2, "wanted one of xlsx, parquet"),
        (["--to", "speed"], 2, "metres are told by --mm-per-px"),
        (["--to", "speed", "--mm-per-px", "3", "--ground", "0,0:0,0"], 2, "give one of the two"),
        (["--to", "speed", "--ground", "0,0:0,0"], 2, "wanted four points, got 1"),
        (["--to", "xlsx", "--mm-per-px", "3"], 2, "--mm-per-px is for --to speed"),
        (["--to", "clips", "--every", "3s"], 2, "--every is for --to crops"),
        (["--to", "xlsx", "--source", "clip.mp4"], 2, "--source is for --to coco, crops, clips, trails or heatmap; leave it out"),
        (["--to", "trails", "-o", "a.jpg"], 1, "ends in .svg or .png"),
        (["--to", "xlsx", "-o", "out.slots.csv", "--overwrite"], 1, "ends in .xlsx"),
        (["--to", "counts", "-o", "out.slots.csv", "--overwrite"], 1, "is the input"),
        (["--to", "coco", "-o", "out.summary.json", "--overwrite"], 1, "is the input"),
        (["--to", "crops", "--source", "nix.mp4"], 1, "no such file"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line_and_leave_nothing(run, tmp_path, arguments, code, said):
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    done = call("export", run, *arguments)
    assert done.exit_code == code
    assert said in done.stderr.strip().splitlines()[-1]
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("form", ["heatmap", "speed", "crops"])
def test_mot_text_has_no_times_for_forms_that_need_them(run, form):
    more = {"speed": ["--mm-per-px", "3"], "crops": ["--every", "1s"]}.get(form, [])
    assert "MOT text has no times" in refused("export", "out.slots.mot.txt", "--to", form, *more)


@pytest.mark.parametrize("form", ["coco", "clips", "trails", "counts"])
@pytest.mark.parametrize("text", ["", '{"source": ', "[]", "{}"])
def test_a_damaged_summary_is_told_rather_than_passed_over(run, form, text):
    Path("out.summary.json").write_text(text)
    assert "out.summary.json: not the summary of a run, or damaged" in refused("export", run, "--to", form)


def test_another_programs_json_beside_the_table_is_not_the_summary(run):
    Path("out.summary.json").unlink()
    Path("out.json").write_text('{"shapes": []}')
    export(run, "--to", "counts")


@pytest.mark.parametrize("form", FREE)
def test_a_run_that_found_nothing_can_be_exported(run, form):
    for name, lines in (("out.slots.csv", 1), ("out.slots.zones.csv", 1), ("out.slots.masks.json", 0)):
        text = Path(name).read_text().splitlines(keepends=True)
        Path(name).write_text("".join(text[:lines]) or "[]\n")
    export(run, "--to", form, *(["--mm-per-px", "3"] if form == "speed" else []))


def test_a_part_of_the_run_is_read_from_its_first_row_on(run, tmp_path, monkeypatch):
    lines = run.read_text().splitlines(keepends=True)
    run.write_text("".join([lines[0], *(line for line in lines[1:] if int(line.split(",")[0]) > 40)]))
    monkeypatch.setattr("tracker.exports.scene.EARLIER_S", 0.1)
    asked = []
    monkeypatch.setattr("tracker.exports.scene.open_source", lambda *a, **k: asked.append(k) or open_source(*a, **k))
    export(run, "--to", "crops")
    assert asked == [{"start_s": pytest.approx(40 / FPS - 0.1)}]
    picture = read_png("out.slots.crops/000001.png")
    assert np.abs(picture[3:-3, 3:-3].astype(int) - BROWN).max() < 20


def test_the_frames_of_a_live_run_are_not_guessed_to_be_those_of_a_file(run, tmp_path):
    summary = json.loads(Path("out.summary.json").read_text())
    summary["source"]["live"] = True
    Path("out.summary.json").write_text(json.dumps(summary))
    assert "give the run's source by --source" in refused("export", run, "--to", "clips")


def test_what_a_killed_export_left_is_kept_and_said(run, tmp_path):
    (tmp_path / "out.slots.part-0123abcd.xlsx").write_bytes(b"half")
    files = {"out.slots.xlsx": "out.slots.part-0123abcd.xlsx"}
    (tmp_path / "out.slots.part-0123abcd.lock").write_text(json.dumps({"pid": 1, "files": files}))
    done = call("export", run, "--to", "xlsx")
    assert done.stderr == "tracker: what a run that was killed had written is kept as out.slots.recovered-1.xlsx\n"
    assert done.stdout == "out.slots.xlsx\n"


def test_counts_begin_and_end_with_the_run():
    gate = ("gate", "crossing", "in")
    for summary in ({"first_s": 3600.0, "last_s": 3790.0}, {"recording": {"first_s": 3600.0, "last_s": 3790.0}}):
        begin_s, end_s = span_of(summary)
        found = counts_by_minute([Passing(3700.0, gate)], known=[gate], begin_s=begin_s, end_s=end_s)
        assert found["begins"] == ["1:00", "1:01", "1:02", "1:03"]
        assert found["count"] == [0, 1, 0, 0]
    assert span_of({"settings": {}}) == (0.0, 0.0)


class TestGif:
    """The overlay as a moving picture."""

    def test_it_has_the_overlays_pictures_at_their_pace_and_colours(self, run, tmp_path):
        export(run, "--to", "gif")
        with Image.open("out.slots.gif") as gif:
            assert gif.size == (WIDTH, HEIGHT)
            assert gif.n_frames == 17  # of 50, one in .12 s
            assert gif.info["duration"] == 120
            gif.seek(10)
            left, upper, right, lower = walker(30)
            inside = np.asarray(gif.convert("RGB"))[upper + 2 : lower - 2, left + 2 : right - 2]
        assert np.abs(inside.mean(axis=(0, 1)) - BROWN).max() < 12
        assert written_here(tmp_path / "out.slots.gif")
        export(run, "--to", "gif", "--overwrite")

    @pytest.mark.parametrize(
        ("times_s", "shown"),
        [
            ([0, 0.5, 1.0], [0, 0, 0, 0, 0, 1, 1, 1, 1]),
            ([0, 0.04, 0.08, 1.0, 1.04, 1.08], [0, 2, 2, 2, 2, 2, 2, 2, 2, 5]),
            ([7.0], [0]),
        ],
    )
    def test_a_picture_that_lasts_comes_again(self, times_s, shown):
        frames = [Frame(n, time_s, Picture.of(np.zeros((2, 2, 3), np.uint8))) for n, time_s in enumerate(times_s)]
        assert [frame.index for frame in film._spaced(frames, "clip")] == shown

    def test_its_pixels_are_square(self, tmp_path):
        clip = clips.write_video(tmp_path / "wide.mp4", clips.draw(3), pixel_aspect=Fraction(2))
        with closing(open_source(str(clip))) as source:
            assert source.info.pixel_aspect == 2
            width, height = source.info.size
        assert film.spaced_pictures(str(clip))[0].shape == (height, 2 * width, 3)

    def test_without_the_overlay_there_is_none(self, run):
        Path("out.mp4").unlink()
        assert "overlay does not lie beside it" in refused("export", run, "--to", "gif")

    def test_a_gif_of_somebody_else_is_never_replaced(self, run, tmp_path):
        Image.new("RGB", (4, 4)).save(tmp_path / "out.slots.gif")
        assert "out.slots.gif" in refused("export", run, "--to", "gif", "--overwrite")

    def test_of_a_time_lapse_every_picture_is_shown(self, tmp_path, monkeypatch):
        clip, said = (
            clips.write_video(tmp_path / "slow.mp4", clips.draw(5), times_ms=[60_000 * n for n in range(5)]),
            [],
        )
        assert len(film.spaced_pictures(str(clip), notify=said.append)) == 5
        assert [re.sub(r"\d+ times", "N times", line) for line in said] == [
            "a time-lapse: each of its pictures is shown for 0.12 s, N times as fast as it was"
        ]
        monkeypatch.setattr(film, "LONGEST_S", 0.36)
        with pytest.raises(SourceError, match=r"more than 3 pictures.*--duration"):
            film.spaced_pictures(str(clip))

    def test_what_is_too_long_is_refused(self, tmp_path, monkeypatch):
        monkeypatch.setattr(film, "LONGEST_S", 1.0)
        write_run(tmp_path)
        with pytest.raises(SourceError, match=r"longer than 1 s.*--duration"):
            film.spaced_pictures(str(tmp_path / "clip.mp4"))
