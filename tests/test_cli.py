"""Every command on a small drawn clip, and every mistake: one line, exit code 1, nothing left behind."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import av
import numpy as np
import pytest
from clips import cut, draw, draw_noise, join, write_pictures, write_raw_avi, write_sound, write_video
from commands import call, refused
from PIL import Image

from tracker.cli.networks import WORLDS

FRAMES, WIDTH, HEIGHT = 24, 96, 72
LANES = ("gmm", "slots")


def summary_of(path):
    return json.loads(path.read_text(encoding="utf-8"))


def frames_in(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.fixture(scope="session")
def street(tmp_path_factory):
    """A drawn clip and its truth, made by the command that makes them."""
    folder = tmp_path_factory.mktemp("street")
    clip, truth = folder / "clip.mp4", folder / "truth"
    drawing = ("--seed", 3, "--frames", FRAMES, "--size", f"{WIDTH}x{HEIGHT}", "--objects", 3)
    result = call("synth", "street", "-o", clip, "--truth", truth, *drawing)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def clip(street, tmp_path, monkeypatch):
    """The clip, seen from an empty working folder."""
    monkeypatch.chdir(tmp_path)
    return street / "clip.mp4"


# What the commands do


def test_the_worlds_of_the_help_are_those_that_can_be_drawn():
    from tracker.synth import WORLDS as DRAWN

    assert set(WORLDS) == set(DRAWN)


def test_process_writes_video_tables_and_summary_under_a_default_name(clip, tmp_path):
    result = call("process", clip)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["clip.tracked.mp4", "clip.tracked.summary.json"]
        + [f"clip.tracked.{lane}.{ending}" for lane in LANES for ending in ("csv", "mot.txt", "events.jsonl")]
    )
    shown = frames_in(tmp_path / "clip.tracked.mp4")
    assert len(shown) == FRAMES
    assert shown[0].shape == (HEIGHT, WIDTH, 3)
    summary = summary_of(tmp_path / "clip.tracked.summary.json")
    assert (summary["outcome"], summary["frames"], summary["problem"]) == ("complete", FRAMES, None)
    assert summary["source"]["name"] == "clip.mp4"
    assert summary["settings"]["lanes"] == list(LANES)
    assert {"lane gmm", "lane slots", "decode", "total"} <= set(summary["ms_per_frame"])
    # the slots' network and the one that reads the scene
    assert re.fullmatch("[0-9a-f]{64}[+][0-9a-f]{64}", summary["lanes"]["slots"]["weights_sha256"])
    assert {"tracker", "python", "numpy", "opencv", "av", "onnxruntime"} <= set(summary["versions"])
    for lane in LANES:
        found = summary["lanes"][lane]["identities"]
        assert f"{lane}: {found} identit{'y' if found == 1 else 'ies'}, " in result.stdout
    assert "clip.tracked.mp4" in result.stdout


def test_the_tables_of_a_run_alone(clip, tmp_path):
    assert call("process", clip, "--lanes", "gmm", "--no-video", "-o", "out/name.mp4").exit_code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "name.gmm.csv",
        "name.gmm.events.jsonl",
        "name.gmm.mot.txt",
        "name.summary.json",
    ]
    assert "torch" not in summary_of(tmp_path / "out/name.summary.json")["settings"]["lanes"]


@pytest.mark.parametrize(("kind", "name"), [("png", "o.gmm.masks/000001.png"), ("rle", "o.gmm.masks.json")])
def test_masks_on_request(clip, tmp_path, kind, name):
    assert call("process", clip, "--lanes", "gmm", "--masks", kind, "--no-video", "-o", "o.mp4").exit_code == 0
    assert (tmp_path / name).is_file()


def test_frames_of_a_part_keep_the_clips_numbers(clip, tmp_path):
    part = ("--lanes", "gmm", "--start", 0.4, "--set", "linker.confirm_s=0", "--no-video", "-o", "o.mp4")
    assert call("process", clip, *part).exit_code == 0
    rows = [line.split(",") for line in (tmp_path / "o.gmm.csv").read_text().splitlines()[1:]]
    assert rows
    assert all(float(row[1]) == pytest.approx((int(row[0]) - 1) / 25) for row in rows)
    assert {int(row[0]) for row in rows} <= set(range(11, FRAMES + 1))


def test_a_clip_in_which_nothing_is_found_says_what_may_be_the_reason(tmp_path):
    still = write_video(tmp_path / "still.mp4", [np.full((48, 64, 3), 90, np.uint8)] * 10)
    done = call("process", still, "--lanes", "gmm", "--no-video", "-o", tmp_path / "o.mp4")
    assert done.exit_code == 0
    assert "tracker: gmm: Nothing was found in the whole clip" in done.stderr
    assert "gmm.min_area" in done.stderr


def test_an_output_that_is_a_folder_gets_the_default_name(clip, tmp_path):
    (tmp_path / "results").mkdir()
    assert call("process", clip, "--lanes", "gmm", "--max-frames", 2, "-o", "results").exit_code == 0
    assert (tmp_path / "results" / "clip.tracked.mp4").is_file()


def test_a_part_of_a_clip(clip, tmp_path):
    part = ("--start", 0.2, "--max-frames", 5)  # frame 5 at 25 frames a second
    assert call("process", clip, "--lanes", "gmm", *part, "-o", "o.mp4").exit_code == 0
    assert summary_of(tmp_path / "o.summary.json")["frames"] == 5
    first = (tmp_path / "o.gmm.csv").read_text().splitlines()[1:2]
    assert all(line.startswith(("6,0.2", "7,0.24", "8,0.28")) for line in first)


def test_without_a_prescan_the_scene_is_learned_before_anything_is_judged(clip, tmp_path):
    learned = ("--set", "prescan_frames=0", "--set", "gmm.mixture.warm_up_s=0.1", "--max-frames", 6)
    result = call("process", clip, "--lanes", "slots", *learned, "-o", "o.mp4")
    assert result.exit_code == 0, result.output
    assert "warming up: the first 0.1 s" in result.stderr


def test_a_folder_of_frames_and_a_glob(clip, tmp_path):
    write_pictures(tmp_path / "frames", frames_in(clip)[:4])
    for source in ("frames", "frames/frame*.png"):
        assert call("process", source, "--lanes", "gmm").exit_code == 0
    summaries = sorted(tmp_path.glob("frames*.tracked.summary.json"))
    assert [summary_of(path)["frames"] for path in summaries] == [4, 4]


def test_the_same_seed_settings_and_clip_give_the_same_tables(clip, tmp_path):
    for name in ("a", "b"):
        assert call("process", clip, "--no-video", "-o", f"{name}.mp4").exit_code == 0
    for lane in LANES:
        assert (tmp_path / f"a.{lane}.mot.txt").read_bytes() == (tmp_path / f"b.{lane}.mot.txt").read_bytes()


def test_compare_with_truth_draws_both_lanes_and_scores_them(clip, tmp_path):
    result = call("compare", clip, "--truth", clip.parent / "truth", "-o", "cmp")
    assert result.exit_code == 0, result.output
    names = {path.name for path in (tmp_path / "cmp").iterdir()}
    made = {"compare.mp4", "compare.png", "compare.json", "report.html"}
    made |= {f"compare.{lane}.{ending}" for lane in LANES for ending in ("mot.txt", "csv", "events.jsonl")}
    assert names == made
    assert frames_in(tmp_path / "cmp/compare.mp4")[0].shape[1] >= 2 * WIDTH
    summary = summary_of(tmp_path / "cmp/compare.json")
    for lane in LANES:
        scores = summary["lanes"][lane]["scores"]
        assert scores["identity"]["frames"] == scores["foreground"]["frames"] == FRAMES
        assert {"hota", "idf1", "mota", "switches"} <= set(scores["identity"])
        assert {"fg_ari", "ami"} <= set(scores["clusters"])
        assert f"{scores['identity']['hota']:.3f}" in (tmp_path / "cmp/report.html").read_text(encoding="utf-8")
    assert {row["score"] for row in summary["differences"]} == {"hota", "idf1", "mota", "f_measure"}
    assert {"warm_up", "noise", "agreement_masks"} <= {finding["name"] for finding in summary["findings"]}
    for row in ("identities", "foreground share", "HOTA", "IDF1", "MOTA", "ID switches", "foreground F"):
        assert re.search(rf"^{row} +\S+ +\S+$", result.stdout, re.M), row


def test_compare_scores_what_stands_in_the_table(clip, tmp_path):
    from tracker.scores import read_truth, score_identities

    truth = clip.parent / "truth"
    assert call("compare", clip, "--truth", truth, "-o", "cmp", "--lanes", "gmm").exit_code == 0
    table = read_truth(tmp_path / "cmp/compare.gmm.mot.txt").boxes
    scores = score_identities(read_truth(truth).boxes, table, frames=(0, FRAMES - 1)).counts
    said = summary_of(tmp_path / "cmp/compare.json")["lanes"]["gmm"]["scores"]["identity"]
    assert (said["idf1"], said["mota"]) == pytest.approx((scores.idf1, scores.mota), abs=0.001)


@pytest.mark.parametrize(("start", "frames"), [("0.56", 10), ("1.04", 1), ("1.06", 0)])
def test_the_truth_of_a_part_of_a_clip_meets_its_frames_whatever_their_times(tmp_path, start, frames):
    """Frame 1 to 5 last a tenth of a second each, those after them 50 ms; the truth ends with frame 17, at 1.05 s."""
    times_ms = [100 * n for n in range(5)] + [500 + 50 * n for n in range(20)]
    clip = write_video(tmp_path / "clip.mp4", draw(25), times_ms=times_ms)
    (tmp_path / "gt.txt").write_text("".join(f"{frame},1,5,5,20,20,1,-1,-1,-1\n" for frame in range(1, 18)))
    asked = ("--truth", tmp_path / "gt.txt", "--lanes", "gmm", "--start", start, "-o", tmp_path / "cmp")
    if not frames:
        assert "the truth ends before frame 18" in refused("compare", clip, *asked)
        return
    assert call("compare", clip, *asked).exit_code == 0
    counted = summary_of(tmp_path / "cmp/compare.json")["lanes"]["gmm"]["scores"]["identity"]
    assert counted["frames"] == counted["truth_boxes"] == frames


def test_compare_takes_any_number_of_lanes(clip, tmp_path):
    """Three methods and one of them with two settings: no number of lanes is special."""
    small = ("--set", "variants.small={lane: slots, changes: [slots.working_width=64]}")
    result = call("compare", clip, "-o", "cmp", "--lanes", "mog2,knn,slots,small", *small)
    assert result.exit_code == 0, result.output
    assert re.search("^ +mog2 +knn +slots +small$", result.stdout, re.M)
    assert frames_in(tmp_path / "cmp/compare.mp4")[0].shape[:2] == (2 * HEIGHT + 2, 2 * WIDTH + 2)
    for lane in ("mog2", "knn", "slots", "small"):
        assert (tmp_path / f"cmp/compare.{lane}.csv").is_file()
    summary = summary_of(tmp_path / "cmp/compare.json")
    assert {f["lane"] for f in summary["findings"] if f["name"] == "agreement_masks"} == {
        "mog2 / knn", "mog2 / slots", "mog2 / small", "knn / slots", "knn / small", "slots / small",
    }  # fmt: skip


def test_compare_meets_the_numbers_of_a_picture_folder_and_its_masks(tmp_path):
    """CDnet's layout, cut out of the middle: frames 7 to 14, masks for two of them."""
    pictures = draw_noise(8)
    write_pictures(tmp_path / "input", pictures, name="unused{}.png")
    for n, path in enumerate(sorted((tmp_path / "input").iterdir())):
        path.rename(path.with_name(f"in{n + 7:06d}.png"))
    (tmp_path / "groundtruth").mkdir()
    for number in (9, 12):
        Image.fromarray(np.full((48, 64), 255, np.uint8)).save(tmp_path / f"groundtruth/gt{number:06d}.png")
    asked = ("--truth", tmp_path / "groundtruth", "--lanes", "gmm", "-o", tmp_path / "cmp")
    assert call("compare", tmp_path / "input", *asked).exit_code == 0
    scores = summary_of(tmp_path / "cmp/compare.json")["lanes"]["gmm"]["scores"]
    assert scores["foreground"]["tp"] + scores["foreground"]["fn"] == 2 * 48 * 64


