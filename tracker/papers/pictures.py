"""The papers' figures: who owns which pixel, what each component foretells, roll-outs, and curves of scores."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from tracker.errors import MissingExtraError
from tracker.papers.cells import Cell
from tracker.papers.evaluation import show
from tracker.papers.settings import ExperimentSettings, TestSettings
from tracker.papers.unroll import Inputs, Unrolled
from tracker.papers.worlds import Clips
from tracker.picture import Picture
from tracker.sinks.ours import MARK, marked_png
from tracker.sinks.outputs import write_output, writing
from tracker.sinks.results import replacing
from tracker.sinks.settings import VideoSettings
from tracker.sinks.video import OverlayVideo
from tracker.types import Frame, Image, Moment

COLOURS = np.array(
    [(0, 114, 178), (230, 159, 0), (0, 158, 115), (204, 121, 167), (213, 94, 0), (86, 180, 233), (240, 228, 66), (150, 150, 150)],
    np.float32,
)  # fmt: skip
"""of components, in order: Okabe and Ito's, which the colour-blind can tell apart"""
TILE_PX = 84
"""a small picture is enlarged to at least this side"""
GAP_PX = 3
UNLIT = 0.35
"""brightness of an owner's colour where the picture is black"""
FILMED, FILM_FPS = 3, 8.0
"""clips in a roll-out's film"""
CLIPS, COLUMNS = 6, 10
"""clips in a picture of groupings; frames in one of steps"""


def owners(gamma: Tensor, frame: Tensor) -> Image:
    """Each component's colour by its share of the pixel, brighter where the frame is: gamma (K, 1, H, W), frame (1, H, W)."""
    colours = COLOURS[np.arange(len(gamma)) % len(COLOURS)]
    mixed = np.einsum("khw,kc->hwc", gamma[:, 0].float().numpy(), colours)
    light = UNLIT + (1 - UNLIT) * frame[0].float().numpy()[..., None]
    return np.asarray(np.clip(mixed * light, 0, 255), np.uint8)


def grey(picture: Tensor) -> Image:
    """(1, H, W) in [0, 1]."""
    level = np.clip(picture[0].float().numpy() * 255, 0, 255).astype(np.uint8)
    return np.repeat(level[..., None], 3, axis=2)


