"""The papers' data sets: their laws, held to what was measured on the authors' own clips."""

import gzip
from itertools import combinations, pairwise

import numpy as np
import pytest
import torch

from tracker.errors import SettingsError, SourceError
from tracker.papers import balls, sprites
from tracker.papers.settings import BallSettings, DigitSettings, WorldSettings
from tracker.papers.worlds import draw

CPU = torch.device("cpu")


def clips(world, *, batch=8, frames=21, seed=0, number=0, split="train"):
    return draw(world, batch=batch, frames=frames, seed=seed, number=number, split=split, device=CPU)


def flying(objects, **more):
    return WorldSettings(kind="flying-shapes", objects=(objects, objects), **more)


def bouncing(objects=4, **more):
    return WorldSettings(kind="balls", objects=(objects, objects), side_px=64, **more)


def test_the_three_shapes_have_the_papers_sizes_and_pixels():
    ink, sizes = sprites.shapes()
    assert sizes.tolist() == [[7, 7], [7, 12], [7, 12]]
    assert ink.sum((1, 2)).tolist() == [49 - 9, 2 + 4 + 6 + 6 + 6 + 24, 48]
    assert (ink[2, :7] == ink[1, :7][::-1]).all()
    assert not ink[0, 2:5, 2:5].any()


@pytest.mark.parametrize("kind", ["static-shapes", "flying-shapes"])
def test_the_same_seed_draws_the_same_clips_and_others_differ(kind):
    world = WorldSettings(kind=kind)
    first = clips(world).frames
    assert torch.equal(first, clips(world).frames)
    for other in ({"seed": 1}, {"number": 1}, {"split": "test"}):
        assert not torch.equal(first, clips(world, **other).frames)


def test_a_static_picture_is_shown_in_every_frame():
    shown = clips(WorldSettings(), frames=5)
    assert (shown.frames == shown.frames[:, :1]).all()
    assert (shown.groups == shown.groups[:, :1]).all()