def test_a_truth_of_masks_alone_gives_errors_in_pixels_where_it_has_masks(tmp_path):
    """Ten frames numbered from 7, masks for the 9th and the 12th of which all, then a quarter, is object."""
    write_pictures(tmp_path / "input", [np.full((48, 64, 3), 60, np.uint8)] * 10, name="in0{}.png")
    for path in sorted((tmp_path / "input").iterdir(), reverse=True):
        path.rename(path.with_name(f"in{int(path.stem[2:]) + 7:06d}.png"))
    (tmp_path / "groundtruth").mkdir()
    for number, rows in ((9, 48), (12, 12)):
        mask = np.zeros((48, 64), np.uint8)
        mask[:rows] = 255
        Image.fromarray(mask).save(tmp_path / f"groundtruth/gt{number:06d}.png")
    asked = ("--truth", tmp_path / "groundtruth", "--lanes", "gmm", "-o", tmp_path / "cmp")
    assert call("compare", tmp_path / "input", *asked).exit_code == 0
    page = (tmp_path / "cmp/report.html").read_text(encoding="utf-8")
    (errors,) = json.loads(re.search(r'id="data">(.*?)</script>', page)[1])["errors"]
    assert errors["unit"] == "pixels"
    assert errors["misses"] == [None, None, 100, None, None, 25, None, None, None, None]
    assert [share for share in errors["false_boxes"] if share is not None] == [0, 0]
    assert "foreground F" in page


