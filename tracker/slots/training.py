"""Training of the cell: next-frame prediction on drawn clips, with the paper's two-term loss.

Nothing here knows of streets or mixtures; batches are drawn by a function that is passed in. Batch i depends on the seed and i only.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tracker.em.floor import PROBABILITY_FLOOR
from tracker.em.likelihoods import gaussian_log_likelihood, two_term_loss
from tracker.learning import loop
from tracker.learning.group import ALONE, Group
from tracker.learning.loop import DEFAULT_RUN, RunOptions, scheduled_rate
from tracker.learning.precision import mixed_precision
from tracker.learning.prefetch import drawn_ahead
from tracker.slots.cell import SlotState, WindowCell
from tracker.slots.settings import CellTrainSettings, MixtureModelSettings
from tracker.slots.unroll import StepRecord, step
from tracker.slots.weights import save_network
from tracker.slots.window import crop

WARM_UP_STEPS = 100

BIRTH_SHIFT, BIRTH_LOG_SCALE = 0.08, 0.15
"""spread of a new slot's pose about the truth, in object sizes: births on real video are as rough"""
PART_BIRTHS, SMALLEST_PART = 0.3, 0.4
"""share of births that cover only a part of their object, and how small a share of its height: the mixture often finds half a person"""
KNOWN_BIRTHS = 0.5
"""share of births that take their silhouette from the scene's verdict; the others begin with a soft rectangle"""
FOREGROUND_ABOVE = 0.75
"""verdict above which a resampled pixel is foreground: half way between shadow (0.5) and foreground (1)"""
UNBORN_PX = 8.0
"""centre and size of a slot that is not yet born; any box of positive size will do"""

SMALLEST_AREA_PX = 16.0
"""smallest area that a slot's loss is divided by, in pixels: a speck must not outweigh the other slots"""

HELD_OUT_FRAMES = 24
"""frames a held-out clip"""
EVALUATION_SEED = 1
LOST_SIZES = 0.6
"""distance from its object beyond which a slot counts as lost, in object sizes"""


class Batch(NamedTuple):
    """A training batch: B drawn clips of T frames, with K places for objects."""

    images: NDArray[np.uint8]
    """(T, B, H, W, 3)"""
    verdicts: NDArray[np.uint8]
    """(T, B, H, W) the scene's 0, 127 or 255"""
    boxes: NDArray[np.float32]
    """(T, B, K, 4) centre x, y, width, height in pixels; NaN where the object is not in the frame"""
    births: NDArray[np.int64]
    """(B, K) frame at which slot k is to be born on object k; T or more = never"""
    owners: NDArray[np.int64]
    """(T, B, H, W) 1 + k for a pixel of object k, 0 background, -1 an object without a slot; for evaluation only"""


Draw = Callable[[int, int], Batch]
"""(batch number, frames a clip) -> Batch, of several processes this one's part of it; number -1 is the held-out one, always whole"""


class UnrolledBatch(NamedTuple):
    """A batch as the cell saw it, by frame."""

    records: list[StepRecord]
    alive: list[Tensor]
    """(B, K) 0 or 1, as it was for that frame"""
    states: list[SlotState]
    """predicted for that frame"""


def unroll(
    cell: WindowCell,
    batch: Batch,
    pixels: MixtureModelSettings,
    *,
    generator: torch.Generator,
    device: str = "cpu",
    group: Group = ALONE,
) -> UnrolledBatch:
    """Run the cell over a batch; slots are born on jittered boxes and end when their object has left.

    generator  of the jitter, on the CPU
    group      whose processes have a part of the batch each; they draw the jitter of the whole
    """
    count, clips, places = batch.boxes.shape[:3]
    frames = _as_frames(batch.images, device)  # (T, B, 3, H, W)
    verdicts = torch.round(torch.from_numpy(batch.verdicts).to(device)[:, :, None].float() / 127.5) / 2
    boxes, births = torch.from_numpy(batch.boxes).to(device), torch.from_numpy(batch.births).to(device)
    present = ~boxes[..., 0].isnan()  # (T, B, K)
    born = (births == torch.arange(count, device=device)[:, None, None]) & present
    some_born = group.total(born.flatten(1).sum(1)).tolist()
    alive = torch.zeros(clips, places, device=device)
    size = cell.settings.grid_px
    unborn = boxes.new_full((1, 4), UNBORN_PX).expand(clips * places, 4)
    state = cell.birth(unborn, boxes.new_zeros(clips * places, 3, size, size))
    run = UnrolledBatch([], [], [])
    for t in range(count):
        run.states.append(state)
        run.alive.append(alive)
        state, record = step(cell, state, frames[t], verdicts[t], alive, pixels)
        run.records.append(record)
        alive = torch.where(born[t], 1.0, alive * present[t])
        if some_born[t]:
            pose, known = _jittered(torch.nan_to_num(boxes[t], nan=UNBORN_PX).flatten(0, 1), generator, group)
            seen = crop(torch.cat([frames[t], verdicts[t]], 1).repeat_interleave(places, 0), pose, size)
            state = _where(born[t].flatten(), _newborn(cell, pose, seen, known), state)
    return run


