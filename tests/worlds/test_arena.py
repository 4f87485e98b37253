"""Animals in an arena: as many and as large as the script says, on the floor, with long stops, in grey; the wall mirrors them."""

import functools

import numpy as np
import pytest

from tracker.worlds import draw_situation
from tracker.worlds.actors import draw_strip
from tracker.worlds.arena import DIRECTIONS, LEAST_PX, MOST_PX, _coat, _turned, build_arena

SIZE = (320, 240)
SEEDS = range(4)


@functools.cache
def drawn(seed):
    return draw_situation("arena", seed=seed, size=SIZE, frames=300)


def middles(clip, identity):
    """(T, 2) the middle of its box."""
    boxes = [next(item.box for item in boxes if item.id == identity) for boxes in clip.boxes]
    return np.array([((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2) for box in boxes])


@pytest.mark.parametrize("seed", SEEDS)
def test_one_to_twelve_are_there_from_the_first_frame_to_the_last(seed):
    clip = drawn(seed)
    everybody = {item.id for item in clip.boxes[0]}
    assert 1 <= len(everybody) <= 12
    assert all({item.id for item in boxes} == everybody for boxes in clip.boxes)


def test_the_number_varies_and_can_be_chosen():
    counts = {len(drawn(seed).boxes[0]) for seed in SEEDS}
    assert len(counts) > 1
    assert len(draw_situation("arena", seed=0, size=SIZE, frames=300, objects=3).boxes[0]) == 3


def test_two_that_begin_on_one_place_part():
    """So many on so small a floor that some begin on the same pixel."""
    clip = draw_situation("arena", seed=0, size=(120, 90), frames=300, objects=200)
    assert len(clip.boxes[0]) == len(clip.boxes[-1]) == 200


@pytest.mark.parametrize("seed", SEEDS)
def test_sizes_are_those_of_animals(seed):
    for item in drawn(seed).boxes[0]:
        side = (item.box.width * item.box.height) ** 0.5
        assert 0.6 * LEAST_PX <= side <= 1.6 * MOST_PX * SIZE[1] / 480


@pytest.mark.parametrize("seed", SEEDS)
def test_everybody_stops_for_long_and_moves(seed):
    clip = drawn(seed)
    for item in clip.boxes[0]:
        still = (np.abs(np.diff(middles(clip, item.id), axis=0)) < 1e-9).all(1)
        runs = np.diff(np.flatnonzero(np.concatenate([[True], ~still, [True]]))) - 1
        assert runs.max() >= 80
        assert (~still).sum() > 30


@pytest.mark.parametrize("seed", SEEDS)
def test_the_picture_is_grey_and_grainy_and_its_rim_darker(seed):
    clip = drawn(seed)
    images = clip.images[::20]
    assert (images == images[..., :1]).all()
    empty = (clip.labels[::20] == 0).all(0)
    assert 1.5 < images.astype(np.float32).std(0)[empty].mean() < 16
    arena = build_arena(np.random.default_rng(seed), SIZE, floor=100)
    assert arena.vignette.max() > 0.98
    assert arena.vignette[0, 0] < 0.85
    assert arena.vignette.min() > 0.4


@pytest.mark.parametrize("seed", SEEDS)
def test_an_animal_differs_from_the_floor(seed):
    clip = drawn(seed)
    owned = clip.labels[::20] > 0
    off = clip.images[::20].astype(np.int16).mean(-1) - clip.background.mean(-1)
    assert np.abs(np.median(off[owned])) > 20
    assert np.abs(off[~owned].mean()) < 8


@pytest.mark.parametrize("seed", range(8))
def test_the_wall_mirrors_a_body_near_it_and_no_floor(seed):
    arena = build_arena(np.random.default_rng(seed), SIZE, floor=100)
    near = (arena.inside_px > 0) & (arena.inside_px < 6)
    picture, labels = arena.empty.copy(), np.zeros(SIZE[::-1], np.uint16)
    picture[near], labels[near] = arena.empty[near] + 80, 1
    empty = arena.seen(arena.empty, np.zeros_like(labels))
    change = (arena.seen(picture, labels) - empty)[..., 0]
    image = change[(arena.inside_px < -2) & (arena.inside_px > -4)]
    assert 5 < np.median(image) < 50
    assert np.abs(change[arena.inside_px > 8]).max() == 0
    assert np.abs(change[arena.shine == 0][~near[arena.shine == 0]]).max() < 1e-3


def test_an_animal_looks_where_it_goes():
    strip = _coat(draw_strip("animal", np.random.default_rng(0), (0, 0, 0)), 40)
    looks, sizes = _turned(strip, 40, 16)
    assert len(looks) == len(sizes) == DIRECTIONS
    right, down = sizes[0], sizes[DIRECTIONS // 4]
    assert right[0] > 1.8 * right[1]
    assert down == pytest.approx(right[::-1], abs=1.5)
    # the head is thicker than the tail: to the right, then below
    thick = [(look[0][..., 3] > 127) for look in (looks[0], looks[DIRECTIONS // 4])]
    assert thick[0][:, -8:].sum() > thick[0][:, :8].sum()
    assert thick[1][-8:].sum() > thick[1][:8].sum()
    assert np.abs(looks[3][0][..., :3].astype(int) - 40).max() < 40  # no black rim
