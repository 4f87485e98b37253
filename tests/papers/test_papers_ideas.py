"""What goes beyond the papers in the iteration: annealed shares, the weighted mean of slot attention, gradients of the last steps."""

import copy

import pytest
import torch

from tracker.papers import evaluation
from tracker.papers.cells import build_cell
from tracker.papers.settings import EmSettings, ExperimentSettings, TestSettings
from tracker.papers.starts import unroll_best
from tracker.papers.unroll import make_inputs, random_shares, share_power, shares, unroll, unrolled_loss, weights


def pictures(steps=6, side=8, batch=3):
    one = (torch.rand(batch, 1, 1, side, side, generator=torch.Generator().manual_seed(5)) > 0.7).float()
    return one.expand(-1, steps + 1, -1, -1, -1)


def small(cell="rnn", **em):
    settings = ExperimentSettings.model_validate({
        "world": {"side_px": 8}, "net": {"cell": cell, "hidden": 16, **({"step_size": 0.5} if cell == "nem" else {})},
        "em": {"components": 3, "steps": 6, **em},
    })  # fmt: skip
    torch.manual_seed(0)
    return build_cell(settings), settings.em


def test_a_power_sharpens_or_evens_the_shares_as_counted_by_hand():
    psi, white = torch.tensor([0.9, 0.3]).view(1, 2, 1, 1, 1), torch.ones(1, 1, 1, 1)
    for power in (0.5, 1, 4):
        expected = [0.9**power / (0.9**power + 0.3**power), 0.3**power / (0.9**power + 0.3**power)]
        assert shares(white, psi, EmSettings(), power=power).flatten().tolist() == pytest.approx(expected, abs=1e-5)


def test_a_power_of_a_gaussian_is_a_smaller_variance():
    psi, grey = torch.tensor([0.9, 0.3]).view(1, 2, 1, 1, 1), torch.full((1, 1, 1, 1), 0.5)
    wide, narrow = EmSettings(pixels="gaussian", share_sigma=0.5), EmSettings(pixels="gaussian", share_sigma=0.25)
    assert torch.allclose(shares(grey, psi, wide, power=4), shares(grey, psi, narrow), atol=1e-4)


def test_a_high_power_shares_evenly_what_nobody_explains():
    nobody = shares(torch.ones(1, 1, 1, 1), torch.zeros(1, 4, 1, 1, 1), EmSettings(), power=100)
    assert nobody.flatten().tolist() == pytest.approx([0.25] * 4)


def test_the_power_goes_from_the_first_to_the_last_in_equal_ratios():
    annealed = EmSettings(share_power=(0.5, 8))
    assert [share_power(annealed, t, 5) for t in range(5)] == pytest.approx([0.5, 1, 2, 4, 8])
    assert share_power(annealed, 0, 1) == 0.5
    assert [share_power(EmSettings(), t, 5) for t in range(5)] == [1] * 5


def test_an_annealed_run_is_softer_at_first_and_harder_at_last():
    cell, em = small()
    inputs = make_inputs(pictures(), em, seed=0)
    plain, annealed = (unroll(cell, inputs, em.model_copy(update={"share_power": p})) for p in ((1, 1), (0.2, 5)))
    sure = [run.gamma.detach().amax(2).mean((1, 2, 3, 4)) for run in (plain, annealed)]
    assert sure[1][0] < sure[0][0]
    assert sure[1][-1] > sure[0][-1]


def test_the_mean_over_a_component_weighs_even_shares_as_before_and_small_components_more():
    mean = EmSettings(update_weight="mean")
    even = torch.full((1, 4, 1, 3, 3), 0.25)
    assert torch.allclose(weights(even, mean), even)
    gamma = torch.stack([torch.full((1, 3, 3), 0.9), torch.full((1, 3, 3), 0.1)])[None]
    weighed = weights(gamma, mean)
    assert torch.allclose(weighed, torch.full_like(weighed, 0.5))
    assert weights(torch.zeros(1, 2, 1, 3, 3), mean).isfinite().all()
    assert weights(gamma, EmSettings()) is gamma


@pytest.mark.parametrize("cell", ["rnn", "nem"])
def test_the_loss_of_a_mean_update_has_finite_gradients(cell):
    cell, em = small(cell, update_weight="mean", share_power=(0.5, 4))
    inputs = make_inputs(pictures(), em, seed=0)
    unrolled_loss(unroll(cell, inputs, em), inputs.frames, em).total.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in cell.parameters())


