"""`tracker evaluate` from data set to scores: counted by hand, held to TrackEval, and every mistake one line."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from commands import call, refused

from tracker.cli.measure import LAYOUTS
from tracker.errors import SinkError, SourceError
from tracker.evaluation import Evaluation, LaneTask, ScoreTask, SequenceScores, evaluate
from tracker.evaluation.text import table
from tracker.evaluation.workers import peak_memory_mb, score_lane
from tracker.scores import (
    Choice,
    ClipScorer,
    ClipScores,
    Layout,
    MaskCounts,
    PixelRecord,
    Truth,
    find_sequences,
    read_results,
)
from tracker.scores.clip import unclaimed
from tracker.settings import load_settings
from tracker.types import Box

A, B, FAR = Box(0, 0, 10, 20), Box(100, 0, 110, 20), Box(300, 200, 310, 220)
PLAIN = Path(__file__).parents[2] / "configs" / "mog2-plain.yaml"
SIZE = (96, 72)


@pytest.fixture(scope="module")
def worlds(tmp_path_factory):
    """Two drawn worlds with their truths, by the command that makes them."""
    folder = tmp_path_factory.mktemp("sets") / "worlds"
    folder.mkdir()
    for seed, name in enumerate(("a", "b")):
        drawing = ("--seed", seed, "--frames", 12, "--size", "{}x{}".format(*SIZE), "--objects", 3)
        done = call("synth", "street", "-o", folder / f"{name}.mp4", "--truth", folder / f"{name}.truth", *drawing)
        assert done.exit_code == 0, done.output
    return folder


def cdnet(folder, empty=30):
    """Grey, and then four pictures with a truth in which a square walks over it."""
    rng = np.random.default_rng(0)
    (folder / "input").mkdir(parents=True)
    (folder / "groundtruth").mkdir()
    for number in range(1, empty + 5):
        picture = rng.normal(90, 2, (48, 64, 3)).astype(np.uint8)
        mask = np.zeros((48, 64), np.uint8)
        step = number - empty
        if step > 0:
            mask[10:30, 14 * step - 10 : 14 * step] = 255
        picture[mask > 0] = 230
        cv2.imwrite(str(folder / "input" / f"in{number:06d}.png"), picture)
        if step > 0:
            cv2.imwrite(str(folder / "groundtruth" / f"gt{number:06d}.png"), mask)
    return folder


# One clip


def test_frames_outside_the_span_are_not_looked_at():
    truth = Truth(dict.fromkeys(range(10), ((1, A),)), span=(2, 4))
    scorer = ClipScorer(truth)
    for t in range(10):
        scorer.add(t, boxes=[(1, A)] if 2 <= t <= 4 else [(5, FAR)])
    values = scorer.finish().as_dict()["identity"]
    assert (values["frames"], values["idf1"], values["mota"]) == (3, 1, 1)


def test_a_method_is_asked_only_for_what_it_was_given():
    truth = Truth({0: ((1, A),)}, span=(0, 0))
    scorer = ClipScorer(truth)
    scorer.add(0, foreground=np.zeros((4, 4), bool))
    assert scorer.finish().as_dict() == {}


def test_labels_and_owners_of_one_frame_counted_by_hand(tmp_path):
    """Truth 1 1 2 2, owners 5 5 5 0: foreground 3 of 4; of six pairs of pixels (1,1) is together in both."""
    path = tmp_path / "000001.png"
    cv2.imwrite(str(path), np.array([[1, 1, 2, 2, 0]], np.uint8))
    scorer = ClipScorer(Truth(mask_files={0: path}, span=(0, 0)))
    owners = np.array([[5, 5, 5, 0, 0]], np.int32)
    scorer.add(0, foreground=owners > 0, owners=owners)
    values = scorer.finish().as_dict()
    assert {k: values["foreground"][k] for k in ("tp", "fp", "fn", "tn")} == {"tp": 3, "fp": 0, "fn": 1, "tn": 1}
    # both 1, rows 1 + 1, columns 3 + 0, expected 2 * 3 / 6
    assert values["clusters"]["fg_ari"] == pytest.approx((1 - 1) / (2.5 - 1))


def test_shadow_is_counted_apart(tmp_path):
    path = tmp_path / "gt000001.png"
    cv2.imwrite(str(path), np.array([[0, 50, 50, 170, 255]], np.uint8))
    scorer = ClipScorer(Truth(mask_files={0: path}, mask_kind="labels", span=(0, 0)))
    scorer.add(0, foreground=np.array([[0, 1, 0, 1, 1]], bool))
    values = scorer.finish().as_dict()["foreground"]
    assert (values["tp"], values["fp"], values["fn"], values["tn"]) == (1, 1, 0, 2)
    assert values["fpr_shadow"] == 0.5


def test_frames_without_a_mask_are_not_asked_for_boxes_round_masks(tmp_path):
    path = tmp_path / "000001.png"
    cv2.imwrite(str(path), np.array([[1, 1, 0]], np.uint8))
    scorer = ClipScorer(Truth(mask_files={0: path, 2: path}, span=(0, 2)))
    for frame in range(3):
        scorer.add(frame, boxes=[(1, Box(0, 0, 2, 1))])
    assert scorer.finish().as_dict()["identity"]["false_boxes"] == 0


def test_what_is_found_on_an_ignored_class_is_dropped():
    found = [(1, A), (2, B), (3, FAR)]
    assert unclaimed(found, [(A, True), (B, False)]) == [(2, B), (3, FAR)]
    # both overlap A by half or more, and the better match is the scored one: the ignored one takes the other
    near = Box(0, 0, 10, 19)
    assert unclaimed([(1, A), (2, near)], [(A, False), (near, True)]) == [(1, A)]
    assert unclaimed([(1, Box(0, 0, 10, 9))], [(A, True)]) == [(1, Box(0, 0, 10, 9))]


# Against TrackEval


def mot17(folder, seed):
    """Truth with people, distractors and cars, and noisy tracks of all of them; returns the sequence's folder."""
    rng = np.random.default_rng(seed)
    kinds = [1, 1, 1, 2, 3, 7, 8, 12, 1]
    start, speed = rng.uniform(0, 300, (9, 2)), rng.normal(0, 3, (9, 2))
    rows, found = [], []
    for t in range(1, 31):
        for n, kind in enumerate(kinds):
            x, y = start[n] + speed[n] * t
            flag = int(kind == 1 and rng.random() > 0.1)
            rows.append(f"{t},{n + 1},{x:.1f},{y:.1f},30,60,{flag},{kind},1")
            if rng.random() > 0.15:
                jx, jy = rng.normal(0, 6, 2)
                name = n + 1 if rng.random() > 0.05 else n + 20
                found.append(f"{t},{name},{x + jx:.1f},{y + jy:.1f},30,60,0.9,-1,-1,-1")
        if rng.random() < 0.3:
            found.append(f"{t},90,{rng.uniform(0, 300):.1f},50,30,60,0.5,-1,-1,-1")
    name = f"MOT17-0{seed}"
    (folder / "set" / name / "gt").mkdir(parents=True)
    (folder / "set" / name / "img1").mkdir()
    for t in range(1, 31):
        (folder / "set" / name / "img1" / f"{t:06d}.jpg").touch()
    (folder / "set" / name / "gt" / "gt.txt").write_text("\n".join(rows) + "\n")
    (folder / "set" / name / "seqinfo.ini").write_text("[Sequence]\nimDir=img1\nframeRate=30\nseqLength=30\n")
    results = folder / "trackers" / "noisy" / "data"
    results.mkdir(parents=True, exist_ok=True)
    (results / f"{name}.txt").write_text("\n".join(found) + "\n")
    return name


