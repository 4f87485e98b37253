"""Batches from their clips to their files: done once, whatever is killed, and told on one page."""

import json
import os
import shutil
import signal
import sys
import time
import tracemalloc
from pathlib import Path

import pytest
from batch_parts import QUICK, Here, batch, driver, files, make_clips, until
from clips import draw
from commands import call
from imageio.v3 import imwrite

from tracker.batch import ClipOutcome, Options, Shard
from tracker.batch.marks import MarkStore
from tracker.errors import SourceError
from tracker.sinks.claims import alone

TABLES = Options(video=False, parquet=False)


@pytest.fixture
def clips(tmp_path):
    return make_clips(tmp_path / "clips", "a/x.mp4", "b/x.mp4", "y.mp4")


def test_every_clip_has_what_process_writes_and_the_batch_its_tables_and_page(clips, tmp_path):
    dataset = pytest.importorskip("pyarrow.dataset")
    out = tmp_path / "out"
    totals, engine = batch(clips, to=out)
    assert totals.line == "3 clips: 3 done, 0 failed"
    assert sorted(engine.names) == ["a/x", "b/x", "y"]
    call("process", clips / "a" / "x.mp4", "-o", tmp_path / "alone", "--lanes", "gmm", "--set", "prescan_frames=4")
    alone_files = files(tmp_path / "alone") if (tmp_path / "alone").is_dir() else []
    assert [name for name in files(out) if name.startswith("a/")] == [f"a/{name}" for name in alone_files]
    for name in alone_files:
        if not name.endswith((".mp4", ".summary.json")):
            assert (out / "a" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()
    rows = dataset.dataset(out / "tracks").to_table().to_pylist()
    lines = (out / "a" / "x.tracked.gmm.csv").read_text().splitlines()[1:]
    assert sum(row["clip"] == "a/x" for row in rows) == len(lines) > 0
    assert {row["clip"] for row in rows} == {"a/x", "b/x", "y"}
    assert {row["lane"] for row in rows} == {"gmm"}
    assert dataset.dataset(out / "events").to_table().num_rows > 0
    assert files(out / ".batch", hidden=True) == ["a/x.json", "b/x.json", "y.json"]
    assert "3 clips" in (out / "report.html").read_text()


def test_overlays_of_earlier_runs_are_no_clips_unless_they_are_named(clips, tmp_path):
    batch(clips, to=clips / "first", options=Options(parquet=False))
    totals, engine = batch(clips, to=tmp_path / "second", options=TABLES)
    assert sorted(engine.names) == ["a/x", "b/x", "y"]
    assert totals.line == "3 clips: 3 done, 0 failed; 3 overlays of earlier runs left out"
    (clips / "own.tracked.mp4").write_bytes((clips / "y.mp4").read_bytes())  # no overlay: another program's name
    assert "own.tracked" in batch(clips, to=tmp_path / "third", options=TABLES)[1].names
    assert batch(clips / "first/y.tracked.mp4", to=tmp_path / "fourth", options=TABLES)[1].names == ["first/y.tracked"]
    (clips / "first/empty.tracked.mp4").touch()  # no overlay: a clip that fails
    assert batch(clips, to=tmp_path / "sixth", options=TABLES)[0].failed == 1
    (clips / "first/empty.tracked.mp4").unlink()
    with pytest.raises(
        SourceError, match=r"no clips: what lies in .* and overlays of earlier runs are taken for results"
    ):
        batch(clips / "first", to=tmp_path / "fifth", options=TABLES)


def test_a_folder_of_pictures_in_a_manifest_has_the_rate_of_its_row(tmp_path):
    for name in ("slow", "fast"):
        (tmp_path / name).mkdir()
        for number, picture in enumerate(draw(6)):
            imwrite(tmp_path / name / f"{number}.png", picture)
    manifest, out = tmp_path / "m.csv", tmp_path / "out"
    manifest.write_text("source,fps\nslow,5\nfast,\n")
    assert batch(to=out, manifest=str(manifest), options=TABLES)[0].done == 2
    rates = {
        name: json.loads((out / f"{name}.frames.tracked.summary.json").read_text())["source"]["fps"]
        for name in ("slow", "fast")
    }
    assert rates == {"slow": 5, "fast": 25}
    manifest.write_text("source,fps\nslow,10\nfast,\n")
    assert batch(to=out, manifest=str(manifest), options=TABLES)[1].names == ["slow.frames"]


def test_what_is_done_is_skipped_until_input_settings_or_weights_change(clips, tmp_path, monkeypatch):
    out = tmp_path / "out"
    batch(clips, to=out, options=TABLES)
    again, engine = batch(clips, to=out, options=TABLES)
    assert (again.done, again.done_before, engine.names) == (0, 3, [])
    assert again.line == "3 clips: 0 done, 0 failed; 3 done before and skipped"
    path = clips / "y.mp4"
    os.utime(path, (1, 1))
    assert batch(clips, to=out, options=TABLES)[1].names == ["y"]
    path.write_bytes(path.read_bytes() + b"\0")
    assert batch(clips, to=out, options=TABLES)[1].names == ["y"]
    other = QUICK.model_copy(update={"seed": 3})
    assert len(batch(clips, to=out, options=TABLES, settings=other)[1].names) == 3
    monkeypatch.setattr("tracker.batch.run.weights_digests", lambda settings: {"street": "others"})
    assert len(batch(clips, to=out, options=TABLES, settings=other)[1].names) == 3
    monkeypatch.setattr("tracker.batch.run.__version__", "next")
    assert len(batch(clips, to=out, options=TABLES, settings=other)[1].names) == 3


def test_a_mark_that_is_damaged_is_none(clips, tmp_path):
    out = tmp_path / "out"
    batch(clips, to=out, options=TABLES)
    for damage in (b"", b"{}", b"[1]", b'{"schema_version": 1, "key": 3}', b"\xff"):
        (out / ".batch" / "y.json").write_bytes(damage)
        assert batch(clips, to=out, options=TABLES)[1].names == ["y"]


def test_a_bad_clip_stops_no_other_and_is_tried_again_when_asked_or_changed(clips, tmp_path):
    out, said = tmp_path / "out", []
    (clips / "bad.mp4").write_bytes(b"nothing")
    totals, _ = batch(clips, to=out, options=TABLES, notify=said.append)
    assert (totals.done, totals.failed) == (3, 1)
    assert len(said) == 1
    assert said[0].startswith("bad: ")
    totals, engine = batch(clips, to=out, options=TABLES)
    assert (totals.failed_before, engine.names) == (1, [])
    assert "1 failed before; --retry-failed does them again" in totals.line
    totals, engine = batch(clips, to=out, options=TABLES, retry_failed=True)
    assert (totals.failed, totals.left_out, engine.names) == (1, 3, ["bad"])
    (clips / "bad.mp4").write_bytes((clips / "y.mp4").read_bytes())
    totals, engine = batch(clips, to=out, options=TABLES)
    assert (totals.done, engine.names) == (1, ["bad"])
    assert "failed" not in (out / "report.html").read_text().split("<main>")[0].split("outcome")[-1]


def test_a_source_that_is_not_there_fails_once_and_is_done_when_it_comes(clips, tmp_path):
    manifest, out = tmp_path / "m.csv", tmp_path / "out"
    manifest.write_text("source\nclips/late.mp4\n")
    assert batch(to=out, manifest=str(manifest), options=TABLES)[0].failed == 1
    assert batch(to=out, manifest=str(manifest), options=TABLES)[0].failed_before == 1
    (clips / "y.mp4").rename(clips / "late.mp4")
    assert batch(to=out, manifest=str(manifest), options=TABLES)[0].done == 1
    (clips / "late.mp4").unlink()
    assert batch(to=out, manifest=str(manifest), options=TABLES)[0].failed == 1


def test_a_clip_that_fails_after_it_was_done_leaves_the_tables_of_all_clips(clips, tmp_path):
    pytest.importorskip("pyarrow")
    out = tmp_path / "out"
    batch(clips / "y.mp4", to=out, options=Options(video=False))
    (part,) = (out / "tracks").rglob("*.parquet")
    (clips / "y.mp4").write_bytes(b"nothing")
    assert batch(clips / "y.mp4", to=out, options=Options(video=False))[0].failed == 1
    assert not part.exists()


def test_results_of_other_lanes_go_and_a_file_of_somebody_else_stays(clips, tmp_path):
    out = tmp_path / "out"
    batch(clips / "y.mp4", to=out, options=TABLES)
    knn = QUICK.model_copy(update={"lanes": ("knn",)})
    batch(clips / "y.mp4", to=out, options=TABLES, settings=knn)
    assert {name.split(".")[2] for name in files(out)} == {"knn", "summary"}
    (mine,) = out.rglob("y.tracked.knn.csv")
    (out / ".batch" / "clips" / "y.json").unlink()
    mine.write_text("my own notes\n")
    totals, _ = batch(clips / "y.mp4", to=out, options=TABLES, settings=knn)
    assert totals.failed == 1
    assert mine.read_text() == "my own notes\n"


def test_a_clip_that_another_run_works_on_is_left_to_it(clips, tmp_path):
    out = tmp_path / "out"
    lock = out / ".batch" / "y.lock"
    lock.parent.mkdir(parents=True)
    with alone(lock) as ours, alone(lock) as theirs:
        assert (ours, theirs) == (True, False)
        totals, _ = batch(clips, to=out, options=TABLES)
    assert (totals.done, totals.elsewhere) == (2, 1)
    assert "1 in work by another run" in totals.line
    assert not lock.exists()
    assert batch(clips, to=out, options=TABLES)[1].names == ["y"]


def test_what_a_run_that_was_killed_left_of_a_clip_is_removed_and_the_clip_done(clips, tmp_path):
    out = tmp_path / "out"
    batch(clips / "y.mp4", to=out, options=TABLES)
    want = (out / "clips" / "y.tracked.gmm.csv").read_bytes()
    (out / ".batch" / "clips" / "y.json").unlink()
    left = out / ".batch" / "clips" / "y.work"
    left.mkdir()
    (left / "y.tracked.gmm.part-12345678.csv").write_text("half")
    (out / ".batch" / "clips" / "y.lock").touch()
    assert batch(clips / "y.mp4", to=out, options=TABLES)[0].done == 1
    assert files(out, hidden=True) == [".batch/clips/y.json", *files(out)]
    assert (out / "clips" / "y.tracked.gmm.csv").read_bytes() == want


def test_what_a_run_that_was_killed_had_put_in_place_goes_with_the_next(clips, tmp_path, monkeypatch):
    out = tmp_path / "out"
    knn = QUICK.model_copy(update={"lanes": ("knn",)})
    replace = os.replace

    def killed(source, target):
        replace(source, target)
        if str(target).endswith(".knn.csv") and ".batch" not in str(target):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            batch(clips / "y.mp4", to=out, options=TABLES, settings=knn)
    assert list(out.rglob("y.tracked.knn.csv"))
    mark = MarkStore(str(out)).read("clips/y")
    assert (mark.state, "was killed" in mark.problem) == ("failed", True)
    assert batch(clips / "y.mp4", to=out, options=TABLES)[0].done == 1
    assert {name.split(".")[2] for name in files(out)} == {"gmm", "summary"}


def test_what_other_runs_take_away_while_marks_are_read_is_passed_over(clips, tmp_path):
    out = tmp_path / "out"
    batch(clips, to=out, options=TABLES)
    work = out / ".batch" / "a" / "x.work"
    work.mkdir()
    (work / "x.masks.part-12345678.json").write_text("[half")
    marks = MarkStore(str(out)).marks()
    first = next(marks).name
    for place in (out / ".batch").rglob("*.json"):
        if place.stem != first:
            place.unlink()
    shutil.rmtree(out / ".batch" / "b")
    assert {first, *(mark.name for mark in marks)} == {first}


def test_shards_write_into_one_folder_and_the_page_has_all(clips, tmp_path):
    parts = [batch(clips, to=tmp_path / "out", options=TABLES, shard=Shard(k, 2)) for k in (1, 2)]
    assert sorted(name for _, engine in parts for name in engine.names) == ["a/x", "b/x", "y"]
    assert "3 clips" in (tmp_path / "out" / "report.html").read_text()


def test_a_worker_that_dies_is_a_failure_with_a_mark(clips, tmp_path):
    def die(task):
        raise RuntimeError("its process ended with code -9, 3 times")

    totals, _ = batch(clips / "y.mp4", to=tmp_path / "out", engine=Here(die), options=TABLES)
    assert totals.failed == 1
    assert (
        MarkStore(str(tmp_path / "out"))
        .read("clips/y")
        .problem.endswith("code -9, 3 times (a defect of tracker; -v shows where)")
    )


def test_a_mark_that_cannot_be_written_ends_no_batch(clips, tmp_path):
    (tmp_path / "out" / ".batch").mkdir(parents=True)
    (tmp_path / "out" / ".batch" / "a").write_text("in the way of a folder")
    totals, _ = batch(clips, to=tmp_path / "out", options=TABLES)
    assert (totals.done, totals.failed) == (2, 1)


def test_results_go_to_a_store_and_come_from_one(clips, tmp_path):
    fsspec = pytest.importorskip("fsspec")
    store, out = fsspec.filesystem("memory"), f"memory://{tmp_path.name}/out"
    for name in ("a/x.mp4", "y.mp4"):
        store.pipe(f"/{tmp_path.name}/in/{name}", (clips / name).read_bytes())
    totals, engine = batch(f"memory://{tmp_path.name}/in", to=out, options=Options(video=False))
    assert (totals.done, sorted(engine.names)) == (2, ["a/x", "y"])
    assert batch(f"memory://{tmp_path.name}/in", to=out, options=Options(video=False))[0].done_before == 2
    names = {name.partition("/out/")[2] for name in store.find(f"/{tmp_path.name}/out")}
    assert {"a/x.tracked.gmm.csv", "y.tracked.summary.json", ".batch/a/x.json", "report.html"} <= names
    assert "tracks/clip-a%2Fx/tracks.parquet" in names


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kill -9")
def test_what_is_killed_is_done_the_next_time_and_nothing_twice(tmp_path):
    clips = make_clips(tmp_path / "clips", *(f"{n}.mp4" for n in range(12)))
    out, marks = tmp_path / "out", tmp_path / "out" / ".batch"
    first = driver(clips, "-o", out, "--jobs", 1)
    until(lambda: len(list(marks.glob("*.json"))) >= 2 and list(marks.glob("*.work")))
    worker = next(int(pid) for pid in children(first.pid) if "spawn_main" in command(pid))
    os.kill(worker, signal.SIGKILL)  # its clip is begun again
    until(lambda: len(list(marks.glob("*.json"))) >= 5 and list(marks.glob("*.work")))
    first.kill()
    first.communicate()
    time.sleep(0.2)  # its worker ends
    done = {path.stem: path.stat().st_mtime_ns for path in marks.glob("*.json")}
    assert 5 <= len(done) < 12
    second = driver(clips, "-o", out, "--jobs", 1)
    stdout, stderr = second.communicate(timeout=60)
    assert second.returncode == 0, stderr
    assert f"12 clips: {12 - len(done)} done, 0 failed; {len(done)} done before and skipped" in stdout
    assert all((marks / f"{name}.json").stat().st_mtime_ns == when for name, when in done.items())
    assert files(marks, hidden=True) == sorted(f"{n}.json" for n in range(12))
    tables = {path.read_bytes() for path in out.glob("*.gmm.csv")}
    assert len(list(out.glob("*.gmm.csv"))) == 12
    assert len(tables) == 1  # of one clip under twelve names
    assert json.loads((out / "3.tracked.summary.json").read_text())["outcome"] == "complete"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_interruption_ends_the_batch_with_its_page_and_the_next_run_goes_on(tmp_path):
    clips = make_clips(tmp_path / "clips", *(f"{n}.mp4" for n in range(10)))
    marks = tmp_path / "out" / ".batch"
    running = driver(clips, "-o", tmp_path / "out", "--jobs", 2)
    until(lambda: len(list(marks.glob("*.json"))) >= 3)
    running.send_signal(signal.SIGINT)
    _, stderr = running.communicate(timeout=60)
    assert running.returncode == 130, stderr
    assert stderr.strip().splitlines()[-1] == "tracker: interrupted"
    assert "Traceback" not in stderr
    done = len(list(marks.glob("*.json")))
    assert f"{done} clips" in (tmp_path / "out" / "report.html").read_text()
    assert batch(clips, to=tmp_path / "out", options=TABLES)[0].done >= 10 - done
    assert files(marks, hidden=True) == sorted(f"{n}.json" for n in range(10))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="locks")
