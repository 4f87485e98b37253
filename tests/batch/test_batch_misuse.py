"""Names, folders and files that a batch has to bear: nothing of one clip gets lost for another's, nothing of the user's is replaced."""

import os
import sys
from pathlib import Path

import pytest
from batch_parts import QUICK, batch, files, make_clips
from commands import call, refused

from tracker.addresses import listing
from tracker.batch import BatchClip, Options, Shard
from tracker.batch.clips import unique
from tracker.batch.manifest import read_manifest
from tracker.batch.marks import MarkStore
from tracker.errors import SinkError, TrackerError

TABLES = Options(video=False, parquet=False)
ALL = Options(video=False)


def everything(clips):
    return [clip.name for clip in unique(clips, inside=lambda source: False, shard=Shard())]


def test_the_tables_have_the_name_of_each_clip_as_text_whatever_it_is(tmp_path):
    dataset = pytest.importorskip("pyarrow.dataset")
    names = ["0001", "1", "_x", "50%", "tracks/t", "日本" * 15 + "/" + "日本" * 12]
    clips = make_clips(tmp_path / "clips", *(f"{name}.mp4" for name in names))
    totals, _ = batch(clips, to=tmp_path / "out", options=ALL)
    assert totals.done == len(names)
    for table in ("tracks", "events"):
        found = dataset.dataset(tmp_path / "out" / table).to_table()
        assert {row["clip"] for row in found.to_pylist()} == {*names, "tracks.clips/t"} - {"tracks/t"}


def test_the_tables_of_clips_with_other_lanes_and_masks_are_one_data_set(tmp_path):
    dataset = pytest.importorskip("pyarrow.dataset")
    clips = make_clips(tmp_path / "clips", "a.mp4", "b.mp4")
    batch(clips / "a.mp4", to=tmp_path / "out", options=Options(video=False, masks="rle"))
    knn = QUICK.model_copy(update={"lanes": ("knn", "gmm")})
    batch(clips / "b.mp4", to=tmp_path / "out", options=ALL, settings=knn)
    rows = dataset.dataset(tmp_path / "out" / "tracks").to_table().to_pylist()
    assert {(row["clip"], row["lane"]) for row in rows} >= {("clips/a", "gmm"), ("clips/b", "knn")}


@pytest.mark.skipif(sys.platform != "linux", reason="names of bytes")
def test_a_name_that_is_not_utf_8_stops_no_other_clip(tmp_path):
    clips = make_clips(tmp_path / "clips", "a.mp4", "b.mp4")
    (clips / "a.mp4").rename(os.fsdecode(os.fsencode(clips / "lat") + b"\xe9.mp4"))
    totals, _ = batch(clips, to=tmp_path / "out", options=TABLES)
    assert totals.worked == 2
    assert totals.done >= 1


def test_folders_named_as_what_is_kept_of_a_clip_are_none_of_it(tmp_path):
    names = ["a.mp4", "a.json/x.mp4", "a.work/x.mp4", "a.work~/x.mp4", "a.lock/x.mp4"]
    clips, out = make_clips(tmp_path / "clips", *names), tmp_path / "out"
    assert batch(clips, to=out, options=TABLES)[0].done == 5
    (out / ".batch" / "a.json").unlink()
    assert batch(clips, to=out, options=TABLES)[1].names == ["a"]
    assert batch(clips, to=out, options=TABLES)[0].done_before == 5


def test_hidden_folders_and_those_of_the_tables_get_another_name():
    clips = [
        BatchClip(f"/{name}.mp4", name)
        for name in (".batch/a", ".b", "c/.d", "tracks/e", "Events/f", "tracks", "g/tracks/h")
    ]
    want = ["_.batch/a", "_.b", "c/_.d", "tracks.clips/e", "Events.clips/f", "tracks", "g/tracks/h"]
    assert everything(clips) == want


@pytest.mark.skipif(sys.platform == "win32", reason="links")
def test_a_link_in_a_circle_names_no_clip_twice_and_results_behind_a_link_are_no_clips(tmp_path):
    clips = make_clips(tmp_path / "clips", "a/x.mp4")
    (clips / "a" / "circle").symlink_to(clips)
    (clips / "other").symlink_to(clips / "a")
    assert len(list(listing(str(clips / "**" / "*.mp4")))) == 1
    link = tmp_path / "link"
    (clips / "out").mkdir()
    link.symlink_to(clips / "out")
    make_clips(clips / "out", "b.tracked.mp4")
    assert batch(clips, to=link, options=TABLES)[1].names == ["a/x"]


