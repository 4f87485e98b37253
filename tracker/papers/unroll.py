"""Many iterations of a cell over clips, and N-EM's two-term loss.

Which frame a number belongs to, for t = 0 .. T - 1 (as in the authors' code):

    update    gamma^t (x~^t - psi^t)             x~: the frame with noise
    M-step    psi^{t+1}, theta^{t+1} = cell(update, theta^t)
    E-step    gamma^{t+1}: shares of psi^{t+1} in explaining x^{t+1}, the clean next frame
    loss      of psi^{t+1} and gamma^{t+1} on x^{t+1}

A static picture is a clip whose frames are all the same. gamma^0 is random and the only thing in which components differ at first.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from tracker.em.likelihoods import (
    bernoulli_likelihood,
    bernoulli_log_likelihood,
    gaussian_log_likelihood,
    loss_terms,
    normalised,
    responsibilities,
)
from tracker.errors import ShapeError
from tracker.papers.cells import Cell
from tracker.papers.settings import EmSettings

LIKELIHOOD_FLOOR = 1e-6
"""the authors' code adds it to every likelihood before sharing, and keeps probabilities so far from 0 and 1 in the loss"""
SMALLEST = torch.finfo(torch.float32).tiny


class Inputs(NamedTuple):
    """Everything an unrolling depends on beside the cell."""

    frames: Tensor
    """(B, T + 1, 1, H, W) clean, x^0 .. x^T"""
    noisy: Tensor
    """(B, T, 1, H, W) x~^0 .. x~^{T-1}"""
    gamma: Tensor
    """(B, K, 1, H, W) gamma^0, sums to 1 over K"""


class Unrolled(NamedTuple):
    """What came out, for t = 1 .. T."""

    psi: Tensor
    """(T, B, K, 1, H, W)"""
    gamma: Tensor
    """(T, B, K, 1, H, W), sums to 1 over K; without a gradient where the settings have none through gamma"""
    state: Tensor
    """(B, K, S) theta^T"""


class Losses(NamedTuple):
    """Sums over pixels and components, means over the batch; `total` also over the steps that count."""

    total: Tensor
    """intra + w inter"""
    intra: Tensor
    inter: Tensor
    """not yet weighted"""


def add_noise(x: Tensor, settings: EmSettings, *, generator: torch.Generator) -> Tensor:
    """x~ of x, any shape: every pixel, with probability `noise`, flipped (bernoulli) or replaced by U(0, 1) (gaussian)."""
    hit = torch.rand(x.shape, generator=generator, device=x.device) < settings.noise
    if settings.pixels == "bernoulli":
        return torch.where(hit, 1 - x, x)
    return torch.where(hit, torch.rand(x.shape, generator=generator, device=x.device), x)


def random_shares(shape: tuple[int, ...], *, generator: torch.Generator, device: torch.device) -> Tensor:
    """gamma^0 (B, K, 1, H, W): |n| / sum_k |n|, n ~ N(0, 1) for each pixel and component; 1 where K = 1."""
    # one number in some millions is exactly 0, and alone among K = 1 it would be 0 / 0
    n = torch.randn(shape, generator=generator, device=device).abs().clamp(min=SMALLEST)
    return normalised(n, dim=1)


def make_inputs(frames: Tensor, settings: EmSettings, *, seed: int) -> Inputs:
    """Noise and gamma^0 for clips (B, T + 1, 1, H, W) of any type of numbers, from a seed; they differ between kinds of device.

    Raises ShapeError for frames of another shape, or with values outside [0, 1].
    """
    if frames.ndim != 5 or not len(frames) or frames.shape[1] < 2 or frames.shape[2] != 1:
        raise ShapeError(f"frames: wanted (B, T + 1, 1, H, W) with T of 1 or more, got {tuple(frames.shape)}")
    frames = frames.float()
    low, high = (float(value) for value in frames.aminmax())
    if not (low >= 0 and high <= 1):
        raise ShapeError(f"frames: wanted values from 0 to 1, got {low:g} to {high:g}")
    return drawn_inputs(frames, settings, seed=seed)


def drawn_inputs(frames: Tensor, settings: EmSettings, *, seed: int) -> Inputs:
    """As `make_inputs`, of float32 frames that are known to fit: nothing waits for a GPU to look at them."""
    generator = torch.Generator(frames.device).manual_seed(seed)
    gamma = random_shares(
        (len(frames), settings.components, *frames.shape[2:]), generator=generator, device=frames.device
    )
    return Inputs(frames, add_noise(frames[:, :-1], settings, generator=generator), gamma)


def shares(x: Tensor, psi: Tensor, settings: EmSettings, *, power: float = 1.0) -> Tensor:
    """The E-step, components equal before: gamma (B, K, 1, H, W) of a frame x (B, 1, H, W) and psi (B, K, 1, H, W).

        q_k = (p(x | psi_k) + 1e-6)^power,   gamma_k = q_k / sum_j q_j

    p is x psi + (1 - x)(1 - psi), or N(x | psi, share_sigma^2), a density. Pictures have one channel.
    """
    x = x[:, None]
    if settings.pixels == "bernoulli":
        likelihood = bernoulli_likelihood(x, psi)
    else:
        peak = 1 / (settings.share_sigma * math.sqrt(2 * math.pi))
        likelihood = peak * gaussian_log_likelihood(x, psi, sigma=settings.share_sigma).exp()
    likelihood = likelihood + LIKELIHOOD_FLOOR
    if power == 1:
        return normalised(likelihood, dim=1)
    return responsibilities(power * likelihood.log(), dim=1)  # a power of what nobody explains may be 0 in float32


