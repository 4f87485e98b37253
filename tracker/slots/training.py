"""Training: next-frame prediction on drawn clips, with the paper's two-term loss.

The loop knows nothing of streets or mixtures; lessons are drawn by a function it is given. Lesson i depends on the seed and i only,
so a run that was stopped goes on to the same curve.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tracker.em.likelihoods import PROBABILITY_FLOOR, robust_colour_log_likelihood, two_term_loss
from tracker.errors import DivergedError
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
from tracker.slots.cell import SlotState, WindowCell
from tracker.slots.settings import MixtureModelSettings, TrainSettings
from tracker.slots.unroll import StepRecord, step
from tracker.slots.weights import save_network
from tracker.slots.window import crop

WARM_UP_STEPS = 100
BIRTH_SHIFT, BIRTH_LOG_SCALE = 0.08, 0.15
"""spread of a newborn's pose about the truth, in object sizes: births on real video are as rough"""
PART_BIRTHS, SMALLEST_PART = 0.3, 0.4
"""share of births that know only a part of their object, and how small a share of its height: the mixture often sees half a person"""


class Lesson(NamedTuple):
    """A batch of B drawn clips of T frames, with K places for objects."""

    images: NDArray[np.uint8]
    """(T, B, H, W, 3)"""
    verdicts: NDArray[np.uint8]
    """(T, B, H, W) the Gaussian mixture's 0, 127 or 255"""
    boxes: NDArray[np.float32]
    """(T, B, K, 4) centre x, y, width, height in pixels; NaN where the object is not in the frame"""
    births: NDArray[np.int64]
    """(B, K) frame at which slot k is to be born on object k; T or more = never"""
    owners: NDArray[np.int64]
    """(T, B, H, W) 1 + k for a pixel of object k, 0 background, -1 an object without a slot; for evaluation only"""


Draw = Callable[[int, int], Lesson]
"""(lesson seed, frames) -> Lesson"""


def unroll(
    cell: WindowCell, lesson: Lesson, pixels: MixtureModelSettings, *, generator: torch.Generator, device: str = "cpu"
) -> tuple[list[StepRecord], list[Tensor], list[SlotState]]:
    """Run the cell over a lesson; slots are born on jittered boxes and die when their object has left.

    Returns for each frame the record, alive (B, K) as it stood for that frame, and the state predicted for it.
    """
    count, clips, places = lesson.boxes.shape[:3]
    frames = torch.from_numpy(lesson.images).to(device).permute(0, 1, 4, 2, 3).float() / 255  # (T, B, 3, H, W)
    verdicts = torch.round(torch.from_numpy(lesson.verdicts).to(device)[:, :, None].float() / 127.5) / 2
    boxes, births = torch.from_numpy(lesson.boxes).to(device), torch.from_numpy(lesson.births).to(device)
    alive = torch.zeros(clips, places, device=device)
    size = cell.settings.grid_px
    state = cell.birth(boxes.new_tensor([[8.0, 8.0, 8.0, 8.0]]).expand(clips * places, 4),
                       boxes.new_zeros(clips * places, 3, size, size))  # fmt: skip
    records, lives, states = [], [], []
    for t in range(count):
        states.append(state)
        lives.append(alive)
        state, record = step(cell, state, frames[t], verdicts[t], alive, pixels)
        records.append(record)
        here = ~boxes[t, ..., 0].isnan()
        born = (births == t) & here
        alive = torch.where(born, 1.0, alive * here)
        if born.any():
            state = _bear(cell, state, born, frames[t], verdicts[t], boxes[t], generator)
    return records, lives, states


