"""What does the overlay's picture cost, in ms of CPU a frame, against the size of the frame and the number of objects?

    python benchmarks/drawing.py

Drawn: masks of a lane that works at 640 pixels, outlines, boxes, tags, trails of 40 frames, every eighth object hidden, an
inset. From the planes of a decoded video, and from RGB, which is converted for the encoder. x264 itself is not in it.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from tracker.draw import Overlay, OverlaySettings
from tracker.picture import Picture
from tracker.sources import open_source
from tracker.types import SMALL_PX, Box, Frame, Moment, Region, Segmentation, Track, View

SIZES = ((1280, 720), (1920, 1080))
OBJECTS = (0, 1, 10, 50, 200)
FRAMES = 60


def make_clip(path: Path, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    image = cv2.resize(rng.integers(0, 255, (45, 80, 3), np.uint8), size)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for _ in range(FRAMES):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))


def make_view(frame: Frame, lane: str, objects: int) -> View:
    """People of a tenth of the frame's height up to ten of them, then smaller, so that they still find room."""
    width, height = frame.size
    labels = np.zeros((SMALL_PX * height // width, SMALL_PX), np.int32)
    rng, scale, small = np.random.default_rng(1), width / SMALL_PX, min(1.0, (10 / max(objects, 1)) ** 0.5)
    tracks, regions = [], []
    for label in range(1, objects + 1):
        x = rng.uniform(0.1, 0.9) * SMALL_PX + rng.uniform(-2, 2) * frame.index
        y = rng.uniform(0.2, 0.8) * labels.shape[0] + rng.uniform(-0.4, 0.4) * frame.index
        half = np.array([0.025, 0.08]) * labels.shape[0] * small
        box = Box(*(scale * np.array([x - half[0], y - half[1], x + half[0], y + half[1]])).tolist())
        hidden = label % 8 == 0
        if not hidden:
            cv2.ellipse(labels, (round(x), round(y)), half.round().astype(int).tolist(), 0, 0, 360, label, -1)
            regions.append(Region(label, box, 1.0))
        tracks.append(Track(label, box, 1.0, 0 if hidden else label, hidden=hidden))
    return View(lane, Segmentation(labels, tuple(regions), labels > 0, frame.size), tuple(tracks))


def cost_ms(moments: list[Moment], work: Callable[[Moment], object]) -> float:
    """Median over the second half, when trails have their length."""
    spent = []
    for moment in moments:
        begin = time.thread_time()
        work(moment)
        spent.append(1e3 * (time.thread_time() - begin))
    return statistics.median(spent[len(spent) // 2 :])


def measure(clip: Path, objects: int) -> tuple[float, float, float]:
    """Drawn on planes; drawn on RGB; RGB to YUV."""
    with open_source(str(clip)) as source:
        moments = [
            Moment(frame, tuple(make_view(frame, lane, objects) for lane in ("slots", "gmm"))) for frame in source
        ]
    overlay = Overlay(OverlaySettings(), lanes=["slots", "gmm"])
    planar = cost_ms(moments, overlay.for_video)
    image = moments[0].frame.image.copy()
    in_rgb = [Moment(Frame(m.frame.index, m.frame.time_s, Picture.of(image)), m.views) for m in moments]
    overlay, reformatter = Overlay(OverlaySettings(), lanes=["slots", "gmm"]), VideoReformatter()

    def convert(_: Moment) -> object:
        given = av.VideoFrame.from_numpy_buffer(image, format="rgb24")
        return reformatter.reformat(given, format="yuv420p", interpolation="AREA", threads=1)  # threads are not counted

    return planar, cost_ms(in_rgb, overlay), cost_ms(in_rgb, convert)


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    cv2.setNumThreads(1)
    print(f"{'frame':>10}{'objects':>9}{'on planes':>11}{'on RGB':>9}{'RGB to YUV':>12}")
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            clip = Path(folder) / f"{size[0]}.mp4"
            make_clip(clip, size)
            for objects in OBJECTS:
                planar, rgb, converted = measure(clip, objects)
                print(f"{size[0]:>5}x{size[1]:<4}{objects:>9}{planar:>11.2f}{rgb:>9.2f}{converted:>12.2f}")


if __name__ == "__main__":
    main()
