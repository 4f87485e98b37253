"""Names: what an address means, what results are called, and by which number a table's rows find their picture."""

from __future__ import annotations

import base64
import http.server
import re
import threading
from pathlib import Path

import clips
import cv2
import numpy as np
import pytest
from commands import call, refused
from PIL import Image as Pillow

from tracker.cli.run import overlay_path
from tracker.errors import OptionError, SourceError
from tracker.evaluation.task import LaneTask
from tracker.evaluation.workers import score_lane
from tracker.naming import default_name
from tracker.scores import Choice, find_sequences, read_results, read_truth, score_results
from tracker.settings import RunSettings
from tracker.sources import open_source
from tracker.sources.address import filled_in, shown
from tracker.types import Box

# What an address means


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def video(name, count=2):
    return clips.write_video(Path("made.mp4"), clips.draw(count)).rename(name)


@pytest.mark.parametrize(
    "name",
    ["a[1].mp4", "00.00.00-00.08.00[R][0@0][0].mp4", "a*b?.mp4", "%03d.mp4", "x %d 100%.mp4", "-x.mp4", "7", " a .mp4",
     "12:30.mp4", "camera:1", "[a-z].mp4", "ünïcode 映像.mp4", "it's \"so\".mp4", "2024-01-15 12.30.45.mkv"],
)  # fmt: skip
def test_a_file_that_exists_is_read_whatever_its_name_looks_like(name):
    video(name)
    assert len(list(open_source(name))) == 2
    assert len(list(open_source(str(Path(name).absolute())))) == 2


@pytest.mark.parametrize(
    "name", ["11", "20240115123045", "20240115", "0", "a[1]", "*", "camera:0", "-x", "%03d", "f.mp4"]
)
def test_a_folder_that_exists_is_read_whatever_its_name_looks_like(name):
    clips.write_pictures(Path(name), clips.draw(3))
    assert len(list(open_source(name))) == 3


@pytest.mark.parametrize("name", ["%03d.png", "a[1].png", "7.tif", "-1.jpg"])
def test_a_picture_that_exists_is_read_whatever_its_name_looks_like(name):
    Pillow.fromarray(clips.draw(1)[0]).save(name)
    clips.write_pictures(Path(), clips.draw(3), name="00{}.png")  # what %03d.png and 1.png would be as patterns
    assert len(list(open_source(name))) == 1


def test_a_pattern_is_one_where_no_file_has_its_name():
    clips.write_pictures(Path(), clips.draw(4), name="a[{}].png")
    assert len(list(open_source("a[[][0-2]*.png"))) == 3
    assert len(list(open_source("a[[]?].png"))) == 4
    assert len(list(open_source("a[2].png"))) == 1


@pytest.mark.parametrize("number", ["20240115", "99999999999", "9" * 400, "camera:10000"])
def test_a_number_too_large_for_a_camera_is_one_line(number):
    assert "no file or folder of this name, and too large for a camera's number" in refused("process", number)


def test_an_address_longer_than_a_name_may_be_is_still_an_address():
    address = "rtsp://127.0.0.1:9/main?token=" + "x" * 500
    assert default_name(address).startswith("127-0-0-1-9-main-")
    with pytest.raises(SourceError, match=r"^rtsp://127\.0\.0\.1:9/main: cannot be opened"):
        open_source(address, timeout_s=2)


def test_webcam_means_the_camera_also_where_a_folder_has_its_number():
    clips.write_pictures(Path("97"), clips.draw(3))
    assert refused("webcam", "97", "--no-show", "--lanes", "gmm", "--record", "o.mp4").startswith(
        "camera 97: cannot be"
    )


def test_a_name_with_a_leading_dash_by_the_command_line():
    video("-x.mp4", 3)
    assert call("process", "--lanes", "gmm", "--", "-x.mp4").exit_code == 0
    assert Path("-x.tracked.mp4").is_file()


def test_brackets_in_names_keep_two_results_apart():
    for name in ("00.00.00-00.08.00[R][0@0][0]", "00.08.00-00.16.00[R][0@0][0]"):
        video(f"{name}.mp4", 3)
        assert call("process", f"{name}.mp4", "--lanes", "gmm", "--no-video").exit_code == 0
        assert Path(f"{name}.tracked.summary.json").is_file()


