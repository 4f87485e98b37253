"""The times of a file's frames, as they are listed before the first one."""

from contextlib import closing

import numpy as np
import pytest
from clips import draw, write_video
from PIL import Image

from tracker.sources import open_source

SPANS = pytest.mark.parametrize(
    "span",
    [{}, {"start_s": 0.3}, {"max_frames": 4}, {"start_s": 0.2, "duration_s": 0.5}, {"start_s": 0.4, "max_frames": 3}],
    ids=str,
)


@SPANS
def test_listed_times_are_those_of_the_frames_of_a_video(tmp_path, span):
    times_ms = [0, 40, 80, 200, 240, 400, 440, 480, 700, 740]
    clip = write_video(tmp_path / "clip.mp4", draw(10), times_ms=times_ms, options={"g": "3"})
    with closing(open_source(str(clip), **span)) as source:
        listed = source.times_s
        assert listed == pytest.approx([frame.time_s for frame in source])
        assert len(listed) == source.info.frame_count


@SPANS
def test_listed_times_are_those_of_the_frames_of_pictures(tmp_path, span):
    for number, picture in enumerate(draw(10)):
        Image.fromarray(picture).save(tmp_path / f"{number}.png")
    with closing(open_source(str(tmp_path), fps=10, **span)) as source:
        assert source.times_s == pytest.approx([frame.time_s for frame in source])


def test_a_part_from_a_listed_time_on_begins_with_that_frame(tmp_path):
    clip = write_video(tmp_path / "clip.mp4", draw(30), options={"g": "7"})
    with closing(open_source(str(clip))) as source:
        whole = [(frame.place, frame.time_s, frame.image) for frame in source]
        times_s = source.times_s
    for first in (0, 1, 6, 7, 8, 20, 29):
        with closing(open_source(str(clip), start_s=float(times_s[first]), max_frames=5)) as source:
            for frame, (place, time_s, image) in zip(source, whole[first : first + 5], strict=True):
                assert (frame.place, frame.time_s) == (place, time_s)
                assert np.array_equal(frame.image, image)
