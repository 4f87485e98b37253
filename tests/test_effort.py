"""Work is given up quickly and taken up slowly, without flapping."""

import threading
import time
from itertools import pairwise

import numpy as np
import pytest
from test_controls import SIZE, Stream

from tracker.controls import Board
from tracker.effort import PATIENCE_S, ROOMY, Effort, Load, step
from tracker.jobs.sparing import HALF, ONE, Sparing
from tracker.lanes import Lane
from tracker.pipeline import run
from tracker.settings import load_settings
from tracker.types import Box, Region, Segmentation

RATE, TICK_S = 30, 0.5


def simulate(cost_s, seconds, *, levels=2, effort=None):
    """[(seconds, level)] at each change; `cost_s(level, time)` is what a frame costs, at 30 frames a second."""
    effort, changes = effort or Effort(), [(0.0, 0)]
    for n in range(round(seconds / TICK_S)):
        cost = cost_s(effort.level, n * TICK_S)
        due = RATE * TICK_S
        done = min(due, TICK_S / cost)
        effort = step(
            effort, Load(TICK_S, min(1.0, due * cost / TICK_S), round(done), round(due - done)), levels=levels
        )
        if effort.level != changes[-1][1]:
            changes.append((n * TICK_S, effort.level))
    return changes


def halves(first_s):
    """Each level costs half as much as the one before."""
    return lambda level, time_s: first_s / 2**level


def test_a_machine_that_is_fast_enough_gives_up_nothing():
    assert simulate(halves(0.9 / RATE), 3600) == [(0.0, 0)]


def test_a_machine_that_is_too_slow_gives_up_work_within_seconds_and_no_more_than_it_must():
    assert [level for _, level in simulate(halves(1.5 / RATE), 15)] == [0, 1]
    assert [level for _, level in simulate(halves(3.0 / RATE), 15)] == [0, 1, 2]
    assert simulate(halves(3.0 / RATE), 15)[-1][0] < 5
    assert [level for _, level in simulate(halves(30 / RATE), 60)] == [0, 1, 2]


def test_work_is_taken_up_again_when_the_load_has_gone():
    def cost_s(level, time_s):
        return (3.0 if time_s < 60 else 0.5) / RATE / 2**level

    changes = simulate(cost_s, 600)
    assert [level for _, level in changes] == [0, 1, 2, 1, 0]
    assert changes[-1][0] < 60 + 4 * PATIENCE_S[0]


def test_a_second_of_load_now_and_then_changes_nothing():
    def cost_s(level, time_s):
        return (5.0 if time_s % 10 < 1 else 0.5) / RATE

    assert simulate(cost_s, 600) == [(0.0, 0)]


@pytest.mark.parametrize("load", [1.06, 1.1, 1.19, 1.3, 2.1, 2.35])
def test_a_load_between_two_levels_does_not_flap(load):
    """Whatever it is, work is tried again less and less often: after ten minutes at most once in ten."""
    changes = simulate(halves(load / RATE), 7200)
    first = 5  # trials after 20, 40, 80, 160 and 320 s
    assert len(changes) <= 3 + 2 * (first + 7200 / PATIENCE_S[1])
    assert sum(at > 3600 for at, _ in changes) <= 2 + 2 * 3600 / PATIENCE_S[1]


def test_patience_is_short_again_once_a_trial_has_succeeded():
    spoiled = Effort(level=1, patience_s=PATIENCE_S[1])
    now = spoiled
    for _ in range(round((PATIENCE_S[1] + 30) / TICK_S)):
        now = step(now, Load(TICK_S, ROOMY - 0.1, 15, 0), levels=2)
    assert (now.level, now.patience_s) == (0, PATIENCE_S[0])


# In the lanes


class Slow:
    """A segmenter that takes its time."""

    def __init__(self, cost_s):
        self.cost_s, self.steps = cost_s, 0

    def step(self, frame):
        self.steps += 1
        time.sleep(self.cost_s)
        labels = np.ones((SIZE[1], SIZE[0]), np.int32)
        return Segmentation(labels, (Region(1, Box(0, 0, *SIZE), self.steps),), labels > 0)

    def reset(self):
        pass

    def freeze(self, frozen):
        pass


class Levels:
    """A sink that notes what each moment holds, and the status."""

    def __init__(self, board, seconds):
        self.board, self.seen, self.until = board, [], time.monotonic() + seconds

    @property
    def wants_stop(self):
        return time.monotonic() > self.until

    def write(self, moment):
        areas = {view.lane: [region.area_px for region in view.segmentation.regions] for view in moment.views}
        self.seen.append((self.board.status.effort, areas))

    def close(self, outcome):
        pass


def sparing(board, lanes="gmm,slots", **clock):
    return Sparing(load_settings(overrides=[f"lanes=[{lanes}]"]), board, **clock)


def at_level(board, level, lanes="gmm,slots"):
    made = sparing(board, lanes)
    made._effort = Effort(level=made._levels.index(level) + 1)
    return made


def run_lanes(spares, board, seconds, *, slots_s=0.0):
    stream, lanes = Stream(), [Lane("gmm", Slow(0.0)), Lane("slots", Slow(slots_s))]
    sink = Levels(board, seconds)
    threading.Timer(seconds + 0.2, stream.ended.set).start()
    report = run(stream, lanes, [sink], spares=spares)
    return sink.seen, lanes, report


def test_at_the_first_level_lane_slots_shows_its_last_view_every_second_time():
    board = Board()
    seen, (gmm, slots), _ = run_lanes(at_level(board, HALF), board, 0.4)
    areas = [each["slots"][0] for _, each in seen]
    assert len(areas) > 2
    assert all(b - a in (0, 1) for a, b in pairwise(areas))
    assert abs(2 * slots.segmenter.steps - gmm.segmenter.steps) <= 2


@pytest.mark.parametrize(("shown", "kept", "off"), [((), "slots", "gmm"), (("gmm",), "gmm", "slots")])
def test_at_the_last_level_the_lane_that_is_shown_goes_on_and_the_other_finds_nothing(shown, kept, off):
    board = Board()
    board.change(lanes=shown)
    spares = at_level(board, ONE)
    seen, _, _ = run_lanes(spares, board, 0.3)
    assert seen
    assert all(each[kept] and not each[off] for _, each in seen)
    assert spares.said() == ("slots every second frame, gmm off" if kept == "slots" else "slots off")


@pytest.mark.parametrize(("lanes", "levels"), [("gmm", []), ("slots", [HALF]), ("gmm,mog2", [ONE])])
def test_a_run_has_the_levels_that_its_lanes_can_give(lanes, levels):
    assert sparing(Board(), lanes)._levels == levels


def test_a_slow_lane_gives_up_work_and_the_status_says_so_and_how_many_were_dropped():
    board = Board()
    seen, _, report = run_lanes(sparing(board), board, 4.0, slots_s=0.02)  # pictures come about every 2 ms
    assert seen[0][0] == ""
    assert any(effort == "slots every second frame" for effort, _ in seen)
    assert 0 < board.status.dropped <= report.dropped


def test_a_pause_is_no_load_and_no_room():
    now = [0.0]
    made = sparing(Board(), clock=lambda: now[0])
    made._effort = Effort(level=1)
    for waited_s, later_s in ((0.0, 0.0), (3600.0, 3600.0)):
        now[0] += later_s
        made.count(waited_s, 0)
    assert made._effort == Effort(level=1)