# The names of results

INPUTS = [
    "a.mp4", "a.avi", "a.AVI", "a.mkv", "a.MP4", "a.ts", "a", "a.png", "a.tif", "a.xyz", "a.avi.mp4", "a.mp4.mp4",
    "a.frames.mp4", "a.file.mp4", "a.file", "a.frames", "a.png.mp4", "a[1].mp4", "a.tracked.mp4", "a.mp4.avi",
]  # fmt: skip
FOLDERS = ["a/", "b/", "a.mp4/", "a.avi/", "a.frames/", "a.file/"]


def test_no_two_inputs_of_one_folder_have_one_name(tmp_path):
    names = {}
    for kind in (INPUTS, FOLDERS):
        place = tmp_path / ("folders" if kind is FOLDERS else "files")
        for name in kind:
            path = place / name
            path.parent.mkdir(exist_ok=True)
            path.mkdir() if name.endswith("/") else path.touch()
            result = default_name(str(path))
            assert result not in names, (name, names[result])
            names[result] = name


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("clip.mp4", "clip"),
        ("some/clip.mp4", "clip"),
        ("my.clip v2.1080p.mp4", "my.clip v2.1080p"),
        ("00.00.00-00.08.00[R][0@0][0].mp4", "00.00.00-00.08.00[R][0@0][0]"),
        ("clip.avi", "clip.avi"),
        ("clip.avi.mp4", "clip.avi.mp4"),
        ("clip", "clip.file"),
        (".", "here.v2.frames"),
        ("0", "camera0"),
        ("camera:12", "camera12"),
    ],
)
def test_default_names(tmp_path, monkeypatch, source, name):
    (tmp_path / "here.v2").mkdir()
    monkeypatch.chdir(tmp_path / "here.v2")
    if source[-1] not in "012.":
        Path(source).parent.mkdir(exist_ok=True)
        Path(source).touch()
    assert str(overlay_path(source, None)) == f"{name}.tracked.mp4"


def test_a_name_does_not_depend_on_what_else_lies_there():
    Path("a.mp4").touch()
    alone = default_name("a.mp4")
    Path("a").mkdir()
    Path("a.avi").touch()
    assert default_name("a.mp4") == alone == "a"


def test_patterns_have_names_of_their_own():
    patterns = ["*.png", "a*.png", "b*.png", "x/*.png", "y/*.png", "*/*.png", "a?.png", "a[0-4].png"]
    names = [default_name(pattern) for pattern in patterns]
    assert len(set(names)) == len(patterns)
    assert all(name.startswith("frames-") and name.replace("-", "").isalnum() for name in names)


def test_addresses_have_names_of_their_own_and_show_no_secret():
    same = [
        "rtsp://cam-3/main",
        "rtsp://admin:secret@cam-3/main",
        "rtsp://admin:other/se?cret#1@cam-3/main",
        "rtsp://cam-3/main?user=admin&pwd=secret&token=123456",
    ]
    assert len({default_name(address) for address in same}) == 1
    other = [
        "rtsp://cam-4/main",
        "rtsp://cam-3/sub",
        "rtsp://cam/3/main",
        "rtsp://cam-3/main?channel=1&subtype=0",
        "rtsp://cam-3/main?channel=2&subtype=0",
        "http://cam-3/main",
    ]
    names = {default_name(address) for address in (*same, *other)}
    assert len(names) == 1 + len(other)
    assert not any("secret" in name or "admin" in name or "123456" in name for name in names)


def test_a_video_and_a_folder_of_one_stem_stand_side_by_side():
    video("a.mp4", 3)
    video("a.avi", 3)
    clips.write_pictures(Path("a"), clips.draw(3))
    for source in ("a.mp4", "a.avi", "a"):
        assert call("process", source, "--lanes", "gmm", "--no-video").exit_code == 0
    assert len(list(Path().glob("*.tracked.summary.json"))) == 3


# Options without effect


