"""Lines on their way: bounded, retried, never in the way of whoever has them."""

import os
import threading
import time

import pytest
from hook_parts import BIRTH, Receiver, until

from tracker.hooks.address import read_destination
from tracker.hooks.channel import AppendedFile, DeliveryRefusedError, GoneError, Stdout, UndeliveredError
from tracker.hooks.delivery import Delivery
from tracker.hooks.web import WebHook


class Fake:
    """A channel that fails as it is told."""

    def __init__(self, *fails, most_at_once=1):
        self.most_at_once, self.fails, self.got, self.closed = most_at_once, list(fails), [], False
        self.hold = threading.Event()
        self.hold.set()

    def open(self):
        pass

    def send(self, lines, timeout_s):
        self.hold.wait(30)
        fail = self.fails.pop(0) if self.fails else None
        if fail is not None:
            raise fail
        self.got += lines

    def close(self, timeout_s):
        self.closed = True


def delivery(channel, *, said=None, **options):
    made = Delivery(
        channel, "there", notify=(said if said is not None else []).append, **{"backoff_s": (0.01, 0.05)} | options
    )
    made.start()
    return made


def test_lines_arrive_in_order_and_each_once():
    channel, said = Fake(most_at_once=7), []
    made = delivery(channel, said=said)
    for n in range(100):
        made.put(str(n))
    made.close()
    assert channel.got == [str(n) for n in range(100)]
    assert (made.sent, made.lost, channel.closed, said) == (100, 0, True, [])


def test_what_does_not_arrive_is_tried_again_and_said_once():
    channel, said = Fake(*[UndeliveredError("no road")] * 4, ValueError("a library's own")), []
    made = delivery(channel, said=said)
    made.put("a")
    made.put("b")
    made.close()
    assert channel.got == ["a", "b"]
    assert said == [
        "tracker: events to there: not delivered (no road); trying again",
        "tracker: events to there: delivered again",
    ]


def test_a_line_that_is_refused_is_lost_and_the_next_is_sent():
    channel, said = Fake(DeliveryRefusedError("the answer is 404")), []
    made = delivery(channel, said=said)
    for line in "ab":
        made.put(line)
    made.close()
    assert (channel.got, made.sent, made.lost) == (["b"], 1, 1)
    assert said[-1] == "tracker: events to there: 1 of 2 were lost"


def test_the_queue_is_bounded_the_newest_are_kept_and_nobody_waits():
    channel, said = Fake(), []
    channel.hold.clear()
    made = delivery(channel, said=said, most=5)
    made.put("first")
    until(lambda: not made._waiting)
    began = time.monotonic()
    for n in range(1000):
        made.put(str(n))
    assert time.monotonic() - began < 5
    assert made.lost == 995
    assert "995 lost" in made.status
    channel.hold.set()
    made.close()
    assert channel.got == ["first", "995", "996", "997", "998", "999"]
    assert said == ["tracker: events to there: 995 of 1001 were lost"]


def test_at_the_end_what_nobody_takes_is_counted_within_the_time():
    channel, said = Fake(*[UndeliveredError("no road")] * 10_000), []
    made = delivery(channel, said=said, close_s=0.2)
    for n in range(10):
        made.put(str(n))
    began = time.monotonic()
    made.close()
    assert time.monotonic() - began < 10
    assert said[-1] == "tracker: events to there: 10 of 10 were lost (not delivered (no road))"


def test_a_channel_that_hangs_does_not_keep_the_run_from_ending():
    channel, said = Fake(), []
    channel.hold.clear()
    made = delivery(channel, said=said, close_s=0.1)
    made.put("a")
    made.close()
    assert "1 of 1 were lost" in said[-1]
    channel.hold.set()


def test_a_run_that_has_time_waits_for_its_reader_but_not_for_trouble():
    channel = Fake()
    channel.hold.clear()
    made = delivery(channel, most=3, patient=True)
    threading.Timer(0.3, channel.hold.set).start()
    for n in range(50):
        made.put(str(n))
    made.close()
    assert (len(channel.got), made.lost) == (50, 0)
    full = delivery(Fake(*[UndeliveredError("disk full")] * 10_000), most=3, patient=True, close_s=0.1)
    for n in range(50):
        full.put(str(n))
    full.close()
    assert full.lost == 50


