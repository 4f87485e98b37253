"""One iteration of EM as a network: (update, state) -> (psi, state), the K copies sharing their weights.

    update_k = gamma_k (x - psi_k)        what component k has not explained of what is its own

N = B K rows, the K components of a sample side by side. Symbols are the papers': theta the state, psi the predicted pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tracker.errors import SettingsError, ShapeError
from tracker.papers.layers import decoder, encoder, linear, vector_norm
from tracker.papers.settings import ExperimentSettings, NetSettings

GLOROT_OF_ONE = 3**0.5
"""TensorFlow draws a 1 x 1 variable uniformly up to sqrt(6 / (1 + 1))"""


class Core(nn.Module):
    """What carries the state, between encoder and decoder."""

    state_size: int

    def forward(self, features: Tensor, state: Tensor, components: int, action: Tensor | None) -> tuple[Tensor, Tensor]:
        """features (N, F), state (N, S), action (B, A) -> what the decoder is fed (N, hidden), state (N, S)."""
        raise NotImplementedError


class Cell(nn.Module):
    """Anything that can be unrolled."""

    state_size: int
    """S"""

    def start(self, batch: int, components: int) -> Tensor:
        """The state before the first step, the same for all components: zeros (B, K, S)."""
        return next(self.parameters()).new_zeros(batch, components, self.state_size)

    def decode(self, state: Tensor) -> Tensor:
        """psi (B, K, 1, H, W) of a state (B, K, S)."""
        raise NotImplementedError

    def forward(self, update: Tensor, state: Tensor, action: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """update (B, K, 1, H, W), state (B, K, S), action (B, A) -> psi (B, K, 1, H, W) float32, state (B, K, S)."""
        raise NotImplementedError


def _check_side(update: Tensor, side: int) -> None:
    """Raises ShapeError for pictures of another size."""
    if update.shape[-2:] != (side, side):
        height, width = update.shape[-2:]
        raise ShapeError(f"frames: this network sees {side} x {side} pixels, got {width} x {height}")


class GradientCell(Cell):
    """N-EM: theta climbs the gamma-weighted log-likelihood by one step (N-EM, equation 4).

        psi   = s(W theta),   theta = sigmoid(z)                 s: sigmoid, or nothing for grey pixels
        z'    = z + eta theta (1 - theta) W^T u

    The second term is eta times the gradient in z of sum_i gamma_i log p(x_i | psi_i) where u = gamma (x - psi). There are no biases.
    eta is learned.
    """

    def __init__(self, settings: NetSettings, side: int, *, squash: bool) -> None:
        super().__init__()
        self.state_size, self.side, self.squash = settings.hidden, side, squash
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(side * side, settings.hidden)))
        first = settings.step_size
        drawn = torch.empty(()).uniform_(-GLOROT_OF_ONE, GLOROT_OF_ONE)
        self.step_size = nn.Parameter(drawn if first is None else torch.tensor(first))

    def decode(self, state: Tensor) -> Tensor:
        logits = nn.functional.linear(torch.sigmoid(state), self.weight).float()
        psi = torch.sigmoid(logits) if self.squash else logits
        return psi.view(*state.shape[:2], 1, self.side, self.side)

    def forward(self, update: Tensor, state: Tensor, action: Tensor | None = None) -> tuple[Tensor, Tensor]:
        _check_side(update, self.side)
        theta = torch.sigmoid(state)
        climb = nn.functional.linear(update.flatten(2), self.weight.t()).float()
        state = state + self.step_size * theta * (1 - theta) * climb
        return self.decode(state), state


class RecurrentCell(Cell):
    """RNN-EM and its kin: encoder, recurrent core, decoder (N-EM, section 3.2)."""

    def __init__(self, settings: NetSettings, side: int, *, squash: bool) -> None:
        super().__init__()
        self.hidden, self.side, self.squash = settings.hidden, side, squash
        self.encoder, features = encoder(settings, side)
        self.core: Core = CORES[settings.cell](settings, features)
        self.state_size = self.core.state_size
        self.decoder = decoder(settings, side)

    def decode(self, state: Tensor) -> Tensor:
        logits = self.decoder(state.flatten(0, 1)[:, : self.hidden]).float()
        psi = torch.sigmoid(logits) if self.squash else logits
        return psi.view(*state.shape[:2], *psi.shape[1:])

    def forward(self, update: Tensor, state: Tensor, action: Tensor | None = None) -> tuple[Tensor, Tensor]:
        _check_side(update, self.side)
        batch, components = update.shape[:2]
        features = self.encoder(update.flatten(0, 1))
        fed, state = self.core(features, state.flatten(0, 1), components, action)
        logits = self.decoder(fed).float()  # a probability near 1 is 1 in bfloat16
        psi = torch.sigmoid(logits) if self.squash else logits
        return psi.view(batch, components, *psi.shape[1:]), state.view(batch, components, -1)


class RnnCore(Core):
    """A plain recurrent layer: state' = sigmoid(a), fed = sigmoid(LN(a)), a = W [x; state] + b.

    The layer norm is on the branch to the decoder alone, as in the authors' code; `norm_state` puts it on both.
    """

    def __init__(self, settings: NetSettings, features: int) -> None:
        super().__init__()
        self.state_size, self.norm_state = settings.hidden, settings.norm_state
        self.enter = linear(features + settings.hidden, settings.hidden)
        self.norm = vector_norm(settings.hidden) if settings.norm_output or settings.norm_state else nn.Identity()

    def forward(self, features: Tensor, state: Tensor, components: int, action: Tensor | None) -> tuple[Tensor, Tensor]:
        return self.finish(self.enter(torch.cat([features.to(state.dtype), state], 1)))

    def finish(self, a: Tensor) -> tuple[Tensor, Tensor]:
        """(what the decoder is fed, the next state)."""
        fed = torch.sigmoid(self.norm(a.float()))
        return fed, fed if self.norm_state else torch.sigmoid(a.float())


class RelationalCore(RnnCore):
    """R-NEM's interaction function (R-NEM, section 2.2): every component hears what each other one does to it.

        th_k  = relu(LN(W1 [theta_k; action]))
        xi_kj = relu(LN(W2 [th_k; th_j]))          j != k
        E_k   = sum_j att(xi_kj) eff(xi_kj)        att: a gate from 0 to 1, independent for every pair
        a_k   = W [th_k; E_k; x_k; action] + b     and on as in RnnCore

    th, not theta, enters the update. The authors' code hands rows another sample's action where B > 1; here each gets its own.
    """

    def __init__(self, settings: NetSettings, features: int) -> None:
        width = settings.context
        embedded = 10 if settings.actions else 0
        super().__init__(settings, features + 2 * width + embedded - settings.hidden)
        self.action = _dense(settings.actions, embedded) if settings.actions else None
        self.own = _dense(settings.hidden + embedded, width)
        self.pair, self.pair_norm = linear(2 * width, width), vector_norm(width)
        self.effect = _dense(width, width)
        self.gate = (
            nn.Sequential(
                linear(width, settings.attention_hidden), vector_norm(settings.attention_hidden), nn.Tanh(),
                linear(settings.attention_hidden, 1), nn.Sigmoid(),
            )
            if settings.attention
            else None
        )  # fmt: skip

    def forward(self, features: Tensor, state: Tensor, components: int, action: Tensor | None) -> tuple[Tensor, Tensor]:
        told: list[Tensor] = []
        if self.action is not None:
            if action is None:
                raise SettingsError("net.actions: this cell was made for actions, and none were given")
            told = [self.action(action).repeat_interleave(components, 0)]
        own = self.own(torch.cat([state, *told], 1))
        effects = self._effects(own.view(-1, components, own.shape[1])).flatten(0, 1)
        return self.finish(self.enter(torch.cat([own, effects, features, *told], 1)))

    def _effects(self, own: Tensor) -> Tensor:
        """E (B, K, width) of th (B, K, width)."""
        on, by = self.pair.weight.chunk(2, 1)  # W2 [a; b] = W2' a + W2'' b: K products instead of K K
        pairs = nn.functional.linear(own, on)[:, :, None] + nn.functional.linear(own, by, self.pair.bias)[:, None]
        xi = torch.relu(self.pair_norm(pairs))  # (B, K, K, width)
        effect = self.effect(xi)
        if self.gate is not None:
            effect = effect * self.gate(xi)
        others = 1 - torch.eye(own.shape[1], dtype=effect.dtype, device=own.device)
        effects: Tensor = (effect * others[..., None]).sum(2)
        return effects


class LstmCore(Core):
    """The baseline with layer norm on each gate and on the memory, as TensorFlow 1's LayerNormBasicLSTMCell."""

    def __init__(self, settings: NetSettings, features: int) -> None:
        super().__init__()
        self.state_size, self.hidden = 2 * settings.hidden, settings.hidden
        normed = settings.norm_output
        self.enter = linear(features + settings.hidden, 4 * settings.hidden, bias=not normed)
        self.norms = nn.ModuleList(vector_norm(settings.hidden) if normed else nn.Identity() for _ in range(5))

    def forward(self, features: Tensor, state: Tensor, components: int, action: Tensor | None) -> tuple[Tensor, Tensor]:
        shown, memory = state.chunk(2, 1)
        parts = self.enter(torch.cat([features.to(state.dtype), shown], 1)).float().chunk(4, 1)
        enter, new, forget, leave = (norm(part) for norm, part in zip(self.norms, parts, strict=False))
        memory = memory * torch.sigmoid(forget + 1) + torch.sigmoid(enter) * torch.tanh(new)
        memory = self.norms[4](memory)
        shown = torch.tanh(memory) * torch.sigmoid(leave)
        return shown, torch.cat([shown, memory], 1)


def _dense(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(linear(inputs, outputs), vector_norm(outputs), nn.ReLU())


CORES: dict[str, Callable[[NetSettings, int], Core]] = {"rnn": RnnCore, "relational": RelationalCore, "lstm": LstmCore}


def build_cell(settings: ExperimentSettings) -> Cell:
    """The cell of an experiment, its weights drawn from torch's generator. K = 1 makes it a recurrent autoencoder."""
    made = GradientCell if settings.net.cell == "nem" else RecurrentCell
    return made(settings.net, settings.world.side_px, squash=settings.em.pixels == "bernoulli")
