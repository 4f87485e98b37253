"""`tracker batch --pack`: several clips in one worker have the results, outcomes and marks that each would have alone."""

import math

import pytest
from batch_parts import QUICK, batch, files, make_clips

from tracker.batch import BatchOrder, clips_together, needs_of_pack, pack, run_batch
from tracker.engines import Done, Needs


class Packs:
    """Does every task in this process; the worker of tasks of several clips dies if `dies`."""

    workers = 1

    def __init__(self, *, dies=False):
        self.dies, self.sizes = dies, []

    def map(self, work, tasks):
        for task in tasks:
            several = isinstance(task, tuple)
            self.sizes.append(len(task) if several else 1)
            yield Done(task, None, "its worker died") if several and self.dies else Done(task, work(task))


@pytest.fixture
def clips(tmp_path):
    folder = make_clips(tmp_path / "clips", "a.mp4", "b.mp4", "c/d.mp4", "e.mp4")
    (folder / "b.mp4").write_bytes(b"no video")
    return folder


def contents(folder):
    """Tables of all clips: what else there is has times in it."""
    return {name: (folder / name).read_bytes() for name in files(folder) if name.endswith((".csv", ".txt", ".jsonl"))}


def test_packed_clips_have_the_files_and_outcomes_of_each_alone(clips, tmp_path):
    said, engine = [], Packs()
    packed, _ = batch(clips, to=tmp_path / "packed", engine=engine, notify=said.append, pack=3)
    alone, _ = batch(clips, to=tmp_path / "alone")
    assert engine.sizes == [3, 1]
    assert (packed.done, packed.failed) == (alone.done, alone.failed) == (3, 1)
    assert len(said) == 1
    assert said[0].startswith("b: ")
    assert files(tmp_path / "packed") == files(tmp_path / "alone")
    assert contents(tmp_path / "packed") == contents(tmp_path / "alone") != {}


def test_where_a_worker_with_several_clips_dies_each_is_tried_alone(clips, tmp_path):
    engine = Packs(dies=True)
    totals, _ = batch(clips, to=tmp_path / "out", engine=engine, pack=2)
    assert engine.sizes == [2, 2, 1, 1, 1, 1]
    assert (totals.done, totals.failed) == (3, 1)


def test_a_mark_that_cannot_be_written_is_the_failure_of_its_clip_alone(clips, tmp_path, monkeypatch):
    work = pack.work

    def full(task, networks):
        if task.clip.name == "a":
            raise OSError("no room")
        return work(task, networks)

    monkeypatch.setattr(pack, "work", full)
    said = []
    totals = run_batch(BatchOrder((str(clips),), str(tmp_path / "out"), pack=4), QUICK, Packs(), notify=said.append)
    assert (totals.done, totals.failed) == (2, 2)
    assert any("no room" in line for line in said)


def test_one_clip_in_a_process_but_on_a_card_as_many_as_have_room(monkeypatch):
    assert clips_together(5, device="cpu", most=2) == 5
    assert clips_together(None, device="cpu", most=16) == 1
    monkeypatch.setattr(pack, "card_free_mb", lambda device: 1300.0)
    monkeypatch.setattr(pack, "free_memory_mb", lambda: 100_000.0)
    assert clips_together(None, device="cuda", most=16) == 4
    monkeypatch.setattr(pack, "free_memory_mb", lambda: 1000.0)
    assert clips_together(None, device="cuda", most=16) == 1
    assert clips_together(None, device="cuda", most=1) == 1


def test_the_needs_of_a_pack_are_those_of_its_clips():
    assert needs_of_pack(Needs(1.0, 500.0, 0.25), 4) == Needs(4.0, 2000.0, 1.0)


def test_free_memory_is_what_the_system_says_or_no_limit(tmp_path):
    (tmp_path / "meminfo").write_text("MemTotal: 9000000 kB\nMemAvailable:    2000000 kB\n")
    assert pack.free_memory_mb(tmp_path / "meminfo") == pytest.approx(2048)
    assert pack.free_memory_mb(tmp_path / "none") == math.inf
    assert pack.free_memory_mb() > 1
