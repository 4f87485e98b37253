"""`--profile`: a trace that viewers read, whole or not there, and a table."""

import json
import os
import threading
import time

import pytest
from clips import draw, write_video
from commands import call, refused

from tracker.jobs import Job, process, profile_table
from tracker.jobs.profile import trace_text
from tracker.settings import RunSettings
from tracker.stopwatch import Spans, StageSpan, Stopwatch, Thread

FRAMES = 6
SETTINGS = RunSettings(lanes=("gmm",))
OF_A_RUN = {"open", "build lanes", "prescan", "decode ahead", "decode", "scene", "lane gmm"} | {
    "sink OverlayVideo",
    "total",
    "close",
}
WORK = Thread(1, "main")


@pytest.fixture
def clip(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_video(tmp_path / "clip.mp4", draw(FRAMES))


def read(path):
    trace = json.loads(path.read_text(encoding="utf-8"))
    return trace, [event for event in trace["traceEvents"] if event["ph"] == "X"]


def by_row(events):
    rows = {}
    for event in events:
        rows.setdefault(event["tid"], []).append((event["ts"], event["ts"] + event["dur"]))
    return rows


def test_the_trace_has_every_stage_and_a_row_for_each_thread(clip, tmp_path):
    began = time.perf_counter()
    result = process(Job(str(clip), tmp_path / "out.mp4", profile=True), SETTINGS)
    wall_us = (time.perf_counter() - began) * 1e6
    assert tmp_path / "out.trace.json" in result.files
    trace, events = read(tmp_path / "out.trace.json")
    assert {event["name"] for event in events} >= OF_A_RUN
    names = {e["tid"]: e["args"]["name"] for e in trace["traceEvents"] if e["name"] == "thread_name"}
    assert {names[e["tid"]] for e in events if e["name"] == "decode ahead"} == {"read ahead"}
    rows = [
        {e["tid"] for e in events if e["name"] == stage} for stage in ("lane gmm", "decode ahead", "sink OverlayVideo")
    ]
    assert len(set.union(*rows)) == len(rows)  # threads of their own
    assert sorted(e["args"]["frame"] for e in events if e["name"] == "lane gmm") == list(range(FRAMES))
    assert all(0 <= e["ts"] <= e["ts"] + e["dur"] <= wall_us for e in events)
    assert trace["tracker_profile"]["spans_left_out"] == 0


def test_spans_of_a_thread_lie_within_one_another_or_apart(clip, tmp_path):
    process(Job(str(clip), tmp_path / "out.mp4", profile=True), SETTINGS)
    for spans in by_row(read(tmp_path / "out.trace.json")[1]).values():
        for a, b in ((a, b) for a in spans for b in spans):
            assert b[0] >= a[1] or a[0] >= b[1] or (a[0] <= b[0] and b[1] <= a[1]) or (b[0] <= a[0] and a[1] <= b[1])


def test_the_report_has_the_same_stages_with_and_without_a_profile(clip, tmp_path):
    plain = process(Job(str(clip), tmp_path / "plain.mp4"), SETTINGS)
    profiled = process(Job(str(clip), tmp_path / "profiled.mp4", profile=True), SETTINGS)
    assert plain.report.seconds.keys() == profiled.report.seconds.keys()
    assert plain.spans is None
    assert not (tmp_path / "plain.trace.json").exists()


def test_the_table_says_calls_times_and_shares():
    spans = Spans(clock=lambda: 10.0)
    for begin_s in (10.0, 12.0):
        spans.add(StageSpan("lane gmm", WORK, None, begin_s, begin_s + 0.5, 0.25))
    spans.add(StageSpan("close", WORK, None, 13.0, 14.0, 0.0))
    _, head, lane, close = profile_table(spans).splitlines()
    assert head.split() == ["stage", "thread", "calls", "total", "s", "CPU", "s", "mean", "ms", "of", "wall"]
    assert lane.split() == ["lane", "gmm", "main", "2", "1.00", "0.50", "500.00", "25.0%"]
    assert close.split() == ["close", "main", "1", "1.00", "0.00", "1000.00", "25.0%"]


def test_what_was_left_out_is_said_in_the_table_and_in_the_trace():
    spans = Spans(most=2)
    for _ in range(5):
        spans.add(StageSpan("work", WORK, None, spans.began_s, spans.began_s, 0.0))
    assert "3 spans are not in the trace, which keeps 2" in profile_table(spans)
    trace = json.loads(trace_text(spans))
    assert trace["tracker_profile"]["spans_left_out"] == 3
    assert sum(event["ph"] == "X" for event in trace["traceEvents"]) == 2


def test_threads_of_one_name_have_rows_of_their_own():
    watch = Stopwatch(spans=Spans())
    both = threading.Barrier(2)

    def work():
        both.wait()
        with watch.stage("work"):
            both.wait()

    threads = [threading.Thread(target=work, name="worker") for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = json.loads(trace_text(watch.spans))["traceEvents"]
    assert len({event["tid"] for event in events if event["ph"] == "X"}) == 2


# On the command line


def test_the_command_writes_the_trace_beside_the_video_and_a_table_on_stderr(clip):
    result = call("process", clip, "-o", "out.mp4", "--lanes", "gmm", "-q", "--profile")
    assert result.exit_code == 0, result.output
    assert "imports" in {event["name"] for event in read(clip.with_name("out.trace.json"))[1]}
    assert "lane gmm" in result.stderr
    assert "of wall" in result.stderr
    assert result.stdout == ""


def test_a_trace_is_replaced_only_where_that_is_asked_and_it_is_one(clip):
    asked = ("process", clip, "-o", "out.mp4", "--lanes", "gmm", "-q", "--no-video")
    assert call(*asked, "--profile", "mine.json").exit_code == 0
    refused("process", clip, "-o", "other.mp4", "--lanes", "gmm", "--profile", "mine.json")
    assert call(*asked, "--profile", "mine.json", "--overwrite").exit_code == 0
    foreign = clip.with_name("foreign.json")
    foreign.write_text('{"traceEvents": []}')
    refused(*asked, "--profile", "foreign.json", "--overwrite")
    assert foreign.read_text() == '{"traceEvents": []}'


def test_a_run_without_a_profile_removes_the_trace_of_the_run_that_it_replaces(clip):
    asked = ("process", clip, "-o", "out.mp4", "--lanes", "gmm", "-q", "--no-video", "--overwrite")
    assert call(*asked, "--profile").exit_code == 0
    assert call(*asked).exit_code == 0
    assert not clip.with_name("out.trace.json").exists()


def test_a_run_that_is_refused_leaves_no_trace(clip):
    refused("process", "missing.mp4", "-o", "out.mp4", "--profile")
    assert os.listdir(clip.parent) == ["clip.mp4"]


def test_the_name_of_another_result_is_refused(clip):
    refused("process", clip, "-o", "out.mp4", "--profile", "./out.summary.json")


def test_the_word_behind_the_option_is_no_clip(clip):
    result = call("process", "--profile", clip)
    assert result.exit_code == 2
    assert "--profile comes last" in result.stderr


def test_compare_has_a_profile_too(clip):
    result = call("compare", clip, "-o", "both", "--lanes", "gmm,mog2", "-q", "--profile")
    assert result.exit_code == 0, result.output
    assert "sink Comparison" in {event["name"] for event in read(clip.parent / "both" / "compare.trace.json")[1]}


def test_webcam_without_a_recording_has_the_table_alone(clip):
    result = call("webcam", "--profile", "trace.json")
    assert result.exit_code == 2
    assert "--record" in result.stderr
