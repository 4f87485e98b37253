"""Training a network of the papers: clips drawn on the fly, one unrolled update each, a row of the curve now and then.

Clips, noise and order depend on the seed and the number of the update alone, so a run that was killed goes on to the same curve.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tracker.errors import DivergedError, SettingsError, WeightsError
from tracker.learning.group import ALONE, Group
from tracker.learning.loop import check_together, scheduled_rate
from tracker.learning.muon import Muon
from tracker.learning.run import (
    Checkpoint,
    Row,
    check_finite,
    open_run,
    read_checkpoint,
    rows_until,
    write_checkpoint,
    write_row,
    written_whole,
)
from tracker.papers.cells import Cell, build_cell
from tracker.papers.evaluation import scores, step_seed, watch
from tracker.papers.settings import (
    EmSettings,
    ExperimentSettings,
    PaperTrainSettings,
    TestSettings,
    TrainingStage,
    WorldSettings,
)
from tracker.papers.unroll import Inputs, drawn_inputs
from tracker.papers.update import Update, make_update
from tracker.papers.weights import load_cell, save_cell
from tracker.papers.worlds import draw

BEGIN = "begin.safetensors"
"""in a training's folder, where it began from weights: these"""
SHOWN = ("loss", "ari", "ari_last", "bce_last", "mse")
"""of a validation as the stage has it, in a row of the curve"""
GROUPED = ("ami", "ami_last")
"""of a validation as the experiment has it, whatever the stage: curves of several stages can be compared"""


def stage_at(stages: Sequence[TrainingStage], progress: float) -> int:
    """Which stage the share `progress` of the whole training lies in."""
    ends = [stage.until for stage in stages]
    return min(int(np.searchsorted(ends, progress, side="right")), len(stages) - 1)


def learning_rate(train: PaperTrainSettings, *, stage: int, done: int, progress: float) -> float:
    """The rate of an update after `done` others, which were the share `progress` of the training."""
    peak = train.stages[stage].learning_rate * train.rate_factor
    if train.schedule == "constant":
        return peak
    updates = round(done / progress) if progress else 1  # by the clock, as many as it looks like
    begin, end = _cycle(train.stages, stage)
    first, steps = round(begin * updates), max(1, round((end - begin) * updates))
    return scheduled_rate(peak, max(0, done - first), steps=steps, warm_up_steps=train.warm_up_updates)


def _cycle(stages: Sequence[TrainingStage], number: int) -> tuple[float, float]:
    """Shares of the training at which the cosine of a stage begins and ends."""
    begins = [before.until for before, stage in pairwise(stages) if stage.restart]
    ends = [0.0, *begins, 1.0]
    cycle = sum(stage.restart for stage in stages[1 : number + 1])
    return ends[cycle], ends[cycle + 1]


