"""Weights files and checkpoints that are damaged or hostile: one line that names the file, little memory, nothing executed."""

import contextlib
import json
import os
import pickle
import random
import shutil
import struct

import pytest
import torch
from safetensors.torch import load_file, save_file

from tracker.errors import WeightsError
from tracker.foreground.net import ForegroundNet
from tracker.foreground.settings import ForegroundNetSettings
from tracker.foreground.weights import FORMAT as GROUND_FORMAT
from tracker.foreground.weights import load_foreground, save_foreground
from tracker.learning.nets import HEADER
from tracker.learning.run import read_checkpoint, write_checkpoint
from tracker.papers.cells import build_cell
from tracker.papers.settings import ExperimentSettings, NetSettings
from tracker.papers.weights import FORMAT as PAPERS_FORMAT
from tracker.papers.weights import load_cell, save_cell
from tracker.slots.cell import WindowCell
from tracker.slots.settings import CellSettings, NetworkSettings
from tracker.slots.weights import FORMAT, load_network, save_network

CELL = NetworkSettings(cell=CellSettings(grid_px=8, features=8, hidden=3, motion=6))
GROUND = ForegroundNetSettings(features=(4, 6, 8))
PAPERS = ExperimentSettings(net=NetSettings(cell="nem", hidden=5))

KINDS = {
    "cell": (
        lambda path: save_network(WindowCell(CELL.cell), CELL, path, trained_steps=1),
        lambda path: load_network(str(path)),
        {"format": FORMAT, "network": CELL.model_dump(mode="json")},
    ),
    "ground": (
        lambda path: save_foreground(ForegroundNet(GROUND), GROUND, path, trained_steps=1),
        lambda path: load_foreground(str(path)),
        {"format": GROUND_FORMAT, "network": GROUND.model_dump(mode="json")},
    ),
    "papers": (
        lambda path: save_cell(build_cell(PAPERS), PAPERS, path, updates=3),
        lambda path: load_cell(path, device=torch.device("cpu")),
        {"format": PAPERS_FORMAT, "experiment": PAPERS.model_dump(mode="json"), "updates": 3},
    ),
}


def changed(change):
    """Damage by another value of one tensor."""

    def spoil(path, about):
        tensors = load_file(path)
        name = max(tensors, key=lambda name: tensors[name].numel())
        save_file({**tensors, name: change(tensors[name])}, path, {HEADER: json.dumps(about)})

    return spoil


def headed(text):
    def spoil(path, about):
        save_file(load_file(path), path, {HEADER: text(about) if callable(text) else text})

    return spoil


def with_number(number):
    def change(tensor):
        tensor = tensor.clone()
        tensor.view(-1)[-1] = number
        return tensor

    return change


def absurd(about):
    """Settings far beyond all bounds."""
    return (
        json.dumps(about)
        .replace(": 8", ": 1000000000")
        .replace(": 5,", ": 1000000000,")
        .replace("[4, 6, 8]", "[512, 512, 512]")
    )


def within_bounds_but_huge(about):
    """Settings that are allowed, of a network of gigabytes, beside the small network's tensors."""
    large = {"grid_px": 96, "features": 512, "hidden": 512, "motion": 4096}
    text = json.loads(json.dumps(about))
    text.get("network", {}).get("cell", {}).update(large)
    if "features" in text.get("network", {}):
        text["network"]["features"] = [512, 512, 512]
    if "experiment" in text:
        text["experiment"]["net"]["hidden"] = 65_536
    return json.dumps(text)


def first_bytes(content):
    def spoil(path, about):
        path.write_bytes(content + path.read_bytes()[len(content) :])

    return spoil


def sparse(path, about):
    os.truncate(path, 2**31)


DAMAGE = {
    "NaN": changed(with_number(float("nan"))),
    "infinity": changed(with_number(float("-inf"))),
    "whole numbers": changed(lambda tensor: torch.zeros_like(tensor, dtype=torch.int64)),
    "complex numbers": changed(lambda tensor: tensor.to(torch.complex64)),
    "another shape": changed(lambda tensor: tensor.reshape(-1)),
    "a list for a header": headed("[]"),
    "a number for a header": headed("3"),
    "null for a header": headed("null"),
    "a text for a header": headed('"text"'),
    "a deep header": headed("[" * 50_000 + "]" * 50_000),
    "a format that is a list": headed('{"format": [1, 2]}'),
    "a long format": headed(json.dumps({"format": "x" * 50_000})),
    "a list for settings": headed(lambda about: json.dumps({**about, "network": [], "experiment": []})),
    "absurd settings": headed(absurd),
    "settings of a huge network": headed(within_bounds_but_huge),
    "a huge header length": first_bytes(struct.pack("<Q", 2**63 - 1)),
    "a header length of 50 MB": first_bytes(struct.pack("<Q", 50_000_000)),
    "a file of 2 GiB": sparse,
    "a pickle that would run": lambda path, about: path.write_bytes(pickle.dumps(Bomb(path))),
}