def test_a_clip_of_which_a_result_was_deleted_is_done_again_unless_it_is_the_overlay(tmp_path):
    pytest.importorskip("pyarrow")
    clips, out = make_clips(tmp_path / "clips", "x.mp4"), tmp_path / "out"
    batch(clips, to=out)
    (out / "x.tracked.mp4").unlink()
    assert batch(clips, to=out)[0].done_before == 1
    for path in (out / "x.tracked.gmm.csv", *(out / "tracks").rglob("*.parquet")):
        path.unlink()
        assert batch(clips, to=out)[0].done == 1
        assert path.exists()


def test_tables_of_other_settings_go_where_no_new_ones_are_made(tmp_path):
    pytest.importorskip("pyarrow")
    clips, out = make_clips(tmp_path / "clips", "x.mp4"), tmp_path / "out"
    batch(clips, to=out, options=ALL)
    batch(clips, to=out, options=TABLES, settings=QUICK.model_copy(update={"seed": 3}))
    assert not list(out.rglob("*.parquet"))


@pytest.mark.parametrize("lanes", [("gmm",), ("knn",)])
def test_a_result_that_the_user_has_replaced_stays_and_nothing_is_half_delivered(tmp_path, lanes):
    clips, out = make_clips(tmp_path / "clips", "x.mp4"), tmp_path / "out"
    batch(clips, to=out, options=TABLES)
    mine = out / "x.tracked.gmm.events.jsonl"
    mine.write_text("my own notes\n")
    before = {name: (out / name).read_bytes() for name in files(out)}
    other = QUICK.model_copy(update={"seed": 3, "lanes": lanes})
    totals, _ = batch(clips, to=out, options=TABLES, settings=other)
    assert mine.read_text() == "my own notes\n"
    if lanes == ("gmm",):  # in the way
        assert totals.failed == 1
        assert {name: (out / name).read_bytes() for name in files(out)} == before
    else:
        assert totals.done == 1


def test_a_page_of_the_user_and_a_folder_that_cannot_be_written_are_told_before_any_work(tmp_path):
    clips, out = make_clips(tmp_path / "clips", "x.mp4"), tmp_path / "out"
    out.mkdir()
    (out / "report.html").write_text("my own page\n")
    with pytest.raises(SinkError, match=r"report.html: exists, and tracker did not write it"):
        batch(clips, to=out, options=TABLES)
    assert (out / "report.html").read_text() == "my own page\n"
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match="cannot be written"):
        batch(clips, to=tmp_path / "file" / "out", options=TABLES)


def test_a_mark_that_cannot_be_written_leaves_no_part(tmp_path, monkeypatch):
    clips, out = make_clips(tmp_path / "clips", "x.mp4"), tmp_path / "out"
    batch(clips, to=out, options=TABLES)
    store = MarkStore(str(out))
    mark = store.read("x")

    def full(path, data):
        path.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(SinkError, match="No space left"):
        store.write(mark)
    assert files(out / ".batch", hidden=True) == ["x.json"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("m.csv", 'source\na.mp4\n"b.mp4\n', "m.csv, line 3: not CSV"),
        ("m.csv", "source\n", "m.csv: no clips in it"),
        (
            "m.jsonl",
            '{"source": "a.mp4", "name": "\\ud800"}\n',
            "m.jsonl, line 1, column name: '\\ud800': wanted a name",
        ),
        ("m.jsonl", '{"source": "a.mp4", "name": "' + "日" * 90 + '"}\n', "m.jsonl, line 1, column name"),
    ],
)
def test_a_manifest_with_a_defect_is_refused_with_its_line(tmp_path, monkeypatch, name, text, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert refused("batch", "--manifest", name, "-o", "out").startswith(said)


@pytest.mark.parametrize("value", [b"ab", __import__("datetime").date(2026, 1, 1)])
def test_a_cell_of_parquet_that_is_no_setting_is_refused_with_its_line(tmp_path, value):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"source": ["a.mp4"], "seed": [value]}), tmp_path / "m.parquet")
    with pytest.raises(TrackerError, match=r"m.parquet, line 1, column seed: a (bytes|date); wanted a number"):
        list(read_manifest(str(tmp_path / "m.parquet")))


def test_memory_is_refused_where_workers_could_not_see_it():
    assert "lies in one process" in call("batch", "clips", "-o", "memory://out").stderr
