"""Keys and mouse of the window, what they ask of a run, and what is written below the picture; no desktop is needed."""

import io
import re
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from tracker.controls import Board, Controls, Status
from tracker.errors import SettingsError, SinkError
from tracker.sinks import Window, WindowRun
from tracker.sinks.window_process import Inbox, _fitted
from tracker.sinks.window_protocol import HEAD, KEYS, NOTE, PICTURE, STATUS, StatusText, read_corners
from tracker.sinks.window_requests import Requests, status_text
from tracker.sinks.window_text import LEAST_SCALE, LIGHT, LINES_BELOW, TextPiece, flow, strip_lines
from tracker.sinks.window_user import HINT, HINT_S, NOTE_S, User

NOTHING = StatusText()
ENTER, ESCAPE, BACKSPACE = 13, 27, 8
GREY = np.full((120, 320, 3), 90, np.uint8)


class Hands:
    """A user's keys and clicks, and what the window's process says of them."""

    def __init__(self, status=NOTHING):
        self.said, self.now = [], 0.0
        self.user = User(self.said.append, clock=lambda: self.now)
        if status is not None:
            self.user.see(status)
        self.shown = self.user.compose(GREY)

    def press(self, *keys):
        return [self.user.press(ord(key) if isinstance(key, str) else key) for key in keys]

    def click(self, *places, event=cv2.EVENT_LBUTTONDOWN):
        for x, y in places:
            self.user.point(event, x, y)

    def text(self):
        return [piece.text for piece in self.user._pieces(self.user._status)]


# The window's process


@pytest.mark.parametrize(
    ("key", "asks"),
    list(zip(" sgnbrfv", ["pause", "snapshot", "gmm", "slots", "both", "reset", "freeze", "record"], strict=True)),
)
def test_a_key_is_a_request(key, asks):
    hands = Hands()
    assert hands.press(key, key.upper()) == [False, False]  # with Caps Lock too
    assert hands.said == [f"ask {asks}"] * 2


@pytest.mark.parametrize("key", ["q", "Q", ESCAPE])
def test_a_key_ends_the_run(key):
    hands = Hands()
    assert (hands.press(key), hands.said) == ([True], ["stop"])


def test_a_window_that_is_told_nothing_has_the_picture_alone_and_no_other_keys():
    hands = Hands(status=None)
    hands.press("s", "z", "h", " ")
    assert hands.said == []
    assert hands.shown is GREY


def test_a_zone_is_drawn_with_clicks_and_sent_in_shares_of_the_picture():
    hands = Hands()
    hands.press("z")
    hands.click((0, 0), (319, 0), (100, 100), (319, 119), (50, 130))  # the last one lies in the strip
    hands.press(BACKSPACE)
    hands.press(BACKSPACE)
    hands.click((319, 119), (0, 119))
    hands.press(ENTER)
    assert hands.said == ["zone 0.0000,0.0000 1.0000,0.0000 1.0000,1.0000 0.0000,1.0000"]
    assert read_corners(hands.said[0].removeprefix("zone ")) == ((0, 0), (1, 0), (1, 1), (0, 1))


def test_a_double_click_ends_a_zone_at_its_first_click():
    hands = Hands()
    hands.press("z")
    hands.click((0, 0), (319, 0), (319, 119))
    hands.click((319, 119), event=cv2.EVENT_LBUTTONDBLCLK)
    assert len(read_corners(hands.said[0].removeprefix("zone "))) == 3
    hands.click((5, 5), (90, 9), (50, 50))
    hands.press(ENTER)
    assert len(hands.said) == 1


def test_escape_cancels_a_zone_and_ends_the_run_only_then():
    hands = Hands()
    hands.press("z")
    hands.click((0, 0), (9, 9))
    assert hands.press(ESCAPE, ENTER) == [False, False]
    assert hands.said == []
    assert hands.press(ESCAPE) == [True]


def test_a_zone_of_two_corners_is_not_sent_and_can_be_gone_on_with():
    hands = Hands()
    hands.press("z")
    hands.click((0, 0), (0, 0), (90, 9))  # a place twice is one corner
    hands.press(ENTER)
    assert "3 corners at least, this one 2" in " ".join(hands.text())
    hands.click((50, 50))
    hands.press(ENTER)
    assert len(hands.said) == 1