def clip_number(train: PaperTrainSettings, done: int) -> int:
    """Which batch of clips the update after `done` others is made on."""
    if train.clips is None:
        return done
    batches = max(1, train.clips // train.batch)
    epoch, number = divmod(done, batches)
    return int(np.random.default_rng((train.seed, epoch)).permutation(batches)[number])


def staged(settings: ExperimentSettings, number: int) -> tuple[WorldSettings, EmSettings]:
    """World and iteration as a stage has them."""
    stage, world, em = settings.train.stages[number], settings.world, settings.em
    if stage.objects is not None:
        world = world.model_copy(update={"objects": stage.objects})
    if stage.pictures is not None:
        world = world.model_copy(update={"digits": world.digits.model_copy(update={"pictures": stage.pictures})})
    fewer = stage.components and min(stage.components, em.components)  # a recipe may be laid over a baseline with one
    changed = {"steps": stage.steps, "components": fewer, "noise": stage.noise, "every_step": stage.every_step}
    return world, em.model_copy(update={name: value for name, value in changed.items() if value is not None})


def train(
    settings: ExperimentSettings, out: Path, *, device: str = "cpu", minutes: float | None = None, graph: bool = False,
    fused: bool = False, begin: Path | None = None, report: Callable[[Row], None] = lambda row: None,
    tell: Callable[[float], None] = lambda share: None, asked_to_end: Callable[[], bool] = lambda: False, group: Group = ALONE,
) -> Path:  # fmt: skip
    """Train, or go on training, in the folder `out`; returns the file of the last weights.

    out holds `settings.json`, `curve.jsonl`, `checkpoint.pt`, a checkpoint of each stage's best weights, `best.safetensors` (the last
    stage's lowest validation loss) and `last.safetensors`.
    minutes  stop after the update in which that long is over; the same call goes on later
    graph    on a GPU, capture the update as one graph
    fused    in that graph, join the cell's kernels by torch.compile
    begin    a weights file of the same network that the first update starts from, a copy of which is kept in `out`; None: drawn weights
    report   told each row
    tell     told after each update how much of the training is over, 0 to 1
    asked_to_end  asked after each update: the training then ends as after its minutes, with a row only where its rates go by the clock
    group    the processes that train together; the first one alone validates, writes files and reports
    Raises SettingsError if `out` holds another experiment's run, or one that began from other weights, if no world gives what the
    network asks for, or if the group cannot share its batch; WeightsError if the run's checkpoint is damaged or `begin` is of another
    network; DivergedError if the loss or the cell is no longer finite.
    """
    options, where = settings.train, torch.device(device)
    if settings.net.actions:
        raise SettingsError("net.actions: no world of the papers that are reproduced gives actions; wanted 0")
    group.check_divides(options.batch)
    cell, optimiser, known = _resume(settings, out, where, begin, group)
    done = known.done
    before = _updates_before(out) if group.first else 0
    rows = group.shared(rows_until(out, done) if group.first else [])
    clock = _Clock(options, rows, group)
    progress, over = clock.progress(done), False
    # a stop without a row may be past the end of the last row's stage
    stage: int = stage_at(options.stages, progress) if known.losses else rows[-1]["stage"] if rows else 0
    update: Update | None = None
    losses = [torch.tensor(loss, device=where) for loss in known.losses]
    while progress < 1 and not over and not _tired(rows, options):
        if stage_at(options.stages, progress) != stage:
            read_checkpoint(out / f"best-{stage}", cell, optimiser, device=device)
            stage, update = stage_at(options.stages, progress), None
        inputs = _inputs(settings, stage, done, where, group)
        rate = learning_rate(options, stage=stage, done=done, progress=progress)
        _set_rate(optimiser, rate, where)
        if update is None:
            with clock.stopped():
                update = _build_update(cell, optimiser, settings, stage, inputs, graph=graph, fused=fused, group=group)
        losses.append(update(inputs))
        done += 1
        progress = clock.progress(done)
        tell(min(1.0, max(progress, clock.minutes() / minutes if minutes else 0.0)))
        over = group.any(asked_to_end() or (minutes is not None and clock.minutes() >= minutes))
        due = done % options.row_every == 0 or progress >= 1 or stage_at(options.stages, progress) != stage
        # a row more would count for the patience, and could be the best
        if over and not due and options.clock_minutes is None:
            values = _values(losses, cell, done, group)
            if group.first:
                write_checkpoint(out, cell, optimiser, done, values)
        elif over or due:
            train_loss = float(np.mean(_values(losses, cell, done, group)))
            row: Row = {}
            if group.first:
                row = {
                    "step": done, "stage": stage, "rate": rate, "train_loss": train_loss,
                    **_validate(cell, settings, stage, where), **clock.row(),
                }  # fmt: skip
                _keep(out, cell, optimiser, settings, rows, row, before)
                report(row)
            losses = []
            rows.append(group.shared(row))  # once the first process has written the checkpoint, which others may read
    if group.first:
        save_cell(cell, settings, out / "last.safetensors", updates=before + done)
    return out / "last.safetensors"


def _resume(
    settings: ExperimentSettings, out: Path, device: torch.device, begin: Path | None, group: Group
) -> tuple[Cell, torch.optim.Optimizer, Checkpoint]:
    """Cell and optimiser as the run in `out` left them, or new ones, and where it stands."""
    if group.first:
        open_run(out, settings.model_dump(mode="json"))
    torch.manual_seed(settings.train.seed)
    cell = build_cell(settings)
    fresh = not (out / "checkpoint.pt").exists()
    if begin is not None:
        _check_begin(begin, out, fresh=fresh)
        _start_from(begin, cell)
        if group.first and not (out / BEGIN).exists():
            with written_whole(out / BEGIN) as part:
                shutil.copyfile(begin, part)
    elif fresh and (out / BEGIN).exists():  # killed before its first checkpoint
        _start_from(out / BEGIN, cell)
    cell.to(device)
    if settings.train.channels_last:
        cell.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = make_optimiser(cell, settings.train, device)
    known = read_checkpoint(out, cell, optimiser, device=str(device))
    check_together(group, known.done, out)
    return cell, optimiser, known


def _check_begin(begin: Path, out: Path, *, fresh: bool) -> None:
    """Raises SettingsError if the run in `out` began otherwise."""
    known = out / BEGIN
    same = known.exists() and known.read_bytes() == begin.read_bytes()
    if not same and (known.exists() or not fresh):
        raise SettingsError(f"{out}: its run did not begin from {begin}; choose another folder, or leave --begin out")


def _start_from(begin: Path, cell: Cell) -> None:
    """Fill the cell from a weights file. Raises WeightsError if it is of another network."""
    known = load_cell(begin, device=torch.device("cpu"))[0].state_dict()
    if {name: value.shape for name, value in known.items()} != {n: v.shape for n, v in cell.state_dict().items()}:
        raise WeightsError(f"{begin}: weights of another network; take those of the recipe that is trained")
    cell.load_state_dict(known)


def _updates_before(out: Path) -> int:
    """Those of the weights that the training in `out` started from."""
    return load_cell(out / BEGIN, device=torch.device("cpu"))[2] if (out / BEGIN).exists() else 0


def _inputs(settings: ExperimentSettings, stage: int, done: int, device: torch.device, group: Group) -> Inputs:
    """What the update after `done` others is made on; this process's part of it, of a batch that is drawn whole."""
    world, em = staged(settings, stage)
    options = settings.train
    clips = draw(
        world, batch=options.batch, frames=em.steps + 1, seed=options.seed, number=clip_number(options, done),
        split="train", device=device,
    )  # fmt: skip
    whole = drawn_inputs(clips.frames, em, seed=step_seed(options.seed, "train", done))
    return Inputs(*(part[group.part(options.batch)] for part in whole))


def _build_update(
    cell: Cell, optimiser: torch.optim.Optimizer, settings: ExperimentSettings, stage: int, inputs: Inputs,
    *, graph: bool, fused: bool, group: Group,
) -> Update:  # fmt: skip
    """The update of a stage; what the stage freezes is left out of the training."""
    em, options = staged(settings, stage)[1], settings.train
    cell.requires_grad_()
    for part in options.stages[stage].frozen if em.components > 1 else ():
        getattr(cell, part).requires_grad_(False)
    return make_update(cell, optimiser, em, options, inputs, graph=graph, fused=fused, group=group)


class _Clock:
    """How much of the training is over, by updates or by the first process's clock, which stands still while an update is compiled."""

    def __init__(self, options: PaperTrainSettings, rows: Sequence[Row], group: Group = ALONE) -> None:
        self.options, self.group, self.began = options, group, time.monotonic()
        self.before = rows[-1].get("minutes", 0.0) if rows else 0.0

    @contextmanager
    def stopped(self) -> Generator[None, None, None]:
        begin = time.monotonic()
        yield
        self.began += time.monotonic() - begin

    def minutes(self) -> float:
        return (time.monotonic() - self.began) / 60

    def progress(self, done: int) -> float:
        if self.options.clock_minutes is None:
            return done / self.options.updates
        minutes = self.group.shared(self.before + self.minutes())
        return max(done / self.options.updates, minutes / self.options.clock_minutes)

    def row(self) -> Row:
        """The time so far, only where it decides anything: other curves are the same from run to run."""
        return {} if self.options.clock_minutes is None else {"minutes": self.before + self.minutes()}


def make_optimiser(cell: Cell, options: PaperTrainSettings, device: torch.device) -> torch.optim.Optimizer:
    """Of the settings' kind; on a GPU all its numbers live there, so that it can be captured."""
    on_gpu = device.type == "cuda"
    rate = torch.tensor(1e-3, device=device) if on_gpu else 1e-3
    made = Muon if options.optimiser == "muon" else torch.optim.Adam
    return made(cell.parameters(), lr=rate, capturable=on_gpu)


def _set_rate(optimiser: torch.optim.Optimizer, rate: float, device: torch.device) -> None:
    for group in optimiser.param_groups:
        group["capturable"] = device.type == "cuda"  # a checkpoint may come from elsewhere
        if device.type != "cuda":
            group["lr"] = rate
        elif isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)  # in place: a captured update reads it there
        else:
            group["lr"] = torch.tensor(rate, device=device)


