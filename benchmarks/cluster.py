"""Does a batch on a cluster come to what it comes to here, whatever dies? And what does Ray cost?

    python benchmarks/cluster.py                          60 drawn clips, three nodes on this machine
    python benchmarks/cluster.py --clips 12 --frames 10
    python benchmarks/cluster.py --cost --rounds 3        Ray beside the pool, without anything that dies

The clips are first done by the local engine. Then a cluster of three nodes of one core each does them: when a quarter is done a node
is killed, when half is done the driver is killed (kill -9) and started again with the same words. Every file of every clip has to be
there, equal by checksum to the local engine's. Of summaries the times are left out (`TIMES`), of the folder what tells of the batch
and not of a clip (`OF_THE_BATCH`). `--cost` runs both engines with as many workers, in turns, on an idle machine, and tells the ratio of wall
times, with and without Ray's start.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tracker.synth import Order, save_world, stream_world

ROOT = Path(__file__).parents[1]
TIMES = ("fps", "ms_per_frame", "once_s")
"""fields of a summary, at any depth under `lanes` too, that tell how long it took"""
OF_THE_BATCH = ("report", "batch", "tracks", "events", ".")
"""beginnings of names in the folder that are not of a clip"""
SIZE = (96, 64)
PATIENCE_S = 300
"""for any one thing that has to happen"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--frames", type=int, default=20, help="of each clip")
    parser.add_argument("--lanes", default="gmm")
    parser.add_argument("--cost", action="store_true", help="the ratio of wall times instead")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        draw(folder / "clips", asked.clips, asked.frames)
        if asked.cost:
            print(json.dumps(cost(folder, asked.lanes, asked.rounds), indent=2))
        else:
            print(json.dumps(show(folder, asked.lanes), indent=2))


def draw(folder: Path, clips: int, frames: int) -> None:
    """Streets of one seed each."""
    folder.mkdir(parents=True)
    for seed in range(clips):
        world = stream_world("street", Order(1000 + seed, frames, SIZE, 3))
        save_world(world, video=folder / f"clip-{seed:03}.mp4")