def test_other_keys_do_what_they_do_while_a_zone_is_drawn():
    hands = Hands()
    hands.press("z", " ")
    assert hands.said == ["ask pause"]


def test_the_strip_tells_a_hint_first_then_numbers_and_flags_and_a_note_for_some_seconds():
    hands = Hands(StatusText(("25.0 fps",), ("paused",)))
    assert hands.text() == [HINT, "25.0 fps", "paused"]
    hands.now = HINT_S
    assert hands.text() == ["25.0 fps", "paused"]
    hands.user.note("kept as a.png")
    assert hands.text() == ["paused", "kept", "as", "a.png"]
    hands.now += NOTE_S
    assert hands.text() == ["25.0 fps", "paused"]


def test_another_picture_is_composed_only_for_something_new():
    hands = Hands()
    assert (hands.user.changed, hands.user.changed) == (True, False)
    for change in (
        lambda: hands.press("h"),
        lambda: hands.press("z"),
        lambda: hands.click((3, 3)),
        lambda: hands.click((5, 5), event=cv2.EVENT_MOUSEMOVE),
        lambda: hands.user.note("a"),
        lambda: hands.user.see(StatusText(("1 fps",))),
        lambda: setattr(hands, "now", HINT_S + NOTE_S),
    ):
        change()
        assert (hands.user.changed, hands.user.changed) == (True, False)


