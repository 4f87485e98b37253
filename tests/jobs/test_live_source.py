"""A live run over a source that fails: its files, its events, its words; with a real stream on the loopback."""

import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import av
import numpy as np
import pytest
from commands import call, refused
from streams import LoopbackCamera

import tracker
from tracker.controls import Controls
from tracker.events import EventFinder, EventSettings
from tracker.jobs import Job, Live, process
from tracker.jobs.files import next_segment
from tracker.lanes import Identities, Lane
from tracker.picture import Picture
from tracker.settings import load_settings
from tracker.sinks.outputs import Output
from tracker.sinks.tables import CsvTable, MotTable
from tracker.sources import Patience, Watching
from tracker.tracks import Linker, LinkerSettings
from tracker.types import Box, Frame, Gap, Moment, Region, Segmentation, Track, View

LIMIT_S = 60
QUICK = ["lanes=[gmm]", "gmm.mixture.warm_up_s=0.2", "linker.confirm_s=0"]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("tracker.sources.reconnect.FIRST_WAIT_S", 0.1)


def wait_until(asked):
    end = time.monotonic() + LIMIT_S
    while not asked():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


class Run:
    """`process` on a stream in a thread, ended by its controls."""

    def __init__(self, address, output, **patience):
        self.live = Live(watching=Watching(Patience(**{"timeout_s": 1.0, **patience})))
        self.states, self.said, self.done, self.result = [], [], 0, None
        self.live.board.change = self._note(self.live.board.change)
        job, settings = Job(address, output), load_settings(overrides=QUICK)

        def run():
            self.result = process(job, settings, live=self.live, notify=self.said.append, progress=self._count)

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def _note(self, change):
        def noted(**changes):
            status = change(**changes)
            if not self.states or self.states[-1] != status.state:
                self.states.append(status.state)
            return status

        return noted

    def _count(self, done, _):
        self.done += 1

    def wait_for(self, count):
        wanted = self.done + count
        wait_until(lambda: self.done >= wanted or not self.thread.is_alive())

    def end(self):
        self.live.controls.ask("stop")
        began = time.monotonic()
        self.thread.join(LIMIT_S)
        assert not self.thread.is_alive()
        self.took_s = time.monotonic() - began
        return self.result


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_a_gap_stands_in_tables_events_status_and_words(tmp_path):
    with LoopbackCamera() as camera:
        run = Run(camera.address, tmp_path / "o.mp4")
        run.wait_for(20)
        camera.cut()
        wait_until(lambda: run.live.board.status.state == "waiting")
        assert "no picture for" in run.live.board.status.note
        camera.restore()
        wait_until(lambda: run.live.board.status.state == "live")
        run.wait_for(10)
        result = run.end()
    (event,) = [
        each
        for line in (tmp_path / "o.gmm.events.jsonl").read_text().splitlines()
        if (each := json.loads(line))["kind"] == "gap"
    ]
    (row,) = [row for row in rows(tmp_path / "o.gmm.csv") if row["id"] == "0"]
    assert (event["ids"], event["box"]) == ([], [0, 0, 256, 64])
    assert event["end_s"] > event["time_s"] == float(row["time_s"])
    assert (row["x0"], row["hidden"], int(row["frame"])) == ("", "1", event["end_frame"])
    assert "once without pictures" in result.summary["problem"]
    assert result.report.outcome == "complete"
    lost, back = (
        line for line in run.said if "picture" in line and "warming" not in line and "sends no times" not in line
    )
    assert lost.startswith(f"tracker: http://127.0.0.1:{camera.port}/live: ")
    assert back.endswith("the picture is back")
    assert "secret" not in "".join(run.said)


def test_a_run_can_be_stopped_while_the_stream_is_away(tmp_path):
    with LoopbackCamera() as camera:
        run = Run(camera.address, tmp_path / "o.mp4")
        run.wait_for(5)
        camera.cut()
        wait_until(lambda: run.live.board.status.state == "waiting")
        result = run.end()
    assert result.report.outcome == "complete"
    assert (tmp_path / "o.mp4").exists()
    # stopping takes less than half a second; closing the files is in it too, on a busy machine
    assert run.took_s < 5


