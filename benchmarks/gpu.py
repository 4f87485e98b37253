"""What a GPU gains: lane slots whole, its two networks by themselves in batches, and several clips at once. Called by gpu.sh.

    python benchmarks/gpu.py --device cuda --output out-gpu

All times are wall times, medians after a warm-up; the device is waited for before the clock is read. Every part is written down as soon as
it is done. The clips are drawn here.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from lane_cost import measure
from speed import draw, environment, process_command

from tracker.foreground.features import CHANNELS
from tracker.foreground.weights import load_foreground_net
from tracker.settings import RunSettings
from tracker.slots.cell import CellInput
from tracker.slots.weights import load_cell

BATCHES = (1, 4, 16, 64)
"""pictures of the foreground network; slots of the cell"""
PICTURE = (288, 512)
"""height and width of what the foreground network is shown of a wide clip"""
LANE_SIZE, LANE_OBJECTS = (640, 360), (10, 40)
CLIP, CLIP_FRAMES = "640x360", 200
STREAMS = (1, 2, 4, 8)
REPEATS, WARM_UP = 20, 3
LONGEST_S = 20.0
"""of the repeats of one measurement"""
QUICK = {"batches": (1, 4), "streams": (1, 2), "frames": 20, "repeats": 2}

Part = dict[str, Any]


def timed_ms(call: Callable[[], object], device: str, repeats: int) -> float:
    """Median over the repeats, or over those that fit into LONGEST_S."""

    def once() -> float:
        began = time.perf_counter()
        call()
        if device == "cuda":
            torch.cuda.synchronize()
        return 1000 * (time.perf_counter() - began)

    for _ in range(min(WARM_UP, repeats)):
        once()
    times: list[float] = []
    while len(times) < repeats and sum(times) < 1000 * LONGEST_S:
        times.append(once())
    return statistics.median(times)


def lane(devices: list[str], frames: int) -> Iterator[Part]:
    """Lane slots by itself on drawn pictures."""
    for objects in LANE_OBJECTS:
        for device in devices:
            point = measure("slots", LANE_SIZE, objects, frames, device=device, clock=time.perf_counter)
            yield {
                "part": "lane slots",
                "device": device,
                "objects": objects,
                "found": point.found,
                "ms": point.median_ms,
            }


def foreground(devices: list[str], batches: tuple[int, ...], repeats: int) -> Iterator[Part]:
    """The foreground network by torch, float32, over several pictures at once."""
    settings = RunSettings().foreground
    assert settings is not None
    for device in devices:
        net = load_foreground_net(settings.weights)[0].to(device)
        for batch in batches:
            features = torch.rand(batch, CHANNELS, *PICTURE, device=device)
            with torch.inference_mode():
                ms = timed_ms(lambda net=net, features=features: net(features), device, repeats)
            yield {"part": "foreground network", "device": device, "pictures": batch, "ms": ms, "ms_each": ms / batch}


def cell(devices: list[str], batches: tuple[int, ...], repeats: int) -> Iterator[Part]:
    """The cell of the slots by torch, one step of so many slots."""
    for device in devices:
        net = load_cell(RunSettings().slots.weights)[0].to(device).eval()
        grid = net.settings.grid_px
        for batch in batches:
            colour = torch.rand(batch, 3, grid, grid, device=device)
            one = colour[:, :1]
            pose = torch.tensor([[50.0, 50.0, 20.0, 40.0]], device=device).repeat(batch, 1)
            state, sight = net.birth(pose, colour), CellInput(one, 1 - one, one, colour)
            visible = torch.ones(batch, device=device)
            with torch.inference_mode():
                ms = timed_ms(lambda net=net, given=(state, sight, visible): net(*given), device, repeats)
            yield {"part": "cell", "device": device, "slots": batch, "ms": ms, "ms_each": ms / batch}


def streams(devices: list[str], counts: tuple[int, ...], frames: int, folder: Path) -> Iterator[Part]:
    """Whole runs of lane slots, tables only, so many at once in processes of their own."""
    clip = draw(CLIP, CLIP_FRAMES, folder)
    for device in devices:
        for count in counts:
            began = time.perf_counter()
            running = [
                subprocess.Popen(_run(clip, folder / f"{device}-{n}.mp4", device, frames), env=environment())
                for n in range(count)
            ]
            codes = [process.wait() for process in running]
            wall_s = time.perf_counter() - began
            if any(codes):
                sys.exit(f"{count} clips at once on {device}: exit codes {codes}")
            done = count * min(frames, CLIP_FRAMES)
            yield {
                "part": "clips at once, start included",
                "device": device,
                "clips": count,
                "wall_s": wall_s,
                "fps": done / wall_s,
            }
    yield agreement(folder, devices)


def _run(clip: Path, output: Path, device: str, frames: int) -> list[str]:
    command = process_command(str(clip), str(output), lanes="slots", frames=str(frames))
    return [sys.executable, *command, "--device", device, "--no-video"]


def agreement(folder: Path, devices: list[str]) -> Part:
    """Rows of the MOT table that the devices have in common, over all: the networks' numbers differ in the last bits."""
    tables = [set((folder / f"{device}-0.slots.mot.txt").read_text().splitlines()) for device in devices]
    return {
        "part": "the same rows in the table",
        "devices": devices,
        "share": len(set.intersection(*tables)) / max(1, len(set.union(*tables))),
    }


def machine(device: str) -> Part:
    name = torch.cuda.get_device_name() if device == "cuda" else "none"
    return {
        "part": "machine",
        "gpu": name,
        "cpus": os.cpu_count(),
        "cpu": platform.processor() or platform.machine(),
        "torch": torch.__version__,
    }


def parts(asked: argparse.Namespace, folder: Path) -> Iterator[Part]:
    quick = QUICK if asked.quick else {}
    batches, frames = quick.get("batches", BATCHES), quick.get("frames", CLIP_FRAMES)
    devices = list(dict.fromkeys([asked.device, "cpu"]))
    yield machine(asked.device)
    yield from lane(devices, frames)
    yield from foreground(devices, batches, quick.get("repeats", REPEATS))
    yield from cell(devices, batches, quick.get("repeats", REPEATS))
    yield from streams(devices, quick.get("streams", STREAMS), frames, folder)


def told(part: Part) -> str:
    cells = [f"{name} {value:.3f}" if isinstance(value, float) else f"{name} {value}" for name, value in part.items()]
    return ", ".join(cells).removeprefix("part ")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--output", type=Path, default=Path("out-gpu"), metavar="DIR")
    parser.add_argument("--quick", action="store_true", help="a trial of the script: a minute, figures of no worth")
    asked = parser.parse_args()
    if asked.device == "cuda" and not torch.cuda.is_available():
        sys.exit("no CUDA device here; --device cpu (DEVICE=cpu) tries the script")
    asked.output.mkdir(parents=True, exist_ok=True)
    found: list[Part] = []
    with tempfile.TemporaryDirectory() as folder:
        for part in parts(asked, Path(folder)):
            found.append(part)
            print(told(part), flush=True)
            (asked.output / "gpu.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
            (asked.output / "gpu.txt").write_text("\n".join(map(told, found)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
