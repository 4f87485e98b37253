"""Weights files: what was written comes back, and whatever else comes is refused in one line that names it."""

import hashlib
import json
import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file

from tracker.errors import WeightsError
from tracker.learning.nets import HEADER
from tracker.learning.weights import SHIPPED, find_weights
from tracker.slots.cell import WindowCell
from tracker.slots.settings import CellSettings, MixtureModelSettings, NetworkSettings
from tracker.slots.weights import FORMAT, load_cell, load_network, save_network

TINY = NetworkSettings(
    cell=CellSettings(grid_px=8, features=8, hidden=3, motion=6),
    pixels=MixtureModelSettings(colour_sigma=0.2, hidden_below=0.3),
)


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "tiny.safetensors"
    save_network(WindowCell(TINY.cell), TINY, path, trained_steps=7)
    return path


def rewrite(path, *, tensors=None, **header):
    """The same file with other tensors or other lines in its header."""
    about = {"format": FORMAT, "network": TINY.model_dump(mode="json"), **header}
    save_file(tensors or load_file(path), path, {HEADER: json.dumps(about)})


def headed(path, text):
    """The same file with this text for its header."""
    save_file(load_file(path), path, {HEADER: text})


def without_last(path):
    tensors = load_file(path)
    del tensors["step_out.bias"]
    rewrite(path, tensors=tensors)


def with_another(path):
    rewrite(path, tensors={**load_file(path), "more": torch.zeros(2)})


def of_another_size(path):
    larger = NetworkSettings(cell=CellSettings(grid_px=12, features=8, hidden=3, motion=6))
    rewrite(path, network=larger.model_dump(mode="json"))


def test_what_was_saved_is_loaded(weights):
    torch.manual_seed(0)
    cell = WindowCell(TINY.cell)
    network = load_network(str(weights))
    assert network.settings == TINY
    assert network.digest == hashlib.sha256(weights.read_bytes()).hexdigest()
    loaded = load_cell(str(weights))[0].state_dict()
    assert loaded.keys() == cell.state_dict().keys()
    for name, value in cell.state_dict().items():
        assert torch.equal(loaded[name], value), name


def test_nothing_is_left_beside_a_weights_file(weights):
    assert sorted(path.name for path in weights.parent.iterdir()) == ["tiny.onnx", "tiny.safetensors"]


def test_saving_what_was_loaded_changes_no_number(weights, tmp_path):
    again = tmp_path / "again.safetensors"
    save_network(load_cell(str(weights))[0], TINY, again, trained_steps=7)
    assert load_network(str(again)).settings == TINY
    first, second = load_file(weights), load_file(again)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_name_finds_a_shipped_network_before_a_path():
    shipped = sorted(SHIPPED.glob("*.safetensors"))
    if not shipped:
        pytest.skip("no weights in this checkout")
    assert find_weights(shipped[0].stem) == shipped[0]
    cell, _ = load_cell("street")
    assert all(bool(torch.isfinite(value).all()) for value in cell.state_dict().values())


def test_settings_of_a_variant_that_was_removed_are_read_where_they_do_not_ask_for_it(weights):
    about = TINY.model_dump(mode="json")
    about["cell"] |= {"state": "grid", "relations": 0}  # as in files of former versions
    rewrite(weights, network=about)
    assert load_network(str(weights)).settings == TINY


def of_a_variant(**changes):
    about = TINY.model_dump(mode="json")
    about["cell"] |= changes
    return lambda path: rewrite(path, network=about)


BROKEN = {
    "missing": (lambda path: path.unlink(), "no such weights file"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "no such weights file"),
    "empty": (lambda path: path.write_bytes(b""), "not a whole safetensors file"),
    "cut short": (lambda path: path.write_bytes(path.read_bytes()[:-100]), "not a whole safetensors file"),
    "cut in its header": (lambda path: path.write_bytes(path.read_bytes()[:50]), "not a whole safetensors file"),
    "text": (lambda path: path.write_text("these are no weights\nnot at all\n"), "not a whole safetensors file"),
    "a pickle": (lambda path: path.write_bytes(pickle.dumps({"cell": [1.0, 2.0]})), "not a whole safetensors file"),
    "a torch file": (lambda path: torch.save({"cell": torch.zeros(3)}, path), "not a whole safetensors file"),
    "another version": (lambda path: rewrite(path, format="rnnem-window-0"), "rnnem-window-0, wanted rnnem-window-1"),
    "another program's": (lambda path: save_file(load_file(path), path), "no format name"),
    "a header that is no JSON": (lambda path: headed(path, "{}}"), "not a whole safetensors file"),
    "unknown settings": (lambda path: rewrite(path, network={"cells": 3}), "do not fit together"),
    "no settings": (lambda path: headed(path, json.dumps({"format": FORMAT})), "do not fit together"),
    "a vector state": (of_a_variant(state="vector"), "state=vector, which was removed"),
    "relations": (of_a_variant(state="grid", relations=8), "relations=8, which was removed"),
    "an odd variant": (of_a_variant(state=["x"] * 900), "which was removed"),
    "a tensor short": (without_last, "do not fit together"),
    "a tensor too many": (with_another, "do not fit together"),
    "tensors of another size": (of_another_size, "do not fit together"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_file_that_is_no_network_is_refused_in_one_line_that_names_it(weights, what):
    spoil, complaint = BROKEN[what]
    spoil(weights)
    with pytest.raises(WeightsError) as refusal:
        load_network(str(weights))
    message = str(refusal.value)
    assert message.startswith(f"{weights}: ")
    assert complaint in message
    assert "\n" not in message
    assert "; " in message  # what to do
