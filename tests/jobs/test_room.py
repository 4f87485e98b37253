"""How many clips fit into a memory: never more than there is room for, at least one."""

import pytest

from tracker.jobs.room import MOST_CLIPS, card_memory_mb, clips_that_fit, memory_mb

SIZES = [(160, 120), (1280, 720), (3840, 2160)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("free_mb", [0, 500, 1000, 4000, 16_000, 1e9])
def test_what_fits_is_the_most_that_fits(size, free_mb):
    clips = clips_that_fit(size, free_mb=free_mb)
    assert 1 <= clips <= MOST_CLIPS
    assert clips == 1 or memory_mb(size, clips) <= free_mb
    assert clips == MOST_CLIPS or memory_mb(size, clips + 1) > free_mb


def test_fewer_clips_fit_a_card_with_less_memory():
    assert clips_that_fit(SIZES[0], free_mb=1e9, card_free_mb=card_memory_mb(3)) == 3
    assert clips_that_fit(SIZES[0], free_mb=memory_mb(SIZES[0], 2), card_free_mb=1e9) == 2
    assert clips_that_fit(SIZES[0], free_mb=1e9, card_free_mb=0) == 1


def test_larger_pictures_take_more_memory():
    assert memory_mb(SIZES[0], 4) < memory_mb(SIZES[1], 4) < memory_mb(SIZES[2], 4)
    assert clips_that_fit(SIZES[2], free_mb=4000) < clips_that_fit(SIZES[0], free_mb=4000)
