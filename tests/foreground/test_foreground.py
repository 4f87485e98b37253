"""The network that reads the scene: what it is shown, what it answers, and how it is trained."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch

from tracker.background import Mixture, MixtureScene, MixtureSettings
from tracker.errors import SettingsError, WeightsError
from tracker.foreground import training
from tracker.foreground.features import CHANNELS, UNITS, ZERO, SceneFeatures, _lower_mean, as_numbers
from tracker.foreground.net import ForegroundNet
from tracker.foreground.predictor import CERTAIN, TorchPredictor
from tracker.foreground.scene import ForegroundJudgement, ForegroundScene
from tracker.foreground.settings import ForegroundNetSettings, ForegroundSettings, ForegroundTrainSettings
from tracker.foreground.training import DrawnFrames, evaluate, foreground_loss, train
from tracker.foreground.weights import load_foreground, load_foreground_net, save_foreground, trained_steps_of
from tracker.learning.group import ALONE
from tracker.learning.loop import RunOptions
from tracker.lessons.foreground import DrawFrames, ForegroundClips
from tracker.slots.weights import load_network
from tracker.types import BACKGROUND, FOREGROUND, UNSURE
from tracker.worlds import StreetSettings, draw_street

SMALL = ForegroundNetSettings(features=(4, 6, 8))
DIFFERENCE, VARIABILITY = 3, 8


def scene(height: int = 48, width: int = 64) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(60, 180, (height, width, 3)).astype(np.uint8)


def prepared(image: np.ndarray) -> SceneFeatures:
    known = SceneFeatures(Mixture(MixtureSettings()))
    known.prepare([image] * 10)
    return known


def test_an_empty_scene_shows_no_difference():
    image = scene()
    channels = prepared(image).extract(image).channels
    assert channels.shape == (CHANNELS, 48, 64)
    assert channels.dtype == np.uint8
    assert np.abs(as_numbers(channels)[DIFFERENCE : DIFFERENCE + 3]).max() < 0.2


def test_the_steps_of_the_channels_are_grey_levels():
    """Counted by hand: a pixel of 200 before a scene of 100 in today's light, which the mixture calls an object."""
    image = np.full((48, 64, 3), 100, np.uint8)
    known = prepared(image)
    image[20:30, 20:30] = 200
    numbers = as_numbers(known.extract(image).channels)[:, 25, 25]
    np.testing.assert_allclose(numbers[:3], (150 - 128) / 64, atol=0.02)
    np.testing.assert_allclose(numbers[3:6], (ZERO - 1) * UNITS[3])  # 100 levels, of which 63.5 can be said
    np.testing.assert_array_equal(numbers[6:8], [1, 0])
    assert 0 < numbers[VARIABILITY] < 0.6


def test_light_that_changes_everywhere_is_no_difference_but_an_object_is():
    image = scene()
    darker = (image * 0.7).astype(np.uint8)
    darker[20:30, 20:30] = 250
    difference = np.abs(as_numbers(prepared(image).extract(darker).channels)[DIFFERENCE : DIFFERENCE + 3]).max(0)
    inside, outside = difference[20:30, 20:30], np.delete(difference, np.s_[14:36], axis=0)
    assert inside.min() > 2
    assert outside.mean() < 0.5


def test_a_place_that_flickers_is_variable_and_one_where_somebody_stood_is_not():
    image, rng = scene(), np.random.default_rng(1)
    pictures = []
    for n in range(20):
        picture = image.copy()
        picture[:, :16] = np.clip(picture[:, :16].astype(int) + rng.choice([-9, 9], (48, 16, 1)), 0, 255)
        if n < 6:
            picture[:, 48:] = 255
        pictures.append(picture)
    known = SceneFeatures(Mixture(MixtureSettings()))
    known.prepare(pictures)
    variability = as_numbers(known.extract(image).channels)[VARIABILITY]
    assert variability[:, :16].mean() > 2 * variability[:, 20:36].mean()
    assert variability[:, 48:].mean() < 1.5 * variability[:, 20:36].mean()
    assert variability.min() > 0


def test_an_object_nobody_owns_makes_its_place_variable_slowly():
    image = scene()
    known = prepared(image)
    calm = as_numbers(known.extract(image).channels)[VARIABILITY].mean()
    there = image.copy()
    there[:, 32:] = 255
    for _ in range(100):
        known.learn(there, known.extract(there))
    variability = as_numbers(known.extract(image).channels)[VARIABILITY]
    assert calm < variability[:, 32:].mean() < 0.5


