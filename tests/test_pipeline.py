"""The one loop, with sources, lanes and sinks small enough to follow by eye."""

import os
import signal
import threading
import time

import numpy as np
import pytest

from tracker import pipeline, prescan
from tracker.build import build_prescan
from tracker.errors import SinkError, SourceError
from tracker.jobs.tally import RunTally
from tracker.lanes import Lane
from tracker.picture import Picture
from tracker.pipeline import run
from tracker.prescan import Prescan, PrescanAhead
from tracker.settings import load_settings
from tracker.stopwatch import Stopwatch
from tracker.types import Box, Frame, Region, Segmentation, SourceInfo, Track

SIZE = (8, 6)


class Clip:
    """A source of grey frames; `fail_at` raises there."""

    def __init__(self, frames=5, *, live=False, fail_at=None, problem=None):
        self.info = SourceInfo("clip", SIZE, 10.0, frames, live)
        self.problem = problem
        self.frames, self.fail_at, self.sampled = frames, fail_at, []

    def __iter__(self):
        for index in range(self.frames):
            if index == self.fail_at:
                raise SourceError("clip: broken here")
            yield Frame(index, index / 10, Picture.of(np.full((SIZE[1], SIZE[0], 3), index, np.uint8)))

    def sample(self, count, *, whole=True, width="full"):
        self.sampled.append((count, whole, width))
        return [np.zeros((SIZE[1], SIZE[0], 3), np.uint8)] * count

    def close(self):
        pass


class OneObject:
    """A segmenter that sees a 2x2 object move one pixel a frame."""

    def __init__(self, *, label=7):
        self.label, self.prepared, self.steps = label, None, []

    def prepare(self, images):
        self.prepared = len(images)

    def step(self, frame):
        self.steps.append(frame.index)
        labels = np.zeros((SIZE[1], SIZE[0]), np.int32)
        x = frame.index % 6
        labels[1:3, x : x + 2] = self.label
        region = Region(self.label, Box(x, 1, x + 2, 3), 4, confidence=0.5)
        return Segmentation(labels, (region,), labels > 0)

    def freeze(self, frozen):
        pass

    def reset(self):
        pass


class SameName:
    """A linker that calls everything 1."""

    def __init__(self):
        self.sizes = set()

    def step(self, regions, *, time_s, size):
        self.sizes.add(size)
        return tuple(Track(1, region.box, region.confidence, region.label) for region in regions)


class Book:
    """A sink that remembers; `do` is called with each moment."""

    def __init__(self, do=None, fails_to_close=False):
        self.moments, self.closed, self.do, self.fails_to_close = [], [], do, fails_to_close
        self.wants_stop = False

    def write(self, moment):
        self.moments.append(moment)
        if self.do:
            self.do(self, moment)

    def close(self, outcome):
        self.closed.append(outcome)
        if self.fails_to_close:
            raise SinkError("disk full")


def stop_at(index):
    def do(sink, moment):
        sink.wants_stop = moment.frame.index == index

    return do


def ctrl_c_at(index, times=1):
    def do(sink, moment):
        for _ in range(times):
            if moment.frame.index == index:
                os.kill(os.getpid(), signal.SIGINT)

    return do


def lanes():
    return [Lane("gmm", OneObject(), SameName()), Lane("slots", OneObject())]


def test_every_lane_sees_every_frame_once_and_every_sink_gets_both_views():
    two, book = lanes(), Book()
    report = run(Clip(5), two, [book])
    assert [m.frame.index for m in book.moments] == [0, 1, 2, 3, 4]
    assert [lane.segmenter.steps for lane in two] == [[0, 1, 2, 3, 4]] * 2
    assert [view.lane for view in book.moments[0].views] == ["gmm", "slots"]
    assert (report.frames, report.outcome, report.problem, book.closed) == (5, "complete", None, ["complete"])


def test_a_linker_names_blobs_and_without_one_labels_are_the_identities():
    two, book = lanes(), Book()
    run(Clip(1), two, [book])
    moment = book.moments[0]
    assert moment.view("gmm").tracks == (Track(1, Box(0, 1, 2, 3), 0.5, 7),)
    assert moment.view("slots").tracks == (Track(7, Box(0, 1, 2, 3), 0.5, 7),)
    assert two[0].linker.sizes == {SIZE}