def test_two_drivers_do_no_clip_twice(tmp_path):
    clips = make_clips(tmp_path / "clips", *(f"{n}.mp4" for n in range(10)))
    both = [driver(clips, "-o", tmp_path / "out", "--jobs", 1) for _ in range(2)]
    said = [each.communicate(timeout=60)[0] for each in both]
    counts = [int(text.split("clips: ")[1].split(" done")[0]) for text in said]
    assert sum(counts) == 10
    assert len(list((tmp_path / "out").glob("*.gmm.csv"))) == 10


def command(pid):
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


def children(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


@pytest.mark.parametrize("count", [2000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_the_driver_takes_no_memory_for_clips_that_wait(tmp_path, count):
    manifest = tmp_path / "m.csv"

    def peak_mb(count):
        manifest.write_text("source,seed\n" + "".join(f"/clips/{n}.mp4,{n % 5}\n" for n in range(count)))
        engine = Here(lambda task: ClipOutcome(task.clip.name, "done"))
        engine.names = Forgetful()
        tracemalloc.start()
        try:
            totals, _ = batch(to=tmp_path / "out", engine=engine, manifest=str(manifest), options=TABLES)
            return totals.done, tracemalloc.get_traced_memory()[1] / 1e6
        finally:
            tracemalloc.stop()

    peak_mb(count)  # the interpreter's table of parts of paths grows by doubling, and does not shrink
    few, many = peak_mb(500), peak_mb(count)
    assert (few[0], many[0]) == (500, count)
    assert many[1] - few[1] < 0.0006 * count  # digests of names


class Forgetful(list):
    def append(self, name):
        pass


def test_a_clip_costs_little_beside_its_work(tmp_path):
    clips = make_clips(tmp_path / "clips", *(f"{n}.mp4" for n in range(300)))
    engine = Here(lambda task: ClipOutcome(task.clip.name, "done", seconds=0.0))
    began = time.process_time()
    totals, _ = batch(clips, to=tmp_path / "out", engine=engine, options=TABLES)
    assert totals.done == 300
    assert (time.process_time() - began) / 300 < 0.005


def test_the_command_ends_with_one_where_a_clip_failed_and_says_so_in_a_line(clips, tmp_path, monkeypatch):
    monkeypatch.setattr("tracker.engines.LocalEngine", lambda jobs, needs: Here())
    quick = ("--lanes", "gmm", "--no-parquet", "--no-video", "-o", tmp_path / "out")
    good = call("batch", clips / "y.mp4", *quick)
    assert (good.exit_code, good.stdout.splitlines()[0]) == (0, "1 clip: 1 done, 0 failed")
    (clips / "bad.mp4").write_bytes(b"nothing")
    bad = call("batch", clips / "bad.mp4", *quick)
    assert (bad.exit_code, bad.stdout.splitlines()[0]) == (1, "1 clip: 0 done, 1 failed")
    assert bad.stderr.startswith("tracker: error: clips/bad: ")
    again = call("batch", clips / "bad.mp4", *quick, "-q")
    assert again.exit_code == 1
    assert "1 failed before; --retry-failed does them again" in again.stderr
    assert call("batch", "-o", tmp_path / "out").exit_code == 2
    assert "--address" in call("batch", "x.mp4", "-o", "out", "--address", "auto").stderr