def _validate(cell: Cell, settings: ExperimentSettings, stage: int, device: torch.device) -> Row:
    """Scores on the validation split, with world and iteration of the stage; the AMI with those of the experiment."""
    world, em = staged(settings, stage)
    found = _score(cell, settings.model_copy(update={"world": world, "em": em}), device)
    own = found if (world, em) == (settings.world, settings.em) else _score(cell, settings, device)
    return {**{f"validation_{name}": found[name] for name in SHOWN}, **{name: own[name] for name in GROUPED}}


def _score(cell: Cell, settings: ExperimentSettings, device: torch.device) -> dict[str, Any]:
    options = settings.train
    counted = watch(
        cell, settings, TestSettings(), clips=options.validation_clips, seed=options.seed, split="validation", device=device
    )  # fmt: skip
    return scores(counted, static=not settings.em.sequential)


def _values(losses: Sequence[Tensor], cell: Cell, done: int, group: Group) -> list[float]:
    """The losses since the last row. Raises DivergedError where one of them, or the cell after them, is not finite."""
    values = group.total(torch.stack(list(losses))).cpu() / group.size
    if not bool(torch.isfinite(values).all()):
        first = done - len(values) + int((~torch.isfinite(values)).nonzero()[0])
        raise DivergedError(
            f"update {first}: the two-term loss is {float(values[first - done])}; lower the learning rate"
        )
    check_finite(cell, done)
    return [float(value) for value in values.double()]


