"""Training of the foreground network: frames of drawn clips, whose objects are known because they were drawn.

Draw i depends on the recipe and i only, and so do the frames that are taken from it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tracker.errors import SettingsError
from tracker.foreground.features import as_numbers
from tracker.foreground.net import ForegroundNet
from tracker.foreground.settings import ForegroundTrainSettings
from tracker.foreground.weights import load_foreground_net, save_foreground, trained_steps_of
from tracker.learning import loop
from tracker.learning.group import Group
from tracker.learning.loop import DEFAULT_RUN, RunOptions, scheduled_rate
from tracker.learning.precision import mixed_precision
from tracker.learning.prefetch import drawn_ahead

WARM_UP_STEPS = 200
OVERLAP_WEIGHT = 0.5
"""of the overlap term beside the cross-entropy: small objects count as much as large ones"""
OVERLAP_SMOOTHING_PX = 20.0
"""added to both sides of the overlap's ratio, in pixels: a frame without objects has one too"""
EVALUATED_AT_ONCE = 8
"""frames; bounds the memory of an evaluation"""


class DrawnFrames(NamedTuple):
    """N frames of drawn clips."""

    features: NDArray[np.uint8]
    """(N, CHANNELS, H, W) what the network is given"""
    objects: NDArray[np.bool_]
    """(N, H, W) whether the pixel belongs to an object"""


Draw = Callable[[int], DrawnFrames]
"""number of the draw -> its frames; -1 is the held-out one"""


def foreground_loss(logits: Tensor, objects: Tensor) -> Tensor:
    """Cross-entropy of each pixel, and a frame's 1 - 2 |p o| / (|p| + |o|); both (N, 1, H, W), objects 0 or 1."""
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(logits, objects)
    p = torch.sigmoid(logits)
    shared, total = (p * objects).sum((1, 2, 3)), (p + objects).sum((1, 2, 3))
    overlap = (2 * shared + OVERLAP_SMOOTHING_PX) / (total + OVERLAP_SMOOTHING_PX)
    return entropy + OVERLAP_WEIGHT * (1 - overlap).mean()


def evaluate(net: ForegroundNet, frames: DrawnFrames, device: str = "cpu") -> dict[str, float]:
    """Loss, and F, precision and recall of pixels at probability one half."""
    with torch.no_grad():
        starts = range(0, len(frames.features), EVALUATED_AT_ONCE)
        parts = [_as_input(frames.features[n : n + EVALUATED_AT_ONCE]).to(device) for n in starts]
        logits = torch.cat([net(part).cpu() for part in parts])
    objects = torch.from_numpy(frames.objects)[:, None].float()
    found, true = logits > 0, objects > 0
    hits = float((found & true).sum())
    scores = {
        "loss": float(foreground_loss(logits, objects)),
        "f": 2 * hits / max(1.0, float(found.sum() + true.sum())),
        "precision": hits / max(1.0, float(found.sum())),
        "recall": hits / max(1.0, float(true.sum())),
    }
    return {name: round(value, 4) for name, value in scores.items()}


def _as_input(features: NDArray[np.uint8]) -> Tensor:
    """(N, CHANNELS, H, W) float32, channels last."""
    return torch.from_numpy(as_numbers(features)).contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True)
