"""How right is each lane on drawn streets that nothing was chosen on? Seeds 90000900 to 90000905, scored by `tracker evaluate`.

    python benchmarks/accuracy.py                             held-apart streets, whose grounds no network has seen
    python benchmarks/accuracy.py --seeds 900-905             those of the older tables of docs/benchmarks.md
    python benchmarks/accuracy.py --seeds 500-505             the streets that settings were chosen on
    python benchmarks/accuracy.py -- --lanes gmm --set linker.merge_growth=1e9 -o plain.json

What follows -- goes to `tracker evaluate`, which also scores clips of your own.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tracker.cli import cli
from tracker.synth import WorldOrder, save_world, stream_world


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="90000900-90000905")
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("more", nargs="*", help="for tracker evaluate")
    asked = parser.parse_args()
    first, last = (int(v) for v in asked.seeds.split("-"))
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first, last + 1):
            world = stream_world("street", WorldOrder(seed, frames=asked.frames))
            name = Path(folder) / "streets" / f"street{seed}"
            save_world(world, video=name.with_suffix(".mp4"), truth=name.with_suffix(".truth"))
        cli(["evaluate", str(Path(folder) / "streets"), *asked.more])


if __name__ == "__main__":
    main()
