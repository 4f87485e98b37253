"""What is said while a run goes on."""

import io

from tracker.progress import plain_lines, shown_progress, spaced


def test_without_a_terminal_a_line_now_and_then_with_rate_and_time_left():
    stream, seconds = io.StringIO(), iter([0.0, 1.0, 10.0, 11.0, 21.0])
    report = plain_lines(stream, clock=lambda: next(seconds))
    for done, total in ((50, 1000), (500, 1000), (550, 1000), (1000, 1000)):
        report(done, total)
    # 500 frames in 10 s are 50 a second, which leaves 500 / 50 = 10 s
    assert stream.getvalue().splitlines() == ["frames 500/1000, 50.0 fps, 10 s left", "frames 1000/1000, 47.6 fps"]


def test_of_an_endless_source_only_the_rate_is_known():
    stream, seconds = io.StringIO(), iter([0.0, 10.0])
    plain_lines(stream, clock=lambda: next(seconds))(200, None)
    assert stream.getvalue() == "frames 200, 20.0 fps\n"


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


def test_of_many_lines_a_terminal_gets_all_and_a_file_one_in_ten_seconds():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    said, now = [], [0.0]
    to_file = spaced(said.append, io.StringIO(), clock=lambda: now[0])
    to_terminal = spaced(said.append, Terminal())
    for second in range(21):
        now[0] = float(second)
        to_file(str(second))
    assert said == ["0", "10", "20"]
    said.clear()
    to_terminal("a")
    to_terminal("b")
    assert said == ["a", "b"]