def gradients(cell, em, inputs, run=unroll):
    cell = copy.deepcopy(cell)
    loss = unrolled_loss(run(cell, inputs, em), inputs.frames, em).total
    return float(loss.detach()), torch.autograd.grad(loss, list(cell.parameters()))


@pytest.mark.parametrize("last", [1, 2])
def test_gradients_pass_through_the_last_steps_alone(last):
    """As if the state, psi and gamma before them were given."""
    cell, em = small()
    inputs = make_inputs(pictures(), em, seed=0)

    def cut(cell, inputs, em):
        gamma, psi, state = inputs.gamma, torch.zeros(3, 3, 1, 8, 8), cell.start(3, 3)
        for t in range(6):
            if t == 6 - last:
                gamma, psi, state = gamma.detach(), psi.detach(), state.detach()
            psi, state = cell(gamma * (inputs.noisy[:, t, None] - psi), state)
            gamma = shares(inputs.frames[:, t + 1], psi, em)
        return unroll(cell, inputs, em)._replace(psi=psi[None], gamma=gamma[None])

    loss, ours = gradients(cell, em.model_copy(update={"gradient_steps": last}), inputs)
    same, theirs = gradients(cell, em, inputs, cut)
    whole = gradients(cell, em, inputs)
    assert loss == pytest.approx(same) == pytest.approx(whole[0])
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(ours, theirs, strict=True))
    assert any(not torch.allclose(a, b, atol=1e-3) for a, b in zip(ours, whole[1], strict=True))


def test_as_many_gradient_steps_as_steps_are_all_of_them():
    cell, em = small()
    inputs = make_inputs(pictures(), em, seed=0)
    every, some = (gradients(cell, em.model_copy(update={"gradient_steps": n}), inputs)[1] for n in (None, 6))
    assert all(torch.equal(a, b) for a, b in zip(every, some, strict=True))


def test_gradients_of_the_last_steps_need_the_loss_of_the_last():
    with pytest.raises(ValueError, match=r"em\.gradient_steps: wanted with the loss of the last step alone"):
        small(gradient_steps=1, every_step=True)


def losses(run, inputs, em):
    """Of each clip by itself."""
    of = [run._replace(psi=run.psi[:, b : b + 1], gamma=run.gamma[:, b : b + 1]) for b in range(len(inputs.frames))]
    return [float(unrolled_loss(one, inputs.frames[b : b + 1], em).total.detach()) for b, one in enumerate(of)]


def test_each_clip_keeps_the_start_with_the_lowest_loss():
    cell, em = small("nem")
    inputs = make_inputs(pictures(batch=8), em, seed=0)
    generator = torch.Generator().manual_seed(1)
    starts = [
        inputs.gamma,
        *(random_shares((8, 3, 1, 8, 8), generator=generator, device=torch.device("cpu")) for _ in "12"),
    ]
    runs = [unroll(cell, inputs._replace(gamma=gamma), em) for gamma in starts]
    best = unroll_best(cell, inputs, em, starts=3, generator=torch.Generator().manual_seed(1))
    each = torch.tensor([losses(run, inputs, em) for run in runs])
    assert losses(best, inputs, em) == pytest.approx(each.amin(0).tolist())
    chosen = each.argmin(0).tolist()
    assert len(set(chosen)) > 1  # one start is not the best of all clips
    for clip, start in enumerate(chosen):
        assert torch.equal(best.psi[:, clip], runs[start].psi[:, clip])
        assert torch.equal(best.gamma[:, clip], runs[start].gamma[:, clip])
        assert torch.equal(best.state[clip], runs[start].state[clip])


def test_one_start_is_the_papers_run():
    cell, em = small()
    inputs = make_inputs(pictures(), em, seed=0)
    one = unroll_best(cell, inputs, em, starts=1, generator=torch.Generator().manual_seed(1))
    assert all(torch.equal(a, b) for a, b in zip(one, unroll(cell, inputs, em), strict=True))


def test_a_test_changes_the_iteration_and_the_training_stays():
    settings = ExperimentSettings()
    test = TestSettings(share_power=(0.25, 16), update_weight="mean", starts=4)
    em = evaluation.tested(settings, test)[1]
    assert (em.share_power, em.update_weight) == ((0.25, 16), "mean")
    assert evaluation.tested(settings, TestSettings())[1] == settings.em
    with pytest.raises(ValueError, match="dreamt: there is no roll-out; wanted expected, or a number of watched steps"):
        TestSettings(dreamt="binary")
