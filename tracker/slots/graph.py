"""The cell as an ONNX graph, which ONNX Runtime runs."""

from __future__ import annotations

import warnings
from pathlib import Path

import onnx
import torch
from onnx import helper
from torch import Tensor, nn

from tracker.learning.run import written_whole
from tracker.slots.cell import CellInput, SlotState, WindowCell
from tracker.slots.state import SlotArrays

OPSET = 17
BLOCK = 16
"""channels that ONNX Runtime's faster convolutions take at a time; for 30 it has a slower one only"""
EXAMPLE_SLOTS = 2
"""in the inputs by which the graph is traced; it takes any number"""


def write_cell_graph(cell: WindowCell, path: Path, *, about: dict[str, str]) -> None:
    """Write the graph of a cell, whole or not at all.

    about  what the file says of itself
    """
    inputs = ["seen", "visible", "fit", *SlotArrays._fields]
    outputs = [f"next_{name}" for name in SlotArrays._fields]
    exact = cell.exact()
    exact.enter = _in_whole_blocks(exact.enter)
    with written_whole(path) as part, warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # torch's newer exporter takes five seconds, and three more libraries, for the same graph
        torch.onnx.export(
            _Flat(exact).eval(), _example(cell), str(part), dynamo=False, opset_version=OPSET,
            input_names=inputs, output_names=outputs, dynamic_axes={name: {0: "slots"} for name in inputs + outputs},
        )  # fmt: skip
        model = onnx.load(str(part))
        helper.set_model_props(model, about)
        part.write_bytes(model.SerializeToString(deterministic=True))


def _in_whole_blocks(layer: nn.Conv2d) -> nn.Conv2d:
    """The same layer, which ignores as many more channels as fill up a block."""
    blank = torch.zeros(layer.out_channels, -layer.in_channels % BLOCK, *layer.kernel_size)
    filled = nn.Conv2d(layer.in_channels + blank.shape[1], layer.out_channels, layer.kernel_size, padding=layer.padding)  # type: ignore[arg-type]
    filled.weight = nn.Parameter(torch.cat([layer.weight.detach(), blank], 1))
    filled.bias = layer.bias
    return filled


class _Flat(nn.Module):
    """The cell with arrays in and out."""

    def __init__(self, cell: WindowCell) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, seen: Tensor, visible: Tensor, fit: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.cell(SlotState(*state), CellInput.of(seen), visible, fit))


def _example(cell: WindowCell) -> tuple[Tensor, ...]:
    n, size = EXAMPLE_SLOTS, cell.settings.grid_px
    pose = torch.tensor([[20.0, 20.0, 10.0, 20.0]]).repeat(n, 1)
    state = cell.birth(pose, torch.zeros(n, 3, size, size))
    state = state._replace(mask_logit=state.mask_logit.contiguous())
    return torch.zeros(n, 6, size, size), torch.ones(n), torch.ones(n), *state
