"""A checkpoint is whole or not there, and only what belongs to one is ever removed."""

import os

import pytest

from tracker.checkpoint import store as module
from tracker.checkpoint.store import STATE, CheckpointFolder
from tracker.differing import differing
from tracker.errors import SinkError


@pytest.fixture
def store(tmp_path):
    made = CheckpointFolder(tmp_path / "o.checkpoint")
    made.make()
    return made


def test_a_state_is_read_as_it_was_written(store):
    assert not store.exists
    store.save({"run_id": "1"}, b"state")
    assert store.exists
    assert store.head()["run_id"] == "1"
    assert store.data() == b"state"


def test_the_one_before_stays_until_the_next_is_whole(store, monkeypatch):
    store.save({"run_id": "1"}, b"first")

    def dies(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module.os, "replace", dies)
    with pytest.raises(KeyboardInterrupt):
        store.save({"run_id": "1"}, b"second")
    assert store.data() == b"first"


def test_it_is_on_the_disk_before_it_has_its_name(store, monkeypatch):
    done = []
    replace, fsync = os.replace, os.fsync
    monkeypatch.setattr(module.os, "fsync", lambda file: (done.append("fsync"), fsync(file))[1])
    monkeypatch.setattr(module.os, "replace", lambda a, b: (done.append("replace"), replace(a, b))[1])
    store.save({}, b"state")
    assert done == ["fsync", "replace", "fsync"]


@pytest.mark.parametrize("place", [0, 5, 25, 60, 90, 95, 100, -1])
def test_every_damaged_byte_is_found(store, place):
    store.save({"run_id": "1"}, b"state" * 100)
    path = store.folder / STATE
    content = bytearray(path.read_bytes())
    content[place] ^= 255
    path.write_bytes(content)
    with pytest.raises(SinkError, match="damaged"):
        store.head()


def test_a_cut_one_is_found(store):
    store.save({"run_id": "1"}, b"state" * 100)
    os.truncate(store.folder / STATE, 150)
    with pytest.raises(SinkError, match="damaged"):
        store.data()


@pytest.mark.parametrize("name", ["notes.txt", "kept-x", "video.mp4"])
def test_what_is_not_of_a_checkpoint_is_never_removed(store, name):
    store.save({"run_id": "1"}, b"state")
    (store.folder / name).write_text("mine")
    store.check_ours()  # a file manager's is in nobody's way
    store.remove()
    assert [path.name for path in store.folder.iterdir()] == [name]
    store.check_ours()


def test_what_stands_where_a_file_of_a_checkpoint_goes_is_refused(store):
    (store.folder / "kept-1").mkdir()
    with pytest.raises(SinkError, match="kept-1"):
        store.check_ours()


def test_a_file_or_link_in_its_place_is_refused(tmp_path):
    (tmp_path / "o.checkpoint").write_text("mine")
    with pytest.raises(SinkError, match="stands where"):
        CheckpointFolder(tmp_path / "o.checkpoint").check_ours()
    (tmp_path / "p.checkpoint").symlink_to(tmp_path)
    with pytest.raises(SinkError, match="stands where"):
        CheckpointFolder(tmp_path / "p.checkpoint").check_ours()


def test_what_differs_is_named_by_dots():
    assert list(differing({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}})) == ["a.c"]
