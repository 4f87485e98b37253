"""The M-steps: how a slot's state follows from what it owns and what it was.

The windowed form of RNN-EM (section 3.2 of the paper: theta_k <- RNN(encode(gamma_k (x - psi_k)), theta_k)) with a state that lives
on the slot's grid. Two variants stand beside it, for comparison: a state that is a vector, as in the paper, and slots that hear of
their neighbours, as in Relational NEM (van Steenkiste et al., ICLR 2018). docs/benchmarks.md has what they gained and lost.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from tracker.slots.settings import CellSettings
from tracker.slots.window import EMPTY_LOGIT, axes, fit_pose, warp

LOGIT_RANGE = 8.0
"""mask logits stay within this"""
VECTOR = 256
"""size of a slot's state where it is a vector"""
LARGEST_STEP = 0.5
"""displacement in one frame, in object sizes"""


class SlotState(NamedTuple):
    """theta of N slots: everything that is carried from frame to frame."""

    mask_logit: Tensor
    """(N, 1, P, P) the object's silhouette, hidden parts included, as logits"""
    colour: Tensor
    """(N, 3, P, P) its colour, RGB in [0, 1]"""
    hidden: Tensor
    """(N, hidden, P, P)"""
    motion: Tensor
    """(N, motion)"""
    pose: Tensor
    """(N, 4) centre x, y, width, height in pixels, predicted for the next frame"""
    velocity: Tensor
    """(N, 2) the last predicted displacement x, y in pixels a frame"""


class Sight(NamedTuple):
    """What N slots see through their windows in one frame; each (N, *, P, P)."""

    owned: Tensor
    """(N, 1, P, P) gamma of this slot"""
    others: Tensor
    """(N, 1, P, P) summed gamma of all other slots"""
    verdict: Tensor
    """(N, 1, P, P) the Gaussian mixture's: 0 background, 0.5 shadow, 1 foreground"""
    colour: Tensor
    """(N, 3, P, P)"""


