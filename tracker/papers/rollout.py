"""Roll-outs: the network watches some frames, then goes on from its own predictions (R-NEM, section 4.1)."""

from __future__ import annotations

import torch

from tracker.papers.cells import Cell
from tracker.papers.settings import DreamtPixels, EmSettings
from tracker.papers.starts import unroll_best
from tracker.papers.unroll import Inputs, Unrolled, add_noise, shares, weights

SEEN_ABOVE = 0.1
"""a pixel is taken as white in the E-step where some component predicts more"""
WHITE_ABOVE = 0.5
"""binary: a pixel of the dreamt frame is white above, else black"""


def roll_out(
    cell: Cell,
    inputs: Inputs,
    settings: EmSettings,
    *,
    watched: int,
    generator: torch.Generator,
    starts: int = 1,
    pixels: DreamtPixels = "expected",
) -> Unrolled:
    """Watch the first `watched` steps, then dream the rest: sum_k gamma_k psi_k is the next frame.

    starts  of the watched steps, as in `unroll_best`, which knows nothing of the frames after them
    pixels  expected: the sum itself; binary, beyond the papers: black and white, as the frames of the training are. A network that was
            trained on white balls takes a grey one for noise: it is fainter from step to step until it is gone
    While dreaming, gamma is the shares in [max_k psi_k > 0.1], and noise goes on being added, as in the authors' code.
    """
    first = inputs._replace(frames=inputs.frames[:, : watched + 1], noisy=inputs.noisy[:, :watched])
    seen = unroll_best(cell, first, settings, starts=starts, generator=generator)
    psi, gamma, state = seen.psi[-1], seen.gamma[-1], seen.state
    psis, gammas = [seen.psi], [seen.gamma]
    for _ in range(watched, inputs.noisy.shape[1]):
        dreamt = (gamma * psi).sum(1)
        if pixels == "binary":
            dreamt = (dreamt > WHITE_ABOVE).to(dreamt.dtype)
        update = weights(gamma, settings) * (add_noise(dreamt, settings, generator=generator)[:, None] - psi)
        psi, state = cell(update, state)
        gamma = shares((psi.amax(1) > SEEN_ABOVE).float(), psi, settings, power=settings.share_power[1])
        psis.append(psi[None])
        gammas.append(gamma[None])
    return Unrolled(torch.cat(psis), torch.cat(gammas), state)