def test_a_truth_does_not_guess_the_numbers_of_a_pattern_of_pictures(tmp_path):
    write_pictures(tmp_path / "input", draw(4), name="in00{}.png")
    (tmp_path / "gt.txt").write_text("1,1,5,5,20,20,1,-1,-1,-1\n")
    line = refused("compare", tmp_path / "input/*.png", "--truth", tmp_path / "gt.txt", "-o", tmp_path / "cmp")
    assert "give the folder" in line


def test_compare_without_truth_gives_counts_only(clip):
    result = call("compare", clip, "-o", "cmp", "--lanes", "gmm")
    assert result.exit_code == 0
    assert "identities" in result.stdout
    assert "IDF1" not in result.stdout


def test_synth_draws_the_same_clip_from_the_same_seed_and_says_who_owns_each_pixel(street, tmp_path):
    rows = [line.split(",") for line in (street / "truth/gt.txt").read_text().splitlines()]
    assert {int(row[0]) for row in rows} <= set(range(1, FRAMES + 1))
    assert len(list((street / "truth/masks").iterdir())) == FRAMES
    mask = np.asarray(Image.open(street / "truth/masks/000001.png"))
    assert mask.shape == (HEIGHT, WIDTH)
    assert set(np.unique(mask)) - {0} <= {int(row[1]) for row in rows if row[0] == "1"}
    drawing = ("--seed", 3, "--frames", FRAMES, "--size", f"{WIDTH}x{HEIGHT}", "--objects", 3)
    assert call("synth", "street", "-o", tmp_path / "again.mp4", *drawing).exit_code == 0
    assert np.array_equal(frames_in(tmp_path / "again.mp4"), frames_in(street / "clip.mp4"))