class WindowCell(nn.Module):
    """One frame of the windowed RNN-EM cell."""

    def __init__(self, settings: CellSettings) -> None:
        super().__init__()
        self.settings = settings
        features, hidden, motion = settings.features, settings.hidden, settings.motion
        # owned, others, verdict, colour 3, error 3, mask, mask logit, state colour 3, hidden
        self.enter = nn.Conv2d(14 + hidden, features, 3, padding=1)
        self.enter_norm = nn.GroupNorm(4, features)
        self.context = nn.Linear(motion, features)
        self.mix = nn.Conv2d(features, features, 3, padding=1)
        self.mix_norm = nn.GroupNorm(4, features)
        self.gate = nn.Conv2d(features, 2 + hidden, 1)
        self.candidate = nn.Conv2d(features, 1 + hidden, 1)
        self.squeeze = nn.Sequential(
            nn.Conv2d(features, features, 4, 2, 1), nn.SiLU(), nn.Conv2d(features, features, 4, 2, 1), nn.SiLU(),
            nn.Flatten(), nn.Linear(features * (settings.grid_px // 4) ** 2, 128), nn.SiLU(),
        )  # fmt: skip
        self.move = nn.GRUCell(128 + 4 + settings.relations, motion)
        if settings.relations:
            self.relate = _Relations(motion, settings.relations)
        if settings.state == "vector":
            self.remember = nn.GRUCell(128, VECTOR)
            self.draw = _Drawing(settings.grid_px)
        self.step_out = nn.Linear(motion, 2)
        nn.init.constant_(self.gate.bias, -1.0)  # type: ignore[arg-type]  # begin by keeping the state
        nn.init.zeros_(self.step_out.weight)  # begin by standing still
        nn.init.zeros_(self.step_out.bias)

    def birth(self, pose: Tensor, colour: Tensor, mask: Tensor | None = None) -> SlotState:
        """New slots at `pose` (N, 4), with the colour (N, 3, P, P) seen there.

        mask (N, 1, P, P) in [0, 1] is the silhouette where it is known; without it a soft rectangle.
        """
        n, size = len(pose), self.settings.grid_px
        if mask is None:
            x, y = axes(size, pose.device)
            logit = ((0.6 - torch.maximum(x.abs(), 0.9 * y.abs())) * 8).expand(n, 1, size, size)
        else:
            logit = torch.logit(mask.clamp(0.02, 0.95))
        hidden = pose.new_zeros(n, self.settings.hidden, size, size)
        return SlotState(logit, colour, hidden, pose.new_zeros(n, self.settings.motion), pose, pose.new_zeros(n, 2))

    def forward(
        self, state: SlotState, sight: Sight, free: Tensor, fit: Tensor | None = None, *, clips: int = 1
    ) -> SlotState:
        """M-step: the state predicted for the next frame.

        free (N,) 1 where the slot was seen; 0 where it is hidden: it moves on as predicted and learns nothing.
        fit  (N,) 0 keeps a window from following its mask's moments, where others may have torn the mask; None: all follow
        clips  the slots are those of so many clips, in turn; only slots of one clip hear of each other
        """
        mask = torch.sigmoid(state.mask_logit)
        error = (sight.colour - state.colour) * sight.owned
        seen = [*sight, error, mask, state.mask_logit / 4, state.colour, state.hidden]
        z = nn.functional.silu(
            self.enter_norm(self.enter(torch.cat(seen, 1))) + self.context(state.motion)[..., None, None]
        )
        z = nn.functional.silu(self.mix_norm(self.mix(z)))
        gate = torch.sigmoid(self.gate(z)).float() * free[:, None, None, None]
        candidate = torch.tanh(self.candidate(z)).float()

        logit = state.mask_logit + gate[:, :1] * (LOGIT_RANGE * candidate[:, :1] - state.mask_logit)
        colour = state.colour + gate[:, 1:2] * sight.owned * (sight.colour - state.colour)
        hidden = state.hidden + gate[:, 2:] * (candidate[:, 1:] - state.hidden)
        squeezed = self.squeeze(z).float()
        if self.settings.state == "vector":
            # the vector stands in the hidden channels, one number in each place from the first on
            flat = state.hidden.flatten(1)
            told = self.remember(squeezed, flat[:, :VECTOR]).float()
            vector = torch.where(free[:, None] > 0, told, flat[:, :VECTOR])
            drawn = self.draw(vector)
            logit = torch.where(free[:, None, None, None] > 0, LOGIT_RANGE * torch.tanh(drawn[:, :1]), state.mask_logit)
            colour = torch.where(free[:, None, None, None] > 0, torch.sigmoid(drawn[:, 1:]), state.colour)
            hidden = torch.cat([vector, flat[:, VECTOR:]], 1).view_as(state.hidden)

        size = state.pose[:, 2:].detach()
        place = torch.cat([state.velocity.detach() / size, (size / self.settings.grid_px).log()], 1)
        heard = [squeezed, place]
        if self.settings.relations:
            heard.append(self.relate(state, free, clips))
        moved = self.move(torch.cat(heard, 1), state.motion).float()
        motion = torch.where(free[:, None] > 0, moved, state.motion)
        step = torch.tanh(self.step_out(motion)).float() * LARGEST_STEP * size
        # hidden: the network's word is not asked for, the last seen velocity carries on and tires slowly
        velocity = torch.where(free[:, None] > 0, step, state.velocity * 0.97)

        pose = torch.cat([state.pose[:, :2].detach() + velocity, size], 1)
        fitted, to_old = fit_pose(logit, pose, free if fit is None else free * fit)
        # the closed form moves the window under the object; what the network predicted keeps its gradient
        warped = warp(torch.cat([logit - EMPTY_LOGIT, colour, hidden], 1), to_old)
        pose = pose + (fitted - pose).detach()
        kept = hidden if self.settings.state == "vector" else warped[:, 4:]
        return SlotState(warped[:, :1] + EMPTY_LOGIT, warped[:, 1:4], kept, motion, pose, velocity)


class _Relations(nn.Module):
    """What each slot hears of the others in its clip: a sum of messages, each weighed by attention (R-NEM, equations 5 to 7)."""

    def __init__(self, motion: int, size: int) -> None:
        super().__init__()
        self.pair = nn.Sequential(nn.Linear(2 * motion + 4, 64), nn.SiLU(), nn.Linear(64, size + 1))

    def forward(self, state: SlotState, free: Tensor, clips: int) -> Tensor:
        """(N, size); free (N,) 1 where a slot was seen: the unseen say nothing."""
        motion, pose = (part.view(clips, -1, part.shape[-1]) for part in (state.motion, state.pose.detach()))
        slots = motion.shape[1]
        size = pose[..., 2:].prod(-1).clamp(min=1).sqrt()[:, :, None, None]
        apart = (pose[:, None, :, :2] - pose[:, :, None, :2]) / size  # from k to j, in sizes of k
        larger = (pose[:, None, :, 2:] / pose[:, :, None, 2:].clamp(min=1)).clamp(min=1e-2).log()
        me, other = (m.expand(clips, slots, slots, -1) for m in (motion[:, :, None], motion[:, None]))
        told = self.pair(torch.cat([me, other, apart.clamp(-4, 4), larger], -1)).float()
        near = (
            (apart.norm(dim=-1) < 3).float() * free.view(clips, 1, slots) * (1 - torch.eye(slots, device=free.device))
        )
        return ((torch.sigmoid(told[..., :1]) * told[..., 1:]) * near[..., None]).sum(2).flatten(0, 1)


class _Drawing(nn.Module):
    """A vector (N, VECTOR) drawn as mask and colour (N, 4, P, P), before they are squashed."""

    def __init__(self, grid: int) -> None:
        super().__init__()
        self.side = grid // 4
        self.spread = nn.Linear(VECTOR, 32 * self.side**2)
        self.refine = nn.Sequential(
            nn.SiLU(), nn.ConvTranspose2d(32, 32, 4, 2, 1), nn.SiLU(), nn.ConvTranspose2d(32, 32, 4, 2, 1), nn.SiLU(),
            nn.Conv2d(32, 4, 3, padding=1),
        )  # fmt: skip

    def forward(self, vector: Tensor) -> Tensor:
        return self.refine(self.spread(vector).view(-1, 32, self.side, self.side)).float()