def test_motchallenge_with_distractors_equals_trackeval(tmp_path):
    from trackeval.datasets import MotChallenge2DBox
    from trackeval.metrics import CLEAR, HOTA, Identity

    names = [mot17(tmp_path, seed) for seed in (2, 4)]
    outside = MotChallenge2DBox(
        {
            "GT_FOLDER": str(tmp_path / "set"),
            "TRACKERS_FOLDER": str(tmp_path / "trackers"),
            "SEQ_INFO": dict.fromkeys(names),
            "SKIP_SPLIT_FOL": True,
            "PRINT_CONFIG": False,
        }
    )
    task = ScoreTask(
        (tmp_path / "set",),
        results=(tmp_path / "trackers" / "noisy",),
        run_lanes=False,
        choice=Choice(classes=(1,), ignore_classes=(2, 7, 8, 12)),
    )
    ours = evaluate(task, load_settings())
    metrics = {"HOTA": HOTA(), "CLEAR": CLEAR({"PRINT_CONFIG": False}), "Identity": Identity({"PRINT_CONFIG": False})}
    each = {name: {} for name in metrics}
    for name in names:
        data = outside.get_preprocessed_seq_data(outside.get_raw_seq_data("noisy", name), "pedestrian")
        for title, metric in metrics.items():
            each[title][name] = metric.eval_sequence(data)
    theirs = [{title: each[title][name] for title in metrics} for name in names]
    theirs.append({title: metric.combine_sequences(each[title]) for title, metric in metrics.items()})
    for row, wanted in zip(ours.rows(), theirs, strict=True):
        got = row.groups["identity"]
        assert got["hota"] == pytest.approx(np.mean(wanted["HOTA"]["HOTA"]), abs=1e-12)
        assert got["assa"] == pytest.approx(np.mean(wanted["HOTA"]["AssA"]), abs=1e-12)
        assert got["mota"] == pytest.approx(wanted["CLEAR"]["MOTA"], abs=1e-12)
        assert got["idf1"] == pytest.approx(wanted["Identity"]["IDF1"], abs=1e-12)
        assert (got["switches"], got["fragments"]) == (wanted["CLEAR"]["IDSW"], wanted["CLEAR"]["Frag"])
        assert (got["mostly_tracked"], got["mostly_lost"]) == (wanted["CLEAR"]["MT"], wanted["CLEAR"]["ML"])
        assert (got["misses"], got["false_boxes"]) == (wanted["CLEAR"]["CLR_FN"], wanted["CLEAR"]["CLR_FP"])
    plain = evaluate(replace(task, choice=Choice(classes=(1,))), load_settings())
    assert plain.rows()[0].groups["identity"]["false_boxes"] > ours.rows()[0].groups["identity"]["false_boxes"] > 0


