"""The iteration and its loss, held to numbers computed by hand and to a second, naive telling of the papers' steps."""

import math

import pytest
import torch
from torch import nn

from tracker.errors import ShapeError
from tracker.papers.rollout import roll_out
from tracker.papers.settings import EmSettings
from tracker.papers.starts import unroll_best
from tracker.papers.unroll import (
    Inputs,
    Unrolled,
    add_noise,
    make_inputs,
    pixel_losses,
    random_shares,
    shares,
    unroll,
    unrolled_loss,
)

MODES = [{"sequential": False}, {"sequential": True}, {"sequential": True, "pixels": "gaussian"}]


class Echo(nn.Module):
    """A cell that can be followed by hand: psi' = sigmoid(w update + state), state' = state + w sum of update."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(0.7))

    def start(self, batch, components):
        return torch.zeros(batch, components, 1)

    def forward(self, update, state, action=None):
        psi = torch.sigmoid(self.w * update + state[..., None, None])
        return psi, state + self.w * update.mean((2, 3, 4))[..., None]


def clips(steps=4, side=5, batch=3):
    return (torch.rand(batch, steps + 1, 1, side, side, generator=torch.Generator().manual_seed(5)) > 0.5).float()


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_shares_sum_to_one_at_every_step(mode):
    settings = EmSettings(components=3, **mode)
    inputs = make_inputs(clips(), settings, seed=0)
    run = unroll(Echo(), inputs, settings)
    for gamma in (inputs.gamma, *run.gamma):
        assert torch.allclose(gamma.sum(1), torch.ones(()), atol=1e-6)
        assert (gamma >= 0).all()


def test_one_component_has_everything():
    settings = EmSettings(components=1, sequential=True)
    inputs = make_inputs(clips(), settings, seed=0)
    assert (inputs.gamma == 1).all()
    assert (unroll(Echo(), inputs, settings).gamma == 1).all()


def test_two_components_share_a_pixel_as_counted_by_hand():
    psi = torch.tensor([0.9, 0.2]).view(1, 2, 1, 1, 1)
    white, black = torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1, 1)
    binary = EmSettings(pixels="bernoulli")
    assert shares(white, psi, binary).flatten().tolist() == pytest.approx([0.9 / 1.1, 0.2 / 1.1], abs=2e-6)
    assert shares(black, psi, binary).flatten().tolist() == pytest.approx([0.1 / 0.9, 0.8 / 0.9], abs=2e-6)
    grey = EmSettings(pixels="gaussian", share_sigma=0.25)
    near, far = (math.exp(-(d**2) / 2 / 0.25**2) for d in (0.1, 0.8))
    assert shares(white, psi, grey).flatten().tolist() == pytest.approx(
        [near / (near + far), far / (near + far)], abs=1e-5
    )


def test_a_pixel_nobody_explains_is_shared_evenly():
    assert shares(torch.ones(1, 1, 1, 1), torch.zeros(1, 4, 1, 1, 1), EmSettings()).flatten().tolist() == [0.25] * 4


def test_loss_terms_of_one_pixel_are_as_counted_by_hand():
    x, psi = torch.tensor([1.0, 0.0]).view(2, 1, 1, 1), torch.tensor([0.8, 0.3]).view(2, 1, 1, 1)
    intra, inter = pixel_losses(x, psi, EmSettings())
    assert intra.flatten().tolist() == pytest.approx([-math.log(0.8), -math.log(0.7)])
    assert inter.flatten().tolist() == pytest.approx([-math.log(0.2), -math.log(0.7)])
    intra, inter = pixel_losses(x, psi, EmSettings(pixels="gaussian"))
    assert intra.flatten().tolist() == pytest.approx([0.02, 0.045])
    assert inter.flatten().tolist() == pytest.approx([0.32, 0.045])


def test_a_certain_and_wrong_prediction_costs_a_finite_loss():
    intra, inter = pixel_losses(torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1), EmSettings())
    assert float(intra) == pytest.approx(-math.log(1e-6), rel=0.01)
    assert float(inter) == pytest.approx(-math.log(1e-6), rel=0.01)


def run_of(psi, gamma):
    """T x K numbers as an unrolling of one sample of one pixel."""
    shaped = [torch.tensor(x)[:, None, :, None, None, None] for x in (psi, gamma)]
    return Unrolled(*shaped, torch.zeros(1, 2, 1))


@pytest.mark.parametrize("mean", [False, True])
def test_the_total_weighs_both_terms_and_counts_the_steps_it_should(mean):
    run = run_of([[0.8, 0.3], [0.6, 0.1]], [[0.75, 0.25], [0.9, 0.1]])
    frames = torch.tensor([0.0, 1.0, 1.0]).view(1, 3, 1, 1, 1)
    first = 0.75 * -math.log(0.8) + 0.25 * -math.log(0.3) + 0.5 * (0.25 * -math.log(0.2) + 0.75 * -math.log(0.7))
    second = 0.9 * -math.log(0.6) + 0.1 * -math.log(0.1) + 0.5 * (0.1 * -math.log(0.4) + 0.9 * -math.log(0.9))
    every = EmSettings(sequential=True, inter_weight=0.5, mean_over_steps=mean)
    assert float(unrolled_loss(run, frames, every).total) == pytest.approx((first + second) / (2 if mean else 1))
    last = EmSettings(sequential=False, inter_weight=0.5, mean_over_steps=mean)
    assert float(unrolled_loss(run, frames, last).total) == pytest.approx(second)


def test_the_loss_is_a_mean_over_the_batch_and_a_sum_over_pixels():
    settings = EmSettings(components=2, sequential=True, noise=0.0)
    one = make_inputs(clips(batch=1), settings, seed=0)
    two = Inputs(*(torch.cat([x, x]) for x in one))
    losses = [float(unrolled_loss(unroll(Echo(), x, settings), x.frames, settings).total.detach()) for x in (one, two)]
    assert losses[0] == pytest.approx(losses[1])
    assert losses[0] > 25  # 4 steps of 25 pixels


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_unrolling_is_the_papers_steps_written_naively(mode):
    """update^t = gamma^t (x~^t - psi^t); cell; gamma^{t+1} from the clean x^{t+1}; the loss at t + 1."""
    settings = EmSettings(components=3, inter_weight=0.3, **mode)
    inputs, cell = make_inputs(clips(), settings, seed=0), Echo()
    psi, gamma, state, total = torch.zeros(3, 3, 1, 5, 5), inputs.gamma, cell.start(3, 3), torch.zeros(())
    for t in range(4):
        used = gamma.detach() if settings.sequential else gamma
        psi, state = cell(used * (inputs.noisy[:, t][:, None] - psi), state)
        x = inputs.frames[:, t + 1][:, None].expand_as(psi)
        if settings.pixels == "bernoulli":
            q = torch.where(x == 1, psi, 1 - psi) + 1e-6
            intra, inter = -torch.where(x == 1, psi, 1 - psi).log(), -(1 - psi).log()
        else:
            q = torch.distributions.Normal(psi, 0.25).log_prob(x).exp() + 1e-6
            intra, inter = (x - psi) ** 2 / 2, psi**2 / 2
        gamma = q / q.sum(1, keepdim=True)
        g = gamma.detach() if settings.sequential else gamma
        step = (g * intra + 0.3 * (1 - g) * inter).sum() / 3
        total = total + step if settings.sequential else step
    run = unroll(cell, inputs, settings)
    loss = unrolled_loss(run, inputs.frames, settings).total
    assert torch.allclose(run.gamma[-1], gamma, atol=1e-5)
    assert float(loss.detach()) == pytest.approx(float(total.detach()), rel=1e-5)
    (ours,), (theirs,) = (torch.autograd.grad(x, [cell.w]) for x in (loss, total))
    assert float(ours) == pytest.approx(float(theirs), rel=1e-4)


def test_the_gradient_passes_through_gamma_only_where_it_may():
    grads = {}
    for through in (False, True):
        settings = EmSettings(components=3, sequential=True, gamma_gradient=through)
        inputs, cell = make_inputs(clips(), settings, seed=0), Echo()
        unrolled_loss(unroll(cell, inputs, settings), inputs.frames, settings).total.backward()
        grads[through] = float(cell.w.grad)
    assert grads[True] != pytest.approx(grads[False], rel=1e-3)


def test_noise_flips_bits_or_replaces_grey_at_its_rate():
    generator = torch.Generator().manual_seed(0)
    x = (torch.rand(100_000, generator=generator) > 0.7).float()
    flipped = add_noise(x, EmSettings(noise=0.2), generator=generator)
    assert set(flipped.unique().tolist()) == {0, 1}
    assert float((flipped != x).float().mean()) == pytest.approx(0.2, abs=0.01)
    assert float((flipped != x)[x == 1].float().mean()) == pytest.approx(0.2, abs=0.01)
    grey = torch.full((100_000,), 0.5)
    masked = add_noise(grey, EmSettings(pixels="gaussian", noise=0.2), generator=generator)
    new = masked[masked != 0.5]
    assert len(new) / 100_000 == pytest.approx(0.2, abs=0.01)
    assert (float(new.mean()), float(new.std())) == pytest.approx((0.5, 12**-0.5), abs=0.02)


def test_noise_is_drawn_anew_at_every_step_and_the_same_from_the_same_seed():
    settings = EmSettings(noise=0.5)
    still = torch.zeros(1, 3, 1, 9, 9)
    inputs = make_inputs(still, settings, seed=1)
    assert inputs.noisy.shape[1] == 2
    assert not torch.equal(inputs.noisy[:, 0], inputs.noisy[:, 1])
    assert torch.equal(inputs.noisy, make_inputs(still, settings, seed=1).noisy)
    assert not torch.equal(inputs.noisy, make_inputs(still, settings, seed=2).noisy)


def test_dreaming_follows_what_was_watched_and_does_not_look():
    settings = EmSettings(components=2, sequential=True, noise=0.0)
    inputs = make_inputs(clips(steps=6), settings, seed=0)
    other = inputs._replace(noisy=inputs.noisy.clone())
    other.noisy[:, 3:] = 1 - other.noisy[:, 3:]
    dreams = [
        roll_out(Echo(), x, settings, watched=3, generator=torch.Generator().manual_seed(0)) for x in (inputs, other)
    ]
    assert torch.equal(dreams[0].psi, dreams[1].psi)
    assert dreams[0].psi.shape[0] == 6
    assert torch.equal(dreams[0].psi[:3], unroll(Echo(), inputs, settings).psi[:3])


def test_shares_at_the_start_are_numbers_even_where_chance_draws_a_zero(monkeypatch):
    monkeypatch.setattr(torch, "randn", lambda shape, **options: torch.zeros(shape))
    for components in (1, 3):
        gamma = random_shares((2, components, 1, 4, 4), generator=torch.Generator(), device=torch.device("cpu"))
        assert gamma == pytest.approx(1 / components)


def test_a_roll_out_begins_with_the_best_start_of_what_was_watched():
    settings = EmSettings(components=2, sequential=True, noise=0.0)
    inputs = make_inputs(clips(steps=6), settings, seed=0)
    first = inputs._replace(frames=inputs.frames[:, :4], noisy=inputs.noisy[:, :3])
    best = unroll_best(Echo(), first, settings, starts=5, generator=torch.Generator().manual_seed(0))
    assert not torch.equal(best.psi, unroll(Echo(), first, settings).psi)
    dream = roll_out(Echo(), inputs, settings, watched=3, starts=5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(dream.psi[:3], best.psi)


def test_a_binary_dream_is_black_and_white_to_the_network():
    seen = []

    class Recorder(Echo):
        def forward(self, update, state, action=None):
            psi, state = super().forward(update, state, action)
            seen.append((update, psi))
            return psi, state

    settings = EmSettings(components=1, sequential=True, noise=0.0)
    inputs = make_inputs(clips(steps=5), settings, seed=0)
    roll_out(Recorder(), inputs, settings, watched=3, pixels="binary", generator=torch.Generator().manual_seed(0))
    psi = seen[2][1]  # of one component, whose gamma is 1: the update is what it sees less what it predicted
    assert torch.equal(seen[3][0], (psi > 0.5).float() - psi)


@pytest.mark.parametrize("kind", [torch.uint8, torch.bool, torch.int64, torch.float64])
def test_frames_may_be_of_any_type_of_numbers(kind):
    frames, settings = (clips() > 0.5), EmSettings(components=2, sequential=True)
    run = unroll(Echo(), make_inputs(frames.to(kind), settings, seed=0), settings)
    assert torch.equal(run.gamma, unroll(Echo(), make_inputs(frames.float(), settings, seed=0), settings).gamma)


@pytest.mark.parametrize("value", [255.0, -0.1, float("nan")])
def test_frames_outside_0_to_1_are_refused(value):
    frames = clips()
    frames[0, 0, 0, 0, 0] = value
    with pytest.raises(ShapeError, match="wanted values from 0 to 1"):
        make_inputs(frames, EmSettings(), seed=0)
