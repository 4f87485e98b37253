"""kill -9 at random moments of every command: is what is left readable, and does the next run say what it found?

python benchmarks/kills.py              30 kills of each command
python benchmarks/kills.py --kills 5 process train
python benchmarks/kills.py resume       runs with checkpoints, gone on with until they end: are their tables those of an unkilled one?
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import av
import cv2
import torch

LIMIT_S = 300
MOST_RESUMED = 20
"""kills of one run; then the next begins anew"""
RECIPE = """
kind: slots
train:
  {steps: 6, batch: 1, slots: 2, checkpoint_every: 1, lengths: [[0.0, 3]],
   network: {cell: {grid_px: 8, features: 4, hidden: 2, motion: 8}}}
street: {width: 64, height: 48, frames: 12}
"""


def commands(clip: Path, folder: Path, recipe: Path) -> dict[str, list[str]]:
    quick = ["--set", "prescan_frames=8"]
    return {
        "process": ["process", str(clip), "-o", str(folder / "o.mp4"), "--masks", "rle", *quick],
        "compare": ["compare", str(clip), "-o", str(folder), "--lanes", "gmm,knn", *quick],
        "webcam": ["webcam", str(clip), "--no-show", "--record", str(folder / "o.mp4"), "--lanes", "gmm", *quick],
        "synth": ["synth", "street", "-o", str(folder / "o.mp4"), "--truth", str(folder / "t"), "--size", "96x72"],
        "evaluate": ["evaluate", str(clip.parent), "--lanes", "gmm", "-o", str(folder / "o.json"), *quick],
        "train": ["train", str(recipe), "--out", str(folder / "run")],
        "paper": ["paper", "shapes", "--quick", "--minutes", "0.2", "--clips", "4", "--out", str(folder / "run")],
    }


def start(arguments: list[str]) -> subprocess.Popen[str]:
    asked = [sys.executable, "-m", "tracker", *arguments]
    return subprocess.Popen(
        asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]
    )


def unreadable(folder: Path) -> list[str]:
    """What a person could not open of what lies there."""
    return [f"{path.name}: {why}" for path in sorted(folder.rglob("*")) if path.is_file() and (why := fault(path))]


def fault(path: Path) -> str | None:
    check = CHECKS.get(path.suffix)
    try:
        return check(path) if check else None
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:100]


def plays(path: Path) -> str | None:
    with av.open(str(path)) as container:
        return None if sum(1 for _ in container.decode(video=0)) else "no frame"


def whole_lines(path: Path) -> str | None:
    text = path.read_text(encoding="utf-8")
    return None if not text or text.endswith("\n") else "the last line is cut"


def every_line(path: Path) -> str | None:
    for line in path.read_text(encoding="utf-8").splitlines():
        json.loads(line)
    return whole_lines(path)


CHECKS: dict[str, Callable[[Path], str | None]] = {
    ".mp4": plays,
    ".csv": whole_lines,
    ".txt": whole_lines,
    ".jsonl": every_line,
    ".json": lambda path: json.loads(path.read_text(encoding="utf-8")) and None,
    ".png": lambda path: None if cv2.imread(str(path)) is not None else "no picture",
    ".pt": lambda path: torch.load(path, weights_only=True) and None,
}


def kill_often(name: str, arguments: list[str], folder: Path, kills: int, rng: random.Random) -> Counter[str]:
    """Kill the command at moments spread over its length, each time after what the one before left; then let it end."""
    began = time.monotonic()
    start(arguments).communicate(timeout=LIMIT_S)
    length_s = time.monotonic() - began
    clear(folder)
    found: Counter[str] = Counter()
    for _ in range(kills):
        process = start([*arguments, *(["--overwrite"] if name not in ("train", "paper") else [])])
        left = any(folder.rglob("*.part-*.lock"))
        time.sleep(rng.uniform(0.05, 1.05) * length_s)
        process.kill()
        _, said = process.communicate(timeout=LIMIT_S)
        found["killed" if process.returncode < 0 else "ended before"] += 1
        if left and "kept as" in said:
            found["told what was found"] += 1
        faults = unreadable(folder)
        found["unreadable"] += len(faults)
        for line in faults:
            print(f"  {name}: {line}")
    done = start([*arguments, *(["--overwrite"] if name not in ("train", "paper") else [])])
    _, said = done.communicate(timeout=LIMIT_S)
    found["last run failed"] += done.returncode != 0
    found["files kept"] = sum(".recovered-" in path.name for path in folder.rglob("*"))
    found["part files after it"] = sum(".part-" in path.name for path in folder.rglob("*"))
    if done.returncode:
        print(f"  {name}: {said}")
    return found


def resume_often(arguments: list[str], folder: Path, kills: int, rng: random.Random) -> Counter[str]:
    """Kill a run at moments spread over its length, on from its checkpoint each time, until it ends; are its tables an unkilled one's?"""
    began = time.monotonic()
    start(arguments).communicate(timeout=LIMIT_S)
    length_s = time.monotonic() - began
    whole = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".csv", ".txt", ".jsonl")}
    found: Counter[str] = Counter()
    while found["killed"] < kills:
        clear(folder)
        for _ in range(MOST_RESUMED):
            process = start([*arguments, "--checkpoint", "1s", "--resume"])
            with suppress(subprocess.TimeoutExpired):
                process.wait(rng.uniform(0.2, 1.1) * length_s)
            process.kill()
            _, said = process.communicate(timeout=LIMIT_S)
            found["went on"] += "going on from" in said
            if process.returncode >= 0:
                break
            found["killed"] += 1
        found["ended"] += process.returncode == 0
        found["failed"] += process.returncode > 0
        if process.returncode > 0:
            print(f"  resume: {said}")
        same = process.returncode or all((folder / name).read_bytes() == content for name, content in whole.items())
        found["tables differ"] += not same
        found["unreadable"] += len(unreadable(folder)) if process.returncode == 0 else 0
        found["left behind"] += process.returncode == 0 and any(
            ".part-" in path.name or "checkpoint" in path.name for path in folder.iterdir()
        )
    return found


def clear(folder: Path) -> None:
    subprocess.run(["rm", "-rf", str(folder)], check=True)
    folder.mkdir()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rng = random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as place:
        data, folder, recipe = Path(place) / "data", Path(place) / "out", Path(place) / "tiny.yaml"
        data.mkdir()
        folder.mkdir()
        recipe.write_text(RECIPE)
        clip = data / "clip.mp4"
        start(
            ["synth", "street", "-o", str(clip), "--truth", str(data / "truth"), "--frames", "250", "--size", "160x120"]
        ).communicate()
        (data / "truth" / "gt.txt").rename(data / "gt.txt")
        for name, arguments in commands(clip, folder, recipe).items():
            if not asked.names or name in asked.names:
                clear(folder)
                found = kill_often(name, arguments, folder, asked.kills, rng)
                print(f"{name:9} " + ", ".join(f"{what} {count}" for what, count in found.items()), flush=True)
        if not asked.names or "resume" in asked.names:
            clear(folder)
            found = resume_often(commands(clip, folder, recipe)["process"], folder, asked.kills, rng)
            print("resume    " + ", ".join(f"{what} {count}" for what, count in found.items()), flush=True)


if __name__ == "__main__":
    main()
