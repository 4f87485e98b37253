"""What a recording was asked to be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SEGMENT_S = 600.0
"""ten minutes: short enough to look through and to delete, long enough that a week is a thousand files"""
MIN_FREE_BYTES = 500_000_000
"""left on the disk for everything else"""
BEFORE_S, AFTER_S = 3.0, 5.0
"""around what moves"""


@dataclass(frozen=True)
class RecordPlan:
    """Where a recording goes, how it is cut, and what may be deleted for it. Nothing is deleted where no `keep` is given."""

    folder: Path
    segment_s: float | None = SEGMENT_S
    segment_bytes: int | None = None
    """a segment ends at the first key frame after either"""
    keep_s: float | None = None
    keep_bytes: int | None = None
    """the oldest segments of the folder go, once they are older than the one, or all take more than the other"""
    min_free_bytes: int = MIN_FREE_BYTES
    """room on the disk below which nothing is recorded"""
    events: bool = False
    """only while something moves"""
    before_s: float = BEFORE_S
    after_s: float = AFTER_S
