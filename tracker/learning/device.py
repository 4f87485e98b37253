"""Where the networks run."""

from __future__ import annotations

from tracker.errors import SettingsError
from tracker.inference import check_torch, is_torch_installed


def choose_device(name: str) -> str:
    """`auto` to cpu; any other name as it is.

    No card was measured to be faster than ONNX Runtime on the processor, which gives the same answer on every machine. `tracker
    doctor` measures the card of a machine; `benchmarks/gpu.sh` does it at length.

    Raises SettingsError if that device is not there, MissingExtraError without torch, which runs all but cpu.
    """
    if name in ("cpu", "auto"):
        return "cpu"
    check_torch(f"--device {name}", "torch")
    if name not in cards():
        raise SettingsError(f"--device {name}: not found on this machine; use --device cpu")
    return name


def card_free_mb(device: str) -> float | None:
    """Free memory of the card that a setting `device` names, in MB; None where it names none whose memory is known."""
    if device != "cuda" or "cuda" not in cards():
        return None
    import torch

    return float(torch.cuda.mem_get_info()[0] / 1e6)


def cards() -> list[str]:
    """The devices beside the processor that torch can use here; none where torch is not installed."""
    if not is_torch_installed():
        return []
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return [name for name, is_there in there.items() if is_there]
