"""One update of the weights, eager or as a captured CUDA graph.

A step of these networks is thousands of small kernels, and a GPU spends its time waiting for their launches; a graph launches
them all at once.
"""

from __future__ import annotations

import copy
import sys
from typing import Protocol

import torch
from torch import Tensor, nn

from tracker.learning.group import ALONE, Group
from tracker.learning.loop import descend
from tracker.learning.precision import mixed_precision
from tracker.papers.cells import Cell
from tracker.papers.settings import EmSettings, PaperTrainSettings
from tracker.papers.unroll import Inputs, unroll, unrolled_loss

WARM_UPS = 3
"""eager updates before a capture, as PyTorch's manual asks: libraries choose and load their kernels then"""


class Update(Protocol):
    """Makes one update and returns the loss before it, () on the device, without waiting for it."""

    def __call__(self, inputs: Inputs) -> Tensor: ...


class EagerUpdate:
    """Forward, backward and Adam, kernel by kernel; fused: the cell's kernels joined by torch.compile, fewer and larger."""

    def __init__(
        self,
        cell: Cell,
        optimiser: torch.optim.Optimizer,
        em: EmSettings,
        train: PaperTrainSettings,
        *,
        fused: bool = False,
        group: Group = ALONE,
    ) -> None:
        self.cell, self.optimiser, self.train = cell, optimiser, train
        self.loss = group.averaging(_Loss(cell, em, mixed=train.bfloat16, fused=fused))

    def __call__(self, inputs: Inputs) -> Tensor:
        loss: Tensor = self.loss(inputs)
        descend(loss, self.cell, self.optimiser, clip_norm=self.train.clip_norm)
        return loss.detach()


class _Loss(nn.Module):
    """The loss of an unrolling as a module: one forward pass for each backward pass, as DistributedDataParallel wants it."""

    def __init__(self, cell: Cell, em: EmSettings, *, mixed: bool, fused: bool) -> None:
        super().__init__()
        self.cell, self.em, self.mixed, self.fused = cell, em, mixed, fused
        self.unrolled: Cell = torch.compile(cell, dynamic=False) if fused else cell  # type: ignore[assignment]

    def forward(self, inputs: Inputs) -> Tensor:
        """() the loss of a batch."""
        state = self.cell.start(*inputs.gamma.shape[:2])
        if self.fused:  # the first step like all others, or it would be compiled once more
            inputs, state = inputs._replace(gamma=inputs.gamma.detach().requires_grad_()), state.requires_grad_()
        with mixed_precision(inputs.frames.device, wanted=self.mixed):
            run = unroll(self.unrolled, inputs, self.em, state=state, last_alone=not self.em.all_steps)
        return unrolled_loss(run, inputs.frames, self.em).total


class GraphUpdate:
    """The same update, captured once and replayed on new inputs of the same shapes.

    Weights and Adam's state are after the constructor what they were before. The optimiser must be capturable, with its learning
    rate a tensor on the device; whoever loads a state into it makes a new GraphUpdate.
    """

    def __init__(self, eager: EagerUpdate, example: Inputs) -> None:
        self.inputs = Inputs(*(torch.empty_like(x, memory_format=torch.contiguous_format).copy_(x) for x in example))
        weights = copy.deepcopy(eager.cell.state_dict())
        state = copy.deepcopy(eager.optimiser.state_dict())["state"]
        try:
            side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(WARM_UPS):
                    eager(self.inputs)
            torch.cuda.current_stream().wait_stream(side)
            torch.cuda.synchronize()
            eager.optimiser.zero_grad(set_to_none=True)
            torch.cuda.empty_cache()
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph):
                self.loss = eager(self.inputs)
        finally:
            _restore(eager, weights, state)

    def __call__(self, inputs: Inputs) -> Tensor:
        for mine, new in zip(self.inputs, inputs, strict=True):
            mine.copy_(new)
        self.graph.replay()
        return self.loss.clone()  # the next replay writes over it


def _restore(eager: EagerUpdate, weights: dict[str, Tensor], state: dict[int, dict[str, Tensor]]) -> None:
    """Undo the warm-up in place: the captured graph knows these tensors by their addresses."""
    eager.cell.load_state_dict(weights)
    parameters = [p for group in eager.optimiser.param_groups for p in group["params"]]
    for number, parameter in enumerate(parameters):
        for name, value in eager.optimiser.state[parameter].items():
            if number in state:
                value.copy_(state[number][name])
            else:
                value.zero_()


def make_update(
    cell: Cell,
    optimiser: torch.optim.Optimizer,
    em: EmSettings,
    train: PaperTrainSettings,
    example: Inputs,
    *,
    graph: bool,
    fused: bool,
    group: Group = ALONE,
) -> Update:
    """The captured update where it is asked for and can be had, fused if that can be had too, else the eager one.

    Several processes update eagerly: their exchange of gradients is in no graph. Says on stderr what could not be had.
    """
    if group.size > 1:
        return EagerUpdate(cell, optimiser, em, train, group=group)
    ways = [fuse for fuse in (True, False) if fused or not fuse] if graph else []
    for fuse in ways:
        try:
            return GraphUpdate(EagerUpdate(cell, optimiser, em, train, fused=fuse), example)
        except Exception as error:
            what = "fused CUDA graph" if fuse else "CUDA graph"
            print(f"no {what}, going on without ({type(error).__name__}: {error})"[:500], file=sys.stderr, flush=True)
    return EagerUpdate(cell, optimiser, em, train)