def share_power(settings: EmSettings, step: int, steps: int) -> float:
    """The power of the likelihood in the E-step after step 0 .. steps - 1: deterministic annealing (Ueda and Nakano 1998).

    A Gaussian's standard deviation over the square root of it.
    """
    first, last = settings.share_power
    return first if first == last else first * (last / first) ** (step / max(1, steps - 1))


def weights(gamma: Tensor, settings: EmSettings) -> Tensor:
    """What each pixel counts in its component's update, from gamma (B, K, 1, H, W), of that shape.

    mean: gamma_ik / sum_j gamma_jk, the weighted mean of slot attention (Locatello et al. 2020), times HW / K: even shares
    weigh what they weigh without it.
    """
    if settings.update_weight == "share":
        return gamma
    return gamma / (gamma.mean((-2, -1), keepdim=True) * gamma.shape[1]).clamp(min=LIKELIHOOD_FLOOR)


def unroll(
    cell: Cell,
    inputs: Inputs,
    settings: EmSettings,
    *,
    action: Tensor | None = None,
    state: Tensor | None = None,
    last_alone: bool = False,
) -> Unrolled:
    """Run the cell over the clips. action (B, T, A), where the cell takes one; state (B, K, S), None: the cell's own start.

    last_alone  psi and gamma of step T only, as (1, B, K, 1, H, W): a loss that has no use for the others is spared their gradients
    Nothing here depends on a tensor's values, so that the whole can be captured as one graph.
    Where `gradient_steps` is set, the steps before have no gradient: with 1, the first order of implicit differentiation at the fixed
    point (Chang, Griffiths and Levine 2022), which costs as much memory as one step.
    """
    gamma = inputs.gamma
    state = cell.start(*gamma.shape[:2]) if state is None else state
    psi = torch.zeros_like(gamma) if settings.first_prediction == "zero" else cell.decode(state)
    psis: list[Tensor] = []
    gammas: list[Tensor] = []
    steps = inputs.noisy.shape[1]
    for t in range(steps):
        with torch.set_grad_enabled(torch.is_grad_enabled() and t >= first_with_gradient(settings, steps)):
            update = weights(gamma, settings) * (inputs.noisy[:, t, None] - psi)
            psi, state = cell(update, state, None if action is None else action[:, t])
            explained = psi if settings.through_gamma else psi.detach()
            gamma = shares(inputs.frames[:, t + 1], explained, settings, power=share_power(settings, t, steps))
        if last_alone:
            psis, gammas = [], []
        psis.append(psi)
        gammas.append(gamma)
    return Unrolled(torch.stack(psis), torch.stack(gammas), state)


def first_with_gradient(settings: EmSettings, steps: int) -> int:
    """The first of the steps 0 .. steps - 1 that gradients pass through."""
    return 0 if settings.gradient_steps is None else max(0, steps - settings.gradient_steps)


def pixel_losses(x: Tensor, psi: Tensor, settings: EmSettings) -> tuple[Tensor, Tensor]:
    """intra and inter of every pixel, shapes of psi (..., 1, H, W); x broadcasts to it.

    bernoulli  intra -log p(x | psi);              inter KL[0 || psi] = -log(1 - psi)
    gaussian   intra (x - psi)^2 / (2 sigma^2);    inter KL[psi || 0] = psi^2 / (2 sigma^2)
    """
    black = torch.zeros_like(x)
    if settings.pixels == "bernoulli":
        intra, inter = (-bernoulli_log_likelihood(y, psi, floor=LIKELIHOOD_FLOOR) for y in (x, black))
    else:
        intra, inter = (-gaussian_log_likelihood(y, psi, sigma=settings.loss_sigma) for y in (x, black))
    return intra, inter


def scored(run: Unrolled, frames: Tensor, settings: EmSettings) -> tuple[Tensor, Tensor, Tensor]:
    """gamma, intra and inter (T, B, K, 1, H, W) against frames (B, T + 1, 1, H, W), of the steps that count: all, or the last alone."""
    first = 0 if settings.all_steps else -1
    target = frames[:, 1:].transpose(0, 1)[first:, :, None]  # (T, B, 1, 1, H, W)
    return run.gamma[first:], *pixel_losses(target, run.psi[first:], settings)


def unrolled_loss(run: Unrolled, frames: Tensor, settings: EmSettings) -> Losses:
    """The two-term loss against frames (B, T + 1, 1, H, W), of every step or of the last alone, as the settings say."""
    gamma, intra, inter = scored(run, frames, settings)
    over = len(frames) * (len(gamma) if settings.mean_over_steps else 1)
    mine, others = (term.sum() / over for term in loss_terms(gamma, intra, inter))
    return Losses(mine + settings.inter_weight * others, mine, others)