def test_webcam_says_how_long_it_warms_up_and_records(clip, tmp_path):
    result = call("webcam", clip, "--no-show", "--record", "live.mp4", "--lanes", "gmm")
    assert result.exit_code == 0, result.output
    assert "warming up: the first 2 s" in result.stderr
    summary = summary_of(tmp_path / "live.summary.json")
    assert summary["source"]["live"]
    # what the lane was too busy for is counted, not queued
    assert summary["frames"] + summary["dropped"] == FRAMES
    assert len(frames_in(tmp_path / "live.mp4")) == summary["frames"]


def test_webcam_without_window_and_recording_is_refused_and_leaves_nothing(clip, tmp_path):
    assert "--record" in refused("webcam", clip, "--no-show", "--lanes", "gmm", "--max-frames", 3)
    assert list(tmp_path.iterdir()) == []


def test_train_takes_a_recipe_and_leaves_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(
        "kind: slots\n"
        "train: {steps: 1, batch: 1, slots: 2, checkpoint_every: 1, lengths: [[0, 3]], bfloat16: false,\n"
        "        network: {cell: {grid_px: 8, features: 4, hidden: 2, motion: 4}}}\n"
        "street: {width: 40, height: 32, objects: [1, 2]}\n"
    )
    result = call("train", "tiny.yaml", "--out", "run")
    assert result.exit_code == 0, result.output
    assert (tmp_path / result.stdout.strip()).suffix == ".safetensors"


