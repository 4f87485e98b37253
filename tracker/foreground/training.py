"""Training of the network that reads the scene: frames of drawn clips, whose objects are known because they were drawn.

Lesson i depends on the recipe and i only, and so does what is taken of it, so a run that was stopped goes on to the same curve.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tracker.errors import DivergedError
from tracker.foreground.ground import ForegroundNet
from tracker.foreground.settings import ForegroundTrainSettings
from tracker.foreground.weights import save_ground
from tracker.learning.run import (
    descend,
    drawn_ahead,
    open_run,
    read_checkpoint,
    rows_until,
    scheduled_rate,
    set_rate,
    write_checkpoint,
    write_row,
)

WARM_UP_STEPS = 200
OVERLAP_WEIGHT = 0.5
"""of the overlap term beside the cross-entropy: small objects count as much as large ones"""


class GroundLesson(NamedTuple):
    """N frames of drawn clips."""

    senses: NDArray[np.float16]
    """(N, H, W, SENSES)"""
    objects: NDArray[np.bool_]
    """(N, H, W) whether the pixel belongs to an object"""


DrawGround = Callable[[int], GroundLesson]
"""lesson number -> GroundLesson; -1 is the held-apart one"""


def ground_loss(logits: Tensor, objects: Tensor) -> Tensor:
    """Cross-entropy of each pixel, and a frame's 1 - 2 |p o| / (|p| + |o|); both (N, 1, H, W), objects 0 or 1."""
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(logits, objects)
    p = torch.sigmoid(logits)
    shared, total = (p * objects).sum((1, 2, 3)), (p + objects).sum((1, 2, 3))
    return entropy + OVERLAP_WEIGHT * (1 - (2 * shared + 20) / (total + 20)).mean()


def score_ground(net: ForegroundNet, lesson: GroundLesson, device: str = "cpu") -> dict[str, float]:
    """Loss, and F, precision and recall at one half, over a lesson."""
    with torch.no_grad():
        parts = [_tensor(lesson.senses[n : n + 8]).to(device) for n in range(0, len(lesson.senses), 8)]
        logits = torch.cat([net(part).cpu() for part in parts])
    objects = torch.from_numpy(lesson.objects)[:, None].float()
    found, true = logits > 0, objects > 0
    hits = float((found & true).sum())
    scores = {
        "loss": float(ground_loss(logits, objects)),
        "f": 2 * hits / max(1.0, float(found.sum() + true.sum())),
        "precision": hits / max(1.0, float(found.sum())),
        "recall": hits / max(1.0, float(true.sum())),
    }
    return {name: round(value, 4) for name, value in scores.items()}


def _tensor(senses: NDArray[np.float16]) -> Tensor:
    """(N, SENSES, H, W) float32, channels last."""
    return torch.from_numpy(senses.astype(np.float32)).permute(0, 3, 1, 2)


def _batch(lessons: list[GroundLesson], settings: ForegroundTrainSettings, step: int) -> tuple[Tensor, Tensor]:
    """Frames at random from the kept lessons, half of them mirrored."""
    rng = np.random.default_rng((settings.seed, step))
    frames = len(lessons[0].senses)
    picks = rng.integers(0, (len(lessons), frames), (settings.batch, 2))
    flips = rng.random(settings.batch) < 0.5
    across = [slice(None, None, -1) if flip else slice(None) for flip in flips]
    senses = np.stack([lessons[a].senses[b][:, x] for (a, b), x in zip(picks, across, strict=True)])
    objects = np.stack([lessons[a].objects[b][:, x] for (a, b), x in zip(picks, across, strict=True)])
    return _tensor(senses), torch.from_numpy(objects)[:, None].float()


def train_ground(
    settings: ForegroundTrainSettings, draw: DrawGround, out: Path, *, recipe: dict[str, Any], device: str = "cpu",
    minutes: float | None = None, workers: int = 1,
    report: Callable[[int, dict[str, float]], None] = lambda done, row: None,
) -> Path:  # fmt: skip
    """Train, or go on training, in the folder `out`, as `train.train` does; returns the weights file."""
    open_run(out, recipe)
    torch.manual_seed(settings.seed)
    net = ForegroundNet(settings.net).to(device)
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(net.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    done = read_checkpoint(out, net, optimiser, device=device)
    rows_until(out, done)
    held_apart = draw(-1)
    began, losses = time.monotonic(), []
    lessons: deque[GroundLesson] = deque(maxlen=settings.kept_lessons)
    # a run that goes on first draws what one that was never stopped would have kept
    drawn = max(0, done // settings.repeats + 1 - settings.kept_lessons)
    wanted = range(drawn, (settings.steps - 1) // settings.repeats + 1)
    coming = drawn_ahead(draw, ((number,) for number in wanted), workers=workers)
    while done < settings.steps:
        while drawn <= done // settings.repeats:
            lessons.append(next(coming))
            drawn += 1
        rate = scheduled_rate(
            settings.learning_rate, done, steps=settings.steps, warm_up_steps=WARM_UP_STEPS, cycles=settings.cycles
        )
        set_rate(optimiser, rate)
        senses, objects = _batch(list(lessons), settings, done)
        with torch.autocast(device, torch.bfloat16, enabled=settings.bfloat16):
            logits = net(senses.to(device))
        loss = ground_loss(logits.float(), objects.to(device))
        if not torch.isfinite(loss):
            raise DivergedError(f"training step {done}: the loss is {float(loss.detach())}; lower learning_rate")
        descend(loss, net, optimiser, clip_norm=settings.clip_norm)
        done += 1
        losses.append(float(loss.detach()))
        if done % settings.checkpoint_every == 0 or done == settings.steps:
            scores = score_ground(net, held_apart, device)
            row = {"step": done, "train_loss": round(float(np.mean(losses)), 4), **scores}
            losses = []
            save_ground(net, settings.net, out / "weights.safetensors", trained_steps=done)
            write_row(out, row)
            write_checkpoint(out, net, optimiser, done)
            report(done, row)
            if minutes is not None and time.monotonic() - began > minutes * 60:
                break
    coming.close()
    return out / "weights.safetensors"
