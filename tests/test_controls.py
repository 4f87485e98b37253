"""What users ask of a run while it goes on."""

import threading
import time

import numpy as np
import pytest

from tracker.controls import Board, Controls, Status
from tracker.errors import OptionError
from tracker.jobs.live import Live, Pace
from tracker.lanes import Lane
from tracker.picture import Picture
from tracker.pipeline import run
from tracker.types import Box, Frame, Moment, Region, Segmentation, SourceInfo

SIZE = (32, 24)


class Stream:
    """A live source that gives a picture every few milliseconds until it is closed, or nothing after `count`."""

    problem = None
    info = SourceInfo("stream", SIZE, 100.0, None, live=True)

    def __init__(self, count=10_000):
        self.count, self.ended = count, threading.Event()

    def __iter__(self):
        picture = Picture.of(np.zeros((SIZE[1], SIZE[0], 3), np.uint8))
        for n in range(self.count):
            if self.ended.wait(0.002):
                return
            yield Frame(n, n / 100, picture, arrived_s=time.monotonic())
        self.ended.wait(20)

    def sample(self, count, *, whole=True, width="full"):
        return []


class Lone:
    """A segmenter that notes what was asked of it."""

    def __init__(self):
        self.resets, self.frozen, self.steps = 0, [], 0

    def step(self, frame):
        self.steps += 1
        labels = np.ones((SIZE[1], SIZE[0]), np.int32)
        return Segmentation(labels, (Region(1, Box(0, 0, *SIZE), 9),), labels > 0)

    def freeze(self, frozen):
        self.frozen.append(frozen)

    def reset(self):
        self.resets += 1


class At:
    """A sink that asks for something after so many moments."""

    def __init__(self, **when):
        self.when, self.count = when, 0

    def write(self, moment):
        self.count += 1
        for ask in self.when.get(f"n{self.count}", ()):
            ask()

    def close(self, outcome):
        self.outcome = outcome


def test_requests_are_carried_out_between_two_frames_in_their_order():
    live, segmenter, stream = Live(), Lone(), Stream()
    live.lead([Lane("a", segmenter)])
    asks = [lambda: live.controls.ask("freeze", True), lambda: live.controls.ask("reset")]
    sink = At(n3=asks, n5=[lambda: live.controls.ask("stop")])
    report = run(stream, [Lane("a", segmenter)], [sink], controls=live.controls)
    stream.ended.set()
    assert (segmenter.frozen, segmenter.resets, segmenter.steps) == ([True], 1, 5)
    assert (report.outcome, sink.outcome) == ("complete", "complete")
    assert live.board.status.frozen


def test_while_paused_no_frame_is_looked_at_and_the_rest_is_heard():
    live, segmenter, stream = Live(), Lone(), Stream()
    live.lead([Lane("a", segmenter)])

    def later():
        time.sleep(0.3)
        seen.append((segmenter.steps, live.board.status.state))
        live.controls.ask("pause", False)

    seen, thread = [], threading.Thread(target=later)
    sink = At(n2=[lambda: live.controls.ask("pause", True), thread.start], n6=[lambda: live.controls.ask("stop")])
    run(stream, [Lane("a", segmenter)], [sink], controls=live.controls)
    stream.ended.set()
    assert seen == [(2, "paused")]
    assert segmenter.steps == 6


@pytest.mark.parametrize("paused", [False, True])
def test_a_run_can_be_stopped_while_no_frame_comes(paused):
    controls, stream = Controls(), Stream(count=2)
    timer = threading.Timer(0.3, lambda: (controls.ask("stop"), stream.ended.set()))
    timer.start()
    sink = At(n2=[lambda: controls.ask("pause", paused)])
    began = time.monotonic()
    assert run(stream, [Lane("a", Lone())], [sink], controls=controls).frames == 2
    assert time.monotonic() - began < 5


def test_a_run_that_is_stopped_before_its_first_frame_has_failed_at_nothing():
    controls, stream, sink = Controls(), Stream(count=0), At()
    threading.Timer(0.2, lambda: controls.ask("stop")).start()
    threading.Timer(1.0, stream.ended.set).start()
    report = run(stream, [Lane("a", Lone())], [sink], controls=controls)
    assert (report.frames, report.outcome, sink.outcome) == (0, "interrupted", "interrupted")


def test_what_nobody_does_is_refused():
    with pytest.raises(OptionError, match="snapshot: cannot be done"):
        Controls().ask("snapshot")


def test_rate_and_delay_are_told_over_the_latest_frames():
    board, now = Board(), iter(np.arange(0, 10, 0.1))
    pace = Pace(board, clock=lambda: float(next(now)))
    picture = Picture.of(np.zeros((4, 4, 3), np.uint8))
    for n in range(20):
        pace.write(Moment(Frame(n, n / 10, picture, arrived_s=n / 10 - 0.025), ()))
    assert board.status.fps == pytest.approx(10)
    assert board.status.delay_ms == pytest.approx(25)
    pace.close("complete")
    assert board.status == Status("ended", fps=board.status.fps, delay_ms=board.status.delay_ms)
