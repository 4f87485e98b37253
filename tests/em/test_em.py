"""The E-step against posteriors written out pixel by pixel, and the loss against a sum done by hand."""

import itertools
import math

import numpy as np
import pytest
import torch

from tracker.em.floor import PROBABILITY_FLOOR
from tracker.em.likelihoods import (
    bernoulli_log_likelihood,
    gaussian_log_likelihood,
    responsibilities,
    robust_colour_log_likelihood,
    two_term_loss,
)
from tracker.slots.settings import MixtureModelSettings
from tracker.slots.unroll import Prediction, e_step

SLOTS, CHANNELS, SIDE = 3, 3, 3
PIXELS = list(itertools.product(range(SIDE), range(SIDE)))


def random(*shape, seed=0, low=0.0, high=1.0):
    return torch.from_numpy(np.random.default_rng(seed).uniform(low, high, shape))


def posterior(joints):
    """p_k / sum_j p_j of one pixel's list of joint probabilities."""
    return [joint / sum(joints) for joint in joints]


def bernoulli(x, psi):
    """p(x | psi) of one pixel's channels: they multiply."""
    return math.prod(p if on else 1 - p for on, p in zip(x, psi, strict=True))


def gaussian(x, psi, sigma):
    """The density with its constant, which the posterior must not need."""
    each = (
        math.exp(-((a - b) ** 2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))
        for a, b in zip(x, psi, strict=True)
    )
    return math.prod(each)


def check_against(likelihood, x, psi, prior, log_likelihood):
    """x (C, H, W), psi (K, C, H, W), prior (K,): softmax of log pi + log p against Bayes' rule, a pixel at a time."""
    gamma = responsibilities(prior.log()[:, None, None, None] + log_likelihood, dim=0)
    assert gamma.shape == (SLOTS, 1, SIDE, SIDE)
    for y, column in PIXELS:
        pixel = x[:, y, column].tolist()
        joints = [float(prior[k]) * likelihood(pixel, psi[k, :, y, column].tolist()) for k in range(SLOTS)]
        assert gamma[:, 0, y, column].tolist() == pytest.approx(posterior(joints), abs=1e-9)


@pytest.mark.parametrize("channels", [1, CHANNELS])
def test_responsibilities_of_binary_pixels_are_the_posterior(channels):
    x = (random(channels, SIDE, SIDE) > 0.5).double()
    psi, prior = (
        random(SLOTS, channels, SIDE, SIDE, seed=1, low=0.05, high=0.95),
        torch.tensor([0.2, 0.5, 0.3]).double(),
    )
    check_against(bernoulli, x, psi, prior, bernoulli_log_likelihood(x, psi))


@pytest.mark.parametrize("channels", [1, CHANNELS])
def test_responsibilities_of_real_pixels_are_the_posterior(channels):
    x, psi = random(channels, SIDE, SIDE), random(SLOTS, channels, SIDE, SIDE, seed=1)
    prior = torch.tensor([0.6, 0.1, 0.3]).double()
    check_against(lambda a, b: gaussian(a, b, 0.25), x, psi, prior, gaussian_log_likelihood(x, psi, sigma=0.25))


def test_a_colour_that_is_far_off_is_as_unlikely_as_one_at_the_reach():
    psi = torch.zeros(1, 3, 1, 3).double()
    x = torch.tensor([0.1, 0.2, 0.9]).double().expand(1, 3, 1, 3)  # distances .1, .2 and .9 in each of three channels
    came = robust_colour_log_likelihood(x, psi, sigma=0.1, reach=4.0)[0, 0, 0]
    # -3 d^2 / (2 * .01), and no further than -4^2 / 2
    assert came.tolist() == pytest.approx([-1.5, -6.0, -8.0])


def test_responsibilities_sum_to_one_however_unlikely_the_pixel():
    joint = random(5, 1, SIDE, SIDE, low=-900, high=-700).float()
    gamma = responsibilities(joint, dim=0)
    assert torch.isfinite(gamma).all()
    np.testing.assert_allclose(gamma.sum(0), 1, atol=1e-6)


def test_a_pixel_that_is_as_unlikely_for_all_is_shared_as_before():
    joint = random(4, 1, SIDE, SIDE, low=-5, high=0)
    shift = random(1, 1, SIDE, SIDE, seed=1, low=-50, high=50)
    np.testing.assert_allclose(responsibilities(joint + shift, dim=0), responsibilities(joint, dim=0), atol=1e-12)


