"""EM from several random starts, keeping for each clip the run with the lowest loss: beyond the papers, whose runs start once."""

from __future__ import annotations

import torch
from torch import Tensor

from tracker.em.likelihoods import two_term_loss
from tracker.papers.cells import Cell
from tracker.papers.settings import EmSettings
from tracker.papers.unroll import Inputs, Unrolled, random_shares, scored, unroll


def unroll_best(
    cell: Cell, inputs: Inputs, settings: EmSettings, *, starts: int, generator: torch.Generator
) -> Unrolled:
    """For each clip, the unrolling whose two-term loss is the lowest of `starts`; all see the same noise, no labels are used.

    starts     1 is `unroll` itself; the first start is the gamma of the inputs, the others are drawn
    generator  on the device of the inputs
    """
    best = unroll(cell, inputs, settings)
    lowest = _clip_losses(best, inputs, settings)
    for _ in range(starts - 1):
        gamma = random_shares(tuple(inputs.gamma.shape), generator=generator, device=inputs.gamma.device)
        run = unroll(cell, inputs._replace(gamma=gamma), settings)
        loss = _clip_losses(run, inputs, settings)
        better = loss < lowest
        best, lowest = _chosen(better, run, best), torch.where(better, loss, lowest)
    return best


def _clip_losses(run: Unrolled, inputs: Inputs, settings: EmSettings) -> Tensor:
    """(B) the loss of each clip, of the steps that count."""
    gamma, intra, inter = scored(run, inputs.frames, settings)
    each = two_term_loss(gamma, intra, inter, inter_weight=settings.inter_weight)
    return each.sum((0, 2, 3, 4, 5))


def _chosen(better: Tensor, run: Unrolled, best: Unrolled) -> Unrolled:
    """Of each clip the first where `better` (B), else the second."""
    steps = better.view(1, -1, 1, 1, 1, 1)
    return Unrolled(
        torch.where(steps, run.psi, best.psi),
        torch.where(steps, run.gamma, best.gamma),
        torch.where(better.view(-1, 1, 1), run.state, best.state),
    )