# What our own program wrote


def test_masks_of_numbered_pictures_have_their_numbers_and_are_scored_where_they_belong(tmp_path):
    """Pictures 7 to 40: a mask of the wrong frame would show the square elsewhere."""
    clip = cdnet(tmp_path / "made" / "walk")
    for folder in ("input", "groundtruth"):
        for path in sorted((clip / folder).iterdir(), reverse=True):
            path.rename(path.with_name(f"{path.stem[:2]}{int(path.stem[2:]) + 6:06d}.png"))
    bare = ("--lanes", "gmm", "--set", "prescan_frames=0", "--set", "gmm.mixture.warm_up_s=0.8")
    asked = ("--masks", "png", "--no-video", "-o", tmp_path / "out" / "walk.mp4")
    assert call("process", clip / "input", *bare, *asked).exit_code == 0
    masks = sorted(path.name for path in (tmp_path / "out/walk.gmm.masks").iterdir())
    assert (masks[0], masks[-1]) == ("000007.png", "000040.png")
    live = call("evaluate", clip, *bare, "-o", tmp_path / "live.json")
    kept = call("evaluate", clip, "--results", tmp_path / "out/walk.gmm.masks", "-o", tmp_path / "kept.json")
    assert (live.exit_code, kept.exit_code) == (0, 0), live.output + kept.output
    live, kept = (
        json.loads((tmp_path / f"{name}.json").read_text())["sequences"][0]["foreground"] for name in ("live", "kept")
    )
    assert live == kept
    assert live["tp"] > 0


