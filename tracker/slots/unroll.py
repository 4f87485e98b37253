"""One frame of the windowed RNN-EM in whole-frame torch: the form that is trained, and the reference for `e_step.py`."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from tracker.em.floor import PROBABILITY_FLOOR
from tracker.em.likelihoods import responsibilities, robust_colour_log_likelihood
from tracker.slots.cell import CellInput, SlotState, WindowCell
from tracker.slots.settings import MixtureModelSettings
from tracker.slots.window import crop, paste


class Prediction(NamedTuple):
    """psi: what the slots predict of a frame before they see it. B clips, K slots."""

    mask: Tensor
    """(B, K, 1, H, W) probability that the object covers the pixel"""
    colour: Tensor
    """(B, K, 3, H, W)"""


def predict(state: SlotState, clips: int, height: int, width: int) -> Prediction:
    """psi of B * K slots, resampled from their grids into their frames."""
    canvas = torch.cat([torch.sigmoid(state.mask_logit), state.colour], 1)
    laid = paste(canvas, state.pose, height, width).view(clips, -1, 4, height, width)
    return Prediction(laid[:, :, :1], laid[:, :, 1:])


def e_step(psi: Prediction, frame: Tensor, verdict: Tensor, alive: Tensor, pixels: MixtureModelSettings) -> Tensor:
    """Responsibilities of the background and the slots. Component 0 is the scene, known by its verdict v.

        gamma_i0 ~ P(v_i | background)        gamma_ik ~ m_ik p(x_i | c_ik) P(v_i | object)

    frame (B, 3, H, W) in [0, 1] and verdict (B, 1, H, W) in {0, 0.5, 1}, both of the frame that psi predicts; alive (B, K) 0 or 1.
    Returns (B, K + 1, 1, H, W), sums to one over dim 1.
    """
    which = (verdict * 2).round().long()  # (B, 1, H, W)
    as_object = torch.tensor(pixels.object_verdicts, device=frame.device).log()[which]
    as_background = torch.tensor(pixels.background_verdicts, device=frame.device).log()[which]
    colour = robust_colour_log_likelihood(
        frame[:, None], psi.colour, sigma=pixels.colour_sigma, reach=pixels.colour_reach
    )  # (B, K, 1, H, W)
    slots = (psi.mask + PROBABILITY_FLOOR).log() + colour + as_object[:, None]
    slots = slots.masked_fill(alive[:, :, None, None, None] == 0, float("-inf"))
    return responsibilities(torch.cat([as_background[:, None], slots], 1), dim=1)


class StepRecord(NamedTuple):
    """One frame's psi (before the frame), gamma (with the frame), and which slots were visible."""

    psi: Prediction
    gamma: Tensor
    """(B, K + 1, 1, H, W)"""
    visible: Tensor
    """(B, K) 1 where the slot was alive, visible and learned"""


def step(
    cell: WindowCell, state: SlotState, frame: Tensor, verdict: Tensor, alive: Tensor, pixels: MixtureModelSettings
) -> tuple[SlotState, StepRecord]:
    """E-step with frame t, then M-step: the state for t + 1. Shapes as in `e_step`; state holds B * K slots."""
    clips, slots = alive.shape
    height, width = frame.shape[-2:]
    psi = predict(state, clips, height, width)
    with torch.no_grad():  # sequential mode of the paper: no gradient through gamma
        gamma = e_step(psi, frame, verdict, alive, pixels)
        own = gamma[:, 1:]
        others = 1 - gamma[:, :1] - own
        support = (own * (verdict[:, None] > 0)).sum((2, 3, 4))
        expected = psi.mask.sum((2, 3, 4)) + 1.0  # one pixel more, so that it is never zero
        visible = ((support / expected) >= pixels.hidden_below).float() * alive
    each = frame[:, None].expand(clips, slots, 3, height, width)
    verdicts = verdict[:, None].expand(clips, slots, 1, height, width)
    stack = torch.cat([own, others, verdicts, each], 2).flatten(0, 1)
    seen = crop(stack, state.pose.detach(), cell.settings.grid_px)
    return cell(state, CellInput.of(seen), visible.flatten()), StepRecord(psi, gamma, visible)