def test_black_and_white_shapes_are_joined_and_overlaps_belong_to_nobody():
    side = np.zeros((1, 2, 2), np.float32)
    side[0] = 1
    flight = sprites.Flight(np.array([[0, 0]]), np.array([[[[0, 0], [1, 1]]]]))
    shown, groups = sprites.render(sprites.Sprites(side, np.array([[2, 2]])), flight, side=4, threshold=0.5, device=CPU)
    assert groups[0, 0].tolist() == [[1, 1, 0, 0], [1, 0, 2, 0], [0, 2, 2, 0], [0, 0, 0, 0]]
    assert shown[0, 0, 0].tolist() == [[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]


def test_shapes_turn_round_at_the_border_without_standing_still():
    world = flying(1)
    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        flight = sprites.fly(world, np.array([[7, 7]]), rng, batch=1, frames=60)
        found.append(flight.corners[0, :, 0, 1].tolist())
    moving = [x for x in found if len(set(x)) > 1]
    assert 0.5 < len(moving) / len(found) < 0.85  # two of three speeds along an axis are not zero
    for x in moving:
        assert set(np.abs(np.diff(x))) == {1}
        assert min(x) == 0 or max(x) == 21
        assert all(0 <= place <= 21 for place in x)


def test_starts_cover_every_place_inside():
    flight = sprites.fly(flying(1), np.array([[7, 12]]), np.random.default_rng(0), batch=4000, frames=1)
    y, x = flight.corners[:, 0, 0].T
    assert set(y) == set(range(22))
    assert set(x) == set(range(17))


@pytest.mark.parametrize("objects", [3, 4, 5])
def test_flying_shapes_keep_their_number_and_their_pixels(objects):
    shown = clips(flying(objects), batch=30)
    assert shown.frames.shape == (30, 21, 1, 28, 28)
    assert set(shown.frames.unique().tolist()) == {0, 1}
    assert int(shown.groups.max()) == objects
    assert (shown.frames[:, :, 0][shown.groups > 0] == 1).all()
    assert 0.9 < len({n for g in shown.groups for n in g.unique().tolist()} - {0}) / objects <= 1


def test_digits_are_grey_fly_and_are_shrunk_by_two():
    pytest.importorskip("sklearn")
    shown = clips(WorldSettings(kind="flying-digits", objects=(2, 2), side_px=24))
    assert shown.frames.shape == (8, 21, 1, 24, 24)
    assert ((shown.frames > 0) & (shown.frames < 1)).any()
    assert sprites.digits(DigitSettings(), train=True).ink.shape[1:] == (14, 14)
    assert (shown.frames[:, :, 0][shown.groups > 0] > 0.5).all()


def idx(pictures):
    return b"\x00\x00\x08\x03" + b"".join(n.to_bytes(4, "big") for n in pictures.shape) + pictures.tobytes()


def test_mnist_is_read_from_its_files_and_the_test_has_other_digits(tmp_path):
    for name, ink in (("train-images-idx3-ubyte.gz", 100), ("t10k-images-idx3-ubyte.gz", 200)):
        pictures = np.full((30, 28, 28), ink, np.uint8) + np.arange(30, dtype=np.uint8)[:, None, None]
        (tmp_path / name).write_bytes(gzip.compress(idx(pictures)))
    everything = DigitSettings(path=str(tmp_path))
    assert sprites.digits(everything, train=True).ink[0].max() == pytest.approx(100 / 255)
    assert sprites.digits(everything, train=False).ink[0].max() == pytest.approx(200 / 255)
    few = DigitSettings(path=str(tmp_path), pictures=20)
    assert len(sprites.digits(few, train=True).ink) == 20
    assert (sprites.digits(few, train=False).ink == sprites.digits(few, train=True).ink).all()


def test_a_folder_without_mnist_is_named(tmp_path):
    with pytest.raises(SourceError, match=str(tmp_path)):
        sprites.digits(DigitSettings(path=str(tmp_path)), train=True)


def test_balls_keep_their_energy_and_stay_in_the_box_apart():
    world = bouncing()
    motion = balls.simulate(world, np.random.default_rng(0), batch=20, frames=200)
    energy = (motion.masses[:, None, :, None] * motion.velocities**2).sum((2, 3))
    assert energy == pytest.approx(np.broadcast_to(energy[:, :1], energy.shape), rel=1e-9)
    # a substep may carry a ball a little too far before it turns; a light one hit by heavy ones is faster by sqrt(6)
    slack = 6**0.5 / 3 / 2
    assert (motion.centres - motion.radii[:, None, :, None]).min() > -slack
    assert (motion.centres + motion.radii[:, None, :, None]).max() < 10 + slack
    assert motion.hit.any(1).mean() > 0.5
    assert set(np.unique(motion.radii)) == {0.8, 1.0}
    assert (motion.masses[motion.radii == 1.0] == 6).all()


@pytest.mark.parametrize("objects", [4, 8])
def test_balls_begin_apart_with_the_speed_of_the_papers(objects):
    motion = balls.simulate(bouncing(objects), np.random.default_rng(0), batch=20, frames=1)
    assert np.linalg.norm(motion.velocities[:, 0], axis=(1, 2)) == pytest.approx(np.full(20, 1 / 3))
    for clip in range(20):
        for i, j in combinations(range(objects), 2):
            gap = np.linalg.norm(motion.centres[clip, 0, i] - motion.centres[clip, 0, j])
            assert gap >= motion.radii[clip, i] + motion.radii[clip, j]


def test_two_balls_head_on_swap_velocities_as_masses_say():
    x, v = np.array([[[5.0, 4.2], [5.0, 5.8]]]), np.array([[[0.0, 0.1], [0.0, -0.1]]])
    hit = np.zeros((1, 2), bool)
    balls._bounce_off_balls(x, v, np.array([[0.9, 0.9]]), np.array([[1.0, 6.0]]), hit)
    # in the frame of the centre of mass (-5/7 x 0.1) both turn round
    assert v[0, :, 1] == pytest.approx([-2 * 0.5 / 7 - 0.1, -2 * 0.5 / 7 + 0.1])
    assert hit.all()
    balls._bounce_off_balls(x, v, np.array([[0.9, 0.9]]), np.array([[1.0, 6.0]]), hit)
    assert v[0, 0, 1] < 0  # they part, so they do not bounce again


def test_discs_have_their_size_and_between_six_and_eight_there_are_all():
    shown = clips(bouncing(), batch=10, frames=3)
    areas = torch.stack([(shown.groups == n).sum((2, 3)) for n in range(1, 5)]).float()
    assert areas.max() == pytest.approx(np.pi * 6.4**2, rel=0.05)
    assert areas.quantile(0.1) == pytest.approx(np.pi * 5.12**2, rel=0.1)
    many = clips(WorldSettings(kind="balls", objects=(6, 8), side_px=64), batch=40, frames=1)
    assert {len(g.unique()) - 1 for g in many.groups} == {6, 7, 8}


def test_balls_behind_the_curtain_are_not_seen():
    settings = BallSettings(radii=(1.2,), masses=(1.0,), speed=0.5)
    world = WorldSettings(kind="curtain", objects=(3, 3), side_px=64, balls=settings)
    shown = clips(world, batch=6, frames=50)
    whole = clips(world.model_copy(update={"kind": "balls"}), batch=6, frames=50)
    hidden = (whole.frames > shown.frames).any(1)[:, 0]  # (B, H, W)
    for clip in hidden:
        ys, xs = clip.nonzero().T
        assert ys.max() - ys.min() < 28
        assert xs.max() - xs.min() < 28
        assert not shown.frames[0, :, 0][:, hidden[0]].any()
    assert (shown.groups[shown.frames[:, :, 0] == 0] == 0).all()
    assert hidden.any()


def test_collisions_are_pixels_of_the_balls_that_bounce():
    shown = clips(bouncing(), batch=20, frames=30)
    assert shown.collisions is not None
    assert shown.collisions.any()
    assert shown.collisions.float().mean() < shown.frames.mean() / 2
    assert shown.frames[:, :, 0][shown.collisions].all()


def test_too_many_balls_are_refused():
    with pytest.raises(SettingsError, match="hardly fit"):
        balls.simulate(bouncing(60), np.random.default_rng(0), batch=1, frames=1)


def test_frames_of_flying_shapes_differ_by_one_pixel_of_motion():
    shown = clips(flying(1), batch=1, seed=3).frames[0, :, 0]
    for before, after in pairwise(shown):
        moved = [torch.equal(torch.roll(before, (y, x), (0, 1)), after) for y in (-1, 0, 1) for x in (-1, 0, 1)]
        assert any(moved)
