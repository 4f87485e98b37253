"""How much memory clips take that run together in one process, and how many of them fit."""

from __future__ import annotations

PROCESS_MB = 420.0
"""libraries and networks, once; this and the next two are no less than what `benchmarks/packing.py` measures: docs/performance.md"""
CLIP_MB = 180.0
"""each clip: threads, mixtures, frames in queues at the width at which lanes work"""
CLIP_MB_A_MEGAPIXEL = 75.0
"""and of its pictures, with the encoder of its video"""
CARD_PROCESS_MB = 700.0
"""on a graphics card: the driver's part, libraries, networks; not measured"""
CARD_CLIP_MB = 150.0
"""one clip's picture of 288 x 512 and 24 channels and its slots, in each layer that is held; not measured"""
MOST_CLIPS = 8
"""in a process: the most that `benchmarks/packing.py` measures; their threads share one interpreter"""


def memory_mb(size: tuple[int, int], clips: int) -> float:
    """Memory of a process that runs so many clips of pictures (width, height) at once, in MB."""
    width, height = size
    return PROCESS_MB + clips * (CLIP_MB + CLIP_MB_A_MEGAPIXEL * width * height / 1e6)


def card_memory_mb(clips: int) -> float:
    """The same on a graphics card: what its networks are shown is small, however large the pictures are."""
    return CARD_PROCESS_MB + clips * CARD_CLIP_MB


def clips_that_fit(size: tuple[int, int], *, free_mb: float, card_free_mb: float | None = None) -> int:
    """How many clips of pictures (width, height) run at once in a process with so much memory, and on a card if there is one.

    1 to MOST_CLIPS: a clip alone is tried in any case, as `process` tries it.
    """
    fitting = [
        clips
        for clips in range(1, MOST_CLIPS + 1)
        if memory_mb(size, clips) <= free_mb and (card_free_mb is None or card_memory_mb(clips) <= card_free_mb)
    ]
    return max(fitting, default=1)
