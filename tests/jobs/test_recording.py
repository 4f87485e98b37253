"""`webcam --record DIR`: from the command line to segments, and switched while it runs."""

import json
import threading
import time
from pathlib import Path

import av
import pytest
from clips import FPS, draw, write_video
from commands import call, refused

from tracker.effort import Effort
from tracker.jobs import Job, Live, process
from tracker.jobs.zones import ZoneWatch
from tracker.settings import load_settings
from tracker.sinks import RecordPlan
from tracker.zones import Zones

FRAMES = 60
QUICK = ("--no-show", "--lanes", "gmm", "-q")


@pytest.fixture
def clip(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_video(tmp_path / "clip.mkv", draw(FRAMES))


def recorded(folder):
    """(summary, frames in the video, rows of the table by frame) of every segment."""
    found = []
    for path in folder.glob("*.summary.json"):
        about = json.loads(path.read_text())
        name = path.name.removesuffix(".summary.json")
        with av.open(str(folder / f"{name}.mp4")) as container:
            shown = len(list(container.decode(video=0)))
        rows = (folder / f"{name}.gmm.csv").read_text().splitlines()[1:]
        found.append((about, shown, {int(row.split(",")[0]) for row in rows}))
    return sorted(found, key=lambda each: each[0]["recording"]["first_s"])


def test_a_folder_is_recorded_into_in_segments(clip, tmp_path):
    done = call("webcam", clip, "--record", "r", "--segment", "1s", *QUICK)
    assert done.exit_code == 0, done.output
    found = recorded(tmp_path / "r")
    assert sum(shown for _, shown, _ in found) == sum(about["recording"]["frames"] for about, _, _ in found)
    assert found[-1][0]["recording"]["last_s"] > 0.9 * FRAMES / FPS  # a busy machine drops some
    assert len(found) == 3
    for about, _, numbers in found:
        part = about["recording"]
        assert all(part["first_frame"] <= number <= part["last_frame"] for number in numbers)
        assert about["settings"]["lanes"] == ["gmm"]
        assert about["source"]["name"]
    endings = {path.name.split(".", 1)[1] for path in (tmp_path / "r").iterdir()}
    assert endings == {"mp4", "gmm.csv", "gmm.mot.txt", "gmm.events.jsonl", "summary.json"}


def test_the_folder_is_said_at_the_end(clip):
    done = call("webcam", clip, "--record", "r", "--no-show", "--lanes", "gmm")
    assert done.stdout.splitlines()[-1].strip() == "r"


def test_events_alone(clip, tmp_path):
    done = call("webcam", clip, "--record", "r", "--record-events", "--before", "0s", "--after", "0.2s", *QUICK)
    assert done.exit_code == 0, done.output
    for about, shown, numbers in recorded(tmp_path / "r"):
        assert numbers
        assert shown == about["recording"]["frames"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--segment", "10m"), "--segment is for a recording in segments; give a folder: --record DIR"),
        (("--record", "o.mp4", "--keep", "7d"), "--keep is for a recording in segments"),
        (("--record", "o.mp4", "--record-events"), "--record-events is for"),
        (("--record", "r", "--after", "3s"), "--after is for --record-events"),
        (("--record", "r", "--keep", "7d", "--keep", "8d"), "--keep is given twice"),
        (("--record", "r", "--profile", "p.json"), "--record OUT.mp4"),
        (("--record", "r", "--keep", "20"), "'20': wanted a time or a size with its unit, such as 7d or 20GB"),
        (("--record", "r", "--keep", "1s"), "wanted a time from 1m to 1157.41d"),
        (("--record", "r", "--segment", "2d"), "wanted a time from 1s to 1d"),
        (("--record", "r", "--timeout", "0"), "wanted a time from 0.1s to 1h"),
        (
            ("--record", "r", "--events-to", "http://"),
            "http: no host that can be read; wanted http://HOST/..., and / ? #",
        ),
    ],
)
def test_options_that_do_not_go_together(clip, tmp_path, options, said):
    done = call("webcam", clip, *options, *QUICK)
    assert done.exit_code == 2
    assert said in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mkv"]


def test_a_file_where_the_folder_should_be(clip, tmp_path):
    (tmp_path / "r").write_text("mine")
    assert (
        "there is a file where the folder should be"
        in refused("webcam", clip, "--record", "r", *QUICK).splitlines()[-1]
    )


