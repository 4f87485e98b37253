"""A lane's table is read as it was written, and what is none is refused by its line."""

import sys

import numpy as np
import pytest
from made_run import FRAMES, HIDDEN, SIDE, STANDER, write_run

from tracker.errors import MissingExtraError, SourceError
from tracker.exports import empty_table, read_table
from tracker.exports.run_files import find_run
from tracker.picture import Picture
from tracker.sinks.tables import CsvRows, MotRows
from tracker.types import Box, Frame, Gap, Moment, Region, Segmentation, Track, View


def moment(index, *, gap=None):
    labels = np.zeros((8, 8), np.int32)
    regions = (Region(3, Box(1, 2, 3, 4), 5.0),)
    tracks = (Track(7, Box(1, 2.25, 3, 4), 0.5, 3), Track(9, Box(-2, 0, 5, 6), 1.0, 0, hidden=True))
    frame = Frame(index, index / 25, Picture.of(np.zeros((8, 8, 3), np.uint8)), gap=gap)
    return Moment(frame, (View("gmm", Segmentation(labels, regions, labels > 0), tracks),))


def written(path, rows, *moments):
    path.write_text(rows.head + "".join(map(rows.rows, moments)))
    return path


def test_a_csv_is_read_as_it_was_written(tmp_path):
    lost = Gap(0.0, 60.0, "the stream ended")
    table = read_table(written(tmp_path / "a.gmm.csv", CsvRows("gmm"), moment(0), moment(1, gap=lost)))
    assert len(table) == 4
    assert table.frame.tolist() == [1, 1, 2, 2]
    assert table.time_s.tolist() == [0, 0, 0.04, 0.04]
    assert table.id.tolist() == [7, 9, 7, 9]
    assert table.box[:2].tolist() == [[1, 2.25, 3, 4], [-2, 0, 5, 6]]
    assert table.confidence.tolist() == [0.5, 1, 0.5, 1]
    assert table.hidden.tolist() == [False, True, False, True]
    assert table.area_px.tolist() == [5, 0, 5, 0]
    assert table.gaps.tolist() == [[2, 0.0]]
    assert table.foot[0].tolist() == [2, 4]
    assert table.centre[0].tolist() == [2, 3.125]
    assert list(table.columns()) == CsvRows.head.strip().split(",")
    assert [(identity, rows.frame.tolist()) for identity, rows in table.seen.tracks()] == [(7, [1, 2])]


LONG = 20261128123456007  # a time, which float64 does not hold


def test_frames_called_by_their_time_are_read_exactly(tmp_path):
    row = "0.04,1,1,2,3,4,0.5,0,5"
    (tmp_path / "a.csv").write_text(CsvRows.head + f"{LONG},0,1,1,2,3,4,0.5,0,5\n{LONG + 1},{row}\n")
    (tmp_path / "a.txt").write_text(f"{LONG},1,1,1,5,5\n{LONG + 1},1,1,1,5,5\n")
    assert read_table(tmp_path / "a.csv").frame.tolist() == [LONG, LONG + 1]
    assert read_table(tmp_path / "a.txt").frame.tolist() == [LONG, LONG + 1]


@pytest.mark.parametrize("row", ["6.5,0,1", "6,0,1.7", "6,0,1e30"])
def test_a_frame_or_id_that_is_no_whole_number_is_refused(tmp_path, row):
    (tmp_path / "a.csv").write_text(CsvRows.head + f"{row},1,2,3,4,0.5,0,5\n")
    with pytest.raises(SourceError, match="line 2: numbers that no track has"):
        read_table(tmp_path / "a.csv")


def test_a_number_beyond_64_bits_in_mot_text_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text(f"{2**63},1,1,1,5,5\n")
    with pytest.raises(SourceError, match="line 1"):
        read_table(tmp_path / "a.txt")


def test_whole_numbers_that_another_program_wrote_with_a_point_are_read(tmp_path):
    (tmp_path / "a.csv").write_text(CsvRows.head + "6.0,0,1.0,1,2,3,4,0.5,0,5\n")
    assert read_table(tmp_path / "a.csv").frame.tolist() == [6]


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_table_that_is_cut_in_its_last_number_is_not_taken_for_whole(tmp_path, cut):
    text = CsvRows.head + "6,0,1,1,2,3,4,0.5,0,653\n"
    (tmp_path / "a.csv").write_text(text[:-cut])
    with pytest.raises(SourceError, match=r"a\.csv, line 2: the file ends within this row; it is cut"):
        read_table(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("6,0,1,1,2,3,4,0.5,0,5", "identity 1 twice in frame 6"),
        ("7,-5,1,1,2,3,4,0.5,0,5", "time_s -5 in frame 7 does not go on from 0 in frame 6"),
        ("6,0.04,2,1,2,3,4,0.5,0,5", "time_s 0.04 in frame 6 does not go on from 0 in frame 6"),
        ("7,0.04,-1,1,2,3,4,0.5,0,5", "line 3: numbers that no track has"),
    ],
)
def test_rows_that_contradict_each_other_are_refused(tmp_path, row, said):
    (tmp_path / "a.csv").write_text(CsvRows.head + f"6,0,1,1,2,3,4,0.5,0,5\n{row}\n")
    with pytest.raises(SourceError, match=said):
        read_table(tmp_path / "a.csv")