@pytest.mark.parametrize("shape", [(48, 64), (45, 61), (8, 8)])
def test_any_size_gets_one_probability_a_pixel(shape):
    found = TorchPredictor(ForegroundNet(SMALL))(np.full((CHANNELS, *shape), ZERO, np.uint8))
    assert found.shape == shape
    assert found.dtype == np.uint8


def test_a_large_picture_is_shown_small_and_judged_at_its_own_size():
    image = scene(96, 128)
    known = ForegroundScene(
        Mixture(MixtureSettings()), TorchPredictor(ForegroundNet(SMALL)), ForegroundSettings(side_px=48)
    )
    assert not known.judge(image).verdicts.any()  # nothing is known yet: all of it is the scene
    known.prepare([image] * 5)
    judgement = known.judge(image)
    verdict = judgement.verdicts
    assert verdict.shape == (96, 128)
    assert set(np.unique(verdict)) <= {BACKGROUND, UNSURE, FOREGROUND}
    known.follow(judgement)
    known.learn(judgement, np.ones((96, 128), bool))
    known.reset()
    assert not known.judge(image).verdicts.any()


class Sees:
    """A predictor that is sure of some rectangles or masks, and of nothing else."""

    def __init__(self, *seeds: tuple[slice, slice] | np.ndarray) -> None:
        self.seeds = seeds

    def __call__(self, channels):
        found = np.zeros(channels.shape[1:], np.uint8)
        for seed in self.seeds:
            found[seed] = CERTAIN
        return found


def judged(image: np.ndarray, empty: np.ndarray, *seeds: tuple[slice, slice] | np.ndarray) -> ForegroundJudgement:
    known = ForegroundScene(Mixture(MixtureSettings()), Sees(*seeds), ForegroundSettings())
    known.prepare([empty] * 8)
    return known.judge(image)


ROAD = np.full((96, 128, 3), 150, np.uint8)
CAR, FRONT, SHADOW = np.s_[30:60, 40:80], np.s_[30:60, 40:62], np.s_[60:70, 40:80]


def test_what_hangs_on_an_object_is_the_objects_unless_it_is_only_darker():
    image = ROAD.copy()
    image[CAR] = (200, 40, 40)
    image[SHADOW] = 60
    verdict = judged(image, ROAD, FRONT).verdicts
    assert (verdict[31:59, 41:79] == FOREGROUND).all()
    assert not verdict[63:].any()


def test_a_change_of_the_whole_picture_is_no_part_of_an_object():
    verdict = judged(scene(96, 128), ROAD, FRONT).verdicts
    assert (verdict == FOREGROUND).sum() == pytest.approx(30 * 22, abs=8)


def test_what_is_darker_between_the_parts_of_an_object_completes_it():
    """A car of which the dark bumper was missed: between the wheels it is filled, its shadow under them is not."""
    image = ROAD.copy()
    image[30:62, 40:80] = 60
    image[62:70, 30:90] = 60
    wheels = np.s_[50:62, 40:50], np.s_[50:62, 70:80]
    judgement = judged(image, ROAD, np.s_[30:50, 40:80], *wheels)
    labels = (judgement.verdicts == FOREGROUND).astype(np.int32)
    assert not labels[54:58, 54:66].any()
    complete = judgement.complete(labels)
    assert complete[54:58, 54:66].all()
    assert not complete[64:].any()
    assert not labels[54:58, 54:66].any()  # in a copy


def test_the_mixture_alone_completes_nothing():
    labels = np.eye(4, dtype=np.int32)
    known = MixtureScene(Mixture(MixtureSettings()))
    assert known.judge(ROAD).complete(labels) is labels


def shaded(edge_px: float) -> tuple[np.ndarray, np.ndarray]:
    """A picture darker by a third in a round patch whose rim is so wide, and the patch's mask at half depth."""
    y, x = np.mgrid[:96, :128]
    depth = np.clip((28 - np.hypot(y - 48, x - 64)) / edge_px + 0.5, 0, 1)
    return (ROAD * (1 - depth[..., None] / 3)).astype(np.uint8), depth > 0.5


@pytest.mark.parametrize(("edge_px", "kept"), [(24, False), (1, True)], ids=["a cloud's shadow", "a dark thing"])
def test_what_only_darkens_and_fades_at_its_rim_is_the_light(edge_px, kept):
    image, patch = shaded(edge_px)
    verdict = judged(image, ROAD, patch).verdicts
    assert (verdict[patch] == FOREGROUND).mean() == pytest.approx(float(kept), abs=0.02)