def test_a_run_that_is_asked_to_end_waits_for_no_reader(monkeypatch):
    asked = threading.Event()
    monkeypatch.setattr("tracker.hooks.delivery.end_asked", asked.is_set)
    channel = Fake()
    channel.hold.clear()
    made = delivery(channel, most=3, patient=True, close_s=0.2)
    threading.Timer(0.5, asked.set).start()
    began = time.monotonic()
    for n in range(10):
        made.put(str(n))
    made.close()
    assert time.monotonic() - began < 8
    assert made.lost == 10
    channel.hold.set()
    closing = delivery(channel := Fake(), patient=True, close_s=0.2)
    channel.hold.clear()
    closing.put("a")
    asked.clear()
    threading.Timer(0.5, asked.set).start()
    closing.close()  # begun before an end was asked for
    assert time.monotonic() - began < 16
    channel.hold.set()


def test_a_reader_that_has_gone_is_no_loss():
    made = delivery(Fake(GoneError()))
    made.put("a")
    until(lambda: made.gone)
    made.put("b")
    made.close()
    assert (made.lost, made.status) == (0, "")


def test_stdout_is_gone_with_its_reader(monkeypatch):
    read, write = os.pipe()
    with os.fdopen(write, "w") as stream:
        monkeypatch.setattr("sys.stdout", stream)
        Stdout().send(["ä"], 1)
        assert os.read(read, 100) == "ä\n".encode()
        os.close(read)
        with pytest.raises(GoneError):
            Stdout().send(["b"], 1)


def test_a_file_is_appended_to_and_begun_anew_when_it_was_moved_away(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text("whole\nhalf a li")
    file = AppendedFile(path)
    file.send(["a", "b"], 1)
    assert path.read_text() == "whole\nhalf a li\na\nb\n"
    path.rename(tmp_path / "old")
    file.send(["c"], 1)
    assert path.read_text() == "c\n"


def test_what_a_full_disk_cut_off_is_completed_later(tmp_path, monkeypatch):
    path, file, lines = tmp_path / "log.jsonl", AppendedFile(tmp_path / "log.jsonl"), ["abcdef", "gh"]
    real, left = os.write, [3]

    def write(number, data):
        if not left[0]:
            raise OSError(28, "No space left on device")
        count = real(number, data[: left[0]])
        left[0] -= count
        return count

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(UndeliveredError, match="No space left"):
        file.send(lines, 1)
    left[0] = 100
    file.send(lines, 1)
    assert path.read_text() == "abcdef\ngh\n"


def web(url):
    return WebHook(read_destination(url))


def test_a_web_hook_is_posted_json_with_its_login():
    with Receiver() as receiver:
        url = receiver.url.replace("http://", "http://me:p%40ss@") + "/hook?token=abc"
        web(url).send([f'{{"kind": "{BIRTH.kind}"}}'], 5)
    assert receiver.bodies == [{"kind": "birth"}]
    assert receiver.paths == ["/hook?token=abc"]
    assert receiver.headers[0]["Content-Type"] == "application/json"
    assert receiver.headers[0]["Authorization"] == "Basic bWU6cEBzcw=="


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (500, UndeliveredError),
        (503, UndeliveredError),
        (429, UndeliveredError),
        (404, DeliveryRefusedError),
        (302, DeliveryRefusedError),
    ],
)
def test_answers_that_are_tried_again_and_answers_that_are_not(answer, error):
    with Receiver(answers=[answer]) as receiver, pytest.raises(error, match=f"^the answer is {answer}$"):
        web(receiver.url + "/secret").send(["{}"], 5)
    assert receiver.bodies == []


def test_a_web_hook_that_does_not_answer_or_is_not_there_is_tried_again():
    with Receiver(delay_s=2) as receiver, pytest.raises(UndeliveredError, match="no answer in time"):
        web(receiver.url).send(["{}"], 0.2)
    with pytest.raises(UndeliveredError, match="refused"):
        web(receiver.url).send(["{}"], 5)


def test_a_web_hook_that_was_down_gets_everything_once_it_is_up():
    with Receiver() as receiver:
        port, url = receiver.server.server_port, receiver.url
    made = delivery(web(url))
    for n in range(5):
        made.put(f'{{"n": {n}}}')
    until(lambda: made.trouble)
    with Receiver(port=port, answers=[503, 204, 500]) as receiver:
        until(lambda: len(receiver.bodies) == 5)
        made.close()
    assert [body["n"] for body in receiver.bodies] == [0, 1, 2, 3, 4]
    assert made.lost == 0