def test_another_size_begins_new_files_and_identities_count_on(tmp_path):
    with LoopbackCamera(fps=25) as camera:
        run = Run(camera.address, tmp_path / "o.mp4")
        run.wait_for(25)
        camera.size = (320, 96)
        camera.drop()
        wait_until(lambda: any("pictures are now 320x96" in line for line in run.said))
        run.wait_for(60)  # longer than a stream may be silent
        result = run.end()
    assert [line for line in run.said if ": no picture for" in line] == []  # of the new connection
    sizes = {}
    for name in ("o.mp4", "o-2.mp4"):
        with av.open(str(tmp_path / name)) as video:
            sizes[name] = (video.streams.video[0].width, video.streams.video[0].height)
    assert sizes == {"o.mp4": (256, 64), "o-2.mp4": (320, 96)}
    first, second = (rows(tmp_path / f"{name}.gmm.csv") for name in ("o", "o-2"))
    assert result.report.frames == sum(
        json.loads((tmp_path / f"{name}.summary.json").read_text())["frames"] for name in ("o", "o-2")
    )
    ids = [{int(row["id"]) for row in part} - {0} for part in (first, second)]
    assert ids[0]
    assert ids[1]
    assert not ids[0] & ids[1]
    assert [row["id"] for row in second].count("0") == 1
    assert second[0]["id"] == "0"  # the gap that the change is
    assert float(second[1]["time_s"]) > float(second[0]["time_s"]) >= float(first[-1]["time_s"])
    assert tmp_path / "o-2.mp4" in result.files


def test_from_python_nothing_that_a_camera_showed_in_another_size_is_lost(monkeypatch):
    monkeypatch.setattr("tracker.api.plan._is_camera", lambda address: True)  # of an http address nobody knows
    with LoopbackCamera(fps=25) as camera:

        def changed(done, expected, stage):
            if done == 30 and camera.size != (320, 96):
                camera.size = (320, 96)
                camera.drop()

        settings = {"gmm.mixture.warm_up_s": 0.2, "linker.confirm_s": 0}
        made = tracker.process(camera.address, lanes="gmm", settings=settings, max_frames=70, progress=changed)
    (before,) = made.earlier
    first, second = before["gmm"].tracks, made.tracks
    assert made.summary["source"]["width"] == 320
    assert len(first) > 0
    assert len(second) > 0
    assert not set(first.id.tolist()) & set(second.id.tolist())
    assert {event.kind for event in before["gmm"].events} >= {"birth"}