def test_a_rate_is_for_pictures_without_times_only():
    video("a.mp4")
    assert refused("process", "a.mp4", "--fps", 1, code=2) == (
        "a.mp4: has times of its own; --fps is for pictures without times, leave it out"
    )
    first, *rest = [Pillow.fromarray(picture) for picture in clips.draw(3)]
    first.save("a.gif", save_all=True, append_images=rest, duration=100)
    first.save("a.png", save_all=True, append_images=rest, duration=100)
    for name in ("a.gif", "a.png"):
        assert "--fps is for pictures" in refused("process", name, "--fps", 1, code=2)
    for address in ("rtsp://me:secret@cam/main", "0"):
        with pytest.raises(SourceError, match="--fps is for pictures") as caught:
            open_source(address, fps=1.0)
        assert "secret" not in str(caught.value)
    assert not list(Path().glob("*.tracked*"))


def test_other_options_without_effect_are_refused():
    digits = Path("digits")
    digits.mkdir()
    assert "--digits is for mnist-mot" in refused("synth", "street", "--digits", digits, "-o", "a.mp4")
    done = call("evaluate", "x", "--results", "y", "--set", "seed=1")
    assert (done.exit_code, "are for lanes, and none runs" in done.stderr) == (2, True)
    done = call("compare", "a.mp4", "--rows", "places", "-o", "out")
    assert (done.exit_code, "--rows is about the table of --truth" in done.stderr) == (2, True)
    done = call("paper", "shapes", "--shipped", "--minutes", 1)
    assert (done.exit_code, "--shipped trains nothing" in done.stderr) == (2, True)


# By which number rows find their picture

COUNT = 12


def rows(first, *, start=2, end=10, height=9):
    """Rows for the pictures at places `start` to `end`, from 0, whose first has the number `first`."""
    return "".join(f"{n + first},1,{4 * n},5,8,{height},1,1,1\n" for n in range(start, end))


def sequence(place, *, pictures, table, info=False):
    (place / "gt").mkdir(parents=True)
    (place / "gt" / "gt.txt").write_text(table)
    (place / "img1").mkdir()
    for n in range(COUNT):
        picture = np.full((48, 64, 3), 90, np.uint8)
        picture[5:14, 4 * n : 4 * n + 8] = 240
        cv2.imwrite(str(place / "img1" / f"{n + pictures:06d}.png"), picture)
    if info:
        (place / "seqinfo.ini").write_text(f"[Sequence]\nframeRate=10\nseqLength={COUNT}\nimDir=img1\n")
    (found,) = find_sequences(place).sequences
    return found


def boxes_of(found, **choice):
    return found.read_truth(Choice(**choice)).boxes


PLACES = {n: ((1, Box(4 * n, 5, 4 * n + 8, 14)),) for n in range(2, 10)}


@pytest.mark.parametrize("info", [False, True])
def test_pictures_from_0_with_rows_from_1_are_asked_about(tmp_path, info):
    found = sequence(tmp_path / "s", pictures=0, table=rows(1), info=info)
    with pytest.raises(
        SourceError, match=r"numbered from 0, rows are 3 to 10: is row 1 the first .*--rows places.*--rows n"
    ):
        boxes_of(found)
    assert boxes_of(found, rows="places") == PLACES
    assert boxes_of(found, rows="numbers").keys() == {n + 1 for n in PLACES} if not info else True


def test_rows_to_the_last_place_are_asked_about_too_and_fit(tmp_path):
    found = sequence(tmp_path / "s", pictures=0, table=rows(1, start=0, end=COUNT), info=True)
    with pytest.raises(SourceError, match="rows are 1 to 12: is row 1 the first picture"):
        boxes_of(found)
    truth = found.read_truth(Choice(rows="places"))
    assert (truth.span, sorted(truth.boxes)) == ((0, COUNT - 1), list(range(COUNT)))


@pytest.mark.parametrize("info", [False, True])
def test_rows_from_0_name_pictures_from_0(tmp_path, info):
    found = sequence(tmp_path / "s", pictures=0, table=rows(0, start=0, end=10), info=info)
    truth = found.read_truth(Choice())
    assert (truth.boxes[0], truth.boxes[9]) == (((1, Box(0, 5, 8, 14)),), ((1, Box(36, 5, 44, 14)),))
    assert truth.span == (0, COUNT - 1 if info else 9)


