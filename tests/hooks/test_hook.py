"""Events of a run, as they happen, on stdout, in a file and at a web hook."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import pytest
from commands import call, refused
from hook_parts import BIRTH, DEATH, Receiver, Told, moment

from tracker.controls import Board
from tracker.hooks.channel import Channel, UndeliveredError
from tracker.hooks.delivery import Delivery
from tracker.hooks.hook import EventHook, RunMark
from tracker.types import Gap


class Kept(Channel):
    most_at_once = 100

    def __init__(self):
        self.lines = []

    def open(self):
        pass

    def send(self, lines, timeout_s):
        self.lines += [json.loads(line) for line in lines]

    def close(self, timeout_s):
        pass


def run_hook(moments, finder=None, *, last=lambda hook: None, **options):
    kept = Kept()
    made = Delivery(kept, "there", notify=print)
    hook = EventHook([made], [finder or Told()], source="camera 0", **{"live": True} | options)
    for each in moments:
        hook.write(each)
    last(hook)
    hook.close("complete")
    return kept.lines


def test_a_line_says_who_where_and_when():
    told = Told({3: [BIRTH]}, [DEATH])
    arrived = time.monotonic() - 2.0
    lines = run_hook([moment(n, arrived_s=arrived) for n in range(7)], told, clock=lambda: 1_800_000_000.0)
    birth, death = lines
    assert {key: birth[key] for key in ("source", "n", "kind", "lane", "ids", "frame", "time_s", "box", "note")} == {
        "source": "camera 0", "n": 1, "kind": "birth", "lane": "slots", "ids": [3], "frame": 3, "time_s": 0.2,
        "box": [0, 1.5, 10, 22.26], "note": "at the border",
    }  # fmt: skip
    when = datetime.fromisoformat(birth["time"])
    assert when.utcoffset() is not None
    # told with frame 3, of time 0.3, that arrived 2 s before the clock's time; it happened at 0.2
    assert when.timestamp() == pytest.approx(1_800_000_000 - 2.0 - 0.1, abs=0.5)
    assert (death["n"], death["run"]) == (2, birth["run"])


def test_segments_of_one_run_are_one_run():
    mark = RunMark()
    first = run_hook([moment(n) for n in range(4)], Told({3: [BIRTH]}, [DEATH]), mark=mark)
    second = run_hook([moment(n) for n in range(4)], Told({3: [BIRTH]}), mark=mark)
    assert {line["run"] for line in (*first, *second)} == {mark.run}
    assert [line["n"] for line in (*first, *second)] == [1, 2, 3]


def test_a_gap_is_told_with_the_first_picture_after_it():
    (gap,) = run_hook([moment(0), moment(1, gap=Gap(0.0, 9.5, "the stream ended"))])
    assert (gap["kind"], gap["lane"], gap["ids"], gap["time_s"], gap["end_s"]) == ("gap", None, [], 0.0, 9.5)
    assert (gap["frame"], gap["end_frame"], gap["note"], gap["box"]) == (1, 2, "the stream ended", [0, 0, 4, 4])


def test_a_source_that_falls_silent_is_told_at_once():
    board = Board()

    def falls_silent(hook):
        board.watch(hook.watch)
        for note in ("no picture for 5 s", "no picture for 6 s"):
            board.change(state="waiting", note=note)
        board.change(state="live")
        board.change(state="waiting", note="again")

    lines = run_hook([moment(0)], last=falls_silent)
    assert [(line["kind"], line["note"]) for line in lines] == [("waiting", "no picture for 5 s"), ("waiting", "again")]


@dataclass(frozen=True)
class Passage:
    kind: str
    lane: str
    zone: str
    id: int
    frame: int
    time_s: float


def test_what_other_finders_find_has_the_same_keys_and_its_own():
    told = Told({1: [Passage("crossing", "gmm", "door", 7, 2, 0.1)]})
    (line,) = run_hook([moment(n) for n in range(3)], told)
    assert {key: line[key] for key in ("kind", "lane", "zone", "ids", "frame", "time_s", "box", "note", "n")} == {
        "kind": "crossing", "lane": "gmm", "zone": "door", "ids": [7], "frame": 2, "time_s": 0.1, "box": None, "note": "",
        "n": 1,
    }  # fmt: skip
    assert "id" not in line


def test_places_that_take_nothing_hold_up_the_end_together_no_longer_than_one():
    class Deaf(Kept):
        def send(self, lines, timeout_s):
            raise UndeliveredError("no road")

    deliveries = [Delivery(Deaf(), "there", notify=print, close_s=0.5) for _ in range(8)]
    hook = EventHook(deliveries, [Told({0: [BIRTH]})], source="a", live=True)
    hook.write(moment(0))
    began = time.monotonic()
    hook.close("complete")
    assert time.monotonic() - began < 3
    assert [each.lost for each in deliveries] == [1] * 8


def test_no_moment_no_line():
    assert run_hook([], Told(last=[DEATH])) == []


# Whole runs


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    from tracker.synth import WorldOrder, save_world, stream_world

    path = tmp_path_factory.mktemp("clip") / "street.mp4"
    save_world(stream_world("street", WorldOrder(1, 40, (160, 120), None)), video=path, truth=None, notify=print)
    return path


def table_events(tmp_path):
    return [json.loads(line) for line in (tmp_path / "o.gmm.events.jsonl").read_text().splitlines()]


def core(line):
    return {key: line[key] for key in ("frame", "time_s", "kind", "lane", "ids", "box", "end_frame", "end_s", "note")}


def test_stdout_has_the_events_and_nothing_else(clip, tmp_path):
    result = call("process", clip, "-o", tmp_path / "o.mp4", "--no-video", "--lanes", "gmm", "--events-to", "-")
    assert result.exit_code == 0
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [core(line) for line in lines] == table_events(tmp_path)
    assert len(lines) > 2
    assert [line["n"] for line in lines] == list(range(1, len(lines) + 1))
    assert "40 frames" in result.stderr


def test_a_file_and_a_web_hook_get_the_same(clip, tmp_path):
    log = tmp_path / "log.jsonl"
    earlier = '{"time": "2026-01-01", "source": "a", "run": "an earlier one", "n": 1, "kind": "birth"}\n'
    log.write_text(earlier)
    with Receiver() as receiver:
        result = call(
            "process", clip, "-o", tmp_path / "o.mp4", "--no-video", "--lanes", "gmm", "-q",
            "--events-to", log, "--events-to", receiver.url + "/SECRET",
        )  # fmt: skip
    assert (result.exit_code, result.output) == (0, "")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert lines[1:] == receiver.bodies
    assert [core(line) for line in receiver.bodies] == table_events(tmp_path)


def test_a_web_hook_that_is_not_there_costs_events_and_not_the_run(clip, tmp_path, monkeypatch):
    monkeypatch.setattr("tracker.jobs.hooks.Delivery", partial(Delivery, close_s=0.2))
    with Receiver() as receiver:
        url = receiver.url
    result = call(
        "process", clip, "-o", tmp_path / "o.mp4", "--no-video", "--lanes", "gmm", "-q",
        "--events-to", url.replace("//", "//me:pw-9@") + "/SECRET",
    )  # fmt: skip
    assert result.exit_code == 0
    count = len(table_events(tmp_path))
    assert f"events to {url}: {count} of {count} were lost" in result.stderr
    assert "SECRET" not in result.output
    assert "pw-9" not in result.output


def test_a_reader_of_stdout_that_leaves_ends_no_run_that_has_files(clip, tmp_path):
    command = [
        sys.executable,
        "-m",
        "tracker",
        "process",
        clip,
        "-o",
        tmp_path / "o.mp4",
        "--no-video",
        "--lanes",
        "gmm",
    ]
    with subprocess.Popen(
        [*map(str, command), "--events-to", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        json.loads(run.stdout.readline())
        run.stdout.close()
        said = run.stderr.read()
        assert run.wait(60) == 0
    assert "Traceback" not in said
    assert len(table_events(tmp_path)) > 2


@pytest.mark.parametrize(
    ("place", "said"),
    [("o.gmm.events.jsonl", "is another file of this run"), (".", "is a folder"), ("none/x", "there is no folder")],
)
def test_a_file_that_cannot_be_appended_to_is_refused_before_anything_is_read(place, said, tmp_path):
    wanted = tmp_path / place
    line = refused("process", "no-such.mp4", "-o", tmp_path / "o.mp4", "--lanes", "gmm", "--events-to", wanted)
    assert said in line
    assert list(tmp_path.iterdir()) == []


def test_mqtt_without_its_library_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)
    assert "rnnem-tracker[mqtt]" in refused("process", "no-such.mp4", "--events-to", "mqtt://localhost/a")