def _bear(
    cell: WindowCell,
    state: SlotState,
    born: Tensor,
    frame: Tensor,
    verdict: Tensor,
    boxes: Tensor,
    generator: torch.Generator,
) -> SlotState:
    """Put new slots where `born` (B, K) is set; half of them know their silhouette from the mixture's verdict."""
    clips, places = born.shape
    noise = torch.randn(clips * places, 4, generator=generator).to(boxes.device)
    coin = torch.rand(clips * places, generator=generator).to(boxes.device) < 0.5
    whole = torch.rand(clips * places, generator=generator).to(boxes.device) > PART_BIRTHS
    part = SMALLEST_PART + (1 - SMALLEST_PART) * torch.rand(clips * places, generator=generator).to(boxes.device)
    part = torch.where(whole, 1.0, part)
    side = torch.sign(noise[:, 0])  # upper or lower part
    cx, cy, w, h = torch.nan_to_num(boxes, nan=8.0).flatten(0, 1).unbind(-1)
    pose = torch.stack([cx, cy + side * (1 - part) * h / 2, w, h * part], -1)
    pose = torch.cat(
        [pose[:, :2] + BIRTH_SHIFT * noise[:, :2] * pose[:, 2:], pose[:, 2:] * (BIRTH_LOG_SCALE * noise[:, 2:]).exp()],
        1,
    )
    seen = crop(torch.cat([frame, verdict], 1).repeat_interleave(places, 0), pose, cell.settings.grid_px)
    soft, known = cell.birth(pose, seen[:, :3]), cell.birth(pose, seen[:, :3], (seen[:, 3:] > 0.75).float())
    newborn = SlotState(
        *(torch.where(coin.view(-1, *[1] * (a.dim() - 1)), b, a) for a, b in zip(soft, known, strict=True))
    )
    which = born.flatten()
    return SlotState(
        *(torch.where(which.view(-1, *[1] * (a.dim() - 1)), b, a) for a, b in zip(state, newborn, strict=True))
    )


def lesson_loss(
    records: list[StepRecord], lives: list[Tensor], lesson: Lesson, states: list[SlotState], settings: TrainSettings
) -> Tensor:
    """Two-term loss of the predictions, summed over pixels, in object areas, mean over the slots that were seen.

    intra = -log m - log p(x | colour); inter = KL(empty || m) = -log(1 - m), weaker where another slot owns the pixel.
    """
    pixels, device = settings.network.pixels, lives[0].device
    total, count = torch.zeros((), device=device), torch.zeros((), device=device)
    for t, (record, alive, state) in enumerate(zip(records, lives, states, strict=True)):
        seen = record.free * alive
        if not bool(seen.any()):
            continue
        frame = torch.from_numpy(lesson.images[t]).to(alive.device).permute(0, 3, 1, 2).float()[:, None] / 255
        gamma, empty = record.gamma[:, 1:], record.gamma[:, :1]
        mask = record.psi.mask.clamp(PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR)
        colour = robust_colour_log_likelihood(frame, record.psi.colour, sigma=pixels.colour_sigma, reach=1e3)
        behind = settings.behind_weight
        weight = (empty + behind * (1 - empty - gamma)) / (1 - gamma).clamp(min=PROBABILITY_FLOOR)
        each = two_term_loss(gamma, -mask.log() - colour, -(1 - mask).log(), inter_weight=weight).sum((2, 3, 4))
        area = state.pose[:, 2:].detach().prod(1).view_as(seen).clamp(min=16)
        total, count = total + (each / area * seen).sum(), count + seen.sum()
    return total / count.clamp(min=1)


