"""A batch whose clips and results lie in a store: the same files as on a drive, and none that is not whole."""

import json

import pytest
from clips import draw, write_video
from commands import call

from tracker.addresses import exists, joined, listing, read_bytes, remove, write_whole, writing
from tracker.batch import BatchOrder, run_batch
from tracker.engines import Done
from tracker.errors import SinkError
from tracker.settings import load_settings

pytest.importorskip("fsspec")
SECRET = "not+to/be-shown"  # of the clients of the fixture s3
pytest.importorskip("pyarrow")
NAMES = ("cam1/a", "b")
TIMES = ("fps", "ms_per_frame", "once_s")


class Here:
    """An engine without another process, which would have another memory://."""

    workers = 1

    def map(self, work, tasks):
        for task in tasks:
            yield Done(task, work(task))


@pytest.fixture
def store(request, tmp_path):
    """An address with two clips in its folder `in`."""
    address = f"memory://{tmp_path.name}"
    if getattr(request, "param", "memory") == "s3":
        address = f"{request.getfixturevalue('s3')}/{tmp_path.name}"
    for count, name in enumerate(NAMES, 8):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        clip = write_video(tmp_path / "in" / f"{name}.mp4", draw(count))
        write_whole(f"{address}/in/{name}.mp4", clip.read_bytes())
    return address


def run(source, out, **more):
    said = []
    totals = run_batch(BatchOrder((str(source),), str(out), **more), settings(), Here(), notify=said.append)
    return totals, said


def settings():
    return load_settings(overrides=["lanes=[gmm]"])


def results(folder):
    """The files of the clips, by name; of a summary without its times, and without the path of its source."""
    found = {}
    for each in listing(folder):
        name, data = each.removeprefix(joined(folder, "")).lstrip("/"), read_bytes(each)
        if name.endswith(".summary.json"):
            plain = json.loads(data)
            data = {key: value for key, value in plain.items() if key not in (*TIMES, "lanes")}
        if name != "report.html":
            found[name] = data
    return found


@pytest.mark.parametrize("store", ["memory", "s3"], indirect=True)
def test_results_in_a_store_are_those_on_a_drive_and_done_once(store, tmp_path):
    totals, said = run(f"{store}/in", f"{store}/out")
    assert (totals.done, totals.failed, said) == (2, 0, [])
    run(tmp_path / "in", tmp_path / "out")
    here, there = results(str(tmp_path / "out")), results(f"{store}/out")
    assert here == there
    assert {"b.tracked.mp4", "cam1/a.tracked.gmm.csv", "tracks/clip-b/tracks.parquet"} <= there.keys()
    assert exists(f"{store}/out/report.html")
    again, _ = run(f"{store}/in", f"{store}/out")
    assert (again.worked, again.done_before) == (0, 2)


def test_a_clip_that_changes_in_its_store_is_done_again(store, tmp_path):
    run(f"{store}/in", f"{store}/out")
    clip = write_video(tmp_path / "other.mp4", draw(5))
    write_whole(f"{store}/in/b.mp4", clip.read_bytes())
    totals, _ = run(f"{store}/in", f"{store}/out")
    assert (totals.done, totals.done_before) == (1, 1)
    assert json.loads(read_bytes(f"{store}/out/b.tracked.summary.json"))["frames"] == 5


def test_an_upload_that_fails_is_the_problem_of_its_clip_and_leaves_nothing(store, monkeypatch):
    put = writing.put_file

    def failing(path, address):
        if address.endswith("b.tracked.mp4"):
            raise SinkError(f"{address}: the network is gone; try again")
        put(path, address)

    with monkeypatch.context() as patch:
        patch.setattr(writing, "put_file", failing)
        totals, said = run(f"{store}/in", f"{store}/out")
    assert (totals.done, totals.failed) == (1, 1)
    assert said == [f"b: {store}/out/b.tracked.mp4: the network is gone; try again"]
    assert [each for each in results(f"{store}/out") if "b.tracked" in each] == []
    totals, _ = run(f"{store}/in", f"{store}/out", retry_failed=True)
    assert (totals.done, totals.left_out) == (1, 1)


def test_a_clip_that_is_gone_from_its_store_is_a_failure_of_one_line(store):
    class Late(Here):
        def map(self, work, tasks):
            for task in tasks:
                if task.clip.name == "b":
                    remove(f"{store}/in/b.mp4")
                yield Done(task, work(task))

    said = []
    totals = run_batch(BatchOrder((f"{store}/in",), f"{store}/out"), settings(), Late(), notify=said.append)
    assert (totals.done, totals.failed) == (1, 1)
    assert said == [f"b: {store}/in/b.mp4: no such file, folder or bucket; check the address"]


@pytest.mark.slow
def test_workers_of_a_pool_reach_a_store_and_show_no_secret(s3, tmp_path, capsys):
    for name in ("a", "b", "c"):
        write_whole(f"{s3}/pool/in/{name}.mp4", write_video(tmp_path / f"{name}.mp4", draw(6)).read_bytes())
    words = ["batch", f"{s3}/pool/in", "-o", f"{s3}/pool/out", "--lanes", "gmm", "--jobs", "2"]
    done = call(*words)
    assert done.exit_code == 0, done.output
    files = list(listing(f"{s3}/pool/out"))
    assert len([each for each in files if each.endswith(".summary.json")]) == 3
    assert not any(SECRET.encode() in read_bytes(each) for each in files)
