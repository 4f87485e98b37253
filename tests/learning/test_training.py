"""Training: a stopped run goes on to the same curve and weights, what would spoil one is refused, scores are right."""

import json
import math
import os
import signal
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tracker.errors import DivergedError, SettingsError, SinkError, TrackerError
from tracker.learning import loop, prefetch
from tracker.learning import run as runs
from tracker.learning.loop import RunOptions, scheduled_rate
from tracker.learning.settings import LoopSettings
from tracker.lessons.recipes import SlotsRecipe
from tracker.lessons.street import DrawBatch
from tracker.slots import training
from tracker.slots.cell import WindowCell
from tracker.slots.settings import CellSettings, CellTrainSettings, NetworkSettings
from tracker.slots.training import Batch, evaluate, length_at, train, unroll
from tracker.slots.weights import load_network, save_network
from tracker.worlds import StreetSettings

TINY = CellTrainSettings(
    steps=4,
    batch=2,
    slots=2,
    lengths=((0.0, 3), (0.5, 4)),
    checkpoint_every=2,
    bfloat16=False,
    network=NetworkSettings(cell=CellSettings(grid_px=8, features=8, hidden=3, motion=6)),
)
RECIPE = SlotsRecipe(train=TINY, street=StreetSettings(width=24, height=24, objects=(1, 2), object_px=(8, 12)))
DRAW = DrawBatch(TINY, RECIPE)


class Here:
    """In place of the drawing process: draws at once, in this process; no waiting for a second torch to be imported."""

    def __init__(self, *_):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def submit(self, function, *arguments):
        done = Future()
        done.set_result(function(*arguments))
        return done


@pytest.fixture
def drawn_here(monkeypatch):
    monkeypatch.setattr(prefetch, "ProcessPoolExecutor", Here)


def learn(out, *, settings=TINY, draw=DRAW, recipe=RECIPE, **options):
    return train(settings, draw, out, recipe=recipe.model_dump(mode="json"), options=RunOptions(**options))


def curve(out):
    return [json.loads(line) for line in (out / "curve.jsonl").read_text().splitlines()]


def same_weights(first, second):
    one, two = load_file(first), load_file(second)
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def test_a_stopped_training_goes_on_to_the_same_curve_and_weights(tmp_path, monkeypatch):
    whole = learn(tmp_path / "whole")  # batches drawn by a process, as in real use
    monkeypatch.setattr(prefetch, "ProcessPoolExecutor", Here)
    told = []
    learn(tmp_path / "stopped", minutes=1e-9, report=lambda done, row: told.append((done, row)))
    assert told == curve(tmp_path / "stopped") == []  # stopped after its first step, before a row
    assert load_network(str(tmp_path / "stopped" / "weights.safetensors")).settings == TINY.network
    torch.manual_seed(99)
    torch.rand(7)
    resumed = learn(tmp_path / "stopped", report=lambda done, row: told.append((done, row)))
    assert [done for done, _ in told] == [2, 4]
    assert curve(tmp_path / "stopped") == curve(tmp_path / "whole")
    assert [row["step"] for row in curve(tmp_path / "whole")] == [2, 4]
    assert same_weights(whole, resumed)
    # what a run leaves, and that it can be used
    assert {path.name for path in (tmp_path / "whole").iterdir()} == {
        "settings.json", "curve.jsonl", "checkpoint.pt", "weights.onnx", "weights.safetensors"
    }  # fmt: skip
    assert SlotsRecipe.model_validate_json((tmp_path / "whole" / "settings.json").read_text()) == RECIPE
    assert load_network(str(whole)).settings == TINY.network
    assert set(curve(tmp_path / "whole")[0]) == {
        "step",
        "train_loss",
        "loss",
        "owned",
        "missed",
        "false",
        "off",
        "lost",
    }


