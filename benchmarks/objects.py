"""What one more object costs lane slots: CPU milliseconds a frame against how many objects there are.

python benchmarks/objects.py [--size 640x360] [--counts 10,20,40] [--frames 60]

Objects are drawn on a textured ground and move straight, from border to border. One thread; medians over frames, so that a busy
machine does little harm. The network of the foreground takes the same time whatever there is; `rest` is the lane without it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np

from tracker.build import build_lanes
from tracker.picture import Picture
from tracker.settings import load_settings
from tracker.slots.segmenter import SlotsSegmenter
from tracker.types import Frame, Image

COUNTS = (10, 20, 40, 64, 128, 200)
FITTED_TO = 64
"""objects up to which the slope is fitted"""
WARM_UP = 20
"""frames until all objects have slots"""
BORDER_PX = 15
"""objects turn back so far from the border"""


def draw(count: int, size: tuple[int, int], frames: int, *, seed: int = 0) -> Iterator[Image]:
    """The empty ground, then `frames` pictures of so many ellipses, each of two colours."""
    rng = np.random.default_rng(seed)
    width, height = size
    coarse = rng.integers(60, 180, (height // 12 + 1, width // 12 + 1, 3)).astype(np.uint8)
    ground = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    yield ground
    extent = np.stack([rng.uniform(8, 14, count), rng.uniform(16, 28, count)], 1)
    columns = int(np.ceil(np.sqrt(count * width / height)))
    rows = int(np.ceil(count / columns))
    cells = rng.permutation(columns * rows)[:count]
    place = (np.stack([cells % columns, cells // columns], 1) + 0.5) * (width / columns, height / rows)
    angle = rng.uniform(0, 2 * np.pi, count)
    velocity = np.stack([np.cos(angle), 0.4 * np.sin(angle)], 1) * rng.uniform(0.5, 2, (count, 1))
    colours = rng.integers(0, 256, (count, 2, 3)).tolist()
    for _ in range(frames):
        picture = ground.copy()
        for k in np.argsort(place[:, 1]):
            (x, y), (w, h) = place[k], extent[k]
            for colour, middle in zip(colours[k], (y - h / 4, y + h / 4), strict=True):
                cv2.ellipse(picture, (round(x), round(middle)), (round(w / 2), round(h * 0.28)), 0, 0, 360, colour, -1)
        noise = rng.integers(-3, 4, picture.shape, dtype=np.int16)
        yield np.clip(picture + noise, 0, 255).astype(np.uint8)
        place = place + velocity
        outwards = (place < BORDER_PX) & (velocity < 0) | (place > np.subtract(size, BORDER_PX)) & (velocity > 0)
        velocity = np.where(outwards, -velocity, velocity)


class Clock:
    """CPU milliseconds of this thread in calls of a method."""

    def __init__(self, owner: Any, method: str) -> None:
        self.call: Callable[..., Any] = getattr(owner, method)
        self.ms = 0.0
        setattr(owner, method, self)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        start = time.thread_time()
        try:
            return self.call(*arguments, **named)
        finally:
            self.ms += 1000 * (time.thread_time() - start)


def measure(count: int, size: tuple[int, int], frames: int) -> tuple[float, float, float]:
    """Medians over frames: CPU ms of the lane, of the lane without the scene's share, and slots."""
    (lane,) = build_lanes(load_settings(overrides=["lanes=[slots]", f"slots.max_slots={2 * count}"]))
    segmenter = lane.segmenter
    assert isinstance(segmenter, SlotsSegmenter)
    ground, *pictures = draw(count, size, frames, seed=count)
    segmenter.prepare([ground] * 3)
    whole = Clock(segmenter, "step")
    scene = [Clock(segmenter.scene, name) for name in ("judge", "learn")]
    rows = []
    for n, picture in enumerate(pictures):
        for clock in (whole, *scene):
            clock.ms = 0.0
        segmentation = whole(Frame(n, n / 25, Picture.of(picture)))
        rows.append((whole.ms, whole.ms - sum(clock.ms for clock in scene), len(segmentation.regions)))
    in_all, rest, slots = np.median(rows[WARM_UP:], axis=0).tolist()
    return in_all, rest, slots


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="640x360", help="of the clip")
    parser.add_argument("--counts", default=",".join(map(str, COUNTS)), help="objects")
    parser.add_argument("--frames", type=int, default=60, help=f"of each clip, above {WARM_UP}")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    width, height = (int(side) for side in asked.size.split("x"))
    print("objects  found  CPU ms a frame   rest")
    table = []
    for count in (int(part) for part in asked.counts.split(",")):
        in_all, rest, found = measure(count, (width, height), asked.frames)
        table.append((found, in_all))
        print(f"{count:7d}  {found:5.0f}  {in_all:14.1f}  {rest:5.1f}", flush=True)
    few = np.array([row for row in table if row[0] <= FITTED_TO])
    if len(few) > 1:
        slope, start = np.polyfit(few[:, 0], few[:, 1], 1)
        print(f"one more object, up to {FITTED_TO}: {slope:.3f} ms a frame; none: {start:.1f} ms")


if __name__ == "__main__":
    main()