def test_a_prediction_of_exactly_nought_or_one_can_be_wrong_and_stay_finite():
    x, psi = torch.tensor([0.0, 1.0, 1.0, 0.0]).view(1, 1, 4), torch.tensor([1.0, 0.0, 1.0, 0.0]).view(1, 1, 4)
    came = bernoulli_log_likelihood(x, psi)[0, 0].tolist()
    assert came[:2] == pytest.approx([math.log(1e-4)] * 2, abs=1e-2)
    assert came[2:] == pytest.approx([0, 0], abs=1e-3)


def test_the_loss_of_two_pixels_and_two_slots_counted_by_hand():
    gamma = torch.tensor([[0.75, 0.5], [0.25, 0.5]])  # [slot, pixel]
    intra = torch.tensor([[2.0, 4.0], [8.0, 2.0]])
    inter = torch.tensor([[4.0, 2.0], [4.0, 6.0]])
    # .75 * 2 + .5 * .25 * 4 = 2      .5 * 4 + .5 * .5 * 2 = 2.5
    # .25 * 8 + .5 * .75 * 4 = 3.5    .5 * 2 + .5 * .5 * 6 = 2.5
    assert two_term_loss(gamma, intra, inter, inter_weight=0.5).tolist() == [[2.0, 2.5], [3.5, 2.5]]
    assert two_term_loss(gamma, intra, inter).sum() == pytest.approx(1.5 + 2 + 2 + 1 + 1 + 1 + 3 + 3)


def test_the_loss_of_a_bernoulli_slot_from_its_probabilities():
    # two pixels x = 1, 0; psi = .8, .4; gamma = .9, .2; prior 0, so KL(prior || psi) = -log(1 - psi)
    gamma, psi, x = torch.tensor([[[0.9, 0.2]]]), torch.tensor([[[0.8, 0.4]]]), torch.tensor([[[1.0, 0.0]]])
    loss = two_term_loss(gamma, -bernoulli_log_likelihood(x, psi), -(1 - psi).log()).sum()
    by_hand = -0.9 * math.log(0.8) - 0.1 * math.log(0.2) - 0.2 * math.log(0.6) - 0.8 * math.log(0.6)
    assert float(loss) == pytest.approx(by_hand, rel=1e-6)


# --- the video form: component 0 is the Gaussian mixture, which speaks through its verdict --------------------------


def video_case(clips=2, seed=0):
    frame = random(clips, 3, SIDE, SIDE, seed=seed).float()
    verdict = torch.from_numpy(np.random.default_rng(seed).choice([0.0, 0.5, 1.0], (clips, 1, SIDE, SIDE))).float()
    mask = random(clips, SLOTS, 1, SIDE, SIDE, seed=seed + 1).float()
    mask[0, 0, 0, 0, 0] = 0  # outside its window
    psi = Prediction(mask, random(clips, SLOTS, 3, SIDE, SIDE, seed=seed + 2).float())
    return psi, frame, verdict


@pytest.mark.parametrize("reach", [0.7, 3.5])
def test_the_video_e_step_is_the_posterior(reach):
    pixels = MixtureModelSettings(colour_sigma=0.2, colour_reach=reach)
    psi, frame, verdict = video_case()
    alive = torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    gamma = e_step(psi, frame, verdict, alive, pixels)
    assert gamma.shape == (2, SLOTS + 1, 1, SIDE, SIDE)
    for clip, (y, x) in itertools.product(range(2), PIXELS):
        v = int(2 * verdict[clip, 0, y, x])
        joints = [pixels.background_verdicts[v]]
        for k in range(SLOTS):
            away = sum((float(frame[clip, c, y, x]) - float(psi.colour[clip, k, c, y, x])) ** 2 for c in range(3))
            colour = math.exp(-min(away, (reach * 0.2) ** 2) / (2 * 0.2**2))
            mask = float(psi.mask[clip, k, 0, y, x]) + PROBABILITY_FLOOR
            joints.append(float(alive[clip, k]) * mask * colour * pixels.object_verdicts[v])
        assert gamma[clip, :, 0, y, x].tolist() == pytest.approx(posterior(joints), abs=2e-6)


def test_the_video_e_step_sums_to_one_and_gives_the_dead_nothing():
    psi, frame, verdict = video_case()
    gamma = e_step(psi, frame, verdict, torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]), MixtureModelSettings())
    np.testing.assert_allclose(gamma.sum(1), 1, atol=1e-6)
    assert not gamma[0, [1, 3]].any()
    np.testing.assert_array_equal(gamma[1, 0], 1)