class Parabola:
    """The training of two numbers, which takes no time: their squares are to be small."""

    loss_name = "loss"

    def build(self):
        return torch.nn.Linear(1, 1)

    def held_out(self):
        return None

    def batches(self, first, *, workers):
        yield from range(first, 20)

    def rate(self, step):
        return 1e-3

    def loss(self, net, batch, step):
        return (net.weight**2).sum() + (net.bias**2).sum()

    def scores(self, net, held_out):
        return {}

    def save(self, net, path, *, trained_steps):
        for file in self.files(net, path):
            file.write_text(str(trained_steps))

    def files(self, net, path):
        return [path, path.with_suffix(".onnx")]


def descend_parabola(out, task=None, *, steps=20, recipe=None, **options):
    settings = LoopSettings(steps=steps, checkpoint_every=5)
    return loop.train(
        task or Parabola(), settings, out, recipe=recipe or {"steps": steps}, options=RunOptions(**options)
    )


def test_no_minutes_are_one_step(tmp_path):
    told = []
    weights = descend_parabola(tmp_path, minutes=0, tell=told.append)
    assert weights.read_text() == "1"
    assert told == [1 / 20]
    assert descend_parabola(tmp_path).read_text() == "20"


def test_a_finished_training_is_not_trained_again(tmp_path, drawn_here):
    short = TINY.model_copy(update={"steps": 2, "checkpoint_every": 1})
    first = learn(tmp_path, settings=short).read_bytes()
    before = curve(tmp_path), load_file(tmp_path / "weights.safetensors")
    assert len(first) > 0
    learn(tmp_path, settings=short)
    assert curve(tmp_path) == before[0]
    assert [row["step"] for row in before[0]] == [1, 2]
    after = load_file(tmp_path / "weights.safetensors")
    assert all(torch.equal(after[name], before[1][name]) for name in after)


def test_another_seed_learns_something_else(tmp_path, drawn_here):
    one = TINY.model_copy(update={"steps": 1})
    other = one.model_copy(update={"seed": 1})
    first = learn(tmp_path / "a", settings=one)
    second = learn(tmp_path / "b", settings=other, draw=DrawBatch(other, RECIPE))
    assert not same_weights(first, second)


def test_a_folder_that_holds_another_recipe_is_refused_and_left_alone(tmp_path, drawn_here):
    learn(tmp_path, settings=TINY.model_copy(update={"steps": 1}))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    other = SlotsRecipe(train=TINY.model_copy(update={"learning_rate": 0.01}), street=RECIPE.street)
    with pytest.raises(SettingsError, match=r"other settings \(.*\); choose another folder") as refusal:
        learn(tmp_path, settings=other.train, recipe=other)
    assert str(refusal.value).startswith(f"{tmp_path}: ")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("name", ["checkpoint.part", "weights.safetensors.part", "notes.txt"])
def test_a_file_of_somebody_else_in_the_folder_of_a_training_is_left_alone(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(SettingsError, match=f"holds {name}"):
        runs.open_run(tmp_path, {"steps": 1})
    assert (tmp_path / name).read_text() == "mine"


@pytest.mark.parametrize("name", runs.RUN_FILES)
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("elsewhere")])
def test_what_is_no_file_in_the_place_of_one_of_a_training_is_refused_and_not_waited_for(tmp_path, name, make):
    make(tmp_path / name)
    with pytest.raises(SettingsError, match="cannot be replaced"):
        runs.open_run(tmp_path, {"steps": 1})


def test_what_a_killed_training_left_does_not_hold_up_the_next(tmp_path):
    (tmp_path / "settings.part-1f9c03aa.json").touch()
    runs.open_run(tmp_path, {"steps": 1})
    assert json.loads((tmp_path / "settings.json").read_text()) == {"steps": 1}