def _as_frames(images: NDArray[np.uint8], device: str | torch.device) -> Tensor:
    """(..., 3, H, W) float32 in [0, 1] of (..., H, W, 3) uint8."""
    return torch.from_numpy(images).to(device).movedim(-1, -3).float() / 255


def _jittered(boxes: Tensor, generator: torch.Generator, group: Group) -> tuple[Tensor, Tensor]:
    """Poses (N, 4) at which slots are born on the boxes (N, 4) of their objects, and whether (N,) each knows its silhouette."""
    count, device = len(boxes) * group.size, boxes.device
    mine = group.part(count)
    noise = torch.randn(count, 4, generator=generator)[mine].to(device)
    known = torch.rand(count, generator=generator)[mine].to(device) < KNOWN_BIRTHS
    whole = torch.rand(count, generator=generator)[mine].to(device) > PART_BIRTHS
    part = SMALLEST_PART + (1 - SMALLEST_PART) * torch.rand(count, generator=generator)[mine].to(device)
    part = torch.where(whole, 1.0, part)
    side = torch.sign(noise[:, 0])  # upper or lower part
    cx, cy, w, h = boxes.unbind(-1)
    pose = torch.stack([cx, cy + side * (1 - part) * h / 2, w, h * part], -1)
    centre = pose[:, :2] + BIRTH_SHIFT * noise[:, :2] * pose[:, 2:]
    return torch.cat([centre, pose[:, 2:] * (BIRTH_LOG_SCALE * noise[:, 2:]).exp()], 1), known


def _newborn(cell: WindowCell, pose: Tensor, seen: Tensor, known: Tensor) -> SlotState:
    """N new slots at `pose`; seen (N, 4, P, P) colour and verdict there, known (N,) whose silhouette is the verdict's."""
    soft = cell.birth(pose, seen[:, :3])
    sharp = cell.birth(pose, seen[:, :3], (seen[:, 3:] > FOREGROUND_ABOVE).float())
    return _where(known, sharp, soft)


def _where(which: Tensor, yes: SlotState, no: SlotState) -> SlotState:
    """Slot by slot (N,) one state or the other."""
    return SlotState(*(torch.where(which.view(-1, *[1] * (a.dim() - 1)), a, b) for a, b in zip(yes, no, strict=True)))


def batch_loss(run: UnrolledBatch, batch: Batch, settings: CellTrainSettings, group: Group = ALONE) -> Tensor:
    """Two-term loss of the predictions, summed over pixels, divided by the slot's area, mean over the visible slots.

    group  whose processes have a part of the batch each: the mean of their losses is the loss of the whole
    intra = -log m - log p(x | colour); inter = KL(empty || m) = -log(1 - m), weaker where the pixel is another slot's.
    """
    device = run.alive[0].device
    total, count = torch.zeros((), device=device), torch.zeros((), device=device)
    for record, state, images in zip(run.records, run.states, batch.images, strict=True):
        visible = record.visible
        if not bool(visible.any()):
            continue
        each = _slot_losses(record, _as_frames(images, device), settings)
        area = state.pose[:, 2:].detach().prod(1).view_as(visible).clamp(min=SMALLEST_AREA_PX)
        total, count = total + (each / area * visible).sum(), count + visible.sum()
    return total * group.size / group.total(count).clamp(min=1)


