"""The papers' cells: sizes as computed from their descriptions, the gradient M-step held to autograd."""

from pathlib import Path

import pytest
import torch
from torch.nn import functional

import tracker
from tracker.em.likelihoods import bernoulli_log_likelihood, gaussian_log_likelihood
from tracker.errors import SettingsError, ShapeError
from tracker.papers.cells import GradientCell, build_cell
from tracker.papers.layers import Standardise, Up, encoder, picture_norm
from tracker.papers.settings import EmSettings, ExperimentSettings, NetSettings, WorldSettings
from tracker.settings import read_settings

CONFIGS = Path(tracker.__file__).parent.parent / "configs" / "papers"
EXPERIMENTS = sorted(path.stem for path in CONFIGS.glob("*.yaml") if path.stem != "quick")
PARAMETERS = {
    "shapes": 455_534,
    "shapes-nem": 196_001,
    "flying-shapes": 3_403_389,
    "flying-mnist": 1_835_091,
    "balls": 4_951_978,
    "balls-rnn-em": 4_611_827,
}


def experiment(name, *changes):
    return read_settings(ExperimentSettings, [CONFIGS / f"{name}.yaml"], changes)


@pytest.mark.parametrize(("name", "count"), PARAMETERS.items())
def test_a_network_has_as_many_parameters_as_the_papers(name, count):
    assert sum(p.numel() for p in build_cell(experiment(name)).parameters()) == count


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_predicts_pictures_for_all_components(name):
    settings = experiment(name)
    cell, side = build_cell(settings), settings.world.side_px
    update = torch.randn(2, settings.em.components, 1, side, side)
    psi, state = cell(update, cell.start(2, settings.em.components))
    assert psi.shape == update.shape
    assert state.shape == (2, settings.em.components, cell.state_size)
    if settings.em.pixels == "bernoulli":
        assert ((psi >= 0) & (psi <= 1)).all()


@pytest.mark.parametrize("pixels", ["bernoulli", "gaussian"])
def test_the_m_step_of_n_em_is_the_gradient_of_the_weighted_log_likelihood(pixels):
    torch.manual_seed(0)
    cell = GradientCell(NetSettings(cell="nem", hidden=7, step_size=0.3), 4, squash=pixels == "bernoulli").double()
    state = torch.randn(2, 3, 7, dtype=torch.double, requires_grad=True)
    x = torch.rand(2, 1, 1, 4, 4, dtype=torch.double)
    gamma = torch.rand(2, 3, 1, 4, 4, dtype=torch.double)
    psi = cell.decode(state).double()
    if pixels == "bernoulli":
        likelihood = bernoulli_log_likelihood(x, psi, floor=1e-9)
    else:
        likelihood = gaussian_log_likelihood(x, psi, sigma=1.0)
    (gradient,) = torch.autograd.grad((gamma * likelihood).sum(), state)
    _, after = cell(gamma * (x - psi), state)
    assert torch.allclose(after - state, 0.3 * gradient, atol=1e-6)  # the cell works in single precision
    assert gradient.abs().max() > 0.01


def test_the_learned_step_size_begins_as_drawn_or_as_told():
    torch.manual_seed(0)
    drawn = [float(GradientCell(NetSettings(cell="nem"), 4, squash=True).step_size.detach()) for _ in range(50)]
    assert min(drawn) < -1
    assert 1 < max(drawn) < 3**0.5
    told = GradientCell(NetSettings(cell="nem", step_size=0.1), 4, squash=True)
    assert float(told.step_size.detach()) == pytest.approx(0.1)


def test_up_is_nearest_neighbours_and_a_convolution_with_same_padding():
    torch.manual_seed(0)
    up, x = Up(3, 5), torch.randn(2, 3, 6, 7)
    torch.nn.init.normal_(up.bias)
    large = functional.pad(functional.interpolate(x, scale_factor=2, mode="nearest"), (1, 2, 1, 2))
    assert torch.allclose(up(x), functional.conv2d(large, up.weight, up.bias), atol=1e-5)


def test_the_norm_of_a_picture_is_over_everything_with_a_scale_a_channel():
    x = 3 * torch.randn(2, 4, 5, 6) + 1
    norm = picture_norm(4)
    torch.nn.init.normal_(norm.weight)
    mean = x.mean((1, 2, 3), keepdim=True)
    deviation = x.var((1, 2, 3), correction=0, keepdim=True).sqrt()
    expected = (x - mean) / deviation * norm.weight[:, None, None]
    assert torch.allclose(norm(x), expected, atol=1e-5)


def test_the_input_of_the_digits_is_standardised():
    y = Standardise(0.0)(5 + 3 * torch.randn(4, 1, 24, 24))
    assert torch.allclose(y.mean((1, 2, 3)), torch.zeros(4), atol=1e-5)
    assert torch.allclose(y.std((1, 2, 3), correction=0), torch.ones(4), atol=1e-5)


