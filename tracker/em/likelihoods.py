"""Expectation maximisation, written once: likelihoods, responsibilities, the two-term loss.

    p(x_i)   = pi_0 p_0(x_i) + sum_k pi_ik p(x_i | psi_ik)
    gamma_ik = pi_ik p(x_i | psi_ik) / sum_j pi_ij p(x_i | psi_ij)

Greff, van Steenkiste and Schmidhuber, Neural Expectation Maximization, NIPS 2017. Which frame a number belongs to: psi at t was
predicted from frames before t; gamma at t uses that psi and frame t.
"""

from __future__ import annotations

import torch
from torch import Tensor

PROBABILITY_FLOOR = 1e-4
"""keeps logarithms of predicted probabilities finite; below one part in the 256 levels of a pixel, squared"""


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
    return -((x - psi) ** 2).sum(-3, keepdim=True) / (2 * sigma**2)


def robust_colour_log_likelihood(x: Tensor, psi: Tensor, *, sigma: float, reach: float) -> Tensor:
    """A Gaussian whose penalty stops growing at `reach` standard deviations: a wrong colour is unlikely, never impossible.

        log p(x | psi) = -min(|x - psi|^2, (reach sigma)^2) / (2 sigma^2)

    Shapes as in `bernoulli_log_likelihood`. Without the bound one pixel of compression noise outweighs the whole mask.
    """
    return -((x - psi) ** 2).sum(-3, keepdim=True).clamp(max=(reach * sigma) ** 2) / (2 * sigma**2)


def responsibilities(log_joint: Tensor, *, dim: int) -> Tensor:
    """Share every pixel among the components (the E-step): softmax of log pi + log p over `dim`; sums to one there."""
    return torch.softmax(log_joint, dim=dim)


def two_term_loss(gamma: Tensor, intra: Tensor, inter: Tensor, *, inter_weight: float | Tensor = 1.0) -> Tensor:
    """N-EM's loss for each pixel and component, not yet summed.

        L_ik = gamma_ik intra_ik + w (1 - gamma_ik) inter_ik

    gamma  responsibilities
    intra  -log p(x_i | psi_ik): explain the pixels that are yours
    inter  KL(prior || psi_ik): claim nothing about the others
    All of one shape; the paper prints a minus before the second term, its code (and sense) a plus.
    """
    return gamma * intra + inter_weight * (1 - gamma) * inter