def _slot_losses(record: StepRecord, frame: Tensor, settings: CellTrainSettings) -> Tensor:
    """(B, K) two-term losses summed over the pixels of one frame (B, 3, H, W)."""
    gamma, empty = record.gamma[:, 1:], record.gamma[:, :1]
    mask = record.psi.mask.clamp(PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR)
    colour = gaussian_log_likelihood(frame[:, None], record.psi.colour, sigma=settings.network.pixels.colour_sigma)
    behind = settings.behind_weight
    weight = (empty + behind * (1 - empty - gamma)) / (1 - gamma).clamp(min=PROBABILITY_FLOOR)
    losses = two_term_loss(gamma, -mask.log() - colour, -(1 - mask).log(), inter_weight=weight)
    return losses.sum((2, 3, 4))


def evaluate(cell: WindowCell, batch: Batch, settings: CellTrainSettings, device: str = "cpu") -> dict[str, float]:
    """Scores on a drawn batch, over the second half of its frames; their names are the curve's columns.

    owned   share of the objects' pixels whose most responsible slot is the right one (missed: no slot)
    false   share of the background's pixels whose most responsible component is a slot
    off     median distance of a slot's centre from its object's, in object sizes (lost: share beyond 0.6)
    """
    generator = torch.Generator().manual_seed(EVALUATION_SEED)
    with torch.no_grad():
        run = unroll(cell, batch, settings.network.pixels, generator=generator, device=device)
        loss = batch_loss(run, batch, settings)
    half = len(run.records) // 2
    found = torch.stack([record.gamma.argmax(1)[:, 0] for record in run.records[half:]]).cpu()
    truth = torch.from_numpy(batch.owners[half:])
    objects, background = truth > 0, truth == 0
    boxes = torch.from_numpy(batch.boxes[half:])
    centres = torch.stack([state.pose for state in run.states[half:]]).cpu().view(*boxes.shape)
    present = ~boxes[..., 0].isnan() & (torch.stack(run.alive[half:]).cpu() > 0)
    off = ((centres - boxes)[..., :2].norm(dim=-1) / boxes[..., 2:].prod(-1).sqrt())[present]
    scores = {
        "loss": loss, "owned": (found == truth)[objects].float().mean(), "missed": (found == 0)[objects].float().mean(),
        "false": (found > 0)[background].float().mean(), "off": off.median(), "lost": (off > LOST_SIZES).float().mean(),
    }  # fmt: skip
    return {name: round(float(value), 4) for name, value in scores.items()}


@dataclass(frozen=True)
class _CellTask:
    """The cell's training, as the loop asks for it."""

    settings: CellTrainSettings
    draw: Draw
    device: str
    group: Group
    loss_name: str = "two-term loss"

    def build(self) -> WindowCell:
        return WindowCell(self.settings.network.cell).to(self.device)

    def held_out(self) -> Batch:
        return self.draw(-1, HELD_OUT_FRAMES)

    def batches(self, first: int, *, workers: int) -> Generator[Batch, None, None]:
        numbers = range(first, self.settings.steps)
        return drawn_ahead(self.draw, ((n, length_at(self.settings, n)) for n in numbers), workers=workers)

    def rate(self, step: int) -> float:
        settings = self.settings
        return scheduled_rate(settings.learning_rate, step, steps=settings.steps, warm_up_steps=WARM_UP_STEPS)

    def loss(self, net: WindowCell, batch: Batch, step: int) -> Tensor:
        settings, generator = self.settings, torch.Generator().manual_seed(self.settings.seed * 1_000_003 + step)
        with mixed_precision(self.device, wanted=settings.bfloat16):
            run = unroll(net, batch, settings.network.pixels, generator=generator, device=self.device, group=self.group)
        return batch_loss(run, batch, settings, self.group)

    def scores(self, net: WindowCell, held_out: Batch) -> dict[str, float]:
        return evaluate(net, held_out, self.settings, self.device)

    def save(self, net: WindowCell, path: Path, *, trained_steps: int) -> None:
        save_network(net, self.settings.network, path, trained_steps=trained_steps)

    def files(self, net: WindowCell, path: Path) -> list[Path]:
        return [path, path.with_suffix(".onnx")]


def length_at(settings: CellTrainSettings, step: int) -> int:
    """Frames a clip at a step of the training, by the curriculum."""
    return [frames for start, frames in settings.lengths if step >= start * settings.steps][-1]


def train(
    settings: CellTrainSettings, draw: Draw, out: Path, *, recipe: dict[str, Any], options: RunOptions = DEFAULT_RUN
) -> Path:
    """Train the cell, or go on training it, in the folder `out`; see `tracker.learning.loop.train`."""
    task = _CellTask(settings, draw, options.device, options.group)
    return loop.train(task, settings, out, recipe=recipe, options=options)
