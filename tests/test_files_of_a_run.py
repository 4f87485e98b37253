"""What a run reads is not written to by any of its options, and what it writes is not taken for what it read."""

import os
from pathlib import Path

import clips
import cv2
import numpy as np
import pytest
from commands import call, refused
from PIL import Image

QUIET = ["--lanes", "gmm", "-q", "--set", "prescan_frames=0"]


def walk(count=30, size=(64, 48)):
    """(N, H, W, 3): a dark square walks over grey."""
    pictures = np.full((count, size[1], size[0], 3), 120, np.uint8)
    for t, image in enumerate(pictures):
        image[10:30, t : t + 12] = 20
    return pictures


@pytest.fixture
def clip(tmp_path, monkeypatch) -> Path:
    """The clip's name, in the working folder."""
    monkeypatch.chdir(tmp_path)
    return clips.write_video(tmp_path / "clip.mp4", list(walk())).relative_to(tmp_path)


def test_events_are_appended_to_nothing_that_the_run_reads(clip, tmp_path):
    folder = clips.write_pictures(tmp_path / "pics", list(walk(4)))
    Path("truth.txt").write_text("3,1,10,10,12,20,1,-1,-1,-1\n")
    Path("set.yaml").write_text("seed: 1\n")
    os.symlink(clip, "link.mp4")
    os.link(clip, "hard.mp4")
    picture = next(folder.iterdir()).relative_to(tmp_path)
    read = [clip, Path("truth.txt"), Path("set.yaml"), picture]
    before = [path.read_bytes() for path in read]
    for name in (clip, "link.mp4", "hard.mp4"):
        assert "is the input clip.mp4" in refused("process", clip, *QUIET, "-o", "out.mp4", "--events-to", name)
    assert "is the input truth.txt" in refused(
        "compare", clip, *QUIET, "-o", "page", "--truth", "truth.txt", "--events-to", "truth.txt"
    )
    line = refused("process", clip, *QUIET, "-c", "set.yaml", "-o", "out.mp4", "--events-to", "set.yaml")
    assert "is the input set.yaml" in line
    assert "is the input" in refused("process", "pics", *QUIET, "--fps", 25, "-o", "out.mp4", "--events-to", picture)
    assert "is the input clip.mp4" in refused("webcam", clip, "--no-show", *QUIET, "--events-to", clip)
    assert [path.read_bytes() for path in read] == before
    assert not Path("out.mp4").exists()


@pytest.mark.parametrize(
    "held",
    [b"frame,id\n", b"\x00\x00\x00 ftyp", b"# log\n", b'{"schema_version": 1}\n', b'{\n "images": []\n}\n', b"[]\n"],
)
def test_events_are_appended_to_no_file_of_another_kind(clip, held):
    Path("other").write_bytes(held)
    assert "is no file of events" in refused("process", clip, *QUIET, "-o", "out.mp4", "--events-to", "other")
    assert Path("other").read_bytes() == held


@pytest.mark.parametrize("held", ["", '{"time": "now", "source": "a", "run": "b", "n": 1, "kind": "birth"}\n'])
def test_events_are_appended_to_events_and_to_an_empty_file(clip, held):
    Path("events.jsonl").write_text(held)
    assert call("process", clip, *QUIET, "-o", "out.mp4", "--events-to", "events.jsonl").exit_code == 0
    assert Path("events.jsonl").read_text().startswith(held)


@pytest.mark.parametrize("option", ["--state", "--save-zones"])
def test_a_live_runs_own_results_are_no_place_for_what_outlives_it(clip, option):
    place = [] if option == "--state" else ["--serve", "127.0.0.1:0"]
    done = call("webcam", clip, "--no-show", *QUIET, *place, "--record", "out.mp4", option, "out.gmm.csv")
    assert done.exit_code == 1
    assert f"out.gmm.csv: is another file of this run; choose another name with {option}\n" in done.stderr
    assert not list(Path().glob("out*"))


def test_a_runs_own_overlay_is_not_taken_for_its_pictures(clip):
    Path("out").mkdir()
    assert call("process", clip, *QUIET, "-o", f"out/{clip}").exit_code == 0
    done = call("export", "out/clip.gmm.csv", "--to", "crops", "--every", "0.2s", "-o", "crops")
    assert "pictures are those of clip.mp4" in done.stderr
    clip.rename("moved.mp4")
    line = refused("export", "out/clip.gmm.csv", "--to", "crops", "--every", "0.2s", "-o", "others")
    assert "its pictures were not found; give the run's source by --source" in line


def test_a_truth_of_another_clip_is_said_to_be_one(clip):
    rows = [f"{frame},1,{frame - 1},10,12,20,1,-1,-1,-1\n" for frame in range(20, 31)]
    Path("truth.txt").write_text("".join(rows))
    common = ["compare", clip, "--lanes", "gmm", "--set", "prescan_frames=0", "--overwrite", "--truth", "truth.txt"]
    assert "is it of this clip" not in call(*common, "-o", "a").stderr
    done = call(*common, "-o", "b", "--max-frames", 5)
    assert "truth.txt: none of its frames was seen: it begins with frame 20, and the run ended with 5" in done.stderr
    Path("truth.txt").write_text("".join([*rows, "500,1,10,10,12,20,1,-1,-1,-1\n"]))
    assert (
        "truth.txt: goes on to frame 500, but the clip has 30; is it of this clip?" in call(*common, "-o", "c").stderr
    )
    assert "is it of this clip" not in call(*common, "-o", "d", "--max-frames", 25).stderr


def test_the_size_that_most_pictures_have_is_taken_however_they_alternate(tmp_path):
    """A small picture beside every two: sixteen pictures evenly spread over 49 are small ones, all of them."""
    folder = tmp_path / "pics"
    folder.mkdir()
    for n, image in enumerate(walk(49)):
        Image.fromarray(image if n % 3 else cv2.resize(image, (32, 24))).save(folder / f"{n:03d}.png")
    done = call(
        "process", folder, "--lanes", "gmm", "--fps", 25, "--set", "prescan_frames=0", "-o", tmp_path / "out.mp4"
    )
    assert "pictures are of several sizes: those of 64x48 are read" in done.stderr
    assert "17 of 49 pictures left out" in done.stderr


def test_a_picture_of_one_row_is_tracked_and_drawn(tmp_path):
    source = clips.write_pictures(tmp_path / "row", [image[20:21] for image in walk(10, (161, 48))])
    done = call(
        "process",
        source,
        "--lanes",
        "gmm,blobs",
        "-q",
        "--set",
        "prescan_frames=0",
        "--fps",
        25,
        "-o",
        tmp_path / "row.mp4",
    )
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "row.mp4").is_file()