def test_a_table_that_looks_like_another_clips_is_scored_and_it_is_said(worlds, tmp_path):
    (tmp_path / "far.txt").write_text("900,1,9,9,10,10,1\n")
    done = call("evaluate", worlds / "a.mp4", "--results", tmp_path / "far.txt")
    assert done.exit_code == 0
    assert "no row speaks of a scored frame, 1 to 12" in done.stderr
    (tmp_path / "none.txt").write_text("")
    assert "there is no row in it" in call("evaluate", worlds / "a.mp4", "--results", tmp_path / "none.txt").stderr
    (tmp_path / "short.txt").write_text("".join(f"{t},1,9,9,10,10,1\n" for t in range(1, 5)))
    assert (
        "results end at the clip's frame 4"
        in call("evaluate", worlds / "a.mp4", "--results", tmp_path / "short.txt").stderr
    )


def test_a_lone_table_of_another_name_in_a_folder_is_not_taken_for_the_sequences(worlds, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "other.txt").write_text("1,1,9,9,10,10,1\n")
    line = call("evaluate", worlds / "a.mp4", "--results", tmp_path / "mine").stderr
    assert "no results for a; wanted a.txt" in line
    assert "if other.txt is meant, name the file itself" in line


# Lanes, each in a process of its own


def test_lanes_results_json_and_csv_of_two_worlds(worlds, tmp_path):
    out, sheet = tmp_path / "out.json", tmp_path / "out.csv"
    done = call("evaluate", worlds, "--lanes", "gmm,mog2", "--jobs", 2, "--results", worlds, "-o", out, "--csv", sheet)
    assert done.exit_code == 0, done.output
    found = json.loads(out.read_text())
    assert (found["schema_version"], found["outcome"], found["failures"]) == (1, "complete", [])
    rows = {(row["sequence"], row["method"]): row for row in found["sequences"]}
    assert list(rows) == [(s, m) for s in ("a", "b") for m in ("worlds", "gmm", "mog2")]
    for name in ("a", "b"):
        assert rows[name, "worlds"]["identity"]["hota"] == rows[name, "worlds"]["clusters"]["ami"] == 1
        gmm, mog2 = rows[name, "gmm"], rows[name, "mog2"]
        assert (gmm["identity"], gmm["foreground"]) == (mog2["identity"], mog2["foreground"])  # the same method
        assert gmm["frames"] == gmm["identity"]["frames"] == gmm["foreground"]["frames"] == 12
        assert gmm["ms_per_frame"] > 0
        assert 20 < gmm["peak_mb"] < 2000
    pooled = {row["method"]: row for row in found["pooled"]}
    for method in ("gmm", "worlds"):
        parts = [rows[name, method]["foreground"] for name in ("a", "b")]
        tp, fp, fn = (sum(part[key] for part in parts) for key in ("tp", "fp", "fn"))
        assert pooled[method]["foreground"]["f_measure"] == pytest.approx(2 * tp / (2 * tp + fp + fn))
        mean = next(row for row in found["categories"] if row["method"] == method)["foreground"]
        assert mean["f_measure"] == pytest.approx(sum(part["f_measure"] for part in parts) / 2)
    assert found["settings"]["lanes"] == ["gmm", "mog2"]
    assert {"tracker", "numpy", "opencv"} <= set(found["versions"])
    lines = list(csv.DictReader(sheet.open()))
    assert [line["scope"] for line in lines] == ["sequence"] * 6 + ["category"] * 3 + ["overall"] * 3 + ["pooled"] * 3
    assert float(lines[1]["identity_hota"]) == rows["a", "gmm"]["identity"]["hota"]
    assert lines[0]["ms_per_frame"] == ""
    assert max(map(len, done.stdout.splitlines())) <= 120
    assert "exists already" in refused("evaluate", worlds, "-o", out)


