"""The training loop of the two lane networks: draw, update, and now and then a row of the curve and a checkpoint.

Nothing here concerns one network; what differs between them is a `TrainingTask`. A batch depends on the recipe and the number of its step
only, so a run that was stopped goes on to the same curve and weights, and several processes share the batches of one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from tracker.errors import DivergedError, SettingsError
from tracker.learning.group import ALONE, Group
from tracker.learning.run import check_finite, open_run, read_checkpoint, rows_until, write_checkpoint, write_row
from tracker.learning.settings import LoopSettings

LOWEST_RATE = 0.01
"""learning rate at the end of the cosine, as a share of its peak"""
RESTART = 0.5
"""peak of a cycle of the cosine, as a share of the peak of the cycle before"""

Net = TypeVar("Net", bound=nn.Module)
Batch = TypeVar("Batch")
HeldOut = TypeVar("HeldOut")


class TrainingTask(Protocol[Net, Batch, HeldOut]):
    """What one network's training gives to the loop."""

    @property
    def loss_name(self) -> str:
        """For the error of a loss that is no longer finite."""
        ...

    def build(self) -> Net:
        """The untrained network, on its device; its weights are random, after a seed that the loop has set."""
        ...

    def held_out(self) -> HeldOut:
        """What it is evaluated on, never trained on."""
        ...

    def batches(self, first: int, *, workers: int) -> Generator[Batch, None, None]:
        """The batches of step `first` and of those after it, or this process's part of them, drawn by so many others."""
        ...

    def rate(self, step: int) -> float:
        """The learning rate of a step."""
        ...

    def loss(self, net: Net, batch: Batch, step: int) -> Tensor:
        """() the loss of a step; of several processes the mean of their losses is that of the whole batch."""
        ...

    def scores(self, net: Net, held_out: HeldOut) -> dict[str, float]:
        """The columns of the curve beside step and train_loss."""
        ...

    def save(self, net: Net, path: Path, *, trained_steps: int) -> None:
        """Write the weights file and what is made of it, each whole or not at all."""
        ...

    def files(self, net: Net, path: Path) -> list[Path]:
        """All that `save` writes."""
        ...


@dataclass(frozen=True)
class RunOptions:
    """Where and for how long a training runs; changes nothing in what is learned."""

    device: str = "cpu"
    minutes: float | None = None
    """stop after the step in which that long is over, 0: after the first; the same call goes on later"""
    workers: int = 1
    """processes that draw training batches; their number changes nothing but the time it takes"""
    report: Callable[[int, dict[str, float]], None] = lambda done, row: None
    """told (steps done, row of the curve) at every row"""
    tell: Callable[[float], None] = lambda share: None
    """told after every step how much of the training is over, 0 to 1"""
    asked_to_end: Callable[[], bool] = lambda: False
    """asked after every step: it is then the last one, as when the minutes are over"""
    group: Group = ALONE
    """the processes that train together; the first one alone writes files and is told"""


DEFAULT_RUN = RunOptions()