@pytest.mark.parametrize("first", [1, 5, 470])
def test_pictures_from_another_number_keep_theirs(tmp_path, first):
    assert boxes_of(sequence(tmp_path / "s", pictures=first, table=rows(first))) == PLACES


def test_rows_from_0_do_not_fit_pictures_from_1_or_a_video(tmp_path):
    found = sequence(tmp_path / "s", pictures=1, table=rows(0, start=0))
    with pytest.raises(SourceError, match=r"frame 0, but frames are 1 to 12.*first picture, add 1 to every number"):
        boxes_of(found)
    (tmp_path / "gt.txt").write_text(rows(0, start=0))
    with pytest.raises(SourceError, match="a video's frames count from 1; add 1 to every number"):
        read_truth(tmp_path / "gt.txt")
    (tmp_path / "gt.txt").write_text("-1,1,0,0,5,5\n")
    with pytest.raises(SourceError, match=r"gt.txt, line 1: frame -1"):
        read_truth(tmp_path / "gt.txt")


@pytest.mark.parametrize("line", ["frameRate=0", "frameRate=nan", "frameRate=-25", "frameRate=inf", "seqLength=-1"])
def test_impossible_numbers_of_a_sequence_are_refused(tmp_path, line):
    found = sequence(tmp_path / "s", pictures=1, table=rows(1))
    (tmp_path / "s" / "seqinfo.ini").write_text(f"[Sequence]\n{line}\n")
    with pytest.raises(SourceError, match=r"seqinfo.ini: wanted "):
        boxes_of(found)


def test_what_rows_count_is_no_question_of_a_video(tmp_path):
    (tmp_path / "gt.txt").write_text(rows(1))
    with pytest.raises(SourceError, match="--rows is for pictures, leave it out"):
        read_truth(tmp_path / "gt.txt", choice=Choice(rows="places"))


def test_results_count_as_the_truth_does_and_our_own_tables_by_the_pictures_numbers(tmp_path):
    found = sequence(tmp_path / "s", pictures=0, table=rows(1))
    choice = Choice(rows="places")
    truth = found.read_truth(choice)
    (tmp_path / "theirs.txt").write_text(rows(1))
    (tmp_path / "s.gmm.mot.txt").write_text(rows(0))
    ours = [f"{n},1,{4 * n}.00,5.00,8.00,9.00,0.9000,-1,-1,-1\n" for n in PLACES]  # under a name of the user's
    (tmp_path / "mine.txt").write_text("".join(ours))
    of_video = [
        f"{n + 1},1,{4 * n}.00,5.00,8.00,9.00,0.9000,-1,-1,-1\n" for n in (*PLACES, COUNT - 1)
    ]  # to the last frame
    (tmp_path / "video.txt").write_text("".join(of_video))
    results = read_results(tmp_path / "video.txt", found, truth, choice=choice, alone=True)
    assert score_results(results, truth).as_dict()["identity"]["recall"] == 1
    for name in ("theirs.txt", "s.gmm.mot.txt", "mine.txt"):
        results = read_results(tmp_path / name, found, truth, choice=choice, alone=True)
        assert score_results(results, truth).as_dict()["identity"]["hota"] == 1


def lane_scores(found, **choice):
    """Of lane gmm, in this process."""
    truth = found.read_truth(Choice(**choice))
    return score_lane(LaneTask(found, truth, "gmm", RunSettings(lanes=("gmm",)))).scores.as_dict()["identity"]


def test_the_same_pictures_have_the_same_scores_from_any_first_number(tmp_path):
    one = lane_scores(sequence(tmp_path / "one", pictures=1, table=rows(1)))
    zero = lane_scores(sequence(tmp_path / "zero", pictures=0, table=rows(1)), rows="places")
    assert one == zero
    assert one["hota"] > 0.5


def test_a_picture_left_out_shifts_no_frame_against_its_truth(tmp_path):
    whole = sequence(tmp_path / "whole", pictures=1, table=rows(1))
    holed = sequence(tmp_path / "holed", pictures=1, table=rows(1))
    (holed.source / "000006.png").write_bytes(b"")
    assert lane_scores(holed)["loca"] == pytest.approx(lane_scores(whole)["loca"], abs=0.05)