def test_quiet_says_nothing(clip):
    result = call("process", clip, "--lanes", "gmm", "--max-frames", 2, "-q")
    assert (result.exit_code, result.output) == (0, "")


def test_settings_come_from_files_and_flags(clip, tmp_path):
    (tmp_path / "my.yaml").write_text("gmm: {min_area: 0.01}\nseed: 1\n")
    asked = ("-c", "my.yaml", "--set", "seed=2", "--set", "gmm.mixture.history_s=2", "--lanes", "gmm")
    assert call("process", clip, *asked, "--no-video", "-o", "o.mp4").exit_code == 0
    summary = summary_of(tmp_path / "o.summary.json")
    assert (summary["seed"], summary["settings"]["gmm"]["min_area"]) == (2, 0.01)
    assert summary["settings"]["gmm"]["mixture"]["history_s"] == 2


# What a user can get wrong


@pytest.mark.parametrize("command", [("process",), ("compare", "-o", "out"), ("webcam", "--record", "o.mp4")])
def test_a_missing_file(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "no such file" in refused(*command, "missing.mp4")
    assert list(tmp_path.rglob("*")) == []


def test_a_folder_without_pictures(tmp_path):
    assert "no pictures" in refused("process", tmp_path)


@pytest.mark.parametrize("content", [b"", b"dear diary, today I was a video\n" * 99])
def test_a_file_that_is_no_video(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "not.mp4").write_bytes(content)
    assert "not.mp4" in refused("process", "not.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["not.mp4"]


def test_a_clip_of_sound_alone(tmp_path):
    assert "sound" in refused("process", write_sound(tmp_path / "song.wav"))


def test_a_clip_cut_short_is_processed_as_far_as_it_goes(tmp_path):
    short = cut(write_video(tmp_path / "cut.mp4", draw_noise(40), movflags="faststart"), keep=0.5)
    result = call("process", short, "--lanes", "gmm", "-o", tmp_path / "o.mp4")
    assert result.exit_code == 0, result.output
    assert re.fullmatch("tracker: warning: .*cut.mp4: cut short, .* frames readable", result.stderr.strip())
    summary = summary_of(tmp_path / "o.summary.json")
    assert 0 < summary["frames"] < 40
    assert f"{summary['frames']} of about 40 frames" in summary["problem"]
    assert len(frames_in(tmp_path / "o.mp4")) == summary["frames"]


def test_a_raw_avi_that_aborts_other_readers(tmp_path):
    raw = write_raw_avi(tmp_path / "raw.avi", draw_noise(3, (48, 48)))
    assert call("process", raw, "--lanes", "gmm", "-o", tmp_path / "o.mp4").exit_code == 0
    assert summary_of(tmp_path / "o.summary.json")["frames"] == 3


@pytest.mark.parametrize(("count", "width", "height"), [(1, 64, 48), (3, 63, 47), (2, 17, 9)])
def test_one_frame_and_odd_sizes_work_in_both_lanes(tmp_path, count, width, height):
    folder = write_pictures(tmp_path / "frames", draw_noise(count, (width, height)))
    result = call("process", folder, "-o", tmp_path / "o.mp4")
    assert result.exit_code == 0, result.output
    assert len(frames_in(tmp_path / "o.mp4")) == count


def test_a_size_that_changes_ends_the_run_and_the_summary_says_so(tmp_path):
    parts = [write_video(tmp_path / f"{n}.h264", draw_noise(3, size)) for n, size in enumerate([(64, 48), (48, 48)])]
    clip = join(tmp_path / "clip.h264", parts)
    done = call("process", clip, "--lanes", "gmm", "-o", tmp_path / "o.mp4")
    line = done.stderr.splitlines()[-1].removeprefix("tracker: error: ")
    assert (done.exit_code, "48x48" in line) == (1, True)
    summary = summary_of(tmp_path / "o.summary.json")
    assert (summary["outcome"], summary["frames"], summary["problem"]) == ("failed", 3, line)
    assert len(frames_in(tmp_path / "o.mp4")) == 3


def test_an_address_that_does_not_answer_never_shows_its_password(tmp_path):
    line = refused("process", "http://me:secret@127.0.0.1:9/cam", "-o", tmp_path / "o.mp4")
    assert "127.0.0.1:9/cam" in line
    assert "secret" not in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "option",
    [
        ("process", "CLIP", "-o"),
        ("compare", "CLIP", "-o"),
        ("webcam", "CLIP", "--no-show", "--record"),
        ("synth", "street", "-o"),
    ],
    ids=lambda option: option[0],
)
def test_an_output_at_an_address_is_refused_and_leaves_no_folder(option, clip, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = call(*(clip if word == "CLIP" else word for word in option), "rtsp://me:secret@cam/o.mp4")
    assert done.exit_code == 2
    assert "rtsp://cam/o.mp4 is an address; results are written to files" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_camera_that_does_not_exist():
    assert "99" in refused("webcam", "99", "-q")


def test_a_window_without_a_display_says_what_to_use(clip, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux says by its environment that there is no display")
    line = refused("webcam", clip, "-q")
    assert "--record" in line
    assert "--no-show" in line


def test_a_result_that_exists_is_kept_without_overwrite(clip, tmp_path):
    table = tmp_path / "o.gmm.csv"
    table.write_text("")
    assert "--overwrite" in refused("process", clip, "--lanes", "gmm", "-o", "o.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["o.gmm.csv"]
    assert call("process", clip, "--lanes", "gmm", "-o", "o.mp4", "--overwrite").exit_code == 0
    assert table.read_text().startswith("frame,time_s,")


def test_an_output_in_a_place_that_is_no_folder(clip, tmp_path):
    (tmp_path / "file").write_text("")
    assert "file" in refused("process", clip, "--lanes", "gmm", "-o", "file/o.mp4")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_an_output_folder_that_may_not_be_written(clip, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o555)
    assert "locked" in refused("process", clip, "--lanes", "gmm", "-o", "locked/o.mp4")


def test_the_output_is_never_the_input(clip, tmp_path):
    mine = tmp_path / "mine.mp4"
    mine.write_bytes(clip.read_bytes())
    assert "is the input" in refused("process", mine, "-o", "mine.mp4", "--overwrite")
    assert mine.read_bytes() == clip.read_bytes()


def test_masks_never_replace_the_folder_they_were_read_from(tmp_path):
    folder = tmp_path / "o.gmm.masks"
    folder.mkdir()
    Image.new("RGB", (32, 24)).save(folder / "1.png")
    asked = ("--lanes", "gmm", "--masks", "png", "-o", tmp_path / "o.mp4", "--overwrite")
    for source in (folder, folder / "*.png", folder / "1.png"):
        assert re.search(
            "is the input|the input .* lies in it|would be one of the pictures", refused("process", source, *asked)
        )
    assert [path.name for path in folder.iterdir()] == ["1.png"]


def test_an_output_of_another_kind(clip):
    assert "ends in .mp4" in refused("process", clip, "-o", "out.avi")


def test_an_unknown_setting_names_the_nearest(clip):
    line = refused("process", clip, "--set", "gmm.working_widht=3")
    assert line.endswith("unknown setting gmm.working_widht; did you mean gmm.working_width?")


@pytest.mark.parametrize("content", [b"not tensors", b""])
def test_weights_that_are_none(clip, tmp_path, content):
    (tmp_path / "bad.safetensors").write_bytes(content)
    line = refused("process", clip, "--lanes", "slots", "--set", "slots.weights=bad.safetensors", "-o", "o.mp4")
    assert "bad.safetensors" in line
    assert [path.name for path in tmp_path.iterdir()] == ["bad.safetensors"]


def test_a_device_where_no_network_runs_is_refused(clip, tmp_path):
    done = call("process", clip, "--lanes", "gmm", "--device", "cpu", "-o", tmp_path / "o.mp4")
    assert (done.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert "lanes slots and blobs" in done.stderr


def test_a_device_that_this_machine_has_not(clip, tmp_path):
    line = refused("process", clip, "--lanes", "slots", "--device", "cuda" if sys.platform == "darwin" else "mps")
    assert "use --device cpu" in line
    assert list(tmp_path.iterdir()) == []


def test_a_truth_that_is_not_there(clip, tmp_path):
    assert "truth" in refused("compare", clip, "--truth", "nowhere", "-o", "cmp", "--lanes", "gmm")


def test_a_truth_of_another_clip(clip, tmp_path):
    (tmp_path / "other/masks").mkdir(parents=True)
    Image.new("L", (10, 10)).save(tmp_path / "other/masks/000001.png")
    assert "mask is 10 x 10 pixels" in refused("compare", clip, "--truth", "other", "-o", "cmp", "--lanes", "gmm")
    assert list((tmp_path / "cmp").iterdir()) == []


@pytest.mark.parametrize(
    "wrong",
    [
        ("process",),
        ("process", "x.mp4", "--lanes", "gmm,,slots"),
        ("process", "x.mp4", "--max-frames", "0"),
        ("process", "x.mp4", "--start", "-1"),
        ("synth", "mars", "-o", "x.mp4"),
        ("synth", "street", "-o", "x.mp4", "--size", "big"),
        ("fly",),
    ],
)
def test_wrong_usage_is_exit_code_2(wrong):
    assert call(*wrong).exit_code == 2


def test_a_defect_is_one_line_too_and_a_traceback_only_with_v(clip, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("tracker.jobs.process", broken)
    assert "unexpected ZeroDivisionError: oops" in refused("process", clip)
    assert "Traceback" in call("process", clip, "-v").stderr


@pytest.mark.parametrize("error", [MemoryError(), OSError(28, "No space left on device", "out.mp4")])
def test_a_machine_at_its_limits_is_one_line(clip, monkeypatch, error):
    def broken(*_, **__):
        raise error

    monkeypatch.setattr("tracker.jobs.process", broken)
    assert re.search("memory|No space left", refused("process", clip))


@pytest.mark.skipif(os.name != "posix", reason="signals of Unix")
def test_ctrl_c_finishes_what_there_is_and_says_130(tmp_path):
    long = write_video(tmp_path / "long.mp4", draw_noise(1) * 8_000)
    asked = ("process", str(long), "--lanes", "gmm", "-o", str(tmp_path / "o.mp4"))
    running = subprocess.Popen([sys.executable, "-m", "tracker", *asked], stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 30
    while not any(tmp_path.glob("o.gmm*")) and time.monotonic() < until:  # the first frame has been written
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    _, stderr = running.communicate(timeout=30)
    assert running.returncode == 130, stderr
    assert stderr.strip().splitlines() == ["tracker: interrupted"]
    summary = summary_of(tmp_path / "o.summary.json")
    assert summary["outcome"] == "interrupted"
    assert 0 < summary["frames"] < 8_000
    assert len(frames_in(tmp_path / "o.mp4")) == summary["frames"]
    assert not list(tmp_path.glob("*.part*"))


def test_python_does_not_look_through_everything_again_and_again():
    program = """
import atexit, gc
atexit.register(lambda: print(gc.get_freeze_count() > 0, gc.get_threshold()[0]))
import tracker.cli
tracker.cli.cli = lambda prog_name: None
from tracker.__main__ import main
main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "50000"]
