"""Several processes that train one network: the same curve and weights as one process with the same batch, and one common end."""

import json
import os
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from tracker.errors import SettingsError
from tracker.foreground.settings import ForegroundNetSettings, ForegroundTrainSettings
from tracker.learning import prefetch
from tracker.learning.group import ALONE, Group, started
from tracker.learning.loop import RunOptions
from tracker.lessons import foreground, street
from tracker.lessons.recipes import ForegroundRecipe, SlotsRecipe, run_recipe
from tracker.lessons.street import DrawBatch
from tracker.papers.settings import ExperimentSettings
from tracker.papers.train import train as train_paper
from tracker.slots.cell import WindowCell
from tracker.slots.settings import CellSettings, CellTrainSettings, NetworkSettings
from tracker.slots.training import batch_loss, unroll
from tracker.worlds import StreetSettings

SLOTS = SlotsRecipe(
    train=CellTrainSettings(
        steps=4, batch=2, slots=2, lengths=((0.0, 3), (0.5, 4)), checkpoint_every=2, bfloat16=False,
        network=NetworkSettings(cell=CellSettings(grid_px=8, features=8, hidden=3, motion=6)),
    ),
    street=StreetSettings(width=24, height=24, objects=(1, 2), object_px=(8, 12)),
)  # fmt: skip
FOREGROUND = ForegroundRecipe(
    train=ForegroundTrainSettings(
        steps=6, batch=4, clips=1, frames=5, repeats=1, kept_draws=2, checkpoint_every=3, rounded_from=0.5, bfloat16=False,
        net=ForegroundNetSettings(features=(8, 8, 8)),
    ),
    street=StreetSettings(width=32, height=32, objects=(1, 2), object_px=(8, 16)),
)  # fmt: skip
PAPER = ExperimentSettings.model_validate({
    "net": {"hidden": 16}, "em": {"components": 2, "steps": 2},
    "train": {"batch": 4, "updates": 4, "row_every": 2, "validation_clips": 4, "patience_rows": None},
})  # fmt: skip
TOLERANCE = 1e-5
"""of weights after a few steps and of losses: sums of float32 in another order, through a few updates"""
CURVE_TOLERANCE = 2e-4
"""curves are written to four decimals"""

DRAWN_HERE = """
from concurrent.futures import Future
from tracker.learning import prefetch

class Here:
    def __init__(self, *_): pass
    def __enter__(self): return self
    def __exit__(self, *_): pass
    def submit(self, function, *arguments):
        done = Future()
        done.set_result(function(*arguments))
        return done

"""
"""In place of processes that draw batches, each of which imports torch."""
PROCESS = """
import os, signal, sys
from pathlib import Path
from tracker.errors import TrackerError
from tracker.learning.group import training_group
from tracker.learning.loop import RunOptions
from tracker.lessons import foreground, street
from tracker.lessons.recipes import run_recipe
from tracker.lessons.street import DrawBatch
from tracker.papers.settings import ExperimentSettings
from tracker.papers.train import train

folder, ports = Path(sys.argv[1]), iter(sys.argv[2:])
second = os.environ["RANK"] == "1"

prefetch.ProcessPoolExecutor = Here
street.HELD_OUT_BATCH = foreground.HELD_OUT_BATCH = 2  # clips are drawn and evaluated in every run

def learn(recipe, out, **options):
    os.environ["MASTER_PORT"] = next(ports)
    return run_recipe(folder / f"{recipe}.yaml", (), folder / out, options=RunOptions(**options))

learn("slots", "slots")
learn("slots", "begun-by-one")
learn("slots", "begun-by-two", minutes=1e-9 if not second else None)
learn("foreground", "foreground")
os.environ["MASTER_PORT"] = next(ports)
settings = ExperimentSettings.model_validate_json((folder / "paper.json").read_text())
with training_group("cpu") as group:
    train(settings, folder / "paper", group=group)

draw = DrawBatch.__call__
def interrupted(self, number, frames):
    if number == 1 and second:
        os.kill(os.getpid(), signal.SIGINT)
    return draw(self, number, frames)
DrawBatch.__call__ = interrupted
try:
    learn("slots", "interrupted")
except KeyboardInterrupt:
    print("interrupted")

def failing(self, number, frames):
    if second:
        raise TrackerError("the second failed")
    return draw(self, number, frames)
DrawBatch.__call__ = failing
try:
    learn("slots", "failed")
except TrackerError as error:
    print(error, flush=True)
    os._exit(1)
"""


def curve(out: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (out / "curve.jsonl").read_text().splitlines()]


def hold_together(one: Path, two: Path, weights: str = "weights.safetensors", within: float = TOLERANCE) -> None:
    first, second = load_file(one / weights), load_file(two / weights)
    assert first.keys() == second.keys()
    assert max(float((first[name] - second[name]).abs().max()) for name in first) <= within
    assert [row["step"] for row in curve(one)] == [row["step"] for row in curve(two)]
    for row, other in zip(curve(one), curve(two), strict=True):
        assert row["train_loss"] == pytest.approx(other["train_loss"], abs=CURVE_TOLERANCE)


def free_ports(count: int) -> list[str]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [str(each.getsockname()[1]) for each in held]
    for each in held:
        each.close()
    return ports