def test_the_rows_option_reaches_evaluate_and_compare(tmp_path):
    found = sequence(tmp_path / "s", pictures=0, table=rows(1))
    assert "is row 1 the first picture" in call("evaluate", tmp_path / "s", "--lanes", "gmm").stderr
    truth = ("--truth", tmp_path / "s" / "gt" / "gt.txt", "--lanes", "gmm", "-o", tmp_path / "cmp")
    assert "is row 1 the first picture" in refused("compare", found.source, *truth)
    assert call("compare", found.source, *truth, "--rows", "places").exit_code == 0


@pytest.mark.parametrize("size", ["0,9", "8,0", "-8,9", "8,-1"])
def test_a_box_without_size_is_refused_with_its_line(tmp_path, size):
    (tmp_path / "gt.txt").write_text(f"1,1,0,0,5,5,1\n\n2,1,4,5,{size},1\n")
    with pytest.raises(SourceError, match=r"gt.txt, line 3: a box of .* x .*pixels"):
        read_truth(tmp_path / "gt.txt")


def test_boxes_in_shares_of_the_picture_are_refused_with_their_line(tmp_path):
    (tmp_path / "gt.txt").write_text("1,1,0,0,1,1,1\n2,1,0.25,0.5,0.1,0.2,1\n")
    with pytest.raises(SourceError, match=r"gt.txt, line 2: boxes in shares of the picture"):
        read_truth(tmp_path / "gt.txt")
    (tmp_path / "gt.txt").write_text("1,1,0,0,1,1,1\n2,1,0.25,0.5,8,9,1\n")  # pixels, and some of them small
    assert len(read_truth(tmp_path / "gt.txt").boxes) == 2


# Passwords from the environment


@pytest.mark.parametrize(
    ("address", "opened"),
    [
        ("rtsp://me:${CAM_PASSWORD}@cam-3/main", "rtsp://me:p%40s%2F%23%3F%25%20%24%7BCAM%7D@cam-3/main"),
        ("rtsp://${CAM_LOGIN}@cam-3/main", "rtsp://me:p%40ss@cam-3/main"),
        ("http://cam-3/live?key=${CAM_PASSWORD}", "http://cam-3/live?key=p%40s%2F%23%3F%25%20%24%7BCAM%7D"),
        ("http://cam-3/$CAM_LOGIN/{x}", "http://cam-3/$CAM_LOGIN/{x}"),
    ],
)
def test_a_variable_in_an_address_is_filled_in_as_a_url_writes_it(address, opened, monkeypatch):
    monkeypatch.setenv("CAM_PASSWORD", "p@s/#?% ${CAM}")
    monkeypatch.setenv("CAM_LOGIN", "me:p@ss")
    assert filled_in(address) == opened
    assert "CAM_PASSWORD" not in shown(address)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("rtsp://me:${NO_SUCH}@cam-3/main", "rtsp://cam-3/main: the variable NO_SUCH is not set; set it before: "),
        ("rtsp://${HOST_OF_CAM}/main", "rtsp://.../main: a variable is for user, password or query; write the rest"),
    ],
)
def test_a_variable_that_is_not_set_or_would_be_shown_is_refused(address, said, monkeypatch):
    monkeypatch.delenv("NO_SUCH", raising=False)
    monkeypatch.setenv("HOST_OF_CAM", "cam")
    with pytest.raises(OptionError, match=f"^{re.escape(said)}"):
        filled_in(address)
    result = call("webcam", address, "--no-show", "--serve", "127.0.0.1:0", "--wait")
    assert result.exit_code == 2
    assert said in result.output


def test_a_camera_is_given_the_password_of_a_variable_which_nobody_sees(monkeypatch):
    monkeypatch.setenv("CAM_PASSWORD", "p@s/#?%")
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            given = self.headers.get("Authorization")
            asked.append(given)
            self.send_response(401 if given is None else 404)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        address = f"http://me:${{CAM_PASSWORD}}@127.0.0.1:{server.server_address[1]}/live"
        result = call("webcam", address, "--no-show", "--serve", "127.0.0.1:0", "-v")
        server.shutdown()
    assert result.exit_code == 1
    assert f"Basic {base64.b64encode(b'me:p@s/#?%').decode()}" in asked
    assert "p@s" not in result.output
    assert "p%40s" not in result.output
