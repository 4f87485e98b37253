"""Tracks in the forms of other libraries, where those are installed."""

import sys

import numpy as np
import pytest

import tracker
from tracker.api.adapters import detections
from tracker.api.tracks import Tracks
from tracker.types import Box, Track

TRACKS = Tracks.of([Track(7, Box(4, 2, 8, 6), 0.5, 2, hidden=True), Track(3, Box(0, 0, 2, 2), 0.9, 1)])


def test_arrays_are_sorted_by_identity():
    assert TRACKS.ids.tolist() == [3, 7]
    assert TRACKS.boxes.tolist() == [[0, 0, 2, 2], [4, 2, 8, 6]]
    assert TRACKS.centres.tolist() == [[1, 1], [6, 4]]
    assert TRACKS.seen.ids.tolist() == [3]


def test_supervision_has_every_object_with_its_pixels():
    supervision = pytest.importorskip("supervision")
    labels = np.zeros((8, 10), np.int32)
    labels[:2, :2] = 3
    found = detections(TRACKS, labels)
    assert isinstance(found, supervision.Detections)
    assert found.tracker_id.tolist() == [3, 7]
    assert found.mask.sum(axis=(1, 2)).tolist() == [4, 0]
    assert found.data["hidden"].tolist() == [False, True]
    assert len(detections(Tracks.of([]), labels)) == 0


def test_a_table_becomes_a_data_frame(tmp_path):
    pytest.importorskip("pandas")
    file = tmp_path / "a.slots.csv"
    file.write_text("frame,time_s,id,x0,y0,x1,y1,confidence,hidden,area_px\n2,0.04,1,0,0,4,8,0.5,1,20\n")
    frame = tracker.read(file).to_pandas()
    assert frame.columns.tolist() == [
        "frame",
        "time_s",
        "id",
        "x0",
        "y0",
        "x1",
        "y1",
        "confidence",
        "hidden",
        "area_px",
    ]
    assert frame.iloc[0].tolist() == [2, 0.04, 1, 0, 0, 4, 8, 0.5, True, 20]


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(tracker.TrackerError, match=r"pip install 'rnnem-tracker\[supervision\]'"):
        detections(TRACKS, np.zeros((8, 10), np.int32))