@pytest.mark.parametrize("width", [320, 640, 1280, 1920])
def test_the_strip_lies_below_the_picture_and_its_height_is_that_of_the_width_alone(width):
    picture = np.full((width // 2, width, 3), 90, np.uint8)
    heights = set()
    for status in (
        StatusText(),
        StatusText(("25.0 fps", "40 ms delay", "12345 dropped"), ("paused", "frozen", "recording", "slots off" * 9)),
    ):
        hands = Hands(status)
        shown = hands.user.compose(picture)
        assert (shown[: width // 2] == 90).all()
        assert (shown[width // 2 :] != 32).any()  # there is text
        heights.add(shown.shape[0])
        hands.press("h")
        assert (hands.user.compose(picture)[: width // 2] != 90).any()
    assert len(heights) == 1
    assert picture.min() == picture.max() == 90  # nobody writes into what may be shown again


def test_the_banner_lies_over_the_picture_while_there_is_none():
    hands = Hands(StatusText(banner="no picture for 12 s, trying again in 4 s"))
    assert (hands.user.compose(GREY)[:10] != 90).any()
    hands.user.see(StatusText())
    assert (hands.user.compose(GREY)[:120] == 90).all()


def test_text_that_does_not_fit_is_cut_and_says_so():
    pieces = [TextPiece(word, LIGHT) for word in ["first", "a" * 200, *["more"] * 100]]
    placed = flow(pieces, 312, 3, LEAST_SCALE)
    assert placed[0].text == "first"
    assert {item.line for item in placed} == {0, 1, 2}
    assert [item.text.endswith("...") for item in placed if item.text.startswith("aaa")] == [True]
    assert placed[-1].text.endswith("...")
    for item in placed:
        assert item.x + cv2.getTextSize(item.text, cv2.FONT_HERSHEY_SIMPLEX, LEAST_SCALE, 1)[0][0] <= 312


def test_a_narrow_picture_has_more_lines():
    assert [strip_lines(width) for width in (320, 640, 1920)] == [3, 2, 1]
    assert sorted(LINES_BELOW) == list(LINES_BELOW)


@pytest.mark.parametrize("size", [(320, 240), (1920, 1080), (3840, 2160), (700, 1900)])
def test_a_picture_that_is_larger_than_the_screen_is_made_smaller(size):
    shown = Hands().user.compose(_fitted(np.zeros((size[1], size[0], 3), np.uint8), (1920, 1080)))
    assert shown.shape[1] <= 1920
    assert shown.shape[0] <= 1080
    assert shown.shape[1] == 320 or size != (320, 240)


def test_what_comes_in_is_read_in_any_order_and_the_newest_is_kept():
    def text(kind, data):
        return HEAD.pack(kind, len(data), 0, 0) + data

    picture = HEAD.pack(PICTURE, 2, 3, 3) + bytes(18)
    data = text(STATUS, StatusText(("old",)).encoded()) + text(NOTE, "é".encode()) + picture
    data += text(STATUS, StatusText(("new",), ("paused",), "gone").encoded()) + text(NOTE, b"b") + picture
    inbox = Inbox(Slow(data))
    inbox._stream.read_all.wait(20)
    news = inbox.take()
    assert news.status == StatusText(("new",), ("paused",), "gone")
    assert news.notes == ("é", "b")
    assert news.picture.shape == (2, 3, 3)
    assert inbox.take() == (None, None, ())


class Slow:
    """A stream that has these bytes and does not end."""

    def __init__(self, data):
        self._data, self.read_all = io.BytesIO(data), threading.Event()

    def read(self, count):
        if data := self._data.read(count):
            return data
        self.read_all.set()
        return threading.Event().wait()


# The run's side


class Asked:
    """Controls that nobody attends to, and what the user is told."""

    def __init__(self, *can, lanes=None, add_zone=None):
        self.controls, self.board, self.told, self.done = Controls(), Board(), [], []
        for action in can:
            self.controls.on(action, lambda value, action=action: self.done.append((action, value)))
        self.requests = Requests(WindowRun(self.controls, self.board, lanes or {}, add_zone), self.told.append)
        self.board.watch(self.requests.see)

    def hear(self, *lines):
        for line in lines:
            self.requests.hear(f"{line}\n")
        while self.controls._asked:
            self.controls._carry_out()
        return self.done


def test_switches_turn_over_each_time_also_before_the_run_has_attended():
    asked = Asked("pause", "freeze", "record")
    assert asked.hear(*["ask freeze"] * 3, "ask pause", "ask record") == [
        ("freeze", True),
        ("freeze", False),
        ("freeze", True),
        ("pause", True),
        ("record", True),
    ]
    assert asked.controls.paused


def test_a_switch_that_the_page_has_used_is_turned_from_where_it_stands():
    asked = Asked("freeze")
    asked.board.change(frozen=True)
    asked.board.change(fps=3.0)
    assert asked.hear("ask freeze") == [("freeze", False)]


def test_keys_for_lanes_ask_for_those_that_run():
    asked = Asked("lanes", lanes={"slots": ("slots", "blue"), "gmm": (), "both": ("slots", "blue")})
    assert asked.hear("ask slots", "ask gmm", "ask both") == [
        ("lanes", ("slots", "blue")),
        ("lanes", ("slots", "blue")),
    ]
    assert asked.told == ["lane gmm: does not run"]


@pytest.mark.parametrize("name", ["freeze", "record", "reset", "snapshot"])
def test_what_nobody_does_is_told_and_no_error(name):
    asked = Asked()
    asked.hear(f"ask {name}")
    assert asked.told == [f"{name}: cannot be done in this run"]


def test_a_snapshot_is_told_once_it_is_kept_or_could_not_be():
    asked = Asked("snapshot")
    (_, kept), (_, failed) = asked.hear("ask snapshot", "ask snapshot")
    kept.set_result(Path("a.png"))
    failed.set_exception(SinkError("disk full"))
    assert asked.told == ["kept as a.png", "disk full"]


def test_a_zone_is_handed_on_and_what_is_wrong_with_it_is_told():
    def add(corners):
        if corners[0] == (0, 0):
            raise SettingsError("zones: crosses itself")
        return f"{len(corners)} corners"

    asked = Asked(add_zone=add)
    asked.hear("zone 0.1,0.2 0.3,0.4 0.5,0.6", "zone 0,0 1,1 0,1 1,0")
    assert asked.told == ["3 corners", "zones: crosses itself"]
    asked = Asked()
    asked.hear("zone 0.1,0.2 0.3,0.4 0.5,0.6")
    assert asked.told == ["zones: cannot be drawn in this run"]


def test_the_window_says_how_a_run_goes():
    status = Status("live", fps=24.96, delay_ms=41.4, dropped=7)
    assert status_text(status, paused=False) == StatusText(("25.0 fps", "41 ms delay", "7 dropped"))
    status = Status("waiting", "no picture", frozen=True, recording=True, effort="gmm off", hooks="no answer")
    text = status_text(status, paused=True)
    assert text.flags == ("paused", "frozen", "recording", "gmm off", "no answer")
    assert text.banner == "no picture"


FAKE = """
import struct, sys
def read():
    kind, a, b, c = struct.unpack("<4I", sys.stdin.buffer.read(16))
    data = sys.stdin.buffer.read(3 * a * b if kind == 1 else a)
    open({log!r}, "ab").write(b"" if kind == 1 else data + bytes([10]))
    return data
print("open", flush=True)
"""


def fake_window(monkeypatch, tmp_path, program):
    log = tmp_path / "log"
    log.touch()
    monkeypatch.setattr("tracker.sinks.window.START", (FAKE + program).replace("{log!r}", repr(str(log))))
    return log


def wait_for(asked, what):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if found := asked():
            return found
        time.sleep(0.01)
    raise AssertionError(f"no {what}")


def window_of(controls, board):
    return Window("clip", render=lambda moment: GREY, run=WindowRun(controls, board))


def test_a_banner_reaches_the_window_while_no_picture_comes(monkeypatch, tmp_path):
    log = fake_window(monkeypatch, tmp_path, "while read(): pass")
    board = Board()
    window = window_of(Controls(), board)
    window.write(None)
    board.change(state="waiting", note="no picture for 12 s, trying again in 4 s")
    wait_for(lambda: "trying again in 4 s" in log.read_text(), "banner")
    window.close("complete")
    board.change(note="later")  # nobody is there to be told, and nothing fails


def test_numbers_change_no_more_often_than_can_be_read_and_flags_at_once(monkeypatch, tmp_path):
    log = fake_window(monkeypatch, tmp_path, "while read(): pass")
    board = Board()
    window = Window("clip", render=lambda moment: GREY, run=WindowRun(Controls(), board), clock=lambda: 100.0)
    window.write(None)
    wait_for(lambda: "0.0 fps" in log.read_text(), "first status")
    board.change(fps=5.0)
    board.change(fps=6.0, frozen=True)
    wait_for(lambda: "frozen" in log.read_text(), "flag")
    assert "5.0 fps" not in log.read_text()
    assert "6.0 fps" in log.read_text()
    window.close("complete")


def test_a_paused_run_hears_the_window(monkeypatch, tmp_path):
    fake_window(monkeypatch, tmp_path, "read(); read(); print('ask pause', flush=True); input()")
    controls, board = Controls(), Board()
    window = window_of(controls, board)
    window.write(None)
    wait_for(lambda: controls._asked, "request")
    thread = threading.Thread(target=controls.attend)
    thread.start()
    wait_for(lambda: controls.paused, "pause")
    window._requests.hear("stop\n")
    thread.join(20)
    assert not thread.is_alive()
    window.close("complete")


def test_a_run_that_is_paused_when_its_window_is_lost_goes_on(monkeypatch, tmp_path):
    fake_window(monkeypatch, tmp_path, "read(); print('ask pause', flush=True); read(); read(); sys.exit(3)")
    controls, board = Controls(), Board()
    window = window_of(controls, board)
    window.write(None)
    wait_for(lambda: controls._asked, "request")
    controls._carry_out()
    assert controls.paused
    board.change(frozen=True)  # a third message, after which the window's process ends
    controls.attend()  # returns
    assert not controls.paused
    window.close("complete")


# The documents


def test_the_keys_of_the_document_are_those_of_the_program():
    text = Path(__file__).parents[2].joinpath("docs/live.md").read_text(encoding="utf-8")
    section = text.split("## The window")[1].split("\n## ")[0]
    told = {key for row in re.findall(r"^\| (`.*?) \|", section, re.M) for key in re.findall(r"`(.*?)`", row)}
    assert told >= {key for row in KEYS for key in row.shown.split(", ")}