def sheet(rows: Sequence[Sequence[Image]]) -> Image:
    """Rows of equal pictures as one, enlarged without smoothing, white between them."""
    height, width = rows[0][0].shape[:2]
    times = -(-TILE_PX // max(height, width))
    step_y, step_x = height * times + GAP_PX, width * times + GAP_PX
    whole = np.full((step_y * len(rows) + GAP_PX, step_x * max(map(len, rows)) + GAP_PX, 3), 255, np.uint8)
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            large = picture.repeat(times, axis=0).repeat(times, axis=1)
            top, left = y * step_y + GAP_PX, x * step_x + GAP_PX
            whole[top : top + height * times, left : left + width * times] = large
    return whole


def groupings(cells: Sequence[tuple[Cell, ExperimentSettings]], test: str, *, seed: int) -> Image:
    """Top: the last frames of some clips; below, for each cell, the owners. All cells see the same clips."""
    rows: list[list[Image]] = []
    for cell, settings in cells:
        run, _, clips = _shown(cell, settings, test, clips=CLIPS, seed=seed)
        if not rows:
            rows.append([grey(clips.frames[n, -1]) for n in range(CLIPS)])
        rows.append([owners(run.gamma[-1, n], clips.frames[n, -1]) for n in range(CLIPS)])
    return sheet(rows)


def steps(cell: Cell, settings: ExperimentSettings, test: str, *, seed: int) -> Image:
    """One clip over its steps: frame, noisy input, owners, and a row for each component's psi."""
    run, inputs, clips = _shown(cell, settings, test, clips=1, seed=seed)
    chosen = np.unique(np.linspace(0, len(run.psi) - 1, COLUMNS).round().astype(int))
    rows = [
        [grey(clips.frames[0, t + 1]) for t in chosen],
        [grey(inputs.noisy[0, t]) for t in chosen],
        [owners(run.gamma[t, 0], clips.frames[0, t + 1]) for t in chosen],
    ]
    rows += [[grey(run.psi[t, 0, k]) for t in chosen] for k in range(run.psi.shape[2])]
    return sheet(rows)


def rollout(cells: Sequence[tuple[Cell, ExperimentSettings]], test: str, *, seed: int) -> Image:
    """Top: what happened; below, for each cell, its prediction of the next frame in its owners' colours."""
    rows: list[list[Image]] = []
    for cell, settings in cells:
        run, _, clips = _shown(cell, settings, test, clips=1, seed=seed)
        watched = settings.tests[test].watched or 0
        chosen = np.unique(np.linspace(max(0, watched - 3), len(run.psi) - 1, COLUMNS).round().astype(int))
        if not rows:
            rows.append([grey(clips.frames[0, t + 1]) for t in chosen])
        rows.append([owners(run.gamma[t, 0], (run.gamma[t, 0] * run.psi[t, 0]).sum(0)) for t in chosen])
    return sheet(rows)


def rollout_film(cells: Sequence[tuple[Cell, ExperimentSettings]], test: str, *, seed: int) -> list[Image]:
    """The roll-out of some clips, frame by frame: a clip a row, what happened on the left, then each cell's prediction.

    A line above is blue while they see the frames and orange while they dream.
    """
    columns: list[list[list[Image]]] = []  # [cell][clip][t]
    watched = 0
    for cell, settings in cells:
        run, _, clips = _shown(cell, settings, test, clips=FILMED, seed=seed)
        watched = settings.tests[test].watched or len(run.psi)
        times = range(len(run.psi))
        if not columns:
            columns.append([[grey(clips.frames[n, t + 1]) for t in times] for n in range(FILMED)])
        dreamt = (run.gamma * run.psi).sum(2)
        columns.append([[owners(run.gamma[t, n], dreamt[t, n]) for t in times] for n in range(FILMED)])
    film = []
    for t in range(len(columns[0][0])):
        picture = sheet([[column[n][t] for column in columns] for n in range(FILMED)])
        picture[:GAP_PX] = COLOURS[0 if t < watched else 1]
        film.append(picture)
    return film


def write_film(film: Sequence[Image], path: Path) -> None:
    """As MP4. Raises SinkError if it cannot be written."""
    settings = VideoSettings(crf=18)
    with replacing(path) as output:
        video = OverlayVideo(output, render=lambda moment: moment.frame.image, fps=FILM_FPS, settings=settings)
        for t, picture in enumerate(film):
            video.write(Moment(Frame(t, t / FILM_FPS, Picture.of(picture)), ()))
        video.close("complete")


def _shown(
    cell: Cell, settings: ExperimentSettings, test: str, *, clips: int, seed: int
) -> tuple[Unrolled, Inputs, Clips]:
    device = torch.device("cpu")
    wanted = settings.tests.get(test, TestSettings())
    return show(cell, settings, wanted, clips=clips, seed=seed, number=0, split="test", device=device)


def write_picture(picture: Image, path: Path) -> None:
    """As PNG. Raises SinkError if it cannot be written."""
    with replacing(path) as output:
        write_output(output, marked_png(cv2.imencode(".png", picture[..., ::-1])[1].tobytes()))


def check_matplotlib() -> None:
    """Raises MissingExtraError without matplotlib."""
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError("figures of scores need matplotlib; install it: pip install 'rnnem-tracker[papers]'")


def write_curves(
    curves: Mapping[str, Mapping[int, float]], path: Path, *, across: str, up: str, mark: int | None = None
) -> None:
    """Curves by name, points by place, as PNG. mark: a dashed line there. Raises MissingExtraError without matplotlib."""
    check_matplotlib()
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import MaxNLocator

    figure, axes = pyplot.subplots(figsize=(6, 3.6), layout="constrained")
    for number, (name, points) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)] / 255
        axes.plot(
            list(points), list(points.values()), label=name, color=colour, marker="o" if len(points) < 10 else None
        )
    if mark is not None:
        axes.axvline(mark, color="0.6", linestyle="--", linewidth=1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel=across, ylabel=up)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    with replacing(path) as output:
        with writing(path):
            figure.savefig(output.part, dpi=110, metadata={"Software": MARK})
        output.finish()
    pyplot.close(figure)
