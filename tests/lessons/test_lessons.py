"""Training batches of the cell: the drawn clips and their truth; one number is one batch."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from tracker.errors import SettingsError, WeightsError
from tracker.foreground import training as foreground_training
from tracker.foreground.net import ForegroundNet
from tracker.foreground.settings import ForegroundNetSettings, ForegroundSettings, ForegroundTrainSettings
from tracker.foreground.weights import save_foreground
from tracker.learning.loop import RunOptions
from tracker.lessons import foreground
from tracker.lessons import street as lessons
from tracker.lessons.foreground import CODED_BLOCK, DrawFrames, ForegroundClips, _coded
from tracker.lessons.recipes import read_recipe, run_recipe
from tracker.lessons.street import BIRTH_VISIBLE, HELD_OUT_BATCH, SMALLEST_SIDE_PX, DrawBatch, StreetClips
from tracker.slots import training as slots_training
from tracker.slots.settings import CellTrainSettings
from tracker.types import MOST_SEED
from tracker.worlds import StreetSettings, draw_street

CLIPS = 6
STREET = StreetSettings(width=48, height=40, objects=(2, 5), object_px=(10, 16), speed=(0.1, 0.2), pairs=0.5)
TRAIN = CellTrainSettings(batch=CLIPS, slots=3)
DRAW = DrawBatch(TRAIN, StreetClips(street=STREET))
FRAMES = 16
SHIPPED = Path(__file__).parents[2] / "configs" / "train" / "street.yaml"


@pytest.fixture
def drawn(monkeypatch):
    """(seed, clip) of everything that is drawn, in order."""
    seen = []
    draw_street = lessons.draw_street

    def draw(settings, *, seed):
        seen.append((seed, draw_street(settings, seed=seed)))
        return seen[-1][1]

    monkeypatch.setattr(lessons, "draw_street", draw)
    return seen


def same(one, two):
    return all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in zip(one, two, strict=True))


def identities_of(clip, batch, b):
    """Slot -> identity, by the pixels both claim; {} for slots whose object never shows."""
    owners = batch.owners[:, b]
    found = {}
    for k in range(batch.births.shape[1]):
        values = np.unique(clip.labels[owners == k + 1])
        assert len(values) <= 1
        if len(values):
            found[k] = int(values[0])
    return found


def well_in_view(truth):
    return min(truth.box.width, truth.box.height) >= SMALLEST_SIDE_PX and truth.visible >= BIRTH_VISIBLE


def test_a_batch_is_the_clips_and_who_owns_their_pixels(drawn):
    batch = DRAW(7, FRAMES)
    assert len(drawn) == CLIPS
    without_slot = 0
    for b, (_, clip) in enumerate(drawn):
        np.testing.assert_array_equal(batch.images[:, b], clip.images)
        owners, labels = batch.owners[:, b], clip.labels
        assert set(np.unique(owners)) <= {-1, 0, 1, 2, 3}
        np.testing.assert_array_equal(owners == 0, labels == 0)
        for k, identity in identities_of(clip, batch, b).items():
            np.testing.assert_array_equal(owners == k + 1, labels == identity)
        without_slot += int((owners == -1).any())
    assert without_slot > 0  # some street had more objects than there are slots


def test_boxes_follow_their_objects_and_are_absent_with_them(drawn):
    batch = DRAW(7, FRAMES)
    absent = 0
    for b, (_, clip) in enumerate(drawn):
        for k, identity in identities_of(clip, batch, b).items():
            for t in range(FRAMES):
                truth = [box for box in clip.boxes[t] if box.id == identity]
                came = batch.boxes[t, b, k]
                if not truth:
                    assert np.isnan(came).all()
                    absent += 1
                    continue
                x0, y0, x1, y1 = truth[0].box
                assert came.tolist() == [(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0]
    assert absent > 0


def test_a_slot_is_born_where_its_object_first_comes_well_into_view(drawn):
    batch = DRAW(7, FRAMES)
    late = 0
    for b, (_, clip) in enumerate(drawn):
        shown = identities_of(clip, batch, b)
        when = {}
        for t in range(FRAMES):
            for truth in clip.boxes[t]:
                if well_in_view(truth):
                    when.setdefault(truth.id, t)
        for k, identity in shown.items():
            assert batch.births[b, k] == when[identity]
            late += int(when[identity] > 0)
        # the earliest have the slots, a slot that nobody needs is never born
        used = batch.births[b] < FRAMES
        assert used.sum() == min(3, len(when))
        assert sorted(when.values())[: used.sum()] == sorted(batch.births[b][used].tolist())
        assert np.isnan(batch.boxes[:, b, ~used]).all()
    assert late > 0


def test_the_verdicts_are_a_mixture_s_that_knows_the_empty_street():
    plain = STREET.model_copy(
        update={"shadow": (0.0, 0.0), "light_drift": 0.0, "contrast": (1.0, 1.0), "noise": (1.0, 2.0)}
    )
    batch = DrawBatch(TRAIN, StreetClips(street=plain))(0, FRAMES)
    assert set(np.unique(batch.verdicts)) <= {0, 127, 255}
    on = batch.verdicts > 0
    assert on[batch.owners != 0].mean() > 0.7
    assert on[batch.owners == 0].mean() < 0.1
    assert on[0][batch.owners[0] != 0].mean() > 0.7  # from the first frame on


def test_shapes_and_kinds_of_numbers():
    batch = DRAW(0, 4)
    kinds = {name: (value.shape, value.dtype) for name, value in batch._asdict().items()}
    assert kinds == {
        "images": ((4, CLIPS, 40, 48, 3), np.uint8),
        "verdicts": ((4, CLIPS, 40, 48), np.uint8),
        "boxes": ((4, CLIPS, 3, 4), np.float32),
        "births": ((CLIPS, 3), np.int64),
        "owners": ((4, CLIPS, 40, 48), np.int64),
    }


# --- one number, one batch ------------------------------------------------------------------------------------------


def test_the_same_number_is_the_same_batch_whenever_and_wherever_it_is_drawn():
    first = DRAW(3, 5)
    DRAW(0, 5)
    np.random.default_rng().random()
    assert same(DRAW(3, 5), first)
    assert same(pickle.loads(pickle.dumps(DRAW))(3, 5), first)  # as it travels to the drawing process
    assert not same(DRAW(4, 5), first)
    other = DrawBatch(CellTrainSettings(batch=CLIPS, slots=3, seed=1), DRAW.clips)
    assert not same(other(3, 5), first)


def test_the_held_out_batch_is_the_same_for_every_training(drawn):
    first = DRAW(-1, 2)
    other = DrawBatch(CellTrainSettings(batch=5, slots=3, seed=4), DRAW.clips)
    assert same(other(-1, 2), first)
    assert len(drawn) == 2 * HELD_OUT_BATCH
    assert len({seed for seed, _ in drawn}) == HELD_OUT_BATCH


SEEDS = (0, 7, 50, 1000, 9_999_700, MOST_SEED)
"""of trainings; with consecutive seeds for their clips, those of 1000 and of 9,999,700 would reach the held-out ones"""


def test_no_clip_is_drawn_twice_in_a_training_and_none_of_the_held_out_ones_or_of_those_users_draw():
    shipped = read_recipe(SHIPPED).train
    held_out = lessons.clip_seeds(0, -1, HELD_OUT_BATCH)
    for seed in SEEDS:
        drawn = [each for number in range(shipped.steps) for each in lessons.clip_seeds(seed, number, shipped.batch)]
        assert len({*drawn, *held_out}) == len(drawn) + HELD_OUT_BATCH
        assert min(*drawn, *held_out) > MOST_SEED


def test_two_trainings_share_no_clip():
    seeds = [each for seed in SEEDS for number in range(99) for each in lessons.clip_seeds(seed, number, 16)]
    assert len(set(seeds)) == len(SEEDS) * 99 * 16


@pytest.mark.parametrize("number", [0, -1])
def test_a_clip_s_camera_has_other_random_numbers_than_its_street(monkeypatch, number):
    """The numbers that each of the two draws first say nothing of each other."""
    first, streets = {}, []
    make = np.random.default_rng

    def watched(seed):
        first[seed] = make(seed).random(4)
        return make(seed)

    def draw(settings, *, seed):
        streets.append(seed)
        return draw_street(settings, seed=seed)

    monkeypatch.setattr(foreground.np.random, "default_rng", watched)
    monkeypatch.setattr(foreground, "draw_street", draw)
    monkeypatch.setattr(foreground, "HELD_OUT_BATCH", 2)
    clips = ForegroundClips(street=StreetSettings(width=16, height=16, objects=(0, 0)))
    DrawFrames(ForegroundTrainSettings(clips=2, frames=4), clips)(number)
    cameras = [seed for seed in first if seed not in streets]
    assert len(streets) == len(cameras) == 2
    assert len(np.unique([first[seed] for seed in (*streets, *cameras)])) == 4 * 4


def test_the_shipped_recipe_draws_a_batch():
    shipped = read_recipe(SHIPPED)
    draw = DrawBatch(shipped.train.model_copy(update={"batch": 1}), shipped)
    batch = draw(0, shipped.train.lengths[0][1])
    assert batch.images.shape[1:] == (1, shipped.street.height, shipped.street.width, 3)
    assert (batch.births < len(batch.images)).any()


def test_a_codec_leaves_a_block_that_hardly_changed_and_sends_one_that_did():
    images = np.full((3, 32, 32, 3), 100, np.uint8)
    images[1, :CODED_BLOCK, :CODED_BLOCK] = 200
    images[1:, 16:] = 101
    rng = np.random.default_rng(0)
    coded = _coded(images, rng)
    assert (coded[1, :CODED_BLOCK, :CODED_BLOCK] == 200).all()
    assert (coded[1:, 16:] == 100).all()  # one grey level is below any threshold
    assert np.array_equal(coded[0], images[0])


def test_verdicts_can_be_the_foreground_network_s():
    seen = DrawBatch(TRAIN, StreetClips(street=STREET, foreground=ForegroundSettings()))(5, 4)
    plain = DRAW(5, 4)
    assert np.array_equal(seen.images, plain.images)
    assert set(np.unique(seen.verdicts)) <= {0, 127, 255}
    assert not np.array_equal(seen.verdicts, plain.verdicts)


# --- weights files that a recipe names ------------------------------------------------------------------------------

CLIP = {"width": 16, "height": 16, "objects": (0, 0)}
FOREGROUND_RECIPE = {
    "kind": "foreground", "street": CLIP,
    "train": {
        "steps": 2, "batch": 1, "clips": 1, "frames": 4, "begin": "begin.safetensors", "net": {"features": (4, 6, 8)}
    },
}  # fmt: skip
SLOTS_RECIPE = {
    "kind": "slots", "street": CLIP, "foreground": {"weights": "begin.safetensors"},
    "train": {
        "steps": 2, "batch": 1, "lengths": [(0.0, 2)],
        "network": {"cell": {"grid_px": 8, "features": 8, "hidden": 3, "motion": 6}},
    },
}  # fmt: skip


def write_begin(seed):
    torch.manual_seed(seed)
    shape = ForegroundNetSettings(features=(4, 6, 8))
    save_foreground(ForegroundNet(shape), shape, Path("begin.safetensors"), trained_steps=1)


@pytest.mark.parametrize(
    ("recipe", "name"),
    [(FOREGROUND_RECIPE, "train.begin"), (SLOTS_RECIPE, "foreground.weights")],
    ids=["ground", "slots"],
)
def test_a_training_does_not_go_on_with_another_file_under_a_name_of_its_recipe(tmp_path, monkeypatch, recipe, name):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(foreground, "HELD_OUT_BATCH", 1)
    monkeypatch.setattr(lessons, "HELD_OUT_BATCH", 1)
    for module in (foreground_training, slots_training):
        monkeypatch.setattr(
            module, "drawn_ahead", lambda draw, arguments, *, workers: (draw(*each) for each in arguments)
        )
    Path("mine.yaml").write_text(json.dumps(recipe))
    with pytest.raises(WeightsError, match=r"begin\.safetensors"):
        run_recipe("mine.yaml", (), tmp_path / "run")
    write_begin(0)
    run_recipe("mine.yaml", (), tmp_path / "run", options=RunOptions(minutes=0))
    write_begin(1)
    with pytest.raises(SettingsError, match=rf"run: holds a run with other settings \(sha256\.{name}\); choose"):
        run_recipe("mine.yaml", (), tmp_path / "run")
    write_begin(0)
    run_recipe("mine.yaml", (), tmp_path / "run")
    assert [json.loads(line)["step"] for line in (tmp_path / "run/curve.jsonl").read_text().splitlines()] == [2]
