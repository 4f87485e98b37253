"""The M-step: how a slot's state follows from its pixels and from what the state was.

The windowed form of RNN-EM (section 3.2 of the paper: theta_k <- RNN(encode(gamma_k (x - psi_k)), theta_k)) with a state that lives
on the slot's grid. A state that is a vector, as in the paper, and slots that know of their neighbours, as in Relational NEM, were
tried too: docs/benchmarks.md.
"""

from __future__ import annotations

from copy import deepcopy
from typing import NamedTuple

import torch
from torch import Tensor, nn

from tracker.slots.exact import Exact, Floating, Grid, round_layer, widen
from tracker.slots.settings import CellSettings
from tracker.slots.state import KNOWN_RANGE
from tracker.slots.window import EMPTY_LOGIT, axes, fit_pose, warp

LOGIT_RANGE = 8.0
"""mask logits stay within this"""
LOGIT_UNIT = 16.0
"""by which mask logits are divided while they are warped: all that is warped then lies within 1"""
LARGEST_STEP = 0.5
"""displacement in one frame, in object sizes"""
HIDDEN_DECAY = 0.97
"""share of a hidden slot's velocity that is left after a frame: the longer it is hidden, the likelier it has stopped"""
KEEP_BIAS = -1.0
"""of the gates at first: an untrained cell keeps its state"""
SOFT_EDGE, SOFT_SIZE, SOFT_NARROWING = 8.0, 0.6, 0.9
"""of a new slot whose silhouette is unknown: its logits fall by the first over half a window, and reach 0 at the second, in half windows
from the centre along x; distances along y count by the third, since objects are taller than wide"""
ENTERING = 14
"""channels that enter beside the hidden ones: gamma own and others, verdict, colour 3, error 3, mask, mask logit, state colour 3"""
SQUEEZED = 128
"""numbers in which the motion vector gets the grid"""

# what is kept of the values that enter a layer; hardly a value is beyond these bounds on PETS and drawn streets
SEEN = Grid(9, -2.0, 2.0)
"""what is seen, its error, and the state"""
FEATURES = Grid(7, -0.3, 8.0)
"""after a normalisation"""
COARSER = Grid(6, -0.3, 16.0)
"""features on their way to the motion vector"""
MOTION = Grid(11, -1.0, 1.0)
"""the motion vector"""
PLACE = Grid(10, -8.0, 8.0)
"""speed in object sizes, and the logarithm of the size"""
STEP_BITS = 16
"""after the point that are kept of a step, in largest steps"""


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


class CellInput(NamedTuple):
    """One frame in the windows of N slots; each (N, *, P, P)."""

    responsibility: Tensor
    """(N, 1, P, P) gamma of this slot"""
    others: Tensor
    """(N, 1, P, P) summed gamma of all other slots"""
    verdict: Tensor
    """(N, 1, P, P) the scene's verdict: 0 background, 0.5 unsure or shadow, 1 foreground"""
    colour: Tensor
    """(N, 3, P, P)"""

    @classmethod
    def of(cls, seen: Tensor) -> CellInput:
        """The parts of (N, 6, P, P), as `e_step.crop_frame` gives it."""
        return cls(seen[:, :1], seen[:, 1:2], seen[:, 2:3], seen[:, 3:])


