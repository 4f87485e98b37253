"""Arithmetic that is the same everywhere: sums in any order, functions by any library, slots in any company."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

from tracker.errors import WeightsError
from tracker.slots.cell import COARSER, FEATURES, SEEN, CellInput, SlotState, WindowCell
from tracker.slots.exact import MARGIN, SIGMOID, SIGMOID_BITS, SILU_LOW, TANH, TANH_BITS, Exact, Grid, round_layer
from tracker.slots.settings import CellSettings
from tracker.slots.state import SlotArrays, TorchCell, new_slot
from tracker.slots.weights import load_cell, load_network

EXACT = Exact()
SLOTS = 7
SAFETY = 10
"""times the error that a library has now, for libraries to come"""
NEAR = {"mask_logit": 0.15, "colour": 0.02, "hidden": 0.03, "motion": 0.05, "pose": 0.3, "velocity": 0.2}
"""largest difference in one step between the cell that is used and the one that was trained, in the units of each part"""


def points(grid: Grid) -> np.ndarray:
    return np.arange(round(grid.low * 2**grid.bits), round(grid.high * 2**grid.bits) + 1) / 2.0**grid.bits


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


FUNCTIONS = {
    "sigmoid": (sigmoid, EXACT.sigmoid, SIGMOID, SIGMOID_BITS, ["Sigmoid"]),
    "tanh": (np.tanh, EXACT.tanh, TANH, TANH_BITS, ["Tanh"]),
    "silu": (
        lambda x: x * sigmoid(x), lambda x: EXACT.silu(x, FEATURES), FEATURES._replace(low=SILU_LOW), FEATURES.bits, ["Sigmoid", "Mul"],
    ),
    "coarser silu": (
        lambda x: x * sigmoid(x), lambda x: EXACT.silu(x, COARSER), COARSER._replace(low=SILU_LOW), COARSER.bits, ["Sigmoid", "Mul"],
    ),
}  # fmt: skip


def by_onnx_runtime(operators: list[str], x: np.ndarray) -> np.ndarray:
    import onnxruntime as ort

    nodes = [helper.make_node(operators[0], ["x"], ["first"])]
    nodes += [helper.make_node(kind, ["x", "first"], ["second"]) for kind in operators[1:]]
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [len(x)])
    leaving = helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, [len(x)])
    graph = helper.make_graph(nodes, "function", [value], [leaving])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x.astype(np.float32)})[0]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_value_of_a_function_is_near_the_middle_between_two_steps(name):
    function, _, grid, bits, operators = FUNCTIONS[name]
    x = points(grid)
    value = function(x)
    steps = value * 2.0**bits
    off = np.abs(steps - np.floor(steps) - 0.5) / 2.0**bits
    assert off.min() > MARGIN
    error = np.abs(by_onnx_runtime(operators, x) - value)
    assert (off > SAFETY * error).all()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_a_table(name):
    function, exact, grid, bits, _ = FUNCTIONS[name]
    x = points(grid)
    np.testing.assert_array_equal(exact(torch.from_numpy(x).float()), np.round(function(x) * 2.0**bits) / 2.0**bits)


def test_rounding_is_to_the_nearest_step_and_to_even_between_two():
    x = torch.tensor([0.5, 1.5, 2.5, -0.5, -1.49, 300.0, -300.0]) / 8
    assert (EXACT.stored(x, Grid(3, -10.0, 20.0)) * 8).tolist() == [0, 2, 2, 0, -1, 160, -80]


def layer_and_values(seed: int) -> tuple[nn.Conv2d, nn.Conv2d, np.ndarray]:
    """A rounded layer, the same before, and the values of SEEN with which one of its outputs is as large as it can be."""
    torch.manual_seed(seed)
    before, layer = nn.Conv2d(30, 4, 3), nn.Conv2d(30, 4, 3)
    layer.load_state_dict(before.state_dict())
    round_layer(layer, SEEN, name="layer")
    weights = layer.weight.detach()[0].numpy()
    return before, layer, np.where(weights > 0, SEEN.high, SEEN.low).astype(np.float32)


def test_a_rounded_layers_sums_do_not_depend_on_their_order():
    before, layer, values = layer_and_values(0)
    products = (values * layer.weight.detach()[0].numpy()).ravel()
    wanted = products.astype(float).sum()
    rng = np.random.default_rng(0)
    sums = {float(np.cumsum(rng.permutation(products), dtype=np.float32)[-1]) for _ in range(20)}
    assert sums == {wanted}
    products = (values * before.weight.detach()[0].numpy()).ravel()
    assert len({float(np.cumsum(rng.permutation(products), dtype=np.float32)[-1]) for _ in range(20)}) > 1


def test_a_rounded_layer_uses_the_bits_that_there_are():
    before, layer, values = layer_and_values(1)
    weights = layer.weight.detach()[0].numpy()
    largest = float((values * weights).sum())
    step = float(np.gcd.reduce((weights * 2**24).astype(int).ravel())) / 2**24
    assert 2**22 < largest / (step * 2.0**-SEEN.bits) <= 2**24
    assert float((layer.weight - before.weight).detach()[0].abs().max()) <= step / 2


def test_weights_that_would_be_lost_are_refused():
    torch.manual_seed(0)
    with pytest.raises(WeightsError, match="fewer features"):
        round_layer(nn.Conv2d(4096, 1, 4), FEATURES, name="layer")


def drawn(cell: CellSettings, *, slots: int = SLOTS, seed: int = 0) -> tuple[SlotArrays, np.ndarray]:
    """Slots that have just begun, and what they see, as smooth as pictures are."""
    rng = np.random.default_rng(seed)
    side = cell.grid_px
    y, x = np.mgrid[:side, :side] / side

    def waves(*shape: int) -> np.ndarray:
        a, b, c = rng.uniform(-4, 4, (3, *shape, 1, 1))
        return (0.5 + 0.5 * np.sin(a * x + b * y + c)).astype(np.float32)

    made = [
        new_slot(cell, pose=rng.uniform(12, 60, 4).astype(np.float32), colour=waves(1, 3), mask=waves(1, 1))
        for _ in range(slots)
    ]
    state = SlotArrays(*(np.concatenate(parts) for parts in zip(*made, strict=True)))
    return state, waves(slots, 6)


def run(cell, state: SlotArrays, seen: np.ndarray, rows=slice(None)) -> SlotArrays:
    ones = np.ones(len(seen[rows]), np.float32)
    return cell(SlotArrays(*(part[rows] for part in state)), seen[rows], visible=ones, fit=ones)


def test_a_slot_is_the_same_alone_and_among_others():
    """Kernels share out sums by the number of slots; exact sums do not follow."""
    network = load_network("street")
    state, seen = drawn(network.settings.cell)
    for _ in range(3):
        together = run(network.cell, state, seen)
        for k in range(SLOTS):
            for name, whole, part in zip(
                SlotArrays._fields, together, run(network.cell, state, seen, [k]), strict=True
            ):
                np.testing.assert_array_equal(whole[[k]], part, err_msg=name)
        state = together


def test_the_cell_that_is_used_is_near_the_one_that_was_trained():
    cell, settings = load_cell("street")
    used = TorchCell(cell)
    state, seen = drawn(settings.cell)
    for _ in range(3):
        came = run(used, state, seen)
        with torch.inference_mode():
            parts = SlotState(*map(torch.from_numpy, state))
            wanted = cell(parts, CellInput.of(torch.from_numpy(seen)), torch.ones(SLOTS))
        for name, a, b in zip(SlotArrays._fields, came, wanted, strict=True):
            np.testing.assert_allclose(a, b, atol=NEAR[name], err_msg=name)
        state = came


def test_making_a_cell_exact_leaves_it_as_it_was():
    torch.manual_seed(0)
    cell = WindowCell(CellSettings(grid_px=8, features=8, hidden=3, motion=6))
    before = {name: value.clone() for name, value in cell.state_dict().items()}
    cell.exact()
    assert all(torch.equal(before[name], value) for name, value in cell.state_dict().items())
    assert type(cell.numbers).__name__ == "Floating"


def test_the_motion_vector_is_that_of_a_gated_recurrent_unit():
    torch.manual_seed(0)
    cell = WindowCell(CellSettings(grid_px=8, features=8, hidden=3, motion=6))
    entering, motion = torch.randn(5, cell.move.input_size), torch.randn(5, 6)
    torch.testing.assert_close(cell._remember(entering, motion), cell.move(entering, motion))