@pytest.mark.parametrize("whole", [True, False])
def test_the_prescan_is_shared_by_all_lanes_and_done_once(whole):
    clip, two = Clip(5), lanes()
    run(clip, two, [], prescan=Prescan(3, whole, 32))
    assert clip.sampled == [(3, whole, 32)]
    assert [lane.segmenter.prepared for lane in two] == [3, 3]


def test_the_prescan_of_huge_pictures_is_small_but_still_a_median(monkeypatch):
    monkeypatch.setattr(prescan, "MOST_BYTES", 1)
    clip = Clip(9)
    run(clip, lanes(), [])
    run(clip, lanes(), [], prescan=Prescan(2))
    assert clip.sampled == [(5, True, "full"), (2, True, "full")]


def test_the_bytes_of_a_prescan_are_counted_at_the_width_of_its_pictures(monkeypatch):
    width, height = SIZE
    monkeypatch.setattr(prescan, "MOST_BYTES", 3 * width * height * 8)
    clip = Clip(99)
    Prescan().pictures(clip)
    Prescan(width=width // 2).pictures(clip)
    assert [count for count, _, _ in clip.sampled] == [8, 32]


def test_lanes_learn_the_scene_at_the_same_time():
    both, two, threads = threading.Barrier(2), lanes(), set()

    def prepare(images):
        both.wait(timeout=5)
        threads.add(threading.get_ident())

    for lane in two:
        lane.segmenter.prepare = prepare
    run(Clip(1), two, [], prescan=Prescan(3))
    assert len(threads) == 2


def test_what_a_lane_raises_over_the_prescan_ends_the_run():
    two, book = lanes(), Book()
    two[1].segmenter.prepare = None
    with pytest.raises(TypeError):
        run(Clip(1), two, [book], prescan=Prescan(3))
    assert book.closed == ["failed"]


def test_pictures_taken_ahead_are_those_of_the_prescan_and_taken_once():
    clip, two = Clip(5), lanes()
    with PrescanAhead(Prescan(3), clip) as ahead:
        run(clip, two, [], prescan=ahead)
    assert clip.sampled == [(3, True, "full")]
    assert [lane.segmenter.prepared for lane in two] == [3, 3]


def test_what_taking_pictures_ahead_raises_is_raised_where_they_are_wanted():
    clip = Clip(5)
    clip.sample = None
    with PrescanAhead(Prescan(3), clip) as ahead, pytest.raises(TypeError):
        run(clip, lanes(), [], prescan=ahead)


def test_the_prescan_is_as_wide_as_the_widest_lane_works():
    def width(*overrides):
        return build_prescan(load_settings(overrides=overrides)).width

    assert width("gmm.working_width=320", "slots.working_width=320") == 640
    assert width("gmm.working_width=320", "slots.working_width=960") == 960
    assert width("lanes=[gmm]", "gmm.working_width=700", "slots.working_width=full") == 700
    assert width("gmm.working_width=320", "slots.working_width=full") == width("lanes=[rigid]") == "full"


@pytest.mark.parametrize(("live", "frames"), [(True, 3), (False, 0)])
def test_a_camera_or_a_prescan_of_no_frames_leaves_the_warm_up(live, frames):
    clip, two = Clip(5, live=live), lanes()
    run(clip, two, [], prescan=Prescan(frames))
    assert clip.sampled == []
    assert two[0].segmenter.prepared is None


def test_a_sink_that_wants_to_stop_ends_the_run_in_good_order():
    book = Book(stop_at(2))
    report = run(Clip(5), lanes(), [book])
    assert (report.frames, report.outcome, book.closed) == (3, "complete", ["complete"])


def test_ctrl_c_in_the_middle_of_a_frame_waits_until_every_sink_has_it():
    first, second = Book(ctrl_c_at(1)), Book()
    report = run(Clip(9), lanes(), [first, second])
    assert report.outcome == "interrupted"
    assert report.frames == 2 + pipeline.FRAMES_AHEAD  # those that lanes were at work on
    assert len(first.moments) == len(second.moments) == report.frames
    assert first.closed == second.closed == ["interrupted"]


@pytest.mark.parametrize("times", [2, 20])
def test_however_often_ctrl_c_comes_there_is_one_end(times):
    first, second = Book(ctrl_c_at(1, times=times)), Book()
    report = run(Clip(9), lanes(), [first, second])
    assert report.outcome == "interrupted"
    assert report.frames == 2 + pipeline.FRAMES_AHEAD  # those that lanes were at work on
    assert len(first.moments) == len(second.moments) == report.frames
    assert first.closed == second.closed == ["interrupted"]


def test_after_the_run_ctrl_c_is_what_it_was():
    before = signal.getsignal(signal.SIGINT)
    run(Clip(2), lanes(), [])
    assert signal.getsignal(signal.SIGINT) is before


def test_an_error_of_the_source_closes_the_sinks_as_failed_and_travels_on():
    book = Book()
    with pytest.raises(SourceError, match="broken here"):
        run(Clip(5, fail_at=3), lanes(), [book])
    assert (len(book.moments), book.closed) == (3, ["failed"])


def test_an_error_of_one_sink_closes_the_others_too():
    def full(sink, moment):
        raise SinkError("no room")

    broken, whole = Book(full), Book()
    with pytest.raises(SinkError, match="no room"):
        run(Clip(5), lanes(), [whole, broken])
    assert whole.closed == broken.closed == ["failed"]


def test_a_sink_that_cannot_be_finished_is_an_error_but_the_others_are_finished():
    broken, whole = Book(fails_to_close=True), Book()
    with pytest.raises(SinkError, match="disk full"):
        run(Clip(2), lanes(), [broken, whole])
    assert whole.closed == ["complete"]


def test_the_first_error_is_the_one_that_is_told():
    with pytest.raises(SourceError, match="broken here"):
        run(Clip(5, fail_at=1), lanes(), [Book(fails_to_close=True)])


def test_a_source_without_one_frame_is_an_error():
    with pytest.raises(SourceError, match="not one frame"):
        run(Clip(0), lanes(), [Book()])


def test_what_was_not_readable_is_reported_with_an_outcome_of_complete():
    report = run(Clip(2, problem="clip: cut short, 2 of about 9 frames readable"), lanes(), [])
    assert (report.outcome, report.problem) == ("complete", "clip: cut short, 2 of about 9 frames readable")


def test_progress_is_told_after_each_frame():
    told = []
    run(Clip(3), lanes(), [], progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_time_is_counted_by_stage():
    here = threading.local()

    def clock():
        here.ticks = getattr(here, "ticks", 0) + 1
        return float(here.ticks)

    report = run(Clip(2), lanes(), [Book()], watch=Stopwatch(clock))
    # a clock that moves by one at each look of a thread: every stage takes one second each time it is entered
    assert report.seconds["lane gmm"] == report.seconds["lane slots"] == report.seconds["sink Book"] == 2
    assert report.seconds["decode"] == 3  # two frames and the end
    assert report.seconds["prescan"] == 1
    assert report.mean_ms["lane gmm"] == 1000
    assert report.fps == 2 / report.seconds["total"]


def test_a_tally_counts_identities_lengths_and_foreground():
    tally = RunTally(["gmm", "slots"])
    run(Clip(4), lanes(), [tally])
    for lane in ("gmm", "slots"):
        assert tally.lanes[lane].identities == 1
        assert tally.lanes[lane].mean_track_frames == 4
        assert tally.foreground_share(lane) == pytest.approx(4 / 48)  # 2x2 of 8x6 pixels
        assert tally.scores(lane) is None


class Waits(OneObject):
    """A segmenter that notes the thread it runs in and takes its time over some frames."""

    def __init__(self, slow: int) -> None:
        super().__init__()
        self.slow, self.threads, self.stepped = slow, set(), []

    def step(self, frame):
        self.threads.add(threading.get_ident())
        self.stepped.append(frame.index)
        time.sleep(0.002 if frame.index % 3 == self.slow else 0)
        return super().step(frame)


def test_lanes_run_in_threads_of_their_own_and_moments_come_in_order():
    a, b, sink = Waits(0), Waits(1), Book()
    run(Clip(20), [Lane("a", a), Lane("b", b)], [sink])
    assert [moment.frame.index for moment in sink.moments] == a.stepped == b.stepped == list(range(20))
    assert len(a.threads) == len(b.threads) == 1
    assert len(a.threads | b.threads | {threading.get_ident()}) == 3


def test_no_thread_is_left_behind_by_a_lane_that_fails():
    class Fails(OneObject):
        def step(self, frame):
            if frame.index == 3:
                raise ValueError("a fault")
            return super().step(frame)

    sink, before = Book(), set(threading.enumerate())
    with pytest.raises(ValueError, match="a fault"):
        run(Clip(20), [Lane("a", Fails()), Lane("b", Waits(0))], [sink])
    assert [moment.frame.index for moment in sink.moments] == [0, 1, 2]
    assert not set(threading.enumerate()) - before


class TwoStages(OneObject):
    """A segmenter of two stages, of which the second of a frame waits until the first of the next has begun."""

    def __init__(self, fails: str | None = None) -> None:
        super().__init__()
        self.fails, self.order, self.begun = fails, [], [threading.Event() for _ in range(40)]

    def _note(self, stage, frame):
        self.order.append((stage, frame.index))
        if self.fails == stage and frame.index == 3:
            raise ValueError(f"a fault in {stage}")

    def judge(self, frame):
        self.begun[frame.index].set()
        self._note("judge", frame)
        return frame.index, threading.get_ident()

    def assign(self, frame, judged):
        assert judged[0] == frame.index
        assert judged[1] != threading.get_ident()
        if frame.index < 2:
            assert self.begun[frame.index + 1].wait(10)
        self._note("assign", frame)
        return self.step(frame)


def test_a_lane_of_two_stages_judges_a_frame_while_the_one_before_is_assigned():
    lane, sink = TwoStages(), Book()
    run(Clip(20), [Lane("a", lane)], [sink])
    assert [moment.frame.index for moment in sink.moments] == lane.steps == list(range(20))
    place = {done: n for n, done in enumerate(lane.order)}
    assert all(place["assign", n] < place["judge", n + 2] for n in range(18))
    assert all(place["judge", n + 1] < place["assign", n] for n in range(2))


@pytest.mark.parametrize("stage", ["judge", "assign"])
def test_a_fault_in_either_stage_ends_the_run_at_its_frame(stage):
    sink, before = Book(), set(threading.enumerate())
    with pytest.raises(ValueError, match=f"a fault in {stage}"):
        run(Clip(20), [Lane("a", TwoStages(stage)), Lane("b", Waits(0))], [sink])
    assert [moment.frame.index for moment in sink.moments] == [0, 1, 2]
    assert not set(threading.enumerate()) - before


def test_of_a_camera_each_moment_is_used_before_the_next_frame_is_begun():
    lane, last = Waits(0), []
    run(
        Clip(8, live=True),
        [Lane("a", lane)],
        [Book(lambda sink, moment: last.append((moment.frame.index, lane.stepped[-1])))],
    )
    assert last
    assert all(written == stepped for written, stepped in last)


def test_what_a_live_source_dropped_is_known_after_ctrl_c_too():
    shown = threading.Event()

    class Fast(Clip):
        def __iter__(self):
            for frame in super().__iter__():
                if frame.index == 1:
                    shown.wait(5)  # the first is being looked at: of the rest only the newest is kept
                yield frame

    def look(_, moment):
        if moment.frame.index == 0:
            shown.set()
            time.sleep(0.2)
        else:
            signal.raise_signal(signal.SIGINT)

    report = run(Fast(9, live=True), lanes(), [Book(look)])
    assert report.outcome == "interrupted"
    assert report.frames + report.dropped >= 8
    assert report.dropped > 0
