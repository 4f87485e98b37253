"""What the mixture has learned is saved and goes on to the last bit."""

import cv2
import numpy as np
import pytest

from tracker.background import Mixture, MixtureSettings, mixture_state
from tracker.checkpoint.values import from_bytes, to_bytes
from tracker.errors import SettingsError, SinkError

SIZE = (12, 16)


def pictures(count, seed=0):
    """Noise on a scene, in which a bright patch comes and goes."""
    random = np.random.default_rng(seed)
    scene = random.integers(20, 200, (*SIZE, 3))
    for index in range(count):
        picture = scene + random.integers(-8, 9, scene.shape)
        if index % 5 == 0:
            picture[3:7, index % 10 : index % 10 + 4] = 250
        yield picture.clip(0, 255).astype(np.uint8)


def saved(mixture):
    return from_bytes(to_bytes(mixture, {}), {})


def test_this_opencv_is_known():
    mixture_state.check_can_be_read()


def test_another_layout_is_refused_and_not_guessed_at(monkeypatch):
    monkeypatch.setattr(mixture_state, "BEGINS", (40,))
    with pytest.raises(SinkError, match="not known; leave it out"):
        mixture_state.check_can_be_read()


def test_a_restored_mixture_gives_the_same_verdicts_to_the_last_bit():
    whole = Mixture(MixtureSettings())
    whole.prepare(list(pictures(10)))
    known = np.zeros(SIZE, bool)
    known[2:5, 2:9] = True
    for picture in pictures(30, seed=1):
        whole.judge(picture)
        whole.learn(picture, known)
    other = saved(whole)
    for index, picture in enumerate(pictures(30, seed=2)):
        assert np.array_equal(whole.judge(picture), other.judge(picture))
        for mixture in (whole, other):
            mixture.learn(picture, known if index % 2 else None, dt_s=0.08)
            if index == 20:
                mixture.uncover(picture, known)
    assert to_bytes(whole, {}) == to_bytes(other, {})
    assert np.array_equal(whole.picture(), other.picture())


def test_scenes_that_were_left_are_saved_too():
    whole = Mixture(MixtureSettings(warm_up_s=0.2))
    for scene in (0, 1, 2, 0):
        whole.enter(scene)
        for picture in pictures(8, seed=scene):
            whole.step(picture)
    other = saved(whole)
    for mixture in (whole, other):
        mixture.enter(2)
    picture = next(pictures(1, seed=5))
    assert np.array_equal(whole.step(picture), other.step(picture))
    assert to_bytes(whole, {}) == to_bytes(other, {})


def test_one_that_has_seen_nothing_is_new():
    other = saved(Mixture(MixtureSettings()))
    assert not other.ready
    first = next(pictures(1))
    assert np.array_equal(other.step(first), Mixture(MixtureSettings()).step(first))


def test_the_state_is_the_gaussians_in_use():
    model = cv2.createBackgroundSubtractorMOG2(history=100, varThreshold=16, detectShadows=True)
    for picture in pictures(20):
        model.apply(picture, learningRate=0.05)
    learned = mixture_state.read(model, SIZE)
    assert learned.modes.shape == SIZE
    assert learned.modes.min() >= 1
    assert len(learned.means) == len(learned.weights) == learned.modes.sum()
    first = np.cumsum(learned.modes.ravel(), dtype=np.intp) - learned.modes.ravel()
    assert np.allclose(np.add.reduceat(learned.weights[:, 0], first), 1, atol=1e-4)


def test_knn_cannot_be_saved():
    with pytest.raises(SettingsError, match="knn cannot be saved"):
        to_bytes(Mixture(MixtureSettings(method="knn")), {})
