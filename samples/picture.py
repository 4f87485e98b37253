"""The moving picture of the README: a drawn scene, both lanes side by side. `make picture` runs it.

Somebody walks behind a post. Lane gmm (left) gives a new identity behind it, lane slots (right) keeps the old one.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import av
import numpy as np
from PIL import Image

import tracker
from tracker.synth import Order, save_world, stream_world

WORLD, SEED = "pillar", 1
BEGIN_S, END_S, EVERY = 1.6, 8.4, 3
"""seconds of the clip that are shown, and every how many-th frame: 8 a second"""
WIDTH, COLOURS = 880, 192
STILL_LEVELS = 7
"""grey levels from the frame before below which a pixel keeps its colour: the drawn camera's noise would be most of the file"""


def shown_frames(video: Path) -> list[np.ndarray]:
    """(h, w, 3) the frames of the overlay that are shown."""
    with av.open(str(video)) as container:
        frames = [frame.to_image() for frame in container.decode(video=0) if BEGIN_S <= (frame.time or 0) < END_S]
    return [
        np.asarray(image.resize((WIDTH, round(image.height * WIDTH / image.width)), Image.Resampling.LANCZOS))
        for image in frames[::EVERY]
    ]


def calmed(frames: list[np.ndarray]) -> list[np.ndarray]:
    """The frames, in which a pixel stays as it was where it hardly changes."""
    kept = [frames[0]]
    for frame in frames[1:]:
        moved = np.abs(frame.astype(int) - kept[-1]).max(axis=2, keepdims=True) > STILL_LEVELS
        kept.append(np.where(moved, frame, kept[-1]))
    return kept


def main(path: Path) -> None:
    """Draw, compare, and write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        save_world(stream_world(WORLD, Order(SEED)), video=clip)
        tracker.compare(clip, Path(folder) / "out", settings={"overlay.trail_frames": 60})
        frames = calmed(shown_frames(Path(folder) / "out/compare.mp4"))
    palette = Image.fromarray(np.concatenate(frames[::8])).quantize(
        COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
    )  # identities have strong colours and few pixels: the usual method would leave them out
    drawn = [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    drawn[0].save(path, save_all=True, append_images=drawn[1:], duration=1000 * EVERY // 25, loop=0, optimize=True)
    print(f"{path}: {len(drawn)} frames, {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
