"""The processes that train one network together, as torchrun starts them: each computes its part of every batch.

    torchrun --nproc-per-node 2 -m tracker train street

Gradients are averaged by DistributedDataParallel, over gloo on the processor and nccl on cards. The first process alone writes
files and talks. All processes see one folder of the run. Imports no torch before there is a group.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from tracker.errors import SettingsError, TrackerError

if TYPE_CHECKING:
    from torch import Tensor, nn

WAIT = timedelta(hours=12)
"""for another process: the first one evaluates, or tests a whole network, while the others wait"""
NEEDED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""environment variables that torchrun sets"""

Value = TypeVar("Value")


@dataclass(frozen=True)
class Group:
    """The processes that train one network, and which of them this one is."""

    number: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes files and talks."""
        return self.number == 0

    def part(self, count: int) -> slice:
        """The consecutive entries of `count`, a multiple of the size, that are this process's."""
        share = count // self.size
        return slice(self.number * share, (self.number + 1) * share)

    def check_divides(self, batch: int) -> None:
        """Raises SettingsError where a batch cannot be shared out in equal parts, whose mean is the mean of the whole."""
        if batch % self.size:
            raise SettingsError(
                f"train.batch = {batch}: {self.size} processes cannot share it equally; start a number that divides it, or change it"
            )

    def total(self, values: Tensor) -> Tensor:
        """The sum over the processes, which all call this; `values` itself where there is one."""
        if self.size == 1:
            return values
        import torch.distributed as dist

        summed = values.detach().clone()
        dist.all_reduce(summed)
        return summed

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in one of the processes, which all call this."""
        if self.size == 1:
            return flag
        import torch

        return bool(self.total(torch.tensor(float(flag))) > 0)

    def shared(self, value: Value, *, of: int = 0) -> Value:
        """What process `of` gives; all of them call this."""
        if self.size == 1:
            return value
        import torch.distributed as dist

        box = [value if self.number == of else None]
        dist.broadcast_object_list(box, src=of)
        return box[0]  # type: ignore[return-value]

    def joined(self, values: Tensor) -> Tensor:
        """The parts (n, ...) of all processes, in order: (size * n, ...)."""
        if self.size == 1:
            return values
        import torch
        import torch.distributed as dist

        parts = [torch.empty_like(values, memory_format=torch.contiguous_format) for _ in range(self.size)]
        dist.all_gather(parts, values.contiguous())
        return torch.cat(parts)

    def averaging(self, module: nn.Module) -> nn.Module:
        """The module, whose gradients are after a backward pass the means over the processes."""
        if self.size == 1:
            return module
        from torch.nn.parallel import DistributedDataParallel

        # parameters without a gradient, as in one process: a slot that was just born has used none
        return DistributedDataParallel(module, find_unused_parameters=True)


ALONE = Group()


def started() -> Group:
    """This process among those that torchrun started, by its environment; ALONE without torchrun."""
    size = os.environ.get("WORLD_SIZE", "1")
    if not all(name in os.environ for name in NEEDED) or size == "1":
        return ALONE
    try:
        return Group(int(os.environ["RANK"]), int(size))
    except ValueError:
        raise SettingsError(
            f"RANK = {os.environ['RANK']}, WORLD_SIZE = {size}: wanted whole numbers; start with torchrun"
        ) from None


@contextmanager
def training_group(device: str) -> Iterator[Group]:
    """Join the processes that torchrun started; ALONE without torchrun.

    device  cpu or cuda, of which each process of a machine takes a card of its own

    Raises SettingsError for another device, or with fewer cards than processes; TrackerError in those that were left waiting
    where another one ended.
    """
    group = started()
    if group.size == 1:
        yield group
        return
    import torch.distributed as dist

    _take_device(device)
    dist.init_process_group("cpu:gloo,cuda:nccl" if device == "cuda" else "gloo", timeout=WAIT)
    try:
        yield group
    except KeyboardInterrupt:  # in all of them, after one step
        dist.destroy_process_group()
        raise
    except RuntimeError as error:
        if isinstance(error, dist.DistError) or "gloo" in str(error).lower() or "nccl" in str(error).lower():
            raise TrackerError(
                f"process {group.number} of {group.size}: another one ended; see its message, and start all of them again"
            ) from error
        raise
    dist.destroy_process_group()  # not after an error, where it could wait for others that never come: the end of the process does it


def _take_device(device: str) -> None:
    """The card of this process. Raises SettingsError."""
    if device == "cpu":
        return
    if device != "cuda":
        raise SettingsError(f"--device {device}: several processes train on cpu or cuda; start one without torchrun")
    import torch

    here, cards = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if here >= cards:
        raise SettingsError(f"--device cuda: {cards} cards here, for process {here + 1}; give --nproc-per-node {cards}")
    torch.cuda.set_device(here)
