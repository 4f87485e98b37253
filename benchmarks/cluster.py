"""Does a batch on a cluster come to what it comes to here, whatever dies? And what does Ray cost?

    python benchmarks/cluster.py                          60 drawn clips, three nodes on this machine
    python benchmarks/cluster.py --clips 12 --frames 10
    python benchmarks/cluster.py --cost --rounds 3        Ray beside the pool, without anything that dies

The clips are first done by the local engine. Then a cluster of three nodes of one core each does them: when a quarter is done a node
is killed, when half is done the driver is killed (kill -9) and started again with the same words. Every file of every clip has to be
there, equal by checksum to the local engine's. Of summaries the times are left out (`TIMES`), of the folder what tells of the batch
and not of a clip (`OF_THE_BATCH`). `--cost` runs both engines with two workers each, in turns, over a quarter of the clips and over
all, on an idle machine, and tells the ratio of the seconds that a clip takes, and the start of each.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tracker.synth import WorldOrder, save_world, stream_world

ROOT = Path(__file__).parents[1]
TIMES = ("fps", "ms_per_frame", "once_s")
"""fields of a summary, at any depth under `lanes` too, that tell how long it took"""
OF_THE_BATCH = ("report.html", ".batch")
"""beginnings of names in the folder that are not of a clip"""
SIZE = (96, 64)
FEWER = 4
PATIENCE_S = 300
"""for any one thing that has to happen"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--frames", type=int, default=20, help="of each clip")
    parser.add_argument("--lanes", default="gmm,slots")
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
        world = stream_world("street", WorldOrder(1000 + seed, frames, SIZE, 3))
        save_world(world, video=folder / f"clip-{seed:03}.mp4")


def show(
    folder: Path, lanes: str, *, tell: Callable[[str], None] = lambda line: print(line, file=sys.stderr)
) -> dict[str, Any]:
    """The clips of folder/clips here and on a cluster whose node and driver are killed; what came of it."""
    here, there = folder / "local", folder / "ray"
    wait_for(begin(folder / "clips", here, lanes, "--engine", "local", "--jobs", "2"))
    clips = len(list((folder / "clips").iterdir()))
    tell(f"local engine: {finished(here)} of {clips} clips")
    with three_nodes() as (cluster, nodes):
        more = ("--engine", "ray", "--address", cluster.address)
        driver = begin(folder / "clips", there, lanes, *more)
        until(lambda: finished(there) >= clips // 4, driver)
        tell(f"{finished(there)} clips done: a node is killed")
        cluster.remove_node(nodes[0], allow_graceful=False)
        until(lambda: finished(there) >= clips // 2, driver)
        tell(f"{finished(there)} clips done: the driver is killed, and started again")
        driver.kill()
        driver.wait()
        kept = marks(there)
        wait_for(begin(folder / "clips", there, lanes, *more))
    again = [name for name, time_ns in marks(there).items() if name in kept and kept[name] != time_ns]
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


def begin(source: Path, out: Path, lanes: str, *more: str) -> subprocess.Popen[bytes]:
    words = [
        sys.executable,
        "-m",
        "tracker",
        "batch",
        str(source),
        "-o",
        str(out),
        "--lanes",
        lanes,
        "--masks",
        "png",
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
    """Clips whose mark stands there, which is the last that is written of each."""
    return len(marks(out))


def marks(out: Path) -> dict[str, int]:
    """When each clip's mark was written, by its name."""
    with suppress(FileNotFoundError):
        return {path.name: path.stat().st_mtime_ns for path in (out / ".batch").glob("*.json")}
    return {}


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
    """Wall times of both engines with two workers, over a part of the clips and over all, in turns.

    The difference is what the other clips took; what is left is the start of the engine, its workers and their libraries.
    """
    few = folder / "few"
    every = sorted((folder / "clips").iterdir())
    few.mkdir()
    for path in every[: len(every) // FEWER]:
        shutil.copy(path, few)
    walls: dict[str, list[tuple[float, float]]] = {"local": [], "ray": []}
    for index in range(rounds):
        for engine, times in walls.items():
            words = ("--engine", engine, "--jobs", "2")
            short, long = (
                timed(begin(source, folder / f"{engine}-{source.name}-{index}", lanes, *words))
                for source in (few, folder / "clips")
            )
            times.append((short, long))
    more = len(every) - len(every) // FEWER
    clip_s = {engine: [(long - short) / more for short, long in times] for engine, times in walls.items()}
    ratios = [ray / local for ray, local in zip(clip_s["ray"], clip_s["local"], strict=True)]
    start = {
        engine: [s - len(every) // FEWER * each for (s, _), each in zip(walls[engine], clip_s[engine], strict=True)]
        for engine in walls
    }
    return {
        "wall_s_few_and_all": walls,
        "s_a_clip": {engine: statistics.median(each) for engine, each in clip_s.items()},
        "start_s": {engine: statistics.median(each) for engine, each in start.items()},
        "ray_over_local_a_clip": statistics.median(ratios),
    }


def timed(driver: subprocess.Popen[bytes]) -> float:
    """Seconds until it ends, which has just begun."""
    began = time.perf_counter()
    wait_for(driver)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
