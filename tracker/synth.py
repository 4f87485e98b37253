"""A drawn world as files: the clip, and its truth in the form in which truths are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from tracker.errors import SettingsError, SinkError
from tracker.picture import Picture
from tracker.pipeline import Progress
from tracker.sinks import Output, OverlayVideo, Results, VideoSettings
from tracker.sinks.ours import marked_png
from tracker.sinks.outputs import write_inside, writing
from tracker.types import Frame, Moment
from tracker.worlds import (
    SITUATIONS,
    DrawnFrame,
    MotSettings,
    StreetSettings,
    read_digits,
    stream_mot,
    stream_situation,
    stream_street,
)

SCORED_FROM = 0.1
"""An object of which less than this share can be seen is written with confidence 0: nobody is asked to find it."""

CRF, MOT_CRF = 16, 1
"""x264's constant quality of a street, and of the mot worlds: 1 is without loss but for the colours' half resolution"""

STREET_SIZE = (480, 360)
FRAMES = 200
"""of a world without a length of its own"""


@dataclass(frozen=True)
class WorldOrder:
    """What is to be drawn."""

    seed: int = 0
    frames: int | None = None
    """None for the world's own: 200, or what a situation takes"""
    size: tuple[int, int] | None = None
    """(width, height); None for the world's own"""
    objects: int | None = None
    """how many at a time; None for the world's own"""
    fps: float = 25.0
    digits: Path | None = None
    """MNIST's pictures; None for scikit-learn's digits"""


@dataclass(frozen=True)
class World:
    """A world as it is drawn: frame by frame, so that a long one needs no memory."""

    frames: Iterator[DrawnFrame]
    fps: float
    scored_from: float = SCORED_FROM
    """an object of which less than this share can be seen is not asked for"""
    crf: int = CRF
    """x264's constant quality that fits it"""


def stream_world(world: str, order: WorldOrder) -> World:
    """Draw one of WORLDS frame by frame.

    Raises SettingsError for a size, length or number that a world cannot have, and what `read_digits` raises.
    """
    if order.digits is not None and world != "mnist-mot":
        raise SettingsError(f"{world}: has no digits; --digits is for mnist-mot, leave it out")
    return WORLDS[world](order)


def _street_of(order: WorldOrder) -> StreetSettings:
    width, height = order.size or STREET_SIZE
    given = {} if order.objects is None else {"objects": (order.objects, order.objects)}
    return StreetSettings(width=width, height=height, frames=order.frames or FRAMES, fps=order.fps, **given)


def _street(order: WorldOrder) -> World:
    return World(stream_street(_street_of(order), seed=order.seed), order.fps)


def _mot(order: WorldOrder, *, world: Literal["digits", "sprites"]) -> World:
    """Hidden or not, every object is asked for: so it was when the published scores were taken."""
    if order.size is not None:
        raise SettingsError("this world has a size of its own, 128x128; leave --size out")
    settings = MotSettings(world=world, frames=order.frames or FRAMES, fps=order.fps)
    if order.objects is not None:
        settings = settings.model_copy(update={"objects": order.objects})
    digits = read_digits(order.digits) if world == "digits" else None
    return World(stream_mot(settings, seed=order.seed, digits=digits), order.fps, scored_from=0.0, crf=MOT_CRF)


def _situation(order: WorldOrder, *, name: str) -> World:
    drawn = stream_situation(
        name, seed=order.seed, frames=order.frames, size=order.size, objects=order.objects, fps=order.fps
    )
    return World(drawn, order.fps)


WORLDS: dict[str, Callable[[WorldOrder], World]] = {
    "street": _street,
    "mnist-mot": partial(_mot, world="digits"),
    "sprites-mot": partial(_mot, world="sprites"),
    **{name: partial(_situation, name=name) for name in SITUATIONS},
}
"""Every world that can be drawn to files, by its name."""


def save_world(
    world: World,
    *,
    video: Path,
    truth: Path | None = None,
    digits: Path | None = None,
    overwrite: bool = False,
    crf: int | None = None,
    notify: Callable[[str], None] = lambda line: None,
    progress: Progress | None = None,
) -> int:
    """Write a world as MP4 and its truth as a folder: gt.txt (MOTChallenge) and masks/000001.png (pixel = identity).

    Returns how many frames were written.

    digits  the pictures that it is drawn from; never replaced
    crf     x264's constant quality, lower is better and larger; None: the world's own

    notify  told of what a run that was killed had left
    progress  called after each frame

    Raises SinkError if something exists and `overwrite` is false, or cannot be written.
    """
    results = Results(
        [video],
        folders=[] if truth is None else [truth],
        inputs=[] if digits is None else [digits],
        overwrite=overwrite,
    )
    results.check()
    with results:
        results.claim()
        if results.recovered:
            notify(results.recovered_line)
        film = OverlayVideo(
            results.output(video), render=lambda moment: moment.frame.image, fps=world.fps,
            settings=VideoSettings(crf=crf or world.crf),
        )  # fmt: skip
        answer = None if truth is None else _TruthFolder(results.output(truth), scored_from=world.scored_from)
        try:
            count = _write(world, film, answer, progress)
            results.commit()
        except BaseException:  # half of a drawn clip is worth nothing: it can be drawn again
            with suppress(SinkError):
                film.close("failed")
            with suppress(SinkError):
                results.discard()
            raise
    return count


def _write(world: World, film: OverlayVideo, answer: _TruthFolder | None, progress: Progress | None) -> int:
    """Write every frame to both, and close them; returns how many there were."""
    count = 0
    for t, drawn in enumerate(world.frames):
        film.write(Moment(Frame(t, t / world.fps, Picture.of(drawn.image)), ()))
        count = t + 1
        if answer is not None:
            answer.write(t, drawn)
        if progress is not None:
            progress(count, None, stage="drawing")
    film.close("complete")
    if answer is not None:
        answer.close()
    return count


class _TruthFolder:
    """gt.txt and masks, written as the frames come; under their name once they are whole."""

    def __init__(self, output: Output, *, scored_from: float) -> None:
        self._output, self._scored_from = output, scored_from
        with writing(output.path):
            (output.part / "masks").mkdir(parents=True)

    def write(self, t: int, drawn: DrawnFrame) -> None:
        rows = []
        for item in drawn.boxes:
            x, y, w, h = item.box.x0, item.box.y0, item.box.width, item.box.height
            asked = int(item.visible >= self._scored_from)
            rows.append(f"{t + 1},{item.id},{x:.2f},{y:.2f},{w:.2f},{h:.2f},{asked},1,{item.visible:.3f}\n")
        with writing(self._output.path), (self._output.part / "gt.txt").open("a", encoding="utf-8") as table:
            table.writelines(rows)
        labels = drawn.labels
        small = labels.astype(np.uint8) if labels.max() <= 255 else labels
        write_inside(self._output, f"masks/{t + 1:06d}.png", marked_png(cv2.imencode(".png", small)[1].tobytes()))

    def close(self) -> None:
        self._output.finish()