def two_processes(folder: Path) -> list[tuple[int, list[str], str]]:
    """Exit code, lines and errors of each."""
    script, ports = folder / "process.py", free_ports(8)
    script.write_text(DRAWN_HERE + PROCESS)
    environment = os.environ | {
        "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0", "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }  # fmt: skip
    running = [
        subprocess.Popen(
            [sys.executable, script, folder, *ports], env=environment | {"RANK": str(n)}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for n in range(2)
    ]  # fmt: skip
    ended = [process.communicate(timeout=120) for process in running]
    return [(process.returncode, out.splitlines(), error) for process, (out, error) in zip(running, ended, strict=True)]


@pytest.mark.slow  # each imports torch
def test_two_processes_train_as_one_with_the_same_batch(tmp_path, monkeypatch):
    here: dict[str, type] = {}
    exec(DRAWN_HERE, here)
    monkeypatch.setattr(prefetch, "ProcessPoolExecutor", here["Here"])
    for lesson in (street, foreground):
        monkeypatch.setattr(lesson, "HELD_OUT_BATCH", 2)
    for name, recipe in (("slots", SLOTS), ("foreground", FOREGROUND)):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(json.loads(recipe.model_dump_json())))
        run_recipe(tmp_path / f"{name}.yaml", (), tmp_path / f"{name}-alone")
    (tmp_path / "paper.json").write_text(PAPER.model_dump_json())
    train_paper(PAPER, tmp_path / "paper-alone")
    run_recipe(tmp_path / "slots.yaml", (), tmp_path / "begun-by-one", options=RunOptions(minutes=1e-9))

    ended = two_processes(tmp_path)
    for number, (code, lines, errors) in enumerate(ended):
        other = "the second failed" if number else "process 0 of 2: another one ended; see its message, and start all"
        assert (code, lines[0], len(lines)) == (1, "interrupted", 2), errors
        assert lines[1].startswith(other), errors

    hold_together(tmp_path / "slots-alone", tmp_path / "slots")
    hold_together(tmp_path / "slots-alone", tmp_path / "begun-by-one")
    hold_together(tmp_path / "foreground-alone", tmp_path / "foreground")
    hold_together(tmp_path / "paper-alone", tmp_path / "paper", weights="last.safetensors")
    for out, done in (("begun-by-two", 1), ("interrupted", 1)):
        assert torch.load(tmp_path / out / "checkpoint.pt", weights_only=True)["done"] == done
        run_recipe(tmp_path / "slots.yaml", (), tmp_path / out)
        hold_together(tmp_path / "slots-alone", tmp_path / out)


class Met(Group):
    """A group of threads of this process."""

    def __init__(self, number: int, meeting: tuple[threading.Barrier, dict[int, torch.Tensor]]) -> None:
        super().__init__(number, 2)
        object.__setattr__(self, "meeting", meeting)

    def total(self, values):
        barrier, given = self.meeting
        given[self.number] = values
        barrier.wait(10)
        total = given[0] + given[1]
        barrier.wait(10)
        return total


def gradient(group: Group, number: int) -> torch.Tensor:
    """Of the cell, of this process's part of a batch."""
    settings = SLOTS.train.model_copy(update={"batch": 4})
    cell = WindowCell(settings.network.cell)
    with torch.no_grad():  # no random numbers, whose generator threads share
        for place, part in enumerate(cell.parameters()):
            part.copy_(0.2 * torch.sin(torch.arange(part.numel()) + place).view_as(part))
    batch = DrawBatch(settings, SLOTS, group)(number, 4)
    run = unroll(cell, batch, settings.network.pixels, generator=torch.Generator().manual_seed(1), group=group)
    batch_loss(run, batch, settings, group).backward()
    return torch.cat([part.grad.flatten() for part in cell.parameters() if part.grad is not None])


@pytest.mark.parametrize("number", [0, 1])
def test_the_mean_gradient_of_two_parts_is_that_of_the_whole_batch(number):
    meeting: tuple[threading.Barrier, dict[int, torch.Tensor]] = (threading.Barrier(2), {})
    whole = gradient(ALONE, number)
    with ThreadPoolExecutor(2) as pool:
        parts = list(pool.map(lambda place: gradient(Met(place, meeting), number), range(2)))
    assert not torch.equal(parts[0], parts[1])
    assert torch.allclose((parts[0] + parts[1]) / 2, whole, rtol=1e-4, atol=1e-6)


def test_parts_of_a_batch_are_all_of_it():
    parts = [list(range(12)[Group(number, 3).part(12)]) for number in range(3)]
    assert parts == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    with pytest.raises(SettingsError, match=r"train.batch = 12: 5 processes cannot share it equally"):
        Group(0, 5).check_divides(12)
    ALONE.check_divides(7)


def test_a_process_without_torchrun_is_alone(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    assert started() == ALONE
    monkeypatch.setenv("WORLD_SIZE", "2")  # of a job of Slurm, say
    assert started() == ALONE
    for name, value in (("RANK", "1"), ("MASTER_ADDR", "127.0.0.1"), ("MASTER_PORT", "29500")):
        monkeypatch.setenv(name, value)
    assert started() == Group(1, 2)
    monkeypatch.setenv("RANK", "one")
    with pytest.raises(SettingsError, match="RANK = one"):
        started()
