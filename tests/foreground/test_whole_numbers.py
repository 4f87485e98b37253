"""The foreground network in whole numbers: the graph that runs is the network that was trained."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tracker.foreground.features import CHANNELS, as_numbers
from tracker.foreground.net import ForegroundNet, rounded_weight
from tracker.foreground.predictor import CERTAIN, TorchPredictor, WholeNumberPredictor
from tracker.foreground.settings import ForegroundNetSettings
from tracker.foreground.training import mean_of
from tracker.foreground.unet import VALUES
from tracker.foreground.weights import load_foreground, save_foreground

SMALL = ForegroundNetSettings(features=(4, 6, 8))


def channels(seed: int, shape: tuple[int, int] = (40, 56)) -> np.ndarray:
    """Smooth features, as those of pictures are."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (CHANNELS, shape[0] // 8, shape[1] // 8))
    return coarse.repeat(8, 1).repeat(8, 2).astype(np.uint8)


@pytest.fixture(scope="module")
def net() -> ForegroundNet:
    torch.manual_seed(0)
    net = ForegroundNet(SMALL)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter *= 2  # so that answers differ from place to place
    net.calibrate(torch.from_numpy(as_numbers(channels(0)))[None])
    return net.eval()


def test_the_graph_answers_as_the_rounded_network_does(net: ForegroundNet, tmp_path) -> None:
    save_foreground(net, SMALL, tmp_path / "net.safetensors", trained_steps=1)
    predict, _ = load_foreground(str(tmp_path / "net.safetensors"))
    assert isinstance(predict, WholeNumberPredictor)
    by_torch = TorchPredictor(net)
    for seed in range(4):
        apart = np.abs(predict(channels(seed)).astype(int) - by_torch(channels(seed)))
        assert apart.max() <= 0.05 * CERTAIN  # torch's sums of floats round a tie now and then
        assert apart.mean() < 2
    assert np.ptp(predict(channels(1))) > 20


@pytest.mark.parametrize("times", [1e-5, 1e-8, 0.0])
def test_a_bias_far_larger_than_its_channel_s_weights_does_not_overflow(net: ForegroundNet, tmp_path, times) -> None:
    small = ForegroundNet(SMALL)
    small.load_state_dict(net.state_dict())
    with torch.no_grad():
        small.to_half.weight[:2] *= times
        small.to_half.bias[0], small.to_half.bias[1] = 0.7, -0.7
    save_foreground(small, SMALL, tmp_path / "net.safetensors", trained_steps=1)
    predict, by_torch = load_foreground(str(tmp_path / "net.safetensors"))[0], TorchPredictor(small)
    assert isinstance(predict, WholeNumberPredictor)
    for seed in range(2):
        apart = np.abs(predict(channels(seed)).astype(int) - by_torch(channels(seed)))
        assert apart.max() <= 0.05 * CERTAIN


def test_rounding_changes_little(net: ForegroundNet) -> None:
    features = torch.from_numpy(as_numbers(channels(0)))[None]
    plain = ForegroundNet(SMALL)
    plain.load_state_dict(net.state_dict() | {"steps": torch.zeros(len(VALUES), 2)})
    with torch.no_grad():
        rounded, exact = net(features), plain(features)
    assert (rounded - exact).abs().mean() < 0.05 * exact.std()


def test_gradients_pass_through_the_rounding(net: ForegroundNet) -> None:
    net.zero_grad()
    net(torch.from_numpy(as_numbers(channels(3)))[None]).mean().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())
    assert net.enter_half[0].weight.grad.abs().sum() > 0


def test_weights_are_whole_and_two_products_fit_into_16_bits() -> None:
    whole, scale = rounded_weight(torch.randn(5, 3, 4, 4))
    assert (whole == whole.round()).all()
    assert 2 * 255 * int(whole.abs().max()) < 2**15
    assert scale.shape == (5,)


def test_a_graph_of_other_weights_is_not_used(net: ForegroundNet, tmp_path) -> None:
    save_foreground(net, SMALL, tmp_path / "net.safetensors", trained_steps=1)
    save_foreground(net, SMALL, tmp_path / "other.safetensors", trained_steps=2)
    (tmp_path / "other.onnx").replace(tmp_path / "net.onnx")
    predict, _ = load_foreground(str(tmp_path / "net.safetensors"))
    assert isinstance(predict, TorchPredictor)


def test_an_uncalibrated_network_has_no_graph(tmp_path) -> None:
    save_foreground(ForegroundNet(SMALL), SMALL, tmp_path / "net.safetensors", trained_steps=1)
    assert not (tmp_path / "net.onnx").exists()
    predict, _ = load_foreground(str(tmp_path / "net.safetensors"))
    assert isinstance(predict, TorchPredictor)


def test_the_shipped_graph_is_that_of_the_shipped_weights() -> None:
    predict, digest = load_foreground("foreground")
    assert isinstance(predict, WholeNumberPredictor)
    assert len(digest) == 64


def test_the_mean_of_two_networks_has_weights_between_theirs_and_the_first_ones_steps(net: ForegroundNet) -> None:
    torch.manual_seed(1)
    other = ForegroundNet(SMALL)
    mean = mean_of(net, other, share=0.25)
    torch.testing.assert_close(mean.answer.weight, 0.75 * net.answer.weight + 0.25 * other.answer.weight)
    assert torch.equal(mean.steps, net.steps)
