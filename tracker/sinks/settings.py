"""How a video is encoded."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tracker.types import Settings


class VideoSettings(Settings):
    """H.264 in fragmented MP4."""

    preset: Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow"] = "veryfast"
    """x264's trade of time for size"""
    crf: int = Field(23, ge=0, le=51)
    """x264's constant quality: lower is better and larger"""
    keyframe_s: float = Field(1.5, ge=0.01, le=3600)
    """seconds of video between key frames, to which players seek"""
    queue_frames: int = Field(4, ge=1, le=256)
    """pictures that may wait for the encoder before the run waits for it"""
