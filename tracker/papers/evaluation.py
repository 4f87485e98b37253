"""The papers' scores of a trained network, on clips it has never seen.

gamma^t, t = 1 .. T, is scored against the groups of frame t, whose clean pixels it has seen: filtering, not a forecast. Labels are
the most responsible component's. Pixels of group 0 (background, and what several objects cover) are not scored.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from tracker.learning.precision import mixed_precision
from tracker.papers.cells import Cell
from tracker.papers.rollout import roll_out
from tracker.papers.settings import EmSettings, ExperimentSettings, TestSettings, WorldSettings
from tracker.papers.starts import unroll_best
from tracker.papers.unroll import Inputs, Unrolled, drawn_inputs, pixel_losses, unrolled_loss
from tracker.papers.worlds import SPLITS, Clips, Split, draw

BATCH = 100
SCORES = 3
"""what `scores` counts, as a number: files of another are not taken for these"""
LATE_STEPS = 10
"""R-NEM's summaries are means over so many last steps"""
FIRST_FRAMES = (10, 20, 30, 40)
"""others evaluate R-NEM over the first frames of a clip; also of a roll-out's own frames"""
SHOWN_SHARE = 0.5
"""a ball is counted where as much of the smallest ball's area is seen"""
LIT = 0.5
"""a pixel above this is of an object: of several, if it belongs to no single one"""
PIECE = 20_000_000
"""numbers worked on at once while AMI is computed"""
ARI_FLOOR = 1e-6
"""of the denominator, as in the authors' code: a frame with one group in truth and one found scores 0"""


class ScoreTally(NamedTuple):
    """One batch of B clips over T steps; on any device."""

    tables: Tensor
    """(T, B, G, K) pixels of group 1 + g that belong to component k"""
    overlap: Tensor
    """(T, B) bool, whether objects cover each other in the frame"""
    joint_tables: Tensor
    """(T, B, G, K) the same of all frames up to t"""
    confidence: Tensor
    """(T, B) mean over scored pixels of the largest gamma; 0 where there are none"""
    loss: Tensor
    """() the training loss"""
    bound: Tensor
    """(T, B) -log p(x | max_k psi_k), summed over pixels: prediction without the E-step's look at x (the papers' BCE)"""
    relational: Tensor
    """(T, B) the same of pixels in collisions of frame t - 1; 0 in worlds without"""
    error: Tensor
    """(T, B) mean over pixels of (x - sum_k gamma_k psi_k)^2"""
    bound_error: Tensor
    """(T, B) of (x - max_k psi_k)^2"""
    input_error: Tensor
    """(T, B) of (x - x~)^2, what the noise does to frame t - 1"""
    balls_shown: Tensor
    """(T, B) components that show a ball in the mixed prediction; 0 in worlds without"""
    balls_there: Tensor
    """(T, B) balls that the frame shows"""


def tables(gamma: Tensor, groups: Tensor, *, objects: int) -> Tensor:
    """Contingency tables (T, B, G, K) int64 of gamma (T, B, K, 1, H, W) and groups (B, T, H, W) of the same frames."""
    steps, batch, components = gamma.shape[:3]
    label = gamma.argmax(2)[:, :, 0].flatten(2)  # (T, B, H W)
    code = groups.transpose(0, 1).flatten(2).long() * components + label
    counts = torch.zeros(steps, batch, (objects + 1) * components, dtype=torch.int64, device=gamma.device)
    counts.scatter_add_(2, code, torch.ones_like(code))
    return counts.view(steps, batch, objects + 1, components)[:, :, 1:]


def rand_indices(counts: Tensor) -> Tensor:
    """Adjusted Rand index (...) of tables (..., G, K); NaN where nothing is scored. Hubert and Arabie 1985."""
    n = counts.double()

    def pairs(c: Tensor) -> Tensor:
        return c * (c - 1) / 2

    both, rows, columns = pairs(n).sum((-2, -1)), pairs(n.sum(-1)).sum(-1), pairs(n.sum(-2)).sum(-1)
    total = n.sum((-2, -1))
    expected = rows * columns / pairs(total).clamp(min=1)
    index = (both - expected) / ((rows + columns) / 2 - expected).clamp(min=ARI_FLOOR)
    return torch.where(total > 0, index, torch.nan)


