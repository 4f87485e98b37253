"""The foreground network as an ONNX graph of whole numbers, which ONNX Runtime runs.

    y = clip(round((sum_i w_i (x_i - zero_x) + b) 2^e_x s / 2^e_y) + zero_y, 0, 255)

The sum is in 32-bit whole numbers; w, b and the scale s are those of an output channel.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tracker.foreground.features import CHANNELS, UNITS, ZERO
from tracker.foreground.net import ForegroundNet, Steps, entering_units, rounded_weight
from tracker.foreground.unet import unet
from tracker.learning.run import written_whole

OPSET = 17
MICROSOFT = "com.microsoft"
"""ONNX Runtime's own operators: sums and means of whole numbers"""
INPUT = Steps(int(np.log2(UNITS.min())), ZERO)
"""of the features; channels whose unit is larger have their weights multiplied instead"""

MOST_BIAS = 2**30
"""of a channel's bias in steps, which leaves as much of 32 bits to its sum: weights so small that it would have more, as those of a
channel that learned nothing, are rounded to coarser steps, 2^-30 of the bias"""


def write_foreground_graph(net: ForegroundNet, path: Path, *, about: dict[str, str]) -> None:
    """Write the graph of a calibrated network, whole or not at all.

    about  what the file says of itself, beside the steps of its answer
    """
    graph = _Graph(net)
    logits = unet(graph, _Value("features", INPUT))
    model = graph.model(logits)
    steps = {"exponent": str(logits.steps.exponent), "zero": str(logits.steps.zero)}
    helper.set_model_props(model, about | steps)
    with written_whole(path) as part:
        part.write_bytes(model.SerializeToString(deterministic=True))


class _Value(NamedTuple):
    """A tensor (1, C, H, W) uint8 of the graph."""

    name: str
    steps: Steps


class _Graph:
    """`unet.Operations` that write nodes."""

    def __init__(self, net: ForegroundNet) -> None:
        self.net = net
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, NDArray[np.generic]] = {}

    def conv(self, name: str, x: _Value) -> _Value:
        return self._convolved(name, x, f"{name}.conv", padding=1)

    def linear(self, name: str, x: _Value) -> _Value:
        return self._convolved(name, x, f"{name}.linear", padding=0)

    def add(self, name: str, x: _Value, y: _Value) -> _Value:
        inputs = [*self._stored(x), *self._stored(y)]
        return self._node("QLinearAdd", inputs, f"{name}.add", domain=MICROSOFT)

    def mean(self, name: str, x: _Value) -> _Value:
        return self._node(
            "QLinearGlobalAveragePool", self._stored(x), f"{name}.mean", domain=MICROSOFT, channels_last=0
        )

    def twice(self, x: _Value) -> _Value:
        scales = self._constant("twice", np.array([1, 1, 2, 2], np.float32))
        output = f"{x.name}.twice"
        node = helper.make_node(
            "Resize", [x.name, "", scales], [output],
            mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor",
        )  # fmt: skip
        self.nodes.append(node)
        return _Value(output, x.steps)

    def unfold(self, x: _Value) -> _Value:
        self.nodes.append(helper.make_node("DepthToSpace", [x.name], ["logits"], blocksize=2, mode="CRD"))
        return _Value("logits", x.steps)

    def model(self, logits: _Value) -> onnx.ModelProto:
        """The whole graph."""
        shape: list[int | str | None] = [1, CHANNELS, "height", "width"]
        entering = helper.make_tensor_value_info("features", TensorProto.UINT8, shape)
        leaving = helper.make_tensor_value_info(logits.name, TensorProto.UINT8, [1, 1, "height", "width"])
        constants = [numpy_helper.from_array(value, name) for name, value in self.constants.items()]
        graph = helper.make_graph(self.nodes, "foreground", [entering], [leaving], constants)
        domains = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=domains, ir_version=8, producer_name="rnnem-tracker")

    def _convolved(self, layer: str, x: _Value, value: str, *, padding: int) -> _Value:
        weight, bias, stride = self.net.layer(layer)
        least = (bias.abs() / (MOST_BIAS * x.steps.unit)).detach()
        whole, scale = rounded_weight((weight * entering_units(layer, weight)).detach(), least)
        scales = scale.numpy().astype(np.float32)
        unit = scales.astype(np.float64) * x.steps.unit
        inputs = [
            *self._stored(x),
            self._constant(f"{layer}.weight", whole.numpy().astype(np.int8)),
            self._constant(f"{layer}.scale", scales),
            self._constant(f"{layer}.zero", np.zeros(len(scales), np.int8)),
            *self._steps(value),
            self._constant(f"{layer}.bias", np.round(bias.detach().double().numpy() / unit).astype(np.int32)),
        ]
        self.nodes.append(
            helper.make_node("QLinearConv", inputs, [value], pads=[padding] * 4, strides=[stride, stride])
        )
        return _Value(value, self.net.steps_of(value))

    def _node(self, kind: str, inputs: list[str], value: str, **options: Any) -> _Value:
        self.nodes.append(helper.make_node(kind, [*inputs, *self._steps(value)], [value], **options))
        return _Value(value, self.net.steps_of(value))

    def _stored(self, x: _Value) -> list[str]:
        """The tensor, its unit and its zero."""
        return [x.name, *self._unit_and_zero(x.name, x.steps)]

    def _steps(self, value: str) -> list[str]:
        return self._unit_and_zero(value, self.net.steps_of(value))

    def _unit_and_zero(self, name: str, steps: Steps) -> list[str]:
        return [
            self._constant(f"{name}.unit", np.array(steps.unit, np.float32)),
            self._constant(f"{name}.stored_zero", np.array(steps.zero, np.uint8)),
        ]

    def _constant(self, name: str, value: NDArray[np.generic]) -> str:
        self.constants[name] = value
        return name
