"""Which clips a batch has, what they are called, which are a shard's."""

import pytest
from batch_parts import QUICK, batch, make_clips
from commands import refused

from tracker.batch.clips import BatchClip, Shard, clips_of, unique
from tracker.batch.manifest import read_manifest, settings_of_clip
from tracker.errors import SettingsError, SourceError


def names(*sources):
    clips = unique(clips_of(map(str, sources)), inside=lambda source: False, shard=Shard())
    return [clip.name for clip in clips]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a/x.mp4", "a/x.avi", "b/x.mp4", "b/deep/y.mov", "b/notes.txt", "b/.hidden/z.mp4"):
        path = tmp_path / "clips" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "clips"


def test_clips_are_called_by_their_path_from_the_folder_or_pattern(folder):
    every = ["a/x.avi", "a/x", "b/x", "b/deep/y.mov"]
    assert names(folder) == names("clips") == names("clips/") == every
    assert names("clips/*/x.mp4") == names("clips/**/x.mp4") == ["a/x", "b/x"]
    assert names("clips/a/x.mp4", "clips/b/x.mp4") == names(folder / "a/x.mp4", "clips/b/x.mp4") == ["a/x", "b/x"]
    assert names("clips/b") == ["x", "deep/y.mov"]


def test_two_clips_of_one_name_are_told_apart_and_a_clip_named_twice_is_one(folder):
    first, second = names("clips/a/x.mp4", "clips/a/x.mp4", folder / "a")[:1], names("clips/a", "clips/b")
    assert first == ["a/x"]
    assert second[:2] == ["x.avi", "x"]
    assert second[2].startswith("x-")
    assert len(second[2]) == len("x-12345678")
    assert second == names("clips/a", "clips/b")
    assert names("clips", "clips/b/x.mp4", "clips/*/x.mp4") == names("clips")


def test_one_clip_with_several_settings_is_several_clips(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("source,seed\na.mp4,1\na.mp4,2\na.mp4,3\na.mp4,1\n")
    found = [c.name for c in unique(read_manifest(str(path)), inside=lambda source: False, shard=Shard())]
    assert found[0] == "a"
    assert len(set(found)) == len(found) == 3


def test_shards_are_disjoint_and_together_all(folder):
    clips = [BatchClip(f"/c/{n}.mp4", f"clip {n}") for n in range(200)]
    parts = [[c.name for c in unique(clips, inside=lambda s: False, shard=Shard(k, 3))] for k in (1, 2, 3)]
    assert sorted(name for part in parts for name in part) == sorted(clip.name for clip in clips)
    assert all(len(part) > 40 for part in parts)


def test_a_source_without_videos_is_refused_and_results_are_never_clips(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="empty: no video there"):
        names("empty")
    with pytest.raises(SourceError, match="absent: no such file"):
        names("absent")
    with pytest.raises(SourceError, match="http://cam/1: a stream; a batch takes files"):
        names("http://u:pw@cam/1")
    with pytest.raises(SourceError, match="taken for results, never for clips"):
        batch("clips", to=tmp_path)


def test_a_manifest_has_settings_for_each_clip(tmp_path):
    make_clips(tmp_path, "a.mp4", "b.mp4")
    path = tmp_path / "clips.csv"
    path.write_text('source,name,gmm.working_width,lanes\na.mp4,cam/one,320,\nb.mp4,,,"[gmm,slots]"\n')
    one, two = read_manifest(str(path))
    assert (one.source, one.name, two.name) == (str(tmp_path / "a.mp4"), "cam/one", "b")
    laid = settings_of_clip(QUICK)
    assert (laid(one).gmm.working_width, laid(one).lanes, laid(two).lanes) == (320, ("gmm",), ("gmm", "slots"))
    lines = tmp_path / "clips.jsonl"
    lines.write_text(
        '{"source": "a.mp4", "name": "cam/one", "gmm.working_width": 320}\n\n{"source": "b.mp4", "name": null}\n'
    )
    assert [clip.changes for clip in read_manifest(str(lines))] == [("gmm.working_width=320",), ()]


def test_a_parquet_manifest_is_read_as_the_others(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pyarrow.table({"source": ["a.mp4", "b.mp4"], "seed": [7, None], "name": ["x", "y"]})
    parquet.write_table(table, tmp_path / "clips.parquet")
    one, two = read_manifest(str(tmp_path / "clips.parquet"))
    assert (one.name, one.changes, two.changes) == ("x", ("seed=7",), ())


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("m.csv", "source,foo.bar\na.mp4,1\n", "m.csv, line 1, column 'foo.bar': no setting"),
        ("m.csv", "name\na\n", "m.csv, line 1: no column source"),
        ("m.csv", "source,seed\na.mp4,1\na.mp4,x\n", "m.csv, line 3: seed=x: seed = 'x': wanted"),
        ("m.csv", "source,gmm.foo\na.mp4,1\n", "m.csv, line 2: gmm.foo=1: unknown setting gmm.foo"),
        ("m.csv", "source;seed\na.mp4;1\n", "m.csv, line 1: no column source; columns are divided by semicolons there"),
        ("m.csv", "source,fps\na.mp4,often\n", "m.csv, line 2, column fps: 'often': wanted frames a second"),
        ("m.jsonl", '{"source": "a.mp4", "fps": 0}\n', "m.jsonl, line 1, column fps: '0': wanted frames a second"),
        ("m.csv", "source,seed\n,1\n", "m.csv, line 2, column source: empty"),
        ("m.csv", "source\nrtsp://u:pw@cam/1\n", "m.csv, line 2, column source: rtsp://cam/1: a stream"),
        ("m.csv", "source,name\na.mp4,../up\n", "m.csv, line 2, column name: '../up': wanted a name"),
        ("m.csv", "source\na.mp4,1,2\n", "m.csv, line 2: 3 cells, and 1 columns"),
        ("m.jsonl", '{"source": "a.mp4"}\nnothing\n', "m.jsonl, line 2: wanted an object"),
        ("m.jsonl", '{"source": "a.mp4", "sede": 1}\n', "m.jsonl, line 1, column 'sede': no setting"),
        ("m.txt", "", "m.txt: wanted a manifest that ends in .csv"),
        ("m.parquet", "no", "m.parquet: not a Parquet file"),
    ],
)
def test_an_error_of_a_manifest_names_file_line_and_column_before_any_work(tmp_path, monkeypatch, name, text, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text(text)
    (tmp_path / "a.mp4").touch()
    assert refused("batch", "--manifest", name, "-o", "out").startswith(said)
    assert not (tmp_path / "out").exists()


def test_settings_of_a_lane_that_is_none_are_refused_with_their_line(tmp_path):
    with pytest.raises(SettingsError, match="here: lanes: nobody"):
        settings_of_clip(QUICK)(BatchClip("/a.mp4", "a", ("lanes=[nobody]",), "here"))
