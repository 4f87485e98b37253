"""Numbers of 16 bits where a chip is faster with them, and only there."""

from __future__ import annotations

from functools import cache

import torch

PROCESSORS = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")
"""having bfloat16 as `torch.cpu.get_capabilities` calls it, of x86 and Arm"""
OLDER = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
"""what a torch without that function is asked, of x86 alone"""


@cache
def multiplies_bfloat16(device: str) -> bool:
    """Whether the chips of a kind of device (cpu, cuda, mps) multiply bfloat16: cards do, of processors those that say so.

    A processor without it needs six to thirty times as long as with float32: one with AVX2 alone 39 s for a test of 5 s, and 27 s
    instead of 0.8 s to make the update of the balls' network orthogonal.
    """
    if device != "cpu":
        return True
    if hasattr(torch.cpu, "get_capabilities"):
        can = torch.cpu.get_capabilities()
        return any(can.get(name) for name in PROCESSORS)
    return any(getattr(torch.cpu, name, bool)() for name in OLDER)


def mixed_precision(device: str | torch.device, *, wanted: bool) -> torch.autocast:
    """A context that multiplies in bfloat16, where it is wanted and the chip has it; else in float32."""
    kind = torch.device(device).type
    return torch.autocast(kind, torch.bfloat16, enabled=wanted and multiplies_bfloat16(kind))