class WindowCell(nn.Module):
    """One frame of the windowed RNN-EM cell."""

    def __init__(self, settings: CellSettings) -> None:
        super().__init__()
        self.settings = settings
        features, hidden, motion = settings.features, settings.hidden, settings.motion
        self.enter = nn.Conv2d(ENTERING + hidden, features, 3, padding=1)
        self.enter_norm = nn.GroupNorm(4, features)
        self.context = nn.Linear(motion, features)
        self.mix = nn.Conv2d(features, features, 3, padding=1)
        self.mix_norm = nn.GroupNorm(4, features)
        self.gate = nn.Conv2d(features, 2 + hidden, 1)
        self.candidate = nn.Conv2d(features, 1 + hidden, 1)
        self.squeeze = nn.Sequential(
            nn.Conv2d(features, features, 4, 2, 1), nn.SiLU(), nn.Conv2d(features, features, 4, 2, 1), nn.SiLU(),
            nn.Flatten(), nn.Linear(features * (settings.grid_px // 4) ** 2, SQUEEZED), nn.SiLU(),
        )  # fmt: skip
        self.move = nn.GRUCell(SQUEEZED + 4, motion)
        self.step_out = nn.Linear(motion, 2)
        nn.init.constant_(self.gate.bias, KEEP_BIAS)  # type: ignore[arg-type]
        nn.init.zeros_(self.step_out.weight)  # begin by standing still
        nn.init.zeros_(self.step_out.bias)
        self.numbers = Floating()
        """the operations between layers"""

    def exact(self) -> WindowCell:
        """A copy for use, rounded so that its answers are the same on every processor; it cannot be trained.

        Raises WeightsError if sums of its weights cannot be exact.
        """
        cell = deepcopy(self)
        cell.numbers = Exact()
        entering = {
            "enter": SEEN, "mix": FEATURES, "gate": FEATURES, "candidate": FEATURES, "squeeze.0": FEATURES, "squeeze.2": COARSER,
        }  # fmt: skip
        for name, grid in entering.items():
            layer = cell.get_submodule(name)
            assert isinstance(layer, nn.Conv2d)
            round_layer(layer, grid, name=name)
        for vectors in (cell.context, cell.squeeze[5], cell.move, cell.step_out):
            widen(vectors)
        return cell

    def birth(self, pose: Tensor, colour: Tensor, mask: Tensor | None = None) -> SlotState:
        """New slots at `pose` (N, 4), with the colour (N, 3, P, P) seen there.

        mask (N, 1, P, P) in [0, 1] is the silhouette where it is known; without it a soft rectangle.
        """
        n, size = len(pose), self.settings.grid_px
        if mask is None:
            x, y = axes(size, pose.device)
            logit = ((SOFT_SIZE - torch.maximum(x.abs(), SOFT_NARROWING * y.abs())) * SOFT_EDGE).expand(
                n, 1, size, size
            )
        else:
            logit = torch.logit(mask.clamp(*KNOWN_RANGE))
        hidden = pose.new_zeros(n, self.settings.hidden, size, size)
        return SlotState(logit, colour, hidden, pose.new_zeros(n, self.settings.motion), pose, pose.new_zeros(n, 2))

    def forward(self, state: SlotState, seen: CellInput, visible: Tensor, fit: Tensor | None = None) -> SlotState:
        """M-step (RNN-EM): theta of frame t, which predicted it, and what was seen in it, to theta of frame t + 1.

            z      = encode(gamma, verdict, x, gamma (x - colour), theta)        (N, features, P, P)
            g, c   = sigmoid(G z), tanh(C z)                                     gates and candidates, pixel by pixel
            logit  <- logit  + v g_mask (LOGIT_RANGE c_mask - logit)
            colour <- colour + v g_colour gamma (x - colour)
            hidden <- hidden + v g_hidden (c_hidden - hidden)
            motion <- GRU(z, velocity, size; motion); velocity = LARGEST_STEP size tanh(S motion), for v = 0 HIDDEN_DECAY velocity
            pose   <- that under the mask's moments, moved by velocity; mask, colour and hidden are resampled to it

        visible  (N,) v: 1 where the slot was visible; 0 where it is hidden: it moves on as predicted and learns nothing
        fit      (N,) 0 keeps a window from following its mask's moments, where others may have torn the mask; None: all follow
        """
        z = self._encode(state, seen)
        gate = self.numbers.sigmoid(self.gate(z)).float() * visible[:, None, None, None]
        candidate = self.numbers.tanh(self.candidate(z)).float()
        logit = state.mask_logit + gate[:, :1] * (LOGIT_RANGE * candidate[:, :1] - state.mask_logit)
        colour = state.colour + gate[:, 1:2] * seen.responsibility * (seen.colour - state.colour)
        hidden = state.hidden + gate[:, 2:] * (candidate[:, 1:] - state.hidden)

        motion, velocity = self._move(state, z, visible)
        size = state.pose[:, 2:].detach()
        pose = torch.cat([state.pose[:, :2].detach() + velocity, size], 1)
        fitted, to_old = fit_pose(logit, pose, visible if fit is None else visible * fit, self.numbers)
        # the closed form moves the window under the object; what the network predicted keeps its gradient
        canvas = torch.cat([(logit - EMPTY_LOGIT) / LOGIT_UNIT, colour, hidden], 1)
        warped = warp(canvas, to_old, self.numbers)
        logit = warped[:, :1] * LOGIT_UNIT + EMPTY_LOGIT
        pose = pose + (fitted - pose).detach()
        return SlotState(logit, warped[:, 1:4], warped[:, 4:], motion, pose, velocity)

    def _encode(self, state: SlotState, seen: CellInput) -> Tensor:
        """(N, features, P, P) of what is seen, its error, and the state."""
        do = self.numbers
        mask = do.sigmoid(state.mask_logit)
        error = (seen.colour - state.colour) * seen.responsibility
        # a graph's layer may have more channels, which it ignores: `graph.write_cell_graph`
        filling = mask.expand(-1, self.enter.in_channels - ENTERING - self.settings.hidden, -1, -1)
        channels = [*seen, error, mask, state.mask_logit / 4, state.colour, state.hidden, filling]
        entered = self.enter(do.stored(torch.cat(channels, 1), SEEN))
        z = do.norm(entered, self.enter_norm) + self.context(do.wide(state.motion)).float()[..., None, None]
        return do.silu(do.norm(self.mix(do.silu(z, FEATURES)), self.mix_norm), FEATURES)

    def _move(self, state: SlotState, z: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
        """Motion vector (N, motion) and velocity (N, 2) in pixels a frame, after this frame."""
        do = self.numbers
        size = state.pose[:, 2:].detach()
        place = torch.cat([state.velocity.detach() / size, do.wide(size / self.settings.grid_px).log()], 1)
        moved = self._remember(torch.cat([self._squeezed(z), do.stored(place, PLACE)], 1), state.motion)
        motion = torch.where(visible[:, None] > 0, moved, state.motion)
        step = do.rounded(torch.tanh(do.wide(self.step_out(do.wide(motion)))), STEP_BITS) * LARGEST_STEP * size
        # hidden: the network is not asked; the last velocity continues and decays
        velocity = torch.where(visible[:, None] > 0, step, state.velocity * HIDDEN_DECAY)
        return motion, velocity

    def _squeezed(self, z: Tensor) -> Tensor:
        """(N, SQUEEZED) of features (N, features, P, P)."""
        do = self.numbers
        for layer in self.squeeze:
            if isinstance(layer, nn.SiLU):
                z = do.silu(z, COARSER)
            else:
                z = layer(do.wide(z) if isinstance(layer, nn.Linear) else z)
        return z.float()

    def _remember(self, entering: Tensor, motion: Tensor) -> Tensor:
        """(N, motion) what `self.move`, a gated recurrent unit, makes of (N, SQUEEZED + 4) and of what it was."""
        do, move, linear = self.numbers, self.move, nn.functional.linear
        came = do.wide(linear(do.wide(entering), move.weight_ih, move.bias_ih)).chunk(3, 1)
        kept = do.wide(linear(do.wide(motion), move.weight_hh, move.bias_hh)).chunk(3, 1)
        reset, update = (do.sigmoid(came[n] + kept[n]) for n in (0, 1))
        new = do.tanh(came[2] + reset * kept[2])
        return do.rounded(new + update * (motion - new), MOTION.bits)