def evaluate(cell: WindowCell, lesson: Lesson, settings: TrainSettings, device: str = "cpu") -> dict[str, float]:
    """Scores on a drawn lesson, over its second half.

    owned   share of the objects' pixels whose most responsible slot is the right one (missed: none; stolen: another)
    false   share of the background's pixels that a slot owns
    off     median distance of a slot's centre from its object's, in object sizes
    """
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        records, lives, states = unroll(cell, lesson, settings.network.pixels, generator=generator, device=device)
        loss = lesson_loss(records, lives, lesson, states, settings)
    half = len(records) // 2
    given = torch.stack([record.gamma.argmax(1)[:, 0] for record in records[half:]]).cpu()
    truth = torch.from_numpy(lesson.owners[half:])
    objects, ground = truth > 0, truth == 0
    centres = torch.stack([state.pose for state in states[half:]]).cpu().view(*lesson.boxes[half:].shape)
    boxes = torch.from_numpy(lesson.boxes[half:])
    there = ~boxes[..., 0].isnan() & (torch.stack(lives[half:]).cpu() > 0)
    off = ((centres - boxes)[..., :2].norm(dim=-1) / boxes[..., 2:].prod(-1).sqrt())[there]
    scores = {
        "loss": loss, "owned": (given == truth)[objects].float().mean(), "missed": (given == 0)[objects].float().mean(),
        "false": (given > 0)[ground].float().mean(), "off": off.median(), "lost": (off > 0.6).float().mean(),
    }  # fmt: skip
    return {name: round(float(value), 4) for name, value in scores.items()}


def _length(settings: TrainSettings, done: int) -> int:
    return [frames for start, frames in settings.lengths if done >= start * settings.steps][-1]


def train(
    settings: TrainSettings,
    draw: Draw,
    out: Path,
    *,
    recipe: dict[str, Any],
    device: str = "cpu",
    minutes: float | None = None,
    workers: int = 1,
    report: Callable[[int, dict[str, float]], None] = lambda done, row: None,
) -> Path:
    """Train, or go on training, in the folder `out`; returns the weights file.

    out holds `settings.json` (the whole recipe), `curve.jsonl` (a row a checkpoint), `checkpoint.pt` and `weights.safetensors`.
    minutes  stop after that long, at a checkpoint; the same call goes on later
    workers  processes that draw lessons; how many changes nothing but the time it takes
    report   told (step, curve row) at every checkpoint
    Raises SettingsError if `out` holds another recipe's run, WeightsError if its checkpoint is damaged, DivergedError if the
    loss is no longer finite.
    """
    open_run(out, recipe)
    torch.manual_seed(settings.seed)
    cell = WindowCell(settings.network.cell).to(device)
    optimiser = torch.optim.AdamW(cell.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    done = read_checkpoint(out, cell, optimiser, device=device)
    rows_until(out, done)
    held_apart = draw(-1, 24)
    began, losses = time.monotonic(), []
    wanted = ((number, _length(settings, number)) for number in range(done, settings.steps))
    coming = drawn_ahead(draw, wanted, workers=workers)
    while done < settings.steps:
        lesson = next(coming)
        rate = scheduled_rate(settings.learning_rate, done, steps=settings.steps, warm_up_steps=WARM_UP_STEPS)
        set_rate(optimiser, rate)
        generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + done)
        with torch.autocast(device, torch.bfloat16, enabled=settings.bfloat16):
            records, lives, states = unroll(cell, lesson, settings.network.pixels, generator=generator, device=device)
        loss = lesson_loss(records, lives, lesson, states, settings)
        if not torch.isfinite(loss):
            raise DivergedError(
                f"training step {done}: the two-term loss is {float(loss.detach())}; lower learning_rate"
            )
        if loss.requires_grad:  # not where nothing was seen in the whole batch
            descend(loss, cell, optimiser, clip_norm=settings.clip_norm)
        done += 1
        losses.append(float(loss.detach()))
        if done % settings.checkpoint_every == 0 or done == settings.steps:
            scores = evaluate(cell, held_apart, settings, device)
            row = {"step": done, "train_loss": round(float(np.mean(losses)), 4), **scores}
            losses = []
            write_row(out, row)
            write_checkpoint(out, cell, optimiser, done)
            report(done, row)
            if minutes is not None and time.monotonic() - began > minutes * 60:
                break
    coming.close()
    weights = out / "weights.safetensors"
    save_network(cell, settings.network, weights, trained_steps=done)
    return weights