def _keep(
    out: Path,
    cell: Cell,
    optimiser: torch.optim.Optimizer,
    settings: ExperimentSettings,
    rows: Sequence[Row],
    row: Row,
    before: int,
) -> None:
    """Write the best weights, the row and then the checkpoint: a kill between them repeats the row, and changes nothing."""
    former = [r["validation_loss"] for r in rows if r["stage"] == row["stage"]]
    if row["validation_loss"] < min(former, default=float("inf")):
        folder = out / f"best-{row['stage']}"
        folder.mkdir(exist_ok=True)
        write_checkpoint(folder, cell, optimiser, row["step"])
        save_cell(cell, settings, out / "best.safetensors", updates=before + row["step"])
    write_row(out, row)
    write_checkpoint(out, cell, optimiser, row["step"])


def is_over(rows: Sequence[Row], options: PaperTrainSettings) -> bool:
    """Whether a training that ended with these rows of its curve would not go on."""
    if not rows:
        return False
    clock = options.clock_minutes
    in_time = clock is None or rows[-1].get("minutes", 0.0) < clock
    return rows[-1]["step"] >= options.updates or not in_time or _tired(rows, options)


def _tired(rows: Sequence[Row], options: PaperTrainSettings) -> bool:
    """Whether the last stage's best row is as old as the patience."""
    losses = [row["validation_loss"] for row in rows if row["stage"] == len(options.stages) - 1]
    if options.patience_rows is None or not losses:
        return False
    return len(losses) - 1 - int(np.argmin(losses)) >= options.patience_rows  # as the authors' `best < min(last ten)`
