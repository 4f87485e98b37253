"""What does lane slots cost by itself, in processor time a frame, and how does that grow with pixels and objects?

    python benchmarks/lane_cost.py                                     320x240 and 640x360, 10 objects
    python benchmarks/lane_cost.py --sizes 640x360 --objects 0,10,20,40,64,200
    python benchmarks/lane_cost.py --lane gmm -o cost.json
    python benchmarks/lane_cost.py --objects 200 --set slots.max_slots=256

One thread of OpenCV and of torch, frames drawn before the clock runs: so many boxes on a textured ground, each in a place of its own
(`movers.py`). Objects found are those that the lane had on average. The median and the mean are over frames, the first second left out;
then a model of all points: so much by itself, for each megapixel and for each object.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from movers import FPS, Movers

from tracker.build import build_lanes
from tracker.settings import load_settings

PREPARED = 40
"""pictures of the empty scene that the lane begins with"""


@dataclass(frozen=True)
class Point:
    """One measurement."""

    lane: str
    device: str
    size: tuple[int, int]
    asked: int
    found: float
    """objects that the lane had, mean over frames"""
    median_ms: float
    mean_ms: float
    """a frame, by the clock that was asked for: processor time, or wall time where a GPU works"""


def measure(
    lane: str,
    size: tuple[int, int],
    objects: int,
    frames: int,
    *,
    device: str = "cpu",
    changes: Sequence[str] = (),
    clock: Callable[[], float] = time.process_time,
) -> Point:
    movers = Movers(objects, size)
    built = build_lanes(load_settings(overrides=[f"lanes=[{lane}]", f"device={device}", *changes]))[0]
    built.segmenter.prepare(movers.empty(PREPARED))
    clip = list(movers.frames(frames))
    ms, found = [], []
    for frame in clip:
        began = clock()
        view = built.step(frame)
        ms.append(1000 * (clock() - began))
        found.append(len(view.tracks))
    first = min(round(FPS), frames // 2)
    return Point(
        lane,
        device,
        size,
        objects,
        float(np.mean(found[first:])),
        statistics.median(ms[first:]),
        float(np.mean(ms[first:])),
    )


def one_thread() -> None:
    cv2.setNumThreads(1)
    import torch

    torch.set_num_threads(1)


@dataclass(frozen=True)
class Model:
    """Milliseconds a frame = base + mega * megapixels + each * objects; of one size, `mega` is 0."""

    base: float
    mega: float
    each: float

    def ms(self, point: Point) -> float:
        """What it predicts."""
        return self.base + self.mega * _megapixels(point) + self.each * point.found


def fit(points: Sequence[Point]) -> Model | None:
    """Least squares over relative errors of the means; None if there are too few different points."""
    pixels, found = [_megapixels(p) for p in points], [p.found for p in points]
    columns = [np.ones(len(points)), np.array(pixels) * (len(set(pixels)) > 1), np.array(found)]
    means = np.array([p.mean_ms for p in points])
    wanted = 2 + (len(set(pixels)) > 1)
    scaled = np.stack(columns, 1) / means[:, None]
    if len(points) < wanted or np.linalg.matrix_rank(scaled) < wanted:
        return None
    return Model(*np.linalg.lstsq(scaled, np.ones(len(points)), rcond=None)[0].tolist())


def _megapixels(point: Point) -> float:
    return point.size[0] * point.size[1] / 1e6


def tell(model: Model, points: Sequence[Point]) -> None:
    """Print the model, and what it predicts of each point."""
    print(f"model: {model.base:.2f} ms + {model.mega:.2f} ms a megapixel + {model.each:.3f} ms an object")
    for point in points:
        predicted, (width, height) = model.ms(point), point.size
        error = predicted / point.mean_ms - 1
        print(
            f"  {width}x{height}, {point.found:.1f} objects: {point.mean_ms:.2f} ms, predicted {predicted:.2f} ({error:+.0%})"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lane", default="slots")
    parser.add_argument("--sizes", default="320x240,640x360")
    parser.add_argument("--objects", default="10")
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--set", dest="changes", action="append", default=[], metavar="KEY=VALUE", help="one setting")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="as JSON too")
    asked = parser.parse_args()
    one_thread()
    points: list[Point] = []
    print(f"{'lane':8}{'size':>11}{'objects':>9}{'found':>8}{'median ms':>11}{'mean ms':>9}")
    for size in asked.sizes.split(","):
        width, height = map(int, size.split("x"))
        for objects in map(int, asked.objects.split(",")):
            point = measure(asked.lane, (width, height), objects, asked.frames, changes=asked.changes)
            points.append(point)
            print(
                f"{point.lane:8}{size:>11}{objects:9}{point.found:8.1f}{point.median_ms:11.2f}{point.mean_ms:9.2f}",
                flush=True,
            )
    model = fit(points)
    if model is not None:
        tell(model, points)
    if asked.output:
        written = {"points": [asdict(p) for p in points], "model": model and asdict(model)}
        asked.output.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
