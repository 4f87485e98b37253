"""What is said while a run goes on."""

import doctest
import io

from tracker import timing
from tracker.progress import Shares, plain_lines, shown_progress


def test_without_a_terminal_a_line_now_and_then_with_rate_and_time_left():
    # the first frame comes after 8 s of prescan, which are no part of the rate
    stream, seconds = io.StringIO(), iter([0.0, 8.0, 18.0, 19.0, 28.0])
    report = plain_lines(stream, clock=lambda: next(seconds))
    for done, total in ((1, 10_000), (501, 10_000), (551, 10_000), (1001, 1001)):
        report(done, total)
    # 500 frames in 10 s are 50 a second, which leaves 9499 / 50 = 190 s
    assert stream.getvalue().splitlines() == ["frames 501/10000, 50.0 fps, 3:09 left", "frames 1001/1001, 50.0 fps"]


def test_of_several_stages_a_line_tells_which_and_what_is_left_of_all():
    stream, seconds = io.StringIO(), iter([0.0, 0.0, 50.0])
    report = plain_lines(stream, clock=lambda: next(seconds))
    report(0, 100, stage="forwards")
    report(100, 100, stage="forwards")
    assert stream.getvalue().startswith("forwards, 1 of 3: frames 100/100, 1.0 fps")
    seconds = iter([72.0])
    report(50, 100, stage="writing")  # 90 % in 72 s
    assert stream.getvalue().splitlines()[1] == "writing, 3 of 3: frames 50/100, 1.2 fps, 0:08 left"


def test_of_work_by_its_share_a_line_in_ten_seconds_with_the_newest_note_and_what_is_left():
    said, now = [], [0.0]
    shares = Shares(said.append, clock=lambda: now[0])
    shares.begin("balls: training")
    for now[0], share in ((0.0, 0.5), (5.0, 0.51), (10.0, 0.6), (12.0, 0.7), (20.0, 0.75)):
        shares(share)
        shares.note(f"update {100 * share:.0f}")
    shares.end()
    shares.begin("balls: testing")
    shares.end()
    now[0] = 31.0
    shares(0.2)
    # half was done by an earlier run: .1 in 10 s leaves .4 in 40 s
    assert said == [
        "balls: training 60 %, update 51, 0:40 left",
        "balls: training 75 %, update 70, 0:20 left",
        "balls: training done, update 75",
        "balls: testing 20 %",
    ]


def test_the_examples_are_true():
    assert doctest.testmod(timing).failed == 0


def test_of_an_endless_source_only_the_rate_is_known():
    stream, seconds = io.StringIO(), iter([0.0, 0.0, 10.0])
    report = plain_lines(stream, clock=lambda: next(seconds))
    report(0, None)
    report(200, None)
    assert stream.getvalue() == "frames 200, 20.0 fps\n"


def test_the_rate_is_of_this_run_alone():
    from tracker.progress import _Rate

    rate = _Rate()
    assert rate(50_001, 10.0) is None
    assert rate(50_011, 11.0) == 10


def test_a_terminal_gets_a_bar_and_quiet_nothing():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    with shown_progress(stream=terminal) as report:
        report(1, 10)
        report(10, 10)
    assert terminal.getvalue()
    with shown_progress(quiet=True, stream=terminal) as report:
        assert report is None


def test_clips_are_counted_in_a_line_now_and_then():
    from types import SimpleNamespace

    from tracker.progress import clip_lines

    now, stream = [0.0], io.StringIO()
    report = clip_lines(stream, lambda: now[0])
    for second, worked in ((5, 5), (20, 20), (25, 25), (100, 100)):
        now[0] = second
        report(SimpleNamespace(clips=130, over=worked + 30, worked=worked, failed=2))
    assert stream.getvalue().splitlines() == [
        "clips 50/130, 2 failed, 60.0 a minute, 1:20 left",
        "clips 130/130, 2 failed, 60.0 a minute",
    ]
