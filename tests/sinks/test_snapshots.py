"""Pictures that are asked for while a run goes on."""

import os
from concurrent.futures import Future
from datetime import datetime

import cv2
import numpy as np
import pytest

from tracker.errors import SinkError
from tracker.picture import Picture
from tracker.sinks import Snapshots
from tracker.types import Frame, Moment

IMAGE = np.zeros((60, 80, 3), np.uint8)
IMAGE[..., 0] = 200  # red
NOW = datetime(2026, 3, 1, 7, 5, 9)


def taken(folder, count=1, **options):
    """The files of so many snapshots of one moment."""
    sink = Snapshots(folder, render=lambda moment: moment.frame.image, now=lambda: NOW, **options)
    sink.write(Moment(Frame(0, 0.0, Picture.of(IMAGE)), ()))
    answers = [Future() for _ in range(count)]
    for answer in answers:
        sink.take(answer)
    sink.close("complete")
    return [answer.result(timeout=0) for answer in answers]


def test_it_is_the_picture_with_date_and_time_as_name(tmp_path):
    (path,) = taken(tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / "snapshot-2026-03-01-070509.png"
    assert np.array_equal(cv2.imread(str(path))[..., ::-1], IMAGE)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("links", [True, False])
def test_no_file_is_replaced(tmp_path, monkeypatch, links):
    if not links:  # as on FAT
        monkeypatch.setattr(os, "link", lambda *paths: (_ for _ in ()).throw(OSError(1, "Operation not permitted")))
    first = tmp_path / "snapshot-2026-03-01-070509.png"
    first.write_text("mine")
    paths = taken(tmp_path, 2)
    assert [path.name for path in paths] == ["snapshot-2026-03-01-070509-2.png", "snapshot-2026-03-01-070509-3.png"]
    assert first.read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 3


def test_pixels_are_square(tmp_path):
    (path,) = taken(tmp_path, pixel_aspect=1.5)
    assert cv2.imread(str(path)).shape == (60, 120, 3)


def test_before_the_first_frame_and_where_nothing_can_be_written_the_answer_is_an_error(tmp_path):
    answer = Future()
    Snapshots(tmp_path, render=lambda moment: IMAGE).take(answer)
    with pytest.raises(SinkError, match="no picture has been shown yet"):
        answer.result(timeout=0)
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="cannot be written"):
        taken(tmp_path / "file")
