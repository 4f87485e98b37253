"""How fast is `tracker process`, with both lanes and the overlay, beside decoding and encoding alone?

    python benchmarks/speed.py                       drawn streets at 480x360 and 1280x720
    python benchmarks/speed.py clip.mp4 --rounds 5

The two are measured in turns, in processes of their own, so that a busy machine slows both; the ratio is what lasts.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

SIZES = ((480, 360), (1280, 720))


def work(clip: str, output: Path, lanes: list[str]) -> dict[str, object]:
    """One run, in this process: no lanes is decode, draw nothing, encode."""
    import resource

    from tracker.jobs.job import Job
    from tracker.pipeline import run
    from tracker.settings import RunSettings
    from tracker.sinks import OverlayVideo, replacing
    from tracker.sources import open_source

    if lanes:
        from tracker.jobs.job import process

        settings = RunSettings(lanes=tuple(lanes))
        report = process(Job(clip, output, overwrite=True), settings).report
    else:
        source = open_source(clip)
        with replacing(output) as written:
            sink = OverlayVideo(
                written, render=lambda m: m.frame.image, fps=source.info.fps, settings=RunSettings().video
            )
            report = run(source, [], [sink])
        source.close()
    unit = 1 if sys.platform == "darwin" else 1024
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    wall_s = report.seconds["total"] + report.seconds["close"]
    return {"frames": report.frames, "fps": report.frames / wall_s, "ms": report.mean_ms, "peak_mb": peak_mb}


def in_its_own_process(clip: str, output: Path, lanes: list[str]) -> dict[str, object]:
    asked = [sys.executable, __file__, clip, "--work", str(output), "--lanes", ",".join(lanes)]
    return json.loads(subprocess.run(asked, check=True, capture_output=True, text=True).stdout)


def measure(clip: str, lanes: list[str], rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        alone, both = [], []
        for _ in range(rounds):
            alone.append(in_its_own_process(clip, Path(folder) / "alone.mp4", []))
            both.append(in_its_own_process(clip, Path(folder) / "both.mp4", lanes))
    alone_fps = [run["fps"] for run in alone]
    both_fps = [run["fps"] for run in both]
    ratio = statistics.median(b / a for a, b in zip(alone_fps, both_fps, strict=True))
    spread = f"{min(both_fps):.1f} to {max(both_fps):.1f}"
    print(f"{clip}: {both[0]['frames']} frames, {rounds} rounds")
    print(f"  process, lanes {' and '.join(lanes)}: {statistics.median(both_fps):7.1f} fps ({spread})")
    print(f"  decode and encode alone:   {statistics.median(alone_fps):7.1f} fps; ratio {ratio:.2f}")
    print(f"  peak memory {max(run['peak_mb'] for run in both):.0f} MB")
    for stage, _ in both[-1]["ms"].items():
        print(f"    {stage:24} {statistics.median(run['ms'][stage] for run in both):7.2f} ms a frame")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", help="clips; none: drawn streets")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=150, help="of a drawn street")
    parser.add_argument("--lanes", default="gmm,slots")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    lanes = [lane for lane in asked.lanes.split(",") if lane]
    if asked.work:
        print(json.dumps(work(asked.clips[0], asked.work, lanes)))
        return
    if asked.clips:
        for clip in asked.clips:
            measure(clip, lanes, asked.rounds)
        return
    from tracker.synth import Order, save_world, stream_world

    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            path = Path(folder) / f"street-{size[0]}x{size[1]}.mp4"
            save_world(stream_world("street", Order(seed=1, frames=asked.frames, size=size)), video=path)
            measure(str(path), lanes, asked.rounds)


if __name__ == "__main__":
    main()
