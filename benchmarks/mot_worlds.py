"""How right are the lanes on MNIST-MOT and Sprites-MOT? Seeds that nothing was chosen on, scored by `tracker evaluate`.

    python benchmarks/mot_worlds.py                                          sprites-mot, seed 100, 10,000 frames
    python benchmarks/mot_worlds.py --world mnist-mot --digits FOLDER        FOLDER holds MNIST's idx files
    python benchmarks/mot_worlds.py --seeds 0-9 --frames 300                 what configs/mot-sprites.yaml was chosen on
    python benchmarks/mot_worlds.py --plain -- --lanes gmm -o scores.json    settings as they are by default

Without --digits the digits are scikit-learn's. What follows -- goes to `tracker evaluate`. --keep DIR keeps the clips.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tracker.cli import cli
from tracker.synth import WorldOrder, save_world, stream_world

CONFIGS = Path(__file__).parent.parent / "configs"
CONFIG = {"mnist-mot": CONFIGS / "mot-mnist.yaml", "sprites-mot": CONFIGS / "mot-sprites.yaml"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world", choices=sorted(CONFIG), default="sprites-mot")
    parser.add_argument("--seeds", default="100-100")
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--digits", type=Path)
    parser.add_argument("--crf", type=int)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--plain", action="store_true", help="the settings as they are by default, without the prescan")
    parser.add_argument("more", nargs="*", help="for tracker evaluate")
    asked = parser.parse_args()
    first, last = (int(v) for v in asked.seeds.split("-"))
    settings = ["--set", "prescan_frames=0"] if asked.plain else ["-c", str(CONFIG[asked.world])]
    with tempfile.TemporaryDirectory() as folder:
        clips = (asked.keep or Path(folder)) / asked.world
        for seed in range(first, last + 1):
            name = clips / f"seed{seed}"
            if not name.with_suffix(".mp4").exists():
                drawn = stream_world(asked.world, WorldOrder(seed, asked.frames, digits=asked.digits))
                save_world(drawn, video=name.with_suffix(".mp4"), truth=name.with_suffix(".truth"), crf=asked.crf)
        cli(["evaluate", str(clips), *settings, *asked.more])


if __name__ == "__main__":
    main()
