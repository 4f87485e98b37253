"""A drawn world as files: the clip, and its truth in the form in which truths are read."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from tracker.sinks import OverlayVideo, VideoSettings, check_outputs, part_path
from tracker.sinks.outputs import settle, writing
from tracker.types import Frame, Moment
from tracker.worlds import Clip, StreetSettings, draw_street

SCORED_FROM = 0.1
"""An object of which less than this share can be seen is written with confidence 0: nobody is asked to find it."""


def draw_world(
    world: str, *, seed: int, frames: int, size: tuple[int, int], objects: int | None, fps: float = 25.0
) -> Clip:
    """Draw one of WORLDS; `size` is (width, height), `objects` how many at a time, None for its own."""
    return WORLDS[world](seed, frames, size, objects, fps)


def _street(seed: int, frames: int, size: tuple[int, int], objects: int | None, fps: float) -> Clip:
    settings = StreetSettings(width=size[0], height=size[1], frames=frames, fps=fps)
    if objects is not None:
        settings = settings.model_copy(update={"objects": (objects, objects)})
    return draw_street(settings, seed=seed)


WORLDS: dict[str, Callable[[int, int, tuple[int, int], int | None, float], Clip]] = {"street": _street}
"""Every world that can be drawn to files, by its name."""


def save_clip(clip: Clip, *, video: Path, truth: Path | None = None, overwrite: bool = False) -> None:
    """Write the clip as MP4 and its truth as a folder: gt.txt (MOTChallenge) and masks/000001.png (pixel = identity).

    Raises SinkError if something exists and `overwrite` is false, or cannot be written.
    """
    check_outputs([video], folders=[] if truth is None else [truth], overwrite=overwrite)
    sink = OverlayVideo(video, render=lambda moment: moment.frame.image, fps=clip.fps, settings=VideoSettings(crf=16))
    for t, image in enumerate(clip.images):
        sink.write(Moment(Frame(t, t / clip.fps, image), ()))
    sink.close("complete")
    if truth is not None:
        _save_truth(clip, truth)


def _save_truth(clip: Clip, folder: Path) -> None:
    part = part_path(folder)
    rows = (
        f"{t + 1},{item.id},{item.box.x0:.2f},{item.box.y0:.2f},{item.box.width:.2f},{item.box.height:.2f},"
        f"{int(item.visible >= SCORED_FROM)},1,{item.visible:.3f}\n"
        for t, boxes in enumerate(clip.boxes)
        for item in boxes
    )
    with writing(folder):
        shutil.rmtree(part, ignore_errors=True)
        (part / "masks").mkdir(parents=True)
        (part / "gt.txt").write_text("".join(rows), encoding="utf-8")
        for t, labels in enumerate(clip.labels):
            small = labels.astype(np.uint8) if labels.max() <= 255 else labels
            (part / "masks" / f"{t + 1:06d}.png").write_bytes(cv2.imencode(".png", small)[1].tobytes())
    settle(folder)