def test_who_walks_in_a_clouds_shadow_stays():
    image, patch = shaded(24)
    walker = np.s_[40:56, 60:66]
    image[walker] = (150, 40, 40)
    verdict = judged(image, ROAD, patch).verdicts
    assert (verdict[walker] == FOREGROUND).mean() > 0.8
    assert (verdict == FOREGROUND).sum() < 2 * 16 * 6


def test_a_lorry_of_which_the_network_sees_a_corner_is_whole_where_it_hides_the_scenes_edges():
    street = cv2.GaussianBlur(scene(96, 128), (0, 0), 3)
    image = street.copy()
    lorry = np.s_[4:92, 20:124]
    image[lorry] = (30, 60, 30)
    verdict = judged(image, street, np.s_[4:30, 20:60]).verdicts
    assert (verdict[5:91, 21:123] == FOREGROUND).all()


def test_a_bright_lorry_with_windows_is_not_the_sun():
    """Its sides are the road's colour, only lighter, and what the network misses of it are windows, as different as the rest."""
    street = cv2.GaussianBlur(scene(96, 128), (0, 0), 3)
    image = street.copy()
    image[10:90, 10:120] = 220
    windows = np.zeros((96, 128), bool)
    windows[10:90, 10:120] = True
    for x in range(18, 110, 14):
        image[20:78, x : x + 8] = 40
        windows[20:78, x : x + 8] = False
    verdict = judged(image, street, windows).verdicts
    assert (verdict[windows] == FOREGROUND).mean() > 0.95


@pytest.mark.parametrize(("levels", "kept"), [(4, False), (12, True)], ids=["a codec's residue", "a grey coat"])
def test_a_piece_apart_that_is_fainter_than_any_object_is_what_a_codec_left(levels, kept):
    image, coat = ROAD.copy(), np.s_[30:60, 90:120]
    image[FRONT] = (200, 40, 40)
    image[coat] += np.uint8(levels)
    verdict = judged(image, ROAD, FRONT, coat).verdicts
    assert (verdict[FRONT] == FOREGROUND).all()
    assert (verdict[coat] == FOREGROUND).mean() == float(kept)


def test_a_faint_middle_between_the_parts_of_an_object_stays():
    image = ROAD.copy()
    image[CAR] = (200, 40, 40)
    image[40:50, 50:70] = 152
    verdict = judged(image, ROAD, CAR).verdicts
    assert (verdict[CAR] == FOREGROUND).all()


@pytest.mark.parametrize(
    ("still", "least"), [(False, 0.9), (True, 0.65)], ids=["a scene with noise", "a still picture"]
)
def test_the_shipped_network_finds_drawn_walkers_and_not_their_shadows(still, least):
    """Also where the scene was learned from one picture over and over, which has no noise to be learned."""
    predict, digest = load_foreground("foreground")
    assert len(digest) == 64
    settings = StreetSettings(
        width=200, height=160, frames=12, objects=(3, 3), object_px=(24, 36), shadow=(0.3, 0.3), pillars=(0, 0)
    )
    hits = found = true = 0
    for seed in (3, 4, 5):
        clip = draw_street(settings, seed=seed)
        known = ForegroundScene(Mixture(MixtureSettings()), predict, ForegroundSettings())
        empty = np.where(clip.labels[..., None] > 0, clip.background, clip.images)
        known.prepare([empty[0]] * 8 if still else list(empty[:8]))
        for image, labels in zip(clip.images[::3], clip.labels[::3], strict=True):
            object_there, said = labels > 0, known.judge(image).verdicts == FOREGROUND
            hits, found, true = hits + (said & object_there).sum(), found + said.sum(), true + object_there.sum()
    assert 2 * hits / (found + true) > least


@pytest.mark.parametrize("colour", [(200, 60, 40), (40, 140, 60), (60, 80, 200), (240, 240, 240), (20, 20, 30)])
@pytest.mark.parametrize("noise", [0, 1])
def test_the_shipped_network_finds_a_thing_of_one_colour_on_a_ground_of_one_colour(colour, noise):
    random = np.random.default_rng(0)
    clip = np.full((24, 120, 160, 3), 90, np.int16)
    for t, image in enumerate(clip):
        image[50:80, 5 * t : 5 * t + 20] = colour
    clip += np.rint(random.normal(0, noise, clip.shape)).astype(np.int16)
    images = np.clip(clip, 0, 255).astype(np.uint8)
    predict, _ = load_foreground("foreground", device="cpu")
    scene = ForegroundScene(Mixture(MixtureSettings()), predict, ForegroundSettings())
    scene.prepare(list(images))
    found = [np.count_nonzero(scene.judge(image).verdicts == FOREGROUND) / (30 * 20) for image in images]
    assert min(found) > 0.9