def train(
    task: TrainingTask[Net, Any, Any], settings: LoopSettings, out: Path, *, recipe: dict[str, Any], options: RunOptions
) -> Path:
    """Train, or go on training, in the folder `out`; returns the weights file.

    out     gets `settings.json` (the recipe), `curve.jsonl`, `checkpoint.pt` and `weights.safetensors`
    recipe  everything that the result depends on, as JSON has it

    Raises SettingsError if `out` holds another recipe's run, WeightsError if its checkpoint is damaged, DivergedError if the
    loss or the network is no longer finite.
    """
    group = options.group
    if group.first:
        open_run(out, recipe)
    torch.manual_seed(settings.seed)
    net = task.build()
    optimiser = torch.optim.AdamW(net.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    done, before = read_checkpoint(out, net, optimiser, device=options.device)
    check_together(group, done, out)
    if group.first:
        rows_until(out, done)
    held_out = task.held_out() if group.first else None
    weights, model = out / "weights.safetensors", group.averaging(_Loss(net, task.loss))
    began, losses, over = time.monotonic(), [*before], False
    with closing(task.batches(done, workers=options.workers)) as batches:
        while done < settings.steps and not over:
            losses.append(_update(task, net, model, optimiser, next(batches), settings, done, group))
            done += 1
            minutes = (time.monotonic() - began) / 60
            late = options.minutes is not None and minutes >= options.minutes
            over = group.any(late or options.asked_to_end())
            due = done % settings.checkpoint_every == 0 or done == settings.steps
            if due or over:
                check_finite(net, done)
            if not group.first:
                continue
            options.tell(min(1.0, max(done / settings.steps, minutes / options.minutes if options.minutes else 0.0)))
            row = None
            if due:
                row = {"step": done, "train_loss": _mean(losses), **task.scores(net, held_out)}
                losses = []
            if row is not None or over:
                task.save(net, weights, trained_steps=done)
                if row is not None:
                    write_row(out, row)
                # last: a kill before it repeats these steps and changes nothing
                write_checkpoint(out, net, optimiser, done, losses)
            if row is not None:
                options.report(done, row)
    # of a finished run some may have been moved away since
    if group.first and not all(file.exists() for file in task.files(net, weights)):
        task.save(net, weights, trained_steps=done)
    return weights


def check_together(group: Group, done: int, out: Path) -> None:
    """Raises SettingsError in every process where not all have read the checkpoint that the first one has."""
    if group.any(done != group.shared(done)):
        raise SettingsError(f"{out}: processes see other checkpoints there; give a folder that is the same one for all")


class _Loss(nn.Module):
    """The loss of a batch as a module: one forward pass for each backward pass, as DistributedDataParallel wants it."""

    def __init__(self, net: Net, loss: Callable[[Net, Any, int], Tensor]) -> None:
        super().__init__()
        self.net, self.loss = net, loss

    def forward(self, batch: object, step: int) -> tuple[Tensor, bool]:
        """() the loss, and whether anything can be learned of it; it has a gradient in any case, of zeros then."""
        loss = self.loss(self.net, batch, step)  # type: ignore[arg-type]
        if loss.requires_grad:
            return loss, True
        return loss + sum(0.0 * part.sum() for part in self.net.parameters()), False


def _update(
    task: TrainingTask[Net, Batch, Any],
    net: Net,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    batch: Batch,
    settings: LoopSettings,
    step: int,
    group: Group,
) -> float:
    """One step along the gradient of `model`, a `_Loss`; returns the loss before it. Raises DivergedError."""
    for part in optimiser.param_groups:
        part["lr"] = task.rate(step)
    loss, learns = model(batch, step)
    value = float(group.total(loss.detach())) / group.size
    if not math.isfinite(value):
        raise DivergedError(f"training step {step}: the {task.loss_name} is {value}; lower learning_rate")
    if group.any(learns):  # not where no slot was visible in the whole batch
        descend(loss, net, optimiser, clip_norm=settings.clip_norm)
    return value


def _mean(losses: list[float]) -> float:
    return round(float(np.mean(losses)), 4)


def descend(loss: Tensor, net: nn.Module, optimiser: torch.optim.Optimizer, *, clip_norm: float | None) -> None:
    """One step of the optimiser, along a gradient no longer than `clip_norm`; None: of any length."""
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    if clip_norm is not None:
        torch.nn.utils.clip_grad_norm_(net.parameters(), clip_norm)
    optimiser.step()


def scheduled_rate(peak: float, done: int, *, steps: int, warm_up_steps: int, cycles: int = 1) -> float:
    """The learning rate after `done` of `steps`: a linear warm-up, and a half cosine to a hundredth of the peak.

    cycles  the half cosine is run so many times, each from half the last one's peak (warm restarts: Loshchilov and Hutter, 2017)
    """
    length = steps / cycles
    cycle = min(cycles - 1, int(done / length))
    warm = min(1.0, (done + 1) / warm_up_steps)
    progress = (done - cycle * length) / length
    cosine = 0.5 * (1 + math.cos(math.pi * progress))
    return peak * RESTART**cycle * warm * (LOWEST_RATE + (1 - LOWEST_RATE) * cosine)