def test_cdnet_frames_before_the_truth_warm_the_model_and_are_not_scored(tmp_path):
    (sequence,) = find_sequences(cdnet(tmp_path / "made" / "walk")).sequences
    settings = load_settings([PLAIN])
    row = score_lane(LaneTask(sequence, sequence.read_truth(Choice()), "gmm", settings))
    pixels = row.scores.pixels
    assert (row.frames, pixels.frames) == (34, (30, 31, 32, 33))
    assert pixels.total.recall > 0.9


def test_a_lane_that_fails_is_one_line_and_the_others_go_on(worlds, tmp_path):
    broken = tmp_path / "sets"
    broken.mkdir()
    for path in worlds.iterdir():
        (broken / path.name).symlink_to(path)
    (broken / "b.mp4").unlink()
    (broken / "b.mp4").write_bytes(b"no video")
    done = call("evaluate", broken, "--lanes", "gmm", "-q", "-o", tmp_path / "out.json")
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("tracker: error: b, gmm: ")
    found = json.loads((tmp_path / "out.json").read_text())
    assert (found["outcome"], [row["sequence"] for row in found["sequences"]]) == ("failed", ["a"])
    assert [(f["sequence"], f["method"]) for f in found["failures"]] == [("b", "gmm")]


def test_mistakes_are_one_line(worlds, tmp_path):
    assert "no such data set" in refused("evaluate", tmp_path / "none")
    assert "no sequence found" in refused("evaluate", tmp_path)
    assert "a truth for one sequence" in refused("evaluate", worlds, worlds, "--truth", "gt.txt")
    video = worlds / "a.mp4"
    assert "no such truth" in refused("evaluate", video, "--truth", tmp_path / "gt.txt")
    assert "no such results" in refused("evaluate", video, "--results", tmp_path / "none")
    far = tmp_path / "gt.txt"
    far.write_text("".join(f"{t},1,900,900,10,10,1\n" for t in range(1, 5)))
    assert "4 of 4 truth boxes lie outside the clip's 96 x 72 pixels" in refused(
        "evaluate", video, "--truth", far, "--lanes", "gmm"
    )
    far.write_text("500,1,9,9,10,10,1\n")
    assert "has 12 frames, but its truth begins with 500" in refused(
        "evaluate", video, "--truth", far, "--lanes", "gmm"
    )
    assert "has 12 frames, but its truth begins with 500" in refused(
        "evaluate", video, "--truth", far, "--results", far
    )
    far.write_text("5,1,9,9,10,10,1\n")
    assert "--frames 0-10 begins before" in refused("evaluate", video, "--truth", far, "--frames", "0-10")
    both = call("evaluate", video, "--classes", "1,2", "--ignore-classes", "1")
    assert both.exit_code == 2
    assert "class 1 is to be scored and to be ignored" in both.stderr
    assert call("evaluate", video, "--frames", "9-3").exit_code == 2
    assert call("evaluate", video, "--classes", "a").exit_code == 2


def test_a_clip_that_ends_before_its_truth_is_scored_and_it_is_said(worlds, tmp_path):
    longer = tmp_path / "gt.txt"
    longer.write_text("".join(f"{t},1,9,9,10,10,1\n" for t in range(1, 21)))
    (tmp_path / "res.txt").write_text("".join(f"{t},1,9,9,10,10,1\n" for t in range(1, 13)))
    both = ("--lanes", "gmm", "--results", tmp_path / "res.txt")
    done = call("evaluate", worlds / "a.mp4", "--truth", longer, *both, "-o", tmp_path / "out.json")
    assert done.exit_code == 0, done.output
    assert done.stderr.count("the clip has 12 frames, its truth goes on to 20") == 2
    rows = json.loads((tmp_path / "out.json").read_text())["sequences"]
    assert [row["identity"]["frames"] for row in rows] == [12, 12]
    (result,) = (row for row in rows if row["method"] == "res")
    assert result["identity"]["idf1"] == 1