def test_mot_text_has_no_times(tmp_path):
    table = read_table(written(tmp_path / "a.gmm.mot.txt", MotRows("gmm"), moment(0)))
    assert table.id.tolist() == [7]
    assert table.box.tolist() == [[1, 2.25, 3, 4]]
    assert np.isnan(table.time_s).all()
    assert np.isnan(table.area_px).all()
    assert not table.hidden.any()


def test_a_track_of_identity_0_in_somebody_elses_mot_text_is_a_track(tmp_path):
    (tmp_path / "a.txt").write_text("1,0,1,1,5,5\n")
    assert read_table(tmp_path / "a.txt").id.tolist() == [0]


def test_a_table_without_rows(tmp_path):
    table = read_table(written(tmp_path / "a.csv", CsvRows("gmm")))
    assert len(table) == len(empty_table()) == 0
    assert list(table.tracks()) == []


@pytest.mark.parametrize(
    "row", ["1,0.0,1,2,3,4,5,1,0", "1,0.0,1,x,3,4,5,1,0,9", "1,0.0,1,4,3,2,5,1,0,9", "1.5,0,1,2,3,4,5,1,0,9", "1,0,1e300,2,3,4,5,1,0,9",
            "1,nan,1,2,3,4,5,1,0,9", "1,0,1,2,3,4,5,,0,9", "# note"],
)  # fmt: skip
def test_a_row_that_is_none_is_told_by_its_line(tmp_path, row):
    path = written(tmp_path / "a.csv", CsvRows("gmm"), moment(0))
    path.write_text(path.read_text() + f"{row}\n")
    with pytest.raises(SourceError, match=r"line 4: .*frame,time_s,id"):
        read_table(path)


@pytest.mark.parametrize(
    ("name", "content"), [("a.csv", b"x,y\n1,2\n"), ("a.csv", b""), ("a.csv", b"\xff\xfe\x00"), ("a.mp4", b"\0" * 99)]
)
def test_what_is_no_table_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=r"wanted NAME.LANE.csv"):
        read_table(tmp_path / name)


def test_the_run_is_found_by_any_of_its_files(tmp_path):
    table = write_run(tmp_path, video=False)
    for name in ("out.slots.csv", "out.slots.zones.csv", "out.slots.masks.json", "out.summary.json", "."):
        run = find_run(tmp_path / name)
        assert (run.table_path.resolve(), run.lane, run.size) == (table.resolve(), "slots", (96, 64))
    assert len(run.table) == 2 * FRAMES - 10
    assert run.table.hidden.sum() == len(HIDDEN)
    assert run.table.area_px.max() == SIDE**2
    assert run.table.box[-1].tolist() == list(STANDER)


def test_what_a_killed_run_left_is_a_table_only_where_it_is_named(tmp_path):
    table = write_run(tmp_path, video=False)
    left = table.with_name("out.recovered-1.slots.csv")
    left.write_bytes(table.read_bytes())
    for name in ("out.summary.json", "."):
        assert find_run(tmp_path / name).table_path.name == table.name
    assert find_run(left).table_path == left


def test_which_lane_is_asked_where_there_are_several(tmp_path):
    table = write_run(tmp_path, video=False)
    table.with_name("out.gmm.csv").write_text(CsvRows.head)
    table.with_name("out.slots.speed.csv").write_text("id,begins_s\n")
    for name in ("out.summary.json", "."):
        with pytest.raises(SourceError, match=r"name one: out.gmm.csv, out.slots.csv$"):
            find_run(tmp_path / name)
    for name in ("nix.csv", "clip.mp4"):
        with pytest.raises(SourceError, match="wanted the table of a lane"):
            find_run(tmp_path / name)


def test_a_data_frame_has_the_columns_of_the_csv(tmp_path):
    pandas = pytest.importorskip("pandas")
    path = write_run(tmp_path, video=False)
    made = read_table(path).to_pandas()
    pandas.testing.assert_frame_equal(made, pandas.read_csv(path).astype(made.dtypes))


def test_without_pandas_it_is_said_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'rnnem-tracker\[pandas\]'"):
        empty_table().to_pandas()


def test_a_table_is_shown_in_a_line(tmp_path):
    path = tmp_path / "o.gmm.mot.txt"
    path.write_text("3,1,0,0,5,5,1,-1,-1,-1\n4,1,1,0,5,5,1,-1,-1,-1\n4,2,9,9,5,5,1,-1,-1,-1\n")
    assert repr(read_table(path)) == "<Table: 3 rows, 2 identities, frames 3 to 4>"