def show(
    folder: Path, lanes: str, *, tell: Callable[[str], None] = lambda line: print(line, file=sys.stderr)
) -> dict[str, Any]:
    """The clips of folder/clips here and on a cluster whose node and driver are killed; what came of it."""
    here, there = folder / "local", folder / "ray"
    wait_for(begin(folder, here, lanes, "--engine", "local", "--jobs", "2"))
    clips = len(list((folder / "clips").iterdir()))
    tell(f"local engine: {finished(here)} of {clips} clips")
    with three_nodes() as (cluster, nodes):
        more = ("--engine", "ray", "--address", cluster.address)
        driver = begin(folder, there, lanes, *more)
        until(lambda: finished(there) >= clips // 4, driver)
        tell(f"{finished(there)} clips done: a node is killed")
        cluster.remove_node(nodes[0], allow_graceful=False)
        until(lambda: finished(there) >= clips // 2, driver)
        tell(f"{finished(there)} clips done: the driver is killed, and started again")
        driver.kill()
        driver.wait()
        kept = {path: path.stat().st_mtime_ns for path in there.rglob("*.summary.json")}
        wait_for(begin(folder, there, lanes, *more))
    again = [path.name for path, time_ns in kept.items() if path.stat().st_mtime_ns != time_ns]
    mine, theirs = checksums(here), checksums(there)
    return {
        "clips": clips,
        "done_before_the_driver_died": len(kept),
        "done_twice": again,
        "files": len(mine),
        "missing": sorted(mine.keys() - theirs.keys()),
        "too_many": sorted(theirs.keys() - mine.keys()),
        "different": sorted(name for name in mine.keys() & theirs.keys() if mine[name] != theirs[name]),
    }


@contextmanager
def three_nodes() -> Iterator[tuple[Any, list[Any]]]:
    """A cluster of Ray on this machine, and its two nodes beside the head."""
    os.environ.update(environment())  # the nodes have it from here
    from ray.cluster_utils import Cluster

    quiet = {"num_cpus": 1, "object_store_memory": 100_000_000}
    cluster = Cluster(initialize_head=True, head_node_args={**quiet, "include_dashboard": False})
    try:
        yield cluster, [cluster.add_node(**quiet) for _ in range(2)]
    finally:
        cluster.shutdown()


def begin(folder: Path, out: Path, lanes: str, *more: str) -> subprocess.Popen[bytes]:
    words = [
        sys.executable,
        "-m",
        "tracker",
        "batch",
        str(folder / "clips"),
        "-o",
        str(out),
        "--lanes",
        lanes,
        *more,
        "-q",
    ]
    return subprocess.Popen(words, env=environment())


def environment() -> dict[str, str]:
    """That of this process, with this copy of the tracker first."""
    before = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([str(ROOT), *([before] if before else [])])
    return os.environ | {"PYTHONPATH": path, "RAY_USAGE_STATS_ENABLED": "0"}


def finished(out: Path) -> int:
    """Clips whose summary stands there, which is the last file that each has."""
    return len(list(out.rglob("*.summary.json")))


def until(true: Callable[[], bool], driver: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not true():
        if driver.poll() is not None:
            sys.exit(f"the driver ended too early, with code {driver.returncode}")
        if time.monotonic() > end:
            driver.kill()
            sys.exit(f"nothing happened for {PATIENCE_S} s")
        time.sleep(0.02)


def wait_for(driver: subprocess.Popen[bytes]) -> None:
    if driver.wait(timeout=PATIENCE_S) != 0:
        sys.exit(f"the driver ended with code {driver.returncode}")


def checksums(out: Path) -> dict[str, str]:
    """Of the files of every clip, by their place in the folder."""
    found = {}
    for path in sorted(each for each in out.rglob("*") if each.is_file()):
        name = path.relative_to(out).as_posix()
        if not name.startswith(OF_THE_BATCH):
            data = path.read_bytes()
            if name.endswith(".summary.json"):
                data = json.dumps(without_times(json.loads(data)), sort_keys=True).encode()
            found[name] = hashlib.sha256(data).hexdigest()
    return found


def without_times(value: Any) -> Any:
    """What a summary says, but for how long it took."""
    if isinstance(value, dict):
        kept = {name: each for name, each in value.items() if name not in TIMES}
        if "fps" in value and "width" in value:  # the source's own rate
            kept["fps"] = value["fps"]
        return {name: without_times(each) for name, each in kept.items()}
    return [without_times(each) for each in value] if isinstance(value, list) else value


def cost(folder: Path, lanes: str, rounds: int) -> dict[str, Any]:
    """Wall times of both engines with two workers, in turns, and the medians of their ratios."""
    engines = {"local": ("--engine", "local", "--jobs", "2"), "ray": ("--engine", "ray", "--jobs", "2")}
    walls: dict[str, list[float]] = {name: [] for name in engines}
    starts = []
    for index in range(rounds):
        for name, words in engines.items():
            began = time.perf_counter()
            wait_for(begin(folder, folder / f"{name}-{index}", lanes, *words))
            walls[name].append(time.perf_counter() - began)
        starts.append(start_s())
    ratios = [ray / local for ray, local in zip(walls["ray"], walls["local"], strict=True)]
    without = [(ray - start) / local for ray, start, local in zip(walls["ray"], starts, walls["local"], strict=True)]
    return {
        "wall_s": walls,
        "start_of_ray_s": starts,
        "ray_over_local": statistics.median(ratios),
        "ray_over_local_without_its_start": statistics.median(without),
    }


def start_s() -> float:
    """How long a Ray of this machine takes to begin and to end."""
    words = "from tracker.engines.ray import RayEngine; list(RayEngine(workers=2).map(abs, [1]))"
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", words], check=True, env=environment())
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
