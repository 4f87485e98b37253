"""Where events go, and what of it is shown."""

import pytest
from commands import call

from tracker.hooks.address import read_destination


def test_stdout_and_files():
    assert read_destination("-").kind == "stdout"
    for path in ("events.jsonl", "a b/events.jsonl", "C:\\events.jsonl", "x:y"):
        assert (read_destination(path).kind, read_destination(path).address) == ("file", path)


def test_a_web_hook_has_its_login_apart_and_shows_no_path():
    found = read_destination("https://me:p%40ss@hooks.example:8443/T0/B0/SECRET?token=abc#x")
    assert (found.kind, found.user, found.password) == ("web", "me", "p@ss")
    assert found.address == "https://hooks.example:8443/T0/B0/SECRET?token=abc"
    assert found.shown == "https://hooks.example:8443"
    assert "SECRET" not in repr(found)
    assert "p@ss" not in repr(found)


@pytest.mark.parametrize(
    ("address", "port", "secure"),
    [("mqtt://h/a/b", 1883, False), ("mqtts://h/a/b/", 8883, True), ("mqtt://u:p@[::1]:99/a/b", 99, False)],
)
def test_an_mqtt_address_gives_topic_port_and_no_password(address, port, secure):
    found = read_destination(address)
    assert (found.kind, found.topic, found.port, found.secure) == ("mqtt", "a/b", port, secure)
    assert found.shown.endswith("/a/b")
    assert "u:p" not in found.shown


@pytest.mark.parametrize(
    "address",
    [
        "", "ftp://me:secret@h/x", "http://", "http:/me:secret@h", "https://me:secret/x@h/hook", "http://h:99999/secret",
        "mqtt://me:secret@h", "mqtt://me:secret@h/a/#", "mqtt://h/secret/+", "http://me:sec ret@h/", "x" * 5000,
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_one_line_without_its_password(address):
    result = call("process", "clip.mp4", "--events-to", address)
    assert result.exit_code == 2
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("Error: Invalid value for '--events-to'")
    assert "secret" not in result.output
    assert "sec ret" not in result.output
    assert len(last) < 300
