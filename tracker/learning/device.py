"""Where the networks run."""

from __future__ import annotations

import ctypes.util
import os

from tracker.errors import SettingsError


def choose_device(name: str) -> str:
    """`auto` to cuda where there is a graphics card of NVIDIA, else cpu; any other name as it is.

    Torch, which takes a second to load, is asked only where a card may be used. On a Mac, mps runs where it is asked for: such
    small networks are no faster there.

    Raises SettingsError if that device is not there.
    """
    if name == "cpu" or (name == "auto" and not _has_nvidia_driver()):
        return "cpu"
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return "cuda" if there["cuda"] else "cpu"
    if not there.get(name, False):
        raise SettingsError(f"--device {name}: not found on this machine; use --device cpu")
    return name


def _has_nvidia_driver() -> bool:
    return ctypes.util.find_library("nvcuda" if os.name == "nt" else "cuda") is not None