class Bomb:
    """Unpickled, it makes a file."""

    def __init__(self, path):
        self.mark = str(path) + ".exploded"

    def __reduce__(self):
        return open, (self.mark, "w")


@pytest.fixture(scope="module", params=KINDS)
def written(request, tmp_path_factory):
    """A folder with a file that loads, one for all tests of a kind: writing it takes longer than any test."""
    torch.manual_seed(0)
    save, load, about = KINDS[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    save(folder / "net.safetensors")
    load(folder / "net.safetensors")
    return folder, load, about


@pytest.fixture
def kind(written, tmp_path):
    folder, load, about = written
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    return tmp_path / "net.safetensors", load, about


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_file_is_refused_in_one_line_that_names_it(kind, what):
    path, load, about = kind
    DAMAGE[what](path, about)
    with pytest.raises(WeightsError) as caught:
        load(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    assert len(line) < 500
    assert not list(path.parent.glob("*.exploded"))


@pytest.mark.parametrize("updates", [None, [], -1, "3", 1.5])
def test_papers_weights_that_do_not_say_their_updates_are_refused(tmp_path, updates):
    save, load, about = KINDS["papers"]
    path = tmp_path / "net.safetensors"
    save(path)
    headed(json.dumps({**about, "updates": updates}))(path, about)
    with pytest.raises(WeightsError, match="how many updates"):
        load(path)


def test_bytes_changed_at_random_load_or_are_refused(kind):
    path, load, _ = kind
    whole, rng = path.read_bytes(), random.Random(3)
    for _ in range(60):
        content = bytearray(whole)
        for _ in range(rng.choice((1, 1, 5, 50))):
            content[rng.randrange(min(len(content), rng.choice((8, 200, 10**9))))] = rng.randrange(256)
        path.write_bytes(content[: rng.choice((len(content), rng.randrange(len(content))))])
        with contextlib.suppress(WeightsError):
            load(path)


# Checkpoints of a training


@pytest.fixture
def run(tmp_path):
    net = torch.nn.Linear(3, 2)
    optimiser = torch.optim.Adam(net.parameters())
    write_checkpoint(tmp_path, net, optimiser, 7)
    assert read_checkpoint(tmp_path, net, optimiser, device="cpu").done == 7
    return tmp_path, net, optimiser


def saved(**changes):
    def spoil(path):
        torch.save({**torch.load(path, weights_only=True), **changes}, path)

    return spoil


CHECKPOINTS = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-300]),
    "text": lambda path: path.write_text("no checkpoint\n"),
    "a list": lambda path: torch.save([1, 2], path),
    "a tensor": lambda path: torch.save(torch.zeros(3), path),
    "no steps": saved(done=None),
    "negative steps": saved(done=-1),
    "steps that are no number": saved(done=float("nan")),
    "no cell": saved(cell=None),
    "a cell of text": saved(cell={"weight": "x"}),
    "another cell": saved(cell={"weight": torch.zeros(9)}),
    "a cell that is not finite": saved(cell={"weight": torch.full((2, 3), torch.nan), "bias": torch.zeros(2)}),
    "no optimiser": saved(optimiser=[]),
    "another optimiser": saved(optimiser={"state": {}, "param_groups": []}),
    "a pickle that would run": lambda path: torch.save({"cell": Bomb(path)}, path),
    "a bare pickle that would run": lambda path: path.write_bytes(pickle.dumps(Bomb(path))),
}


@pytest.mark.parametrize("what", CHECKPOINTS)
def test_a_damaged_checkpoint_is_refused_in_one_line_and_runs_nothing(run, what):
    folder, net, optimiser = run
    CHECKPOINTS[what](folder / "checkpoint.pt")
    with pytest.raises(WeightsError) as caught:
        read_checkpoint(folder, net, optimiser, device="cpu")
    assert str(caught.value).startswith(f"{folder / 'checkpoint.pt'}: ")
    assert not list(folder.glob("*.exploded"))
