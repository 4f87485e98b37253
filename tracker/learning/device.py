"""Where the network runs."""

from __future__ import annotations

import torch

from tracker.errors import SettingsError


def choose_device(name: str) -> str:
    """`auto` to cuda, else mps, else cpu; any other name as it is.

    Raises SettingsError if that device is not there.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return next(device for device, found in there.items() if found)
    if not there.get(name, False):
        raise SettingsError(f"--device {name}: not found on this machine; use --device cpu")
    return name
