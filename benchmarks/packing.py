"""What several clips in one process gain: lane slots on 1, 2, 4 and 8 of them, whose networks compute in batches.

    python benchmarks/packing.py --device cuda --output out-gpu

Each number of clips has a process of its own, which first runs one clip that is not counted: libraries and the card are then ready.
Wall times, tables only, no video. Written to packing.json and packing.txt. `same` says whether the tables are those of a clip alone, byte
for byte.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from speed import draw, environment

from tracker.jobs import Job, process, process_together
from tracker.networks import SharedNetworks
from tracker.opencv_threads import one_opencv_thread
from tracker.settings import RunSettings, load_settings

COUNTS = (1, 2, 4, 8)
CLIPS = 8
"""that are run at each count, so many at once"""
SIZE, FRAMES = "640x360", 200
QUICK = {"counts": (1, 2), "clips": 2, "frames": 12}
MB = 1e6

Row = dict[str, Any]


def settings_on(device: str, lanes: str) -> RunSettings:
    return load_settings(overrides=[f"lanes=[{lanes}]", f"device={device}"])


def measured(
    clip: Path, together: int, clips: int, frames: int, device: str, lanes: str, folder: Path, wait_s: float
) -> Row:
    """So many clips, `together` at once, in this process."""
    settings, networks = settings_on(device, lanes), SharedNetworks()
    job = Job(str(clip), folder / "warm" / "0.mp4", video=False, max_frames=frames)
    with one_opencv_thread():
        process(job, settings, networks=networks)
        alone = tables(folder / "warm", 0, lanes)
        networks = SharedNetworks(clips=together, wait_s=wait_s)
        jobs = [replace(job, output=folder / "clips" / f"{n}.mp4") for n in range(clips)]
        wall, cpu = time.perf_counter(), time.process_time()
        for first in range(0, clips, together):
            for result in process_together(jobs[first : first + together], settings, networks=networks):
                if isinstance(result, Exception):
                    raise result
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {
        "part": "clips in one process", "device": device, "lanes": lanes, "together": together, "clips": clips, "frames": frames,
        "wait_ms": 1000 * wait_s,
        "clips_a_s": clips / wall, "fps": clips * frames / wall, "cpu_s_a_clip": cpu / clips,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MB, **card(device),
        "mean_batch": mean_batches(networks), "same": all(tables(folder / "clips", n, lanes) == alone for n in range(clips)),
    }  # fmt: skip


def tables(folder: Path, number: int, lanes: str) -> str:
    """A digest of a run's tables."""
    made = hashlib.sha256()
    for lane in lanes.split(","):
        for ending in ("csv", "mot.txt", "events.jsonl"):
            made.update((folder / f"{number}.{lane}.{ending}").read_bytes())
    return made.hexdigest()


def mean_batches(networks: SharedNetworks) -> dict[str, float]:
    """Calls that were computed at once, on average, by network."""
    calls = {f"foreground {name}": network.calls for (name, _), (network, _) in networks._foregrounds.items()}
    calls |= {f"cell {name}": network.cell.calls for (name, _), network in networks._cells.items()}
    return {
        name: sum(size * count for size, count in each.sizes.items()) / max(1, sum(each.sizes.values()))
        for name, each in calls.items()
    }


def card(device: str) -> Row:
    """Most memory that torch held on the card."""
    if device != "cuda":
        return {}
    import torch

    return {"card_mb": torch.cuda.max_memory_reserved() / MB}


def told(row: Row) -> str:
    batches = ", ".join(f"{name} {mean:.2f}" for name, mean in row["mean_batch"].items())
    memory = f"{row['memory_mb']:.0f} MB" + (f", card {row['card_mb']:.0f} MB" if "card_mb" in row else "")
    head = f"{row['device']}, {row['together']} at once, wait {row['wait_ms']:.0f} ms"
    return (
        f"{head}: {row['clips_a_s']:.3f} clips/s, {row['fps']:.1f} frames/s, CPU {row['cpu_s_a_clip']:.2f} s a clip, {memory}; "
        f"mean batch: {batches}; same tables: {row['same']}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--output", type=Path, default=Path("out-gpu"), metavar="DIR")
    parser.add_argument("--lanes", default="slots")
    parser.add_argument("--size", default=SIZE, metavar="WxH")
    parser.add_argument("--quick", action="store_true", help="a trial of the script: figures of no worth")
    parser.add_argument(
        "--wait-ms", default="0,10", help="how long a call waits for those of other clips, each in turn"
    )
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    quick = QUICK if asked.quick else {"counts": COUNTS, "clips": CLIPS, "frames": FRAMES}
    if asked.one:
        clip, count, folder, wait_ms = json.loads(asked.one)
        clips, frames = quick["clips"], quick["frames"]
        row = measured(
            Path(clip), count, clips, frames, asked.device, asked.lanes, Path(folder), wait_s=float(wait_ms) / 1000
        )
        print(json.dumps(row))
        return
    asked.output.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        clip = draw(asked.size, FRAMES, Path(folder))
        for count, wait_ms in product(quick["counts"], asked.wait_ms.split(",")):
            if count == 1 and float(wait_ms) > 0:
                continue  # for nobody
            one = json.dumps([str(clip), count, str(Path(folder) / f"{count}-{wait_ms}"), wait_ms])
            command = [sys.executable, __file__, *sys.argv[1:], "--one", one]
            done = subprocess.run(command, env=environment(), stdout=subprocess.PIPE, text=True, check=True)
            rows.append(json.loads(done.stdout.splitlines()[-1]))
            print(told(rows[-1]), flush=True)
            (asked.output / "packing.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
            (asked.output / "packing.txt").write_text("\n".join(map(told, rows)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
