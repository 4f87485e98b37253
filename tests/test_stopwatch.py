"""Times by stage: of several threads at once, and as spans in bounded memory."""

import threading

import pytest

from tracker.stopwatch import Spans, Stopwatch


class Clock:
    """Seconds that pass when it is told."""

    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s


def test_without_spans_only_the_seconds_are_kept():
    clock = Clock()
    watch = Stopwatch(clock)
    for _ in range(3):
        with watch.stage("work", frame=1):
            clock.now_s += 2
    assert watch.seconds == {"work": 6.0}
    assert watch.spans is None


def test_a_stage_that_fails_counts_too():
    clock = Clock()
    watch = Stopwatch(clock, spans=Spans(clock=clock))

    def fail():
        with watch.stage("work"):
            clock.now_s += 1
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()
    assert watch.seconds == {"work": 1.0}
    assert watch.spans.totals["work", "MainThread"].calls == 1


def test_threads_that_measure_at_once_lose_nothing():
    watch = Stopwatch(lambda: 0.0, spans=Spans(clock=lambda: 0.0))
    calls, threads, start = 2000, 4, threading.Barrier(4)

    def work():
        start.wait()
        for frame in range(calls):
            with watch.stage("work", frame):
                pass

    started = [threading.Thread(target=work, name=f"lane {n}") for n in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    assert len(watch.spans.kept) == calls * threads
    assert {key: total.calls for key, total in watch.spans.totals.items()} == {
        ("work", f"lane {n}"): calls for n in range(threads)
    }
    assert {span.frame for span in watch.spans.kept if span.thread.name == "lane 2"} == set(range(calls))


def test_memory_is_bounded_but_every_stage_has_a_span_and_all_are_counted():
    clock = Clock()
    spans = Spans(clock=clock, most=5)
    watch = Stopwatch(clock, spans=spans)
    for _ in range(20):
        with watch.stage("work"):
            clock.now_s += 1
    with watch.stage("close"):
        clock.now_s += 3
    assert [span.stage for span in spans.kept] == ["work"] * 5 + ["close"]
    assert (spans.left_out, spans.totals["work", "MainThread"].calls, spans.ended_s) == (15, 20, 23.0)
    assert watch.seconds == {"work": 20.0, "close": 3.0}


def test_waiting_for_items_is_measured_and_the_items_pass():
    watch = Stopwatch(lambda: 0.0, spans=Spans())
    assert list(watch.waits("decode", "abc")) == ["a", "b", "c"]
    assert watch.spans.totals["decode", "MainThread"].calls == 4  # and the end