def test_a_lane_that_cannot_be_built_ends_it_all_at_once(worlds, tmp_path):
    wrong = ("--lanes", "slots", "--set", f"slots.weights={tmp_path / 'none.safetensors'}", "-o", tmp_path / "out.json")
    assert "none.safetensors: no such weights file" in refused("evaluate", worlds, *wrong)
    assert not (tmp_path / "out.json").exists()


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_ends_it_cleanly(tmp_path):
    clip = tmp_path / "clip"
    (clip / "input").mkdir(parents=True)
    (clip / "groundtruth").mkdir()
    large = np.random.default_rng(0).integers(0, 256, (1080, 1920, 3), np.uint8)
    cv2.imwrite(str(clip / "input" / "in000001.png"), large)
    cv2.imwrite(str(clip / "groundtruth" / "gt001000.png"), large[..., 0] // 128 * 255)
    for number in range(2, 1001):  # a minute's work at least
        (clip / "input" / f"in{number:06d}.png").symlink_to(clip / "input" / "in000001.png")
    command = [sys.executable, "-m", "tracker", "evaluate", str(clip), "--lanes", "gmm", "-o", str(tmp_path / "o.json")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    time.sleep(3)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert not (tmp_path / "o.json").exists()


# The rest


def pictures_and_table(folder, *, linked=None):
    (folder / "gt").mkdir(parents=True)
    if linked is None:
        (folder / "img1").mkdir()
        for number in (1, 2):
            cv2.imwrite(str(folder / "img1" / f"{number:06d}.png"), np.zeros((48, 64), np.uint8))
    else:
        (folder / "img1").symlink_to(linked / "img1")
    (folder / "gt" / "gt.txt").write_text("1,1,2,2,9,9,1\n2,1,2,2,9,9,1\n")
    return folder


def test_sequences_that_share_their_pictures_by_links_are_all_scored(tmp_path):
    first = pictures_and_table(tmp_path / "train" / "MOT17-02-DPM")
    pictures_and_table(tmp_path / "train" / "MOT17-02-SDP", linked=first)
    task = ScoreTask((tmp_path, first), results=(tmp_path / "train",), run_lanes=False)
    assert [row.sequence for row in evaluate(task, load_settings()).scores] == ["MOT17-02-DPM", "MOT17-02-SDP"]


def test_scores_never_replace_what_is_evaluated(tmp_path):
    sequence = pictures_and_table(tmp_path / "clip")
    results = tmp_path / "results.txt"
    results.write_text("1,1,2,2,9,9,1\n")
    for target in (results, sequence / "gt" / "gt.txt", sequence / "img1" / "000001.png"):
        before = target.read_bytes()
        line = refused("evaluate", sequence, "--results", results, "-o", target, "--overwrite")
        assert line == f"{target}: belongs to what is evaluated; give the scores a name of their own"
        assert target.read_bytes() == before
    for _ in range(2):  # beside the pictures they may lie, and be replaced
        done = call("evaluate", sequence, "--results", results, "-o", sequence / "scores.json", "--overwrite")
        assert done.exit_code == 0, done.output


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
def test_scores_that_are_only_on_stdout_and_find_no_room_there_are_an_error(tmp_path):
    pictures_and_table(tmp_path)
    asked = [sys.executable, "-m", "tracker", "evaluate", str(tmp_path), "--lanes", "gmm"]
    with open("/dev/full", "w") as full:
        ended = subprocess.run(asked, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert ended.returncode == 1
    assert "stdout cannot be written" in ended.stderr


def test_a_full_disk_takes_the_files_and_not_the_scores(tmp_path, monkeypatch):
    def full(*arguments, **options):
        raise SinkError("out.json: cannot be written (No space left on device)")

    monkeypatch.setattr("tracker.evaluation.command.write", full)
    sequence = pictures_and_table(tmp_path / "clip")
    done = call("evaluate", sequence, "--results", sequence / "gt" / "gt.txt", "-o", tmp_path / "out.json")
    assert done.exit_code == 1
    assert "No space left" in done.stderr
    assert "HOTA" in done.stdout


def test_a_defect_on_one_sequence_does_not_end_the_others(tmp_path, monkeypatch):
    for name in ("a", "b"):
        pictures_and_table(tmp_path / name)

    def read(path, sequence, truth, **options):
        if sequence.name == "a":
            raise ValueError("odd")
        return read_results(path, sequence, truth, **options)

    monkeypatch.setattr("tracker.evaluation.command.read_results", read)
    found = evaluate(ScoreTask((tmp_path,), results=(tmp_path,), run_lanes=False), load_settings())
    assert [row.sequence for row in found.scores] == ["b"]
    assert [failure.error for failure in found.failures] == [
        "unexpected ValueError: odd (a defect of tracker; -v shows where)"
    ]


def test_pooled_rows_of_the_table_count_the_sequences_behind_their_block():
    boxes, masks = (
        ClipScorer(Truth({0: ((1, A),)}, span=(0, 0))),
        ClipScores(pixels=PixelRecord((0,), (MaskCounts(1),))),
    )
    boxes.add(0, boxes=[(1, A)])
    rows = [SequenceScores(name, "c", "m", masks) for name in ("p", "q")]
    text = table(Evaluation((SequenceScores("b", "c", "m", boxes.finish()), *rows)))
    assert [line.split("  ")[0] for line in text.splitlines() if line.startswith("pooled")] == [
        "pooled (1)",
        "pooled (2)",
    ]


def test_layouts_of_the_help_are_those_that_are_known():
    assert set(LAYOUTS) == set(Layout.__args__)


def test_peak_memory_is_this_process():
    assert 20 < peak_memory_mb() < 20_000


def test_two_sequences_of_one_name_in_one_category_are_refused(tmp_path):
    for place in ("one", "two"):
        cdnet(tmp_path / place / "made" / "walk")
    with pytest.raises(SourceError, match="a second sequence made/walk"):
        evaluate(ScoreTask((tmp_path,)), load_settings())


def test_long_names_are_cut_and_lines_stay_readable():
    scorer = ClipScorer(Truth({0: ((1, A),)}, span=(0, 0)))
    scorer.add(0, boxes=[(1, A)])
    row = SequenceScores("s" * 80, "c", "m" * 40, scorer.finish(), frames=1, ms_per_frame=12345.6, peak_mb=4000.0)
    assert all(len(line) <= 122 for line in table(Evaluation((row,))).splitlines())


@pytest.mark.data
@pytest.mark.parametrize(
    ("place", "wanted"),
    [("cdnet/baseline/highway", 0.826), ("cdnet/dynamicBackground/canoe", 0.885), ("sbi2015/CAVIAR2", 0.498)],
)
def test_the_bare_mixture_reproduces_what_was_measured_with_opencv_alone(data_dir, place, wanted):
    (sequence,) = find_sequences(data_dir / place).sequences
    row = score_lane(LaneTask(sequence, sequence.read_truth(Choice()), "gmm", load_settings([PLAIN])))
    assert row.scores.pixels.total.f_measure == pytest.approx(wanted, abs=0.01)


@pytest.mark.data
def test_pets_truth_against_itself(data_dir):
    # 2396 boxes by the note that comes with the data
    truth = data_dir / "pets09_s2l1" / "gt_1-400.txt"
    task = ScoreTask((data_dir / "pets09_s2l1",), truth=truth, results=(truth,), run_lanes=False)
    (row,) = evaluate(task, load_settings()).rows()
    scores = row.groups["identity"]
    assert (scores["truth_boxes"], scores["frames"]) == (2396, 400)
    assert (scores["hota"], scores["idf1"], scores["mota"]) == (1, 1, 1)