def information(counts: Tensor) -> Tensor:
    """AMI (...) of tables (..., G, K), divided by the larger entropy as the papers have it; NaN where nothing is scored.

    `tracker.scores.clusters.adjusted_information` of every table, all at once: Vinh, Epps and Bailey 2010,

        (I - E[I]) / (max(H(U), H(V)) - E[I]),   E[I] = sum_ij sum_n P(n) n / N log(N n / (a_i b_j))

    where P is the hypergeometric law of the overlap of two groups of a_i and b_j among N pixels.
    """
    n = counts.flatten(0, -3).double()
    kinds = [(n > 0).flatten(1).sum(1), (n.sum(2) > 0).sum(1), (n.sum(1) > 0).sum(1)]  # cells, rows, columns in use
    total = n.sum((1, 2)).clamp(min=1)
    of_rows, of_columns, joint = (_entropy(c / total[:, None]) for c in (n.sum(2), n.sum(1), n.flatten(1)))
    piece = max(1, PIECE // (n[0].numel() * max(1, int(n.sum(2).max()))))
    expected = torch.cat([_expected_information(part) for part in torch.split(n, piece)])
    most = torch.maximum(of_rows, of_columns) - expected
    index = (of_rows + of_columns - joint - expected) / most.clamp(min=torch.finfo(most.dtype).eps)
    index = torch.where(torch.minimum(kinds[1], kinds[2]) == 1, 0.0, index)
    index = torch.where((kinds[0] == kinds[1]) & (kinds[0] == kinds[2]), 1.0, index)  # one to one
    return torch.where(kinds[0] > 0, index, torch.nan).view(counts.shape[:-2])


def _entropy(shares: Tensor) -> Tensor:
    return -torch.xlogy(shares, shares).sum(1)


def _expected_information(n: Tensor) -> Tensor:
    """E[I] (M) of tables (M, G, K), in nats."""
    rows, columns = n.sum(2)[:, :, None, None], n.sum(1)[:, None, :, None]
    total = n.sum((1, 2))[:, None, None, None]
    overlap = torch.arange(1, int(rows.max()) + 1, dtype=n.dtype, device=n.device)
    rest = total - rows - columns + overlap
    possible = (overlap <= rows) & (overlap <= columns) & (rest >= 0)
    log = (
        _log_factorial(rows) + _log_factorial(columns) + _log_factorial(total - rows) + _log_factorial(total - columns)
    )
    log = log - _log_factorial(total) - _log_factorial(overlap)
    log = log - _log_factorial(rows - overlap) - _log_factorial(columns - overlap) - _log_factorial(rest)
    each = overlap / total * (overlap * total / (rows * columns)).log() * log.exp()
    return torch.where(possible, each, 0.0).sum((1, 2, 3))


def _log_factorial(n: Tensor) -> Tensor:
    """Of whole numbers; below 0, where the caller has no use for it, that of 0."""
    return torch.lgamma(n.clamp(min=0) + 1)


def tally(
    run: Unrolled, inputs: Inputs, clips: Clips, settings: EmSettings, *, objects: int, ball_px: float = 0.0
) -> ScoreTally:
    """Count one batch; frame t of `clips` belongs to step t. ball_px: the smallest ball's area; 0: there are none"""
    groups = clips.groups[:, 1:]
    counts = tables(run.gamma, groups, objects=objects)
    owners = groups.transpose(0, 1)  # (T, B, H, W)
    scored = (owners > 0).float()
    sure = (run.gamma.amax(2)[:, :, 0] * scored).sum((2, 3)) / scored.sum((2, 3)).clamp(min=1)
    target = inputs.frames[:, 1:].transpose(0, 1)  # (T, B, 1, H, W)
    most = run.psi.amax(2)
    bound = pixel_losses(target, most, settings)[0]
    colliding = (
        torch.zeros_like(target) if clips.collisions is None else clips.collisions[:, :-1].transpose(0, 1)[:, :, None]
    )
    mixed = (run.gamma * run.psi).sum(2)
    noise = (inputs.noisy - inputs.frames[:, :-1]).transpose(0, 1)
    covered = (inputs.frames[:, 1:, 0] > LIT) & (groups == 0)
    return ScoreTally(
        counts,
        covered.flatten(2).any(2).t(),
        counts.cumsum(0),
        sure,
        unrolled_loss(run, inputs.frames, settings).total,
        bound.sum((2, 3, 4)),
        (bound * colliding).sum((2, 3, 4)),
        ((mixed - target) ** 2).mean((2, 3, 4)),
        ((most - target) ** 2).mean((2, 3, 4)),
        (noise**2).mean((2, 3, 4)),
        _balls(run.gamma.argmax(2)[:, :, 0], mixed[:, :, 0] > LIT, ball_px),
        _balls(owners, owners > 0, ball_px),
    )


def smallest_ball(world: WorldSettings) -> float:
    """Its area in pixels; 0 in worlds without balls."""
    if world.kind not in ("balls", "curtain"):
        return 0.0
    return math.pi * (min(world.balls.radii) * world.side_px / world.balls.box_units) ** 2


def _balls(owner: Tensor, seen: Tensor, ball_px: float) -> Tensor:
    """(T, B) owners with SHOWN_SHARE of a ball's area or more, of the owner of every pixel (T, B, H, W) and whether it is seen."""
    if not ball_px:
        return torch.zeros(owner.shape[:2], device=owner.device)
    counts = torch.zeros(*owner.shape[:2], int(owner.max()) + 1, device=owner.device)
    counts.scatter_add_(2, owner.flatten(2).long(), seen.flatten(2).float())
    return (counts >= SHOWN_SHARE * ball_px).sum(2).float()


def tested(settings: ExperimentSettings, test: TestSettings) -> tuple[WorldSettings, EmSettings]:
    """World and iteration as a test has them."""
    world = settings.world.model_copy(update={"objects": test.objects or settings.world.objects})
    em = settings.em.model_copy(
        update={
            "components": test.components or settings.em.components,
            "steps": test.steps or settings.em.steps,
            "noise": 0.0 if test.clean else settings.em.noise,
            "share_power": test.share_power or settings.em.share_power,
            "update_weight": test.update_weight or settings.em.update_weight,
        }
    )
    return world, em


def show(
    cell: Cell,
    settings: ExperimentSettings,
    test: TestSettings,
    *,
    clips: int,
    seed: int,
    number: int,
    split: Split,
    device: torch.device,
) -> tuple[Unrolled, Inputs, Clips]:
    """Run the cell over the `number`-th batch of a split; frame t of the clips belongs to step t."""
    world, em = tested(settings, test)
    shown = draw(
        world, batch=clips, frames=1 if test.static else em.steps + 1, seed=seed, number=number, split=split, device=device
    )  # fmt: skip
    if test.static:
        shown = Clips(*(x.repeat_interleave(em.steps + 1, 1) for x in (shown.frames, shown.groups)))
    noise_seed = step_seed(seed, split, number)
    inputs = drawn_inputs(shown.frames, em, seed=noise_seed)
    with torch.no_grad(), mixed_precision(device, wanted=settings.train.bfloat16):
        generator = torch.Generator(device).manual_seed(noise_seed + 1)
        if test.watched is None:
            return unroll_best(cell, inputs, em, starts=test.starts, generator=generator), inputs, shown
        dream = roll_out(
            cell, inputs, em, watched=test.watched, generator=generator, starts=test.starts, pixels=test.dreamt
        )
        return dream, inputs, shown


def watch(
    cell: Cell,
    settings: ExperimentSettings,
    test: TestSettings,
    *,
    clips: int,
    seed: int,
    split: Split,
    device: torch.device,
    batch: int = BATCH,
    tell: Callable[[float], None] = lambda share: None,
) -> ScoreTally:
    """Run the cell over `clips` clips of a split and count, batches joined. tell: told how much is over, 0 to 1

    Batch b and its noise depend on (seed, split, b) and on its size: of more clips only whole batches are the same.
    """
    world, em = tested(settings, test)
    parts = []
    for number in range(-(-clips // batch)):
        count = min(batch, clips - number * batch)
        run, inputs, shown = show(
            cell, settings, test, clips=count, seed=seed, number=number, split=split, device=device
        )
        parts.append(tally(run, inputs, shown, em, objects=world.objects[1], ball_px=smallest_ball(world)))
        tell((number * batch + count) / clips)
    weights = torch.tensor([part.tables.shape[1] for part in parts], dtype=torch.float32, device=device)
    loss = (torch.stack([part.loss for part in parts]) * weights).sum() / weights.sum()
    joined = {
        name: torch.cat([getattr(part, name) for part in parts], 1) for name in ScoreTally._fields if name != "loss"
    }
    return ScoreTally(**joined, loss=loss)


def step_seed(seed: int, split: Split, number: int) -> int:
    """A seed for torch's generator from a few small numbers."""
    words = np.random.SeedSequence((seed, SPLITS.index(split), number)).generate_state(1, np.uint64)
    return int(words[0] >> np.uint64(2))


def scores(counted: ScoreTally, *, static: bool, watched: int | None = None) -> dict[str, Any]:
    """The papers' numbers. static: the last step alone counts, else all equally; watched: of a roll-out, the steps before it dreams.

    ami, ari          mean over clips, then over the steps that count; `*_last` the last step, `*_by_step` every step
    ami_overlap       of frames in which objects cover each other; `ami_apart` of the others
    ari_first         frames 1 to n by themselves, mean; `ari_joint_first` their pixels in one table, so that identity counts
    bce               -log p(x | max psi), mean over steps; `bce_last` the last, `bce_late` the last ten; relational: in collisions
    ari_dreamt        frames 1 to n of those that a roll-out dreams, mean; `balls_dreamt` the components that show a ball in
                      them, `balls_there` the balls that the clip shows, `balls_right` the share of frames with as many
    mse               of sum_k gamma_k psi_k; `mse_bound` of max psi; `mse_input` of the noise, for denoising
    """
    count = slice(-1, None) if static else slice(None)
    ari = rand_indices(counted.tables)
    steps = len(ari)
    each, overlap = information(counted.tables), counted.overlap[count]
    by_step = each.nanmean(1)
    return {
        "clips": ari.shape[1],
        "steps": steps,
        "loss": float(counted.loss),
        "ari": float(ari.nanmean(1)[count].nanmean()),
        "ari_last": float(ari[-1].nanmean()),
        "ari_by_step": ari.nanmean(1).tolist(),
        "ari_first": {n: float(ari[:n].nanmean()) for n in FIRST_FRAMES if n <= steps},
        "ari_joint_first": {
            n: float(rand_indices(counted.joint_tables[n - 1]).nanmean()) for n in FIRST_FRAMES if n <= steps
        },
        "confidence": float(counted.confidence[count].mean()),
        "bce": float(counted.bound.mean()),
        "bce_last": float(counted.bound[-1].mean()),
        "bce_late": float(counted.bound[-LATE_STEPS:].mean()),
        "relational_bce_late": float(counted.relational[-LATE_STEPS:].mean()),
        "bce_by_step": counted.bound.mean(1).tolist(),
        "mse": float(counted.error[count].mean()),
        "mse_last": float(counted.error[-1].mean()),
        "mse_first": {n: float(counted.error[:n].mean()) for n in FIRST_FRAMES if n <= steps},
        "mse_bound": float(counted.bound_error[count].mean()),
        "mse_bound_first": {n: float(counted.bound_error[:n].mean()) for n in FIRST_FRAMES if n <= steps},
        "mse_input": float(counted.input_error[count].mean()),
        **({} if watched is None else _dreamt(*(x[watched:] for x in (ari, counted.balls_shown, counted.balls_there)))),
        "ami": float(by_step[count].nanmean()),
        "ami_last": float(by_step[-1]),
        "ami_by_step": by_step.tolist(),
        "ami_overlap": float(each[count][overlap].nanmean()),
        "ami_apart": float(each[count][~overlap].nanmean()),
    }


def _dreamt(ari: Tensor, shown: Tensor, there: Tensor) -> dict[str, dict[int, float]]:
    """Scores of a roll-out's own frames: ARI, and balls as in `ScoreTally`, each (T, B)."""
    spans = [n for n in FIRST_FRAMES if n <= len(ari)]
    return {
        "ari_dreamt": {n: float(ari[:n].nanmean()) for n in spans},
        "balls_dreamt": {n: float(shown[:n].mean()) for n in spans},
        "balls_there": {n: float(there[:n].mean()) for n in spans},
        "balls_right": {n: float((shown[:n] == there[:n]).float().mean()) for n in spans},
    }


def evaluate(
    cell: Cell,
    settings: ExperimentSettings,
    *,
    clips: int,
    seed: int,
    device: torch.device,
    names: Sequence[str] | None = None,
    tell: Callable[[float], None] = lambda share: None,
) -> dict[str, dict[str, Any]]:
    """Every test of the experiment, or those named, on `clips` clips of the test split. tell: told how much is over, 0 to 1"""
    results: dict[str, dict[str, Any]] = {}
    wanted = list(settings.tests if names is None else names)
    for name in wanted:
        test = settings.tests[name]
        begin, each = len(results) / len(wanted), 1 / len(wanted)
        counted = watch(
            cell, settings, test, clips=clips, seed=seed, split="test", device=device,
            tell=partial(_part, tell, begin, each),
        )  # fmt: skip
        static = test.static or not settings.em.sequential
        results[name] = scores(counted, static=static and test.watched is None, watched=test.watched)
    return results


def _part(tell: Callable[[float], None], begin: float, size: float, share: float) -> None:
    tell(begin + size * share)
