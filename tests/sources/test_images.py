"""Pictures in memory: what of them is refused, and those that come once."""

import clips
import numpy as np
import pytest

from tracker.errors import ShapeError, SourceError
from tracker.sources import Span, open_images


def test_an_array_of_pictures_is_a_clip():
    source = open_images(np.stack(clips.draw(5)), fps=10)
    assert source.info.frame_count == 5
    assert [frame.time_s for frame in source] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


def test_pictures_that_come_once_cannot_be_sampled_and_are_not_all_held():
    taken = 0

    def give():
        nonlocal taken
        for picture in clips.draw(6):
            taken += 1
            yield picture

    source = open_images(give(), Span(start_s=0.08, max_frames=2), fps=25)
    assert taken == 1
    assert source.sample(3) == []
    frames = list(source)
    assert [frame.place for frame in frames] == [2, 3]
    assert [frame.index for frame in frames] == [0, 1]
    assert np.array_equal(frames[0].image, clips.draw(3)[2])
    assert taken == 4


def test_a_rate_that_is_assumed_is_told():
    assert "25 a second are assumed" in open_images(clips.draw(2)).info.notes[0]
    assert open_images(clips.draw(2), fps=25).info.notes == ()


@pytest.mark.parametrize(
    ("images", "words"),
    [
        ([], "there is no picture"),
        (iter(()), "there is no picture"),
        ([np.zeros((4, 4), np.uint8)], r"picture 0: wanted \(H, W, 3\) uint8 RGB, got \(4, 4\) uint8"),
        ([np.zeros((4, 4, 3))], r"got \(4, 4, 3\) float64"),
        (np.zeros((48, 64, 3), np.uint8), r"got \(64, 3\) uint8"),
        (["a.png"], "picture 0: wanted"),
    ],
)
def test_what_is_no_picture_is_refused_by_its_shape(images, words):
    with pytest.raises((ShapeError, SourceError), match=words):
        open_images(images)


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf")])
def test_a_rate_that_is_none(fps):
    with pytest.raises(SourceError, match="fps: expected"):
        open_images(clips.draw(2), fps=fps)


@pytest.mark.parametrize("once", [False, True])
def test_a_picture_of_another_size_ends_the_clip_with_its_place(once):
    pictures = [*clips.draw(2), *clips.draw(1, (32, 24))]
    source = open_images(iter(pictures) if once else pictures, fps=25)
    with pytest.raises(ShapeError, match="picture 2: wanted 64x48 as the first, got 32x24"):
        list(source)
