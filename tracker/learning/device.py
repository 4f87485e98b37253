"""Where the networks run."""

from __future__ import annotations

from tracker.errors import SettingsError
from tracker.inference import check_torch


def choose_device(name: str) -> str:
    """`auto` to cpu; any other name as it is.

    No card was measured to be faster than ONNX Runtime on the processor, which gives the same answer on every machine. `tracker
    doctor` measures the card of a machine; `benchmarks/gpu.sh` does it at length.

    Raises SettingsError if that device is not there, MissingExtraError without torch, which runs all but cpu.
    """
    if name in ("cpu", "auto"):
        return "cpu"
    check_torch(f"--device {name}", "torch")
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(name, False):
        raise SettingsError(f"--device {name}: not found on this machine; use --device cpu")
    return name
