"""Times of GIFs: what FFmpeg makes up is said, and no picture is lost silently."""

import pytest
from clips import draw
from PIL import Image as Pillow

from tracker.errors import SourceError
from tracker.sources import open_source
from tracker.sources.gif import read_delays


def write_gif(path, durations_ms):
    first, *rest = map(Pillow.fromarray, draw(len(durations_ms)))
    first.save(path, save_all=True, append_images=rest, duration=durations_ms)
    return path


def without_extensions(path):
    """The same file without its graphic control extensions."""
    data = path.read_bytes()
    while (at := data.find(b"\x21\xf9\x04")) >= 0:
        data = data[:at] + data[at + 8 :]
    path.write_bytes(data)
    return path


def test_delays_are_read(tmp_path):
    assert read_delays(write_gif(tmp_path / "a.gif", [50, 0, 200])) == [0.05, 0, 0.2]
    data = (tmp_path / "a.gif").read_bytes()
    for length in range(len(data)):
        (tmp_path / "a.gif").write_bytes(data[:length])
        assert len(read_delays(tmp_path / "a.gif")) <= 3


@pytest.mark.parametrize(
    ("durations_ms", "notes", "times_s"),
    [
        ([50, 50, 50], (), [0, 0.05, 0.1]),
        ([50, 0, 50], ("pictures without a delay: 1 of 3; 0.1 s is assumed",), [0, 0.05, 0.15]),
    ],
)
def test_times_that_are_assumed_are_said(tmp_path, durations_ms, notes, times_s):
    source = open_source(str(write_gif(tmp_path / "a.gif", durations_ms)))
    assert [frame.time_s for frame in source] == pytest.approx(times_s)
    assert source.info.notes == notes


def test_pictures_that_cannot_be_told_apart_are_not_left_out_silently(tmp_path):
    with pytest.raises(SourceError, match=r"a\.gif: holds 3 pictures, of which 1 can be read, .* write it again"):
        open_source(str(without_extensions(write_gif(tmp_path / "a.gif", [50, 50, 50]))))
