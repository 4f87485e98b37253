"""The frames of a source from a later one on are those that the whole gives."""

import numpy as np
import pytest
from clips import draw, spoil, write_pictures, write_video

from tracker.checkpoint import Continued, NextFrame
from tracker.sources import open_source

FRAMES = 40


def sources(tmp_path):
    yield write_video(tmp_path / "b.mp4", draw(FRAMES), options={"g": "12", "bf": "3"})
    yield write_video(tmp_path / "uneven.mp4", draw(FRAMES), times_ms=[40 * n + 7 * (n % 3) for n in range(FRAMES)])
    yield write_video(tmp_path / "one-key.mkv", draw(FRAMES), options={"g": "300"})
    yield write_pictures(tmp_path / "pictures", draw(FRAMES))


def next_frame_of(frame, **more):
    return NextFrame(frame.index, frame.time_s, frame.place, **more)


def same(frames, others):
    assert [(f.index, f.time_s, f.place, f.number) for f in frames] == [
        (f.index, f.time_s, f.place, f.number) for f in others
    ]
    assert all(np.array_equal(one.image, other.image) for one, other in zip(frames, others, strict=True))


@pytest.mark.parametrize("kind", range(4))
@pytest.mark.parametrize("begin", [1, 13, 26, 39])
def test_from_any_frame_on_they_are_the_same(tmp_path, kind, begin):
    clip = list(sources(tmp_path))[kind]
    frames = list(open_source(str(clip)))
    next_frame = next_frame_of(frames[begin])
    left = Continued(open_source(str(clip)), next_frame, lambda: open_source(str(clip), start_s=next_frame.time_s))
    same(list(left), frames[begin:])
    left.close()


def test_a_part_that_begins_elsewhere_is_not_believed(tmp_path):
    clip = next(sources(tmp_path))
    frames = list(open_source(str(clip)))
    left = Continued(
        open_source(str(clip)), next_frame_of(frames[20]), lambda: open_source(str(clip), start_s=frames[25].time_s)
    )
    same(list(left), frames[20:])


def test_a_damaged_clip_is_read_from_its_first_frame(tmp_path):
    clip = spoil(next(sources(tmp_path)), piece=5)
    whole = open_source(str(clip))
    frames = list(whole)
    left = Continued(
        open_source(str(clip)), next_frame_of(frames[20], damaged=True), lambda: pytest.fail("not from a later one")
    )
    same(list(left), frames[20:])
    assert left.problem == whole.problem is not None
