"""`--split` from the command line: a small drawn street in three parts, and what is refused."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from commands import call, refused
from here import Here

from tracker.synth import WorldOrder, save_world, stream_world

FRAMES = 75


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    folder = tmp_path_factory.mktemp("street")
    world = stream_world("street", WorldOrder(6, frames=FRAMES, size=(160, 120), objects=3))
    save_world(world, video=folder / "street.mp4", truth=folder / "truth")
    return folder / "street.mp4", folder / "truth" / "gt.txt"


@pytest.fixture
def short(monkeypatch):
    """Overlaps of 10 frames."""
    monkeypatch.setattr("tracker.splitting.plan.OVERLAP_S", 0.4)
    monkeypatch.setattr("tracker.splitting.plan.OVERLAP_FRAMES", 10)


@pytest.fixture
def here(monkeypatch, short):
    """The parts are watched one after the other in this process; the engine's arguments."""
    made = []
    monkeypatch.setattr("tracker.engines.local.LocalEngine", lambda workers: made.append(workers) or Here())
    return made


def rows(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_clip_in_parts_is_written_as_one(here, street, tmp_path):
    clip, truth = street
    result = call(
        "compare",
        clip,
        "--truth",
        truth,
        "-o",
        tmp_path / "out",
        "--lanes",
        "gmm,slots",
        "--split",
        3,
        "--jobs",
        2,
        "-q",
    )
    assert result.exit_code == 0, result.output
    assert here == [2]
    summary = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert summary["frames"] == FRAMES
    assert [seam["time_s"] for seam in summary["seams"]] == [1.0, 2.0]
    assert {seam["lane"] for seam in summary["seams"]} == {"slots"}
    assert sum(seam["carried"] for seam in summary["seams"]) >= 2
    assert not any(seam["cut"] for seam in summary["seams"])
    (finding,) = [found for found in summary["findings"] if found["name"] == "split_seams"]
    known = [seam["idf1"] for seam in summary["seams"] if seam["idf1"] is not None]
    assert finding["value"] == pytest.approx(sum(known) / len(known), abs=1e-3)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Seams of the parts" in page
    assert "The clip was watched in 3 parts" in page
    table = rows(tmp_path / "out" / "compare.slots.csv")
    assert len({(row["frame"], row["id"]) for row in table}) == len(table)
    assert len({row["frame"] for row in table}) > FRAMES // 2


def test_lane_gmm_and_the_frames_are_those_of_a_run_without_parts_also_of_a_part_of_the_clip(here, street, tmp_path):
    clip, _ = street
    for name, more in (("parts", ("--split", "3")), ("whole", ())):
        part = ("--start", "0.4", "--max-frames", "60", *more)
        call("process", clip, "-o", tmp_path / f"{name}.mp4", "--no-video", "--masks", "png", "-q", *part)
    assert (tmp_path / "parts.gmm.csv").read_bytes() == (tmp_path / "whole.gmm.csv").read_bytes()
    masks = sorted(path.name for path in (tmp_path / "parts.slots.masks").glob("*.png"))
    assert masks == [f"{n:06d}.png" for n in range(11, 71)]


def test_what_splitting_would_not_change_is_refused_in_one_line(street, short):
    clip, _ = street
    assert "leave --online out" in refused("process", clip, "--split", "3", "--online", code=2)
    assert "not for gmm; leave it out" in refused("process", clip, "--split", "3", "--lanes", "gmm", code=2)
    assert "--jobs is for the parts of --split" in refused("process", clip, "--jobs", "3", code=2)


@pytest.mark.parametrize("value", ["1", "0", "-3", "9s", "1001", "4.5", "m", "10 m", "3x", ""])
def test_a_split_that_is_no_number_of_parts_and_no_length_is_refused(street, value):
    result = call("process", street[0], f"--split={value}")
    assert result.exit_code == 2
    assert "wanted a" in result.stderr


def test_a_number_is_of_parts_and_a_time_is_a_length():
    from tracker.options import SPLIT
    from tracker.splitting import Split

    read = [SPLIT.convert(text, None, None) for text in ("4", "10m", "600s", "1:30")]
    assert read == [Split(4, "parts"), Split(600, "s"), Split(600, "s"), Split(90, "s")]


def test_a_clip_that_is_shorter_than_a_part_is_watched_as_a_whole(here, street, tmp_path):
    assert call("process", street[0], "-o", tmp_path / "one.mp4", "--no-video", "--split", "10m").exit_code == 0
    assert json.loads((tmp_path / "one.summary.json").read_text())["seams"] == []
    assert not here


def test_that_there_are_fewer_parts_than_asked_for_is_said(street, tmp_path):
    # no overlap is shortened here: the clip is too short for two parts
    said = call(
        "process", street[0], "-o", tmp_path / "one.mp4", "--no-video", "--lanes", "slots", "--split", "2", "-q"
    )
    assert "--split: a part has 0:15.0 (" in said.stderr
    assert "the clip is watched as a whole" in said.stderr


@pytest.mark.slow
def test_parts_in_processes_of_their_own_give_what_they_give_in_one(short, street, tmp_path, monkeypatch):
    order = ("process", street[0], "--no-video", "--lanes", "slots", "--split", "2", "-q")
    assert call(*order, "--jobs", "2", "-o", tmp_path / "two.mp4").exit_code == 0
    monkeypatch.setattr("tracker.engines.local.LocalEngine", lambda workers: Here())
    assert call(*order, "-o", tmp_path / "one.mp4").exit_code == 0
    for name in ("slots.csv", "slots.mot.txt", "slots.events.jsonl"):
        assert (tmp_path / f"two.{name}").read_bytes() == (tmp_path / f"one.{name}").read_bytes()


@pytest.mark.slow
def test_ctrl_c_ends_the_parts_and_leaves_nothing(street, tmp_path):
    code = (
        "from tracker.splitting import plan; plan.OVERLAP_S, plan.OVERLAP_FRAMES = 0.4, 10\n"
        "from tracker.cli import cli; cli()"
    )
    order = ["process", street[0], "-o", tmp_path / "out.mp4", "--lanes", "slots", "--split", "3", "--jobs", "2"]
    environment = os.environ | {"TMPDIR": str(tmp_path / "temporary")}
    (tmp_path / "temporary").mkdir()
    run = subprocess.Popen([sys.executable, "-c", code, *map(str, order)], env=environment, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while len(workers := psutil.Process(run.pid).children(recursive=True)) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)  # two workers, and the process that counts what they share
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 130, said
    psutil.wait_procs(workers, timeout=10)
    assert not any(worker.is_running() for worker in workers)
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(("tracker-", "out"))]
