"""What a pass keeps on the disk, where a run that goes on finds it again."""

import contextlib
import os

import numpy as np
import pytest

from tracker.checkpoint.values import from_bytes, to_bytes
from tracker.errors import SinkError
from tracker.smoothing.passes import RowsBuilder
from tracker.smoothing.spill import ByteRange, LabelFile, Spill, SpillFolder
from tracker.types import Box, Region


def again(value, folder):
    """The value in another process, with the folder as it is now."""
    other = SpillFolder(folder.path)
    return from_bytes(to_bytes(value, {"spills": folder}), {"spills": other}), other


def test_what_was_kept_is_read_again_and_what_came_later_is_not_there(tmp_path):
    folder = SpillFolder(tmp_path)
    spill = Spill(folder=folder)
    first = spill.add(b"first")
    data = to_bytes(spill, {"spills": folder})
    spill.add(b"later")
    other = from_bytes(data, {"spills": SpillFolder(tmp_path)})
    assert other.read(first) == b"first"
    assert other.read(other.add(b"mine")) == b"mine"
    assert other.length == 9


def test_labels_are_those_that_were_kept(tmp_path):
    folder = SpillFolder(tmp_path)
    labels = LabelFile(folder=folder)
    labels.add(0, np.arange(6, dtype=np.int32).reshape(2, 3), np.ones((2, 3), bool))
    other, _ = again(labels, folder)
    assert other.read(0)[0].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_files_go_once_nobody_needs_them(tmp_path):
    folder = SpillFolder(tmp_path)
    first, second = Spill(folder=folder), Spill(folder=folder)
    (tmp_path / "state").write_text("another's")
    first.close()
    assert len(list(tmp_path.iterdir())) == 3  # the last checkpoint may speak of it
    folder.collect()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept-2", "state"]
    other, now = again(second, folder)
    now.collect()
    assert other.length == 0
    assert (tmp_path / "kept-2").exists()


def test_one_that_is_too_short_is_refused(tmp_path):
    folder = SpillFolder(tmp_path)
    spill = Spill(folder=folder)
    spill.add(b"content")
    data = to_bytes(spill, {"spills": folder})
    os.truncate(tmp_path / "kept-1", 3)
    with pytest.raises(SinkError, match="kept-1: damaged"):
        from_bytes(data, {"spills": folder})


def test_a_temporary_one_cannot_be_saved():
    with pytest.raises(TypeError, match="temporary"):
        to_bytes(Spill(), {})


def test_rows_in_the_making_go_on_as_they_were():
    rows = RowsBuilder(before=4)
    for index in range(6):
        if index == 3:
            other = from_bytes(to_bytes(rows, {}), {})
        for each in (rows,) if index < 3 else (rows, other):
            given = np.random.default_rng(index)
            each.add(
                index,
                [
                    Region(label, Box(*given.random(4).tolist()), 9.0, given.random(), label == 2, None, label == 1, c)
                    for label, c in ((1, given.random((3, 3)).astype(np.float32)), (2, None))[: index % 3]
                ],
            )
    for one, two in zip((*rows.rows(), rows.entropies()), (*other.rows(), other.entropies()), strict=True):
        assert one.dtype == two.dtype
        assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize("step", [lambda spill: spill.read(ByteRange(0, 1)), Spill.__getstate__, Spill.close])
def test_a_disk_that_is_full_when_what_waits_in_memory_is_written_is_named(tmp_path, step):
    spill = Spill(folder=SpillFolder(tmp_path))
    spill._file = open("/dev/full", "r+b", buffering=100)  # noqa: SIM115
    with contextlib.suppress(OSError):
        spill._file.write(b"x")
    with pytest.raises(SinkError, match=r"No space left on device; .* make room, choose another folder with -o"):
        step(spill)
    with contextlib.suppress(OSError):
        spill._file.close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match=r"file/o\.checkpoint: Not a directory"):
        Spill(folder=SpillFolder(tmp_path / "file" / "o.checkpoint"))
