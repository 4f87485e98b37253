"""Did a change of the code leave the output as it was? A list of SHA-256 of every table, event file and mask.

python benchmarks/same_output.py > before.txt              drawn clips, all lanes
python benchmarks/same_output.py clip.mp4 ... > before.txt  these clips too
python benchmarks/same_output.py --against before.txt       says what differs; exit code 1 if anything does

Lists are compared on one machine: another processor rounds otherwise. `--tracker` runs another checkout's.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parents[1]
LANES = "gmm,slots,knn"
SITUATIONS = ("crossing", "group", "stop", "pillar", "shadow", "low-contrast")
STREETS = {
    "street-1": ("--seed", "1", "--frames", "150"),
    "street-2": ("--seed", "2", "--frames", "150", "--size", "640x480"),
}
DEMO = {"demo": ("--seed", "7", "--frames", "300")}
RIGID = {"mnist-mot": "mot-mnist.yaml", "sprites-mot": "mot-sprites.yaml"}


def run(checkout: Path, *arguments: str | Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    asked = [sys.executable, "-m", "tracker", *map(str, arguments), "-q"]
    done = subprocess.run(asked, env=environment, cwd=checkout, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(asked)}: {done.stderr}")


def draw(checkout: Path, world: str, clip: Path, *options: str) -> Path:
    run(checkout, "synth", world, "-o", clip, *options)
    return clip


def jobs(checkout: Path, folder: Path, clips: list[Path]) -> Iterator[tuple[str, Path, tuple[str | Path, ...]]]:
    """Name, clip and options of every run."""
    both = "--lanes", LANES
    for name in SITUATIONS:
        yield name, draw(checkout, name, folder / f"{name}.mp4"), both
    for name, options in {**STREETS, **DEMO}.items():
        yield name, draw(checkout, "street", folder / f"{name}.mp4", *options), both
    yield "street-1 without prescan", folder / "street-1.mp4", (*both, "--set", "prescan_frames=0")
    yield "street-1 by the mixture", folder / "street-1.mp4", ("--lanes", "slots", "--set", "foreground=null")
    for name, config in RIGID.items():
        clip = draw(checkout, name, folder / f"{name}.mp4", "--frames", "60")
        yield name, clip, ("--lanes", "rigid", "--config", checkout / "configs" / config)
    for clip in clips:
        yield str(clip), clip, both


def digests(folder: Path) -> Iterator[tuple[str, str]]:
    """Name and SHA-256 of every file but the summary, which has times in it."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.endswith("summary.json"):
            yield str(path.relative_to(folder)), hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("--only", metavar="TEXT", default="", help="runs with that in their name")
    parser.add_argument("--against", type=Path, metavar="LIST", help="an earlier list")
    parser.add_argument("--tracker", type=Path, default=HERE, metavar="CHECKOUT", help="whose program runs")
    asked = parser.parse_args()
    checkout = asked.tracker.absolute()
    found: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name, clip, options in jobs(checkout, folder, [clip.absolute() for clip in asked.clips]):
            if asked.only not in name:
                continue
            out = folder / f"out {len(found)}"
            out.mkdir()
            run(checkout, "process", clip, "-o", out / "o.mp4", "--no-video", "--masks", "rle", *options)
            for file, digest in digests(out):
                found[f"{name} {file}"] = digest
                if not asked.against:
                    print(f"{digest}  {name} {file}", flush=True)
    if asked.against:
        before = dict(line.split("  ", 1)[::-1] for line in asked.against.read_text().splitlines())
        before = {name: digest for name, digest in before.items() if asked.only in name}
        differ = [name for name in before | found if before.get(name) != found.get(name)]
        print("\n".join(differ) or f"all {len(found)} files are the same")
        sys.exit(bool(differ))


if __name__ == "__main__":
    main()
