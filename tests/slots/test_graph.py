"""The cell's graph, which runs on the CPU, against the cell that was trained."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tracker.learning.weights import digest_of
from tracker.slots.cell import WindowCell
from tracker.slots.graph import write_cell_graph
from tracker.slots.settings import CellSettings, NetworkSettings
from tracker.slots.state import GraphCell, SlotArrays, TorchCell, new_slot, no_slots
from tracker.slots.weights import FORMAT, load_cell, load_network, save_network

SETTINGS = NetworkSettings(cell=CellSettings(grid_px=12, features=8, hidden=4, motion=8))


def state(slots: int, cell: CellSettings, *, seed: int = 0) -> SlotArrays:
    rng = np.random.default_rng(seed)
    parts = [rng.normal(0, 1, (slots, *part.shape[1:])).astype(np.float32) for part in no_slots(cell)]
    made = SlotArrays(*parts)
    made.pose[:] = rng.uniform(10, 60, (slots, 4))
    return made


def step(run, slots: int, cell: CellSettings) -> SlotArrays:
    rng = np.random.default_rng(1)
    seen = rng.random((slots, 6, cell.grid_px, cell.grid_px), np.float32)
    visible, fit = (np.arange(slots) % n > 0 for n in (3, 2))
    return run(state(slots, cell), seen, visible=visible.astype(np.float32), fit=fit.astype(np.float32))


@pytest.mark.parametrize("slots", [1, 2, 7])
def test_the_graph_makes_the_step_of_the_trained_cell(slots, tmp_path):
    torch.manual_seed(0)
    cell = WindowCell(SETTINGS.cell)
    save_network(cell, SETTINGS, tmp_path / "net.safetensors", trained_steps=1)
    network = load_network(str(tmp_path / "net.safetensors"))
    assert isinstance(network.cell, GraphCell)
    assert network.settings == SETTINGS
    for name, came, wanted in zip(
        SlotArrays._fields,
        step(network.cell, slots, SETTINGS.cell),
        step(TorchCell(cell), slots, SETTINGS.cell),
        strict=True,
    ):
        np.testing.assert_array_equal(came, wanted, err_msg=name)


def test_a_graph_of_the_same_weights_in_other_numbers_is_not_taken(tmp_path):
    path = tmp_path / "net.safetensors"
    cell = WindowCell(SETTINGS.cell)
    save_network(cell, SETTINGS, path, trained_steps=1)
    write_cell_graph(cell, path.with_suffix(".onnx"), about={"format": FORMAT, "source": digest_of(path)})
    assert isinstance(load_network(str(path)).cell, TorchCell)


def test_the_shipped_graph_is_that_of_the_shipped_weights():
    network = load_network("street")
    assert isinstance(network.cell, GraphCell)
    by_torch = TorchCell(load_cell("street")[0])
    for came, wanted in zip(
        step(network.cell, 5, network.settings.cell), step(by_torch, 5, network.settings.cell), strict=True
    ):
        np.testing.assert_array_equal(came, wanted)


def test_a_new_slot_is_that_of_the_trained_cell():
    rng = np.random.default_rng(0)
    pose, colour, mask = (rng.random(shape, np.float32) for shape in ((4,), (1, 3, 12, 12), (1, 1, 12, 12)))
    wanted = WindowCell(SETTINGS.cell).birth(
        torch.from_numpy(pose)[None], torch.from_numpy(colour), torch.from_numpy(mask)
    )
    for came, value in zip(new_slot(SETTINGS.cell, pose=pose, colour=colour, mask=mask), wanted, strict=True):
        np.testing.assert_allclose(came, value.numpy(), atol=1e-5)


def test_the_same_step_is_the_same_to_the_last_bit():
    network = load_network("street")
    first, second = (step(network.cell, 6, network.settings.cell) for _ in range(2))
    assert all((a == b).all() for a, b in zip(first, second, strict=True))
