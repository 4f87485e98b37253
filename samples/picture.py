"""The moving picture of the README: a drawn scene, both lanes side by side. `make picture` runs it.

Somebody walks behind a post. Lane gmm (left) gives a new identity behind it, lane slots (right) keeps the old one.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import tracker
from tracker.exports.film import gif_of, spaced_pictures
from tracker.synth import WorldOrder, save_world, stream_world

WORLD, SEED = "pillar", 1
BEGIN_S, END_S = 1.6, 8.4
"""of the clip, what is shown"""


def main(path: Path) -> None:
    """Draw, compare, and write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        save_world(stream_world(WORLD, WorldOrder(SEED)), video=clip)
        tracker.compare(clip, Path(folder) / "out", settings={"overlay.trail_frames": 60})
        frames = spaced_pictures(str(Path(folder) / "out/compare.mp4"), start_s=BEGIN_S, duration_s=END_S - BEGIN_S)
    path.write_bytes(gif_of(frames))
    print(f"{path}: {len(frames)} pictures, {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