def test_the_controls_switch_it_and_the_board_tells(clip, tmp_path):
    live, told = Live(), []

    class Watch:
        """Asks between frames, and waits until it is done."""

        def __init__(self):
            self.count = 0

        def write(self, moment):
            self.count += 1
            if self.count in (20, 40):
                live.controls.ask("record", self.count == 40)
            if self.count in (21, 41):
                until = time.monotonic() + 20
                while live.board.status.recording is not (self.count == 41) and time.monotonic() < until:
                    time.sleep(0.01)
                told.append(live.board.status.recording)

        def close(self, outcome):
            pass

    live.also.append(lambda overlay, finders, info: [Watch()])
    job = Job(str(clip), record=RecordPlan(tmp_path / "r"))
    process(job, load_settings(overrides=["lanes=[gmm]"]), live=live)
    assert told == [False, True]
    first, second = recorded(tmp_path / "r")
    assert first[0]["recording"]["ended_because"] == "switched off"
    assert second[0]["recording"]["ended_because"] == "the run ended"
    assert first[0]["recording"]["first_frame"] == 1
    assert first[0]["recording"]["last_frame"] < second[0]["recording"]["first_frame"] <= 42
    assert not live.board.status.recording


def test_a_run_that_goes_on_with_another_recorder_keeps_what_was_asked(clip, tmp_path):
    live = Live(records=False)  # switched off before the size of the pictures changed
    job = Job(str(clip), record=RecordPlan(tmp_path / "r"))
    process(job, load_settings(overrides=["lanes=[gmm]"]), live=live)
    assert recorded(tmp_path / "r") == []
    process(job, load_settings(overrides=["lanes=[gmm]"]), live=Live())
    assert len(recorded(tmp_path / "r")) == 1


def test_without_a_folder_nothing_can_be_switched(clip):
    live = Live()
    process(Job(str(clip), max_frames=3), load_settings(overrides=["lanes=[gmm]"]), live=live)
    assert not live.controls.can("record")
    assert threading.active_count() < 20


def draws(live, *, at, zones):
    """Zones are drawn once so many frames have been looked at; to be handed to `process` as its progress."""

    def count(done, _):
        if done == at:
            live.zones.ask(zones, live.controls)

    return count


@pytest.mark.parametrize("folder", [True, False])
def test_a_zone_that_is_drawn_while_it_runs_has_its_rows(clip, tmp_path, folder):
    live, whole = Live(), Zones(areas={"all": ((0, 0), (1, 0), (1, 1), (0, 1))})
    where = {"record": RecordPlan(tmp_path / "r")} if folder else {"output": tmp_path / "r" / "out.mp4"}
    job = Job(str(clip), draws_zones=True, **where)
    settings = load_settings(overrides=["lanes=[gmm]", "gmm.mixture.warm_up_s=0.1", "linker.confirm_s=0"])
    result = process(job, settings, live=live, progress=draws(live, at=20, zones=whole))
    assert result.summary["lanes"]["gmm"]["identities"] > 0
    (table,) = (tmp_path / "r").glob("*.gmm.zones.csv")
    head, *lines = table.read_text().splitlines()
    assert head == "frame,time_s,kind,zone,direction,id,seconds"
    assert {line.split(",")[3] for line in lines} == {"all"}
    assert len(lines) >= 2  # in, and out by the end
    assert folder or table in result.files


@pytest.mark.parametrize("folder", [True, False])
def test_without_zones_there_is_no_table_of_them(clip, tmp_path, folder):
    where = {"record": RecordPlan(tmp_path / "r")} if folder else {"output": tmp_path / "r" / "out.mp4"}
    result = process(Job(str(clip), draws_zones=True, **where), load_settings(overrides=["lanes=[gmm]"]), live=Live())
    assert list((tmp_path / "r").glob("*.zones.csv")) == []
    assert all(path.exists() for path in result.files)


def test_most_frames_are_those_that_were_looked_at_and_drops_are_told(clip, monkeypatch):
    step = ZoneWatch.step
    monkeypatch.setattr(ZoneWatch, "step", lambda watch, given: (time.sleep(0.1), step(watch, given))[1])
    done = call("webcam", clip, "--record", "o.mp4", "--max-frames", "9", "--no-show", "--lanes", "gmm", "--loop")
    about = json.loads(Path("o.summary.json").read_text())
    assert about["frames"] == 9
    assert about["dropped"] >= 9
    assert done.stdout.startswith("9 frames, ")
    assert f" fps, {about['dropped']} dropped\n" in done.stdout


def test_a_lane_that_was_given_up_is_told_at_the_end(clip, monkeypatch):
    monkeypatch.setattr("tracker.jobs.sparing.Effort", lambda: Effort(level=1))
    done = call("webcam", clip, "--no-show", "--lanes", "gmm,mog2", "--record", "o.mp4", "--max-frames", "12")
    lanes = json.loads(Path("o.summary.json").read_text())["lanes"]
    assert (lanes["gmm"]["frames_off"], lanes["mog2"]["frames_off"]) == (0, 12)
    assert "given up for lack of time in 12 frames" in done.stdout
    assert "whole clip" not in done.stderr
    assert "given up for lack of time in 12 of 12 frames" in done.stderr