def test_a_full_disk_is_told_with_the_file_and_the_room_and_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    cell = WindowCell(TINY.network.cell)
    optimiser = torch.optim.AdamW(cell.parameters())
    runs.write_checkpoint(tmp_path, cell, optimiser, 1)
    before = (tmp_path / "checkpoint.pt").read_bytes()

    def full(path, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(
        SinkError, match=r"checkpoint.pt: cannot be written \(No space left on device\); .* MB are free"
    ):
        runs.write_checkpoint(tmp_path, cell, optimiser, 2)
    with pytest.raises(SinkError, match=r"weights.safetensors: cannot be written \(No space left on device\)"):
        save_network(cell, TINY.network, tmp_path / "weights.safetensors", trained_steps=1)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_a_loss_that_is_no_longer_finite_stops_the_run_and_names_the_step(tmp_path, drawn_here):
    wild = TINY.model_copy(update={"learning_rate": 1e20, "steps": 20, "checkpoint_every": 20})
    with pytest.raises(
        DivergedError, match=r"^training step [1-9]\d*: the two-term loss is (nan|inf); lower"
    ) as stopped:
        learn(tmp_path, settings=wild)
    assert "\n" not in str(stopped.value)
    assert not (tmp_path / "weights.safetensors").exists()


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.onnx"])
def test_a_finished_training_writes_again_what_was_moved_away(tmp_path, name):
    descend_parabola(tmp_path)
    (tmp_path / name).unlink()
    descend_parabola(tmp_path)
    assert (tmp_path / name).read_text() == "20"


class Torn(Parabola):
    """Its loss is finite at every step, its gradient is not at the 15th, after which a checkpoint is due."""

    def loss(self, net, batch, step):
        loss = super().loss(net, batch, step)
        return loss + (0 * net.weight).sum().abs().sqrt() if step == 14 else loss


@pytest.mark.parametrize("stop", [False, True], ids=["at a row", "at a stop"])
def test_a_gradient_that_is_not_finite_leaves_the_checkpoint_before(tmp_path, stop):
    asked = iter([False] * 14 + [stop] * 9)
    with pytest.raises(DivergedError, match=r"^step 15: .* lower the learning rate$"):
        descend_parabola(tmp_path, Torn(), asked_to_end=lambda: next(asked))
    assert [row["step"] for row in curve(tmp_path)] == [5, 10]
    assert (tmp_path / "weights.safetensors").read_text() == "10"
    assert descend_parabola(tmp_path).read_text() == "20"  # from the checkpoint of step 10


# --- a batch whose scores do not depend on what a network has learned ------------------------------------------------


def batch_of_two(frames=8):
    """A red and a blue square that stand on grey, each with a slot born in frame 0; and an object without a slot."""
    images = np.full((frames, 1, 40, 48, 3), 128, np.uint8)
    owners = np.zeros((frames, 1, 40, 48), np.int64)
    boxes = np.full((frames, 1, 3, 4), np.nan, np.float32)
    for k, (x, colour) in enumerate([(4, (250, 20, 20)), (28, (20, 20, 250))]):
        images[:, :, 10:26, x : x + 16] = colour
        owners[:, :, 10:26, x : x + 16] = k + 1
        boxes[:, :, k] = (x + 8, 18, 16, 16)
    owners[:, :, 34:38, 20:24] = -1
    return Batch(images, (owners != 0).astype(np.uint8) * 255, boxes, np.array([[0, 0, frames]]), owners)


@pytest.fixture
def keeper(monkeypatch):
    """A cell that keeps what it was born with, and births without jitter: exactly what the mixture's verdict shows."""
    monkeypatch.setattr(training, "BIRTH_SHIFT", 0.0)
    monkeypatch.setattr(training, "BIRTH_LOG_SCALE", 0.0)
    monkeypatch.setattr(training, "PART_BIRTHS", 0.0)
    cell = WindowCell(TINY.network.cell)
    torch.nn.init.constant_(cell.gate.bias, -50.0)
    torch.nn.init.zeros_(cell.gate.weight)
    return cell


def test_slots_that_stay_on_standing_squares_score_full_marks(keeper):
    scores = evaluate(keeper, batch_of_two(), TINY)
    assert scores["owned"] > 0.97
    assert scores["missed"] < 0.03
    assert scores["false"] < 0.02
    assert scores["off"] < 0.05
    assert scores["lost"] == 0


def test_a_slot_on_the_wrong_object_is_counted_as_stolen_and_lost(keeper):
    batch = batch_of_two()
    crossed = batch._replace(owners=np.array([0, 2, 1, -1])[batch.owners], boxes=batch.boxes.copy())
    crossed.boxes[1:, :, [0, 1]] = batch.boxes[1:, :, [1, 0]]  # born on one, which from then on is the other
    scores = evaluate(keeper, crossed, TINY)
    assert scores["owned"] < 0.02
    assert scores["missed"] < 0.03
    assert scores["lost"] == 1
    assert scores["off"] == pytest.approx(24 / 16, abs=0.05)  # in object sizes


def test_a_slot_dies_with_its_object_and_none_is_born_on_nothing(keeper):
    batch = batch_of_two()
    batch.boxes[5:, :, 0] = np.nan  # the red square has left; the last was never there
    batch.births[0, 2] = 2
    run = unroll(keeper, batch, TINY.network.pixels, generator=torch.Generator().manual_seed(0))
    alive = torch.stack(run.alive)[:, 0]
    assert alive[:, 0].tolist() == [0, 1, 1, 1, 1, 1, 0, 0]  # dead in the frame after the first without it
    assert alive[:, 1].tolist() == [0, 1, 1, 1, 1, 1, 1, 1]
    assert not alive[:, 2].any()


@pytest.mark.parametrize(("done", "wanted"), [(0, 0.01), (49, 0.5), (99, 1.0), (600, 0.505), (1200, 0.01)])
def test_the_learning_rate_warms_up_and_falls_by_a_half_cosine(done, wanted):
    settings = CellTrainSettings(steps=1200, learning_rate=1e-3)
    came = (
        scheduled_rate(settings.learning_rate, done, steps=settings.steps, warm_up_steps=training.WARM_UP_STEPS) / 1e-3
    )
    # after the warm-up: .01 + .99 (1 + cos(pi done / steps)) / 2
    exact = min(1, (done + 1) / 100) * (0.01 + 0.99 * (1 + math.cos(math.pi * done / 1200)) / 2)
    assert came == pytest.approx(exact)
    assert came == pytest.approx(wanted, rel=0.03)


def test_clips_grow_longer_where_the_curriculum_says():
    settings = CellTrainSettings(steps=100, lengths=((0.0, 6), (0.2, 10), (0.5, 16)))
    assert [length_at(settings, done) for done in (0, 19, 20, 49, 50, 100)] == [6, 6, 10, 10, 16, 16]


def test_every_cycle_of_the_rate_begins_at_half_the_last_ones_peak_and_the_first_is_a_run_of_its_own():
    rates = [scheduled_rate(1.0, done, steps=200, warm_up_steps=1, cycles=2) for done in range(200)]
    alone = [scheduled_rate(1.0, done, steps=100, warm_up_steps=1) for done in range(100)]
    assert rates[:100] == alone
    assert rates[100:] == pytest.approx([rate / 2 for rate in alone])


@pytest.mark.slow
def test_answers_come_in_the_order_of_the_questions_however_many_draw_them():
    questions = [(n, 10) for n in range(7)]
    for workers in (1, 3):
        assert list(prefetch.drawn_ahead(pow, questions, workers=workers)) == [n**10 for n in range(7)]


class Killed(Here):
    """A pool whose process has been killed: before it was asked, or while it drew."""

    asks = True

    def submit(self, function, *arguments):
        done = Future()
        done.set_exception(BrokenProcessPool("terminated abruptly"))
        return done if self.asks else done.result()


@pytest.mark.parametrize("asks", [True, False])
def test_a_killed_drawing_process_is_told_in_a_line_that_says_what_to_do(monkeypatch, asks):
    monkeypatch.setattr(Killed, "asks", asks)
    monkeypatch.setattr(prefetch, "ProcessPoolExecutor", Killed)
    with pytest.raises(TrackerError, match=r"^a process that draws .* fewer --workers, and the same command goes on$"):
        list(prefetch.drawn_ahead(pow, [(n, 10) for n in range(7)], workers=3))


def end_here(number):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_a_drawing_process_that_is_really_killed_holds_nothing_up():
    with pytest.raises(
        TrackerError, match="ended by itself, killed perhaps since memory ran out; end other programs, and the same"
    ):
        list(prefetch.drawn_ahead(end_here, [(n,) for n in range(3)]))