def test_the_names_of_segments_pass_over_what_is_there(tmp_path):
    settings = load_settings(overrides=QUICK)
    job = Job("0", tmp_path / "cam-7.mp4")
    (tmp_path / "cam-7-2.gmm.csv").write_text("of an earlier run")
    third = next_segment(job, settings)
    assert third.output.name == "cam-7-3.mp4"
    assert next_segment(third, settings).output.name == "cam-7-4.mp4"
    assert next_segment(Job("0"), settings) == Job("0")


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_while_the_stream_is_away_ends_it_with_its_results(tmp_path):
    with LoopbackCamera() as camera:
        command = [
            sys.executable, "-m", "tracker", "webcam", camera.address, "--no-show", "--record", str(tmp_path / "o.mp4"),
            "--lanes", "gmm", "--timeout", "1s",
        ]  # fmt: skip
        path = os.pathsep.join([str(Path(tracker.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
        run = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
        )
        wait_until(lambda: camera.connections and list(tmp_path.glob("*.part-*")))
        time.sleep(0.5)
        camera.cut()
        for line in run.stderr:
            if "trying" in line:
                break
        sent = time.monotonic()
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=LIMIT_S)
    assert run.returncode == 130, said
    assert time.monotonic() - sent < 5
    assert (tmp_path / "o.mp4").exists()
    assert json.loads((tmp_path / "o.summary.json").read_text())["outcome"] == "interrupted"


def test_after_give_up_results_are_whole_and_the_end_is_said(tmp_path):
    with LoopbackCamera() as camera:
        run = Run(camera.address, tmp_path / "o.mp4", give_up_s=1.0)
        run.wait_for(5)
        camera.cut()
        run.thread.join(LIMIT_S)
    assert run.result.report.outcome == "complete"
    assert "no picture for 1 s, given up" in run.result.report.problem


def test_what_is_not_there_at_the_start_fails_at_once_unless_it_is_waited_for(tmp_path):
    camera = LoopbackCamera()
    camera.close()
    target = ("--no-show", "--record", tmp_path / "o.mp4", "--lanes", "gmm")
    assert "cannot be opened" in refused("webcam", camera.address, *target)
    done = call("webcam", camera.address, "--wait", "--give-up", "1s", *target)
    assert done.exit_code == 1
    assert "trying again in" in done.stderr
    assert done.stderr.splitlines()[-1].endswith("no picture for 1 s, given up")
    assert "secret" not in done.output
    assert list(tmp_path.iterdir()) == []


# The parts


def moment(index, time_s, tracks=(), gap=None):
    size = (40, 30)
    frame = Frame(index, time_s, Picture.of(np.zeros((30, 40, 3), np.uint8)), gap=gap)
    labels = np.zeros((30, 40), np.int32)
    return Moment(frame, (View("gmm", Segmentation(labels, (), labels > 0, size), tuple(tracks)),))


def test_the_finder_tells_a_gap_of_nobody_with_both_its_ends():
    finder = EventFinder(EventSettings(), "gmm")
    assert finder(moment(0, 0.0)) == ()
    (gap,) = finder(moment(7, 9.0, gap=Gap(0.0, 9.0, "the stream ended")))
    assert (gap.kind, gap.frame, gap.time_s, gap.ids, gap.end_frame, gap.end_s) == ("gap", 0, 0.0, (), 7, 9.0)
    assert (gap.note, gap.box) == ("the stream ended", Box(0, 0, 40, 30))
    (first,) = EventFinder(EventSettings(), "gmm")(moment(0, 9.0, gap=Gap(5.0, 9.0, "size")))
    assert (first.frame, first.end_frame) == (0, 0)


def test_a_gap_is_a_row_that_readers_of_numbers_can_read(tmp_path):
    track = Track(3, Box(1, 2, 5, 6), 1.0, 0)
    made = [moment(0, 0.0, [track]), moment(9, 4.5, [track], Gap(0.0, 4.5, "x")), moment(10, 4.6)]
    table, text = tmp_path / "o.csv", tmp_path / "o.mot.txt"
    for sink in (CsvTable(Output(table, table), "gmm"), MotTable(Output(text, text), "gmm")):
        for each in made:
            sink.write(each)
        sink.close("complete")
    read = np.genfromtxt(table, delimiter=",", names=True)
    assert read["id"].tolist() == [3, 0, 3]
    assert read["frame"].tolist() == [1, 10, 10]
    assert read["time_s"].tolist() == [0.0, 0.0, 4.5]
    assert np.isnan(read["x0"][1])
    assert len(text.read_text().splitlines()) == 2


class Standing:
    """A segmenter that sees one blob, always."""

    def step(self, frame):
        labels = np.ones((30, 40), np.int32)
        return Segmentation(labels, (Region(1, Box(5, 5, 15, 15), 100.0),), labels > 0)

    def reset(self):
        pass


@pytest.mark.parametrize(("gap_s", "kept"), [(0.8, True), (5.0, False)])
def test_an_identity_outlives_a_short_gap_and_no_long_one(gap_s, kept):
    lane, ids = Lane("gmm", Standing(), Linker(LinkerSettings(confirm_s=0))), []
    for n in range(20):
        time_s = n / 25 + (gap_s if n >= 10 else 0)
        ids.append(lane.step(moment(n, time_s).frame).tracks[0].id)
    assert (ids[-1] == ids[0]) is kept


def test_a_reset_lane_gives_no_identity_twice():
    lane = Lane("gmm", Standing(), Linker(LinkerSettings(confirm_s=0)))
    ids = []
    for n in range(3):
        ids += [track.id for track in lane.step(moment(n, n / 25).frame).tracks]
        lane.reset()
    assert ids == [1, 2, 3]
    numbers = Identities()
    numbers.begin_anew()
    assert numbers.lasting(()) == ()


def test_reset_by_the_controls_ends_tracks_too():
    live, lane = Live(), Lane("gmm", Standing(), Linker(LinkerSettings(confirm_s=0)))
    assert isinstance(live.controls, Controls)
    live.lead([lane])
    first = lane.step(moment(0, 0.0).frame).tracks[0].id
    live.controls.ask("reset")
    live.controls.attend()
    assert lane.step(moment(1, 0.04).frame).tracks[0].id == first + 1
