"""Events as JSON lines: whole or not there, frames from 1."""

import json

import numpy as np
import pytest
from outputs import Alone, output

from tracker.errors import SinkError
from tracker.picture import Picture
from tracker.sinks import EventLines
from tracker.types import Box, Event, Frame, Moment

BIRTH = Event("birth", "slots", 4, 0.4, (3,), Box(0, 1.5, 10, 22.26), note="at the border")
OCCLUSION = Event("occlusion", "slots", 10, 1.0, (3, 5), Box(5, 1, 15, 21), 16, 1.6, "behind 5")
DEATH = Event("death", "slots", 18, 1.8, (3,), Box(9, 1, 19, 21), note="größer als das Bild")


class Told:
    """A finder that was told what to find."""

    def __init__(self, by_frame, last=()):
        self.by_frame, self.last = by_frame, last

    def __call__(self, moment):
        return tuple(self.by_frame.get(moment.frame.index, ()))

    def finish(self):
        return tuple(self.last)


def moment(index):
    return Moment(Frame(index, index / 10, Picture.of(np.zeros((4, 4, 3), np.uint8))), ())


def written(path, finder, frames=20, outcome="complete"):
    sink = Alone(lambda out: EventLines(out, finder), path)
    for n in range(frames):
        sink.write(moment(n))
    sink.close(outcome)
    return path


def test_every_event_is_a_line_and_frames_count_from_1(tmp_path):
    path = written(tmp_path / "a.events.jsonl", Told({6: [BIRTH], 16: [OCCLUSION]}, [DEATH]))
    lines = path.read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[0]) == {
        "frame": 5, "time_s": 0.4, "kind": "birth", "lane": "slots", "ids": [3], "box": [0, 1.5, 10, 22.26],
        "end_frame": None, "end_s": None, "note": "at the border",
    }  # fmt: skip
    second = json.loads(lines[1])
    assert (second["frame"], second["end_frame"], second["end_s"], second["ids"]) == (11, 17, 1.6, [3, 5])
    assert json.loads(lines[2])["note"] == "größer als das Bild"
    assert len(lines) == 3
    assert list(tmp_path.iterdir()) == [path]


def test_a_box_of_numpy_numbers_is_written_as_plain_ones(tmp_path):
    event = Event("birth", "slots", 0, 0.0, (1,), Box(*np.array([1.0, 2.0, 3.004, 4.0], np.float32)))
    (line,) = written(tmp_path / "a.jsonl", Told({0: [event]})).read_text().splitlines()
    assert json.loads(line)["box"] == [1.0, 2.0, 3.0, 4.0]


def test_a_clip_without_events_makes_an_empty_file(tmp_path):
    assert written(tmp_path / "a.jsonl", Told({})).read_bytes() == b""


def test_no_moment_no_file(tmp_path):
    written(tmp_path / "a.jsonl", Told({}, [DEATH]), frames=0)
    assert not list(tmp_path.iterdir())


def test_until_it_is_closed_the_file_has_its_part_name_and_every_line_so_far(tmp_path):
    sink = Alone(lambda out: EventLines(out, Told({0: [BIRTH]})), tmp_path / "a.jsonl")
    sink.write(moment(0))
    (part,) = tmp_path.iterdir()
    assert part == sink.part
    assert json.loads(part.read_text())["ids"] == [3]
    sink.close("interrupted")
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


def test_closed_twice_the_end_is_written_once(tmp_path):
    sink = Alone(lambda out: EventLines(out, Told({}, [DEATH])), tmp_path / "a.jsonl")
    sink.write(moment(0))
    sink.close("complete")
    sink.close("complete")
    assert len((tmp_path / "a.jsonl").read_text().splitlines()) == 1


def test_a_folder_that_is_not_there_is_named(tmp_path):
    sink = EventLines(output(tmp_path / "none" / "a.jsonl"), Told({}))
    with pytest.raises(SinkError, match=r"a\.jsonl: cannot be written"):
        sink.write(moment(0))