def test_layer_norm_is_on_the_decoders_branch_alone_unless_told():
    for norm_state in (False, True):
        core = build_cell(experiment("flying-shapes", f"net.norm_state={str(norm_state).lower()}")).core
        fed, state = core(10 * torch.randn(4, 512), torch.rand(4, 100), 1, None)
        a = torch.logit(state.double())
        assert torch.equal(fed, state) == norm_state
        assert bool((a.std(1, correction=0) - 1).abs().max() < 1e-3) == norm_state


def test_components_of_r_nem_hear_each_other_and_those_of_rnn_em_do_not():
    torch.manual_seed(0)
    for name, hears in (("balls", True), ("balls-sum", True), ("balls-rnn-em", False)):
        cell = build_cell(experiment(name))
        update, state = torch.randn(1, 3, 1, 64, 64), torch.rand(1, 3, 250)
        other = state.clone()
        other[:, 2] = torch.rand(250)
        same = torch.allclose(cell(update, state)[1][:, :2], cell(update, other)[1][:, :2], atol=1e-6)
        assert same != hears


def test_a_component_hears_the_others_and_not_itself():
    torch.manual_seed(0)
    core = build_cell(experiment("balls")).core
    own = torch.randn(1, 3, 250)
    effects = core._effects(own)
    pair = torch.cat([own[0, 0].expand(2, -1), own[0, 1:]], 1)
    xi = torch.relu(core.pair_norm(core.pair(pair)))
    assert torch.allclose(effects[0, 0], (core.effect(xi) * core.gate(xi)).sum(0), atol=1e-5)


def test_relabelling_components_relabels_what_comes_out():
    torch.manual_seed(0)
    cell = build_cell(experiment("balls"))
    update, state, order = torch.randn(2, 4, 1, 64, 64), torch.rand(2, 4, 250), torch.tensor([2, 0, 3, 1])
    psi, after = cell(update, state)
    psi_too, after_too = cell(update[:, order], state[:, order])
    assert torch.allclose(psi[:, order], psi_too, atol=1e-5)
    assert torch.allclose(after[:, order], after_too, atol=1e-5)


def test_every_sample_gets_its_own_action():
    torch.manual_seed(0)
    cell = build_cell(experiment("balls", "net.actions=4"))
    update, state = torch.randn(1, 3, 1, 64, 64).expand(2, -1, -1, -1, -1), torch.rand(1, 3, 250).expand(2, -1, -1)
    action = torch.eye(4)[:2]
    both = cell(update, state, action)[1]
    for sample in range(2):
        alone = cell(update[:1], state[:1], action[sample : sample + 1])[1]
        assert torch.allclose(both[sample], alone[0], atol=1e-5)
    assert not torch.allclose(both[0], both[1], atol=1e-4)
    with pytest.raises(SettingsError, match="actions"):
        cell(update, state)


def test_features_are_as_many_as_the_encoder_says():
    for trunk, side in (("full", 28), ("shapes", 28), ("digits", 24), ("balls", 64)):
        net, features = encoder(NetSettings(trunk=trunk), side)
        assert net(torch.randn(2, 1, side, side)).shape == (2, features)


def test_settings_that_do_not_fit_together_are_refused():
    with pytest.raises(SettingsError, match="side_px 24"):
        experiment("flying-mnist", "world.side_px=28")
    with pytest.raises(SettingsError, match="sequential"):
        experiment("shapes", "em.sequential=true")
    assert ExperimentSettings(world=WorldSettings(), em=EmSettings()).em.through_gamma


@pytest.mark.parametrize("name", ["shapes", "shapes-nem", "flying-shapes"])
def test_frames_of_another_size_are_refused(name):
    settings = read_settings(
        ExperimentSettings, [Path(tracker.__file__).parents[1] / "configs/papers" / f"{name}.yaml"]
    )
    cell = build_cell(settings)
    with pytest.raises(ShapeError, match="this network sees 28 x 28 pixels, got 30 x 28"):
        cell(torch.zeros(1, 2, 1, 28, 30), cell.start(1, 2))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"net": {"cell": "nem", "norm_output": True}}, "N-EM has no layer norm"),
        ({"net": {"cell": "lstm", "norm_state": True}}, "of its gates and memory"),
        ({"net": {"actions": 4}}, "wanted with net.cell relational"),
        ({"train": {"stages": [{"frozen": ["core", "decoder"]}]}}, "nothing is left to learn"),
        ({"train": {"stages": [{"every_step": True}]}, "em": {"gradient_steps": 1}}, "gradient_steps"),
        ({"train": {"clips": 3, "batch": 4}}, "less than a batch"),
        ({"train": {"stages": [{"until": 0.5}, {"restart": True}]}}, "with the schedule cosine"),
        ({"tests": {"dream": {"watched": 15}}}, "leave none to dream"),
    ],
)
def test_settings_that_would_do_nothing_are_refused(changes, says):
    with pytest.raises(ValueError, match=says):
        ExperimentSettings.model_validate(changes)


def test_a_stage_decides_whether_gradient_steps_can_be():
    every = {"em": {"gradient_steps": 1, "every_step": True}, "train": {"stages": [{"every_step": False}]}}
    assert ExperimentSettings.model_validate(every).em.gradient_steps == 1