class _ForegroundTask:
    """The foreground network's training, as the loop asks for it. A batch is its features and its objects, (N, *, H, W)."""

    settings: ForegroundTrainSettings
    draw: Draw
    device: str
    group: Group
    loss_name: str = "loss"

    def build(self) -> ForegroundNet:
        net = ForegroundNet(self.settings.net)
        if self.settings.begin is not None:
            net.load_state_dict(load_foreground_net(self.settings.begin)[0].state_dict())
            net.steps.zero_()  # in floating point, until `rounded_from` says otherwise
        net = net.to(self.device)
        return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    def held_out(self) -> DrawnFrames:
        return self.draw(-1)

    def batches(self, first: int, *, workers: int) -> Generator[tuple[Tensor, Tensor], None, None]:
        settings, kept = self.settings, deque[DrawnFrames](maxlen=self.settings.kept_draws)
        # a run that goes on first draws what one that was never stopped would have kept
        drawn = max(0, first // settings.repeats + 1 - settings.kept_draws)
        wanted = range(drawn, (settings.steps - 1) // settings.repeats + 1)
        # processes draw by turns, and each gets all that was drawn: any frame may be in its part of a batch
        group = self.group
        mine = ((number,) for number in wanted if number % group.size == group.number)
        with closing(drawn_ahead(self.draw, mine, workers=workers)) as coming:
            for step in range(first, settings.steps):
                while drawn <= step // settings.repeats:
                    turn = drawn % group.size
                    fresh = next(coming) if turn == group.number else None
                    kept.append(cast(DrawnFrames, group.shared(fresh, of=turn)))
                    drawn += 1
                yield _batch(list(kept), settings, step, group)

    def rate(self, step: int) -> float:
        settings = self.settings
        return scheduled_rate(
            settings.learning_rate, step, steps=settings.steps, warm_up_steps=WARM_UP_STEPS, cycles=settings.cycles
        )

    def loss(self, net: ForegroundNet, batch: tuple[Tensor, Tensor], step: int) -> Tensor:
        features, objects = batch
        if not net.calibrated and step >= self.settings.rounded_from * self.settings.steps:
            net.calibrate(self.group.joined(features.to(self.device)))
            net.steps.copy_(self.group.shared(net.steps.cpu()))  # other machines may round the ranges to other steps
        with mixed_precision(self.device, wanted=self.settings.bfloat16):
            logits = net(features.to(self.device))
        return foreground_loss(logits.float(), objects.to(self.device))

    def scores(self, net: ForegroundNet, held_out: DrawnFrames) -> dict[str, float]:
        return evaluate(self._saved(net).to(self.device), held_out, self.device)

    def save(self, net: ForegroundNet, path: Path, *, trained_steps: int) -> None:
        begin = self.settings.begin
        before = 0 if begin is None else trained_steps_of(begin)
        save_foreground(self._saved(net), self.settings.net, path, trained_steps=before + trained_steps)

    def files(self, net: ForegroundNet, path: Path) -> list[Path]:
        return [path, path.with_suffix(".onnx")] if net.calibrated else [path]

    def _saved(self, net: ForegroundNet) -> ForegroundNet:
        """The network whose weights are written, which is the one to be evaluated: a mean with `begin` where its share is wanted."""
        begin, share = self.settings.begin, self.settings.begin_share
        if begin is None or not share:
            return net
        return mean_of(net, load_foreground_net(begin)[0], share=share)


def mean_of(net: ForegroundNet, other: ForegroundNet, *, share: float) -> ForegroundNet:
    """A network whose weights are (1 - share) those of `net` and `share` those of `other`; its steps are those of `net`.

    Wortsman et al. 2022, Robust fine-tuning of zero-shot models.
    """
    mean, others = ForegroundNet(net.settings), other.state_dict()
    mixed = {name: torch.lerp(value.cpu(), others[name], share) for name, value in net.state_dict().items()}
    mean.load_state_dict(mixed | {"steps": net.steps.cpu()})
    return mean.eval()


def _check_begin(settings: ForegroundTrainSettings) -> None:
    """Raises SettingsError where the training begins with a network of another shape, WeightsError where with none."""
    if settings.begin is None:
        return
    came, wanted = load_foreground_net(settings.begin)[0].settings, settings.net
    if came != wanted:
        raise SettingsError(
            f"train.begin = {settings.begin}: its features are {list(came.features)}, wanted {list(wanted.features)} as in train.net; "
            "give weights of that shape, or its shape in train.net.features"
        )


def _batch(
    kept: list[DrawnFrames], settings: ForegroundTrainSettings, step: int, group: Group
) -> tuple[Tensor, Tensor]:
    """Frames at random from the kept draws, half of them mirrored; this process's part of them."""
    rng = np.random.default_rng((settings.seed, step))
    frames, mine = len(kept[0].features), group.part(settings.batch)
    picks = rng.integers(0, (len(kept), frames), (settings.batch, 2))[mine]
    flips = (rng.random(settings.batch) < 0.5)[mine]
    across = [slice(None, None, -1) if flip else slice(None) for flip in flips]
    features = np.stack([kept[a].features[b][..., x] for (a, b), x in zip(picks, across, strict=True)])
    objects = np.stack([kept[a].objects[b][:, x] for (a, b), x in zip(picks, across, strict=True)])
    return _as_input(features), torch.from_numpy(objects)[:, None].float()


def train(
    settings: ForegroundTrainSettings, draw: Draw, out: Path, *, recipe: dict[str, Any], options: RunOptions = DEFAULT_RUN
) -> Path:  # fmt: skip
    """Train the network, or go on training it, in the folder `out`; see `tracker.learning.loop.train`.

    Raises SettingsError before anything is written where `begin` is a network of another shape.
    """
    _check_begin(settings)
    task = _ForegroundTask(settings, draw, options.device, options.group)
    return loop.train(task, settings, out, recipe=recipe, options=options)
