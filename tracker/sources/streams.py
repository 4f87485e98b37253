"""Which video of a container is read, where there are several."""

from __future__ import annotations

from typing import Any

from tracker.errors import SourceError

DEFAULT = 0x1
"""FFmpeg's flag of a stream that its container names as the one to be shown."""
NO_CLIP = 0x400 | 0x800 | 0x100000
"""FFmpeg's flags of a cover picture, of thumbnails, and of a still image."""


def choose_stream(container: Any, *, origin: str) -> tuple[Any, tuple[str, ...]]:
    """The video stream of an open container that is read, and a note on those left out if there are others.

    What moves comes before a single picture, then the larger, then the container's default, then the first. The default
    does not come first, since MP4 calls its first stream so unless it was told otherwise. Covers and thumbnails are
    never read and not told.

    Raises SourceError naming `origin` if nothing can be read.
    """
    streams = [stream for stream in container.streams.video if not _disposition(stream) & NO_CLIP]
    if not streams:
        kind = "only sound" if container.streams.audio else "nothing to see"
        raise SourceError(f"{origin}: there is {kind} in it; a video is needed")
    readable = [stream for stream in streams if stream.codec_context is not None]
    if not readable:
        raise SourceError(f"{origin}: its video has a codec that cannot be read; convert it to H.264")
    chosen = max(readable, key=_rank)  # the first of equals
    others = [_described(stream) for stream in streams if stream is not chosen]
    return chosen, (f"{_described(chosen)} is read; left out: {', '.join(others)}",) if others else ()


def _rank(stream: Any) -> tuple[bool, int, bool]:
    codec = stream.codec_context
    return not _is_still(stream), codec.width * codec.height, bool(_disposition(stream) & DEFAULT)


def _is_still(stream: Any) -> bool:
    """One picture, such as a cover that is not called so."""
    if stream.frames:
        return bool(stream.frames == 1)
    fps, said = stream.average_rate, stream.metadata.get("DURATION", "")
    if stream.duration:
        duration_s = float(stream.duration * stream.time_base)
    else:
        duration_s = clock_seconds(said)
    return bool(fps) and duration_s > 0 and duration_s * float(fps) < 2


def clock_seconds(clock: str) -> float:
    """Seconds of a Matroska duration, 00:01:02.500000000; 0 where it is none."""
    total = 0.0
    try:
        for part in clock.split(":"):
            total = total * 60 + float(part)
    except ValueError:
        return 0.0
    return total


def _disposition(stream: Any) -> int:
    return int(getattr(stream, "disposition", 0))


def _described(stream: Any) -> str:
    """Stream 1 (h264, 640x480), counted from 0 as FFmpeg does."""
    codec = stream.codec_context
    return f"stream {stream.index}" + (f" ({codec.name}, {codec.width}x{codec.height})" if codec is not None else "")
