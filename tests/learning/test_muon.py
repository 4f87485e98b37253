"""The optimiser for matrices: orthogonal steps of Adam's size, and Adam for everything else."""

import numpy as np
import pytest
import torch
from torch import nn

from tracker.learning import muon as module
from tracker.learning.muon import ADAM_RMS, Muon, orthogonal
from tracker.papers.settings import ExperimentSettings
from tracker.papers.train import train


@pytest.mark.parametrize("shape", [(8, 40), (40, 8), (16, 16)])
def test_directions_stay_and_their_sizes_become_about_one(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    made = orthogonal(matrix)
    sizes = torch.diagonal(u.T @ made @ v.T)
    assert sizes.min() > 0.5
    assert sizes.max() < 1.4
    exact = u @ v
    assert (made * exact).sum() / (made.norm() * exact.norm()) > 0.95


@pytest.mark.parametrize(("has_it", "near"), [(False, 1e-4), (True, 0.05)])
def test_the_products_are_in_single_precision_on_a_processor_without_bfloat16(monkeypatch, has_it, near):
    monkeypatch.setattr(module, "multiplies_bfloat16", lambda device: has_it)
    matrix = torch.randn(6, 9, generator=torch.Generator().manual_seed(0))
    made = orthogonal(matrix)
    assert made.dtype == torch.float32
    monkeypatch.setattr(module, "multiplies_bfloat16", lambda device: False)
    exact = orthogonal(matrix.double()).float()
    error = float((made - exact).abs().max())
    assert error < near
    assert has_it == (error > 1e-4)  # and bfloat16 is told from it


@pytest.mark.parametrize("shape", [(40, 500), (500, 40)])
@pytest.mark.parametrize("smallest", [1.0, 1e-4, 1e-8])
def test_a_long_matrix_comes_out_as_by_the_plain_iterations(monkeypatch, shape, smallest):
    monkeypatch.setattr(module, "multiplies_bfloat16", lambda device: False)
    u, _, v = torch.linalg.svd(
        torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64), full_matrices=False
    )
    matrix = u * torch.logspace(0, float(np.log10(smallest)), 40, dtype=torch.float64) @ v
    made = orthogonal(matrix.float())
    monkeypatch.setattr(module, "LONG", 100)
    exact = orthogonal(matrix)
    assert made.shape == shape
    assert (
        float((made - exact).norm() / exact.norm()) < 1e-3
    )  # singular values of a small matrix are squared in float32


def test_the_size_of_a_gradient_does_not_matter():
    matrix = torch.randn(6, 9, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(orthogonal(matrix), orthogonal(1000 * matrix), atol=0.05)


def test_the_first_step_of_a_matrix_is_as_large_as_adams_and_falls_with_the_rate():
    weight = nn.Parameter(torch.zeros(30, 50))
    optimiser = Muon([weight], lr=0.1)
    weight.grad = torch.randn(30, 50, generator=torch.Generator().manual_seed(0))
    away = weight.grad.sign()
    optimiser.step()
    assert weight.detach().square().mean().sqrt() == pytest.approx(0.1 * ADAM_RMS, rel=0.25)
    assert (weight * away).sum() < 0  # downhill


def test_kernels_of_convolutions_are_matrices_and_vectors_are_adams():
    kernels, bias, same = (nn.Parameter(torch.ones(shape)) for shape in ((4, 3, 2, 2), (5,), (5,)))
    muon, adam = Muon([kernels, bias], lr=0.01), torch.optim.Adam([same], lr=0.01)
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        kernels.grad = torch.randn(kernels.shape, generator=generator)
        bias.grad = torch.randn(5, generator=generator)
        same.grad = bias.grad.clone()
        muon.step()
        adam.step()
    assert torch.equal(bias, same)
    assert not torch.equal(kernels, torch.ones_like(kernels))
    assert set(muon.state[kernels]) == {"momentum", "step"}


def test_a_parameter_without_a_gradient_stays():
    weight = nn.Parameter(torch.ones(3, 3))
    Muon([weight], lr=0.1).step()
    assert torch.equal(weight, torch.ones(3, 3))


def test_a_training_that_was_stopped_goes_on_to_the_same_curve(tmp_path):
    settings = ExperimentSettings.model_validate({
        "net": {"hidden": 16}, "em": {"components": 2, "steps": 2},
        "train": {
            "optimiser": "muon", "batch": 4, "updates": 6, "row_every": 2, "validation_clips": 4, "patience_rows": None,
        },
    })  # fmt: skip
    train(settings, tmp_path / "whole")
    for _ in range(6):
        train(settings, tmp_path / "parts", minutes=0.0)
    curves = [(tmp_path / name / "curve.jsonl").read_bytes() for name in ("whole", "parts")]
    assert curves[0] == curves[1]
    assert curves[0].count(b"\n") == 3