def test_the_loss_falls_as_the_answer_comes_nearer():
    objects = torch.zeros(1, 1, 8, 8)
    objects[..., :4] = 1
    losses = [float(foreground_loss((2 * objects - 1) * sure, objects)) for sure in (-2.0, 0.0, 2.0, 8.0)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.1


def test_drawn_frames_depend_on_their_number_only():
    clips = ForegroundClips(street=StreetSettings(width=48, height=48, object_px=(9, 20)))
    draw = DrawFrames(ForegroundTrainSettings(clips=1, frames=8), clips)
    first, again, other = draw(3), draw(3), draw(4)
    assert np.array_equal(first.features, again.features)
    assert np.array_equal(first.objects, again.objects)
    assert first.features.shape == (2, CHANNELS, *first.objects.shape[1:])
    assert len(first.features) == 2
    assert not np.array_equal(first.features, other.features)


def draw_squares(number: int) -> DrawnFrames:
    """Two frames with a bright square each; a plain function, so that another process can be given it."""
    rng = np.random.default_rng(number + 10)
    features = np.clip(rng.normal(ZERO, 10, (2, CHANNELS, 16, 16)), 0, 255).astype(np.uint8)
    objects = np.zeros((2, 16, 16), bool)
    for n in range(2):
        y, x = rng.integers(2, 8, 2)
        objects[n, y : y + 6, x : x + 6] = True
    features[:, DIFFERENCE][objects] = 220
    return DrawnFrames(features, objects)


@pytest.mark.slow
def test_a_training_that_was_stopped_goes_on_to_the_same_weights(tmp_path):
    settings = ForegroundTrainSettings(
        steps=6, batch=4, repeats=2, kept_draws=2, checkpoint_every=3, bfloat16=False, net=SMALL, rounded_from=0.5
    )
    whole = train(settings, draw_squares, tmp_path / "whole", recipe={"a": 1})
    train(settings, draw_squares, tmp_path / "halves", recipe={"a": 1}, options=RunOptions(minutes=0))
    assert (tmp_path / "halves/curve.jsonl").read_text() == ""  # stopped after its first step, before a row
    halves = train(settings, draw_squares, tmp_path / "halves", recipe={"a": 1})
    assert whole.read_bytes() == halves.read_bytes()
    assert [json.loads(line)["step"] for line in (tmp_path / "halves/curve.jsonl").read_text().splitlines()] == [3, 6]
    with pytest.raises(SettingsError, match="other settings"):
        train(settings, draw_squares, tmp_path / "halves", recipe={"a": 2})


@pytest.fixture
def drawn_here(monkeypatch):
    """No process draws: the two squares come at once."""
    monkeypatch.setattr(
        training, "drawn_ahead", lambda draw, arguments, *, workers: (draw(*each) for each in arguments)
    )


TINY = ForegroundTrainSettings(
    steps=4, batch=2, repeats=2, kept_draws=2, checkpoint_every=2, bfloat16=False, net=SMALL, rounded_from=0.5
)


def curve(out):
    return [json.loads(line) for line in (out / "curve.jsonl").read_text().splitlines()]


@pytest.fixture
def begin(tmp_path):
    """A calibrated network of 70 steps: the weights file to begin with."""
    torch.manual_seed(3)
    net = ForegroundNet(SMALL)
    net.calibrate(torch.from_numpy(as_numbers(draw_squares(0).features)))
    save_foreground(net, SMALL, tmp_path / "begin.safetensors", trained_steps=70)
    return str(tmp_path / "begin.safetensors")


@pytest.mark.parametrize(("rounded_from", "graph"), [(0.5, True), (1.0, False)])
def test_what_begins_with_a_rounded_network_is_in_floating_point_until_the_settings_say(
    tmp_path, drawn_here, begin, monkeypatch, rounded_from, graph
):
    seen = []
    calibrate = ForegroundNet.calibrate
    monkeypatch.setattr(ForegroundNet, "calibrate", lambda net, features: (seen.append(1), calibrate(net, features)))
    settings = TINY.model_copy(update={"begin": begin, "rounded_from": rounded_from})
    weights = train(settings, draw_squares, tmp_path / "run", recipe={}, options=RunOptions(minutes=0))
    assert not load_foreground_net(str(weights))[0].calibrated
    assert not seen
    train(settings, draw_squares, tmp_path / "run", recipe={})
    assert load_foreground_net(str(weights))[0].calibrated == graph
    assert len(seen) == graph
    assert weights.with_suffix(".onnx").exists() == graph


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_what_is_evaluated_is_what_is_written(tmp_path, drawn_here, begin, share):
    settings = TINY.model_copy(update={"begin": begin, "begin_share": share})
    weights = train(settings, draw_squares, tmp_path / "run", recipe={})
    scores = evaluate(load_foreground_net(str(weights))[0], draw_squares(-1))
    assert curve(tmp_path / "run")[-1].items() >= scores.items()


def test_steps_count_those_of_the_weights_that_a_training_began_with(tmp_path, drawn_here, begin):
    weights = train(TINY.model_copy(update={"begin": begin}), draw_squares, tmp_path / "run", recipe={})
    assert trained_steps_of(str(weights)) == 70 + TINY.steps


def test_files_of_a_network_are_those_that_are_written(tmp_path, begin):
    task = training._ForegroundTask(TINY, draw_squares, "cpu", ALONE)
    for name, net in (("plain", ForegroundNet(SMALL)), ("rounded", load_foreground_net(begin)[0])):
        (tmp_path / name).mkdir()
        task.save(net, tmp_path / name / "weights.safetensors", trained_steps=1)
        assert set(task.files(net, tmp_path / name / "weights.safetensors")) == set((tmp_path / name).iterdir())


def test_a_network_of_another_shape_to_begin_with_is_refused_before_anything_is_written(tmp_path, drawn_here, begin):
    wider = TINY.model_copy(update={"begin": begin, "net": ForegroundNetSettings(features=(4, 6, 9))})
    with pytest.raises(
        SettingsError, match=r"begin\.safetensors: its features are \[4, 6, 8\], wanted \[4, 6, 9\] as in"
    ):
        train(wider, draw_squares, tmp_path / "run", recipe={})
    assert not (tmp_path / "run").exists()


def test_the_shortest_clips_have_a_frame_to_learn_from_wherever_they_begin():
    clips = ForegroundClips(street=StreetSettings(width=16, height=16, objects=(0, 0)))
    drawn = DrawFrames(ForegroundTrainSettings(clips=20, frames=4), clips)(0)
    assert len(drawn.features) == len(drawn.objects) == 20
    with pytest.raises(ValueError, match="frames"):
        ForegroundTrainSettings(frames=3)


def test_the_shipped_network_is_found_by_its_old_name_with_a_warning_that_names_the_new_one():
    with pytest.warns(FutureWarning, match="ground is now foreground"):
        assert ForegroundSettings(weights="ground") == ForegroundSettings()


def test_weights_of_the_two_networks_are_not_taken_for_each_other(tmp_path):
    save_foreground(ForegroundNet(SMALL), SMALL, tmp_path / "foreground.safetensors", trained_steps=1)
    net, _ = load_foreground_net(str(tmp_path / "foreground.safetensors"))
    assert net.settings == SMALL
    with pytest.raises(WeightsError, match="another version"):
        load_network(str(tmp_path / "foreground.safetensors"))
    with pytest.raises(WeightsError, match="another version"):
        load_foreground("street")


@pytest.mark.parametrize("count", [1, 2, 5, 80, 300])
def test_the_mean_of_the_smaller_half_is_that_of_a_sort(count):
    samples = np.random.default_rng(count).integers(0, 256, (count, 6, 7)).astype(np.uint8)
    expected = np.sort(samples, axis=0)[: count // 2 + 1].mean(axis=0, dtype=np.float32)
    assert np.array_equal(_lower_mean(samples), expected)


def test_onnx_runtime_is_told_to_report_nothing_before_it_is_loaded():
    code = """
import os, sys
from tracker.foreground.settings import ForegroundSettings
from tracker.foreground.weights import load_foreground
assert "onnxruntime" not in sys.modules
load_foreground(ForegroundSettings().weights)
assert "onnxruntime" in sys.modules
print(os.environ["ORT_DISABLE_TELEMETRY"])
"""
    clean = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run([sys.executable, "-c", code], env=clean, capture_output=True, text=True, check=False)
    assert done.stdout == "1\n", done.stderr
