"""Expectation maximisation in torch: likelihoods, responsibilities, the two-term loss.

    p(x_i)   = pi_0 p_0(x_i) + sum_k pi_ik p(x_i | psi_ik)
    gamma_ik = pi_ik p(x_i | psi_ik) / sum_j pi_ij p(x_i | psi_ij)

Greff, van Steenkiste and Schmidhuber, Neural Expectation Maximization, NIPS 2017. psi at t was predicted from frames before t;
gamma at t uses that psi and frame t.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tracker.em.floor import PROBABILITY_FLOOR


def bernoulli_likelihood(x: Tensor, psi: Tensor) -> Tensor:
    """p(x | psi) = x psi + (1 - x)(1 - psi) of binary pixels, for each channel. x broadcasts to psi, both in [0, 1]."""
    return torch.addcmul(1 - x, 2 * x - 1, psi)  # in one pass over psi


def bernoulli_log_likelihood(x: Tensor, psi: Tensor, *, floor: float = PROBABILITY_FLOOR) -> Tensor:
    """log p(x | psi) of binary pixels, channels summed.

    x      (..., C, H, W) in [0, 1]
    psi    (..., C, H, W) probabilities
    floor  they are kept so far from 0 and 1
    return (..., 1, H, W)

    Channels multiply, so their logarithms add; the authors' code adds probabilities over channels (the same for C = 1).
    """
    psi = psi.clamp(floor, 1 - floor)
    return torch.lerp((1 - psi).log(), psi.log(), x).sum(-3, keepdim=True)  # x log psi + (1 - x) log(1 - psi)


def gaussian_log_likelihood(x: Tensor, psi: Tensor, *, sigma: float) -> Tensor:
    """log N(x | psi, sigma^2) up to a constant, channels summed; shapes as in `bernoulli_log_likelihood`."""
    return -_squared_distance(x, psi) / (2 * sigma**2)


def robust_colour_log_likelihood(x: Tensor, psi: Tensor, *, sigma: float, reach: float) -> Tensor:
    """A Gaussian whose penalty stops growing at `reach` standard deviations: a wrong colour is unlikely, never impossible.

        log p(x | psi) = -min(|x - psi|^2, (reach sigma)^2) / (2 sigma^2)

    Shapes as in `bernoulli_log_likelihood`. Without the bound one pixel of compression noise outweighs the whole mask.
    """
    return -_squared_distance(x, psi).clamp(max=(reach * sigma) ** 2) / (2 * sigma**2)


def _squared_distance(x: Tensor, psi: Tensor) -> Tensor:
    """|x - psi|^2 over channels, (..., 1, H, W)."""
    return ((x - psi) ** 2).sum(-3, keepdim=True)


def responsibilities(log_joint: Tensor, *, dim: int) -> Tensor:
    """The E-step: gamma = softmax of log pi + log p over the components, along `dim`; sums to one there."""
    return torch.softmax(log_joint, dim=dim)


def normalised(joint: Tensor, *, dim: int) -> Tensor:
    """The E-step from joint probabilities pi p themselves, where a floor keeps their sum above zero."""
    return joint / joint.sum(dim, keepdim=True)


def loss_terms(
    gamma: Tensor, intra: Tensor, inter: Tensor, *, inter_weight: float | Tensor = 1.0
) -> tuple[Tensor, Tensor]:
    """The two terms of N-EM's loss for each pixel and component, not yet summed.

        L_ik = gamma_ik intra_ik + w (1 - gamma_ik) inter_ik

    gamma  responsibilities
    intra  -log p(x_i | psi_ik): the error of the component's own pixels
    inter  KL(prior || psi_ik): the penalty of predicting anything for the others
    All of one shape; the paper prints a minus before the second term, its code (and sense) a plus.
    """
    return gamma * intra, inter_weight * (1 - gamma) * inter


def two_term_loss(gamma: Tensor, intra: Tensor, inter: Tensor, *, inter_weight: float | Tensor = 1.0) -> Tensor:
    """N-EM's loss (equation 5) for each pixel and component, not yet summed: the sum of `loss_terms`."""
    mine, others = loss_terms(gamma, intra, inter, inter_weight=inter_weight)
    return mine + others
